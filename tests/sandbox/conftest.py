"""One sandbox for a module's tests, as it was started before each of them; real HTTP, nothing patched."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from orux_sandbox import SandboxServer

#: Jobs are done as soon as they are accepted, and images are small, unless a test says otherwise.
QUICK = {
    "queue_seconds": 0,
    "run_seconds": 0,
    "sync_seconds": 0,
    "image_scale": 0.25,
    "yescale_sync_seconds": 0,
}


def sent_image(colour: str = "orange", size: tuple[int, int] = (300, 200), form: str = "PNG") -> bytes:
    """An image of one colour, as a caller might send it."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, form)
    return out.getvalue()


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def data_url(colour: str = "orange", size: tuple[int, int] = (300, 200)) -> str:
    return "data:image/png;base64," + base64_of(sent_image(colour, size))


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    with SandboxServer(QUICK) as server:
        yield server


@pytest.fixture
def sandbox(running: SandboxServer) -> SandboxServer:
    running.reset()
    return running


@pytest.fixture
def api(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {sandbox.key}"}
    with httpx.Client(
        base_url=sandbox.url, headers=headers, timeout=10, trust_env=False, verify=False
    ) as client:
        yield client


@pytest.fixture
def anyone(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    """A client without a key."""
    with httpx.Client(base_url=sandbox.url, timeout=10, trust_env=False, verify=False) as client:
        yield client


@pytest.fixture
def yescale(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {sandbox.key_of('yescale')}"}
    with httpx.Client(
        base_url=sandbox.url_of("yescale"), headers=headers, timeout=10, trust_env=False, verify=False
    ) as client:
        yield client


@pytest.fixture
def relay(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    headers = {"X-API-Key": sandbox.key_of("opengpu_relay")}
    with httpx.Client(
        base_url=sandbox.url_of("opengpu_relay"), headers=headers, timeout=10, trust_env=False, verify=False
    ) as client:
        yield client


@pytest.fixture
def imagine(api: httpx.Client) -> Callable[..., str]:
    """Submit a Midjourney imagine; its task id."""

    def submit(prompt: str = "a lighthouse at dawn", **options: Any) -> str:
        answer = api.post("/api/v1/tasks", json={"model": "midjourney-v7", "prompt": prompt, **options})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["task_id"])

    return submit
