"""``airflow orux models`` says what the typed requests do, field by field."""

from __future__ import annotations

import csv
import importlib
import io
import json

import pytest
import yaml

from airflow_provider_orux.models import catalogue
from airflow_provider_orux.models.describe import limits_text
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.orux import GptImage2, MidjourneyV7

CLASSES = catalogue.requests_of()
FIELDS = [
    pytest.param(cls, field, id=f"{cls.gateway}-{cls.__name__}-{field['name']}")
    for cls in CLASSES
    for field in cls.describe()["fields"]
]


def refuses(cls, name, value) -> bool:
    try:
        cls.check_known({name: value}, pending=[n for n in cls.field_names() if n != name])
    except InvalidRequestError:
        return True
    return False


@pytest.mark.parametrize(("cls", "field"), FIELDS)
def test_a_described_field_is_what_the_request_takes(cls, field):
    name, listed = field["name"], field["type"].startswith("list of")
    info = cls.model_fields[name]
    assert field["required"] is info.is_required()
    if not field["required"]:
        assert field["default"] == info.get_default()
    for value in field.get("allowed", ()):
        assert not refuses(cls, name, [value] if listed else value)
    if "allowed" in field:
        assert refuses(cls, name, ["no such value"] if listed else "no such value")
        return
    if (low := field.get("minimum")) is not None:
        assert not refuses(cls, name, low)
        assert refuses(cls, name, low - 1)
    if (high := field.get("maximum")) is not None:
        assert not refuses(cls, name, high)
        assert refuses(cls, name, high + 1)
    if (multiple := field.get("multiple_of")) is not None:
        assert refuses(cls, name, field.get("minimum", multiple) + 1)
    if field["type"] == "text" and (longest := field.get("max_length")) is not None:
        assert not refuses(cls, name, "x" * longest)
        assert refuses(cls, name, "x" * (longest + 1))
    if field["type"] in ("integer", "number"):
        assert refuses(cls, name, "a word")
    if field["type"] == "boolean":
        assert not refuses(cls, name, True)
        assert refuses(cls, name, "perhaps")
    if field["type"] == "https URL":
        assert not refuses(cls, name, "https://example.com/x.png")
        assert refuses(cls, name, "http://example.com/x.png")
    if field["type"] == "ratio":
        assert not refuses(cls, name, "7:4")
        assert refuses(cls, name, "7 by 4")
    if field["type"] == "image":
        assert not refuses(cls, name, "s3://bucket/a.png")
        assert refuses(cls, name, "no image at all")
    if "max_items" in field:
        one = "https://example.com/x.png"
        assert not refuses(cls, name, [one] * field["max_items"])
        assert refuses(cls, name, [one] * (field["max_items"] + 1))


def test_no_limit_of_a_field_is_left_out():
    """What pydantic itself knows as a limit (its JSON schema) is in the description."""
    words = {
        "minimum": "minimum", "maximum": "maximum", "multipleOf": "multiple_of", "minLength": "min_length",
        "maxLength": "max_length", "minItems": "min_items", "maxItems": "max_items", "enum": "allowed",
    }  # fmt: skip
    for cls in CLASSES:
        described = {f["name"]: f for f in cls.describe()["fields"]}
        for name, schema in cls.model_json_schema()["properties"].items():
            if name == "extra_body":
                continue
            for part in (schema, *(p for p in schema.get("anyOf", ()) if p.get("type") != "null")):
                for theirs, ours in words.items():
                    if theirs in part:
                        assert described[name].get(ours) == part[theirs], (cls, name, theirs)


def test_descriptions_are_plain_json_with_importable_classes():
    described = [cls.describe() for cls in CLASSES]
    assert json.loads(json.dumps(described)) == described
    assert len(described) == len(CLASSES)
    for value, cls in zip(described, CLASSES, strict=True):
        module, _, name = value["request"].rpartition(".")
        assert getattr(importlib.import_module(module), name) is cls
        assert value["summary"]
        assert [f["name"] for f in value["fields"]] == cls.field_names()


def test_limits_in_words():
    fields = {f["name"]: limits_text(f) for f in GptImage2.describe()["fields"]}
    assert fields["n"] == "1 to 4"
    assert fields["size"] == "1024x1024, 1536x1024, 1024x1536, auto"
    assert fields["prompt"] == "at most 4000 characters"
    assert {f["name"]: f["type"] for f in MidjourneyV7.describe()["fields"]}["aspect_ratio"] == "ratio"


def test_the_command(orux):
    rows = orux("models", "--gateway", "orux", "-o", "json").json
    assert rows == [cls.describe() for cls in catalogue.requests_of("orux")]
    assert yaml.safe_load(orux("models", "--gateway", "orux", "-o", "yaml").out) == rows
    assert len(
        list(csv.DictReader(io.StringIO(orux("models", "--gateway", "orux", "-o", "csv").out)))
    ) == len(rows)
    fields = list(csv.DictReader(io.StringIO(orux("models", "--model", "gpt-image-2", "-o", "csv").out)))
    assert ("gpt-image-2", "n", "1 to 4") in [(f["model"], f["name"], f["allowed"]) for f in fields]
    table = orux("models", "--gateway", "orux")
    assert table.status == 0
    assert len([line for line in table.out.splitlines() if line.startswith("orux ")]) == len(rows)
    one = orux("models", "--model", "MIDJOURNEY-V7", "--verb", "imagine")
    assert "stylize" in one.out
    assert "0 to 1000" in one.out
    assert "generation 1 only" in orux("models", "--gateway", "opengpu_relay").out
    typo = orux("models", "--model", "gpt-imag-2")
    assert typo.status == 1
    assert "did you mean gpt-image-2?" in typo.err
