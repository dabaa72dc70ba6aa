"""The run of a workflow is cancelled when its task was ended, and only then; its steps until then are charged.

What Airflow says of the task instance is scripted here. Airflow itself says it in ``tests/crash`` (``cancelled_…``).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_orux import compat
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.sync import GatewayClient
from airflow_provider_orux.durable import killed
from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.hooks.base import GatewayHook
from airflow_provider_orux.hooks.cancelling import ENDED
from airflow_provider_orux.models.errors import UnsupportedByGatewayError
from airflow_provider_orux.models.job import JobStatus
from airflow_provider_orux.models.registry import GATEWAYS
from airflow_provider_orux.models.requests import CustomRequest
from airflow_provider_orux.triggers.jobs import OruxJobTrigger

GO_ON = ("deferred", "running", "scheduled", "queued", "up_for_retry", "restarting", None)
LOG = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    from orux_sandbox import SandboxServer

    with SandboxServer() as server:
        yield server


@pytest.fixture
def relay(running: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes the connection ``c`` and submits a run that takes long; its id."""
    running.reset()
    running.configure(queue_seconds=0, run_seconds=60)

    def submit(*, workflow: bool = True, **extra: Any) -> str:
        value = json.loads(running.connection("opengpu_relay"))
        monkeypatch.setenv("AIRFLOW_CONN_C", json.dumps({**value, "extra": {**value["extra"], **extra}}))
        with client(running) as one:
            name, body = "workflow/gen-edit", {"prompt": "x", "edit": "y"}
            if not workflow:
                name, body = "KlingTeam/v3-T2V", {"prompt": "x"}
            return one.submit(CustomRequest(name=name, body=body)).job_id  # type: ignore[arg-type]

    return submit


def client(server: Any) -> GatewayClient:
    settings = ClientSettings(
        server.url_of("opengpu_relay"), key=server.key_of("opengpu_relay"), backoff_base=0.01
    )
    return GatewayClient(gateway_for("opengpu_relay"), settings)


def task(state: Any) -> Any:
    """A task instance of which Airflow's database says this."""

    def ask(**asked: Any) -> dict[str, dict[str, Any]]:
        assert asked == {"dag_id": "d", "run_ids": ["r"], "task_ids": ["t"], "map_index": -1}
        if isinstance(state, Exception):
            raise state
        return {"r": {"t": state}}

    return SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1, get_task_states=ask)


def cancels(server: Any) -> int:
    return len(server.requests("relay.workflows.cancel"))


# -- the wire ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", GATEWAYS)
def test_only_runs_of_workflows_can_be_cancelled(name: str) -> None:
    gateway = gateway_for(name)
    assert not any(
        gateway.can_cancel(job_id) for job_id in ("task_1", "direct:1", "kling:1", "path:%2Fv2%2Fx")
    )
    assert gateway.can_cancel("wf:1") is (name == "opengpu_relay")


def test_a_run_is_cancelled_once_and_fails(running: Any, relay: Any) -> None:
    job_id = relay()
    with client(running) as one:
        one.cancel(job_id)
        assert one.poll(job_id).status is JobStatus.FAILED
        with pytest.raises(UnsupportedByGatewayError):
            one.cancel(job_id)
    assert cancels(running) == 2


# -- in the worker ----------------------------------------------------------------------------------------------------
def kill_in_worker(job_id: str, state: Any) -> bool:
    with GatewayHook.for_conn("c") as hook:
        return killed.cancel_killed(hook.connection, task(state), job_id, log=LOG)


@pytest.mark.parametrize("state", [*sorted(ENDED), *GO_ON, RuntimeError("the API server is away")])
def test_in_the_worker(running: Any, relay: Any, state: Any) -> None:
    assert kill_in_worker(relay(cancel_on_kill=True), state) is (state in ENDED)
    assert cancels(running) == (state in ENDED)


def test_what_was_interrupted_may_hold_what_the_question_needs(
    running: Any, relay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(killed, "PATIENCE", 0.2)
    monkeypatch.setattr(killed, "recorded_state", lambda ti: time.sleep(3))
    before = time.monotonic()
    assert kill_in_worker(relay(cancel_on_kill=True), "failed") is False
    assert time.monotonic() - before < 2


# -- in the triggerer -------------------------------------------------------------------------------------------------
def kill_trigger(running: Any, job_id: str, ti: Any, *, cut: float = 10.0) -> None:
    """As Airflow does it: the trigger's task is cancelled, then ``on_kill`` is called, and cut short."""

    async def go() -> None:
        trigger = OruxJobTrigger("c", job_id, time.time() + 60, poll_interval=0.05)
        trigger._task_instance = ti

        async def run() -> None:
            async for _ in trigger.run():
                raise AssertionError("the job ended")

        waiting = asyncio.ensure_future(run())
        for _ in range(500):
            if running.requests("relay.poll.workflow") + running.requests("relay.poll"):
                break
            await asyncio.sleep(0.02)
        waiting.cancel()
        await asyncio.wait({waiting})
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(trigger.on_kill(), cut)
        for _ in range(200):
            if asyncio.all_tasks() == {asyncio.current_task()}:
                return
            await asyncio.sleep(0.02)

    asyncio.run(go())


@pytest.mark.parametrize("state", [*sorted(ENDED), *GO_ON, RuntimeError("the API server is away")])
def test_in_the_triggerer(running: Any, relay: Any, state: Any) -> None:
    """``deferred``: the trigger moves to another triggerer."""
    kill_trigger(running, relay(cancel_on_kill=True), task(state))
    assert cancels(running) == (state in ENDED)


def test_a_trigger_that_is_cut_short_still_cancels(
    running: Any, relay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(ti: Any) -> str:
        await asyncio.sleep(0.5)
        return "failed"

    monkeypatch.setattr(compat, "arecorded_state", slow)
    kill_trigger(running, relay(cancel_on_kill=True), task("failed"), cut=0.05)
    assert cancels(running) == 1


# -- unless ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "given", [{}, {"cancel_on_kill": False}, {"cancel_on_kill": True, "workflow": False}]
)
def test_nothing_is_asked_where_nothing_is_cancelled(
    running: Any, relay: Any, given: Any, capfd: Any
) -> None:
    """It is off by default, and a task of Relay has no way to be cancelled."""
    job_id = relay(**given)
    unasked = task(AssertionError("Airflow was asked"))
    assert kill_in_worker(job_id, AssertionError("Airflow was asked")) is False
    kill_trigger(running, job_id, unasked)
    said = "".join(capfd.readouterr())
    assert "continues at the gateway and will be charged" in said
    assert "Airflow was asked" not in said
    assert cancels(running) == 0
