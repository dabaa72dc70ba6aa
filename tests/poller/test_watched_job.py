"""One job that a trigger waits for: what polls found, and what its trigger is told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from airflow_provider_orux.lifecycle.durations import DurationBook
from airflow_provider_orux.lifecycle.polling import AUTH_GRACE, Wait
from airflow_provider_orux.models.errors import AuthenticationError, GatewayUnavailableError, JobNotFoundError
from airflow_provider_orux.models.job import Job, JobStatus
from airflow_provider_orux.poller.watched_job import WatchedJob
from tests.poller.scripted import Server, connection


def watched(job_id: str = "j1", *, interval: float | None = 10.0, seconds: float = 60.0) -> WatchedJob:
    now = time.time()
    return WatchedJob(Wait(job_id, now + seconds, now, interval), DurationBook())


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 10))  # type: ignore[arg-type]


def test_how_long_a_refused_key_is_tolerated_is_a_setting_of_the_connection():
    async def story() -> None:
        job = watched()
        assert job.tracker.auth_grace == AUTH_GRACE, "until the connection is known"
        job.bind(connection(Server(), auth_grace=0))
        assert job.tracker.auth_grace == 0
        assert job.tracker.gateway == "orux"
        assert job.failed(AuthenticationError("no")) is None
        event = await job.event(logging.getLogger())
        assert (event.kind, event.to_error().__class__) == ("error", AuthenticationError)

    run(story)


def test_what_a_poll_found_is_the_pause_until_the_next_or_the_end():
    async def story() -> None:
        job = watched()
        assert job.saw(Job("j1", JobStatus.RUNNING, "orux")) == 10.0
        assert job.failed(GatewayUnavailableError("away")) > 10.0
        assert job.is_watched
        assert job.saw(Job("j1", JobStatus.SUCCEEDED, "orux")) is None
        assert not job.is_watched
        assert job.failed(JobNotFoundError("gone")) is None
        assert (await job.event(logging.getLogger())).kind == "job", "the first end counts"

    run(story)


def test_a_failure_and_its_end_are_logged_in_the_task_once_each(caplog):
    async def story() -> None:
        job = watched()
        waiting = asyncio.create_task(job.event(logging.getLogger("task")))
        for _ in range(3):
            job.failed(GatewayUnavailableError("away"))
        await asyncio.sleep(0)
        for _ in range(3):
            job.saw(Job("j1", JobStatus.RUNNING, "orux"))
        job.saw(Job("j1", JobStatus.SUCCEEDED, "orux"))
        await waiting

    run(story)
    said = [r.getMessage() for r in caplog.records if r.name == "task"]
    assert said == ["A poll of job j1 failed: away", "Polling of job j1 works again"]


def test_each_quarter_is_told_once_while_polls_go_on(caplog):
    caplog.set_level("INFO")
    told: list[int] = []

    async def slow(percent: int) -> None:
        told.append(percent)
        await asyncio.sleep(0.05)

    async def story() -> None:
        job = watched()
        waiting = asyncio.create_task(job.event(logging.getLogger("task"), slow))
        for percent in (None, 3, 24, 25, 26, 49, 20, 51, 52, 99, 99):
            began = time.monotonic()
            job.saw(Job("j1", JobStatus.RUNNING, "orux", progress=percent))
            assert time.monotonic() - began < 0.04, "no poll waits for what is told"
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)
        job.saw(Job("j1", JobStatus.SUCCEEDED, "orux", progress=100))
        assert (await waiting).kind == "job"

    run(story)
    assert told == [25, 75], "of two that come while one is told, the later one"
    assert [r.getMessage() for r in caplog.records if r.name == "task"] == [
        "Job j1: 25 % done", "Job j1: 75 % done",
    ]  # fmt: skip


def test_twice_in_a_batch_that_failed_is_no_accident():
    async def story() -> None:
        job, running = watched(), Job("j1", JobStatus.RUNNING, "orux")
        job.left_out_of_batch()
        assert job.poll_singly
        job.saw(running)
        assert not job.poll_singly
        job.left_out_of_batch()
        job.saw(running)
        assert job.poll_singly

    run(story)


def test_the_end_of_one_that_left_changes_nothing():
    async def story() -> None:
        job = watched(interval=None)
        job.leave()
        assert job.saw(Job("j1", JobStatus.SUCCEEDED, "orux")) is None
        assert job.failed(GatewayUnavailableError("away")) is None
        assert job.tracker.polls == 0

    run(story)
