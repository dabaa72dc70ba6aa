"""Odd bodies over HTTP: the sandbox changes one kind of value in its real answers, and nothing that was paid for is lost."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.sync import GatewayClient
from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.models import opengpu_relay, orux, yescale
from airflow_provider_orux.models.errors import AmbiguousSubmitError, OruxError, UnexpectedResponseError
from airflow_provider_orux.models.job import Job, JobStatus
from airflow_provider_orux.storage.inline import decode
from airflow_provider_orux.storage.spool import Spool
from orux_sandbox import SandboxServer

JOBS: dict[str, tuple[str, Any, str, str]] = {
    # gateway, request, endpoint of the submission, of the poll
    "orux": ("orux", orux.MidjourneyV7(prompt="a fox"), "orux.tasks.submit", "orux.tasks.get"),
    "yescale mj": ("yescale", yescale.MidjourneyImagine(prompt="a fox"), "yescale.mj.submit", "yescale.mj.fetch"),
    "yescale media": ("yescale", yescale.FluxKontextMax(prompt="a fox"), "yescale.media.submit", "yescale.media.fetch"),
    "yescale kling": ("yescale", yescale.KlingImage(prompt="a fox"), "yescale.kling.submit", "yescale.kling.fetch"),
    "yescale suno": (
        "yescale", yescale.SunoMusic(gpt_description_prompt="rain"), "yescale.suno.submit", "yescale.suno.fetch",
    ),
    "relay": ("opengpu_relay", opengpu_relay.QwenImage(prompt="a fox"), "relay.submit", "relay.poll"),
}  # fmt: skip


@pytest.fixture(scope="module")
def server():
    fast = {"queue_seconds": 0, "run_seconds": 0.05, "sync_seconds": 0, "yescale_sync_seconds": 0, "image_scale": 0.1,
            "max_concurrency": 0}  # fmt: skip
    with SandboxServer(fast) as running:
        yield running


@pytest.fixture(autouse=True)
def whole(server):
    server.clear_faults()


def client_for(server: Any, gateway: str, **options: Any) -> GatewayClient:
    settings = ClientSettings(
        base_url=server.url_of(gateway), key=server.key_of(gateway), backoff_base=0.01, attempts=1
    )
    return GatewayClient(gateway_for(gateway, options), settings)


def finished(client: GatewayClient, job: Job) -> Job:
    end = time.monotonic() + 30
    while not job.status.is_terminal and time.monotonic() < end:
        time.sleep(0.05)
        job = client.poll(job.job_id)
    return job


def image_of(text: str, tmp_path: Path) -> Image.Image:
    with open(tmp_path / "spool", "w+b") as file:
        spool = Spool(file, max_bytes=2**24)
        decode(text, spool)
        spool.finish()
        file.seek(0)
        image = Image.open(io.BytesIO(file.read()))
    image.load()
    return image


@pytest.mark.parametrize("rewrite", ["other_words", "spaced_urls", "data_urls", "huge_numbers"])
@pytest.mark.parametrize("name", JOBS)
def test_an_odd_answer_is_the_same_job(server, name: str, rewrite: str, tmp_path: Path) -> None:
    gateway, request, submit, poll = JOBS[name]
    for endpoint in (submit, poll):
        server.order_fault({"endpoint": endpoint, "times": 0, "then": {"rewrite": rewrite}})
    with client_for(server, gateway) as client:
        job = finished(client, client.submit(request))
    assert (job.status, job.charged) == (JobStatus.SUCCEEDED, "yes")
    assert job.artifacts
    for artifact in job.artifacts:
        if rewrite == "data_urls":
            assert image_of(artifact.inline or "", tmp_path).size == (16, 16)
        else:
            assert artifact.url is not None
            assert artifact.url.strip().startswith("http")


@pytest.mark.parametrize("name", JOBS)
def test_an_answer_that_is_not_this_jobs_is_asked_for_again(server, name: str) -> None:
    gateway, request, _, poll = JOBS[name]
    with client_for(server, gateway) as client:
        job = client.submit(request)
        time.sleep(0.3)
        for rewrite in ("another_id", "script_urls"):
            server.order_fault({"endpoint": poll, "then": {"rewrite": rewrite}})
            with pytest.raises(UnexpectedResponseError) as e:
                client.poll(job.job_id)
            assert e.value.charged == "unknown"
        assert finished(client, client.poll(job.job_id)).artifacts


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize(
    "then", [{"rewrite": "unusable_id"}, {"status": 400, "names_job": True, "after_accepting": True}]
)
def test_what_may_have_been_accepted_is_never_called_free(server, name: str, then: dict[str, Any]) -> None:
    gateway, request, submit, _ = JOBS[name]
    before = {job["id"] for job in server.jobs()}
    server.order_fault({"endpoint": submit, "then": then})
    with client_for(server, gateway) as client:
        with pytest.raises(AmbiguousSubmitError) as e:
            client.submit(request)
        (made,) = {job["id"] for job in server.jobs()} - before
        assert e.value.charged == "unknown"
        if "status" in then:
            # The id in the error is the one that `ledger settle` takes, and the job is there.
            assert e.value.job_id is not None
            assert e.value.job_id.endswith(made)
            assert finished(client, client.poll(e.value.job_id)).artifacts


@pytest.mark.parametrize("name", JOBS)
def test_a_refusal_that_names_a_job_out_of_the_blue(server, name: str) -> None:
    gateway, request, submit, _ = JOBS[name]
    server.order_fault({"endpoint": submit, "then": {"status": 400}})
    server.order_fault({"endpoint": submit, "then": {"status": 400, "names_job": True}})
    with client_for(server, gateway) as client:
        with pytest.raises(OruxError) as e:
            client.submit(request)
        assert e.value.charged == "no"
        with pytest.raises(AmbiguousSubmitError) as ambiguous:
            client.submit(request)
    assert str(ambiguous.value.job_id).endswith("job-0")


INLINE: dict[str, tuple[str, Any, str]] = {
    "orux": ("orux", orux.GptImage2(prompt="a fox", response_format="b64_json"), "orux.images.generate"),
    "yescale": ("yescale", yescale.GptImage1(prompt="a fox"), "yescale.images.generate"),
    "relay": ("opengpu_relay", opengpu_relay.Flux2Pro(prompt="a fox"), "relay.submit"),
}


@pytest.mark.parametrize("rewrite", ["unpadded_base64", "url_safe_base64", "wrapped_base64", "huge_numbers"])
@pytest.mark.parametrize("name", INLINE)
def test_base64_in_every_spelling_is_an_image(server, name: str, rewrite: str, tmp_path: Path) -> None:
    gateway, request, endpoint = INLINE[name]
    server.order_fault({"endpoint": endpoint, "then": {"rewrite": rewrite}})
    with client_for(server, gateway) as client:
        job = client.generate(request, submission_id="local")
    (artifact,) = job.artifacts
    assert image_of(artifact.inline or "", tmp_path).width > 16
    assert server.url not in str(job.to_dict())


def test_a_batch_with_broken_entries_tells_the_whole_ones(server) -> None:
    with client_for(server, "yescale", batch_fetch="on") as client:
        ids = [client.submit(yescale.MidjourneyImagine(prompt=f"fox {n}")).job_id for n in range(8)]
        for job_id in ids:
            finished(client, client.poll(job_id))
        server.order_fault({"endpoint": "yescale.mj.list", "then": {"rewrite": "broken_entries"}})
        jobs = client.run(
            client.calls.read(
                client.gateway.poll_batch(ids), lambda answer: client.gateway.read_batch(ids, answer)
            )
        )
    assert len(jobs) in (4, 5)
    assert all(job.status is JobStatus.SUCCEEDED and job.urls for job in jobs.values())


def test_a_late_404_is_not_the_end_of_a_media_job(server) -> None:
    server.order_fault({"endpoint": "yescale.media.fetch", "times": 2, "then": {"status": 404}})
    with client_for(server, "yescale") as client:
        job = client.submit(yescale.FluxKontextMax(prompt="a fox"))
        for _ in range(2):
            with pytest.raises(OruxError) as e:
                client.poll(job.job_id)
            assert e.value.charged == "unknown"
        assert finished(client, client.poll(job.job_id)).artifacts
