"""Tables of request fields, and everything that is wrong with a body by such a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

#: What a field may hold.
Kind = Literal[
    "text",
    "integer",
    "number",
    "boolean",
    "choice",
    "pixels",
    "texts",
    "text_or_texts",
    "numbers",
    "object",
    "objects",
    "anything",
]
#: ``1024x768``.
_PIXELS = re.compile(r"([1-9]\d{1,4})x([1-9]\d{1,4})")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One field. ``low`` and ``high`` bound a number, a text's or a list's length, or both sides of a size."""

    kind: Kind
    required: bool = False
    default: Any = None
    choices: Sequence[Any] = ()
    low: float | None = None
    high: float | None = None
    multiple: int | None = None
    #: Values that are allowed beside what the kind says.
    words: Sequence[str] = ()
    #: The fields of an object, or of each of several.
    fields: Mapping[str, Rule] | None = None
    #: What a published schema says of it.
    says: str = ""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong with one field. ``type`` is a word for machines, as validators have it."""

    field: str
    type: str
    message: str


def problems(
    given: Mapping[str, Any], rules: Mapping[str, Rule], *, unknown: Literal["refused", "ignored"]
) -> list[Problem]:
    """All problems of a body. A null is as good as nothing where the field is not required."""
    found = []
    for field, rule in rules.items():
        value = given.get(field)
        if value is None:
            if rule.required:
                found.append(Problem(field=field, type="missing", message=f"{field} is required"))
            continue
        wrong = _wrong(value, rule)
        if wrong is not None:
            found.append(Problem(field=field, type=wrong[0], message=f"{field} {wrong[1]}"))
        elif rule.fields is not None:
            found += _inside(field, value, rule.fields)
    if unknown == "refused":
        found += [
            Problem(field=field, type="extra_forbidden", message=f"{field} is not a field here")
            for field in given
            if field not in rules
        ]
    return found


def _inside(field: str, value: Any, rules: Mapping[str, Rule]) -> list[Problem]:
    """What is wrong inside of an object, or of several."""
    found = []
    for number, one in enumerate(value if isinstance(value, list) else [value]):
        place = f"{field}.{number}" if isinstance(value, list) else field
        found += [
            Problem(
                field=f"{place}.{problem.field}", type=problem.type, message=f"{place}: {problem.message}"
            )
            for problem in problems(one, rules, unknown="refused")
        ]
    return found


def filled(given: Mapping[str, Any], rules: Mapping[str, Rule]) -> dict[str, Any]:
    """The fields of a body that passed, with the defaults."""
    values = {}
    for field, rule in rules.items():
        value = given.get(field)
        if value is not None or rule.default is not None:
            values[field] = rule.default if value is None else value
    return values


def pixels(text: str) -> tuple[int, int] | None:
    """``1024x768`` as two numbers."""
    found = _PIXELS.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else None


def _wrong(value: Any, rule: Rule) -> tuple[str, str] | None:
    if isinstance(value, str) and value in rule.words:
        return None
    if rule.kind in ("integer", "number"):
        return _wrong_number(value, rule)
    if rule.kind == "boolean":
        return None if isinstance(value, bool) else ("bool_type", "must be true or false")
    if rule.kind == "choice":
        # JSON's true is no 1, though Python's is.
        if isinstance(value, bool) or value not in rule.choices:
            return "literal_error", f"must be one of {', '.join(map(str, rule.choices))}"
        return None
    if rule.kind in ("texts", "text_or_texts") and isinstance(value, list):
        if not all(isinstance(one, str) and one for one in value):
            return "string_type", "must hold texts that are not empty"
        return _wrong_length(len(value), rule, "items")
    if rule.kind == "anything":
        return None
    if rule.kind == "object":
        return None if isinstance(value, dict) else ("dict_type", "must be an object")
    if rule.kind in ("numbers", "objects"):
        wanted: tuple[type, ...] = (dict,) if rule.kind == "objects" else (int, float)
        if not isinstance(value, list) or not all(isinstance(one, wanted) for one in value):
            return "list_type", f"must be a list of {rule.kind}"
        return _wrong_length(len(value), rule, "items")
    if rule.kind == "texts":
        return "list_type", "must be a list"
    if not isinstance(value, str):
        return "string_type", "must be a text"
    if not value.strip():
        return "string_too_short", "must not be empty"
    if rule.kind == "pixels":
        return _wrong_pixels(value, rule)
    return _wrong_length(len(value), rule, "characters") if rule.kind == "text" else None


def _wrong_number(value: Any, rule: Rule) -> tuple[str, str] | None:
    kinds = (int,) if rule.kind == "integer" else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        return ("int_type" if rule.kind == "integer" else "float_type"), f"must be {_a(rule.kind)}"
    if rule.low is not None and value < rule.low:
        return "greater_than_equal", f"must be at least {rule.low:g}"
    if rule.high is not None and value > rule.high:
        return "less_than_equal", f"must be at most {rule.high:g}"
    if rule.multiple is not None and value % rule.multiple:
        return "multiple_of", f"must be a multiple of {rule.multiple}"
    return None


def _wrong_length(length: int, rule: Rule, what: str) -> tuple[str, str] | None:
    if rule.high is not None and length > rule.high:
        return "too_long", f"has {length} {what}; {rule.high:g} are allowed"
    if rule.low is not None and length < rule.low:
        return "too_short", f"has {length} {what}; {rule.low:g} are needed"
    return None


def _wrong_pixels(value: str, rule: Rule) -> tuple[str, str] | None:
    sides = pixels(value)
    if sides is None:
        return "string_pattern_mismatch", "must look like 1024x1024"
    low, high = rule.low or 1, rule.high or 10_000
    if not all(low <= side <= high for side in sides):
        return "value_error", f"must have sides from {low:g} to {high:g}"
    return None


def _a(kind: str) -> str:
    return "an integer" if kind == "integer" else "a number"
