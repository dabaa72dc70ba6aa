"""What a job costs by a gateway's own list, and when nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_orux.gateways.opengpu_relay.prices import price_list, read_prices
from airflow_provider_orux.lifecycle.billing import Billed

#: Prices as seen on 2026-10-06.
ROWS: list[Any] = [
    {
        "model": "video.KlingTeam/v3-T2V",
        "billing_type": "per_second_video",
        "per_second_video": {
            "std|silent": 0.084,
            "std|sound": 0.126,
            "pro|silent": 0.112,
            "pro|sound": 0.168,
        },
    },
    {
        "model": "video.KlingTeam/kling-video-o1",
        "billing_type": "per_second_video",
        "per_second_video": {
            "std|no-ref": 0.084,
            "std|w-ref": 0.126,
            "pro|no-ref": 0.112,
            "pro|w-ref": 0.168,
        },
    },
    {
        "model": "video.Wan-AI/Wan2.5-T2V",
        "billing_type": "per_second_video",
        "per_second_video": {"480p": 0.05, "720p": 0.075, "1080p": 0.1},
    },
    {
        "model": "video.HappyHorse/HappyHorse-1.0-T2V",
        "billing_type": "per_second_video",
        "per_second_video": {"720P": 0.126, "1080P": 0.224},
    },
    {"model": "audio.Qwen/qwen3-tts-flash", "billing_type": "per_character", "per_1k_characters": 0.0112},
    {"model": "audio.openai/whisper-1", "billing_type": "per_second_audio", "per_second_audio": 0.0001},
    {
        "model": "video.ByteDance/doubao-seedance-2-0-260128",
        "billing_type": "per_media_token",
        "per_1m_media_output_tokens": 7.14,
    },
    {"model": "image.openai/gpt-image-2.5-flare", "billing_type": "per_token", "per_1m_input_tokens": 5},
    {
        "model": "image.x/both",
        "billing_type": "per_image_plus_tokens",
        "per_image": 0.1,
        "per_1m_input_tokens": 5,
    },
    {"model": "image.Wan-AI/Wan2.7-Image-Pro", "billing_type": "per_image", "per_image": 0.07},
    {"model": "x.relay/conductor", "billing_type": "per_request", "per_request": 0.002},
]
LISTED = read_prices(ROWS, known=set())
KLING, O1, WAN = "KlingTeam/v3-T2V", "KlingTeam/kling-video-o1", "Wan-AI/Wan2.5-T2V"
HORSE, TTS, WHISPER = "HappyHorse/HappyHorse-1.0-T2V", "Qwen/qwen3-tts-flash", "openai/whisper-1"


@pytest.mark.parametrize(
    ("model", "fields", "details", "amount"),
    [
        (KLING, {"quality_mode": "std", "sound": False}, {"duration": 5}, 0.42),
        (KLING, {"quality_mode": "pro", "sound": True}, {"duration": 10}, 1.68),
        (O1, {"quality_mode": "pro"}, {"duration": 5}, 0.56),
        (O1, {"quality_mode": "pro", "base_video_url": "x"}, {"duration": 5}, 0.84),
        (WAN, {"size": "832x480"}, {"duration": 5}, 0.25),
        (WAN, {"size": "1280x720"}, {"duration": 10}, 0.75),
        (WAN, {}, {"duration": 10, "size": "1280x720"}, 0.75),
        (HORSE, {"resolution": "1080P"}, {"duration": 5.5}, 1.232),
        (TTS, {"input": "x" * 500}, {"characters": 1000}, 0.0112),
        (TTS, {"input": "x" * 500}, {}, 0.0056),
        (WHISPER, {}, {"duration": 60.0}, 0.006),
        (WHISPER, {}, {"audio_duration_secs": 30, "billable_seconds": 60}, 0.006),
        ("relay/conductor", {}, {}, 0.002),
        # The vendor takes the cheapest where none is named.
        (KLING, {}, {"duration": 5}, 0.42),
        (WAN, {"size": "640x360"}, {"duration": 5}, 0.25),
    ],
)
def test_what_a_job_cost(model: str, fields: dict[str, Any], details: dict[str, Any], amount: float) -> None:
    cost = Billed.of(fields, details=details, images=1).cost(LISTED, model)
    assert cost == (pytest.approx(amount), "USD")


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (KLING, {"duration": 5}),  # ordered, and not told by the answer
        (WHISPER, {}),
        ("ByteDance/doubao-seedance-2-0-260128", {"duration": 5}),
        ("openai/gpt-image-2.5-flare", {}),
        ("x/both", {}),
        ("no/such", {}),
    ],
)
def test_what_nobody_tells_is_unknown(model: str, fields: dict[str, Any]) -> None:
    assert Billed.of(fields, details={}, images=1).cost(LISTED, model) is None


def test_an_estimate_goes_by_the_request_and_takes_the_highest() -> None:
    assert Billed.of({"duration": 5}).cost(LISTED, KLING, at_most=True) == (pytest.approx(0.84), "USD")
    silent = {"duration": 5, "quality_mode": "std", "sound": False}
    assert Billed.of(silent).cost(LISTED, KLING, at_most=True) == (pytest.approx(0.42), "USD")
    assert Billed.of({"prompt": "x"}).cost(LISTED, KLING, at_most=True) is None
    assert Billed.of({"text": "x" * 100}).cost(LISTED, TTS, at_most=True) == (pytest.approx(0.00112), "USD")
    assert Billed.of({}, images=3).cost(LISTED, "Wan-AI/Wan2.7-Image-Pro") == (pytest.approx(0.21), "USD")


@pytest.mark.parametrize("name", ["reference_video_url", "base_video_url"])
def test_an_estimate_does_not_take_a_reference_for_missing_that_comes_later(name: str) -> None:
    fields = {"duration": 5, "quality_mode": "pro"}
    assert Billed.of(fields).cost(LISTED, O1, at_most=True) == (pytest.approx(0.56), "USD")
    assert Billed.of(fields, pending=[name]).cost(LISTED, O1, at_most=True) == (pytest.approx(0.84), "USD")


def test_a_clip_of_several_shots_has_no_known_length() -> None:
    shots = [{"index": 1, "prompt": "x", "duration": 5}, {"index": 2, "prompt": "y", "duration": 5}]
    assert Billed.of({"duration": 5, "multi_prompt": shots}).cost(LISTED, KLING, at_most=True) is None
    assert Billed.of({"duration": 5}, pending=["multi_prompt"]).cost(LISTED, KLING, at_most=True) is None


@pytest.mark.parametrize("rows", [
    [{"model": "image.x/y", "billing_type": "per_megapixel", "per_image": 0.01}],
    [{"model": "image.x/y", "billing_type": "per_image", "per_image": 0.01}, {"model": "image.x/y", "billing_type": "per_token"}],
    [{"model": "image.x/y", "billing_type": "per_image", "per_image": 0.01},
     {"model": "image.x/y", "billing_type": "per_second_video", "per_second_video": 0.1}],
    [{"model": "image.x/y", "per_image": 0.01, "per_request": 0.001}],
])  # fmt: skip
def test_a_price_of_unknown_parts_is_none(rows: list[Any]) -> None:
    assert read_prices(rows, known=set()) == {}


def test_a_row_has_the_price_of_its_own_type() -> None:
    row = {
        "model": "video.x/y",
        "billing_type": "per_second_video",
        "per_second_video": 0.1,
        "per_request": 0,
    }
    assert read_prices([row], known=set()) == {"x/y": (0.1, "USD/second")}


@pytest.mark.parametrize(
    ("store_output", "model", "fields", "pending", "images", "fee"),
    [
        ("auto", KLING, {}, [], 1, 0.0005),
        ("relay7d", KLING, {}, [], 1, 0.001),
        ("provider", KLING, {}, [], 1, 0),
        ("provider", KLING, {"store_output": "relay30d"}, [], 1, 0.003),
        ("relay30d", KLING, {"store_output": "provider"}, [], 1, 0),
        ("provider", KLING, {}, ["store_output"], 1, 0.003),
        ("auto", "Wan-AI/Wan2.7-Image-Pro", {}, [], 4, 0.002),
        ("relay7d", "black-forest-labs/FLUX-2-pro", {}, [], 1, 0),  # its route keeps nothing
    ],
)
def test_an_estimate_has_the_fee_of_keeping_what_is_made(
    store_output: str, model: str, fields: dict[str, Any], pending: list[str], images: int, fee: float
) -> None:
    flux = {"model": "image.black-forest-labs/FLUX-2-pro", "billing_type": "per_image", "per_image": 0.04}
    storage = {"relay1d": 0.0005, "relay7d": 0.001, "relay30d": 0.003, "unit": "per_file"}
    value = {"pricing": [*ROWS, flux], "media_storage": storage}
    fields = {"duration": 5, **fields}
    billed = Billed.of(fields, pending=pending, images=images)
    plain, listed = read_prices(value["pricing"], known=set()), price_list(value, store_output=store_output)
    without = billed.cost(plain, model, at_most=True)
    found = billed.cost(listed, model, at_most=True)
    assert without is not None
    assert found is not None
    assert found[0] - without[0] == pytest.approx(fee, abs=1e-9)
    # What it did cost is told without: no answer tells whether it was kept.
    assert billed.cost(listed, model) == billed.cost(plain, model)
    other = {**value, "media_storage": {**storage, "unit": "per_gb"}}
    assert price_list(other, store_output=store_output) == plain


@pytest.mark.parametrize("value", [True, "5", -1, float("nan"), float("inf"), None, [5]])
def test_facts_that_are_no_numbers(value: Any) -> None:
    assert Billed.of({}, details={"duration": value, "characters": value}).seconds is None
    assert Billed.of({"duration": value}).cost(LISTED, KLING) is None
