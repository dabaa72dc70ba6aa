"""Which typed request belongs to which gateway, model and verb; and a request as it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from airflow_provider_orux.models.errors import InvalidRequestError, UnsupportedByGatewayError
from airflow_provider_orux.models.registry import GATEWAYS, title_of
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest, Kind
from airflow_provider_orux.models.spelling import nearest_few

_T = TypeVar("_T")


def requests_of(gateway: str | None = None) -> tuple[type[GenerationRequest], ...]:
    """Every typed request of a gateway; None: of all."""
    names = tuple(GATEWAYS) if gateway is None else (gateway,)
    return tuple(
        cls for name in names for cls in importlib.import_module(GATEWAYS[name].requests_module).REQUESTS
    )


def names_of(gateway: str) -> Mapping[str, Kind]:
    """Models without a typed request that a gateway takes by name: its own catalogue describes them at run time."""
    names: Mapping[str, Kind] = getattr(
        importlib.import_module(GATEWAYS[gateway].requests_module), "BY_NAME", {}
    )
    return names


def find(
    *, model: str | None, verb: str, among: Iterable[type[GenerationRequest]] | None = None
) -> list[type[GenerationRequest]]:
    """The typed requests for a model and verb; ``model=None`` takes any model with the verb.

    ``generate`` also finds a model whose plain generation is called ``imagine``.

    :param among: where to look; None: in the requests of every gateway.
    """
    verbs = {verb, "imagine"} if verb == "generate" and model is not None else {verb}
    classes = requests_of() if among is None else among
    return [cls for cls in classes if cls.verb in verbs and model in (None, cls.model)]


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


@dataclass(frozen=True, kw_only=True)
class RequestSpec:
    """A request as it is asked for, before it is validated. Any part may still be pending: see :func:`is_pending`.

    :param model: the model's id; None (default): any model with the verb.
    :param verb: like ``generate`` (default) or ``upscale``.
    :param fields: the model's fields by name; one that is None was not given.
    :param extra_body: fields the vendor added after this version; sent unchanged.
    :param custom: True for a :class:`CustomRequest`, which is sent unchecked. Default False.
    """

    fields: Any
    model: Any = None
    verb: Any = "generate"
    extra_body: Any = None
    custom: bool = False

    @classmethod
    def of(cls, request: GenerationRequest) -> RequestSpec:
        """The spec of a typed request."""
        return cls(
            model=request.model_id,
            verb=request.verb,
            fields=request.fields(),
            extra_body=dict(request.extra_body),
            custom=isinstance(request, CustomRequest),
        )

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> RequestSpec:
        """Read what :meth:`to_dict` wrote; its templates may be rendered by now.

        :raises InvalidRequestError: it is something else.
        """
        fields = value.get("fields")
        if set(value) - {"model", "verb", "fields", "extra_body", "custom"} or not (
            isinstance(fields, Mapping) or is_pending(fields)
        ):
            raise InvalidRequestError(
                "request= takes a typed request (airflow_provider_orux.models), or what RequestSpec.to_dict() made of "
                "one",
                param="request",
                charged="no",
            )
        return cls(
            model=value.get("model"),
            verb=value.get("verb", "generate"),
            fields=fields,
            extra_body=value.get("extra_body"),
            custom=bool(value.get("custom")),
        )

    def to_dict(self) -> dict[str, Any]:
        """The spec as JSON values, which Airflow can template and serialise."""
        value: dict[str, Any] = {"model": self.model, "verb": self.verb, "fields": self.fields}
        if self.extra_body:
            value["extra_body"] = self.extra_body
        if self.custom:
            value["custom"] = True
        return value

    def check(self) -> None:
        """Check what is known while the rest is pending: at least one gateway must accept it.

        The connection is not known when a DAG is parsed, so the requests of every gateway are tried.

        :raises InvalidRequestError: no gateway takes it.
        """
        if is_pending(self.model) or is_pending(self.verb) or not isinstance(self.fields, Mapping):
            return
        pending = {name for name, value in self.fields.items() if is_pending(value)}
        if not pending:
            replace(self, extra_body=None if is_pending(self.extra_body) else self.extra_body).build()
        elif not self.custom and not self._by_name(requests_of()):
            known = {name: value for name, value in self.fields.items() if name not in pending}
            self._first(requests_of(), lambda cls: cls.check_known(known, pending=pending))

    def check_part(self) -> None:
        """Check the fields that are given and known, while any other may follow.

        :raises InvalidRequestError: no gateway takes them.
        """
        if self._by_name(requests_of()):
            return
        known = {name: value for name, value in self.fields.items() if not is_pending(value)}
        self._first(
            requests_of(), lambda cls: cls.check_known(known, pending={*cls.field_names()} - known.keys())
        )

    def build(self, *, among: Iterable[type[GenerationRequest]] | None = None) -> GenerationRequest:
        """The validated request: of the first typed request that takes the fields.

        :param among: the requests of the connection's gateway; None: of every gateway.
        :raises InvalidRequestError: the fields are refused, or no gateway knows the model.
        :raises UnsupportedByGatewayError: only another gateway has the model or the verb.
        """
        for name, part in (("fields", self.fields), ("extra_body", self.extra_body or {})):
            if not isinstance(part, Mapping):
                raise InvalidRequestError(
                    f"`{name}` of the request is a {type(part).__name__}; it is a dict",
                    param=name,
                    charged="no",
                )
        extra_body = self.extra_body or None
        offered = requests_of() if among is None else tuple(among)
        if self.custom or self._by_name(offered):
            return CustomRequest(name=self.model, body=dict(self.fields), extra_body=extra_body)
        given: dict[str, Any] = {str(name): value for name, value in self.fields.items()}
        return self._first(offered, lambda cls: cls(**given, extra_body=extra_body))

    def _by_name(self, offered: Iterable[type[GenerationRequest]]) -> bool:
        """Whether one of the gateways takes the model by name only."""
        known = {name for gateway in {c.gateway for c in offered} for name in names_of(gateway)}
        return self.verb == "generate" and isinstance(self.model, str) and self.model in known

    def _first(
        self, offered: tuple[type[GenerationRequest], ...], attempt: Callable[[type[GenerationRequest]], _T]
    ) -> _T:
        """What the first of the typed requests that may be meant, and does not refuse, makes of it."""
        classes = find(model=self.model, verb=self.verb, among=offered)
        if not classes:
            raise self._unknown(offered)
        if "extra_body" in self.fields:
            raise InvalidRequestError(
                "`extra_body` stands among the fields of the request; it is an argument beside them",
                gateway=classes[0].gateway,
                param="extra_body",
                charged="no",
            )
        refusals: list[InvalidRequestError] = []
        for cls in classes:
            try:
                return attempt(cls)
            except InvalidRequestError as e:
                refusals.append(e)
        raise refusals[0]

    def _unknown(
        self, offered: tuple[type[GenerationRequest], ...]
    ) -> InvalidRequestError | UnsupportedByGatewayError:
        model, verb = self.model, self.verb
        what = (
            f"model `{model}`" if verb == "generate" else f"{verb} of model `{model}`" if model else f"{verb}"
        )
        gateways = list(dict.fromkeys(c.gateway for c in offered))
        elsewhere = sorted(
            {
                title_of(c.gateway) + (f" ({c.availability})" if c.availability else "")
                for c in find(model=model, verb=verb)
            }
            | {title_of(name) for name in GATEWAYS if verb == "generate" and str(model) in names_of(name)}
        )
        if elsewhere:
            return UnsupportedByGatewayError(
                f"{', '.join(title_of(g) for g in gateways)} has no {what} here; "
                f"it is offered by: {', '.join(elsewhere)}",
                gateway=gateways[0] if gateways else None,
                charged="no",
            )
        known = {c.model for c in offered} | {name for gateway in gateways for name in names_of(gateway)}
        near = nearest_few(str(model or ""), known)
        others = f"Also near: {', '.join(near[1:])}. " if near[1:] else ""
        return InvalidRequestError(
            f"{what} is not known to this version" + (f"; did you mean `{near[0]}`?" if near else ""),
            gateway=gateways[0] if len(gateways) == 1 else None,
            param="model",
            charged="no",
            next_step=(
                f"{others}`orux models` lists all. To use a model that is newer than this version, pass "
                f"request=CustomRequest(name={model!r}, body={{…}})."
            ),
        )
