"""The trigger and the poller that all triggers share, by what they do over HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest
from airflow.sdk import BaseHook

from airflow_provider_orux.lifecycle.event import JobEvent
from airflow_provider_orux.lifecycle.polling import Wait
from airflow_provider_orux.models import errors
from airflow_provider_orux.poller import lookup
from airflow_provider_orux.poller.pollers import poller_for
from airflow_provider_orux.triggers.jobs import OruxJobTrigger
from orux_sandbox import SANDBOX_KEY
from tests.client.servers import RawServer

NEW_KEY = "sk-app-Ab3dEf9h_" + "0123456789abcdefghijABCDEFGHIJ0123456789abcdefgh"
FAST = {"queue_seconds": 0.05, "run_seconds": 0.2, "image_scale": 0.1}


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    from orux_sandbox import SandboxServer

    with SandboxServer(FAST) as server:
        yield server


@pytest.fixture
def sandbox(running: Any, connect: Callable[..., None]) -> Any:
    running.reset()
    connect(running.url)
    return running


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes the connection ``c``."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def change(host: str, *, key: str = SANDBOX_KEY, **extra: Any) -> None:
        value = {"conn_type": "orux", "host": host, "password": key, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_C", json.dumps(value))

    return change


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every look-up of a connection, still carried out."""
    seen: list[str] = []
    real = BaseHook.aget_connection.__func__

    async def counting(cls: type[BaseHook], conn_id: str) -> Any:
        seen.append(conn_id)
        return await real(cls, conn_id)

    monkeypatch.setattr(BaseHook, "aget_connection", classmethod(counting))
    return seen


def submit(sandbox: Any, count: int = 1) -> list[str]:
    import httpx

    with httpx.Client(
        base_url=sandbox.url, headers={"Authorization": f"Bearer {SANDBOX_KEY}"}, trust_env=False
    ) as client:
        return [
            client.post("/api/v1/tasks", json={"model": "midjourney-v7", "prompt": f"p{i}"}).json()["task_id"]
            for i in range(count)
        ]


def trigger(job_id: str, *, seconds: float = 20.0, **arguments: Any) -> OruxJobTrigger:
    return OruxJobTrigger("c", job_id, time.time() + seconds, **{"poll_interval": 0.05, **arguments})


async def events_of(one: OruxJobTrigger) -> list[Any]:
    return [event.payload async for event in one.run()]


async def settled() -> None:
    """Everything that was started has ended."""
    for _ in range(100):
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        if not rest:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"left behind: {rest}")


def wait_for(*triggers: OruxJobTrigger) -> list[JobEvent]:
    """Run triggers side by side in one loop, as a triggerer does; their one event each."""

    async def go() -> list[JobEvent]:
        lists = await asyncio.gather(*(events_of(t) for t in triggers))
        await settled()
        assert all(len(events) == 1 for events in lists), "exactly one event a trigger"
        return [JobEvent.read(json.loads(json.dumps(events[0]))) for events in lists]

    return asyncio.run(go())


# -- what a trigger is --------------------------------------------------------------------------------------------
def test_serialize_round_trip():
    one = OruxJobTrigger("c", "task_1", 99.5, poll_interval=3, started=1.5, kind="midjourney-v7:upscale")
    path, kwargs = json.loads(json.dumps(one.serialize()))
    assert path == f"{OruxJobTrigger.__module__}.{OruxJobTrigger.__qualname__}"
    again = OruxJobTrigger(**kwargs)
    assert again.serialize() == one.serialize()
    for name in ("conn_id", "job_id", "deadline", "poll_interval", "started", "kind", "push_urls"):
        assert getattr(again, name) == getattr(one, name)
    private = OruxJobTrigger("c", "task_1", 99.5, push_urls=False)
    assert OruxJobTrigger(**private.serialize()[1]).push_urls is False


def test_the_trigger_of_a_wait():
    wait = Wait("task_1", deadline=99.5, started=1.5, poll_interval=3.0, kind="midjourney-v7:upscale")
    one = OruxJobTrigger.of("c", wait)
    assert {**one.serialize()[1], "push_urls": True} == {"conn_id": "c", **asdict(wait)}
    assert OruxJobTrigger.of("c", Wait("task_2", 99.5, 1.5)).serialize()[1] == {
        "conn_id": "c", "job_id": "task_2", "deadline": 99.5, "started": 1.5, "poll_interval": None, "kind": None,
    }  # fmt: skip


