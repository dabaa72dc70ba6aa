"""The fields of a pydantic model as plain data, from its JSON schema: types, defaults and limits."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

#: What a JSON schema calls a type -> what a description calls it; the others keep their name.
_TYPES = {"string": "text"}
#: What a JSON schema calls a limit -> what a description calls it.
_LIMITS = {
    "minimum": "minimum",
    "exclusiveMinimum": "more_than",
    "maximum": "maximum",
    "exclusiveMaximum": "less_than",
    "multipleOf": "multiple_of",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_items",
    "maxItems": "max_items",
    "pattern": "pattern",
}


@functools.cache
def describe_fields(model: type[BaseModel]) -> Mapping[str, Mapping[str, Any]]:
    """Every field of a model by name, as JSON values.

    :returns: for each field ``name``, ``type`` (``text``, ``integer``, ``list of images``, …), ``required``,
        ``default``, ``description``; where there are any, ``allowed`` (the only values), ``minimum``, ``more_than``,
        ``maximum``, ``less_than``, ``multiple_of``, ``min_length``, ``max_length``, ``min_items``, ``max_items``,
        ``pattern``; for images ``takes_urls`` (whether the gateway fetches https URLs itself); for files that it takes
        as URLs only, ``fetched`` (``image``, ``video``, ``audio``).
    """
    schema = model.model_json_schema()
    required = schema.get("required", ())
    return {
        name: describe_property(name, field, required=name in required)
        for name, field in schema.get("properties", {}).items()
    }


def describe_property(name: str, schema: Mapping[str, Any], *, required: bool = False) -> dict[str, Any]:
    """One field of a JSON schema; see :func:`describe_fields`."""
    options = _options(schema)
    merged = {**options[0], **schema} if len(options) == 1 else dict(schema)
    items = merged.get("items", {})
    value: dict[str, Any] = {
        "name": name,
        "type": " or ".join(dict.fromkeys(map(_type_name, options))),
        "required": required,
        "default": None if required else merged.get("default"),
        "description": merged.get("description", ""),
    }
    for part in (merged, items):
        if "enum" in part:
            value["allowed"] = list(part["enum"])
        elif "const" in part:
            value["allowed"] = [part["const"]]
    for part in (*options, *(option.get("items", {}) for option in options)):
        if "takesUrls" in part:
            value["takes_urls"] = part["takesUrls"]
        if "fetched" in part:
            value["fetched"] = part["fetched"]
    return value | {word: merged[theirs] for theirs, word in _LIMITS.items() if theirs in merged}


def _options(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schemas of the values a field takes, other than none at all."""
    return [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]


def _type_name(schema: Mapping[str, Any]) -> str:
    if schema.get("type") == "array":
        item = " or ".join(map(_type_name, _options(schema.get("items", {}))))
        return f"list of {item if item.endswith('s') or ' x ' in item else item + 's'}"
    name = str(schema.get("format") or schema.get("type", "object"))
    return _TYPES.get(name, name)


def limits_text(field: Mapping[str, Any]) -> str:
    """The limits of a described field, for people: ``0 to 1000``, ``url, b64_json``, ``at most 4000 characters``."""
    if "allowed" in field:
        return ", ".join(str(v) for v in field["allowed"])
    parts = []
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        parts.append(f"{low} to {high}" if low != high else f"{low}")
    elif "more_than" in field:
        parts.append(f"more than {field['more_than']}" + ("" if high is None else f" up to {high}"))
    elif low is not None:
        parts.append(f"at least {low}")
    elif high is not None:
        parts.append(f"at most {high}")
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
    if "fetched" in field:
        parts.append(f"https URL, or {field['fetched']} in storage")
    if "takes_urls" in field:
        parts.append("URL, file or base64" if field["takes_urls"] else "file or base64")
    return ", ".join(parts)
