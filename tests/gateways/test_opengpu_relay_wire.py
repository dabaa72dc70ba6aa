"""Relay's requests and answers in both generations. Bodies are the recorded and documented ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.gateways.wire import HttpResponse, Purpose
from airflow_provider_orux.models import opengpu_relay as relay
from airflow_provider_orux.models.errors import (
    ArtifactRejectedError,
    ConfigurationError,
    InvalidRequestError,
    JobNotFoundError,
    Remedy,
    UnexpectedResponseError,
    UnsupportedByGatewayError,
)
from airflow_provider_orux.models.job import Job, JobStatus
from airflow_provider_orux.models.requests import CustomRequest

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"
NEW = gateway_for("opengpu_relay")
OLD = gateway_for("opengpu_relay", {"generation": "1"})
QWEN = relay.QwenImage(prompt="a fox")
TASK = "direct:0b6d0c4e-6f0e-4a7e-9d8e-2f1d7a0f1c11"


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, {k.replace("_", "-"): v for k, v in headers.items()}, raw)


# -- generations -----------------------------------------------------------------------------------------------------
def test_the_generation_decides_host_keys_and_waiting() -> None:
    assert (NEW.host, OLD.host) == ("https://relaygpu.com", "https://relay.opengpu.network")
    assert (NEW.has_idempotency_keys, NEW.idempotency_seconds, NEW.long_poll_seconds) == (True, 86400.0, 30.0)
    assert (OLD.has_idempotency_keys, OLD.idempotency_seconds, OLD.long_poll_seconds) == (False, 0.0, 0.0)
    assert (NEW.forgets_jobs_after, OLD.forgets_jobs_after) == (3600.0, None)
    assert gateway_for("orux").forgets_jobs_after is None
    assert not NEW.key_required
    assert NEW.key_headers("relay_sk_x") == {"X-API-Key": "relay_sk_x"}
    bearer = gateway_for("opengpu_relay", {"key_header": "Authorization"})
    assert bearer.key_headers("k") == {"Authorization": "Bearer k"}
    with pytest.raises(ConfigurationError, match="generation"):
        gateway_for("opengpu_relay", {"generation": 3})


def test_a_request_of_the_other_generation_is_refused_before_it_is_sent() -> None:
    for gateway, request, word in (
        (NEW, relay.RealisticVision(prompt="x"), "generation 1 only"),
        (OLD, QWEN, "generation 2 only"),
    ):
        for call in (gateway.route, gateway.generate, gateway.submit):
            with pytest.raises(UnsupportedByGatewayError, match=word.replace(" only", "")) as e:
                call(request)  # type: ignore[operator]
            assert "only" in e.value.message
            assert e.value.charged == "no"


def test_ways() -> None:
    old_request = relay.Gen1QwenImage(prompt="x")
    assert (NEW.route(QWEN), OLD.route(old_request)) == ("async", "sync")
    assert (NEW.route(QWEN, wanted="sync"), OLD.route(old_request, wanted="async")) == ("sync", "async")
    assert gateway_for("opengpu_relay", {"route": "sync"}).route(QWEN) == "sync"


# -- requests --------------------------------------------------------------------------------------------------------
def test_only_what_was_given_is_sent() -> None:
    sent = NEW.generate(relay.Flux2Pro(prompt="a fox", width="512", seed=3))
    assert (sent.method, sent.path, sent.purpose) == ("POST", "/v2/image/flux/generate", Purpose.PAY)
    assert sent.body == {"prompt": "a fox", "width": 512, "seed": 3}
    sent = OLD.generate(relay.RealisticVision(prompt="a fox", steps=30))
    assert sent.path == "/v2/automatic1111/sdapi/v1/txt2img"
    assert sent.body == {"model": "Realistic_Vision_V5.1.safetensors", "prompt": "a fox", "steps": 30}
    named = gateway_for("opengpu_relay", {"send_model": "send"}).generate(QWEN)
    assert named.body == {"model": "Qwen/qwen-image", "prompt": "a fox"}


def test_images_are_base64_without_a_prefix_and_links_only_where_they_are_followed() -> None:
    data_url = f"data:image/png;base64,{PNG}"
    sent = NEW.generate(relay.GptImage15Edit(prompt="x", image=data_url, mask=PNG))
    assert sent.body == {"prompt": "x", "image": PNG, "mask": PNG}
    sent = NEW.generate(relay.QwenImageEdit(prompt="x", image="https://e.org/a.png"))
    assert sent.body == {"prompt": "x", "image": "https://e.org/a.png"}
    with pytest.raises(InvalidRequestError, match=r"`input_image` .* is a URL"):
        NEW.generate(relay.Flux2Pro(prompt="x", input_image="https://e.org/a.png"))
    with pytest.raises(InvalidRequestError, match="is a file"):
        NEW.generate(relay.QwenImageEdit(prompt="x", image="s3://b/a.png"))


def test_async_carries_the_idempotency_key_on_generation_2_only() -> None:
    sent = NEW.submit(relay.QwenImage(prompt="x", webhook_url="https://e.org/h"), idempotency_key="orux-1")
    assert sent.headers == {"Idempotency-Key": "orux-1"}
    assert sent.body == {"prompt": "x", "webhook_url": "https://e.org/h", "async": True}
    assert "async" not in (NEW.generate(QWEN).body or {})
    old = OLD.submit(relay.Gen1QwenImage(prompt="x"), idempotency_key="orux-1")
    assert (old.headers, old.body) == ({}, {"prompt": "x", "async": True})
    for bad in ("", "x" * 256, "a b", "a\nb"):
        with pytest.raises(InvalidRequestError, match="idempotency key"):
            NEW.submit(QWEN, idempotency_key=bad)
    assert NEW.submit(QWEN, idempotency_key="x" * 255).headers


def test_a_webhook_needs_async() -> None:
    with pytest.raises(InvalidRequestError, match="webhook_url"):
        NEW.generate(relay.QwenImage(prompt="x", webhook_url="https://e.org/h"))


@pytest.mark.parametrize(
    ("option", "given", "keep", "sent"),
    [
        (None, None, False, None),
        (None, None, True, "relay1d"),
        ("auto", "relay7d", True, "relay7d"),
        ("provider", None, True, "provider"),
        ("relay30d", None, False, "relay30d"),
        ("relay30d", "relay1d", True, "relay1d"),
    ],
)
def test_how_long_the_images_are_kept(option: Any, given: Any, keep: bool, sent: str | None) -> None:
    gateway = gateway_for("opengpu_relay", {"store_output": option})
    request: Any = relay.QwenImage(prompt="x", store_output=given)
    if keep:
        request = gateway.with_retention(request)
    for call in (gateway.generate, gateway.submit):
        assert (call(request).body or {}).get("store_output") == sent  # type: ignore[operator]


def test_generation_1_knows_no_store_output() -> None:
    gateway = gateway_for("opengpu_relay", {"generation": 1, "store_output": "relay7d"})
    request = gateway.with_retention(relay.Gen1QwenImage(prompt="x"))
    assert gateway.generate(request).body == {"prompt": "x"}


@pytest.mark.parametrize("cls", [c for c in relay.REQUESTS if issubclass(c, relay.Generation2)])
def test_only_routes_that_answer_with_urls_are_asked_to_keep_them(cls: Any) -> None:
    """A base64 route refuses the field with 422 (documented)."""
    given = {"prompt": "x", "image": PNG} if "image" in cls.model_fields else {"prompt": "x"}
    request = cls(**given)
    kept = NEW.submit(NEW.with_retention(request)).body or {}
    always = gateway_for("opengpu_relay", {"store_output": "relay7d"}).submit(request).body or {}
    stores = not cls.inline
    assert (kept.get("store_output"), always.get("store_output")) == (
        ("relay1d", "relay7d") if stores else (None, None)
    )
    assert (NEW.submit(cls(**given, store_output="relay1d")).body or {})["store_output"] == "relay1d"


def test_a_route_of_several_models_takes_the_model_in_the_body() -> None:
    path = "/v2/image/gemini-3/generate"
    by_route = NEW.generate(CustomRequest(name=path, body={"model": "a-new-one", "prompt": "x"}))
    assert (by_route.path, by_route.body) == (path, {"model": "a-new-one", "prompt": "x"})


def test_a_synchronous_video_says_so() -> None:
    """Video routes are asynchronous by default."""
    request = CustomRequest(name="/v2/video/kling-3/t2v", body={"prompt": "x"})
    assert NEW.generate(request).body == {"prompt": "x", "async": False}
    assert NEW.submit(request).body == {"prompt": "x", "async": True}


@pytest.mark.parametrize(
    ("request_", "field", "sent"),
    [
        (relay.Seedream5Pro(prompt="x", images=[PNG]), "images", [f"data:image/png;base64,{PNG}"]),
        (relay.Wan27ImagePro(prompt="x", image=PNG), "image", f"data:image/png;base64,{PNG}"),
        (relay.Seedream5Pro(prompt="x", images=["https://a/1.png"]), "images", ["https://a/1.png"]),
        (relay.GptImage2(prompt="x", image=[PNG, f"data:image/png;base64,{PNG}"]), "image", [PNG, PNG]),
        (relay.GptImage2(prompt="x", image=PNG), "image", PNG),
        (relay.Gemini3ProImage(prompt="x", images=[PNG]), "images", [PNG]),
    ],
)
def test_images_go_out_in_the_form_that_the_route_documents(request_: Any, field: str, sent: Any) -> None:
    assert (NEW.submit(request_).body or {})[field] == sent


@pytest.mark.parametrize(
    "request_",
    [
        relay.Gemini3ProImage(prompt="x", image="https://a/1.png"),
        relay.GptImage2(prompt="x", image="https://a/1.png"),
    ],
)
def test_a_url_that_the_gateway_does_not_fetch_is_not_sent(request_: Any) -> None:
    with pytest.raises(InvalidRequestError, match="a URL that was not read"):
        NEW.submit(request_)


def test_custom_requests_take_a_known_models_route_or_name_their_own() -> None:
    sent = NEW.submit(CustomRequest(name="Qwen/qwen-image", body={"prompt": "x"}))
    assert (sent.path, sent.body) == (
        "/v2/image/qwen/generate",
        {"prompt": "x", "async": True},
    )
    sent = NEW.generate(CustomRequest(name="/v2/image/new/generate", body={"prompt": "x"}))
    assert (sent.path, sent.body) == ("/v2/image/new/generate", {"prompt": "x"})
    sent = OLD.generate(CustomRequest(name="other.safetensors", body={"prompt": "x"}))
    assert sent.path == "/v2/automatic1111/sdapi/v1/txt2img"
    for name in ("a-new-model", "/v3/x", "//evil.example/v2/x", "/v2/../admin", "/v2/x?y=1"):
        with pytest.raises(InvalidRequestError, match="not known to this version"):
            NEW.generate(CustomRequest(name=name, body={}))


# -- results ---------------------------------------------------------------------------------------------------------
def test_the_recorded_synchronous_answer() -> None:
    body = {
        "urls": ["https://cdn.relaygpu.com/content/abc"],
        "model": "Qwen/qwen-image",
        "size": "512x512",
        "task_id": TASK,
        "task_address": None,
        "mode": "direct",
    }
    job = NEW.read_generate(QWEN, answer(body), submission_id="orux-1")
    assert (job.job_id, job.urls, job.charged) == ("orux-1", ["https://cdn.relaygpu.com/content/abc"], "yes")


@pytest.mark.parametrize("field", ["images", "urls"])
@pytest.mark.parametrize("gateway", [NEW, OLD])
def test_links_and_base64_are_told_apart_by_their_looks(gateway: Any, field: str) -> None:
    request = relay.Gen1QwenImage(prompt="x") if gateway is OLD else QWEN
    items = [
        "https://a.example/1.png",
        PNG,
        f"data:image/png;base64,{PNG}",
        {"url": "https://a.example/2.png"},
    ]
    job = gateway.read_generate(request, answer({field: items}), submission_id="l")
    assert [(a.url, a.inline) for a in job.artifacts] == [
        ("https://a.example/1.png", None),
        (None, PNG),
        (None, f"data:image/png;base64,{PNG}"),
        ("https://a.example/2.png", None),
    ]


@pytest.mark.parametrize("hole", [None, {}, {"url": None}, {"b64_json": ""}, 5, "no image here"])
@pytest.mark.parametrize("field", ["images", "urls"])
def test_an_image_that_is_missing_leaves_the_others(field: str, hole: Any) -> None:
    items = ["https://a.example/1.png", hole, PNG]
    job = NEW.read_generate(QWEN, answer({field: items}), submission_id="l")
    assert [(a.url, a.inline) for a in job.artifacts] == [("https://a.example/1.png", None), (None, PNG)]
    polled = NEW.read_poll(TASK, answer({"status": "completed", "result": {field: items}}))
    assert (polled.status, polled.artifacts) == (JobStatus.SUCCEEDED, job.artifacts)


def test_the_fuller_of_two_lists_is_taken() -> None:
    for body in ({"urls": [None], "images": [PNG]}, {"urls": [], "images": [PNG]}, {"images": [PNG]}):
        job = NEW.read_generate(QWEN, answer(body), submission_id="l")
        assert [a.inline for a in job.artifacts] == [PNG]
    both = NEW.read_generate(QWEN, answer({"images": [PNG], "urls": ["https://a/1"]}), submission_id="l")
    assert both.urls == ["https://a/1"]


@pytest.mark.parametrize("body", [{}, {"images": []}, {"urls": [None]}, {"images": ["no image here"]}, []])
def test_an_unreadable_success_is_not_free(body: Any) -> None:
    with pytest.raises(UnexpectedResponseError) as e:
        NEW.read_generate(QWEN, answer(body), submission_id="l")
    assert e.value.charged == "unknown"


# -- accepted jobs and where they are asked for ------------------------------------------------------------
def accepted(gateway: Any = NEW, **body: Any) -> Job:
    request = relay.Gen1QwenImage(prompt="x") if gateway is OLD else QWEN
    job: Job = gateway.read_submit(request, answer(body, 202))
    return job


def test_the_recorded_202() -> None:
    job = accepted(task_id=TASK, status="queued", poll_url=f"/v2/tasks/{TASK}")
    assert (job.job_id, job.status) == (TASK, JobStatus.QUEUED)
    sent = NEW.poll(job.job_id, wait=60)
    assert (sent.method, sent.path, sent.query) == ("GET", f"/v2/tasks/{TASK}", {"wait": "30"})
    assert not sent.with_key
    assert (NEW.poll(job.job_id).query, NEW.poll(job.job_id, wait=0.5).query) == ({}, {})


def test_a_replay_is_the_same_job() -> None:
    job = NEW.read_submit(QWEN, answer({"task_id": TASK}, 202, idempotency_replayed="true"))
    assert job == accepted(task_id=TASK)


@pytest.mark.parametrize(
    ("body", "job_id"),
    [
        ({"task_id": "a1"}, "a1"),
        ({"task_address": "0xabc", "status": "pending"}, "0xabc"),
        ({"task_id": None, "task_address": "0xabc"}, "0xabc"),
        ({"task_id": "a1", "task_address": "0xabc"}, "0xabc"),
        ({"task_id": TASK, "poll_url": f"/v2/tasks/{TASK.replace(':', '%3A')}"}, TASK),
        ({"task_id": TASK, "poll_url": f"https://relay.opengpu.network/v2/tasks/{TASK}"}, TASK),
    ],
)
def test_a_202_of_generation_1_may_have_either_name(body: dict[str, Any], job_id: str) -> None:
    assert accepted(OLD, **body).job_id == job_id
    assert OLD.poll(job_id, wait=30).query == {}


def test_generation_2_is_asked_by_the_task_id() -> None:
    assert accepted(NEW, task_id="a1", task_address="0xabc").job_id == "a1"


@pytest.mark.parametrize(("gateway", "soon"), [(NEW, "within the hour"), (OLD, "soon")])
def test_a_job_whose_answer_is_too_long_is_finished_and_paid_for(gateway: Any, soon: str) -> None:
    body = b'{"status": "completed", "result": {"images": ["' + b"A" * 2**20
    with pytest.raises(ArtifactRejectedError) as e:
        gateway.read_poll(TASK, HttpResponse(200, {}, body[: 2**20], truncated=True))
    error = e.value
    assert (error.job_id, error.charged, error.final) == (TASK, "yes", True)
    assert "finished and charged" in error.message
    assert "1 MiB" in error.message
    assert "max_inline_mib" in error.next_step
    assert f"clear the task {soon}" in error.next_step


def test_a_synchronous_answer_that_is_too_long_is_paid_for_and_gone() -> None:
    cut = HttpResponse(200, {}, b'{"images": ["' + b"A" * 100, truncated=True)
    with pytest.raises(ArtifactRejectedError) as e:
        NEW.read_generate(QWEN, cut, submission_id="l")
    assert (e.value.job_id, e.value.charged, e.value.final) == (None, "yes", True)
    assert "max_inline_mib" in e.value.next_step
    assert e.value.remedy is Remedy.DISCARD
    with pytest.raises(UnexpectedResponseError):
        NEW.read_generate(QWEN, HttpResponse(200, {}, b"<html>", truncated=True), submission_id="l")


@pytest.mark.parametrize(
    ("poll_url", "path", "query"),
    [
        ("/v2/video/tasks/7", "/v2/video/tasks/7", {}),
        ("/v2/tasks/a1?sig=x%2By&wait=5", "/v2/tasks/a1", {"sig": "x+y"}),
        ("/v2/t/a%2Fb", "/v2/t/a%2Fb", {}),
        ("https://relaygpu.com/v2/other/9", "/v2/other/9", {}),
    ],
)
def test_another_poll_url_of_the_same_origin_is_followed(
    poll_url: str, path: str, query: dict[str, str]
) -> None:
    job = accepted(task_id="a1", poll_url=poll_url)
    assert job.job_id.startswith("path:")
    assert "/" not in job.job_id
    sent = NEW.poll(job.job_id)
    assert (sent.path, sent.query, sent.with_key) == (path, query, False)
    assert NEW.poll(job.job_id, wait=9).query == {**query, "wait": "9"}


FOREIGN = [
    "https://evil.example/v2/tasks/a1",
    "//evil.example/v2/tasks/a1",
    "https://relaygpu.com.evil.example/v2/tasks/a1",
    "https://relaygpu.com@evil.example/x",
    "http://relaygpu.com/v2/tasks/a1",
    "/v2/../../etc/passwd",
    "/%2Fevil.example/x",
    "/\\evil.example/x",
    "v2/tasks/a1",
]


@pytest.mark.parametrize("poll_url", FOREIGN)
def test_a_poll_url_of_another_origin_is_never_followed(poll_url: str) -> None:
    assert accepted(task_id="a1", poll_url=poll_url).job_id == "a1"
    with pytest.raises(UnexpectedResponseError) as e:
        accepted(poll_url=poll_url)
    assert e.value.charged == "unknown"


@pytest.mark.parametrize(
    "job_id",
    [
        "",
        "a b",
        "a/b",
        "..",
        "path:",
        "path:%2F%2Fevil.example%2Fx",
        "path:https%3A%2F%2Fevil.example",
        "path:x",
    ],
)
def test_what_is_no_job_id(job_id: str) -> None:
    with pytest.raises(InvalidRequestError, match="is not a job id of OpenGPU Relay"):
        NEW.poll(job_id)


def test_a_task_id_that_looks_like_a_path_handle_stays_a_task() -> None:
    job = accepted(task_id="path:x", poll_url="/v2/tasks/path:x")
    assert NEW.poll(job.job_id).path == "/v2/tasks/path:x"


# -- polls -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": "queued", "elapsed_seconds": 0.1}, JobStatus.QUEUED),
        ({"status": "running"}, JobStatus.RUNNING),
        ({"status": "retrying"}, JobStatus.RUNNING),
        ({"status": "completed", "result": {"success": True, "images": [PNG]}}, JobStatus.SUCCEEDED),
        ({"status": "completed", "urls": ["https://a.example/1.png"], "result": None}, JobStatus.SUCCEEDED),
        ({"status": "failed", "error": "no output"}, JobStatus.FAILED),
    ],
)
def test_statuses(body: dict[str, Any], status: JobStatus) -> None:
    job = NEW.read_poll(TASK, answer({"task_id": TASK, "model": "Qwen/qwen-image", **body}))
    assert (job.job_id, job.status, job.model) == (TASK, status, "Qwen/qwen-image")
    assert len(job.artifacts) == (1 if status is JobStatus.SUCCEEDED else 0)


@pytest.mark.parametrize(
    ("code", "helps"),
    [
        ("CONTENT_POLICY_DECLINED", False),
        ("UPSTREAM_INVALID_REQUEST", False),
        ("VALIDATION_ERROR", False),
        ("IMAGE_TEXT_RESPONSE", False),
        ("MODEL_RETIRED", False),
        ("PROVIDER_UNAVAILABLE", True),
        ("IMAGE_NO_OUTPUT", True),
        ("CAPACITY_EXHAUSTED", True),
        ("A_NEW_ONE", True),
        (None, True),
    ],
)
def test_a_failed_task_is_a_value_and_says_whether_a_retry_helps(code: str | None, helps: bool) -> None:
    body: dict[str, Any] = {"status": "failed", "error": "the provider said no"}
    if code:
        body["error_code"] = code
    job = NEW.read_poll(TASK, answer(body))
    assert (job.error_code, job.error_message, job.retry_helps) == (code, "the provider said no", helps)


@pytest.mark.parametrize(
    ("created", "at"),
    [(1761576676, 1761576676.0), ("2026-10-01T00:00:00Z", 1790812800.0), (None, None), ("x", None)],
)
def test_created_at(created: Any, at: float | None) -> None:
    assert NEW.read_poll(TASK, answer({"status": "queued", "created_at": created})).submitted_at == at


def test_a_forgotten_task() -> None:
    body = {"detail": "Task not found", "error": {"code": "TASK_NOT_FOUND", "message": "Task not found"}}
    with pytest.raises(JobNotFoundError, match="more than an hour ago") as e:
        NEW.read_poll(TASK, answer(body, 404))
    assert (e.value.code, e.value.job_id) == ("TASK_NOT_FOUND", TASK)
    with pytest.raises(JobNotFoundError):
        OLD.read_poll("0xabc", answer({"detail": "Not Found"}, 404))
    with pytest.raises(UnexpectedResponseError):
        NEW.read_poll(TASK, answer(b"<html>404</html>", 404))


# -- prices, probe -----------------------------------------------------------------------------------------------------
def test_prices() -> None:
    sent = NEW.pricing()  # type: ignore[attr-defined]
    assert (sent.path, sent.purpose, sent.with_key) == ("/v2/pricing", Purpose.READ, False)
    prices = NEW.read_pricing(  # type: ignore[attr-defined]
        answer(
            {
                "pricing": [
                    {"mode": "direct", "model": "bfl.black-forest-labs/FLUX-2-pro", "per_image": 0.036},
                    {"mode": "auto", "model": "bfl.black-forest-labs/FLUX-2-pro", "per_image": "0.030"},
                    {"mode": "direct", "model": "openai/gpt-image-1.5-T2I", "per_image": 0.036},
                    {"mode": "direct", "model": "Realistic_Vision_V5.1.safetensors", "per_image": 0.001},
                    {
                        "mode": "direct",
                        "model": "google.google/gemini-3-pro-image",
                        "per_image_resolution": {"1K": 0.14, "2K": 0.14, "4K": 0.24},
                    },
                    {"mode": "direct", "model": "openai/gpt-image-9.5", "per_image": 0.1},
                    {"mode": "direct", "model": "x.chat", "per_token": 1},
                    "junk",
                ]
            }
        )
    )
    assert prices == {
        "black-forest-labs/FLUX-2-pro": (0.036, "USD/image"),
        "openai/gpt-image-1.5-T2I": (0.036, "USD/image"),
        "Realistic_Vision_V5.1.safetensors": (0.001, "USD/image"),
        "openai/gpt-image-9.5": (0.1, "USD/image"),
        "google/gemini-3-pro-image": (0.24, "USD/image"),
        "google/gemini-3-pro-image@1K": (0.14, "USD/image"),
        "google/gemini-3-pro-image@2K": (0.14, "USD/image"),
        "google/gemini-3-pro-image@4K": (0.24, "USD/image"),
    }
    with pytest.raises(UnexpectedResponseError):
        NEW.read_pricing(answer({"prices": []}))  # type: ignore[attr-defined]


def test_probe() -> None:
    sent = NEW.probe()
    assert (sent.method, sent.path, sent.purpose, sent.with_key) == ("GET", "/v2/models", Purpose.READ, True)
    assert NEW.read_json(answer({"data": []})) == {"data": []}
