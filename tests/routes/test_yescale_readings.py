"""Where YEScale's documents leave two readings open, the sandbox plays each of them, and the client reads each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from airflow_provider_orux.hooks.yescale import YEScaleHook
from airflow_provider_orux.models import yescale
from airflow_provider_orux.models.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    OruxError,
)
from airflow_provider_orux.models.job import Job, JobStatus
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest
from orux_sandbox import SandboxServer
from tests.routes.test_every_route import FAST, charged, client_for, data_url, finish, make

KLING: dict[str, Any] = {"prompt": "a fox", "model_name": "kling-v1-6", "mode": "pro"}
GROK = yescale.GrokVideo(prompt="a fox", aspect_ratio="16:9", duration=8)
FLUX = yescale.FluxKontextMax(prompt="a fox")
SEEDREAM = yescale.Seedream5(prompt="a fox", size="2K")
IMAGE = data_url("#c33")


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(FAST) as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults(server: SandboxServer) -> Iterator[None]:
    yield
    server.clear_faults()


@contextmanager
def played(server: SandboxServer, **settings: Any) -> Iterator[None]:
    before = {name: getattr(server.engine.settings, name) for name in settings}
    server.configure(**settings)
    try:
        yield
    finally:
        server.configure(**before)


def made(server: SandboxServer, request: GenerationRequest, *, way: str | None = None, **options: Any) -> Job:
    with client_for(server, "yescale", **options) as client, charged(server):
        job = make(client, request, server, way)
    assert job.status is JobStatus.SUCCEEDED, job
    assert job.artifacts or job.text
    return job


@pytest.mark.parametrize("shape", ["kling", "openai", "task", "plain"])
@pytest.mark.parametrize(
    "request_",
    [yescale.KlingTextToVideo(**KLING), yescale.KlingImageToVideo(**KLING, image=IMAGE)],
    ids=lambda r: r.model,
)
def test_klings_answers(server: SandboxServer, request_: GenerationRequest, shape: str) -> None:
    with played(server, yescale_kling_video_answer=shape):
        job = made(server, request_)
    (clip,) = job.artifacts
    assert "clip.avi" in str(clip.url)
    assert bool(clip.details.get("duration")) == (shape in ("kling", "task"))


@pytest.mark.parametrize("shape", ["kling", "openai", "task", "plain"])
def test_a_clip_of_kling_that_fails_says_why(server: SandboxServer, shape: str) -> None:
    server.order_fault(
        {"endpoint": "yescale.video.submit", "then": {"job": "fail", "error_message": "content policy"}}
    )
    with played(server, yescale_kling_video_answer=shape), client_for(server, "yescale") as client:
        job = make(client, yescale.KlingTextToVideo(**KLING), server)
    assert (job.status, job.error_message, job.retry_helps) == (JobStatus.FAILED, "content policy", False)


@pytest.mark.parametrize("shape", ["page", "siblings", "artifact", "stateless"])
def test_lumas_answers(server: SandboxServer, shape: str) -> None:
    with played(server, yescale_luma_answer=shape):
        job = made(server, yescale.LumaVideo(prompt="a fox", image_url=IMAGE, loop=True))
    (clip,) = job.artifacts
    assert "clip.avi" in str(clip.url)
    assert "cover.png" in str(clip.details.get("cover", "cover.png"))


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("runwayml", {}),
        ("runway_pro", {"runway_path": "/runway/pro/generate", "runway_task_path": "runway/feed/"}),
    ],
)
def test_runways_addresses(server: SandboxServer, path: str, options: dict[str, str]) -> None:
    request = yescale.RunwayVideo(
        version="gen3a_turbo", image=IMAGE, image_tail=IMAGE, prompt="it moves", ratio="1280:768", duration=5
    )
    with played(server, yescale_runway_path=path):
        made(server, request, **options)
    with played(server, yescale_runway_path="runway_pro" if path == "runwayml" else "runwayml"):
        with client_for(server, "yescale", **options) as client, charged(server, times=0):
            with pytest.raises(InvalidRequestError) as e:
                client.submit(request)
    assert (e.value.charged, e.value.http_status) == ("no", 404)


@pytest.mark.parametrize("form", ["base64", "data_url"])
def test_images_of_luma_and_pika(server: SandboxServer, form: str) -> None:
    for request in (
        yescale.LumaVideo(prompt="a fox", image_url=IMAGE, image_end_url=IMAGE),
        yescale.PikaVideo(prompt="a fox", image=IMAGE, effect="Melt", negative_prompt="rain", frame_rate=24),
    ):
        made(server, request, video_image=form)
        sent = str(server.requests("yescale.video.submit")[-1]["body"])
        assert ("data:" in sent) == (form == "data_url") or "bytes)" in sent


@pytest.mark.parametrize(
    "shape", ["url", "images", "texts", "videos", "video_url", "output_url", "output", "results", "echo"]
)
@pytest.mark.parametrize("request_", [GROK, FLUX], ids=lambda r: r.model)
def test_results_of_media(server: SandboxServer, request_: GenerationRequest, shape: str) -> None:
    with played(server, yescale_media_result=shape):
        job = made(server, request_)
    # What was made, and never what was sent in.
    (artifact,) = job.artifacts
    assert ("clip.avi" if request_ is GROK else "image.png") in str(artifact.url)


@pytest.mark.parametrize("where", ["message", "err_reason", "error", "error_object"])
def test_reasons_of_media(server: SandboxServer, where: str) -> None:
    server.order_fault(
        {"endpoint": "yescale.media.submit", "then": {"job": "fail", "error_message": "upstream timeout"}}
    )
    with played(server, yescale_media_reason=where), client_for(server, "yescale") as client:
        job = make(client, GROK, server)
    assert (job.status, job.error_message, job.retry_helps) == (JobStatus.FAILED, "upstream timeout", True)


@pytest.mark.parametrize("where", ["top", "data"])
def test_where_media_names_an_accepted_task(server: SandboxServer, where: str) -> None:
    with played(server, yescale_media_accepted=where):
        made(server, SEEDREAM)


def test_a_model_of_media_that_this_version_does_not_know(server: SandboxServer) -> None:
    body = {"prompt": "a fox", "config": {"duration": 6}}
    job = made(server, CustomRequest(name="hailuo-2.3", body=body), way="async")
    assert job.job_id.startswith("media:yescale-hailuo-2.3-")


@pytest.mark.parametrize(
    ("body", "param"), [({"config": {}}, "prompt"), ({"prompt": "a", "config": [1]}, "config")]
)
def test_a_wrong_body_for_media_is_refused_before_it_is_sent(
    server: SandboxServer, body: dict[str, Any], param: str
) -> None:
    before = len(server.requests())
    with client_for(server, "yescale") as client, pytest.raises(InvalidRequestError) as e:
        client.submit(CustomRequest(name="hailuo-2.3", body=body))
    assert (e.value.param, e.value.charged) == (param, "no")
    assert len(server.requests()) == before


@pytest.mark.parametrize("answer", ["url", "b64_json"])
@pytest.mark.parametrize("encoding", ["multipart", "json"])
def test_qwens_edit(server: SandboxServer, encoding: str, answer: str) -> None:
    request = yescale.QwenImageEdit(prompt="at night", images=[IMAGE, data_url("#36c")], size="512x512")
    with played(server, yescale_qwen_edit_body=encoding, yescale_qwen_edit_answer=answer):
        job = made(server, request, qwen_edit_body=encoding)
        assert job.has_inline == (answer == "b64_json")
        other = "json" if encoding == "multipart" else "multipart"
        with client_for(server, "yescale", qwen_edit_body=other) as client, charged(server, times=0):
            with pytest.raises(InvalidRequestError):
                client.generate(request, submission_id="local")


@pytest.mark.parametrize("asked", ["required", "optional"])
def test_a_bot_is_always_named(server: SandboxServer, asked: str) -> None:
    with played(server, yescale_bot_type=asked):
        made(server, yescale.MidjourneyImagine(prompt="a fox", reference_images=[IMAGE]))
        described = made(server, yescale.MidjourneyDescribe(image=IMAGE))
    assert len(described.details["prompts"]) == 4


def test_steps_that_the_pages_do_not_list_may_be_refused(server: SandboxServer) -> None:
    request = yescale.MidjourneyShorten(prompt="a fox in the snow at night under a large moon")
    assert len(made(server, request).details["prompts"]) == 5
    with played(server, yescale_mj_actions="refused"), client_for(server, "yescale") as client:
        with charged(server, times=0), pytest.raises(OruxError) as e:
            client.submit(request)
    assert (e.value.charged, e.value.http_status) == ("no", 404)


@pytest.mark.parametrize("shape", ["raw", "flat"])
def test_songs(server: SandboxServer, shape: str) -> None:
    with played(server, yescale_suno_clip=shape):
        job = made(server, yescale.SunoMusic(prompt="rain", title="Rain"))
    assert [(a.details["title"], a.details["duration"]) for a in job.artifacts] == [("Rain", 60.0)] * 2
    assert len({a.details["id"] for a in job.artifacts}) == 2


@pytest.mark.parametrize(
    "wrong", [{"task_id": "suno:unknown-1"}, {"continue_clip_id": "c-9"}, {"mv": "chirp-v4"}]
)
def test_a_continuation_that_fits_nothing_is_refused_and_free(
    server: SandboxServer, wrong: dict[str, str]
) -> None:
    song = made(server, yescale.SunoMusic(prompt="rain"))
    fields = {"task_id": song.job_id, "continue_clip_id": song.artifacts[0].details["id"], "continue_at": 10}
    with client_for(server, "yescale") as client, charged(server, times=0):
        with pytest.raises(OruxError) as e:
            client.submit(yescale.SunoMusic(**{"prompt": "more", **fields, **wrong}))
        assert e.value.charged == "no"
    made(server, yescale.SunoMusic(prompt="more", **fields))


# -- the account and the ids of answers ----------------------------------------------------------------------------
def test_what_grok_costs_is_what_the_vendor_said(server: SandboxServer) -> None:
    made(server, GROK)
    made(
        server, yescale.OmniFlash(prompt="a", aspect_ratio="16:9", mode="v2v", videos=["https://e.org/v.mp4"])
    )
    assert [c["amount"] for c in server.charges()[-2:]] == [0.17, 0.47]


@pytest.fixture
def hook(server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    def of(**extra: Any) -> YEScaleHook:
        from airflow.sdk import BaseHook, Connection

        conn = Connection(
            conn_id="yescale_default",
            conn_type="yescale",
            host=server.url,
            password=server.key_of("yescale"),
            extra=json.dumps(extra),
        )
        monkeypatch.setattr(BaseHook, "get_connection", classmethod(lambda cls, conn_id: conn))
        return YEScaleHook()

    return of


def test_the_balance(server: SandboxServer, hook: Any) -> None:
    made(server, FLUX)
    server.save_account(account="yescale", balance=12.5)
    asked = hook(access_key="sandbox-account-access-key", account_host=server.url)
    told = asked.balance()
    assert (told["balance"], told["currency"]) == (12.5, "USD")
    assert told["used"] > 0
    works, text = asked.test_connection()
    assert works
    assert text.endswith("The account holds 12.50 USD.")
    server.save_account(account="yescale", balance=1000)


def test_the_balance_needs_a_key_of_its_own(server: SandboxServer, hook: Any) -> None:
    works, text = hook().test_connection()
    assert (works, "USD" in text) == (True, False)
    with pytest.raises(ConfigurationError, match="access_key"):
        hook().balance()
    wrong = hook(access_key="not-the-key-of-anyone", account_host=server.url)
    with pytest.raises(AuthenticationError):
        wrong.balance()
    works, text = wrong.test_connection()
    assert works
    assert "The balance cannot be read" in text
    assert "not-the-key-of-anyone" not in text


def test_each_answer_has_an_id_that_errors_and_jobs_name(server: SandboxServer) -> None:
    job = made(server, FLUX)
    assert str(job.details["request_id"]).startswith("req_")
    assert f"(request {job.details['request_id']})" in job.called
    with client_for(server, "yescale") as client:
        with pytest.raises(OruxError) as e:
            client.submit(CustomRequest(name="no-such-model", body={"prompt": "x"}))
        assert str(e.value.request_id).startswith("req_")
        assert f"request {e.value.request_id}" in e.value.report()
        with pytest.raises(OruxError) as e:
            client.poll("media:unknown-1")
        assert str(e.value.request_id).startswith("req_")
        server.order_fault({"endpoint": "yescale.media.submit", "then": {"status": 500}})
        with pytest.raises(OruxError) as e:
            client.submit(FLUX)
        server.clear_faults()
        assert (e.value.charged, str(e.value.request_id)[:4]) == ("unknown", "req_")
        accepted = client.submit(FLUX)
        assert accepted.details["request_id"] != finish(client, accepted, server).details["request_id"]
