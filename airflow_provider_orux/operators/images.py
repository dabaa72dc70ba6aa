"""``OruxGenerateImageOperator``: pictures from one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_orux.operators.paid import PaidOperator
from airflow_provider_orux.operators.specs import spec_of

if TYPE_CHECKING:
    from airflow_provider_orux.models.requests import GenerationRequest


class OruxGenerateImageOperator(PaidOperator):
    """Generate pictures with any image model of the connection's gateway.

    Where the gateway has an asynchronous way it is taken when ``deferrable``, and no worker waits; ``route`` of the
    connection chooses otherwise. A synchronous call holds the worker until the picture is made, for at most the
    connection's ``generate_timeout``.

    :param model: the model's id, like ``gpt-image-2`` (templated).
    :param prompt: what to make (templated).
    :param options: the model's other fields, like ``{"size": "1536x1024", "n": 2}`` (templated). They are checked
        when the DAG file is parsed, as far as they are known then.
    :param request: instead of model, prompt and options: one typed request, like
        ``GptImage2(prompt="…", size="auto")``, or ``CustomRequest(name=…, body={…})`` for a model that is newer than
        this version.

    The other arguments are those of :class:`~airflow_provider_orux.operators.paid.PaidOperator`.

    :raises InvalidRequestError: a field is wrong; the message names it, what is allowed and the nearest right name.
    """

    template_fields: Sequence[str] = ("model", "prompt", "options", "request", *PaidOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "options": "json",
        "request": "json",
        **PaidOperator.template_fields_renderers,
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
        """Model, verb and fields, from ``request`` or from ``model``, ``prompt`` and ``options``."""
        from airflow_provider_orux.operators.specs import generation_spec

        return generation_spec(
            model=self.model,
            prompt=self.prompt,
            options=self.options,
            request=self.request,
            extra_body=self.extra_body,
        )
