"""Both readings of what Orux's pages leave open (orux_more.md, 9): the default, and the other one by a setting."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import pytest
from PIL import Image

#: A client without a key.
web = httpx.Client(trust_env=False, verify=False, timeout=20)
IMAGES = "/api/v1/images/generations"
TASKS = "/api/v1/tasks"
URL = "https://example.com/a"


def _data_url() -> str:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "#c33").save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


DATA_URL = _data_url()


def refusal(answer: Any) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_param"), answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


def accepted(api, **body):
    answer = api.post(TASKS, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["task_id"]


def refused(api, param, **body):
    assert refusal(api.post(TASKS, json=body))["param"] == param


def test_speech_says_text(api, sandbox):
    speech = {"model": "elevenlabs-v3", "text": "Good morning.", "voice_id": "v", "model_id": "eleven_v3"}
    accepted(api, **speech)
    refused(api, "text", model="elevenlabs-v3", voice_id="v")
    refused(api, "prompt", model="elevenlabs-v3", prompt="Good morning.")
    refused(api, "prompt", **speech, prompt="calm")
    sandbox.configure(speech_prompt="optional")
    accepted(api, **speech, prompt="calm")


def test_unknown_fields(api, sandbox):
    refused(api, "seed", model="sora2", prompt="waves", seed=1)
    sandbox.configure(unknown_fields="ignored")
    accepted(api, model="sora2", prompt="waves", seed=1)


@pytest.mark.parametrize(("reading", "right", "wrong"), [
    ("webhook_url", "webhook_url", "callback_url"), ("callback_url", "callback_url", "webhook_url"),
    ("either", "webhook_url", "hook"), ("either", "callback_url", "hook"),
])  # fmt: skip
def test_the_name_of_the_webhook(api, sandbox, reading, right, wrong):
    sandbox.configure(webhook_field=reading)
    task_id = accepted(api, model="sora2", prompt="waves", **{right: f"{URL}/hook"})
    refused(api, wrong, model="sora2", prompt="waves", **{wrong: f"{URL}/hook"})
    (job,) = [job for job in sandbox.jobs() if job["id"] == task_id]
    assert job["request"]["webhook_url"] == f"{URL}/hook"


@pytest.mark.parametrize(("reading", "other"), [("image_url", "image"), ("image", "image_url")])
def test_the_image_of_veo(api, sandbox, reading, other):
    sandbox.configure(veo_image_field=reading)
    veo = {"model": "veo-3.1-fast", "prompt": "waves"}
    for value in (f"{URL}.png", DATA_URL):
        accepted(api, **veo, **{reading: value})
    refused(api, reading, **veo, **{reading: "data:image/png;base64,!!!"})
    refused(api, other, **veo, **{other: f"{URL}.png"})


def test_the_length_of_veo(api, sandbox):
    veo = {"model": "veo-3.1-quality", "prompt": "waves", "duration": 8}
    refused(api, "duration", **veo)
    sandbox.configure(veo_duration="ignored")
    accepted(api, **veo)
    refused(api, "seed", **veo, seed=1)


STEPS = ["extend", "cover", "lyrics", "add-vocals", "instrumental", "mashup", "stem", "mv", "wav", "cover-img",
         "replace", "persona", "upload-extend"]  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_a_step_on_a_song(api, sandbox, step):
    song = accepted(api, model="suno-v5", prompt="a waltz")
    own = {"audio_url": f"{URL}.mp3"} if step == "upload-extend" else {}
    parent = {} if step in ("lyrics", "upload-extend") else {"parent_task_id": song}
    model = {"model": f"suno-{step}", "prompt": "x", **own}
    action = {"model": "suno-v5", "action": step, "prompt": "x", **own}
    made = accepted(api, **model, **parent)
    if parent:
        refused(api, "parent_task_id", **model)
        refused(api, "parent_task_id", **model, parent_task_id="task_none")
    refused(api, "action", **action, **parent)
    sandbox.configure(suno_step="action", suno_parent_field="song")
    again = accepted(api, **action, **({"song": song} if parent else {}))
    refused(api, "model", **model, **parent)
    files = [web.get(url) for t in (made, again) for url in api.get(f"{TASKS}/{t}").json()["result_urls"]]
    assert {file.status_code for file in files} == {200}
    assert all(file.content for file in files)


def test_lyrics_and_cover(api, sandbox):
    task = accepted(api, model="suno-v5", prompt="a waltz", lyrics="la la")
    types = [web.get(url).headers["content-type"].partition(";")[0] for url in poll(api, task)["result_urls"]]
    assert types == ["audio/wav", "image/png", "text/plain"]
    assert "result" not in poll(api, task)
    sandbox.configure(lyrics_and_cover="result")
    assert len(poll(api, task)["result_urls"]) == 1
    result = poll(api, task)["result"]
    assert result["lyrics"] == "la la"
    assert web.get(result["cover_url"]).headers["content-type"] == "image/png"
    assert result["clips"][0]["duration"] == 60


def poll(api, task_id):
    return api.get(f"{TASKS}/{task_id}").json()


@pytest.mark.parametrize("field", [{"reference_image_url": URL}, {"reference_images": [URL, URL]}])
def test_reference_images_of_midjourney(api, sandbox, field):
    refused(api, next(iter(field)), model="midjourney-v7", prompt="a fox", **field)
    sandbox.configure(midjourney_references="accepted")
    accepted(api, model="midjourney-v7", prompt="a fox", **field)


def test_images_as_tasks(api, sandbox):
    accepted(api, model="recraft-v3", prompt="a fox")
    sandbox.configure(task_images="refused")
    refused(api, "model", model="recraft-v3", prompt="a fox")
    accepted(api, model="midjourney-v7", prompt="a fox")
    assert api.post(IMAGES, json={"model": "recraft-v3", "prompt": "a fox"}).status_code == 200


def test_files_in_urls_are_fetched_where_the_settings_say_so(api, sandbox):
    sandbox.configure(fetch_inputs=True, url_schemes="any", image_scale=0.25)
    clip = poll(api, accepted(api, model="sora2", prompt="waves"))["result_urls"][0]
    image = poll(api, accepted(api, model="recraft-v3", prompt="a red fox"))["result_urls"][0]
    plain = accepted(api, model="runway-gen4", prompt="waves")
    from_image = accepted(api, model="runway-gen4", prompt="waves", image_url=image)
    assert (
        web.get(poll(api, plain)["result_urls"][0]).content
        != web.get(poll(api, from_image)["result_urls"][0]).content
    )
    accepted(api, model="runway-aleph", prompt="snow", video_url=clip)
    accepted(api, model="runway-act-two", character_video_url=clip, driver_video_url=clip)
    refused(api, "video_url", model="runway-aleph", prompt="snow", video_url=image)
    refused(api, "image_url", model="qwen-image-edit", prompt="snow", image_url=clip)
    secret = f"{image}x?X-Amz-Signature=secret"
    answer = api.post(TASKS, json={"model": "qwen-image-edit", "prompt": "snow", "image_url": secret})
    assert refusal(answer)["param"] == "image_url"
    assert "secret" not in answer.text


def test_act_two_takes_two_clips_and_no_prompt(api):
    body = {"model": "runway-act-two", "character_video_url": f"{URL}.mp4", "driver_video_url": f"{URL}.mp4"}
    accepted(api, **body)
    refused(api, "prompt", **body, prompt="x")
    for name in ("character_video_url", "driver_video_url"):
        refused(api, name, **{k: v for k, v in body.items() if k != name})
