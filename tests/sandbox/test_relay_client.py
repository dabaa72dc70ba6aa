"""The vendor's own client, relaygpu-client, against the sandbox: every call that our provider makes too, and the account's."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from orux_sandbox.art import recordings

relaygpu = pytest.importorskip("relaygpu")
MAP = pytest.importorskip("relaygpu._generated.models_map")
WORKFLOWS = ("script-voiceover", "enhance-image", "enhance-video", "animate-image", "animate-upscale",
             "enhance-animate", "gen-edit")  # fmt: skip
INPUTS = {
    "image_url": "https://example.com/fox.png",
    "video_url": "https://example.com/fox.mp4",
    "prompt": "waves",
    "edit": "at night",
    "text": "good morning",
}


@pytest.fixture
def client(sandbox: Any) -> Iterator[Any]:
    with relaygpu.Relay(
        sandbox.key_of("opengpu_relay"), base_url=sandbox.url_of("opengpu_relay"), retry=False
    ) as one:
        yield one


def example(client: Any, model: str) -> dict[str, Any]:
    found = client.models.get(model)["request_example"]
    return {name: value for name, value in found.items() if name != "model"}


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "PNG")
    return out.getvalue()


# -- the catalogue -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tag", ["Image", "Video", "Audio"])
def test_every_model_that_the_client_knows(client: Any, tag: str) -> None:
    for model, operation in MAP.MODEL_OPERATIONS[tag].items():
        detail = client.models.get(model)
        assert (detail["status"], detail["endpoint"]["operation_id"]) == ("available", operation)
        assert detail["request_schema"]["additionalProperties"] is False
        assert detail["response_schema"]["properties"]
        assert client.estimate_cost(model, {"duration_seconds": 5, "character_count": 100})["usd"] >= 0


def test_lists_prices_and_tiers(client: Any) -> None:
    known = {model for tag in ("Image", "Video", "Audio") for model in MAP.MODEL_OPERATIONS[tag]}
    assert known <= {row["name"] for row in client.models.list()}
    assert len(client.models.list(tag="text-to-speech")) == 6
    assert len(client.models.list(tag="speech-to-text")) == 3
    pricing = client.pricing.get()
    assert pricing["media_storage"]["unit"] == "per_file"
    assert client.tiers.list()["tiers"]
    assert client.health()["status"] == "ok"


def test_a_retired_model(client: Any) -> None:
    with pytest.raises(relaygpu.errors.ModelRetiredError):
        client.run("openai/sora-2", {"prompt": "x"})


# -- generation --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", MAP.MODEL_OPERATIONS["Image"])
def test_images(client: Any, sandbox: Any, model: str) -> None:
    body = example(client, model)
    if model == "openai/gpt-image-1.5-I2I":
        body["image"] = png()
        result = client.image.edit(model, body)
    else:
        result = client.image.generate(model, body)
    assert Image.open(io.BytesIO(result.images[0].to_bytes())).size[0] > 16
    assert len(sandbox.charges()) == 1


@pytest.mark.parametrize("model", MAP.MODEL_OPERATIONS["Video"])
def test_videos(client: Any, sandbox: Any, model: str) -> None:
    result = client.video.generate(model, example(client, model), wait=True)["result"]
    (url,) = result.get("urls") or result.get("videos")
    assert httpx.get(url).content[:4] == b"RIFF"
    assert len(sandbox.charges()) == 1


@pytest.mark.parametrize("async_", [False, True])
@pytest.mark.parametrize("model", MAP.KnownSpeechModel.__args__)
def test_speech_and_music(client: Any, sandbox: Any, model: str, async_: bool) -> None:
    result = client.audio.speech(model, example(client, model), async_=async_)
    assert result.get("audio_url") or result["content_type"] == "audio/wav"
    assert len(sandbox.charges()) == 1


@pytest.mark.parametrize("model", MAP.KnownTranscribeModel.__args__)
def test_transcripts_of_a_file(client: Any, sandbox: Any, model: str) -> None:
    result = client.audio.transcribe(model, {"audio_url": recordings.tune("x", 1)})
    assert "quiet place" in result["text"]
    assert len(client.files.list()["files"]) == 1


def test_a_field_of_another_model(client: Any) -> None:
    with pytest.raises(relaygpu.ValidationError) as caught:
        client.run("openai/whisper-1", {"audio_url": "https://example.com/a.mp3", "diarize": True})
    assert caught.value.detail[0]["loc"] == ["body", "diarize"]


def test_an_image_is_inlined_or_uploaded_as_the_schema_has_it(client: Any, sandbox: Any) -> None:
    """Bytes in a field for URLs are uploaded; in a field for base64 they go inside."""
    client.image.edit("openai/gpt-image-2", {"prompt": "more snow", "image": png()})
    assert sandbox.requests("relay.files.create") == []
    client.video.generate("Wan-AI/Wan2.5-I2V", {"prompt": "waves", "first_frame_url": png()})
    client.video.generate(
        "Wan-AI/Wan2.5-I2V", {"prompt": "waves", "first_frame_url": png()}, inline_images=True
    )
    assert len(sandbox.requests("relay.files.create")) == 1
    assert len(sandbox.charges()) == 3


# -- files -------------------------------------------------------------------------------------------------------------
def test_files(client: Any, sandbox: Any, tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(recordings.tune("x", 1))
    one = client.files.upload(path)
    assert (one["content_type"], one["size_bytes"], one["status"]) == (
        "audio/wav", path.stat().st_size, "ready",
    )  # fmt: skip
    assert httpx.get(one["url"]).content == path.read_bytes()
    two = client.files.copy("https://example.com/a.mp4", retention="relay1d")
    assert client.files.get(one["file_id"])["file_id"] == one["file_id"]
    assert [f["file_id"] for f in client.files.list()["files"]] == [one["file_id"], two["file_id"]]
    page = client.files.list(limit=1)
    assert page["next_cursor"] == one["file_id"]
    assert client.files.list(limit=1, cursor=page["next_cursor"])["files"][0]["file_id"] == two["file_id"]
    client.files.delete(one["file_id"])
    client.files.delete(one["file_id"])
    assert httpx.get(one["url"]).status_code == 404
    with pytest.raises(relaygpu.NotFoundError):
        client.files.get(one["file_id"])


def test_a_file_is_uploaded_once_under_one_key_and_dies_after_its_hour(client: Any, sandbox: Any) -> None:
    content = recordings.tune("x", 1)
    one, two = (client.files.upload(content, idempotency_key="k") for _ in range(2))
    assert one["file_id"] == two["file_id"]
    sandbox.advance_clock(3601)
    assert httpx.get(one["url"]).status_code == 404
    assert client.files.get(one["file_id"])["status"] == "expired"
    body = {"audio_url": one["url"]}
    with pytest.raises(relaygpu.InvalidRequestError):
        client.run("openai/whisper-1", body)
    sandbox.advance_clock(86_400)
    with pytest.raises(relaygpu.NotFoundError):
        client.files.get(one["file_id"])


def test_files_that_are_refused(client: Any, sandbox: Any) -> None:
    with pytest.raises(relaygpu.RelayError) as caught:
        client.files.upload(b"%PDF-1.4 no clip", content_type="application/pdf")
    assert (caught.value.status, caught.value.code) == (415, "FILE_TYPE_UNSUPPORTED")
    sandbox.configure(relay_files_a_day=1)
    client.files.upload(recordings.tune("x", 1))
    with pytest.raises(relaygpu.RateLimitError) as caught:
        client.files.upload(recordings.tune("y", 1))
    assert caught.value.code == "FILE_QUOTA_EXCEEDED"
    with relaygpu.Relay(base_url=sandbox.url_of("opengpu_relay"), retry=False) as guest:
        with pytest.raises(relaygpu.PermissionDeniedError):
            guest.files.list()


def test_a_slot_takes_one_file_without_a_key(client: Any, sandbox: Any) -> None:
    base, headers = sandbox.url_of("opengpu_relay"), {"X-API-Key": sandbox.key_of("opengpu_relay")}
    slot = httpx.post(f"{base}/v2/files/slots", headers=headers, json={"retention": "relay1h"}).json()
    content = recordings.tune("x", 1)
    put = httpx.put(slot["put_url"], content=content, headers={"Content-Type": "audio/wav"})
    assert httpx.get(put.json()["url"]).content == content
    assert httpx.put(slot["put_url"], content=content).status_code == 404


# -- workflows ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows(client: Any, sandbox: Any, name: str) -> None:
    assert name in {one["workflow_id"] for one in client.workflows.list()["workflows"]}
    inputs = {n: INPUTS[n] for n in client.workflows.get(name)["input_schema"]["required"]}
    run = client.workflows.run(name, inputs, wait=True, idempotency_key="k", timeout=20)
    assert run["status"] == "completed"
    assert run["output"]
    assert run["total_cost_usd"] == pytest.approx(sandbox.charges()[0]["amount"], abs=1e-5)
    assert client.workflows.run(name, inputs, idempotency_key="k")["replayed"] is True
    assert len(sandbox.charges()) == 1


def test_a_run_is_cancelled_once(client: Any, sandbox: Any) -> None:
    sandbox.configure(queue_seconds=0, run_seconds=30)
    run = client.workflows.run("gen-edit", {"prompt": "x", "edit": "y"})
    time.sleep(0.1)
    assert client.workflows.cancel_run(run["run_id"])["status"] == "cancelled"
    with pytest.raises(relaygpu.RelayError) as caught:
        client.workflows.cancel_run(run["run_id"])
    assert (caught.value.status, caught.value.code) == (409, "WORKFLOW_RUN_NOT_CANCELLABLE")
    with pytest.raises(relaygpu.NotFoundError):
        client.workflows.get_run("wf:nobody")


# -- the account -------------------------------------------------------------------------------------------------------
def test_an_inference_key_may_not_ask_for_the_account(client: Any) -> None:
    for call in (client.account.credits, client.account.usage, client.keys.list, client.webhooks.secret):
        with pytest.raises(relaygpu.PermissionDeniedError) as caught:
            call()
        assert caught.value.code == "CREDENTIAL_NOT_PERMITTED"
