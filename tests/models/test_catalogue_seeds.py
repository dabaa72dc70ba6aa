"""The typed requests against the vendors' own tables: field by field, limit by limit, value by value.

The tables are those of YEScale's page "Flux (OpenAI dall-e-3 format)" and OpenGPU Relay's page "Image Generation", as
the vendors wrote them: name, type, default (or required), allowed values.
"""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.models import opengpu_relay, yescale
from airflow_provider_orux.models.describe import describe_fields
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.requests import GenerationRequest

REQUIRED = object()
NONE = None

#: As the page has them, with its repetitions.
FLUX_SIZES = [
    "1024x512", "1024x1024", "1024x576", "1024x768", "1024x512", "512x1024", "512x768", "1280x960", "1280x960",
    "960x1280", "960x1280", "768x1366", "768x512", "1366x768", "1344x576",
]  # fmt: skip

QWEN = {
    "prompt": ("string", REQUIRED, None),
    "size": ("string", "1024x1024", None),
    "seed": ("int", NONE, None),
}
GPT_QUALITY = "auto, low, medium, high"
SD = {
    "prompt": ("string", REQUIRED, None),
    "negative_prompt": ("string", NONE, None),
    "steps": ("int", 20, None),
    "width": ("int", 512, None),
    "height": ("int", 512, None),
    "cfg_scale": ("float", 7, None),
}

#: The row ``model`` of the same table: a string, the first by default, and the line "Models" under it.
SD_MODELS = (
    "Realistic_Vision_V5.1.safetensors",
    "illustriousRealismBy_v10VAE.safetensors",
    "stable-diffusion-v1-5-pruned.safetensors",
)

TABLES: dict[type[GenerationRequest], tuple[str, dict[str, tuple[str, Any, str | None]]]] = {
    yescale.FluxPro: (
        "flux-pro",
        {
            "prompt": ("string", REQUIRED, None),
            "n": ("int", NONE, None),
            "size": ("string", NONE, ", ".join(dict.fromkeys(FLUX_SIZES))),
        },
    ),
    opengpu_relay.RealisticVision: ("Realistic_Vision_V5.1.safetensors", SD),
    opengpu_relay.IllustriousRealism: ("illustriousRealismBy_v10VAE.safetensors", SD),
    opengpu_relay.StableDiffusion15: ("stable-diffusion-v1-5-pruned.safetensors", SD),
    opengpu_relay.Gen1Flux2Pro: (
        "black-forest-labs/FLUX-2-pro",
        {
            "prompt": ("string", REQUIRED, None),
            "width": ("int", 1024, None),
            "height": ("int", 1024, None),
            "seed": ("int", NONE, None),
            "safety_tolerance": ("int", 2, None),
            "output_format": ("string", "png", "png, jpeg"),
            "input_image": ("string", NONE, None),
            "input_image_2": ("string", NONE, None),
            "input_image_3": ("string", NONE, None),
            "input_image_4": ("string", NONE, None),
        },
    ),
    opengpu_relay.Gen1Gemini3Pro: (
        "google/gemini-3-pro-T2I",
        {
            "prompt": ("string", REQUIRED, None),
            "aspect_ratio": ("string", "1:1", "1:1, 2:3, 3:2, 3:4, 4:3, 4:5, 5:4, 9:16, 16:9, 21:9"),
            "image_size": ("string", "1K", "1K, 2K, 4K"),
        },
    ),
    opengpu_relay.Gen1GptImage15: (
        "openai/gpt-image-1.5-T2I",
        {
            "prompt": ("string", REQUIRED, None),
            "size": ("string", "1024x1024", "1024x1024, 1536x1024, 1024x1536, auto"),
            "quality": ("string", "auto", GPT_QUALITY),
            "n": ("int", 1, None),
        },
    ),
    opengpu_relay.Gen1GptImage15Edit: (
        "openai/gpt-image-1.5-I2I",
        {
            "prompt": ("string", REQUIRED, None),
            "image": ("string", REQUIRED, None),
            "mask": ("string", NONE, None),
            "size": ("string", "1024x1024", None),
            "quality": ("string", "auto", GPT_QUALITY),
            "n": ("int", 1, None),
        },
    ),
    opengpu_relay.Gen1QwenImage: ("Qwen/qwen-image", QWEN),
    opengpu_relay.Gen1QwenImageEdit: (
        "Qwen/qwen-image-edit",
        {**QWEN, "image": ("string", REQUIRED, None)},
    ),
}

SAMPLES = {"string": "1024x1024", "int": 256, "float": 6.5}
IMAGE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"

CASES = [(cls, name) for cls, (_, table) in TABLES.items() for name in table]


@pytest.mark.parametrize("cls", TABLES, ids=lambda c: c.__name__)
def test_the_model_and_the_names_of_its_fields_are_the_tables(cls: type[GenerationRequest]) -> None:
    model, table = TABLES[cls]
    assert cls.model == model
    assert sorted(cls.field_names()) == sorted(table)


