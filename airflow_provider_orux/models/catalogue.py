"""Which typed request belongs to which gateway, model and verb."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_orux.models.errors import InvalidRequestError, UnsupportedByGatewayError
from airflow_provider_orux.models.registry import GATEWAYS, title_of
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest, nearest


def requests_of(gateway: str) -> tuple[type[GenerationRequest], ...]:
    """Every typed request of one gateway."""
    module = importlib.import_module(GATEWAYS[gateway].requests_module)
    requests: tuple[type[GenerationRequest], ...] = module.REQUESTS
    return requests


def all_requests() -> list[type[GenerationRequest]]:
    """Every typed request of every gateway."""
    return [cls for gateway in GATEWAYS for cls in requests_of(gateway)]


def find(
    *, model: str | None, verb: str, among: Iterable[type[GenerationRequest]] | None = None
) -> list[type[GenerationRequest]]:
    """The typed requests for a model and verb; ``model=None`` takes any model with the verb.

    ``generate`` also finds a model whose plain generation is called ``imagine``.

    :param among: where to look; None: in the requests of every gateway.
    """
    verbs = {verb, "imagine"} if verb == "generate" and model is not None else {verb}
    classes = all_requests() if among is None else among
    return [cls for cls in classes if cls.verb in verbs and model in (None, cls.model)]


def build(
    *,
    model: str | None,
    verb: str,
    fields: Mapping[str, Any],
    extra_body: Mapping[str, Any] | None = None,
    among: Iterable[type[GenerationRequest]] | None = None,
) -> GenerationRequest:
    """The validated request for a model and verb: the first typed request that takes the fields.

    :param among: the requests of the connection's gateway at run time; None at DAG parse time, when the
        connection is not known yet: then at least one gateway with the model must accept the fields.
    :raises InvalidRequestError: the fields are refused, or no gateway knows the model.
    :raises UnsupportedByGatewayError: only another gateway has the model or the verb.
    """
    offered = all_requests() if among is None else list(among)
    classes = find(model=model, verb=verb, among=offered)
    if not classes:
        raise _unknown(model=model, verb=verb, offered=offered)
    refusals: list[InvalidRequestError] = []
    for cls in classes:
        try:
            return _make(cls, fields, extra_body)
        except InvalidRequestError as e:
            refusals.append(e)
    raise refusals[0]


def check_known(
    *,
    model: str | None,
    verb: str,
    fields: Mapping[str, Any],
    pending: Iterable[str],
    extra_body: Mapping[str, Any] | None = None,
    custom: bool = False,
) -> None:
    """Check at parse time what is known of a request: at least one gateway must accept it.

    :param pending: names of fields whose values are templates or other tasks' outputs.
    :raises InvalidRequestError: no gateway takes it.
    """
    waiting = set(pending)
    if custom:
        if not waiting:
            CustomRequest(name=model, body=dict(fields), extra_body=extra_body or None)
        return
    classes = find(model=model, verb=verb)
    if not classes:
        raise _unknown(model=model, verb=verb, offered=all_requests())
    refusals: list[InvalidRequestError] = []
    for cls in classes:
        try:
            if not waiting:
                _make(cls, fields, extra_body)
            else:
                cls.check_known(fields, pending=waiting)
        except InvalidRequestError as e:
            refusals.append(e)
        else:
            return
    raise refusals[0]


def rebuild(
    value: Mapping[str, Any], *, among: Iterable[type[GenerationRequest]] | None = None
) -> GenerationRequest:
    """Rebuild a request from the dict of :func:`describe`, after its templates were rendered."""
    unknown = set(value) - {"model", "verb", "fields", "extra_body", "custom"}
    if unknown or not isinstance(value.get("fields"), Mapping):
        raise InvalidRequestError(
            "request= takes a typed request (airflow_provider_orux.models), or what describe() made of one",
            charged="no",
        )
    if value.get("custom"):
        return CustomRequest(
            name=value.get("model"), body=dict(value["fields"]), extra_body=value.get("extra_body")
        )
    return build(
        model=value.get("model"),
        verb=str(value.get("verb", "generate")),
        fields=value["fields"],
        extra_body=value.get("extra_body"),
        among=among,
    )


def _make(
    cls: type[GenerationRequest], fields: Mapping[str, Any], extra_body: Mapping[str, Any] | None
) -> GenerationRequest:
    if "extra_body" in fields:
        raise InvalidRequestError(
            "`extra_body` stands among the fields of the request; it is an argument beside them",
            gateway=cls.gateway,
            param="extra_body",
            charged="no",
        )
    given: dict[str, Any] = {str(name): value for name, value in fields.items()}
    return cls(**given, extra_body=extra_body or None)


def describe(request: GenerationRequest) -> dict[str, Any]:
    """A request as a plain dict, which can be templated, serialised and rebuilt by :func:`rebuild`."""
    value: dict[str, Any] = {"model": request.model_id, "verb": request.verb, "fields": request.fields()}
    if request.extra_body:
        value["extra_body"] = dict(request.extra_body)
    if isinstance(request, CustomRequest):
        value["custom"] = True
    return value


def _unknown(
    *, model: str | None, verb: str, offered: list[type[GenerationRequest]]
) -> InvalidRequestError | UnsupportedByGatewayError:
    what = f"model `{model}`" if verb == "generate" else verb + (f" of model `{model}`" if model else "")
    gateways = list(dict.fromkeys(c.gateway for c in offered))
    elsewhere = sorted(
        {
            title_of(c.gateway) + (f" ({c.availability})" if c.availability else "")
            for c in find(model=model, verb=verb)
        }
    )
    if elsewhere:
        return UnsupportedByGatewayError(
            f"{', '.join(title_of(g) for g in gateways)} has no {what} here; "
            f"it is offered by: {', '.join(elsewhere)}",
            gateway=gateways[0] if gateways else None,
            charged="no",
        )
    names = sorted({c.model for c in offered})
    near = nearest(model or "", names)
    return InvalidRequestError(
        f"{what} is not known to this version" + (f"; did you mean `{near}`?" if near else ""),
        gateway=gateways[0] if len(gateways) == 1 else None,
        param="model",
        charged="no",
        next_step=(
            f"Known: {', '.join(names)}. To use a model that is newer than this version, pass "
            f"request=CustomRequest(name={model!r}, body={{…}})."
        ),
    )
