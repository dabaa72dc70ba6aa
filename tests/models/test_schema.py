"""Fields against a gateway's JSON schema: what is allowed, in the words of our own checks."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.schema import UnusableSchemaError, check, fitted

KLING: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["prompt"],
    "$defs": {"Mode": {"enum": ["std", "pro"], "type": "string"}},
    "properties": {
        "prompt": {"type": "string", "minLength": 1, "maxLength": 20},
        "duration": {"type": "integer", "minimum": 3, "maximum": 15, "default": 5},
        "quality_mode": {"$ref": "#/$defs/Mode"},
        "sound": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        "seconds": {"anyOf": [{"enum": [5, 10]}, {"type": "null"}]},
        "strength": {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]},
        "images": {
            "anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2}, {"type": "null"}]
        },
        "shots": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["prompt"],
                "properties": {"prompt": {"type": "string"}, "index": {"type": "integer"}},
            },
        },
        "callback": {"type": "string", "pattern": "^https://"},
    },
}  # fmt: skip


def refused(fields: dict[str, Any], schema: dict[str, Any] = KLING, **more: Any) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as e:
        check(schema, {"prompt": "a fox", **fields}, label="Kling", gateway="opengpu_relay", **more)
    assert (e.value.charged, e.value.gateway) == ("no", "opengpu_relay")
    assert "Nothing was sent." in str(e.value)
    return e.value


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        (
            {"duraton": 5},
            "duraton",
            "`duraton` is not a field of Kling; did you mean `duration`? Its fields: prompt,",
        ),
        ({"zzz": 5}, "zzz", "`zzz` is not a field of Kling. Its fields: prompt,"),
        ({"prompt": ""}, "prompt", "`prompt` of Kling has 0 characters; allowed: at least 1."),
        ({"prompt": "x" * 21}, "prompt", "`prompt` of Kling has 21 characters; allowed: at most 20."),
        ({"duration": 2}, "duration", "`duration` of Kling is 2; allowed: 3 to 15."),
        ({"duration": 5.5}, "duration", "`duration` of Kling is a number; it takes a whole number."),
        ({"duration": "long"}, "duration", "`duration` of Kling is a text; it takes a whole number."),
        ({"quality_mode": "prro"}, "quality_mode", "is 'prro'; allowed: std, pro. Did you mean 'pro'?"),
        ({"sound": "loud"}, "sound", "`sound` of Kling is a text; it takes true or false."),
        ({"seconds": 7}, "seconds", "`seconds` of Kling is 7; allowed: 5, 10."),
        ({"strength": 0}, "strength", "`strength` of Kling is 0; allowed: more than 0."),
        ({"images": []}, "images", "`images` of Kling has 0 items; allowed: at least 1."),
        ({"images": ["a", "b", "c"]}, "images", "`images` of Kling has 3 items; allowed: at most 2."),
        ({"images": ["a", 7]}, "images", "`images[1]` of Kling is a number; it takes a text."),
        ({"shots": [{"index": 1}]}, "shots", "`shots[0].prompt` is missing: Kling needs it."),
        (
            {"shots": [{"prompt": "x", "indx": 1}]},
            "shots",
            "`shots[0].indx` is not a field of `shots[0]` of Kling; did you mean `index`?",
        ),
        ({"callback": "ftp://x"}, "callback", "it must look like '^https://'"),
    ],
)
def test_what_is_said(fields: dict[str, Any], param: str, said: str) -> None:
    error = refused(fields)
    assert said in error.message
    assert error.param == param


def test_a_missing_field_and_one_that_is_given_elsewhere() -> None:
    with pytest.raises(InvalidRequestError, match="`prompt` is missing: Kling needs it"):
        check(KLING, {}, label="Kling", gateway="opengpu_relay")
    check(KLING, {}, label="Kling", gateway="opengpu_relay", elsewhere=["prompt"])


def test_the_value_of_a_field_of_the_wrong_type_is_not_quoted() -> None:
    error = refused({"duration": "a secret prompt in the wrong place"})
    assert "secret" not in str(error)


def test_no_more_is_said_than_a_person_reads() -> None:
    error = refused({f"field_{n}": n for n in range(500)})
    assert len(error.message) < 3000


def test_what_a_rendered_template_left_as_text() -> None:
    given = {
        "prompt": "7",
        "duration": " 5 ",
        "sound": "True",
        "seconds": "10",
        "strength": "0.5",
        "quality_mode": "pro",
        "shots": [],
        "images": None,
        "unknown": "5",
    }
    ready = fitted(KLING, given)
    assert ready == {
        "prompt": "7",
        "duration": 5,
        "sound": True,
        "seconds": 10,
        "strength": 0.5,
        "quality_mode": "pro",
        "shots": [],
        "unknown": "5",
    }
    assert ready["sound"] is True
    assert fitted(KLING, {"duration": 5.0, "strength": 1.0}) == {"duration": 5, "strength": 1.0}
    assert isinstance(fitted(KLING, {"duration": 5.0})["duration"], int)
    check(KLING, {k: v for k, v in ready.items() if k != "unknown"}, label="Kling", gateway="x")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"prompt": {"$ref": "http://127.0.0.1:9/evil.json"}}},
        {"type": "object", "properties": {"prompt": {"type": "nonsense"}}},
        {"type": "object", "properties": {"prompt": {"pattern": "("}}},
        {"type": "object", "properties": {"prompt": {"$ref": "#/nowhere"}}},
        {"type": "object", "required": 7},
    ],
)
def test_a_schema_that_cannot_be_used_is_told_apart_from_a_wrong_field(
    schema: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda *given: fetched.append(given))
    with pytest.raises(UnusableSchemaError):
        check(schema, {"prompt": "a fox"}, label="Kling", gateway="x")
    assert fetched == []
