"""Typed requests as plain data: every model, verb and field with its type, default and limits."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from airflow_provider_orux.models import catalogue
from airflow_provider_orux.models.input_images import ImageInput, PixelSize
from airflow_provider_orux.models.registry import title_of
from airflow_provider_orux.models.requests import GenerationRequest, HttpsUrl, Ratio

_NAMES = {bool: "boolean", int: "integer", float: "number", str: "text", dict: "object"}
#: What the metadata of a field calls a limit -> what a description calls it.
_LIMITS = {
    "ge": "minimum",
    "gt": "more_than",
    "le": "maximum",
    "lt": "less_than",
    "multiple_of": "multiple_of",
    "min_length": "min_length",
    "max_length": "max_length",
    "pattern": "pattern",
}


def _validator(annotated: Any) -> Any:
    return next(m.func for m in get_args(annotated) if isinstance(m, AfterValidator))


#: Validators that make a text something narrower.
_KINDS = {
    _validator(HttpsUrl): "https URL",
    _validator(Ratio): "ratio",
    _validator(PixelSize): "width x height",
}


def describe_models(
    *, gateway: str | None = None, model: str | None = None, verb: str | None = None
) -> list[dict[str, Any]]:
    """Every matching model, in the order of the gateways' lists. See :func:`describe_model`.

    :param gateway: ``orux``, ``yescale`` or ``opengpu_relay``; None: all.
    :param model: the model's id, case-insensitive; None: all.
    :param verb: like ``generate`` or ``upscale``; None: all.
    """
    return [
        describe_model(cls)
        for cls in catalogue.requests_of(gateway)
        if (model is None or cls.model.lower() == model.lower()) and verb in (None, cls.verb)
    ]


def describe_model(cls: type[GenerationRequest]) -> dict[str, Any]:
    """One model and verb as a JSON value.

    :returns: ``gateway``, ``gateway_title``, ``model``, ``verb``, ``kind``, ``summary``, ``availability``,
        ``source``, ``request`` (the class to import) and ``fields``, a list of :func:`describe_field`.
    """
    summary = (inspect.getdoc(cls) or "").partition("\n\n")[0]
    return {
        "gateway": cls.gateway,
        "gateway_title": title_of(cls.gateway),
        "model": cls.model,
        "verb": cls.verb,
        "kind": cls.kind,
        "summary": " ".join(summary.split()),
        "availability": cls.availability,
        "source": cls.source,
        "request": f"{cls.__module__}.{cls.__qualname__}",
        "fields": [describe_field(cls, name) for name in cls.field_names()],
    }


def describe_field(cls: type[GenerationRequest], name: str) -> dict[str, Any]:
    """One field as a JSON value.

    :returns: ``name``, ``type`` (a word: text, integer, number, boolean, object, https URL, ratio, image,
        ``width x height``, ``list of …``), ``required``, ``default`` (the gateway's own; null: not documented or none),
        ``description``; and if present: ``allowed`` (a list), ``minimum``, ``maximum``, ``more_than``,
        ``less_than``, ``multiple_of``, ``min_length``, ``max_length``, ``pattern``, for a list ``min_items``,
        ``max_items``, for an image ``takes_urls``.
    """
    info = cls.model_fields[name]
    outer = list(info.metadata)
    bare, inner = _unwrap(info.annotation)
    metadata = [*outer, *inner]
    value: dict[str, Any] = {
        "name": name,
        "type": _type_name(bare, metadata),
        "required": info.is_required(),
        "default": None if info.is_required() else info.get_default(call_default_factory=True),
        "description": info.description or _description(metadata) or "",
    }
    if (allowed := _allowed(bare)) is not None:
        value["allowed"] = allowed
    is_list = get_origin(bare) in (list, tuple)
    for word, limit in _limits(metadata):
        value[word.replace("_length", "_items") if is_list else word] = limit
    if (image := _image(bare, metadata)) is not None:
        value["takes_urls"] = image.takes_urls
    return value


def limits_text(field: dict[str, Any]) -> str:
    """The limits of a described field, for a table: ``0 to 1000``, ``url, b64_json``, ``at most 4000 characters``."""
    if "allowed" in field:
        return ", ".join(str(v) for v in field["allowed"])
    parts = []
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        parts.append(f"{low} to {high}" if low != high else f"{low}")
    elif low is not None:
        parts.append(f"at least {low}")
    elif high is not None:
        parts.append(f"at most {high}")
    if "more_than" in field:
        parts.append(f"more than {field['more_than']}")
    if "less_than" in field:
        parts.append(f"less than {field['less_than']}")
    if "multiple_of" in field:
        parts.append(f"a multiple of {field['multiple_of']}")
    for unit, least, most in (
        ("characters", "min_length", "max_length"),
        ("items", "min_items", "max_items"),
    ):
        if least in field and most in field:
            parts.append(f"{field[least]} to {field[most]} {unit}")
        elif most in field:
            parts.append(f"at most {field[most]} {unit}")
        elif least in field:
            parts.append(f"at least {field[least]} {unit if field[least] != 1 else unit[:-1]}")
    if field.get("type") == "ratio":
        parts.append("any width:height in whole numbers")
    if "takes_urls" in field:
        parts.append("URL, file or base64" if field["takes_urls"] else "file or base64")
    return ", ".join(parts)


def _unwrap(annotation: Any) -> tuple[Any, list[Any]]:
    """An annotation without ``Annotated`` and ``| None``, and their metadata."""
    metadata: list[Any] = []
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *found = get_args(annotation)
            metadata += found
        elif origin in (Union, UnionType):
            parts = [a for a in get_args(annotation) if a is not type(None)]
            if len(parts) != 1:
                return annotation, metadata
            annotation = parts[0]
        else:
            return annotation, metadata


def _type_name(bare: Any, metadata: Iterable[Any]) -> str:
    origin = get_origin(bare)
    if origin is Literal:
        kinds = {type(v) for v in get_args(bare)}
        return _NAMES.get(kinds.pop(), "text") if len(kinds) == 1 else "text"
    if origin in (list, tuple):
        item, inner = _unwrap(get_args(bare)[0])
        return f"list of {_plural(_type_name(item, inner))}"
    if origin in (Union, UnionType):
        return " or ".join(
            dict.fromkeys(_type_name(*_unwrap(a)) for a in get_args(bare) if a is not type(None))
        )
    for item in _flat(metadata):
        if isinstance(item, ImageInput):
            return "image"
        if isinstance(item, AfterValidator) and item.func in _KINDS:
            return _KINDS[item.func]
    return _NAMES.get(origin or bare, "text")


def _plural(word: str) -> str:
    return word if word.endswith("s") or " x " in word else f"{word}s"


def _allowed(bare: Any) -> list[Any] | None:
    if get_origin(bare) is Literal:
        return list(get_args(bare))
    if get_origin(bare) in (list, tuple):
        return _allowed(_unwrap(get_args(bare)[0])[0])
    return None


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    """Metadata with what the ``Field(…)`` among it hold."""
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from item.metadata
        yield item


def _limits(metadata: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    found: dict[str, Any] = {}
    for item in _flat(metadata):
        for attribute, word in _LIMITS.items():
            limit = getattr(item, attribute, None)
            if limit is not None and word not in found and not callable(limit):
                found[word] = limit
    yield from found.items()


def _description(metadata: Iterable[Any]) -> str | None:
    for item in metadata:
        if isinstance(item, FieldInfo) and item.description:
            return item.description
    return None


def _image(bare: Any, metadata: Iterable[Any]) -> ImageInput | None:
    if get_origin(bare) in (list, tuple):
        bare, metadata = _unwrap(get_args(bare)[0])
    return next((m for m in _flat(metadata) if isinstance(m, ImageInput)), None)
