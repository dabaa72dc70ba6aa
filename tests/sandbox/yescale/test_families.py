"""YEScale without Midjourney: images, media tasks, Ideogram, Kling, Suno; the four shapes of its errors."""

from __future__ import annotations

import base64
import io
import re
import wave
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from tests.sandbox.conftest import base64_of, data_url, sent_image

#: A client without a key; one for all, since each would read the machine's certificates anew.
web = httpx.Client(trust_env=False, verify=False, timeout=10)
IMAGES = "/v1/images/generations"
SIZES = [
    "1024x1024",
    "1024x576",
    "1024x768",
    "1024x512",
    "512x1024",
    "512x768",
    "1280x960",
    "960x1280",
    "768x1366",
    "768x512",
    "1366x768",
    "1344x576",
]
IDEOGRAM = "/ideogram/v1/ideogram-v3"
KLING = "/kling/v1/images/generations"
TRY_ON = "/kling/v1/images/kolors-virtual-try-on"


def openai_error(answer: httpx.Response) -> tuple[int, str | None, str]:
    (body,) = answer.json().values()
    assert set(answer.json()) == {"error"}
    assert set(body) == {"message", "type", "param", "code"}
    return answer.status_code, body["param"], body["code"]


def task_error(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"code", "message", "data"}
    assert isinstance(body["code"], str)
    return answer.status_code, body["code"]


def seen(url: str) -> Image.Image:
    return Image.open(io.BytesIO(web.get(url).content)).convert("RGB")


# Images


def test_the_seeds_own_example(yescale, sandbox):
    body = {
        "model": "flux-pro",
        "prompt": "a beautiful landscape with a river and mountains",
        "size": "1024x1024",
        "n": 1,
    }
    answer = yescale.post(IMAGES, json=body)
    assert answer.status_code == 200
    assert set(answer.json()) == {"created", "data"}
    assert isinstance(answer.json()["created"], int)
    (image,) = answer.json()["data"]
    assert (image["b64_json"], image["revised_prompt"]) == (None, None)
    assert seen(image["url"]).size == (256, 256)
    (charge,) = sandbox.charges()
    wanted = {"amount": 0.05, "credits": 0.05, "currency": "USD", "state": "charged", "gateway": "yescale"}
    assert wanted.items() <= charge.items()
    assert charge["endpoint"] == "yescale.images.generate"


@pytest.mark.parametrize("size", SIZES)
def test_every_size_of_the_seed(yescale, sandbox, size):
    sandbox.configure(image_scale=0.5)
    url = yescale.post(IMAGES, json={"prompt": "a fox", "size": size}).json()["data"][0]["url"]
    width, height = (int(side) for side in size.split("x"))
    assert seen(url).size == (width // 2, height // 2)


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": "é" * 1001}, "prompt"),
        ({"n": 0}, "n"),
        ({"n": 11}, "n"),
        ({"n": "2"}, "n"),
        ({"n": True}, "n"),
        ({"n": 1.5}, "n"),
        ({"size": "1023x1024"}, "size"),
        ({"size": 1024}, "size"),
        ({"response_format": "png"}, "response_format"),
        ({"model": 5}, "model"),
        ({"model": "dall-e-3", "n": 2}, "n"),
        ({"model": "dall-e-3", "size": "512x512"}, "size"),
        ({"model": "dall-e-3", "quality": "low"}, "quality"),
        ({"model": "dall-e-3", "style": "old"}, "style"),
        ({"model": "gpt-image-1", "quality": "hd"}, "quality"),
        ({"model": "gpt-image-1", "size": "1792x1024"}, "size"),
        ({"model": "gpt-image-1", "background": "red"}, "background"),
        ({"model": "qwen-image", "size": "wide"}, "size"),
    ],
)
def test_wrong_fields_are_refused_and_cost_nothing(yescale, sandbox, extra, param):
    answer = yescale.post(IMAGES, json={"prompt": "a fox", **extra})
    assert openai_error(answer) == (400, param, "invalid_request")
    assert sandbox.charges() == []


def test_the_limits_themselves_are_accepted(yescale, sandbox):
    answer = yescale.post(IMAGES, json={"prompt": "é" * 1000, "n": 10})
    assert len({image["url"] for image in answer.json()["data"]}) == 10
    assert sandbox.charges()[0]["amount"] == 0.5
    assert yescale.post(IMAGES, json={"prompt": "a fox", "user": "ann", "seed": 3}).status_code == 200