def test_what_was_added_later_has_a_default():
    """A row of an older version in the database must still start."""
    again = OruxJobTrigger(conn_id="c", job_id="task_1", deadline=99.5)
    assert (again.poll_interval, again.started, again.kind, again.push_urls) == (None, None, None, True)


def test_its_arguments_are_ids_and_numbers(sandbox):
    _, kwargs = trigger(submit(sandbox)[0]).serialize()
    assert all(isinstance(v, (str, int, float, type(None))) for v in kwargs.values())
    assert SANDBOX_KEY not in json.dumps(kwargs)
    assert sandbox.url not in json.dumps(kwargs)


# -- ends -----------------------------------------------------------------------------------------------------------
def test_a_job_that_succeeds(sandbox):
    job_id = submit(sandbox)[0]
    (outcome,) = wait_for(trigger(job_id))
    assert outcome.kind == "job"
    assert outcome.job_id == job_id
    assert outcome.job["status"] == "succeeded"
    assert len(outcome.job["artifacts"]) == 1
    assert len(sandbox.charges()) == 1


def test_without_push_urls_no_url_travels(sandbox, capfd):
    """Airflow logs the event whole, and keeps it in its database until the task resumes."""
    job_id = submit(sandbox)[0]
    (outcome,) = wait_for(trigger(job_id, push_urls=False))
    assert (outcome.kind, outcome.job_id, outcome.job) == ("fetch", job_id, None)
    assert "files/" not in outcome.model_dump_json() + "".join(capfd.readouterr())


def test_without_push_urls_no_error_message_travels(sandbox, capfd):
    """The gateway's message may quote the prompt: the worker asks for it."""
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"job": "fail", "after": 0.1}})
    job_id = submit(sandbox)[0]
    (outcome,) = wait_for(trigger(job_id, push_urls=False))
    assert (outcome.kind, outcome.job_id, outcome.job) == ("fetch", job_id, None)


@pytest.mark.parametrize(("fate", "status"), [("fail", "failed"), ("expire", "expired")])
def test_a_job_that_ends_badly_is_a_job_and_no_error(sandbox, fate, status):
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"job": fate, "after": 0.1}})
    (outcome,) = wait_for(trigger(submit(sandbox)[0]))
    assert (outcome.kind, outcome.job["status"]) == ("job", status)


def test_a_deadline(sandbox):
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"job": "never_finish"}})
    job_id = submit(sandbox)[0]
    begin = time.monotonic()
    (outcome,) = wait_for(trigger(job_id, seconds=0.5))
    assert 0.4 < time.monotonic() - begin < 5
    assert isinstance(outcome.to_error(), errors.JobTimeoutError)
    assert outcome.to_error().job_id == job_id


def test_a_deadline_that_has_passed_still_looks_once(sandbox):
    """A retry past the deadline: a success that is there is taken."""
    job_id = submit(sandbox)[0]
    time.sleep(0.4)
    (outcome,) = wait_for(trigger(job_id, seconds=-100))
    assert outcome.kind == "job"


def test_an_unknown_job(sandbox):
    (outcome,) = wait_for(trigger("task_nobody"))
    assert isinstance(outcome.to_error(), errors.JobNotFoundError)


@pytest.mark.parametrize("job_id", ["a/b", "", "..", "None"])
def test_what_is_no_job_id(sandbox, job_id):
    (outcome,) = wait_for(trigger(job_id, seconds=3))
    assert outcome.kind == "error"
    assert isinstance(outcome.to_error(), errors.InvalidRequestError)
    assert sandbox.requests("tasks.get") == []


def test_a_long_answer_is_fetched_by_the_worker(connect):
    body = b'{"status": "SUCCESS", "result_urls": ["data:' + b"x" * 300_000 + b'"]}'
    with RawServer(lambda peer, heard: peer.answer(body)) as server:
        connect(server.url)
        (outcome,) = wait_for(trigger("task_1"))
    assert (outcome.kind, outcome.job_id) == ("fetch", "task_1")


def test_a_long_error_page_is_no_finished_job(connect):
    with RawServer(lambda peer, heard: peer.answer(b"x" * 300_000, 500)) as server:
        connect(server.url)
        (outcome,) = wait_for(trigger("task_1", seconds=1))
        assert outcome.kind == "error"


