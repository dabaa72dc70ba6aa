"""``OruxGenerateImageOperator``: images from one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_orux.operators.arguments import model_spec, spec_of
from airflow_provider_orux.operators.base import OruxOperator

if TYPE_CHECKING:
    from airflow_provider_orux.models.requests import GenerationRequest


class OruxModelOperator(OruxOperator):
    """What the operators for any model share.

    :param model: the model's id, like ``gpt-image-2`` (templated).
    :param prompt: what to make (templated).
    :param options: the model's other fields, like ``{"size": "1536x1024", "n": 2}`` (templated). Values known
        at parse time are checked then.
    :param request: one typed request instead, like ``GptImage2(prompt="…")``; ``CustomRequest(name=…, body={…})`` for a
        model whose fields this version does not know (all of Orux AI's video models).
    """

    template_fields: Sequence[str] = ("model", "prompt", "options", "request", *OruxOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "options": "json",
        "request": "json",
        **OruxOperator.template_fields_renderers,
    }

    def __init__(
        self,
        *,
        model: str | None = None,
        prompt: str | None = None,
        options: Mapping[str, Any] | None = None,
        request: GenerationRequest | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.prompt = prompt
        self.options = options
        self.request = spec_of(request)
        self.check_arguments()

    def request_spec(self) -> dict[str, Any]:
        """Model and fields, from ``request`` or from ``model``, ``prompt`` and ``options``."""
        return model_spec(
            model=self.model,
            prompt=self.prompt,
            options=self.options,
            request=self.request,
            extra_body=self.extra_body,
        )


class OruxGenerateImageOperator(OruxModelOperator):
    """Generate images with any image model of the connection's gateway.

    If ``deferrable``, the task uses the gateway's asynchronous route, if there is one, and no worker waits; the
    connection's ``route`` overrides that. A synchronous call holds the worker until the image is made, for at most
    the connection's ``generate_timeout``.

    :raises InvalidRequestError: a field is wrong; the message names it, the allowed values and the nearest right name.
    """
