"""Every field of the nine image models, from the typed request over HTTP into the gateway's own reading of it.

The values are taken from the vendor's tables (page "Images"), a third time: neither from ``models/`` nor from the
sandbox. The page "Models" of the documentation names these tests field by field.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.sync import GatewayClient
from airflow_provider_orux.gateways.orux import OruxGateway
from airflow_provider_orux.models import orux
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest

REQUIRED = object()
UNSET = None
URL = "https://example.com/a.png"
HOOK = (UNSET, ["https://example.com/hook"], ["http://example.com/hook", "hook"])
PROMPT = (REQUIRED, ["a fox", "狐 🦊", "x" * 4000], ["", "   ", "x" * 4001])
SEED = (UNSET, [0, 42, -1], ["seven", 1.5])

# field: (default, good values, bad values)
TABLES: dict[type[GenerationRequest], dict[str, tuple[Any, list[Any], list[Any]]]] = {
    orux.GptImage2: {
        "prompt": PROMPT,
        "size": ("1024x1024", ["1024x1024", "1536x1024", "1024x1536", "auto"], ["1024x1792", "2K"]),
        "quality": ("auto", ["low", "medium", "high", "auto"], ["hd", "standard"]),
        "n": (1, [1, 2, 3, 4], [0, 5]),
        "response_format": ("url", ["url", "b64_json"], ["png"]),
        "webhook_url": HOOK,
    },
    orux.Gemini3ProImage: {
        "prompt": PROMPT,
        "aspect_ratio": ("1:1", ["1:1", "16:9", "9:16", "4:3", "3:4", "21:9"], ["2:3", "16x9"]),
        "n": (1, [1, 2, 3, 4], [0, 5]),
        "seed": SEED,
        "webhook_url": HOOK,
    },
    orux.FluxKontextPro: {
        "prompt": PROMPT,
        "aspect_ratio": ("1:1", ["21:9", "16:9", "4:3", "1:1", "3:4", "9:16"], ["7:4"]),
        "prompt_upsampling": (False, [True, False], ["maybe", 7]),
        "seed": SEED,
        "reference_image_url": (UNSET, [URL], ["http://example.com/a.png", "a.png"]),
        "webhook_url": HOOK,
    },
    orux.FluxKontextMax: {
        "prompt": PROMPT,
        "aspect_ratio": ("1:1", ["21:9", "16:9", "4:3", "1:1", "3:4", "9:16"], ["1:2"]),
        "reference_image_url": (UNSET, [URL], ["ftp://example.com/a.png", ""]),
        "seed": SEED,
        "webhook_url": HOOK,
    },
    orux.RunwayGen4Image: {
        "prompt": PROMPT,
        "aspect_ratio": ("16:9", ["16:9", "9:16", "1:1", "4:3", "3:4"], ["21:9"]),
        "reference_images": (UNSET, [[URL], [URL] * 3], [[URL] * 4, ["http://example.com/a.png"], URL]),
        "seed": SEED,
        "webhook_url": HOOK,
    },
    orux.MidjourneyV7: {
        "prompt": PROMPT,
        "aspect_ratio": (UNSET, ["16:9", "2:3", "7:4"], ["16x9", "0:1", "wide"]),
        "stylize": (100, [0, 250, 1000], [-1, 1001]),
        "weird": (0, [0, 3000], [-1, 3001]),
        "chaos": (0, [0, 100], [-1, 101]),
        "tile": (False, [True, False], ["maybe"]),
        # In the prose; the table has none.
        "reference_images": (UNSET, [[URL], [URL] * 4], [["http://example.com/a.png"], "a.png"]),
        "webhook_url": HOOK,
    },
    orux.Seedream4: {
        "prompt": PROMPT,
        "size": ("2K", ["1K", "2K", "4K"], ["8K", "1024x1024"]),
        "aspect_ratio": ("1:1", ["1:1", "16:9", "9:16", "4:3", "3:4"], ["21:9"]),
        "watermark": (False, [True, False], ["maybe"]),
        "webhook_url": HOOK,
    },
    orux.QwenImageEdit: {
        "prompt": PROMPT,
        "image_url": (REQUIRED, [URL], ["http://example.com/a.png", "a.png"]),
        "webhook_url": HOOK,
    },
    orux.RecraftV3: {
        "prompt": PROMPT,
        "style": (UNSET, ["digital_illustration", "vector_illustration"], [7]),
        "webhook_url": HOOK,
    },
}
FIELDS = [
    pytest.param(cls, name, *row, id=f"{cls.model}.{name}")
    for cls, fields in TABLES.items()
    for name, row in fields.items()
]
each_field = pytest.mark.parametrize(("cls", "name", "default", "good", "bad"), FIELDS)


@pytest.fixture
def client(field_sandbox: Any) -> Iterator[GatewayClient]:
    with GatewayClient(
        OruxGateway(), ClientSettings(base_url=field_sandbox.url, key=field_sandbox.key)
    ) as found:
        yield found


def send(client: GatewayClient, request: GenerationRequest, model: str) -> None:
    """Midjourney is a job, everything else one call."""
    if model == "midjourney-v7":
        client.submit(request)
    else:
        client.generate(request, submission_id="gen-1")


def needed(cls: type[GenerationRequest], *, without: str) -> dict[str, Any]:
    """The required fields of a model but one."""
    return {
        name: good[0]
        for name, (default, good, _) in TABLES[cls].items()
        if default is REQUIRED and name != without
    }


def test_the_tables_have_every_field_of_every_model():
    image_models = {
        cls
        for cls in orux.REQUESTS
        if cls.source.endswith("page Images") and cls.verb in ("generate", "imagine")
    }
    assert set(TABLES) == image_models
    assert len(image_models) == 9
    for cls, fields in TABLES.items():
        assert list(fields) == cls.field_names(), cls.model


@each_field
def test_a_good_value_arrives(field_sandbox, client, cls, name, default, good, bad):
    for value in good:
        others = needed(cls, without=name)
        send(client, cls(**{name: value}, **others), cls.model)
        # Exactly what was given, nothing that was not.
        assert field_sandbox.requests()[-1]["body"] == {"model": cls.model, name: value, **others}
        assert field_sandbox.jobs()[0]["request"][name] == value
    assert len(field_sandbox.charges()) == len(good)


@each_field
def test_a_wrong_value_is_refused_twice(field_sandbox, client, cls, name, default, good, bad):
    for value in bad:
        others = needed(cls, without=name)
        with pytest.raises(InvalidRequestError) as ours:
            cls(**{name: value}, **others)
        assert (ours.value.param, ours.value.charged) == (name, "no")
        assert f"`{name}` of {cls.model}" in ours.value.message
        assert field_sandbox.requests() == []
        # And the gateway's own reading, behind our backs.
        with pytest.raises(InvalidRequestError) as theirs:
            send(client, CustomRequest(name=cls.model, body={name: value, **others}), cls.model)
        assert (theirs.value.code, theirs.value.param) == ("invalid_param", name)
        assert (theirs.value.http_status, theirs.value.charged) == (400, "no")
        field_sandbox.reset()
    assert field_sandbox.charges() == []


@each_field
def test_the_default_is_the_documented_one(field_sandbox, client, cls, name, default, good, bad):
    others = needed(cls, without=name)
    if default is REQUIRED:
        with pytest.raises(InvalidRequestError) as missing:
            cls(**others)
        assert missing.value.param == name
        assert f"`{name}` is missing" in missing.value.message
        return
    assert cls.model_fields[name].default == default
    send(client, cls(**others), cls.model)
    assert name not in field_sandbox.requests()[-1]["body"]
    # What the gateway fills in by itself is what our documentation says.
    assert field_sandbox.jobs()[0]["request"].get(name) == default


@each_field
def test_a_rendered_template_is_a_text_and_arrives_as_its_type(
    field_sandbox, client, cls, name, default, good, bad
):
    scalars = [value for value in good if isinstance(value, (bool, int))]
    for value in scalars:
        send(client, cls(**{name: str(value)}, **needed(cls, without=name)), cls.model)
        sent = field_sandbox.requests()[-1]["body"][name]
        assert (sent, type(sent)) == (value, type(value))
    assert len(field_sandbox.charges()) == len(scalars)