# -- one failed poll is no failed job -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "then",
    [{"status": 502}, {"status": 429, "code": "rate_limit_exceeded"}, {"cut": "before"}, {"cut": "mid_body"},
     {"malformed": "html"}, {"malformed": "empty"}, {"malformed": "other_shape"}, {"malformed": "truncated_json"},
     {"status": 401, "code": "sk_disabled"}, {"answer": {"status": 404, "body": "<html>404</html>"}},
     {"status": 500, "code": "invalid_param"}],
    ids=str,
)  # fmt: skip
def test_one_failed_poll(sandbox, then):
    sandbox.order_fault({"endpoint": "tasks.get", "then": then})
    (outcome,) = wait_for(trigger(submit(sandbox)[0]))
    assert (outcome.kind, outcome.job["status"]) == ("job", "succeeded"), outcome
    assert len(sandbox.charges()) == 1


def test_failed_polls_of_one_job_do_not_hurt_another(sandbox):
    one, other = submit(sandbox, 2)
    sandbox.order_fault(
        {"endpoint": "tasks.get", "for_job": one, "times": 0, "then": {"malformed": "other_shape"}}
    )
    outcomes = wait_for(trigger(one, seconds=2), trigger(other))
    assert outcomes[0].kind == "error"
    assert outcomes[1].job["status"] == "succeeded"


def test_a_gateway_that_is_away_for_a_while(connect):
    away = True

    def sometimes(peer, heard):
        peer.close() if away else peer.answer({"status": "SUCCESS", "result_urls": ["https://a/1"]})

    with RawServer(sometimes) as server:
        connect(server.url)

        async def go():
            nonlocal away
            waiting = asyncio.gather(*(events_of(trigger(f"task_{i}")) for i in range(5)))
            await asyncio.sleep(0.5)
            away = False
            return await waiting

        assert all(JobEvent.read(e[0]).kind == "job" for e in asyncio.run(go()))


# -- together -----------------------------------------------------------------------------------------------------
class Counting:
    """A gateway that counts polls under way; each job ends after some polls."""

    def __init__(self, polls: int = 3, seconds: float = 0.0) -> None:
        self.polls, self.seconds = polls, seconds
        self.now = self.most = 0
        self.seen: dict[str, int] = {}
        self._lock = threading.Lock()

    def __call__(self, peer: Any, heard: Any) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            seen = self.seen[heard.target] = self.seen.get(heard.target, 0) + 1
        time.sleep(self.seconds)
        with self._lock:
            self.now -= 1
        done = {"status": "SUCCESS", "result_urls": ["https://a/1"]}
        peer.answer(done if seen >= self.polls else {"status": "RUNNING"})


def test_many_jobs_share_one_connection_and_one_lookup(connect, lookups):
    gateway = Counting()
    with RawServer(gateway) as server:
        connect(server.url)
        outcomes = wait_for(*(trigger(f"task_{i}") for i in range(40)))
        assert server.connections == 1
    assert {o.kind for o in outcomes} == {"job"}
    assert sorted(o.job_id for o in outcomes) == sorted(f"task_{i}" for i in range(40))
    assert set(gateway.seen.values()) == {3}
    assert lookups == ["c"]


@pytest.mark.parametrize("limit", [None, 3])
def test_polls_in_flight(connect, limit):
    gateway = Counting(polls=2, seconds=0.01)
    with RawServer(gateway) as server:
        connect(server.url, **({} if limit is None else {"max_in_flight_polls": limit}))
        wait_for(*(trigger(f"task_{i}", poll_interval=0.01) for i in range(20)))
        assert gateway.most == (limit or 1), "one by default: a poll counts against the account's concurrency"
        assert server.connections <= (limit or 1)


def test_polls_alone_never_fill_the_account(sandbox):
    jobs = submit(sandbox, 12)
    sandbox.configure(max_concurrency=1)
    outcomes = wait_for(*(trigger(j, poll_interval=0.02) for j in jobs))
    assert {o.kind for o in outcomes} == {"job"}
    assert {r["status"] for r in sandbox.requests("tasks.get")} == {200}


def test_a_job_may_be_waited_for_twice(sandbox):
    job_id = submit(sandbox)[0]
    one, two = wait_for(trigger(job_id), trigger(job_id))
    assert one.job == two.job