@pytest.mark.parametrize("model", ["dall-e-3", "gpt-image-1", "qwen-image"])
def test_the_other_models_have_openais_shape(yescale, model):
    body = {"model": model, "prompt": "a fox", "response_format": "b64_json"}
    (image,) = yescale.post(IMAGES, json=body).json()["data"]
    assert image["url"] is None
    assert Image.open(io.BytesIO(base64.b64decode(image["b64_json"]))).format == "PNG"
    assert bool(image["revised_prompt"]) == (model == "dall-e-3")


def test_a_model_outside_the_groups(yescale, sandbox):
    sandbox.configure(yescale_models_refused=["flux-pro", "suno_music"])
    for model in ("flux-pro", "no-such"):
        answer = yescale.post(IMAGES, json={"model": model, "prompt": "x"})
        assert openai_error(answer)[0] == 400
        assert "not available in any configured auto group" in answer.json()["error"]["message"]
    assert task_error(yescale.post("/suno/submit/music", json={"prompt": "x"}))[0] == 400
    assert yescale.post(IMAGES, json={"model": "qwen-image", "prompt": "x"}).status_code == 200


def test_a_synchronous_failure_is_refunded(yescale, sandbox):
    sandbox.order_fault({"endpoint": "yescale.images", "then": {"job": "fail", "error_code": "nsfw"}})
    assert openai_error(yescale.post(IMAGES, json={"prompt": "x"})) == (500, None, "nsfw")
    (charge,) = sandbox.charges()
    assert (charge["state"], charge["refunded"]) == ("refunded", True)
    sandbox.configure(yescale_refund_failed=False)
    sandbox.order_fault({"endpoint": "yescale.images.generate", "then": {"job": "fail"}})
    yescale.post(IMAGES, json={"prompt": "x"})
    assert [charge["state"] for charge in sandbox.charges()] == ["refunded", "charged"]


# Keys, money, addresses


def test_every_path_wants_the_key_of_this_gateway(anyone, sandbox):
    keys = [{}, {"Authorization": f"Bearer {sandbox.key}"}, {"X-API-Key": sandbox.key_of("yescale")}]
    for headers in keys:
        for method, path in [
            ("POST", IMAGES),
            ("GET", "/v1/models"),
            ("POST", "/mj/submit/imagine"),
            ("GET", "/mj/task/1/fetch"),
            ("POST", "/task/submit"),
            ("GET", "/task/1"),
            ("POST", f"{IDEOGRAM}/generate"),
            ("POST", KLING),
            ("GET", f"{TRY_ON}/1"),
            ("POST", "/suno/submit/music"),
            ("POST", "/suno/fetch"),
        ]:
            answer = anyone.request(method, path, headers=headers, json={} if method == "POST" else None)
            assert openai_error(answer) == (401, None, "invalid_api_key")
    assert sandbox.charges() == []


def test_no_money(yescale, sandbox):
    sandbox.save_account(account="yescale", balance=0.01)
    assert openai_error(yescale.post(IMAGES, json={"prompt": "x"})) == (403, None, "insufficient_user_quota")
    assert task_error(yescale.post("/suno/submit/music", json={"prompt": "x"})) == (
        403,
        "insufficient_user_quota",
    )
    imagine = {"json": {"prompt": "x"}}
    answer = yescale.post("/mj/submit/imagine", **imagine)
    assert answer.status_code == 403
    assert answer.json() == {"description": "quota_not_enough", "type": "upstream_error", "code": 4}
    sandbox.configure(yescale_mj_quota_status=400)
    assert yescale.post("/mj/submit/imagine", **imagine).status_code == 400
    assert sandbox.charges() == []


def test_models_and_the_account(yescale, anyone, sandbox):
    listed = {model["id"] for model in yescale.get("/v1/models").json()["data"]}
    assert {"flux-pro", "mj_imagine", "flux-kontext[max]", "ideogram-v3"} <= listed
    yescale.post(IMAGES, json={"prompt": "x"})
    assert anyone.get("/yescale/user").status_code == 401
    headers = {"Authorization": "Bearer sandbox-account-access-key"}
    data = anyone.get("/yescale/user", headers=headers).json()["data"]
    assert data["quota"] / 500_000 == pytest.approx(99.95)
    assert data["used_quota"] / 500_000 == pytest.approx(0.05)


