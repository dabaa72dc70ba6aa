"""A sandbox gateway over HTTP for the hooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    from orux_sandbox import SandboxServer

    with SandboxServer(
        {"queue_seconds": 0, "run_seconds": 0, "sync_seconds": 0, "image_scale": 0.1}
    ) as server:
        yield server


@pytest.fixture
def sandbox(running: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The gateway, fresh, as the connection ``orux_default``."""
    running.reset()
    monkeypatch.setenv("AIRFLOW_CONN_ORUX_DEFAULT", running.connection())
    return running
