"""Every model of OpenGPU Relay that has no class here, by its name, over HTTP to the sandbox and back: made, paid, there.

``MODELS`` is the list that a table of what is covered can be filled from: name, kind.
"""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_orux.client import kept
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.sync import GatewayClient
from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.models.errors import (
    GatewayUnavailableError,
    InvalidRequestError,
    OruxError,
    RateLimitedError,
    UnsupportedByGatewayError,
)
from airflow_provider_orux.models.job import Job, JobStatus
from airflow_provider_orux.models.relay_names import RELAY_MODELS
from airflow_provider_orux.models.requests import CustomRequest
from airflow_provider_orux.storage import StorageSettings
from airflow_provider_orux.storage.inputs import InputFiles
from airflow_provider_orux.storage.media import recognise
from orux_sandbox import SandboxServer
from orux_sandbox.art import recipes, recordings

FAST = {
    "queue_seconds": 0.02,
    "run_seconds": 0.05,
    "sync_seconds": 0.01,
    "image_scale": 0.25,
    "usd": 1000,
}
MODELS = [(name, kind) for name, kind in RELAY_MODELS.items() if not name.startswith("workflow/")]
KINDS = {"image": {"png", "jpg"}, "video": {"avi"}, "audio": {"wav"}}


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    with SandboxServer(FAST) as server:
        yield server


@pytest.fixture
def server(running: Any) -> Any:
    running.reset()
    kept.forget()
    return running


@contextlib.contextmanager
def client_for(server: Any, **options: Any) -> Iterator[GatewayClient]:
    name = "opengpu_relay"
    settings = ClientSettings(
        base_url=server.url_of(name), key=server.key_of(name), backoff_base=0.01, attempts=2
    )
    with GatewayClient(gateway_for(name, options), settings) as client:
        yield client


def example(server: Any, model: str) -> dict[str, Any]:
    """The vendor's own example, which runs."""
    found = httpx.get(f"{server.url_of('opengpu_relay')}/v2/models/{model}").json()["request_example"]
    return {name: value for name, value in found.items() if name != "model"}


def finish(client: GatewayClient, job: Job) -> Job:
    end = time.monotonic() + 20
    while not job.status.is_terminal and time.monotonic() < end:
        time.sleep(0.03)
        job = client.poll(job.job_id)
    return job


def made(client: GatewayClient, request: CustomRequest, way: str = "async") -> Job:
    if way == "sync":
        return client.generate(request, submission_id="local")
    return finish(client, client.submit(request, idempotency_key=f"key-{time.monotonic_ns()}"))


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize(("model", "kind"), MODELS, ids=[name for name, _ in MODELS])
def test_a_model_by_its_name(server: Any, model: str, kind: str, way: str) -> None:
    with client_for(server) as client:
        job = made(client, CustomRequest(name=model, body=example(server, model)), way)
    assert job.status is JobStatus.SUCCEEDED
    assert len(server.charges()) == 1
    if kind == "text":
        assert "quiet place" in str(job.text)
        assert job.details.get("language", job.details.get("language_code")) == "en"
        return
    (artifact,) = job.artifacts
    content = base64.b64decode(artifact.inline) if artifact.inline else httpx.get(str(artifact.url)).content
    assert recognise(content[:4096]) in KINDS[kind]
    assert artifact.details
    if kind == "video":
        assert artifact.details["duration"] > 0
    if artifact.inline and kind == "audio":
        assert artifact.media_type == "audio/wav"


def test_the_list_is_that_of_the_vendors_client() -> None:
    """Of its operations all that serve images, videos, audio; those with a class of ours are not in the list."""
    known = pytest.importorskip("relaygpu._generated.models_map").MODEL_OPERATIONS
    listed = {name for tag in ("Image", "Video", "Audio") for name in known[tag]}
    typed = {cls.model for cls in gateway_for("opengpu_relay").requests}
    assert listed - typed == {name for name, _ in MODELS}


def test_the_sandbox_and_the_vendors_client_name_the_same_operations(server: Any) -> None:
    known = pytest.importorskip("relaygpu._generated.models_map").MODEL_OPERATIONS
    catalogue = httpx.get(f"{server.url_of('opengpu_relay')}/v2/models").json()["auto"]
    rows = {row["name"]: row for source in catalogue.values() for row in source}
    for tag in ("Image", "Video", "Audio"):
        for model, operation in known[tag].items():
            assert rows[model]["endpoint"]["operation_id"] == operation


