"""The operators' arguments: which ones are known at parse time, and the request they make."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NoReturn

from airflow_provider_orux.models import catalogue
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.requests import GenerationRequest

#: Ten years in seconds: the longest duration that an argument takes.
LONGEST = 10 * 366 * 86_400.0


def is_pending(value: Any) -> bool:
    """Whether a value is not known yet: a template, another task's output, or set during execution."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value or "{#" in value
    if isinstance(value, Mapping):
        return any(is_pending(v) for v in value.values())
    if isinstance(value, (list, tuple, set)):
        return any(is_pending(v) for v in value)
    if value is None or isinstance(value, (bool, int, float, bytes)):
        return False
    # XComArg, DagParam, literal() and the like resolve at run time; SetDuringExecution is set there.
    return (
        hasattr(value, "resolve")
        or hasattr(value, "iter_references")
        or type(value).__name__ == "SetDuringExecution"
    )


def is_mapped(operator: Any) -> bool:
    """Whether the operator is an instance of a mapped task, made at run time: its errors belong to ``execute``."""
    return bool(getattr(operator, "_BaseOperator__from_mapped", False))


def seconds(name: str, value: float | timedelta) -> float:
    """A duration as seconds.

    :raises InvalidRequestError: it is not a positive number or timedelta.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= LONGEST:
        refuse(
            name,
            f"`{name}` is {value!r}; it must be a positive number of seconds (at most ten years) or a timedelta",
        )
    return float(value)


def one_of(name: str, value: Any, *allowed: str) -> Any:
    """Check that a value is one of the allowed words.

    :raises InvalidRequestError: it is another one.
    """
    if value not in allowed:
        refuse(name, f"`{name}` is {value!r}; allowed: {', '.join(allowed)}")
    return value


def text(name: str, value: Any) -> Any:
    """Check that a text is not empty, unless it is not known yet.

    :raises InvalidRequestError: it is something else.
    """
    if not is_pending(value) and not (isinstance(value, str) and value.strip()):
        refuse(name, f"`{name}` is {value!r}")
    return value


def refuse(name: str, message: str) -> NoReturn:
    """Refuse an argument before anything is sent."""
    raise InvalidRequestError(message, param=name, charged="no", next_step="Correct the argument.")


# -- the request ---------------------------------------------------------------------------------------------
def spec_of(request: GenerationRequest | Mapping[str, Any] | None) -> Any:
    """A typed request as a plain dict that Airflow can template and serialise; anything else as it is."""
    return catalogue.describe(request) if isinstance(request, GenerationRequest) else request


def verb_spec(verb: str, extra_body: Mapping[str, Any] | None, **fields: Any) -> dict[str, Any]:
    """The description of a request for a verb of any model.

    :param fields: None: not given.
    """
    return _spec(None, verb, {n: v for n, v in fields.items() if v is not None}, extra_body)


def model_spec(
    *,
    model: str | None,
    prompt: str | None,
    options: Mapping[str, Any] | None,
    request: Mapping[str, Any] | None,
    extra_body: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The description of a request for a model, or of a typed one.

    :raises InvalidRequestError: both ways were used, or neither.
    """
    if request is not None:
        if model is not None or prompt is not None or options:
            refuse("request", "`request` takes the place of `model`, `prompt` and `options`; both were given")
        if is_pending(request) and not isinstance(request, Mapping):
            return _spec(request, "generate", {}, None)
        if not isinstance(request, Mapping):
            refuse(
                "request",
                f"`request` is a {type(request).__name__}; it takes a typed request, like "
                "airflow_provider_orux.models.orux.GptImage2(prompt=…)",
            )
        given = request.get("extra_body") or {}
        return {**request, **({"extra_body": {**given, **extra_body}} if extra_body else {})}
    if model is None:
        refuse("model", "`model` is missing (or one typed `request`)")
    if is_pending(options) and not isinstance(options, Mapping):
        return _spec(model, "generate", options, None)  # another task's output: known when it is rendered
    if options is not None and not isinstance(options, Mapping):
        refuse("options", f"`options` is a {type(options).__name__}; it takes a dict of the model's fields")
    fields = dict(options or {})
    if prompt is not None:
        if "prompt" in fields:
            refuse("prompt", "`prompt` is given twice: as an argument and in `options`")
        fields = {"prompt": prompt, **fields}
    return _spec(model, "generate", fields, extra_body)


def check_spec(spec: Mapping[str, Any]) -> None:
    """Check at parse time what is known of a request.

    :raises InvalidRequestError: no gateway takes it.
    """
    if is_pending(spec["model"]) or is_pending(spec["verb"]) or not isinstance(spec["fields"], Mapping):
        return
    pending = {name for name, value in spec["fields"].items() if is_pending(value)}
    extra = spec.get("extra_body")
    catalogue.check_known(
        model=spec["model"],
        verb=spec["verb"],
        fields={n: v for n, v in spec["fields"].items() if n not in pending},
        pending=pending,
        extra_body=None if is_pending(extra) else extra,
        custom=bool(spec.get("custom")),
    )


def _spec(model: Any, verb: str, fields: Any, extra_body: Mapping[str, Any] | None) -> dict[str, Any]:
    spec = {"model": model, "verb": verb, "fields": fields}
    return spec | {"extra_body": dict(extra_body)} if extra_body else spec