def test_addresses_that_are_none(yescale):
    for path in ("/v1/nothing", "/mj/submit/dance", "/suno/submit/dance", f"{IDEOGRAM}/dance", "/task"):
        assert openai_error(yescale.post(path, json={}))[0] == 404


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (IMAGES, "openai"),
        (f"{IDEOGRAM}/generate", "openai"),
        ("/mj/submit/imagine", "mj"),
        ("/task/submit", "task"),
        (KLING, "task"),
        ("/suno/submit/music", "task"),
    ],
)
def test_ordered_errors_have_the_familys_shape(yescale, sandbox, path, kind):
    sandbox.order_fault({"endpoint": "yescale", "then": {"status": 429, "headers": {"Retry-After": "3"}}})
    answer = yescale.post(path, json={"prompt": "x"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    if kind == "openai":
        assert openai_error(answer)[2] == "rate_limit_exceeded"
    elif kind == "mj":
        assert set(answer.json()) == {"description", "type", "code"}
        assert answer.json()["code"] == 4
    else:
        assert task_error(answer)[1] == "rate_limit_exceeded"
    assert sandbox.charges() == []


# Media


def media(yescale: httpx.Client, model: str = "flux-kontext[max]", **config: Any) -> httpx.Response:
    return yescale.post("/task/submit", json={"model": model, "prompt": "a fox", "config": config})


def test_a_media_task_with_brackets_in_its_id(yescale, sandbox):
    sandbox.configure(queue_seconds=10, run_seconds=10)
    answer = media(yescale, aspect_ratio="16:9", images=["https://example.com/a.png", data_url()])
    task = answer.json()
    assert set(task) == {"created_at", "progress", "results", "status", "task_id", "updated_at"}
    assert (task["status"], task["progress"], task["results"]) == ("SUBMITTED", "0%", {})
    assert re.fullmatch(r"yescale-flux-kontext\[max\]-[0-9a-f]{12}", task["task_id"])
    path = f"/task/{quote(task['task_id'], safe='')}"
    assert "%5B" in path
    assert yescale.get(path).json()["status"] == "SUBMITTED"
    sandbox.advance_clock(12)
    assert yescale.get(path).json()["status"] == "IN_PROGRESS"
    sandbox.advance_clock(10)
    done = yescale.get(path).json()
    assert (done["status"], done["progress"]) == ("SUCCESS", "100%")
    assert done["finish_time"] - done["submit_time"] == 20
    width, height = seen(done["task_result"]["url"]).size
    assert width / height == pytest.approx(16 / 9, rel=0.02)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", done["task_result"]["url_expires_at"])


def test_a_media_task_that_is_not_indexed_yet(yescale, sandbox):
    sandbox.configure(yescale_unindexed_seconds=30)
    path = f"/task/{quote(media(yescale).json()['task_id'], safe='')}"
    assert task_error(yescale.get(path)) == (404, "NOT_FOUND")
    sandbox.advance_clock(31)
    assert yescale.get(path).json()["status"] == "SUCCESS"
    assert yescale.get("/task/yescale-nothing-1").status_code == 404


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("flux-kontext[max]", {"images": "https://example.com/a.png"}),
        ("flux-kontext[max]", {"images": ["not an image"]}),
        ("flux-kontext[max]", {"aspect_ratio": 1.5}),
        ("nano-banana-2", {}),
        ("nano-banana-2", {"size": ""}),
        ("gpt-image-2", {}),
        ("gpt-image-2", {"quality": "high", "mask": "not an image"}),
        ("seedream-4.5", {"size": "4K"}),
    ],
)
def test_wrong_media_configs(yescale, sandbox, model, config):
    assert task_error(media(yescale, model, **config)) == (400, "VALIDATION_ERROR")
    assert sandbox.charges() == []


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("nano-banana-2", {"size": "2K", "aspect_ratio": "4:3"}),
        ("nano-banana-pro", {"aspect_ratio": "1:1"}),
        ("gpt-image-2", {"quality": "high", "size": "1024x768"}),
        ("seedream-4.5", {"size": "2K"}),
    ],
)
def test_right_media_configs(yescale, sandbox, model, config):
    assert media(yescale, model, **config).json()["task_id"].startswith(f"yescale-{model}-")
    assert sandbox.charges()[0]["model"] == model
    for body in ({"prompt": "x"}, {"model": model}, {"model": model, "prompt": "x", "config": [1]}):
        assert task_error(yescale.post("/task/submit", json=body)) == (400, "VALIDATION_ERROR")


