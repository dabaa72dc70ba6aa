"""A paid job from submission to file, while the sandbox does to every answer what hosts and proxies do on its way."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_orux.client.flow import TransportFailure
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.sync import GatewayClient
from airflow_provider_orux.hooks.connection import read_connection
from airflow_provider_orux.models import errors, orux
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.poller.client import Answer, PollClient, PollFailed
from airflow_provider_orux.storage import StorageSettings
from airflow_provider_orux.storage.download import Downloader
from airflow_provider_orux.storage.spool import Spool
from orux_sandbox import SANDBOX_KEY, SandboxServer

READ = [
    *({"packed": way} for way in ("gzip", "gzip_twice", "deflate", "aws_chunked", "aws_frames", "gzip_in_name_only", "unknown_name")),
    *({"framing": way} for way in ("two_lengths", "folded_header", "line_feeds", "early_hints", "single_bytes")),
    *({"echo_key": way} for way in ("plain", "json", "utf16", "percent", "base64")),
    {"drip": "head", "slow": 5000},
    {"drip": "body", "slow": 5000},
]  # fmt: skip
REFUSED = [{"packed": "bomb"}, {"drip": "head"}, {"drip": "body"}, {"drip": "interim"}]
IMAGINE = orux.MidjourneyV7(prompt="a lighthouse")


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    with SandboxServer({"queue_seconds": 0, "run_seconds": 0, "image_scale": 0.05}) as server:
        yield server


@pytest.fixture
def sandbox(running: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    running.reset()
    return running


def client_of(sandbox: Any) -> GatewayClient:
    settings = ClientSettings(sandbox.url, key=SANDBOX_KEY, connect_timeout=0.5, read_timeout=2.5, attempts=1)
    return GatewayClient(connection(sandbox).gateway, settings)


def connection(sandbox: Any) -> Any:
    timeouts = {"connect_timeout": 0.5, "read_timeout": 2.5, "allow_private_hosts": True}
    return read_connection(
        conn_id="c", conn_type="orux", host=sandbox.url, port=None, schema=None, password=SANDBOX_KEY, extra=timeouts,
    )  # fmt: skip


def poll(sandbox: Any, job_id: str) -> Any:
    async def go() -> Any:
        client = PollClient(connection(sandbox))
        try:
            return await client.poll(job_id)
        finally:
            await client.close_after([])

    return asyncio.run(go())


def saved(url: str) -> bytes:
    file = io.BytesIO()
    settings = StorageSettings(
        allow_private_hosts=True, attempts=1, connect_timeout=0.5, read_timeout=2.5, total_timeout=3.0
    )
    with Downloader(settings) as downloader:
        downloader.fetch(url, Spool(file, max_bytes=2**20), lambda spool: spool.finish())
    return file.getvalue()


@pytest.mark.parametrize("then", READ, ids=str)
def test_a_job_comes_through(sandbox, then):
    if "echo_key" not in then:
        sandbox.order_fault({"endpoint": "files", "times": 0, "then": then})
    sandbox.order_fault({"endpoint": "tasks.*", "times": 0, "then": then})
    with client_of(sandbox) as client:
        accepted = client.submit(IMAGINE)
        job = client.poll(accepted.job_id)
    found = poll(sandbox, accepted.job_id)
    assert isinstance(found, Answer)
    polled: Job = found.jobs[accepted.job_id]
    assert job.urls
    assert polled.urls == job.urls
    assert len(sandbox.charges()) == 1
    assert SANDBOX_KEY not in repr((accepted, job, polled))
    assert saved(job.urls[0]).startswith(b"\x89PNG")


@pytest.mark.parametrize("then", REFUSED, ids=str)
def test_what_cannot_be_read_is_said_in_time_and_proves_nothing(sandbox, then):
    sandbox.order_fault({"endpoint": "*", "times": 0, "then": then})
    with client_of(sandbox) as client:
        with pytest.raises(errors.AmbiguousSubmitError) as caught:
            client.submit(IMAGINE)
        assert caught.value.charged == "unknown"
        with pytest.raises(errors.OruxError):
            client.poll("task_1")
    assert isinstance(poll(sandbox, "task_1"), PollFailed) or then == {"packed": "bomb"}
    sandbox.clear_faults()
    with client_of(sandbox) as client:
        (url,) = client.poll(sandbox.charges()[0]["job_id"]).urls
    sandbox.order_fault({"endpoint": "files", "times": 0, "then": then})
    with pytest.raises(errors.ArtifactError):
        saved(url)


def test_an_error_that_echoes_the_key(sandbox):
    for spelling in ("plain", "json", "utf16", "percent", "base64"):
        then = {"status": 401, "message": "bad key", "echo_key": spelling}
        sandbox.order_fault({"endpoint": "tasks.submit", "then": then})
        with client_of(sandbox) as client, pytest.raises(errors.OruxError) as caught:
            client.submit(IMAGINE)
        assert SANDBOX_KEY not in str(caught.value)
        assert "***" in str(caught.value)
        assert not isinstance(caught.value.__cause__, TransportFailure)
