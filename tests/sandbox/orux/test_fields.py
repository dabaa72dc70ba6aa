"""The tables of Orux's models: what is accepted, and what is refused with the name of the field."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from PIL import Image

#: A client without a key; one for all, since each would read the machine's certificates anew.
web = httpx.Client(trust_env=False, verify=False, timeout=10)
IMAGES = "/api/v1/images/generations"
TASKS = "/api/v1/tasks"
URL = "https://example.com/a.png"
HOOK = {"webhook_url": "https://example.com/hook"}
RATIOS = ["1:1", "16:9", "9:16", "4:3", "3:4"]
WIDE = [*RATIOS, "21:9"]

#: Per model: what a body needs besides model and prompt; per field the values that are good, and bad.
TABLES: dict[str, tuple[dict[str, Any], dict[str, tuple[list[Any], list[Any]]]]] = {
    "gpt-image-2": (
        {},
        {
            "size": (["1024x1024", "1536x1024", "1024x1536", "auto"], ["1024x1792", "512x512", 1024, None]),
            "quality": (["low", "medium", "high", "auto"], ["hd", "standard", ""]),
            "n": ([1, 2, 4], [0, 5, "2", 1.5, True, None]),
            "response_format": (["url", "b64_json"], ["png", 1]),
        },
    ),
    "gemini-3-pro-image": (
        {},
        {
            "aspect_ratio": (WIDE, ["2:3", "16x9"]),
            "n": ([1, 4], [0, 5]),
            "seed": ([0, -1, 2**40], ["7", 1.5, True]),
        },
    ),
    "flux-kontext-pro": (
        {},
        {
            "aspect_ratio": (WIDE, ["7:4"]),
            "prompt_upsampling": ([True, False], [1, "true"]),
            "seed": ([42], ["42"]),
            "reference_image_url": ([URL], ["http://example.com/a.png", "a.png", "https://", [URL], ""]),
        },
    ),
    "flux-kontext-max": (
        {},
        {
            "aspect_ratio": (WIDE, ["1:2"]),
            "reference_image_url": ([URL], ["ftp://x/y"]),
            "seed": ([1], [None]),
        },
    ),
    "runway-gen4-image": (
        {},
        {
            "aspect_ratio": (RATIOS, ["21:9"]),
            "reference_images": ([[], [URL], [URL] * 3], [[URL] * 4, URL, ["http://example.com/a.png"], [1]]),
            "seed": ([1], ["1"]),
        },
    ),
    "midjourney-v7": (
        {},
        {
            "aspect_ratio": (["16:9", "2:3", "7:4"], ["16x9", "0:1", "1:", "wide", 1.5]),
            "stylize": ([0, 250, 1000], [-1, 1001, "250"]),
            "weird": ([0, 3000], [-1, 3001]),
            "chaos": ([0, 100], [-1, 101]),
            "tile": ([True, False], [0, "yes"]),
        },
    ),
    "seedream-4-0": (
        {},
        {
            "size": (["1K", "2K", "4K"], ["8K", "1k", "1024x1024"]),
            "aspect_ratio": (RATIOS, ["21:9"]),
            "watermark": ([True, False], ["no"]),
        },
    ),
    "qwen-image-edit": ({"image_url": URL}, {"image_url": ([URL], ["nothing", 5])}),
    "recraft-v3": ({}, {"style": (["digital_illustration", "vector_illustration", "mine"], ["", 3])}),
}
#: Fields that exist, but in other models' tables (or in the contradicted shared one).
STRANGERS = [
    "n",
    "size",
    "quality",
    "response_format",
    "aspect_ratio",
    "seed",
    "stylize",
    "tile",
    "style",
    "user",
]
GOOD = [
    pytest.param(model, {**needs, field: value}, id=f"{model}-{field}-{value}")
    for model, (needs, fields) in TABLES.items()
    for field, (values, _) in fields.items()
    for value in values
]
BAD = [
    pytest.param(model, {**needs, field: value}, field, id=f"{model}-{field}-{value}")
    for model, (needs, fields) in TABLES.items()
    for field, (_, values) in fields.items()
    for value in values
]
UNKNOWN = [
    pytest.param(model, {**needs, field: "x"}, field, id=f"{model}-{field}")
    for model, (needs, fields) in TABLES.items()
    for field in STRANGERS
    if field not in fields
]


def refusal(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert set(error) == {"type", "code", "message", "channel", "param"}
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_param")
    return dict(error)


@pytest.mark.parametrize("path", [IMAGES, TASKS])
@pytest.mark.parametrize(("model", "extra"), GOOD)
def test_every_documented_value_is_accepted(api, sandbox, path, model, extra):
    answer = api.post(path, json={"model": model, "prompt": "a fox", **extra, **HOOK})
    assert answer.status_code == 200, answer.text
    assert len(sandbox.charges()) == 1
    if path == IMAGES:
        assert len(answer.json()["data"]) == extra.get("n", 1)


@pytest.mark.parametrize(("model", "extra", "param"), [*BAD, *UNKNOWN])
def test_anything_else_is_refused_by_name_and_costs_nothing(api, sandbox, model, extra, param):
    for path in (IMAGES, TASKS):
        assert refusal(api.post(path, json={"model": model, "prompt": "a fox", **extra}))["param"] == param
    assert sandbox.charges() == []


@pytest.mark.parametrize("model", TABLES)
def test_every_model_needs_a_prompt_of_at_most_4000_characters(api, model):
    needs = TABLES[model][0]
    for bad in ({}, {"prompt": ""}, {"prompt": "  "}, {"prompt": 5}, {"prompt": "é" * 4001}):
        assert refusal(api.post(IMAGES, json={"model": model, **needs, **bad}))["param"] == "prompt"
    assert api.post(IMAGES, json={"model": model, **needs, "prompt": "é" * 4000}).status_code == 200


def test_an_edit_needs_its_image(api):
    answer = api.post(IMAGES, json={"model": "qwen-image-edit", "prompt": "more snow"})
    assert refusal(answer)["param"] == "image_url"


@pytest.mark.parametrize("body", [{}, {"model": "dall-e-3"}, {"model": 3}, {"model": "sora2"}])
def test_an_unknown_model_is_refused(api, body):
    assert refusal(api.post(IMAGES, json={"prompt": "a fox", **body}))["param"] == "model"


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'"x"', b"\xff"])
def test_a_body_that_is_no_object_is_refused(api, content):
    for path in (IMAGES, TASKS):
        assert refusal(api.post(path, content=content))["param"] is None


def test_plain_http_urls_are_a_setting(api, sandbox):
    body = {"model": "qwen-image-edit", "prompt": "x", "image_url": "http://127.0.0.1/a.png"}
    assert refusal(api.post(IMAGES, json=body))["param"] == "image_url"
    sandbox.configure(url_schemes="any")
    assert api.post(IMAGES, json=body).status_code == 200


def test_audio_has_its_table_and_makes_a_real_wav(api):
    import io
    import wave

    good = {"prompt": "a slow waltz", "lyrics": "la", "duration": 30, "instrumental": True}
    for bad in ({"duration": 29}, {"duration": 241}, {"instrumental": 1}, {"seed": 1}, {"lyrics": 4}):
        answer = api.post(TASKS, json={"model": "suno-v5", **good, **bad})
        assert refusal(answer)["param"] == next(iter(bad))
    assert refusal(api.post(IMAGES, json={"model": "suno-v5", **good}))["param"] == "model"
    assert api.post(TASKS, json={"model": "elevenlabs-music", "prompt": "a waltz"}).status_code == 200
    for field in ("lyrics", "instrumental"):
        body = {"model": "elevenlabs-music", "prompt": "a waltz", field: good[field]}
        assert refusal(api.post(TASKS, json=body))["param"] == field
    task = api.get(f"{TASKS}/{api.post(TASKS, json={'model': 'suno-v5', **good}).json()['task_id']}").json()
    song = web.get(task["result_urls"][0])
    assert song.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(song.content)) as file:
        assert file.getnframes() / file.getframerate() == 30
        assert len(set(file.readframes(4000))) > 50


VIDEO = {
    "veo-3.1-quality": {"aspect_ratio": "9:16", "audio": True},
    "veo-3.1-fast": {"aspect_ratio": "16:9", "audio": False},
    "sora2": {"duration": 10, "aspect_ratio": "16:9"},
    "runway-gen3-alpha-turbo": {"image_url": "https://example.com/a.png", "duration": 5},
    "runway-gen4": {"image_url": "https://example.com/a.png", "duration": 10},
    "runway-aleph": {"video_url": "https://example.com/a.mp4"},
    "kling-v21-master-i2v": {"image_url": "https://example.com/a.png", "duration": 5},
    "kling-v21-master-t2v": {"duration": 10},
    "kling-v25-i2v-pro": {"image_url": "https://example.com/a.png", "duration": 10},
}
NEEDED = {"image_url", "video_url"}


@pytest.mark.parametrize("model", VIDEO)
def test_video_has_the_fields_that_the_page_shows(api, model):
    fields = VIDEO[model]
    assert refusal(api.post(TASKS, json={"model": model, **fields}))["param"] == "prompt"
    assert api.post(TASKS, json={"model": model, "prompt": "waves", **fields}).status_code == 200
    for name in NEEDED & set(fields) if model != "runway-gen4" else ():
        fewer = {k: v for k, v in fields.items() if k != name}
        assert refusal(api.post(TASKS, json={"model": model, "prompt": "x", **fewer}))["param"] == name
    others = {"seconds": 8, **({"duration": 11} if "duration" in fields else {})}
    for name, value in others.items():
        body = {"model": model, "prompt": "waves", **fields, name: value}
        assert refusal(api.post(TASKS, json=body))["param"] == name


def test_a_video_is_a_real_file(api):
    task_id = api.post(TASKS, json={"model": "sora2", "prompt": "waves", "duration": 10}).json()["task_id"]
    clip = web.get(api.get(f"{TASKS}/{task_id}").json()["result_urls"][0])
    assert clip.headers["content-type"] == "video/x-msvideo"
    assert clip.content[:4] == b"RIFF"
    assert clip.content[8:12] == b"AVI "
    assert int.from_bytes(clip.content[4:8], "little") == len(clip.content) - 8
    frames = clip.content.split(b"\xff\xd8\xff\xe0")[1:]
    assert len(frames) == 80  # 10 seconds, 8 a second
    assert len({frame.rpartition(b"\xff\xd9")[0] for frame in frames}) == 16  # it moves


SIZES = [
    ("gpt-image-2", {}, (1024, 1024)),
    ("gpt-image-2", {"size": "1536x1024"}, (1536, 1024)),
    ("gpt-image-2", {"size": "1024x1536"}, (1024, 1536)),
    ("gemini-3-pro-image", {"aspect_ratio": "16:9"}, None),
    ("flux-kontext-pro", {"aspect_ratio": "21:9"}, None),
    ("flux-kontext-max", {"aspect_ratio": "3:4"}, None),
    ("runway-gen4-image", {}, (1920, 1080)),
    ("midjourney-v7", {"aspect_ratio": "7:4"}, None),
    ("seedream-4-0", {}, (2048, 2048)),
    ("seedream-4-0", {"size": "1K", "aspect_ratio": "9:16"}, (576, 1024)),
]


@pytest.mark.parametrize(("model", "extra", "expected"), SIZES)
def test_the_image_has_the_size_asked_for(api, sandbox, model, extra, expected):
    import io

    sandbox.configure(image_scale=1)
    answer = api.post(IMAGES, json={"model": model, "prompt": "a fox", **extra}).json()
    image = Image.open(io.BytesIO(web.get(answer["data"][0]["url"]).content))
    assert image.format == "PNG"
    if expected:
        assert image.size == expected
    else:
        across, down = (int(part) for part in extra["aspect_ratio"].split(":"))
        assert image.width / image.height == pytest.approx(across / down, rel=0.02)


def test_base64_is_the_same_image_as_the_url(api):
    import base64

    body = {"model": "gpt-image-2", "prompt": "a fox"}
    linked = web.get(api.post(IMAGES, json=body).json()["data"][0]["url"]).content
    inline = api.post(IMAGES, json={**body, "response_format": "b64_json"}).json()["data"][0]
    assert set(inline) == {"b64_json"}
    assert base64.b64decode(inline["b64_json"]) == linked


def test_an_upsampled_prompt_is_told(api):
    body = {"model": "flux-kontext-pro", "prompt": "a fox"}
    assert "revised_prompt" not in api.post(IMAGES, json=body).json()["data"][0]
    revised = api.post(IMAGES, json={**body, "prompt_upsampling": True}).json()["data"][0]["revised_prompt"]
    assert revised.startswith("a fox")
    assert revised != "a fox"