# -- before anything is paid -----------------------------------------------------------------------------------------
def test_a_wrong_field_costs_nothing(server: Any) -> None:
    with client_for(server) as client:
        for body, said in (
            ({"prompt": "x", "duraton": 5}, "did you mean `duration`"),
            ({"prompt": "x", "duration": 16}, "allowed: 3 to 15"),
            ({"prompt": "x" * 2501}, "at most 2500"),
            ({"prompt": "x", "quality_mode": "pr"}, "Did you mean 'pro'"),
        ):
            with pytest.raises(InvalidRequestError, match=said) as e:
                client.submit(CustomRequest(name="KlingTeam/v3-T2V", body=body))  # type: ignore[arg-type]
            assert e.value.charged == "no"
    assert server.requests("relay.submit") == []


@pytest.mark.parametrize(
    ("model", "code"), [("openai/sora-2", "MODEL_RETIRED"), ("no/such-model", "MODEL_NOT_FOUND")]
)
def test_a_model_that_is_gone_or_never_was(server: Any, model: str, code: str) -> None:
    with client_for(server) as client, pytest.raises(UnsupportedByGatewayError) as e:
        client.submit(CustomRequest(name=model, body={"prompt": "x"}))
    assert (e.value.code, e.value.charged) == (code, "no")
    assert server.requests("relay.submit") == []


def test_a_model_that_is_retired_after_it_was_looked_up(server: Any) -> None:
    request = CustomRequest(name="KlingTeam/v3-T2V", body={"prompt": "x"})
    with client_for(server) as client:
        made(client, request)
        server.configure(relay_retired=["KlingTeam/v3-T2V"])
        with pytest.raises(UnsupportedByGatewayError, match="retired and no longer served") as e:
            client.submit(request)
    assert (e.value.code, e.value.charged) == ("MODEL_RETIRED", "no")
    assert len(server.charges()) == 1