def test_connections_have_a_poller_each(sandbox, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_D", sandbox.connection())
    one, two = submit(sandbox, 2)

    async def go():
        deadline = time.time() + 10
        assert poller_for("c") is poller_for("c")
        assert poller_for("c") is not poller_for("d")
        return await asyncio.gather(
            poller_for("c").wait(Wait(one, deadline, time.time(), poll_interval=0.05)),
            poller_for("d").wait(Wait(two, deadline, time.time(), poll_interval=0.05)),
        )

    assert [o.kind for o in asyncio.run(go())] == ["job", "job"]


# -- keys -------------------------------------------------------------------------------------------------------------
def test_a_rotated_key_is_picked_up(sandbox, connect, lookups, monkeypatch):
    monkeypatch.setattr(lookup, "RENEWAL_PAUSE", 0.1)
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"job": "never_finish"}})
    job_id, other = submit(sandbox, 2)
    account = sandbox.requests("tasks.submit")[0]["account"]

    async def go():
        waiting = asyncio.gather(events_of(trigger(other)), events_of(trigger(job_id, seconds=2.5)))
        await asyncio.sleep(0.3)
        sandbox.save_account(key=SANDBOX_KEY, disabled=True)
        await asyncio.sleep(0.3)
        sandbox.save_account(key=NEW_KEY, account=account)
        connect(sandbox.url, key=NEW_KEY)
        return await waiting

    first, second = (JobEvent.read(e[0]) for e in asyncio.run(go()))
    assert first.job["status"] == "succeeded"
    assert isinstance(second.to_error(), errors.JobTimeoutError), "polled with the new key until its deadline"
    statuses = [r["status"] for r in sandbox.requests("tasks.get")]
    assert 401 in statuses
    assert statuses[-1] == 200
    assert len(lookups) >= 2


def test_a_refused_key_is_tolerated_for_the_grace_of_the_connection(sandbox, connect):
    connect(sandbox.url, auth_grace=0.5)
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"job": "never_finish"}})
    job_id = submit(sandbox)[0]
    sandbox.save_account(key=SANDBOX_KEY, disabled=True)
    begin = time.monotonic()
    (outcome,) = wait_for(trigger(job_id))
    assert time.monotonic() - begin >= 0.5
    error = outcome.to_error()
    assert isinstance(error, errors.AuthenticationError)
    assert error.job_id == job_id
    assert SANDBOX_KEY not in json.dumps(outcome.model_dump())


def test_lookups_of_a_refused_key_are_bounded(sandbox, lookups):
    """A hundred refused polls must not ask the metadata database a hundred times."""
    sandbox.save_account(key=SANDBOX_KEY, disabled=True)
    wait_for(*(trigger(f"task_{i}", seconds=1.2) for i in range(30)))
    assert len(lookups) <= 3


def test_a_connection_that_cannot_be_looked_up_for_a_moment(sandbox, monkeypatch):
    job_id = submit(sandbox)[0]
    real, failures = BaseHook.aget_connection.__func__, 2

    async def away(cls: type[BaseHook], conn_id: str) -> Any:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise ConnectionError(f"metadata database is away, password {SANDBOX_KEY}")
        return await real(cls, conn_id)

    monkeypatch.setattr(BaseHook, "aget_connection", classmethod(away))
    (outcome,) = wait_for(trigger(job_id, seconds=30))
    assert outcome.kind == "job"


def test_a_connection_that_is_gone_ends_with_the_deadline(monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_C", raising=False)
    monkeypatch.setattr(BaseHook, "aget_connection", classmethod(_nobody))
    (outcome,) = wait_for(trigger("task_1", seconds=0.5))
    assert outcome.kind == "error"
    assert outcome.to_error().job_id in ("task_1", None)


async def _nobody(cls: type[BaseHook], conn_id: str) -> Any:
    raise RuntimeError("no such connection")


# -- leaving ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("when", ["before the first poll", "between two polls", "during a poll"])
def test_cancelled_waits_leave_nothing_behind(connect, when):
    """A triggerer cancels triggers when it stops, and when a task is cleared."""
    gone = threading.Event()

    def handler(peer, heard):
        if when == "during a poll":
            try:
                peer.hang()
            finally:
                gone.set()
        peer.answer({"status": "RUNNING"})

    with RawServer(handler) as server:
        connect(server.url)

        async def go():
            poller = poller_for("c")
            interval = {"before the first poll": 30.0}.get(when, 0.05)
            tasks = [
                asyncio.ensure_future(events_of(trigger(f"task_{i}", poll_interval=interval)))
                for i in range(5)
            ]
            await asyncio.sleep(0.4)
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(r, asyncio.CancelledError) for r in results)
            await settled()
            assert poller_for("c") is not poller, "the poller outlives its last job"
            assert server.connections <= 1
            for _ in range(100):
                if server.open == 0:
                    break
                await asyncio.sleep(0.02)
            assert server.open == 0, "a socket is still open"

        asyncio.run(go())
        if when == "during a poll":
            assert gone.wait(2), "the socket of the poll is still open"


