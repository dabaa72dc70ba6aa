"""``OruxGenerateImageOperator``: images from one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from airflow_provider_orux.compat import XComArg
from airflow_provider_orux.models.arguments import refuse
from airflow_provider_orux.models.catalogue import RequestSpec, is_pending
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.operators.base import OruxOperator


class OruxModelOperator(OruxOperator):
    """What the operators for any model share.

    :param model: the model's id, like ``gpt-image-2`` (templated).
    :param prompt: what to make (templated).
    :param options: the model's other fields, like ``{"size": "1536x1024", "n": 2}`` (templated). Values known
        at parse time are checked then.
    :param request: one typed request instead, like ``GptImage2(prompt="…")``; ``CustomRequest(name=…, body={…})`` for a
        model whose fields this version does not know.
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
        prompt: str | XComArg | None = None,
        options: Mapping[str, Any] | None = None,
        request: GenerationRequest | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.prompt = prompt
        self.options = options
        self.request: Any = (
            RequestSpec.of(request).to_dict() if isinstance(request, GenerationRequest) else request
        )
        self.check_arguments()

    def request_spec(self) -> RequestSpec:
        """What the arguments ask for: ``request``, or ``model``, ``prompt`` and ``options``.

        :raises InvalidRequestError: both ways were used, or neither.
        """
        if self.request is not None:
            return self._typed()
        if self.model is None:
            refuse("model", "`model` is missing (or one typed `request`)")
        options = {} if self.options is None else self.options
        if isinstance(options, Mapping):
            if self.prompt is not None and "prompt" in options:
                refuse("prompt", "`prompt` is given twice: as an argument and in `options`")
            options = options if self.prompt is None else {"prompt": self.prompt, **options}
        elif not is_pending(options):  # another task's output is known when it is rendered
            refuse(
                "options", f"`options` is a {type(options).__name__}; it takes a dict of the model's fields"
            )
        return RequestSpec(model=self.model, fields=options, extra_body=self.extra_body)

    def _typed(self) -> RequestSpec:
        if self.model is not None or self.prompt is not None or self.options:
            refuse("request", "`request` takes the place of `model`, `prompt` and `options`; both were given")
        if not isinstance(self.request, Mapping):
            if not is_pending(self.request):
                refuse(
                    "request",
                    f"`request` is a {type(self.request).__name__}; it takes a typed request, like "
                    "airflow_provider_orux.models.orux.GptImage2(prompt=…)",
                )
            return RequestSpec(model=self.request, fields={})
        spec = RequestSpec.from_dict(self.request)
        if not self.extra_body:
            return spec
        return replace(spec, extra_body={**(spec.extra_body or {}), **self.extra_body})


class OruxGenerateImageOperator(OruxModelOperator):
    """Generate images with any image model of the connection's gateway.

    If ``deferrable``, the task uses the gateway's asynchronous route, if there is one, and no worker waits; the
    connection's ``route`` overrides that. A synchronous call holds the worker until the image is made, for at most
    the connection's ``generate_timeout``.

    :raises InvalidRequestError: a field is wrong; the message names it, the allowed values and the nearest right name.
    """
