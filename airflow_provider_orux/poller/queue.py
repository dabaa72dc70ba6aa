"""The jobs of a poller, by the time they are due."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable, Iterator

from airflow_provider_orux.lifecycle.plan import PollPlan
from airflow_provider_orux.models.errors import OruxError
from airflow_provider_orux.poller.watched_job import BASE_PAUSE, WatchedJob

#: From this many jobs on, due times are rounded so that polls share a wake-up.
MANY_JOBS = 50
#: What they are rounded up to, in seconds.
SHARED_WAKE_UP = 0.2


class JobQueue:
    """All jobs of a poller: those to be polled by due time (a heap), and those being polled.

    A heap entry whose job was moved or taken out is skipped when it comes up.
    """

    def __init__(self) -> None:
        self._jobs: set[WatchedJob] = set()
        self._heap: list[tuple[float, int, WatchedJob]] = []
        self._numbers = itertools.count()
        self._queued = 0

    def __len__(self) -> int:
        """All jobs, those being polled included."""
        return len(self._jobs)

    def __iter__(self) -> Iterator[WatchedJob]:
        return iter(self._jobs)

    @property
    def entries(self) -> int:
        """Heap entries, those to be skipped included."""
        return len(self._heap)

    @property
    def base_pause(self) -> float:
        """The shortest of the jobs' base pauses, in seconds."""
        return min((job.base_pause for job in self._jobs), default=BASE_PAUSE)

    def queued(self) -> list[WatchedJob]:
        """The jobs that are not being polled."""
        return [job for job in self._jobs if job.queue_entry >= 0]

    def add(self, job: WatchedJob) -> None:
        """Watch a job. Its first poll is due only once it is :meth:`put`."""
        self._jobs.add(job)

    def remove(self, job: WatchedJob) -> None:
        """Watch a job no longer."""
        job.leave()
        self.drop(job)
        self._jobs.discard(job)

    def put(self, job: WatchedJob, due: float) -> None:
        """(Re)place a job in the queue, unless its trigger waits no longer.

        :param job: the job.
        :param due: when to poll it, in monotonic seconds.
        """
        if not job.is_watched:
            return
        if job.queue_entry < 0:
            self._queued += 1
        job.due, job.queue_entry = due, next(self._numbers)
        heapq.heappush(self._heap, (due, job.queue_entry, job))
        self._tidy()

    def put_all(self, jobs: Iterable[WatchedJob], due: float) -> None:
        """(Re)place several jobs in the queue.

        :param jobs: the jobs.
        :param due: when to poll them, in monotonic seconds.
        """
        for job in jobs:
            self.put(job, due)

    def put_after(self, job: WatchedJob, pause: float, *, now: float) -> None:
        """Place a job in the queue after a pause of its schedule; among many jobs, so that polls share a wake-up.

        :param job: the job.
        :param pause: seconds.
        :param now: seconds of the monotonic clock.
        """
        due = now + pause
        if len(self._jobs) >= MANY_JOBS and pause >= 10 * SHARED_WAKE_UP:
            due = min(math.ceil(due / SHARED_WAKE_UP) * SHARED_WAKE_UP, due + SHARED_WAKE_UP)
        self.put(job, due)

    def put_failed(self, job: WatchedJob, error: OruxError, *, now: float, tell: bool = True) -> None:
        """A poll of a job failed: place it in the queue again, or take it out if it gives up.

        :param job: the job.
        :param error: why; it becomes this job's own.
        :param now: seconds of the monotonic clock.
        :param tell: False: log nothing in the task.
        """
        pause = job.failed(error, tell=tell)
        if pause is None:
            self.drop(job)
        else:
            self.put(job, now + pause)

    def drop(self, job: WatchedJob) -> None:
        """Take a job out of the queue, if it is in."""
        if job.queue_entry >= 0:
            job.queue_entry = -1
            self._queued -= 1
            self._tidy()

    def head(self) -> WatchedJob | None:
        """The job that is due first."""
        while self._heap:
            _, entry, job = self._heap[0]
            if entry == job.queue_entry:
                return job
            heapq.heappop(self._heap)
        return None

    def fill_batch(self, plan: PollPlan, *, now: float) -> list[WatchedJob]:
        """Take out the jobs that join a batch: those that are due, and those that soon will be.

        :param plan: the batch, which has its first job already.
        :param now: seconds of the monotonic clock.
        """
        joining: list[WatchedJob] = []
        passed: list[WatchedJob] = []
        while len(joining) < plan.max_jobs - 1 and len(passed) < plan.max_jobs:
            job = self.head()
            if job is None or not job.may_join_batch(plan, now):
                break
            self.drop(job)
            (joining if job.batchable and not job.poll_singly else passed).append(job)
        for job in passed:
            self.put(job, job.due)
        return joining

    def _tidy(self) -> None:
        if len(self._heap) > 64 and len(self._heap) > 2 * self._queued:
            self._heap = [entry for entry in self._heap if entry[1] == entry[2].queue_entry]
            heapq.heapify(self._heap)
