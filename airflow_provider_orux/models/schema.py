"""A request's fields against a gateway's own JSON schema, with messages like those of the typed requests.

The schema comes from the gateway when a task runs. The library `jsonschema` judges; what it finds is told in our words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry

from airflow_provider_orux.models.describe import describe_property, limits_text
from airflow_provider_orux.models.errors import InvalidRequestError, redact
from airflow_provider_orux.models.listed import branches_of, properties_of
from airflow_provider_orux.models.spelling import nearest

_WHOLE = re.compile(r"\s*[+-]?\d{1,18}(?:\.0+)?\s*")
#: What a value of the wrong type is called.
_KINDS: Mapping[type, str] = {
    str: "a text", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "a dict",
}  # fmt: skip
#: Problems of one request that are told, and that are looked at.
_TOLD = 6
_LOOKED_AT = 100
#: Names of one list of required fields that are looked at.
_MOST_NAMES = 1000
#: Characters of one.
_LONGEST = 600
_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_LENGTHS = {
    "minLength": ("at least", "characters"),
    "maxLength": ("at most", "characters"),
    "minItems": ("at least", "items"),
    "maxItems": ("at most", "items"),
}


class UnusableSchemaError(Exception):
    """The schema is none that can be checked against."""


def fitted(schema: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with numbers and booleans where the schema has them and a rendered template left a text.

    None means "not given", as everywhere.
    """
    known = properties_of(schema)
    return {
        name: _fit(value, known[name]) if name in known and isinstance(value, (str, float)) else value
        for name, value in fields.items()
        if value is not None
    }


def check(
    schema: Mapping[str, Any],
    fields: Mapping[str, Any],
    *,
    label: str,
    gateway: str,
    elsewhere: Iterable[str] = (),
) -> None:
    """Check the fields.

    :param label: the model's name in messages.
    :param elsewhere: names that are given in another way, so that they are not missing.
    :raises InvalidRequestError: a field is wrong; the message names it, what is allowed and the nearest right name.
    :raises UnusableSchemaError: the schema is broken, or names another one that is not in it.
    """
    kind = validator_for(schema, default=Draft202012Validator)
    # Without a registry of its own the library may fetch what a `$ref` names.
    validator: Validator = kind(schema, registry=Registry())
    try:
        found = list(islice(validator.iter_errors(fields), _LOOKED_AT))
        found.sort(key=lambda e: [str(part) for part in e.absolute_path])
        problems = list(islice(_told(found, label=label, elsewhere=frozenset(elsewhere)), _TOLD))
    except Exception as e:
        # The schema is somebody else's: whatever is wrong with it shows in the library's own ways. Its words may quote
        # the fields.
        raise UnusableSchemaError(type(e).__name__) from None
    if problems:
        unknown = any(e.validator == "additionalProperties" and not e.absolute_path for e in found)
        raise InvalidRequestError(
            " ".join(_bounded(text) for _, text in problems),
            gateway=gateway,
            param=problems[0][0] and problems[0][0][:100],
            charged="no",
            next_step="Nothing was sent. "
            + (
                "These are the gateway's own rules of today; extra_body={…} sends a field past them."
                if unknown
                else "Correct the value."
            ),
        )


def _told(
    found: Iterable[ValidationError], *, label: str, elsewhere: frozenset[str]
) -> Iterator[tuple[str | None, str]]:
    """What is wrong, one field after another: its name, and a sentence."""
    for error in found:
        error = _innermost(error)
        place = _place(error)
        param = str(error.absolute_path[0]) if error.absolute_path else None
        if error.validator == "required":
            given = error.instance if isinstance(error.instance, Mapping) else {}
            names = error.validator_value if isinstance(error.validator_value, list) else []
            absent = [n for n in names[:_MOST_NAMES] if isinstance(n, str) and n not in given]
            for name in (n for n in absent if error.message.startswith(repr(n))):
                if place or name not in elsewhere:
                    yield param or name, f"`{_under(place, name)}` is missing: {label} needs it."
        elif error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
            names = [str(name) for name in error.schema.get("properties", {})]
            for name in (str(n) for n in error.instance if str(n) not in names):
                near = nearest(name, names)
                hint = f"; did you mean `{near}`?" if near else "."
                of = f"`{place}` of {label}" if place else label
                yield (
                    param or name,
                    f"`{_under(place, name)}` is not a field of {of}{hint} Its fields: {', '.join(names)}.",
                )
        else:
            yield param, _sentence(error, place, label)


