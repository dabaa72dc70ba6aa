"""One job that a trigger waits for: its place in the poller's queue, its deadline, and how its trigger is told."""

from __future__ import annotations

import asyncio
import logging
import time

from airflow_provider_orux.lifecycle.durations import DurationBook
from airflow_provider_orux.lifecycle.outcome import Outcome
from airflow_provider_orux.lifecycle.polling import PollTracker
from airflow_provider_orux.lifecycle.schedule import schedule_for
from airflow_provider_orux.models.job import Job, JobStatus


class Waiter:
    """A job and the trigger that waits for it.

    :param job_id: the job.
    :param deadline: epoch seconds.
    :param started: epoch seconds when the job was accepted.
    :param poll_interval: seconds between polls; None: the schedule decides.
    :param auth_grace: seconds for which a refused key does not end the waiting.
    :param kind: what kind of job it is; None: not known.
    :param book: how long jobs of this connection took lately.
    """

    __slots__ = (
        "_book",
        "_future",
        "_kind",
        "_notes",
        "_outcome",
        "_running_at",
        "_warned",
        "alone",
        "asked_early",
        "batchable",
        "batches_failed",
        "deadline_at",
        "due",
        "fixed",
        "hurt",
        "job_id",
        "pause",
        "place",
        "tracker",
    )

    def __init__(
        self,
        job_id: str,
        *,
        deadline: float,
        started: float,
        poll_interval: float | None,
        auth_grace: float,
        kind: str | None,
        book: DurationBook,
    ) -> None:
        self.job_id = job_id
        # A deadline that passed while no triggerer was alive: there is one look all the same.
        self.deadline_at = time.monotonic() + max(deadline - time.time(), 0.0)
        self.fixed = poll_interval is not None
        self.due = 0.0
        self.place = -1
        """Which entry of the queue is this job's; -1: none."""
        self.pause = 0.0
        self.batchable = False
        self.alone = False
        """Not to be asked for along with others: a batch failed, or did not know it."""
        self.batches_failed = 0
        self.hurt = False
        """Its last poll failed for a reason that it shares with all others."""
        self.asked_early = False
        self._kind = kind
        self._book = book
        self._running_at = 0.0
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outcome: Outcome | None = None
        self._notes: list[str] = []
        self._warned = False
        durations = None if self.fixed else book.of(f"kind {kind}" if kind else "")
        self.tracker = PollTracker(
            job_id,
            "",
            deadline,
            started,
            schedule_for(poll_interval, durations=durations, sure=kind is not None),
            auth_grace=auth_grace,
        )

    @property
    def ended(self) -> bool:
        """Whether its trigger was told the end."""
        return self._outcome is not None

    @property
    def patience(self) -> float:
        """Seconds from which the pauses of a connection grow that polls this job and fails."""
        return min(self.tracker.schedule.fixed or 2.0, 2.0)

    def first_due(self, now: float) -> float:
        """When to ask for it first: by its age, not later than its deadline."""
        self.pause = self.tracker.first_pause()
        age = max(0.0, time.time() - self.tracker.started)
        return min(now + max(0.0, self.pause - age), max(self.deadline_at, now))

    def learn_from(self, job: Job) -> None:
        """Take from an answer what the schedule can use: the model, and how long the job took."""
        if self.fixed:
            return
        age = max(0.0, time.time() - self.tracker.started)
        model = f"model {job.model}" if job.model else None
        if not job.status.is_terminal:
            self._running_at = age
            if self._kind is None and model is not None and self.tracker.polls == 0:
                self.tracker.schedule = schedule_for(None, durations=self._book.of(model))
        elif job.status is JobStatus.SUCCEEDED:
            exact = None
            if job.submitted_at is not None and job.finished_at is not None:
                seconds = job.finished_at - job.submitted_at
                # The gateway's own clock; believed when it fits what was seen.
                if self._running_at - 5.0 <= seconds <= age + 5.0:
                    exact = seconds
            for key in ("", model, f"kind {self._kind}" if self._kind else None):
                if key is not None:
                    self._book.of(key).saw(after=self._running_at, before=age, exact=exact)

    # -- telling the trigger ------------------------------------------------------------------------------
    def note(self, sentence: str, *, recovery: bool = False) -> None:
        """Have a sentence logged where the log belongs to the trigger's task.

        :param recovery: it takes back an earlier one; without one it is not worth a line.
        """
        if recovery and not self._warned:
            return
        self._warned = not recovery
        self._notes.append(sentence)
        self._poke()

    def finish(self, outcome: Outcome) -> None:
        """Tell the end. The first end counts."""
        if self._outcome is None:
            self._outcome = outcome
            self._poke()

    async def outcome(self, log: logging.Logger) -> Outcome:
        """Wait for the end, and log on the way what is noted."""
        while True:
            await self._future
            self._future = asyncio.get_running_loop().create_future()
            notes, self._notes = self._notes, []
            for sentence in notes:
                log.warning("%s", sentence)
            if self._outcome is not None:
                return self._outcome

    def _poke(self) -> None:
        if not self._future.done():
            self._future.set_result(None)
