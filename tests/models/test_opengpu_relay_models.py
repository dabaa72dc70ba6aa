"""Which of Relay's requests belong to which generation, and what a person is told who takes the wrong one."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.models import opengpu_relay as relay
from airflow_provider_orux.models.catalogue import RequestSpec
from airflow_provider_orux.models.errors import InvalidRequestError, UnsupportedByGatewayError

ROUTES = {
    ("Realistic_Vision_V5.1.safetensors", 1): "/v2/automatic1111/sdapi/v1/txt2img",
    ("illustriousRealismBy_v10VAE.safetensors", 1): "/v2/automatic1111/sdapi/v1/txt2img",
    ("stable-diffusion-v1-5-pruned.safetensors", 1): "/v2/automatic1111/sdapi/v1/txt2img",
    ("black-forest-labs/FLUX-2-pro", 1): "/v2/image/flux/generate",
    ("black-forest-labs/FLUX-2-pro", 2): "/v2/image/flux/generate",
    ("google/gemini-3-pro-T2I", 1): "/v2/image/gemini-3/generate",
    ("google/gemini-3-pro-image", 2): "/v2/image/gemini-3/generate",
    ("openai/gpt-image-1.5-T2I", 1): "/v2/image/gpt-image/generate",
    ("openai/gpt-image-1.5-T2I", 2): "/v2/image/gpt-image/generate",
    ("openai/gpt-image-1.5-I2I", 1): "/v2/image/gpt-image/edit",
    ("openai/gpt-image-1.5-I2I", 2): "/v2/image/gpt-image/edit",
    ("Qwen/qwen-image", 1): "/v2/image/qwen/generate",
    ("Qwen/qwen-image", 2): "/v2/image/qwen/generate",
    ("Qwen/qwen-image-edit", 1): "/v2/image/qwen/edit",
    ("Qwen/qwen-image-edit", 2): "/v2/image/qwen/edit",
    ("openai/gpt-image-2", 2): "/v2/image/gpt-image-2/generate",
    ("ByteDance/doubao-seedream-5-0-pro-260628", 2): "/v2/image/seedream-5-0-pro/generate",
    ("Wan-AI/Wan2.7-Image-Pro", 2): "/v2/image/wan-2-7-image-pro/generate",
}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"


def test_the_routes_are_the_vendors() -> None:
    assert {(c.model, c.generation): c.path for c in relay.REQUESTS} == ROUTES  # type: ignore[attr-defined]


@pytest.mark.parametrize("generation", [1, 2])
def test_a_gateway_takes_the_requests_of_its_generation(generation: int) -> None:
    offered = gateway_for("opengpu_relay", {"generation": generation}).requests
    assert {c.model for c in offered} == {model for model, g in ROUTES if g == generation}


def test_stable_diffusion_on_generation_2_says_generation_1_only() -> None:
    offered = gateway_for("opengpu_relay").requests
    with pytest.raises(UnsupportedByGatewayError, match="generation 1 only"):
        RequestSpec(model="Realistic_Vision_V5.1.safetensors", verb="generate", fields={"prompt": "x"}).build(
            among=offered
        )
    with pytest.raises(UnsupportedByGatewayError, match="generation 2 only"):
        RequestSpec(model="openai/gpt-image-2", verb="generate", fields={"prompt": "x"}).build(
            among=gateway_for("opengpu_relay", {"generation": 1}).requests
        )


def test_while_a_dag_is_parsed_either_generation_will_do() -> None:
    RequestSpec(
        model="openai/gpt-image-1.5-T2I", verb="generate", fields={"prompt": "x", "quality": "auto"}
    ).check()
    RequestSpec(
        model="openai/gpt-image-1.5-T2I", verb="generate", fields={"prompt": "x", "store_output": "relay7d"}
    ).check()
    with pytest.raises(InvalidRequestError, match="quality"):
        RequestSpec(
            model="openai/gpt-image-1.5-T2I", verb="generate", fields={"prompt": "x", "quality": "best"}
        ).check()


def test_the_fields_of_all_routes_are_generation_2s() -> None:
    for cls in relay.REQUESTS:
        common = {"mode", "webhook_url", "store_output"} & set(cls.field_names())
        assert common == ({"mode", "webhook_url", "store_output"} if cls.generation == 2 else set())  # type: ignore[attr-defined]
    with pytest.raises(InvalidRequestError, match="https"):
        relay.QwenImage(prompt="x", webhook_url="http://example.org/hook")


def test_what_wan_and_gemini_need() -> None:
    with pytest.raises(InvalidRequestError, match="`prompt`, `image` or `images`"):
        relay.Wan27ImagePro(n=2)
    assert relay.Wan27ImagePro(image=PNG).fields() == {"image": PNG}
    with pytest.raises(InvalidRequestError, match="not both"):
        relay.Gemini3ProImage(prompt="x", image=PNG, images=[PNG])


def test_who_answers_with_base64() -> None:
    inline = {c.__name__ for c in relay.REQUESTS if c.inline}  # type: ignore[attr-defined]
    assert "Gen1GptImage15" not in inline
    assert "GptImage15" in inline
    assert not {"QwenImage", "Seedream5Pro", "Wan27ImagePro", "Gen1QwenImageEdit"} & inline
    assert relay.Flux2Pro(prompt="x").makes_inline
    assert not relay.QwenImage(prompt="x").makes_inline


@pytest.mark.parametrize(
    ("cls", "good", "bad"),
    [
        (
            relay.GptImage2,
            {"size": "3840x2160", "quality": "xhigh", "output_format": "jpeg"},
            {"size": "1920x1080"},
        ),
        (relay.GptImage2, {"image": [PNG, PNG], "quality": "max"}, {"quality": "best"}),
        (relay.GptImage2, {"image": [PNG], "mask": PNG}, {"image": [PNG, PNG], "mask": PNG}),
        (relay.GptImage2, {"prompt": "x" * 32000}, {"prompt": "x" * 32001}),
        (relay.GptImage2, {"output_format": "png"}, {"output_format": "webp"}),
        (relay.Seedream5Pro, {"size": "2048x2048", "output_format": "jpeg"}, {"size": "3000x3000"}),
        (relay.Seedream5Pro, {"size": "2K"}, {"output_format": "webp"}),
        (relay.Wan27ImagePro, {"n": 16, "enable_sequential": True}, {"n": 5}),
        (relay.Wan27ImagePro, {"n": 4}, {"n": 17, "enable_sequential": True}),
    ],
)
def test_what_the_vendor_documents(
    cls: type[relay.Generation2], good: dict[str, Any], bad: dict[str, Any]
) -> None:
    assert cls(**{"prompt": "x", **good}).fields() == {"prompt": "x", **good}
    with pytest.raises(InvalidRequestError):
        cls(**{"prompt": "x", **bad})