@pytest.mark.parametrize(("cls", "name"), CASES, ids=lambda v: getattr(v, "__name__", v))
def test_each_field_is_as_its_row_says(cls: type[GenerationRequest], name: str) -> None:
    kind, default, values = TABLES[cls][1][name]
    field = cls.model_fields[name]
    assert field.is_required() == (default is REQUIRED)
    if default is not REQUIRED:
        assert field.default == default
    allowed = describe_fields(cls)[name].get("allowed")
    assert (allowed and ", ".join(allowed)) == values
    image = ("image" in name and name != "image_size") or name == "mask"
    good: Any = values.split(", ")[-1] if values else IMAGE if image else SAMPLES[kind]
    if name in ("safety_tolerance", "n"):
        good = 1
    others = {
        n: IMAGE if n == "image" else "a fox" for n, row in TABLES[cls][1].items() if row[1] is REQUIRED
    }
    request = cls(**{**others, name: good})
    assert request.fields()[name] == good
    wrong: Any = "nonsense" if kind != "string" or values else 17
    with pytest.raises(InvalidRequestError) as e:
        cls(**{**others, name: wrong})
    assert f"`{name}`" in e.value.message


def test_the_row_model_of_stable_diffusion_is_a_class_for_each_value() -> None:
    classes = [c for c in opengpu_relay.REQUESTS if issubclass(c, opengpu_relay.StableDiffusion)]
    assert tuple(cls.model for cls in classes) == SD_MODELS
    gateway = gateway_for("opengpu_relay", {"generation": 1})
    for model, cls in zip(SD_MODELS, classes, strict=True):
        assert cls.path == opengpu_relay.StableDiffusion.path  # type: ignore[attr-defined]
        for sent in (gateway.generate(cls(prompt="a fox")), gateway.submit(cls(prompt="a fox"))):
            assert (sent.body or {})["model"] == model


def test_a_field_without_a_default_in_the_table_is_not_made_up() -> None:
    """The page of flux-pro gives ``n`` limits and an example, and no default."""
    request = yescale.FluxPro(prompt="a fox")
    assert (request.n, request.count, request.fields()) == (None, None, {"prompt": "a fox"})


@pytest.mark.parametrize(
    ("cls", "fields", "allowed"),
    [
        (yescale.FluxPro, {"prompt": "x" * 1001}, "at most 1000"),
        (yescale.FluxPro, {"prompt": "x", "n": 0}, "1 to 10"),
        (yescale.FluxPro, {"prompt": "x", "n": 11}, "1 to 10"),
        (yescale.FluxPro, {"prompt": "x", "size": "1024x1023"}, "1024x1024"),
        (opengpu_relay.Gen1Flux2Pro, {"prompt": "x", "width": 32}, "64"),
        (opengpu_relay.Gen1Flux2Pro, {"prompt": "x", "height": 1000}, "multiple of 32"),
        (opengpu_relay.Gen1Flux2Pro, {"prompt": "x", "safety_tolerance": 7}, "0 to 6"),
        (opengpu_relay.Gen1GptImage15, {"prompt": "x", "n": 5}, "1 to 4"),
        (opengpu_relay.Gen1QwenImage, {"prompt": "x", "size": "square"}, "like 1024x1024"),
        (opengpu_relay.Flux2Pro, {"prompt": "x", "width": 2080}, "64 to 2048"),
        (opengpu_relay.GptImage15, {"prompt": "x", "size": "auto"}, "1536x1024"),
        (opengpu_relay.GptImage15, {"prompt": "x", "quality": "auto"}, "low, medium, high"),
        (opengpu_relay.GptImage15, {"prompt": "x" * 32001}, "at most 32000"),
        (opengpu_relay.Gemini3ProImage, {"prompt": "x", "images": [IMAGE] * 15}, "at most 14"),
        (opengpu_relay.Seedream5Pro, {"prompt": "x", "size": "4K"}, "1K, 2K"),
        (opengpu_relay.GptImage2, {"prompt": "x", "n": 11}, "1 to 10"),
    ],
    ids=lambda v: v.__name__ if isinstance(v, type) else None,
)
def test_limits(cls: type[GenerationRequest], fields: dict[str, Any], allowed: str) -> None:
    with pytest.raises(InvalidRequestError) as e:
        cls(**fields)
    assert allowed in e.value.message
    assert e.value.charged == "no"


def test_limits_are_inclusive() -> None:
    assert yescale.FluxPro(prompt="x" * 1000, n=10).count == 10
    assert opengpu_relay.Flux2Pro(prompt="x", width=2048, height=64).fields()["width"] == 2048
    assert opengpu_relay.Gen1Flux2Pro(prompt="x", width=4096).fields()["width"] == 4096


def test_each_size_of_flux_is_taken() -> None:
    for size in FLUX_SIZES:
        assert yescale.FluxPro(prompt="x", size=size).fields()["size"] == size
