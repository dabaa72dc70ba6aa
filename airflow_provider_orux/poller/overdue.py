"""Jobs that are due but cannot be polled: their failures count and their deadlines hold, a bounded number in a turn."""

from __future__ import annotations

import copy
from collections import deque

from airflow_provider_orux.models.errors import OruxError
from airflow_provider_orux.poller.queue import JobQueue
from airflow_provider_orux.poller.watched_job import WatchedJob

#: Jobs to poll, or to end, before the event loop's other triggers get their turn.
JOBS_PER_TURN = 250
#: Seconds after its deadline that a job may still wait for a last poll, when the gateway is away or no slot is free.
LAST_POLL_GRACE = 10.0


class OverdueJobs:
    """Fails and times out the queued jobs of a poller.

    :param jobs: its jobs.
    """

    def __init__(self, jobs: JobQueue) -> None:
        self._jobs = jobs
        self._failing: deque[tuple[WatchedJob, OruxError, bool]] = deque()
        self._expire_at = 0.0
        self._answered_at = -LAST_POLL_GRACE

    @property
    def is_failing(self) -> bool:
        """Whether jobs are left to fail."""
        return bool(self._failing)

    def answered(self, now: float) -> None:
        """The gateway answered a poll.

        :param now: seconds of the monotonic clock.
        """
        self._answered_at = now

    def next_at(self, now: float) -> float:
        """When a turn has to call this again."""
        return now if self._failing else self._expire_at

    # -- with the gateway ---------------------------------------------------------------------------------
    def count_failure(self, error: OruxError, now: float, *, everyone: bool = False) -> None:
        """Count this failure against every due job, as if each had been polled; its tracker says when it gives up.

        :param error: why that poll failed.
        :param now: seconds of the monotonic clock.
        :param everyone: include the jobs that are not due yet.
        """
        self._failing.extend(
            (job, error, everyone) for job in self._jobs.queued() if everyone or job.due <= now
        )
        self.count_some(now)

    def count_some(self, now: float) -> None:
        """Count it for as many as a turn may take.

        :param now: seconds of the monotonic clock.
        """
        for _ in range(min(len(self._failing), JOBS_PER_TURN)):
            job, error, everyone = self._failing.popleft()
            # It may have left, be polled right now, or have failed already.
            if job.queue_entry >= 0 and (everyone or job.due <= now):
                job.failed_with_gateway = True
                self._jobs.put_failed(job, copy.copy(error), now=now, tell=False)

    def cancel_remaining(self) -> None:
        """The gateway is back: fail none of the rest."""
        self._failing.clear()

    # -- by their deadline --------------------------------------------------------------------------------
    def expire(self, now: float) -> None:
        """Time out the jobs whose deadline passed without a chance of a last poll; called in every turn.

        After an outage of the triggerer many are overdue at once. As long as polls are answered, each gets its poll.

        :param now: seconds of the monotonic clock.
        """
        if now < self._expire_at:
            return
        self._expire_at = now + LAST_POLL_GRACE / 2
        answering = now - self._answered_at < LAST_POLL_GRACE
        expired = 0
        for job in self._jobs.queued():
            if (answering and job.tracker.polls == 0) or now <= job.deadline_at + LAST_POLL_GRACE:
                continue
            if expired == JOBS_PER_TURN:
                self._expire_at = now
                break
            expired += 1
            job.time_out()
            self._jobs.drop(job)
