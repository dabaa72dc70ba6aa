"""YEScale's video pages, edits, and what its answers say beside their results: values in, values out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.gateways.wire import HttpResponse, Purpose
from airflow_provider_orux.gateways.yescale.midjourney import buttons_of, prompts_in
from airflow_provider_orux.models import yescale
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    ContentRejectedError,
    InvalidRequestError,
    OruxError,
    UnexpectedResponseError,
)
from airflow_provider_orux.models.job import Job, JobStatus

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"
DATA_URL = f"data:image/png;base64,{PNG}"
URL = "https://cdn.example.org/a.mp4"
GATEWAY = gateway_for("yescale")
KLING: dict[str, Any] = {"prompt": "she turns", "model_name": "kling-v1-6", "mode": "std"}


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    return HttpResponse(
        status, {k.replace("_", "-"): v for k, v in headers.items()}, json.dumps(body).encode()
    )


@pytest.mark.parametrize(
    ("request_", "path", "body"),
    [
        (
            yescale.KlingImageToVideo(**KLING, image="https://e.org/a.png", duration=5, image_tail=DATA_URL),
            "/kling/v1/videos/image2video",
            {**KLING, "image": "https://e.org/a.png", "duration": "5", "image_tail": PNG},
        ),
        (
            yescale.KlingTextToVideo(
                **KLING,
                cfg_scale="0.5",
                camera_control={"type": "simple", "config": {"zoom": 3}},
                extra_body={"sound": "on"},
            ),
            "/kling/v1/videos/text2video",
            {
                **KLING,
                "cfg_scale": 0.5,
                "camera_control": {"type": "simple", "config": {"zoom": 3}},
                "sound": "on",
            },
        ),
        (
            yescale.RunwayVideo(version="gen4_turbo", image=PNG, prompt="p", duration="10", ratio="1280:720"),
            "/runwayml/v1/image_to_video",
            {
                "promptImage": DATA_URL,
                "model": "gen4_turbo",
                "promptText": "p",
                "duration": 10,
                "ratio": "1280:720",
            },
        ),
        (
            yescale.RunwayVideo(
                version="gen3a_turbo",
                image="https://e.org/1.png",
                image_tail="https://e.org/2.png",
                prompt="p",
            ),
            "/runwayml/v1/image_to_video",
            {
                "promptImage": [
                    {"uri": "https://e.org/1.png", "position": "first"},
                    {"uri": "https://e.org/2.png", "position": "last"},
                ],
                "model": "gen3a_turbo",
                "promptText": "p",
            },
        ),
        (
            yescale.LumaVideo(
                prompt="a heron lands", expand_prompt=True, aspect_ratio="16:9", image_end_url=PNG
            ),
            "/luma/generations",
            {
                "user_prompt": "a heron lands",
                "expand_prompt": True,
                "aspect_ratio": "16:9",
                "image_end_url": PNG,
            },
        ),
        (
            yescale.PikaVideo(
                prompt="apple melts",
                version="1.5",
                effect="Melt",
                aspect_ratio="16:9",
                frame_rate=24,
                guidance_scale=12,
                motion=1,
                negative_prompt="",
            ),
            "/pika/generate",
            {
                "promptText": "apple melts",
                "model": "1.5",
                "pikaffect": "Melt",
                "options": {
                    "frameRate": 24,
                    "aspectRatio": 16 / 9,
                    "parameters": {"guidanceScale": 12.0, "motion": 1.0, "negativePrompt": ""},
                },
            },
        ),
        (
            yescale.PikaVideo(prompt="x", image=DATA_URL, video="https://e.org/v.mp4"),
            "/pika/generate",
            {"promptText": "x", "image": PNG, "video": "https://e.org/v.mp4"},
        ),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, yescale.YEScaleRequest) else "",
)
def test_what_is_sent(request_: Any, path: str, body: dict[str, Any]) -> None:
    sent = GATEWAY.submit(request_)
    assert (sent.method, sent.path, sent.purpose, sent.body) == ("POST", path, Purpose.PAY, body)
    assert ("X-Runway-Version" in sent.headers) == isinstance(request_, yescale.RunwayVideo)


@pytest.mark.parametrize(
    ("job_id", "path"),
    [
        ("kling-text2video:1", "/kling/v1/videos/text2video/1"),
        ("kling-image2video:1", "/kling/v1/videos/image2video/1"),
        ("luma:1", "/luma/generations/1"),
        ("pika:1", "/pika/feed/1"),
        ("runway:1", "/runwayml/v1/tasks/1"),
    ],
)
def test_where_it_is_polled(job_id: str, path: str) -> None:
    assert (GATEWAY.poll(job_id).path, GATEWAY.poll(job_id).purpose) == (path, Purpose.READ)
    assert ("X-Runway-Version" in GATEWAY.poll(job_id).headers) == job_id.startswith("runway")


def read(job_id: str, body: Any) -> Job:
    return GATEWAY.read_poll(job_id, answer(body))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("video", "download_url"), URL),
        (("video", "url"), URL),
        (("assets", "video"), URL),
        (("video_raw", "url"), URL),
        (("artifact", "video_raw", "url"), URL),
        (("artifact", "video", "url"), URL),
        (("artifact", "video_raw"), URL),
        (("somewhere", "else"), [{"new": URL}]),
    ],
    ids=lambda v: ".".join(v) if isinstance(v, tuple) else "",
)
def test_a_clip_of_luma_is_found_wherever_it_is(place: tuple[str, ...], value: Any) -> None:
    body: Any = value
    for name in reversed(place):
        body = {name: body}
    job = read("luma:1", {"id": "1", "state": "completed", **body})
    assert (job.status, job.urls) == (JobStatus.SUCCEEDED, [URL])


def test_one_clip_of_luma_is_one_artifact() -> None:
    body = {
        "id": "1",
        "state": "completed",
        "assets": {"video": "https://cdn.example.org/other.mp4"},
        "video": {"url": URL, "download_url": URL},
        "media_request": {"image": "https://e.org/input.png"},
        "thumbnail": {"url": "https://cdn.example.org/t.jpg"},
    }
    (clip,) = read("luma:1", body).artifacts
    assert (clip.url, clip.details) == (URL, {"cover": "https://cdn.example.org/t.jpg"})


def test_an_input_is_never_taken_for_what_was_made() -> None:
    for name in ("input", "media_request", "config", "request"):
        body = {"id": "1", "state": "completed", name: {"image": "https://e.org/input.png"}, "x": {"y": URL}}
        assert read("luma:1", body).urls == [URL]
        body = {"status": "SUCCESS", "task_result": {name: ["https://e.org/input.png"], "z": {"made": URL}}}
        assert read("media:1", body).urls == [URL]


@pytest.mark.parametrize(
    "result",
    [
        {"images": ["https://e.org/input.png"], "videos": [{"url": URL}]},
        {"image_url": "https://e.org/cover.png", "video_url": URL},
        {"images": ["https://e.org/input.png"], "data": {"videos": [{"url": URL}]}},
        {"image": "https://e.org/input.png", "output": {"url": URL}},
    ],
)
def test_an_image_beside_a_clip_is_not_the_clip(result: dict[str, Any]) -> None:
    assert read("media:1", {"status": "SUCCESS", "task_result": result}).urls == [URL]


def test_a_clip_without_a_word_is_done_and_an_id_alone_has_begun() -> None:
    assert read("luma:1", {"id": "1", "assets": {"video": URL}}).status is JobStatus.SUCCEEDED
    assert read("pika:1", {"id": "1", "videos": [{"resultUrl": URL}]}).status is JobStatus.SUCCEEDED
    for body in ({"id": "1"}, {"id": "1", "videos": []}, {"id": "1", "state": None, "video": None}):
        for family in ("luma", "pika", "runway"):
            assert not read(f"{family}:1", body).status.is_terminal
    for nothing in ({}, {"message": "hello"}, {"data": None}):
        with pytest.raises(UnexpectedResponseError):
            read("luma:1", nothing)


@pytest.mark.parametrize(
    ("videos", "status", "urls"),
    [
        ([{"status": "finished", "resultUrl": URL}, {"status": "pending"}], JobStatus.RUNNING, []),
        ([{"status": "finished", "resultUrl": URL}, {"status": "error"}], JobStatus.SUCCEEDED, [URL]),
        ([{"status": "error", "error": "content policy"}], JobStatus.FAILED, []),
        ([{"status": "soon"}], JobStatus.RUNNING, []),
    ],
)
def test_the_words_of_pikas_clips(videos: list[Any], status: JobStatus, urls: list[str]) -> None:
    job = read("pika:1", {"id": "1", "videos": videos})
    expected = JobStatus.QUEUED if videos[-1]["status"] == "pending" else status
    assert (job.status, job.urls) == (expected, urls)
    if status is JobStatus.FAILED:
        assert (job.error_message, job.retry_helps) == ("content policy", False)


def test_runway_says_why_in_a_code_and_words() -> None:
    job = read("runway:1", {"id": "1", "status": "FAILED", "failure": "no", "failureCode": "INTERNAL.BAD"})
    assert (job.status, job.error_code, job.error_message) == (JobStatus.FAILED, "INTERNAL.BAD", "no")
    job = read("runway:1", {"id": "1", "status": "SUCCEEDED", "video": {"url": URL}})
    assert job.urls == [URL]


def test_klings_upstream_has_an_id_of_its_own() -> None:
    envelope = {"code": 0, "data": {"task_id": "up-1", "task_status": "processing"}}
    task = {"code": "success", "data": {"task_id": "1", "status": "IN_PROGRESS", "data": envelope}}
    assert read("kling-text2video:1", task).status is JobStatus.RUNNING
    with pytest.raises(UnexpectedResponseError, match="another job"):
        read("kling-text2video:up-1", task)


def test_details_of_klings_clips() -> None:
    clip = {"id": "v1", "url": URL, "duration": "5.1"}
    body = {
        "code": 0,
        "data": {"task_id": "1", "task_status": "succeed", "task_result": {"videos": [clip, None]}},
    }
    (made,) = read("kling-text2video:1", body).artifacts
    assert made.details == {"id": "v1", "duration": 5.1}


@pytest.mark.parametrize(
    ("body", "error", "charged"),
    [
        ({"code": 1301, "message": "content", "data": None}, ContentRejectedError, "no"),
        ({"code": 5000, "message": "down", "data": None}, OruxError, "unknown"),
        ({"code": 1201, "message": "bad", "data": {"task_id": "k1"}}, OruxError, "unknown"),
        ({"error": {"code": "quota_not_enough", "message": "no"}}, OruxError, "no"),
        ({"error": {"code": "perhaps", "message": "no"}}, OruxError, "unknown"),
        ({"id": ""}, UnexpectedResponseError, "unknown"),
        ([], UnexpectedResponseError, "unknown"),
    ],
)
def test_what_accepts_nothing(body: Any, error: type[OruxError], charged: str) -> None:
    with pytest.raises(error) as e:
        GATEWAY.read_submit(yescale.KlingTextToVideo(**KLING), answer(body))
    assert e.value.charged == charged


# -- edits -----------------------------------------------------------------------------------------------------------
def test_an_edit_is_a_form_with_its_images() -> None:
    one = GATEWAY.generate(yescale.GptImage1Edit(prompt="at night", images=[PNG], n=2))
    assert one.path == "/v1/images/edits"
    assert one.body is None
    files: Any = one.files
    assert sorted(files) == ["image", "model", "n", "prompt"]
    assert (files["model"][1], files["n"][1]) == (b"gpt-image-1", b"2")
    assert files["image"][0][0] == "images.png"
    two: Any = GATEWAY.generate(
        yescale.GptImage1Edit(prompt="x", images=[PNG, f"data:image/webp;base64,{PNG}"], mask=PNG)
    ).files
    assert [name for name, _, _ in two["image[]"]] == ["images.png", "images.webp"]
    assert two["mask"][0][2] == "image/png"
    large = PNG + "A" * 34_000_000
    with pytest.raises(InvalidRequestError, match="25 MB") as e:
        GATEWAY.generate(yescale.GptImage1Edit(prompt="x", images=[PNG, large]))
    assert (e.value.param, e.value.charged) == ("images", "no")


def test_qwens_edit_as_json() -> None:
    gateway = gateway_for("yescale", {"qwen_edit_body": "json", "edits_path": "v1/edits/"})
    sent = gateway.generate(yescale.QwenImageEdit(prompt="x", images=[PNG]))
    body = {"model": "qwen-image-edit", "image": DATA_URL, "prompt": "x"}
    assert (sent.path, sent.body) == ("/v1/edits", body)
    # GPT's is a form all the same.
    assert gateway.generate(yescale.GptImage1Edit(prompt="x", images=[PNG])).files


def test_where_bytes_may_come_somewhere_has_to_be_there_for_them() -> None:
    assert yescale.GptImage1Edit(prompt="x", images=[PNG]).makes_inline
    assert yescale.QwenImageEdit(prompt="x", images=[PNG]).makes_inline


# -- Midjourney: prompts and buttons ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("1️⃣ a --ar 5:4\n\n2️⃣ b\n\n3️⃣ c\n\n4️⃣ d", ["a --ar 5:4", "b", "c", "d"]),
        ("1\u20e3 a\n2\u20e3 b", ["a", "b"]),
        ("a heron over 4 lakes", ["a heron over 4 lakes"]),
        ("## Important tokens\n**a**\n## Shortened prompts\n1️⃣ a b\n\n2️⃣ a", ["a b", "a"]),
        ("1️⃣ \n\n2️⃣ b", ["b"]),
    ],
)
def test_the_prompts_of_a_text(text: str, prompts: list[str]) -> None:
    assert prompts_in(text) == prompts


def test_buttons_are_told_apart_by_their_ids() -> None:
    ids = [
        "MJ::JOB::upsample::3::u", "MJ::JOB::variation::4::u", "MJ::JOB::reroll::0::u::SOLO",
        "MJ::JOB::upsample_v6_2x_subtle::1::u::SOLO", "MJ::JOB::upsample_v6_2x_creative::1::u::SOLO",
        "MJ::Outpaint::50::1::u::SOLO", "MJ::Outpaint::75::1::u::SOLO", "MJ::CustomZoom::u",
        "MJ::Inpaint::1::u::SOLO", "MJ::JOB::pan_up::1::u::SOLO", "MJ::Job::PicReader::2", "MJ::Job::PicReader::all",
        "MJ::Something::new", "x" * 400, "MJ::CustomZoom::\x1b[2J",
    ]  # fmt: skip
    buttons: list[Any] = [{"customId": i, "label": "U1", "emoji": "x"} for i in ids]
    found = buttons_of({"buttons": [*buttons, None, {"customId": 5}, "x", {}]})
    assert found == {
        "upscale_3": ids[0], "variation_4": ids[1], "reroll": ids[2], "upscale_subtle": ids[3],
        "upscale_creative": ids[4], "zoom_out_2x": ids[5], "zoom_out_1.5x": ids[6], "custom_zoom": ids[7],
        "vary_region": ids[8], "pan_up": ids[9],
    }  # fmt: skip
    assert buttons_of({"buttons": "none"}) == buttons_of({}) == {}


def test_details_survive_the_way_through_the_trigger() -> None:
    task = {"id": "1", "action": "UPSCALE", "status": "SUCCESS", "imageUrl": "https://a.example/x.png"}
    task["buttons"] = [{"customId": "MJ::CustomZoom::u"}]  # type: ignore[assignment]
    job = GATEWAY.read_poll("mj:1", answer(task, x_request_id="req-1"))
    assert job.details == {"buttons": {"custom_zoom": "MJ::CustomZoom::u"}, "request_id": "req-1"}
    assert Job.from_dict(json.loads(json.dumps(job.to_dict()))) == job
    song = {"id": "c-1", "audio_url": URL, "title": "Night\nbus", "metadata": {"duration": 121.4}}
    body = {"code": "success", "data": {"status": "SUCCESS", "data": [song]}}
    job = GATEWAY.read_poll("suno:1", answer(body))
    assert job.artifacts[0].details == {"id": "c-1", "title": "Night bus", "duration": 121.4}
    assert Job.from_dict(json.loads(json.dumps(job.to_dict()))) == job


@pytest.mark.parametrize("given", ["x" * 201, "two words", "\x1b[2J", "sk-AAAAAAAAAAAAAAAA", ""])
def test_an_id_that_is_no_id_is_not_told(given: str) -> None:
    assert answer({}, x_request_id=given).request_id is None


def test_an_ambiguous_answer_names_its_id() -> None:
    from airflow_provider_orux.client.flow import Calls
    from airflow_provider_orux.client.settings import ClientSettings

    flow = Calls(GATEWAY, ClientSettings(base_url="https://example.org", key="k")).submit(
        yescale.PikaVideo(prompt="x")
    )
    next(flow)
    with pytest.raises(AmbiguousSubmitError) as e:
        flow.send(answer({"error": "no"}, 502, x_request_id="req-2"))
    assert e.value.request_id == "req-2"
    assert "request req-2" in str(e.value)
