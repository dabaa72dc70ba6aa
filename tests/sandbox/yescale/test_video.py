"""YEScale's clips and edits, Midjourney's buttons and continued songs in the sandbox, over plain HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import base64_of, data_url, sent_image

KLING = {"model_name": "kling-v1-6", "prompt": "a fox", "mode": "std"}
TEXT, IMAGE = "/kling/v1/videos/text2video", "/kling/v1/videos/image2video"
LUMA, PIKA, RUNWAY = "/luma/generations", "/pika/generate", "/runwayml/v1/image_to_video"
#: A client without a key, for files.
web = httpx.Client(trust_env=False, verify=False, timeout=10)


@pytest.mark.parametrize(
    ("path", "body", "poll", "amount"),
    [
        (TEXT, {**KLING, "aspect_ratio": "9:16"}, f"{TEXT}/{{}}", 0.35),
        (IMAGE, {**KLING, "image": base64_of(sent_image())}, f"{IMAGE}/{{}}", 0.35),
        (LUMA, {"user_prompt": "a fox", "loop": True}, f"{LUMA}/{{}}", 0.3),
        (PIKA, {"promptText": "a fox", "options": {"aspectRatio": 1.5}}, "/pika/feed/{}", 0.25),
        (RUNWAY, {"promptImage": data_url(), "model": "gen4_turbo"}, "/runwayml/v1/tasks/{}", 0.5),
    ],
)
def test_a_clip(
    yescale: Any, sandbox: Any, path: str, body: dict[str, Any], poll: str, amount: float
) -> None:
    sandbox.configure(queue_seconds=5, run_seconds=5)
    told = yescale.post(path, json=body)
    assert told.status_code == 200, told.text
    assert told.headers["x-request-id"].startswith("req_")
    task_id = told.json().get("id") or told.json()["data"]["task_id"]
    address = poll.format(task_id)
    words = []
    for seconds in (1, 5, 5):
        sandbox.advance_clock(seconds)
        words.append(str(yescale.get(address).json()))
    assert len(set(words)) == 3
    assert "clip.avi" not in words[0] + words[1]
    url = next(part for part in words[2].split("'") if part.endswith("clip.avi"))
    assert web.get(url).content[:4] == b"RIFF"
    assert [charge["amount"] for charge in sandbox.charges()] == [amount]
    # A task is known at its own page alone.
    other = "/pika/feed/{}" if path != PIKA else f"{LUMA}/{{}}"
    assert yescale.get(other.format(task_id)).status_code == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (TEXT, {"prompt": "a fox", "mode": "std"}),
        (TEXT, {**KLING, "mode": "max"}),
        (TEXT, {**KLING, "duration": 5}),
        (TEXT, {**KLING, "cfg_scale": 2}),
        (TEXT, {**KLING, "camera_control": {"type": "fly"}}),
        (IMAGE, KLING),
        (IMAGE, {**KLING, "image": data_url()}),
        (LUMA, {"prompt": "a fox"}),
        (LUMA, {"user_prompt": "a fox", "loop": "yes"}),
        (LUMA, {"user_prompt": "a fox", "aspect_ratio": "21:9"}),
        (PIKA, {"promptText": ""}),
        (PIKA, {"promptText": "x", "image": base64_of(sent_image()), "options": {"aspectRatio": 1}}),
        (PIKA, {"promptText": "x", "options": []}),
        (RUNWAY, {"model": "gen4_turbo"}),
        (RUNWAY, {"promptImage": base64_of(sent_image()), "model": "gen4_turbo"}),
        (RUNWAY, {"promptImage": data_url(), "model": "gen3a_turbo"}),
        (RUNWAY, {"promptImage": [{"uri": data_url()}], "model": "gen4_turbo"}),
        ("/runway/pro/generate", {"promptImage": data_url(), "model": "gen4_turbo"}),
        ("/v1/images/edits", {"model": "gpt-image-1", "prompt": "x", "image": data_url()}),
        ("/v1/images/edits", {"model": "qwen-image-edit", "prompt": "x"}),
    ],
)
def test_what_is_refused_costs_nothing(yescale: Any, sandbox: Any, path: str, body: dict[str, Any]) -> None:
    answer = yescale.post(path, json=body)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["x-request-id"].startswith("req_")
    assert sandbox.charges() == []


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("grok-video", {"aspect_ratio": "16:9"}),
        ("grok-video", {"aspect_ratio": "16:9", "duration": 5}),
        ("grok-video-1.5", {"aspect_ratio": "16:9", "duration": 4, "size": "720P"}),
        ("omni-flash", {"aspect_ratio": "16:9", "mode": "x2v"}),
        ("hailuo-2.3", {"duration": 7}),
    ],
)
def test_wrong_configs_of_clips(yescale: Any, sandbox: Any, model: str, config: dict[str, Any]) -> None:
    answer = yescale.post("/task/submit", json={"model": model, "prompt": "a fox", "config": config})
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    assert sandbox.charges() == []


def test_a_form_of_an_edit(yescale: Any, sandbox: Any) -> None:
    files = [("image[]", ("a.png", sent_image("#ff0000"))), ("image[]", ("b.png", sent_image("#0000ff")))]
    form = {"model": "gpt-image-1", "prompt": "at night", "n": "2"}
    made = yescale.post("/v1/images/edits", data=form, files=files).json()["data"]
    assert [bool(image["b64_json"]) for image in made] == [True, True]
    assert sandbox.charges()[0]["amount"] == pytest.approx(0.14)
    wrong = [("image", ("a.txt", b"no image"))]
    assert yescale.post("/v1/images/edits", data=form, files=wrong).status_code == 400


def test_buttons_and_windows(yescale: Any, sandbox: Any) -> None:
    def submit(page: str, **body: Any) -> dict[str, Any]:
        return dict(yescale.post(f"/mj/submit/{page}", json=body).json())

    def task(task_id: Any) -> dict[str, Any]:
        return dict(yescale.get(f"/mj/task/{task_id}/fetch").json())

    def button(task_id: Any, begin: str) -> str:
        return next(b["customId"] for b in task(task_id)["buttons"] if str(b["customId"]).startswith(begin))

    grid = submit("imagine", prompt="a fox --ar 2:1")["result"]
    hero = submit("action", taskId=grid, customId=button(grid, "MJ::JOB::upsample::2"))["result"]
    assert task(hero)["action"] == "UPSCALE"
    zoom = submit("action", taskId=hero, customId=button(hero, "MJ::CustomZoom"))
    assert zoom["code"] == 21
    assert task(zoom["result"])["status"] == "MODAL"
    assert submit("modal", taskId=zoom["result"], prompt="no flag")["code"] == 4
    assert submit("modal", taskId=hero, prompt="a --zoom 2")["code"] == 4
    told = submit("modal", taskId=zoom["result"], prompt="a den --zoom 2")
    assert (told["code"], told["result"]) == (1, zoom["result"])
    assert (task(zoom["result"])["status"], task(zoom["result"])["prompt"]) == ("SUCCESS", "a den --zoom 2")
    region = submit("action", taskId=hero, customId=button(hero, "MJ::Inpaint"))["result"]
    assert submit("modal", taskId=region, prompt="x")["code"] == 4
    assert submit("modal", taskId=region, prompt="x", maskBase64=data_url("white"))["code"] == 1
    unknown = yescale.post("/mj/submit/action", json={"taskId": hero, "customId": "MJ::Nothing"})
    assert unknown.status_code == 400
    # The windows' answers are not paid for again.
    assert [c["action"] for c in sandbox.charges()] == ["IMAGINE", "UPSCALE", "CUSTOM_ZOOM", "INPAINT"]


def test_a_continuation_without_its_task(yescale: Any, sandbox: Any) -> None:
    body = {"prompt": "more", "continue_clip_id": "c-1", "continue_at": 8}
    answer = yescale.post("/suno/submit/music", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["message"] == "task id is empty"
    assert sandbox.charges() == []
