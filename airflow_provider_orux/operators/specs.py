"""How ``model``, ``prompt``, ``options`` and ``request`` of an operator become one description of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_orux.models.catalogue import describe
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.operators.templates import is_pending


def spec_of(request: GenerationRequest | Mapping[str, Any] | None) -> Any:
    """A typed request as a plain dict that Airflow can template and serialise; anything else as it is."""
    return describe(request) if isinstance(request, GenerationRequest) else request


def generation_spec(
    *,
    model: str | None,
    prompt: str | None,
    options: Mapping[str, Any] | None,
    request: Mapping[str, Any] | None,
    extra_body: Mapping[str, Any] | None,
    verb: str = "generate",
) -> dict[str, Any]:
    """One description of the request.

    :raises InvalidRequestError: both ways of saying it were used, or neither.
    """
    if request is not None:
        if model is not None or prompt is not None or options:
            raise _usage(
                "`request` takes the place of `model`, `prompt` and `options`; both were given", "request"
            )
        if is_pending(request) and not isinstance(request, Mapping):
            return {"model": request, "verb": verb, "fields": {}}
        if not isinstance(request, Mapping):
            raise _usage(
                f"`request` is a {type(request).__name__}; it takes a typed request, like "
                "airflow_provider_orux.models.orux.GptImage2(prompt=…)",
                "request",
            )
        spec = dict(request)
        if extra_body:
            spec["extra_body"] = {**(spec.get("extra_body") or {}), **extra_body}
        return spec
    if model is None:
        raise _usage("`model` is missing (or one typed `request`)", "model")
    if is_pending(options) and not isinstance(options, Mapping):
        return {
            "model": model,
            "verb": verb,
            "fields": options,
        }  # another task's output: known when it is rendered
    if options is not None and not isinstance(options, Mapping):
        raise _usage(
            f"`options` is a {type(options).__name__}; it takes a dict of the model's fields", "options"
        )
    fields = dict(options or {})
    if prompt is not None:
        if "prompt" in fields:
            raise _usage("`prompt` is given twice: as an argument and in `options`", "prompt")
        fields = {"prompt": prompt, **fields}
    spec = {"model": model, "verb": verb, "fields": fields}
    if extra_body:
        spec["extra_body"] = dict(extra_body)
    return spec


def _usage(message: str, param: str) -> InvalidRequestError:
    return InvalidRequestError(
        message, param=param, charged="no", next_step="Correct the operator's arguments."
    )
