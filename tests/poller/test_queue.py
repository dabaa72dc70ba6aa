"""The queue of a poller: jobs by due time, batches, and jobs that do not come back."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_orux.lifecycle.plan import PollPlan
from airflow_provider_orux.models.errors import GatewayUnavailableError, JobNotFoundError
from airflow_provider_orux.poller.queue import MANY_JOBS, SHARED_WAKE_UP, JobQueue
from airflow_provider_orux.poller.watched_job import WatchedJob
from tests.poller.test_watched_job import run, watched

BATCH = PollPlan("batch", max_jobs=5, lookahead=2.5)


def queue_of(*jobs: WatchedJob) -> JobQueue:
    queue = JobQueue()
    for number, job in enumerate(jobs):
        queue.add(job)
        queue.put(job, float(number))
    return queue


def test_jobs_come_by_due_time_and_moved_ones_only_once():
    async def story() -> None:
        jobs = [watched(f"j{i}") for i in range(4)]
        queue = queue_of(*jobs)
        queue.put(jobs[0], 9.0)
        queue.drop(jobs[1])
        order = []
        while (job := queue.head()) is not None:
            order.append(job.job_id)
            queue.drop(job)
        assert order == ["j2", "j3", "j0"]
        assert len(queue) == 4, "those being polled are watched, too"

    run(story)


@pytest.mark.parametrize("how", ["left", "ended"])
def test_a_job_whose_trigger_waits_no_longer_does_not_come_back(how):
    async def story() -> None:
        job = watched()
        queue = queue_of(job)
        queue.drop(job)
        if how == "left":
            queue.remove(job)
        else:
            job.time_out()
        for put in (
            lambda: queue.put_all([job], 0.0),
            lambda: queue.put_after(job, 5.0, now=0.0),
            lambda: queue.put_failed(job, GatewayUnavailableError("away"), now=0.0),
        ):
            put()
            assert queue.head() is None
            assert queue.queued() == []

    run(story)


def test_moving_jobs_does_not_let_the_heap_grow():
    async def story() -> None:
        jobs = [watched(f"j{i}") for i in range(100)]
        queue = queue_of(*jobs)
        for number in range(5000):
            queue.put(jobs[number % 100], float(number))
        assert queue.entries <= 201
        assert len(queue.queued()) == 100

    run(story)


def test_one_that_fails_for_good_is_taken_out():
    async def story() -> None:
        stays, goes = watched("a"), watched("b")
        queue = queue_of(stays, goes)
        queue.put_failed(stays, GatewayUnavailableError("away"), now=100.0)
        queue.put_failed(goes, JobNotFoundError("unknown"), now=100.0)
        assert queue.queued() == [stays]
        assert stays.due > 110.0

    run(story)


def test_who_joins_a_batch():
    async def story() -> None:
        jobs: dict[str, WatchedJob] = {}
        queue = JobQueue()
        facts: list[tuple[str, float, dict[str, Any]]] = [
            ("due", 99.0, {}),
            ("other wire", 99.1, {"batchable": False}),
            ("alone", 99.2, {"poll_singly": True}),
            ("soon", 100.9, {}),
            ("not yet", 101.5, {}),
        ]
        for name, due, changes in facts:
            job = jobs[name] = watched(name)
            job.batchable, job.pause = True, 10.0
            for key, value in changes.items():
                setattr(job, key, value)
            queue.add(job)
            queue.put(job, due)
        joining = queue.fill_batch(BATCH, now=100.0)
        # An interval of the author's is kept to a tenth of it: 1 s of 10.
        assert [job.job_id for job in joining] == ["due", "soon"]
        assert sorted(job.job_id for job in queue.queued()) == ["alone", "not yet", "other wire"]
        assert jobs["alone"].due == 99.2

    run(story)


def test_a_batch_is_not_larger_than_the_gateway_takes():
    async def story() -> None:
        jobs = [watched(f"j{i}") for i in range(9)]
        for job in jobs:
            job.batchable = True
        queue = queue_of(*jobs)
        assert len(queue.fill_batch(BATCH, now=100.0)) == BATCH.max_jobs - 1

    run(story)


@pytest.mark.parametrize(("count", "shared"), [(MANY_JOBS - 1, False), (MANY_JOBS, True)])
def test_many_jobs_share_wake_ups(count, shared):
    async def story() -> None:
        queue = queue_of(*(watched(f"j{i}") for i in range(count)))
        for number, job in enumerate(queue):
            queue.put_after(job, 5.0, now=100.01 + number / 1000)
        dues = {job.due for job in queue}
        assert len(dues) == (1 if shared else count)
        assert all(105.0 <= due <= 105.0 + SHARED_WAKE_UP + 0.001 for due in dues)
        queue.put_after(job, 1.0, now=100.01)
        assert job.due == 101.01, "a short pause is kept to the millisecond"

    run(story)