def test_a_media_task_that_fails(yescale, sandbox):
    sandbox.order_fault(
        {"endpoint": "yescale.media.submit", "then": {"job": "fail", "error_message": "too odd"}}
    )
    path = f"/task/{quote(media(yescale).json()['task_id'], safe='')}"
    task = yescale.get(path).json()
    assert (task["status"], task["progress"], task["message"]) == ("FAILURE", "100%", "too odd")
    assert sandbox.charges()[0]["refunded"] is True


# Ideogram


def test_ideogram_generates(yescale, sandbox):
    form = {
        "prompt": "a fox",
        "aspect_ratio": "16x9",
        "num_images": "2",
        "seed": "7",
        "style_type": "REALISTIC",
    }
    answer = yescale.post(
        f"{IDEOGRAM}/generate", data=form, files={"style_reference_images": ("a.png", sent_image())}
    )
    assert answer.status_code == 200, answer.text
    one, two = answer.json()["data"]
    assert one["url"] != two["url"]
    assert (one["prompt"], one["seed"], one["style_type"]) == ("a fox", 7, "REALISTIC")
    width, height = seen(one["url"]).size
    assert width / height == pytest.approx(16 / 9, rel=0.02)
    assert sandbox.charges()[0]["amount"] == pytest.approx(0.12)
    (line,) = sandbox.requests("yescale.ideogram")
    assert line["body"]["prompt"] == "a fox"
    assert line["body"]["style_reference_images"] == f"({len(sent_image())} bytes)"


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"num_images": "0"}, "num_images"),
        ({"num_images": "nine"}, "num_images"),
        ({"seed": "-1"}, "seed"),
        ({"aspect_ratio": "16:9"}, "aspect_ratio"),
        ({"resolution": "big"}, "resolution"),
        ({"resolution": "1024x1024", "aspect_ratio": "1x1"}, "resolution"),
        ({"color_palette": "red"}, "color_palette"),
    ],
)
def test_wrong_ideogram_fields(yescale, sandbox, extra, param):
    files = {"none": ("a.txt", b"x")}  # makes it multipart
    answer = yescale.post(f"{IDEOGRAM}/generate", data={"prompt": "a fox", **extra}, files=files)
    assert openai_error(answer)[:2] == (400, param)
    assert sandbox.charges() == []


def test_ideogram_edits_where_the_mask_is_black(yescale):
    mask = Image.new("L", (300, 200), 255)
    mask.paste(0, (0, 0, 150, 200))
    out = io.BytesIO()
    mask.save(out, "PNG")
    files = {"image": ("a.png", sent_image("#ff0000")), "mask": ("m.png", out.getvalue())}
    answer = yescale.post(
        f"{IDEOGRAM}/edit", data={"prompt": "a night sea", "aspect_ratio": "3x2"}, files=files
    )
    made = seen(answer.json()["data"][0]["url"])
    right, left = made.getpixel((made.width - 9, 9)), made.getpixel((9, 9))
    assert right == (255, 0, 0)
    assert left != (255, 0, 0)
    remixed = yescale.post(f"{IDEOGRAM}/remix", data={"prompt": "x"}, files={"image": files["image"]})
    red, green, _ = seen(remixed.json()["data"][0]["url"]).getpixel((128, 20))
    assert red > 150 > green


def test_what_ideogram_refuses(yescale, monkeypatch):
    form = {"prompt": "x"}
    assert openai_error(yescale.post(f"{IDEOGRAM}/generate", json=form))[0] == 400
    files = {"image": ("a.png", sent_image())}
    assert openai_error(yescale.post(f"{IDEOGRAM}/edit", data=form, files=files))[:2] == (400, "mask")
    assert (
        openai_error(yescale.post(f"{IDEOGRAM}/remix", data=form, files={"mask": files["image"]}))[1]
        == "image"
    )
    for bad in (b"GIF89a nonsense", b"", b"x" * 10_000_001):
        answer = yescale.post(f"{IDEOGRAM}/remix", data=form, files={"image": ("a.png", bad)})
        assert openai_error(answer)[:2] == (400, "image")
    many = [("style_reference_images", ("a.png", b"x" * 5_000_001))] * 2
    answer = yescale.post(f"{IDEOGRAM}/generate", data=form, files=many)
    assert openai_error(answer)[1] == "style_reference_images"