def _sentence(error: ValidationError, place: str, label: str) -> str:
    rule, given = error.validator, error.instance
    field = describe_property(place, error.schema if isinstance(error.schema, Mapping) else {})
    what = f"`{place}` of {label}" if place else label
    # A value of the wrong type may be anything, a prompt in a list for one: its type says enough.
    if isinstance(given, (dict, list)) or rule == "type":
        shown = _KINDS.get(type(given), "nothing")
    else:
        shown = redact(repr(given))[:60]
    if rule in ("enum", "const"):
        values = field.get("allowed", [])
        near = nearest(str(given), map(str, values)) if isinstance(given, str) else None
        hint = f" Did you mean {near!r}?" if near and near != given else ""
        return f"{what} is {shown}; allowed: {limits_text(field)}.{hint}"
    if rule in _BOUNDS:
        return f"{what} is {shown}; allowed: {limits_text(field)}."
    if rule in _LENGTHS:
        least, unit = _LENGTHS[str(rule)]
        return f"{what} has {len(given)} {unit}; allowed: {least} {error.validator_value}."
    if rule == "type":
        return f"{what} is {shown}; it takes {_types(error.validator_value)}."
    if rule in ("anyOf", "oneOf"):
        limits = limits_text(field)
        return f"{what} is {shown}; it takes {field['type']}{f' ({limits})' if limits else ''}."
    if rule == "pattern":
        return f"{what} is {shown}; it must look like {str(error.validator_value)[:80]!r}."
    return f"{what} is {shown}: the gateway's rule `{rule}` does not allow it."


def _bounded(text: str) -> str:
    """A sentence, in which names and values of a schema stand: printable, and no longer than a person reads."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _innermost(error: ValidationError) -> ValidationError:
    """The error that tells most: of a value that may also be null, that of the other kind."""
    while error.validator in ("anyOf", "oneOf", "allOf") and error.context:
        branches: dict[Any, list[ValidationError]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        real = [
            errors
            for errors in branches.values()
            if not any(e.validator == "type" and not e.path for e in errors)
        ]
        kinds = [b for b in branches.values() if not any(_wants_null(e) for e in b)]
        chosen = real[0] if len(real) == 1 else kinds[0] if len(kinds) == 1 else None
        if not chosen:
            return error
        error = chosen[0]
    return error


def _wants_null(error: ValidationError) -> bool:
    return bool(error.validator == "type" and error.validator_value == "null")


def _place(error: ValidationError) -> str:
    text = ""
    for part in error.absolute_path:
        text += f"[{part}]" if isinstance(part, int) else _under(text, str(part))[len(text) :]
    return text


def _under(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _types(value: Any) -> str:
    words = {
        "string": "a text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
    }
    words |= {"array": "a list", "object": "a dict", "null": "nothing"}
    names = value if isinstance(value, list) else [value]
    return " or ".join(words.get(str(name), str(name)) for name in names if name != "null")


def _fit(value: str | float, schema: Mapping[str, Any]) -> Any:
    options = branches_of(schema)
    named = [t for o in options for t in (o["type"] if isinstance(o.get("type"), list) else [o.get("type")])]
    types = {name for name in named if isinstance(name, str)}
    values = [v for o in options for v in (o["enum"] if isinstance(o.get("enum"), list) else ())]
    if isinstance(value, float):
        return int(value) if value.is_integer() and "number" not in types else value
    if value in values:
        return value
    for allowed in values:
        if not isinstance(allowed, str) and str(allowed) == value.strip():
            return allowed
    if "string" in types:
        return value
    if "integer" in types and _WHOLE.fullmatch(value):
        return int(float(value))
    if "boolean" in types and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if "number" in types:
        try:
            return float(value)
        except ValueError:
            return value
    return value
