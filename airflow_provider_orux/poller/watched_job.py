"""One job that a trigger waits for: when to poll it, what its polls found, and how its trigger learns the end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from airflow_provider_orux.hooks.connection import GatewayConnection
from airflow_provider_orux.lifecycle.durations import DurationBook
from airflow_provider_orux.lifecycle.event import JobEvent
from airflow_provider_orux.lifecycle.plan import PollPlan
from airflow_provider_orux.lifecycle.polling import PROGRESS, Continue, Done, GiveUp, PollTracker, Wait
from airflow_provider_orux.lifecycle.schedule import PollSchedule
from airflow_provider_orux.models.errors import OruxError
from airflow_provider_orux.models.job import Job, JobStatus

#: Seconds from which the pauses of a failing gateway or look-up grow; less for a job with a shorter ``poll_interval``.
BASE_PAUSE = 2.0


class WatchedJob:
    """A job, and the trigger that waits for it.

    :param wait: the job to wait for, and for how long.
    :param book: how long recent jobs of the connection took.
    """

    __slots__ = (
        "_book",
        "_event",
        "_future",
        "_kind",
        "_notes",
        "_push_urls",
        "_reached",
        "_running_at",
        "_warned",
        "batchable",
        "batches_failed",
        "deadline_at",
        "due",
        "failed_with_gateway",
        "fixed",
        "is_watched",
        "job_id",
        "pause",
        "poll_singly",
        "queue_entry",
        "tracker",
    )

    def __init__(self, wait: Wait, book: DurationBook) -> None:
        self.job_id = wait.job_id
        #: Whether its trigger still waits for the end.
        self.is_watched = True
        #: Monotonic seconds. A deadline that passed while no triggerer was alive is now: the job is still polled once.
        self.deadline_at = time.monotonic() + max(wait.deadline - time.time(), 0.0)
        #: Whether the DAG author chose the interval.
        self.fixed = wait.poll_interval is not None
        #: When to poll it next, in monotonic seconds.
        self.due = 0.0
        #: The number of its entry in the queue; -1: not queued.
        self.queue_entry = -1
        #: Seconds between its last poll and the next.
        self.pause = 0.0
        #: Whether the gateway can poll it in a batch.
        self.batchable = False
        #: Keep it out of batches: one failed, or did not hold it.
        self.poll_singly = False
        self.batches_failed = 0
        #: Whether its last poll failed for a reason it shares with all other jobs.
        self.failed_with_gateway = False
        self._kind = wait.kind
        self._push_urls = wait.push_urls
        self._book = book
        self._running_at = 0.0
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._event: JobEvent | None = None
        self._notes: list[str] = []
        self._reached: int | None = None
        self._warned = False
        durations = None if self.fixed else book.of(f"kind {wait.kind}" if wait.kind else "")
        schedule = PollSchedule(fixed=wait.poll_interval, durations=durations, sure=wait.kind is not None)
        self.tracker = PollTracker(wait.job_id, "", wait.deadline, wait.started, schedule)

    def bind(self, connection: GatewayConnection) -> None:
        """Take from the connection what waiting depends on: its gateway, and how long a refused key is tolerated.

        :param connection: as it was looked up.
        """
        gateway = connection.gateway
        self.tracker.gateway = gateway.name
        self.tracker.not_found_grace = gateway.not_found_grace
        self.tracker.auth_grace = connection.extra.auth_grace
        self.batchable = gateway.can_batch(self.job_id)

    @property
    def base_pause(self) -> float:
        """Seconds from which the pauses grow when its polls fail together with all others."""
        return min(self.tracker.schedule.fixed or BASE_PAUSE, BASE_PAUSE)

    def first_due(self, now: float) -> float:
        """When to poll it first: by its age, not later than its deadline.

        :param now: seconds of the monotonic clock.
        """
        self.pause = self.tracker.first_pause()
        return min(now + max(0.0, self.pause - self._age()), max(self.deadline_at, now))

    def may_join_batch(self, plan: PollPlan, now: float) -> bool:
        """Whether it is due, or nearly: a poll that is early by a small part of its pause saves one of its own.

        :param plan: the batch.
        :param now: seconds of the monotonic clock.
        """
        return self.due <= now + min(plan.lookahead, self.pause * (0.1 if self.fixed else 0.5))

    # -- what polls found ---------------------------------------------------------------------------------
    def saw(self, job: Job) -> float | None:
        """A poll found the job.

        :param job: as it is now.
        :returns: seconds until the next poll; None: waiting is over.
        """
        if not self.is_watched:
            return None
        self.failed_with_gateway = False
        # A batch may fail because of another job in it; twice is no accident.
        self.poll_singly = self.batches_failed >= 2
        self._learn_from(job)
        return self._follow(self.tracker.saw(job, now=time.time()), recovery=True)

    def failed(self, error: OruxError, *, tell: bool = True) -> float | None:
        """A poll of the job failed.

        :param error: why; it becomes this job's own.
        :param tell: False: log nothing in the task.
        :returns: seconds until the next poll; None: waiting is over.
        """
        if not self.is_watched:
            return None
        return self._follow(self.tracker.failed(error, now=time.time()), tell=tell)

    def left_out_of_batch(self) -> None:
        """A batch failed, or did not hold the job: poll it alone to learn why."""
        self.poll_singly = True
        self.batches_failed += 1

    def time_out(self) -> None:
        """Its deadline passed."""
        self.finish(JobEvent.of_error(self.tracker.timed_out(), job_id=self.job_id))

    def _age(self) -> float:
        return max(0.0, time.time() - self.tracker.started)

    def _follow(
        self, step: Continue | Done | GiveUp, *, tell: bool = True, recovery: bool = False
    ) -> float | None:
        if isinstance(step, Done):
            self.finish(JobEvent.of_job(step.job, push_urls=self._push_urls))
            return None
        if isinstance(step, GiveUp):
            self.finish(JobEvent.of_error(step.error, job_id=self.job_id))
            return None
        if step.warn and tell:
            self._note(step.warn, recovery=recovery)
        if step.reached:
            self._reached = step.reached
            self._wake_trigger()
        return step.seconds

    def _learn_from(self, job: Job) -> None:
        """Give the schedule what it can use: the model, and how long the job took."""
        if self.fixed:
            return
        if not job.status.is_terminal:
            self._running_at = self._age()
            if self._kind is None and job.model and self.tracker.polls == 0:
                self.tracker.schedule = PollSchedule(durations=self._book.of(f"model {job.model}"))
        elif job.status is JobStatus.SUCCEEDED:
            self._book.learn(job, kind=self._kind, running_at=self._running_at, age=self._age())

    # -- telling the trigger ------------------------------------------------------------------------------
    def finish(self, event: JobEvent) -> None:
        """Tell the trigger the end. The first end counts.

        :param event: what it fires.
        """
        if self.is_watched:
            self.is_watched = False
            self._event = event
            self._wake_trigger()

    def leave(self) -> None:
        """The trigger waits no longer."""
        self.is_watched = False

    async def event(
        self, log: logging.Logger, on_progress: Callable[[int], Awaitable[None]] | None = None
    ) -> JobEvent:
        """Wait for the end; log notes meanwhile, in the context of the trigger and so in its task's log.

        :param log: where to.
        :param on_progress: awaited with the percent that are done, once a quarter. The poller goes on meanwhile.
        """
        while True:
            await self._future
            self._future = asyncio.get_running_loop().create_future()
            notes, self._notes = self._notes, []
            for sentence in notes:
                log.warning("%s", sentence)
            if self._event is not None:
                return self._event
            reached, self._reached = self._reached, None
            if reached is not None:
                log.info(PROGRESS, self.job_id, reached)
                if on_progress is not None:
                    await on_progress(reached)

    def _note(self, sentence: str, *, recovery: bool) -> None:
        if recovery and not self._warned:
            return  # nothing to take back
        self._warned = not recovery
        self._notes.append(sentence)
        self._wake_trigger()

    def _wake_trigger(self) -> None:
        if not self._future.done():
            self._future.set_result(None)
