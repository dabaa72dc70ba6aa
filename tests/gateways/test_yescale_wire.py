"""YEScale's requests and answers, family by family. Bodies are those of the reference, values in and values out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.gateways.wire import HttpResponse, Purpose
from airflow_provider_orux.models import orux, yescale
from airflow_provider_orux.models.errors import (
    ConfigurationError,
    ContentRejectedError,
    InvalidRequestError,
    JobNotFoundError,
    OruxError,
    RateLimitedError,
    UnexpectedResponseError,
    UnsupportedByGatewayError,
)
from airflow_provider_orux.models.job import Job, JobStatus
from airflow_provider_orux.models.requests import CustomRequest

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"
GATEWAY = gateway_for("yescale")
MEDIA_ID = "yescale-flux-kontext[max]-44bd60a4b5c6"


def answer(body: Any = None, status: int = 200, **headers: str) -> HttpResponse:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return HttpResponse(status, {k.replace("_", "-"): v for k, v in headers.items()}, raw)


# -- synchronous -------------------------------------------------------------------------------------------------
def test_the_seeds_example_is_sent_field_by_field() -> None:
    request = yescale.FluxPro(
        prompt="a beautiful landscape with a river and mountains", size="1024x1024", n=1
    )
    sent = GATEWAY.generate(request)
    assert (sent.method, sent.path, sent.purpose) == ("POST", "/v1/images/generations", Purpose.PAY)
    assert sent.body == {
        "model": "flux-pro",
        "prompt": "a beautiful landscape with a river and mountains",
        "size": "1024x1024",
        "n": 1,
    }
    assert GATEWAY.default_host == "https://api.yescale.io"
    assert GATEWAY.key_headers("k") == {"Authorization": "Bearer k"}


def test_the_seeds_answer_with_nulls() -> None:
    job = GATEWAY.read_generate(
        yescale.FluxPro(prompt="x"),
        answer(
            {
                "created": 1724554354,
                "data": [
                    {"b64_json": None, "revised_prompt": None, "url": "https://sf.example/outputs/3aa_0.png"}
                ],
            }
        ),
        submission_id="orux-1",
    )
    assert job.status is JobStatus.SUCCEEDED
    assert (job.job_id, job.urls, job.finished_at) == (
        "orux-1",
        ["https://sf.example/outputs/3aa_0.png"],
        1724554354.0,
    )
    assert job.artifacts[0].revised_prompt is None


def test_base64_and_a_revised_prompt() -> None:
    job = GATEWAY.read_generate(
        yescale.GptImage1(prompt="x"),
        answer({"created": 1, "data": [{"b64_json": PNG, "revised_prompt": "y", "url": ""}]}),
        submission_id="l",
    )
    assert (job.artifacts[0].inline, job.artifacts[0].url, job.artifacts[0].revised_prompt) == (
        PNG,
        None,
        "y",
    )


@pytest.mark.parametrize(
    "body",
    [
        {"created": 1},
        {"data": []},
        {"data": [None]},
        {"data": [{"url": None}]},
        {"data": [{"url": "", "b64_json": ""}, {"url": 5}]},
        {"data": ["x"]},
        [1],
    ],
)
def test_an_unreadable_success_does_not_say_that_nothing_was_charged(body: Any) -> None:
    with pytest.raises(UnexpectedResponseError) as e:
        GATEWAY.read_generate(yescale.FluxPro(prompt="x"), answer(body), submission_id="l")
    assert e.value.charged == "unknown"


@pytest.mark.parametrize("hole", [None, {}, {"url": None, "b64_json": None}, {"url": ""}, "x", 5])
def test_an_image_that_is_missing_leaves_the_others(hole: Any) -> None:
    job = GATEWAY.read_generate(
        yescale.FluxPro(prompt="x", n=3),
        answer({"data": [{"url": "https://a/1"}, hole, {"url": "https://a/3"}]}),
        submission_id="l",
    )
    assert (job.urls, job.status, job.charged) == (
        ["https://a/1", "https://a/3"],
        JobStatus.SUCCEEDED,
        "yes",
    )


def test_a_null_among_the_results_of_a_job_leaves_the_others() -> None:
    images = [None, {"index": 1, "url": "https://a/1"}, {"index": 2, "url": None}]
    for job_id, body in (
        (
            "kling-image:1",
            {"code": 0, "data": {"task_status": "succeed", "task_result": {"images": images}}},
        ),
        ("media:1", {"status": "SUCCESS", "task_result": {"url": None, "urls": [None, "https://a/1"]}}),
        (
            "suno:1",
            {"code": "success", "data": {"status": "SUCCESS", "data": [None, {"audio_url": "https://a/1"}]}},
        ),
    ):
        job = GATEWAY.read_poll(job_id, answer(body))
        assert (job.status, job.urls) == (JobStatus.SUCCEEDED, ["https://a/1"])
    lyrics = {"code": "success", "data": {"status": "SUCCESS", "data": [None, {"text": "la"}]}}
    assert GATEWAY.read_poll("suno:1", answer(lyrics)).text == "la"


def test_a_job_that_somebody_cancelled_is_not_paid_for_again_by_itself() -> None:
    job = GATEWAY.read_poll("mj:1", answer({"id": "1", "status": "CANCEL", "failReason": "stopped"}))
    assert (job.status, job.error_code, job.retry_helps) == (JobStatus.FAILED, "CANCEL", False)
    failed = GATEWAY.read_poll("mj:1", answer({"id": "1", "status": "FAILURE", "failReason": "busy"}))
    assert (failed.error_code, failed.retry_helps) == (None, True)


def test_ideogram_is_a_form_of_parts_even_without_a_file() -> None:
    sent = GATEWAY.generate(
        yescale.IdeogramGenerate(
            prompt="a fox",
            aspect_ratio="16x9",
            num_images=2,
            color_palette={"name": "EMBER"},
            extra_body={"flag": True},
        )
    )
    assert sent.path == "/ideogram/v1/ideogram-v3/generate"
    assert sent.body is None
    assert {k: (v[0], v[1]) for k, v in (sent.files or {}).items()} == {
        "prompt": ("", b"a fox"),
        "aspect_ratio": ("", b"16x9"),
        "num_images": ("", b"2"),
        "color_palette": ("", b'{"name": "EMBER"}'),
        "flag": ("", b"true"),
    }


def test_ideogram_files_and_their_limit() -> None:
    sent = GATEWAY.generate(
        yescale.IdeogramEdit(
            prompt="x", image=PNG, mask=f"data:image/webp;base64,{PNG}", style_reference_images=[PNG, PNG]
        )
    )
    assert sent.path.endswith("/edit")
    files: Any = sent.files
    assert files["mask"][0][0] == "mask.webp"
    assert files["image"][0][1].startswith(b"\x89PNG")
    assert len(files["style_reference_images"]) == 2
    large = PNG + "A" * 8_000_000
    with pytest.raises(InvalidRequestError, match="10 MB"):
        GATEWAY.generate(yescale.IdeogramRemix(prompt="x", image=PNG, style_reference_images=[large, large]))
    assert GATEWAY.generate(yescale.IdeogramRemix(prompt="x", image=large)).path.endswith("/remix")


def test_ideogram_keeps_back_what_is_not_safe() -> None:
    request = yescale.IdeogramGenerate(prompt="x", num_images=2)
    unsafe = {"url": None, "is_image_safe": False}
    job = GATEWAY.read_generate(
        request, answer({"data": [unsafe, {"url": "https://a.example/1.png"}]}), submission_id="l"
    )
    assert (job.status, len(job.artifacts), request.count) == (JobStatus.SUCCEEDED, 1, 2)
    job = GATEWAY.read_generate(request, answer({"data": [unsafe, unsafe]}), submission_id="l")
    assert (job.status, job.retry_helps, job.charged) == (JobStatus.FAILED, False, "unknown")


# -- Midjourney ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("request_", "path", "body"),
    [
        (
            yescale.MidjourneyImagine(prompt="a fox", aspect_ratio="16:9", state="s"),
            "/mj/submit/imagine",
            {"prompt": "a fox --ar 16:9", "state": "s", "botType": "MID_JOURNEY"},
        ),
        (
            yescale.MidjourneyImagine(
                prompt="a", reference_images=[PNG], webhook_url="https://e.org/h", extra_body={"x": 1}
            ),
            "/mj/submit/imagine",
            {
                "prompt": "a",
                "base64Array": [f"data:image/png;base64,{PNG}"],
                "notifyHook": "https://e.org/h",
                "botType": "MID_JOURNEY",
                "x": 1,
            },
        ),
        (
            yescale.MidjourneyImagine(prompt="a", bot_type="NIJI_JOURNEY"),
            "/mj/submit/imagine",
            {"prompt": "a", "botType": "NIJI_JOURNEY"},
        ),
        (
            yescale.MidjourneyDescribe(image=PNG, extra_body={"botType": "NIJI_JOURNEY"}),
            "/mj/submit/describe",
            {"base64": f"data:image/png;base64,{PNG}", "botType": "NIJI_JOURNEY"},
        ),
        (
            yescale.MidjourneyAction(parent_job_id="mj:140", custom_id="MJ::JOB::pan_left::1::u::SOLO"),
            "/mj/submit/action",
            {"taskId": "140", "customId": "MJ::JOB::pan_left::1::u::SOLO"},
        ),
        (
            yescale.MidjourneyModal(parent_job_id="mj:140", prompt="a --zoom 2", mask=PNG),
            "/mj/submit/modal",
            {"taskId": "140", "prompt": "a --zoom 2", "maskBase64": f"data:image/png;base64,{PNG}"},
        ),
        (
            yescale.MidjourneyShorten(prompt="a long prompt"),
            "/mj/submit/shorten",
            {"prompt": "a long prompt", "botType": "MID_JOURNEY"},
        ),
        (
            yescale.MidjourneyUpscale(parent_job_id="mj:140", index=2),
            "/mj/submit/change",
            {"taskId": "140", "action": "UPSCALE", "index": 2},
        ),
        (
            yescale.MidjourneyVariation(parent_job_id="mj:140", index=4),
            "/mj/submit/change",
            {"taskId": "140", "action": "VARIATION", "index": 4},
        ),
        (
            yescale.MidjourneyReroll(parent_job_id="mj:140"),
            "/mj/submit/change",
            {"taskId": "140", "action": "REROLL", "index": 1},
        ),
        (
            yescale.MidjourneyBlend(images=[PNG, f"data:image/jpeg;base64,{PNG}"], dimensions="LANDSCAPE"),
            "/mj/submit/blend",
            {
                "base64Array": [f"data:image/png;base64,{PNG}", f"data:image/jpeg;base64,{PNG}"],
                "dimensions": "LANDSCAPE",
                "botType": "MID_JOURNEY",
            },
        ),
        (
            yescale.MidjourneyDescribe(image=PNG),
            "/mj/submit/describe",
            {"base64": f"data:image/png;base64,{PNG}", "botType": "MID_JOURNEY"},
        ),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, yescale.YEScaleRequest) else "",
)
def test_midjourney_submissions(request_: Any, path: str, body: dict[str, Any]) -> None:
    sent = GATEWAY.submit(request_)
    assert (sent.method, sent.path, sent.purpose, sent.body) == ("POST", path, Purpose.PAY, body)


def test_midjourney_options_of_the_connection() -> None:
    other = gateway_for(
        "yescale", {"midjourney_path": "mj-fast/mj/", "reroll_index": "omit", "blend_bot": "omit"}
    )
    assert "botType" not in (other.submit(yescale.MidjourneyBlend(images=[PNG, PNG])).body or {})
    sent = other.submit(yescale.MidjourneyReroll(parent_job_id="mj:140"))
    assert (sent.path, sent.body) == ("/mj-fast/mj/submit/change", {"taskId": "140", "action": "REROLL"})
    assert other.poll("mj:1").path == "/mj-fast/mj/task/1/fetch"
    with pytest.raises(ConfigurationError, match="reroll_index"):
        gateway_for("yescale", {"reroll_index": "perhaps"})


@pytest.mark.parametrize("image", ["https://example.org/a.png", "s3://bucket/a.png"])
def test_midjourney_takes_bytes_so_an_unread_image_is_refused(image: str) -> None:
    with pytest.raises(InvalidRequestError, match="not read") as e:
        GATEWAY.submit(yescale.MidjourneyBlend(images=[PNG, image]))
    assert (e.value.param, e.value.charged) == ("images", "no")


@pytest.mark.parametrize("parent", ["media:x", "140", "kling-image:1", "mj:"])
def test_a_parent_is_a_midjourney_job(parent: str) -> None:
    with pytest.raises(InvalidRequestError, match="is not a job id"):
        GATEWAY.submit(yescale.MidjourneyUpscale(parent_job_id=parent, index=1))


IMAGINE = yescale.MidjourneyImagine(prompt="a fox")


@pytest.mark.parametrize("code", [1, 21, 22, "1"])
@pytest.mark.parametrize("result", ["14001929738841620", 14001929738841620])
def test_accepted_codes_and_a_bare_number(code: Any, result: Any) -> None:
    job = GATEWAY.read_submit(
        IMAGINE, answer({"code": code, "description": "成功", "result": result, "properties": {}})
    )
    assert (job.job_id, job.status, job.model) == ("mj:14001929738841620", JobStatus.QUEUED, "mj_imagine")


@pytest.mark.parametrize("result", [None, "", "a b", "../x", True, {"id": 1}])
def test_accepted_without_a_usable_id_is_not_called_free(result: Any) -> None:
    with pytest.raises(UnexpectedResponseError) as e:
        GATEWAY.read_submit(IMAGINE, answer({"code": 1, "description": "", "result": result}))
    assert e.value.charged == "unknown"


@pytest.mark.parametrize(
    ("task", "status", "links"),
    [
        ({"status": ""}, JobStatus.QUEUED, 0),
        ({"id": "1", "status": None}, JobStatus.QUEUED, 0),
        ({"status": "NOT_START"}, JobStatus.QUEUED, 0),
        ({"status": "SUBMITTED", "progress": "0%"}, JobStatus.QUEUED, 0),
        (
            {"status": "IN_PROGRESS", "progress": "31%", "imageUrl": "https://a.example/preview.png"},
            JobStatus.RUNNING,
            0,
        ),
        (
            {"status": "IN_PROGRESS", "progress": "100%", "imageUrl": "https://a.example/x.png"},
            JobStatus.RUNNING,
            0,
        ),
        ({"status": "MODAL"}, JobStatus.RUNNING, 0),
        ({"status": "TOMORROW"}, JobStatus.RUNNING, 0),
        ({"status": "SUCCESS", "imageUrl": "https://a.example/x.png"}, JobStatus.SUCCEEDED, 1),
        (
            {"status": "FAILURE", "progress": "100%", "failReason": "timeout", "imageUrl": ""},
            JobStatus.FAILED,
            0,
        ),
        ({"status": "CANCEL"}, JobStatus.FAILED, 0),
    ],
)
def test_midjourney_statuses_decide_alone(task: dict[str, Any], status: JobStatus, links: int) -> None:
    job = GATEWAY.read_poll("mj:1", answer({"id": "1", "action": "IMAGINE", **task}))
    assert (job.job_id, job.status, len(job.urls)) == ("mj:1", status, links)
    assert job.charged == ("yes" if status is JobStatus.SUCCEEDED else "unknown")


def test_midjourney_times_are_milliseconds_and_may_be_null() -> None:
    task = {"id": "1", "status": "SUCCESS", "imageUrl": "https://a.example/x.png", "action": "UPSCALE"}
    job = GATEWAY.read_poll("mj:1", answer({**task, "submitTime": 1689231405854, "finishTime": None}))
    assert (job.submitted_at, job.finished_at) == (1689231405.854, None)
    job = GATEWAY.read_poll("mj:1", answer({**task, "submitTime": 0, "finishTime": 1689231499000}))
    assert (job.submitted_at, job.finished_at) == (None, 1689231499.0)


@pytest.mark.parametrize("action", ["IMAGINE", "UPSCALE", "BLEND"])
def test_words_do_not_stand_for_an_image_that_is_not_there(action: str) -> None:
    task = {"id": "1", "action": action, "status": "SUCCESS", "imageUrl": "", "prompt": "a fox"}
    with pytest.raises(UnexpectedResponseError, match="without a result"):
        GATEWAY.read_poll("mj:1", answer({**task, "properties": {"finalPrompt": "a fox --v 7"}}))


def test_describe_makes_text_and_no_artifact() -> None:
    task = {"id": "1", "action": "DESCRIBE", "status": "SUCCESS", "imageUrl": "https://a.example/given.png"}
    job = GATEWAY.read_poll("mj:1", answer({**task, "properties": {"finalPrompt": "1️⃣ a fox"}}))
    assert (job.text, job.artifacts) == ("1️⃣ a fox", ())
    job = GATEWAY.read_poll("mj:1", answer({**task, "prompt": "an owl", "properties": None}))
    assert job.text == "an owl"


def test_an_imagine_with_a_final_prompt_is_an_image_all_the_same() -> None:
    body = {"id": "1", "action": "IMAGINE", "status": "SUCCESS", "imageUrl": "https://a.example/x.png"}
    job = GATEWAY.read_poll("mj:1", answer({**body, "properties": {"finalPrompt": "a fox --v 7"}}))
    assert (job.text, len(job.artifacts)) == (None, 1)


def test_success_with_nothing_in_it_is_not_a_result() -> None:
    with pytest.raises(UnexpectedResponseError):
        GATEWAY.read_poll(
            "mj:1", answer({"id": "1", "action": "IMAGINE", "status": "SUCCESS", "imageUrl": ""})
        )


@pytest.mark.parametrize(
    ("reason", "helps"),
    [
        ("[banned prompt detected] a word", False),
        ("Sorry! Our AI moderators feel your prompt might be against our community standards.", False),
        ("Invalid parameter: --v 99", False),
        ("任务超时", True),
        ("Request timed out upstream", True),
        (None, True),
    ],
)
def test_whether_a_retry_can_help(reason: str | None, helps: bool) -> None:
    job = GATEWAY.read_poll("mj:1", answer({"id": "1", "status": "FAILURE", "failReason": reason}))
    assert (job.retry_helps, job.error_message) == (helps, reason)


@pytest.mark.parametrize(
    "response",
    [
        answer(b""),
        answer(b" \n"),
        answer(b"null"),
        answer({"description": "task_no_found ", "type": "upstream_error", "code": 4}, 400),
        answer({"error": {"message": "no such task", "code": "task_not_exist"}}, 404),
    ],
)
def test_an_unknown_midjourney_job(response: HttpResponse) -> None:
    with pytest.raises(JobNotFoundError) as e:
        GATEWAY.read_poll("mj:1", response)
    assert e.value.job_id == "mj:1"


def test_batch_is_an_option_for_midjourney() -> None:
    assert GATEWAY.batch_size == 0
    assert not GATEWAY.can_batch("mj:1")
    batch = gateway_for("yescale", {"batch_fetch": "on"})
    assert batch.batch_size > 1
    ids = ["mj:1", "mj:2", "mj:3", "media:x"]
    assert [batch.can_batch(i) for i in ids] == [True, True, True, False]
    sent = batch.poll_batch(ids)
    assert (sent.method, sent.path, sent.purpose) == ("POST", "/mj/task/list-by-condition", Purpose.READ)
    assert sent.body == {"ids": ["1", "2", "3"]}
    jobs = batch.read_batch(
        ids,
        answer(
            [
                {"id": "3", "status": "SUCCESS", "imageUrl": "https://a.example/3.png"},
                {"id": "9", "status": "SUCCESS", "imageUrl": "https://a.example/9.png"},
                {"id": "1", "status": ""},
            ]
        ),
    )
    assert {i: j.status for i, j in jobs.items()} == {"mj:3": JobStatus.SUCCEEDED, "mj:1": JobStatus.QUEUED}
    for status in (404, 405):
        with pytest.raises(UnsupportedByGatewayError, match="batch"):
            batch.read_batch(ids, answer({"error": {"message": "Invalid URL"}}, status))


# -- Media ---------------------------------------------------------------------------------------------------------
def test_media_puts_its_fields_into_config() -> None:
    request = yescale.FluxKontextMax(
        prompt="a fox", aspect_ratio="16:9", images=["https://e.org/a.png", PNG], extra_body={"seed": 4}
    )
    sent = GATEWAY.submit(request)
    assert (sent.path, sent.purpose) == ("/task/submit", Purpose.PAY)
    assert sent.body == {
        "model": "flux-kontext[max]",
        "prompt": "a fox",
        "config": {
            "aspect_ratio": "16:9",
            "images": ["https://e.org/a.png", f"data:image/png;base64,{PNG}"],
            "seed": 4,
        },
    }
    plain = gateway_for("yescale", {"media_image": "base64"}).submit(request)
    assert plain.body is not None
    assert plain.body["config"]["images"] == ["https://e.org/a.png", PNG]
    assert GATEWAY.submit(yescale.NanoBananaPro(prompt="a")).body == {
        "model": "nano-banana-pro",
        "prompt": "a",
    }
    with pytest.raises(InvalidRequestError, match="not read"):
        GATEWAY.submit(yescale.GptImage2(prompt="a", quality="high", mask="s3://b/mask.png"))


def test_a_media_id_with_brackets_makes_the_way_there_and_back() -> None:
    job = GATEWAY.read_submit(
        yescale.FluxKontextMax(prompt="x"),
        answer(
            {
                "created_at": 1761576676,
                "progress": "0%",
                "results": {},
                "status": "SUBMITTED",
                "task_id": MEDIA_ID,
                "updated_at": 1761576676,
            }
        ),
    )
    assert (job.job_id, job.status) == (f"media:{MEDIA_ID}", JobStatus.QUEUED)
    assert GATEWAY.poll(job.job_id).path == "/task/yescale-flux-kontext%5Bmax%5D-44bd60a4b5c6"


def test_media_answers() -> None:
    job_id = f"media:{MEDIA_ID}"
    job = GATEWAY.read_poll(
        job_id,
        answer(
            {
                "finish_time": 1761576690,
                "message": "",
                "progress": "100%",
                "status": "SUCCESS",
                "submit_time": 1761576676,
                "task_id": MEDIA_ID,
                "task_result": {"url": "https://a.example/x.png", "url_expires_at": "2026-08-01 05:38:24"},
            }
        ),
    )
    assert (job.urls, job.submitted_at, job.finished_at) == (
        ["https://a.example/x.png"],
        1761576676.0,
        1761576690.0,
    )
    job = GATEWAY.read_poll(job_id, answer({"status": "FAILURE", "message": "upstream timeout"}))
    assert (job.status, job.error_message, job.retry_helps) == (JobStatus.FAILED, "upstream timeout", True)
    assert GATEWAY.read_poll(job_id, answer({"status": "RENDERING"})).status is JobStatus.RUNNING
    with pytest.raises(UnexpectedResponseError):
        GATEWAY.read_poll(job_id, answer({"status": "SUCCESS", "task_result": {}}))


def test_media_404_right_after_the_submit_is_an_unknown_job_with_a_grace() -> None:
    for body in ({"error": {"message": "task not found"}}, {"message": "x"}, None):
        with pytest.raises(JobNotFoundError):
            GATEWAY.read_poll(f"media:{MEDIA_ID}", answer(body, 404))
    assert GATEWAY.not_found_grace >= 60
    # A proxy's page says nothing about the job.
    with pytest.raises(UnexpectedResponseError):
        GATEWAY.read_poll(f"media:{MEDIA_ID}", answer(b"<html>not here</html>", 404))


def test_media_refuses_a_missing_field() -> None:
    with pytest.raises(InvalidRequestError) as e:
        GATEWAY.read_submit(
            yescale.FluxKontextMax(prompt="x"),
            answer({"code": "VALIDATION_ERROR", "message": "size is required", "data": None}),
        )
    assert (e.value.charged, e.value.code) == ("no", "VALIDATION_ERROR")


def test_a_custom_request_goes_either_way() -> None:
    request = CustomRequest(name="kling-video", body={"prompt": "a fox runs", "config": {"duration": 5}})
    assert GATEWAY.route(request) == "sync"
    assert gateway_for("yescale", {"route": "async"}).route(request) == "async"
    assert GATEWAY.route(request, wanted="async") == "async"
    sent = GATEWAY.submit(request)
    body = {"model": "kling-video", "prompt": "a fox runs", "config": {"duration": 5}}
    assert (sent.path, sent.body) == ("/task/submit", body)
    assert GATEWAY.read_submit(request, answer({"task_id": "v1", "status": "SUBMITTED"})).job_id == "media:v1"
    sent = GATEWAY.generate(CustomRequest(name="flux-new", body={"prompt": "x"}))
    assert (sent.path, sent.body) == ("/v1/images/generations", {"model": "flux-new", "prompt": "x"})


# -- Kling, Suno -----------------------------------------------------------------------------------------------------
def test_kling_sends_base64_without_a_prefix() -> None:
    sent = GATEWAY.submit(
        yescale.KlingImage(prompt="a", n=2, model_name="kling-v1", image=f"data:image/png;base64,{PNG}")
    )
    assert sent.path == "/kling/v1/images/generations"
    assert sent.body == {"prompt": "a", "n": 2, "model_name": "kling-v1", "image": PNG}
    sent = GATEWAY.submit(yescale.KolorsTryOn(human_image="https://e.org/p.png", cloth_image=PNG))
    assert (sent.path, sent.body) == (
        "/kling/v1/images/kolors-virtual-try-on",
        {"human_image": "https://e.org/p.png", "cloth_image": PNG},
    )


@pytest.mark.parametrize(
    ("request_", "family", "page"),
    [
        (yescale.KlingImage(prompt="a"), "kling-image", "generations"),
        (yescale.KolorsTryOn(human_image=PNG), "kling-tryon", "kolors-virtual-try-on"),
    ],
)
def test_kling_jobs(request_: Any, family: str, page: str) -> None:
    def data(**facts: Any) -> HttpResponse:
        return answer(
            {"code": 0, "message": "SUCCEED", "request_id": "r", "data": {"task_id": "CjM", **facts}}
        )

    job = GATEWAY.read_submit(request_, data(task_status="submitted"))
    assert (job.job_id, job.status) == (f"{family}:CjM", JobStatus.QUEUED)
    assert GATEWAY.poll(job.job_id).path == f"/kling/v1/images/{page}/CjM"
    job = GATEWAY.read_poll(
        job.job_id,
        data(
            task_status="succeed",
            created_at=1722769557708,
            task_result={
                "images": [{"index": 0, "url": "https://a/0.png"}, {"index": 1, "url": "https://a/1.png"}]
            },
        ),
    )
    assert (job.status, job.urls, job.submitted_at) == (
        JobStatus.SUCCEEDED,
        ["https://a/0.png", "https://a/1.png"],
        1722769557.708,
    )
    job = GATEWAY.read_poll(job.job_id, data(task_status="failed", task_status_msg="content policy"))
    assert (job.status, job.error_message, job.retry_helps) == (JobStatus.FAILED, "content policy", False)
    assert GATEWAY.read_poll(job.job_id, data(task_status="processing")).status is JobStatus.RUNNING


@pytest.mark.parametrize(
    ("code", "error", "charged"),
    [
        (1200, InvalidRequestError, "no"),
        (1301, ContentRejectedError, "no"),
        (1303, RateLimitedError, "no"),
        (5000, OruxError, "unknown"),
    ],
)
def test_kling_refuses_with_200(code: int, error: type[OruxError], charged: str) -> None:
    with pytest.raises(error) as e:
        GATEWAY.read_submit(
            yescale.KlingImage(prompt="a"), answer({"code": code, "message": "no", "request_id": "r"})
        )
    assert (e.value.charged, e.value.code) == (charged, str(code))


def test_suno_songs_and_lyrics() -> None:
    song = yescale.SunoMusic(gpt_description_prompt="rain", make_instrumental=True)
    sent = GATEWAY.submit(song)
    assert (sent.path, sent.body) == (
        "/suno/submit/music",
        {"gpt_description_prompt": "rain", "make_instrumental": True},
    )
    assert GATEWAY.submit(yescale.SunoLyrics(prompt="rain")).path == "/suno/submit/lyrics"
    job = GATEWAY.read_submit(song, answer({"code": "success", "message": "", "data": "736a-b"}))
    assert job.job_id == "suno:736a-b"
    assert GATEWAY.poll(job.job_id).path == "/suno/fetch/736a-b"

    def task(**facts: Any) -> HttpResponse:
        return answer({"code": "success", "message": "", "data": {"task_id": "736a-b", **facts}})

    done = GATEWAY.read_poll(
        job.job_id,
        task(
            status="SUCCESS",
            submit_time=1716191749,
            finish_time=1716191786,
            data=[
                {"audio_url": "https://a/1.mp3", "image_url": "https://a/1.png"},
                {"audio_url": "https://a/2.mp3"},
            ],
        ),
    )
    assert (done.urls, done.finished_at, done.text) == (
        ["https://a/1.mp3", "https://a/2.mp3"],
        1716191786.0,
        None,
    )
    words = GATEWAY.read_poll(job.job_id, task(status="SUCCESS", data={"title": "Rain", "text": "[Verse]"}))
    assert (words.text, words.artifacts) == ("[Verse]", ())
    for status, read in (("QUEUED", JobStatus.QUEUED), ("UNKNOWN", JobStatus.RUNNING)):
        assert GATEWAY.read_poll(job.job_id, task(status=status)).status is read
    failed = GATEWAY.read_poll(job.job_id, task(status="FAILURE", fail_reason="upstream busy"))
    assert (failed.status, failed.error_message) == (JobStatus.FAILED, "upstream busy")


# -- handles, ways, probe --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "job_id", ["", "14001", "mj:", "orux:1", "mj:a/b", "mj:..", "suno:a b", "MJ:1", None]
)
def test_what_is_no_job_id(job_id: Any) -> None:
    with pytest.raises(InvalidRequestError, match="is not a job id of YEScale"):
        GATEWAY.poll(job_id)


def test_each_family_has_one_way() -> None:
    assert GATEWAY.route(IMAGINE) == "async"
    assert GATEWAY.route(yescale.FluxPro(prompt="x")) == "sync"
    assert GATEWAY.route(yescale.IdeogramGenerate(prompt="x"), wanted="sync") == "sync"
    with pytest.raises(UnsupportedByGatewayError, match="no synchronous way for mj_imagine"):
        GATEWAY.route(IMAGINE, wanted="sync")
    with pytest.raises(UnsupportedByGatewayError, match="no asynchronous way for flux-pro"):
        GATEWAY.submit(yescale.FluxPro(prompt="x"))
    with pytest.raises(UnsupportedByGatewayError, match="another gateway"):
        GATEWAY.submit(orux.MidjourneyV7(prompt="x"))


def test_probe_costs_nothing_and_its_answer_is_free() -> None:
    sent = GATEWAY.probe()
    assert (sent.method, sent.path, sent.purpose, sent.with_key) == ("GET", "/v1/models", Purpose.READ, True)
    assert gateway_for("yescale", {"probe_path": "v1/x"}).probe().path == "/v1/x"
    assert GATEWAY.read_json(answer({"data": []})) == {"data": []}
    assert not GATEWAY.has_idempotency_keys
    assert GATEWAY.idempotency_seconds == 0
    assert GATEWAY.with_retention(IMAGINE) is IMAGINE


# -- Gemini's images in a chat ------------------------------------------------------------------------------------
GEMINI = yescale.GeminiFlashImage(prompt="a fox")
DATA_URL = f"data:image/png;base64,{PNG}"


def chatted(message: Any, **more: Any) -> Job:
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 1724554354,
        "choices": [{"message": message}],
        **more,
    }
    return GATEWAY.read_generate(GEMINI, answer(body), submission_id="l")


def test_a_chat_image_is_asked_for_in_openais_shape() -> None:
    body = {
        "model": "gemini-2.0-flash-exp-image-generation",
        "messages": [{"role": "user", "content": "a fox"}],
        "stream": False,
    }
    sent = GATEWAY.generate(GEMINI)
    assert (sent.method, sent.path, sent.purpose, sent.body) == (
        "POST",
        "/v1/chat/completions",
        Purpose.PAY,
        body,
    )
    more = yescale.GeminiFlashImage(prompt="a fox", extra_body={"temperature": 1, "stream": True})
    assert GATEWAY.generate(more).body == {**body, "temperature": 1}
    elsewhere = gateway_for("yescale", {"chat_path": "gemini/chat/"})
    assert elsewhere.generate(GEMINI).path == "/gemini/chat"
    assert GATEWAY.route(GEMINI) == "sync"
    with pytest.raises(UnsupportedByGatewayError, match="no asynchronous way"):
        GATEWAY.submit(GEMINI)


@pytest.mark.parametrize("image", ["https://a.example/x.png?sig=1", DATA_URL])
@pytest.mark.parametrize("shape", ["markdown", "part", "text part", "images", "both"])
def test_where_a_chat_has_its_images(shape: str, image: str) -> None:
    markdown = f"Here it is:\n\n![a fox]({image})\nEnjoy [this](https://a.example/page)"
    part = {"type": "image_url", "image_url": {"url": image}}
    message: dict[str, Any] = {
        "markdown": {"content": markdown},
        "part": {"content": [{"type": "text", "text": "Here"}, part, None]},
        "text part": {"content": [{"type": "text", "text": markdown}]},
        "images": {"content": "Here", "images": [part, None, {"type": "image_url", "image_url": image}]},
        "both": {"content": markdown, "images": [part]},
    }[shape]
    job = chatted({"role": "assistant", **message})
    assert [a.url or a.inline for a in job.artifacts] == [image]
    assert job.has_inline == image.startswith("data:")
    assert (job.status, job.charged, job.text, job.finished_at) == (
        JobStatus.SUCCEEDED,
        "yes",
        None,
        1724554354.0,
    )


def test_several_images_of_a_chat_keep_their_order() -> None:
    job = chatted({"content": f"![1](https://a/1) and ![2]({DATA_URL} 'x') and ![3](https://a/3)"})
    assert [a.url or a.inline for a in job.artifacts] == ["https://a/1", DATA_URL, "https://a/3"]


@pytest.mark.parametrize(
    "message",
    [
        {"content": "I cannot draw."},
        {"content": None},
        {"content": []},
        {"content": "see https://a/1 and [it](https://a/help)", "images": [None, {}]},
        {"content": "![x](ftp://a/1.png)"},
    ],
)
def test_a_chat_without_an_image_is_charged_and_not_asked_again(message: Any) -> None:
    job = chatted({"role": "assistant", **message})
    assert (job.status, job.charged, job.retry_helps, job.artifacts) == (JobStatus.FAILED, "yes", False, ())
    assert "without an image" in str(job.error_message)


@pytest.mark.parametrize(
    "body", [{}, {"choices": []}, {"choices": [None]}, {"choices": [{"message": "x"}]}, [1]]
)
def test_a_chat_of_another_shape_may_have_been_charged(body: Any) -> None:
    with pytest.raises(UnexpectedResponseError) as e:
        GATEWAY.read_generate(GEMINI, answer(body), submission_id="l")
    assert e.value.charged == "unknown"


def test_a_command_shows_the_family_that_a_job_id_begins_with():
    assert GATEWAY.job_id_placeholder(IMAGINE) == "mj:JOB_ID"
    assert GATEWAY.job_id_placeholder(CustomRequest(name="x", body={"prompt": "a"})) == "media:JOB_ID"