def test_one_that_leaves_does_not_disturb_the_others(sandbox):
    stays, leaves = submit(sandbox, 2)

    async def go():
        going = asyncio.ensure_future(events_of(trigger(leaves)))
        staying = asyncio.ensure_future(events_of(trigger(stays)))
        await asyncio.sleep(0.1)
        going.cancel()
        events = await staying
        await settled()
        return events

    outcome = JobEvent.read(asyncio.run(go())[0])
    assert outcome.kind == "job", outcome


def test_a_poller_can_begin_again_in_another_loop(sandbox):
    for job_id in submit(sandbox, 3):
        assert wait_for(trigger(job_id))[0].kind == "job"


def test_on_kill_says_the_truth(capfd):
    asyncio.run(OruxJobTrigger("c", "task_77", 1.0).on_kill())
    said = "".join(capfd.readouterr())
    assert "job task_77" in said
    assert "continues at the gateway and will be charged" in said


@pytest.mark.parametrize("key", [SANDBOX_KEY, "Odd!key-of%no.known+shape"])
def test_a_gateway_that_repeats_the_key_does_not_bring_it_into_an_event_or_a_log(connect, caplog, capfd, key):
    def echo(peer, heard):
        answers = [
            lambda: peer.answer(f"<pre>{heard.headers}</pre>".encode(), 500),
            lambda: peer.answer({"error": {"type": "auth_error", "code": key, "message": key}}, 401),
            lambda: peer.answer(f"<pre>{heard.headers}</pre>".encode()),
            lambda: peer.answer({"status": "FAILED", "error_code": key, "error_message": key}),
        ]
        answers[min(len(server.heard) - 1, 3)]()

    caplog.set_level("INFO")
    with RawServer(echo) as server:
        connect(server.url, key=key)
        (outcome,) = wait_for(trigger("task_1"))
        assert server.heard[0].headers["authorization"] == f"Bearer {key}"
    assert outcome.job["status"] == "failed"
    assert key not in json.dumps(outcome.model_dump()) + caplog.text + "".join(capfd.readouterr())


# -- how much is done ---------------------------------------------------------------------------------------------
class Progressing:
    """A gateway whose job is a quarter further at each poll."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from airflow_provider_orux.gateways.orux import OruxGateway

        self.polls, real = 0, OruxGateway.read_poll

        def read(gateway: Any, job_id: str, response: Any) -> Any:
            self.polls += 1
            job = real(gateway, job_id, response)
            return job if job.status.is_terminal else replace(job, progress=min(self.polls * 10, 99))

        monkeypatch.setattr(OruxGateway, "read_poll", read)


@pytest.mark.parametrize("outcome", ["stored", "refused", "hangs"])
def test_what_becomes_of_progress_never_touches_the_job(sandbox, monkeypatch, outcome):
    from airflow_provider_orux import compat
    from airflow_provider_orux.triggers import jobs

    sandbox.configure(**{**FAST, "run_seconds": 1.5})
    gateway, pushed = Progressing(monkeypatch), []

    async def push(ti: Any, key: str, value: Any) -> None:
        pushed.append((ti, key, value))
        if outcome == "hangs":
            await asyncio.sleep(60)
        if outcome == "refused":
            raise RuntimeError("no such message")

    monkeypatch.setattr(compat, "push_xcom", push)
    monkeypatch.setattr(jobs, "PROGRESS_SECONDS", 0.2)
    (job_id,) = submit(sandbox)
    (event,) = wait_for(trigger(job_id))
    assert event.kind == "job"
    assert gateway.polls > 8, "polls went on"
    assert 1 <= len(pushed) <= 4
    assert {(key, value["job_id"]) for _, key, value in pushed} == {("orux_progress", job_id)}
    assert [value["percent"] for *_, value in pushed] == sorted({v["percent"] for *_, v in pushed})