# -- the catalogue is asked once, and may be away --------------------------------------------------------------------
def test_the_catalogue_is_asked_once_for_a_few_minutes(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    request = CustomRequest(name="KlingTeam/v3-T2V", body={"prompt": "x"})
    for _ in range(3):
        with client_for(server) as client:
            client.submit(request)
    assert len(server.requests("relay.model")) == 1
    monkeypatch.setattr(kept, "FRESH", 0.0)
    with client_for(server) as client:
        client.submit(request)
    assert len(server.requests("relay.model")) == 2


def test_a_stale_answer_is_used_while_the_catalogue_is_away_and_that_is_logged(
    server: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    request = CustomRequest(name="KlingTeam/v3-T2V", body={"prompt": "x"})
    with client_for(server) as client:
        client.submit(request)
        monkeypatch.setattr(kept, "FRESH", 0.0)
        server.order_fault({"endpoint": "relay.model", "times": 9, "then": {"status": 503}})
        client.submit(request)
    assert "catalogue does not answer" in caplog.text
    assert len(server.charges()) == 2


def test_without_any_answer_nothing_is_sent_and_a_retry_is_free(server: Any) -> None:
    server.order_fault({"endpoint": "relay.model", "times": 9, "then": {"status": 503}})
    with client_for(server) as client, pytest.raises(OruxError) as e:
        client.submit(CustomRequest(name="KlingTeam/v3-T2V", body={"prompt": "x"}))
    assert isinstance(e.value, GatewayUnavailableError)
    assert (e.value.charged, e.value.final) == ("no", False)
    assert server.requests("relay.submit") == []


def test_an_account_does_not_see_what_another_one_was_told(server: Any) -> None:
    other = server.save_account(gateway="opengpu_relay", account="other")["key"]
    request = CustomRequest(name="KlingTeam/v3-T2V", body={"prompt": "x"})
    with client_for(server) as client:
        client.resolve(request)
    settings = ClientSettings(base_url=server.url_of("opengpu_relay"), key=other)
    with GatewayClient(gateway_for("opengpu_relay"), settings) as client:
        client.resolve(request)
    assert len(server.requests("relay.model")) == 2


def test_a_catalogue_without_schemas(server: Any, caplog: pytest.LogCaptureFixture) -> None:
    server.configure(relay_catalogue="without_schemas")
    with client_for(server) as client:
        job = made(client, CustomRequest(name="KlingTeam/v3-T2V", body={"prompt": "x"}))
        assert job.status is JobStatus.SUCCEEDED
        assert "unchecked" in caplog.text
        # The vendor's own check stands behind: nothing was charged.
        with pytest.raises(InvalidRequestError, match="duraton") as e:
            client.submit(CustomRequest(name="KlingTeam/v3-T2V", body={"prompt": "x", "duraton": 1}))
    assert e.value.charged == "no"


def test_pcm_has_no_header_and_is_told_by_its_declared_type(server: Any) -> None:
    body = {"text": "a lighthouse", "voice": "nova", "output_format": "pcm_16000"}
    with client_for(server) as client:
        job = made(client, CustomRequest(name="relay/tts-1", body=body))  # type: ignore[arg-type]
    (artifact,) = job.artifacts
    assert artifact.media_type == "audio/pcm"
    assert recognise(base64.b64decode(str(artifact.inline))[:4096]) is None


def test_subtitles_stand_beside_a_transcript(server: Any) -> None:
    body = {"audio_url": "https://example.com/a.mp3", "additional_formats": [{"format": "srt"}]}
    with client_for(server) as client:
        job = made(client, CustomRequest(name="relay/stt-1", body=body))  # type: ignore[arg-type]
    assert job.text
    assert [(a.media_type, a.details) for a in job.artifacts] == [("application/x-subrip", {"format": "srt"})]


# -- files -----------------------------------------------------------------------------------------------------------
def with_clip(client: GatewayClient, path: Path) -> Any:
    """A request whose file was read, as an operator reads it: in each try anew."""
    path.write_bytes(recordings.clip(recipes.scene(seed="x", prompt="waves", model="x"), 64, 48))
    request = client.resolve(CustomRequest(name="decart/lucy-2.5", body={"video_url": str(path)}))
    return InputFiles(settings=StorageSettings(), written=[str(path)]).ready(request)


def test_a_resend_in_another_process_names_the_same_file(server: Any, tmp_path: Path) -> None:
    with client_for(server) as client:
        one = client.submit(with_clip(client, tmp_path / "a.avi"), idempotency_key="gen-1")
        two = client.submit(with_clip(client, tmp_path / "a.avi"), idempotency_key="gen-1", resend=True)
        assert one.job_id == two.job_id
        three = client.submit(with_clip(client, tmp_path / "a.avi"), idempotency_key="gen-2")
    assert three.job_id != one.job_id
    assert len(server.charges()) == 2
    urls = [r["body"]["video_url"] for r in server.requests("relay.submit")]
    assert urls[0] == urls[1] != urls[2]


def test_a_full_quota_is_waited_for_and_costs_nothing(server: Any, tmp_path: Path) -> None:
    server.configure(relay_files_a_day=0)
    with client_for(server) as client, pytest.raises(RateLimitedError) as e:
        client.submit(with_clip(client, tmp_path / "a.avi"), idempotency_key="gen-1")
    assert (e.value.code, e.value.charged, e.value.final) == ("FILE_QUOTA_EXCEEDED", "no", False)
    assert server.requests("relay.submit") == []


def test_a_guest_has_no_files(server: Any, tmp_path: Path) -> None:
    settings = ClientSettings(base_url=server.url_of("opengpu_relay"), backoff_base=0.01)
    with GatewayClient(gateway_for("opengpu_relay"), settings) as client:
        with pytest.raises(UnsupportedByGatewayError) as e:
            client.submit(with_clip(client, tmp_path / "a.avi"))
    assert (e.value.code, e.value.charged) == ("TIER_FEATURE_UNAVAILABLE", "no")


def test_one_file_in_two_fields_is_uploaded_once(server: Any, tmp_path: Path) -> None:
    song = tmp_path / "a.wav"
    song.write_bytes(recordings.tune("x", 1))
    body = {"prompt": "waves", "reference_audio_urls": [str(song), str(song)]}
    with client_for(server) as client:
        request = client.resolve(CustomRequest(name="MiniMax/MiniMax-H3", body=body))  # type: ignore[arg-type]
        request = InputFiles(settings=StorageSettings(), written=[str(song)]).ready(request)
        client.submit(request, idempotency_key="gen-1")
    assert len(server.requests("relay.files.create")) == 1
    (sent,) = server.requests("relay.submit")
    assert len(set(sent["body"]["reference_audio_urls"])) == 1


@pytest.mark.parametrize("content", [b"", b"not a clip at all", b"%PDF-1.4"])
def test_a_file_of_no_known_kind_is_not_sent(server: Any, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with client_for(server) as client:
        request = client.resolve(CustomRequest(name="decart/lucy-2.5", body={"video_url": str(path)}))
        with pytest.raises(InvalidRequestError, match="of a known kind") as e:
            InputFiles(settings=StorageSettings(), written=[str(path)]).ready(request)
    assert (e.value.charged, e.value.param) == ("no", "video_url")
    assert server.requests("relay.files.create") == []


# -- workflows -------------------------------------------------------------------------------------------------------
WORKFLOWS = [(name, kind) for name, kind in RELAY_MODELS.items() if name.startswith("workflow/")]
INPUTS = {
    "image_url": "https://example.com/fox.png",
    "video_url": "https://example.com/fox.mp4",
    "prompt": "waves",
    "edit": "at night",
    "text": "good morning",
}


def inputs_of(server: Any, name: str) -> dict[str, Any]:
    url = f"{server.url_of('opengpu_relay')}/v2/workflows/{name.removeprefix('workflow/')}"
    return {field: INPUTS[field] for field in httpx.get(url).json()["input_schema"]["required"]}


@pytest.mark.parametrize(("name", "kind"), WORKFLOWS, ids=[name for name, _ in WORKFLOWS])
def test_a_workflow_by_its_name(server: Any, name: str, kind: str) -> None:
    with client_for(server) as client:
        job = made(client, CustomRequest(name=name, body=inputs_of(server, name)))
    assert (job.status, job.model) == (JobStatus.SUCCEEDED, name)
    assert job.job_id.startswith("wf:")
    (artifact,) = job.artifacts
    content = base64.b64decode(artifact.inline) if artifact.inline else httpx.get(str(artifact.url)).content
    assert recognise(content[:4096]) in KINDS[kind]
    (charge,) = server.charges()
    assert (job.price, job.currency) == (pytest.approx(charge["amount"], abs=1e-6), "USD")
    assert all("wait" not in r["path"] for r in server.requests("relay.poll.workflow"))


def test_a_workflow_is_checked_before_it_runs(server: Any) -> None:
    with client_for(server) as client:
        with pytest.raises(InvalidRequestError, match="did you mean `prompt`"):
            client.submit(CustomRequest(name="workflow/gen-edit", body={"promt": "x", "edit": "y"}))
        with pytest.raises(UnsupportedByGatewayError, match="Did you mean `workflow/gen-edit`"):
            client.submit(CustomRequest(name="workflow/gen-edits", body={}))
        server.configure(relay_retired=["black-forest-labs/FLUX-2-pro"])
        with pytest.raises(UnsupportedByGatewayError, match=r"FLUX-2-pro \(retired\)"):
            client.submit(CustomRequest(name="workflow/gen-edit", body={"prompt": "x", "edit": "y"}))
    assert server.requests("relay.submit.workflow") == []


def test_a_workflow_runs_as_a_job_only(server: Any) -> None:
    request = CustomRequest(name="workflow/gen-edit", body={"prompt": "x", "edit": "y"})
    with client_for(server, route="sync") as client:
        assert client.gateway.route(request) == "async"
        with pytest.raises(UnsupportedByGatewayError, match="runs as a job only"):
            client.gateway.route(request, wanted="sync")


def test_a_workflow_s_lost_answer_is_asked_for_again_under_its_key(server: Any) -> None:
    server.order_fault({"endpoint": "relay.submit.workflow", "then": {"cut": "after"}})
    request = CustomRequest(
        name="workflow/gen-edit", body={"prompt": "x", "edit": "y", "store_output": "relay1d"}
    )
    with client_for(server) as client:
        made(client, request)
    bodies = [r["body"] for r in server.requests("relay.submit.workflow")]
    assert bodies == [{"inputs": {"prompt": "x", "edit": "y"}, "store_output": "relay1d"}] * 2
    assert len(server.charges()) == 1


def test_too_many_runs_are_no_failure(server: Any) -> None:
    server.configure(relay_workflow_runs=1, run_seconds=5)
    request = CustomRequest(name="workflow/gen-edit", body={"prompt": "x", "edit": "y"})
    with client_for(server) as client:
        client.submit(request)
        with pytest.raises(OruxError) as e:
            client.submit(request)
    assert (e.value.code, type(e.value).__name__, e.value.charged) == (
        "WORKFLOW_RUN_LIMIT_REACHED", "RateLimitedError", "no",
    )  # fmt: skip


def test_a_failed_run_says_why(server: Any) -> None:
    then = {"job": "fail", "error_code": "UPSTREAM_ERROR", "error_message": "the second step broke"}
    server.order_fault({"endpoint": "relay.submit.workflow", "then": then})
    with client_for(server) as client:
        job = made(client, CustomRequest(name="workflow/gen-edit", body={"prompt": "x", "edit": "y"}))
    assert (job.status, job.error_message) == (JobStatus.FAILED, "the second step broke")


def test_a_cancelled_run_is_a_failed_job_and_its_steps_are_charged(server: Any) -> None:
    server.configure(run_seconds=30)
    with client_for(server) as client:
        job = client.submit(CustomRequest(name="workflow/gen-edit", body={"prompt": "x", "edit": "y"}))
        base, headers = server.url_of("opengpu_relay"), {"X-API-Key": server.key_of("opengpu_relay")}
        answer = httpx.post(f"{base}/v2/workflows/runs/{job.job_id}/cancel", headers=headers)
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        again = httpx.post(f"{base}/v2/workflows/runs/{job.job_id}/cancel", headers=headers)
        assert (again.status_code, again.json()["error"]["code"]) == (409, "WORKFLOW_RUN_NOT_CANCELLABLE")
        assert client.poll(job.job_id).status is JobStatus.FAILED
    (charge,) = server.charges()
    assert (charge["state"], charge["amount"]) == ("charged", 0.036)
