"""How far it is from ``execute`` to the HTTP library: the reader of a payment walks this way."""

from __future__ import annotations

import traceback
from pathlib import Path

import httpx
import pytest

import airflow_provider_orux
from airflow_provider_orux.operators.midjourney import OruxImagineOperator
from orux_sandbox import SandboxServer
from tests.chaos.airflow_model import Store, TaskInstance, context_of
from tests.versions import TaskDeferred

PACKAGE = str(Path(airflow_provider_orux.__file__).parent)


def test_six_frames_from_execute_to_the_post(monkeypatch):
    walked: list[str] = []
    send = httpx.Client.send

    def note_the_way(self, request, **more):
        if request.method == "POST":
            ours = [f for f in traceback.extract_stack() if f.filename.startswith(PACKAGE)]
            walked[:] = [f"{f.filename.removeprefix(PACKAGE)[1:]}:{f.name}" for f in ours]
        return send(self, request, **more)

    monkeypatch.setattr(httpx.Client, "send", note_the_way)
    with SandboxServer({"queue_seconds": 0.1}) as server:
        monkeypatch.setenv("AIRFLOW_CONN_ORUX_DEFAULT", server.connection())
        instance = TaskInstance(retries=0)
        operator = OruxImagineOperator(task_id="pay", prompt="a fox")
        with pytest.raises(TaskDeferred):
            operator.execute(context_of(instance, Store(instance), operator))
    assert walked == [
        "operators/base.py:execute",
        "durable/job.py:start",
        "durable/job.py:_submit",
        "client/sync.py:submit",
        "client/sync.py:run",
        "client/transport.py:exchange",
    ]