# Kling and Kolors


def test_kling(yescale, sandbox):
    sandbox.configure(queue_seconds=5, run_seconds=5)
    body = {
        "model_name": "kling-v2",
        "prompt": "a fox",
        "n": 9,
        "aspect_ratio": "9:16",
        "image": base64_of(sent_image()),
    }
    answer = yescale.post(KLING, json=body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["code"], told["message"], told["data"]["task_status"]) == (0, "SUCCEED", "submitted")
    path = f"{KLING}/{told['data']['task_id']}"
    sandbox.advance_clock(6)
    assert yescale.get(path).json()["data"]["task_status"] == "processing"
    sandbox.advance_clock(5)
    data = yescale.get(path).json()["data"]
    assert data["task_status"] == "succeed"
    assert [image["index"] for image in data["task_result"]["images"]] == list(range(9))
    width, height = seen(data["task_result"]["images"][0]["url"]).size
    assert height > width
    assert task_error(yescale.get(f"{TRY_ON}/{told['data']['task_id']}"))[0] == 400
    assert sandbox.charges()[0]["amount"] == pytest.approx(0.27)


def test_kolors_dresses_somebody(yescale):
    body = {"human_image": base64_of(sent_image("#ff0000")), "cloth_image": base64_of(sent_image("#0000ff"))}
    task_id = yescale.post(TRY_ON, json=body).json()["data"]["task_id"]
    url = yescale.get(f"{TRY_ON}/{task_id}").json()["data"]["task_result"]["images"][0]["url"]
    made = seen(url)
    (red, _, less), (fewer, _, blue) = made.getpixel((9, 40)), made.getpixel((made.width - 9, 40))
    assert red > less
    assert blue > fewer


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (KLING, {}),
        (KLING, {"prompt": "x", "n": 10}),
        (KLING, {"prompt": "x", "aspect_ratio": "7:4"}),
        (KLING, {"prompt": "x", "image": data_url()}),
        (TRY_ON, {}),
        (TRY_ON, {"human_image": "not an image"}),
        (TRY_ON, {"human_image": data_url()}),
    ],
)
def test_what_kling_refuses(yescale, sandbox, path, body):
    assert task_error(yescale.post(path, json=body))[0] == 400
    assert sandbox.charges() == []


# Suno


def test_suno(yescale, sandbox):
    sandbox.configure(queue_seconds=5, run_seconds=5)
    song = yescale.post("/suno/submit/music", json={"prompt": "la", "title": "Waltz"}).json()
    assert (song["code"], song["message"]) == ("success", "")
    text = yescale.post("/suno/submit/lyrics", json={"prompt": "rain"}).json()["data"]
    path = f"/suno/fetch/{song['data']}"
    assert yescale.get(path).json()["data"]["status"] == "QUEUED"
    sandbox.advance_clock(6)
    assert yescale.get(path).json()["data"]["status"] == "IN_PROGRESS"
    sandbox.advance_clock(5)
    task = yescale.get(path).json()["data"]
    assert task["status"] == "SUCCESS"
    assert task["finish_time"] - task["submit_time"] == 10
    one, two = task["data"]
    assert one["title"] == "Waltz"
    assert web.get(one["audio_url"]).content != web.get(two["audio_url"]).content
    with wave.open(io.BytesIO(web.get(one["audio_url"]).content)) as file:
        assert file.getnframes() > 0
    assert seen(one["image_url"]).size == (100, 100)
    several = yescale.post("/suno/fetch", json={"ids": [text, "nobody", song["data"]]}).json()["data"]
    assert [task["task_id"] for task in several] == [text, song["data"]]
    assert "rain" in several[0]["data"]["text"]
    assert task_error(yescale.get("/suno/fetch/nobody")) == (400, "task_not_exist")
    assert task_error(yescale.post("/suno/submit/music", json={"title": "x"}))[0] == 400
    assert task_error(yescale.post("/suno/fetch", json={"ids": "x"}))[0] == 400
    assert [charge["model"] for charge in sandbox.charges()] == ["suno_music", "suno_lyrics"]
