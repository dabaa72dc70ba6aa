"""How to poll the jobs that are due: one, several in one request, or one by a long poll."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Seconds before its due time that a job may join a batch: a place in one costs next to nothing.
LOOKAHEAD = 2.5
#: Shortest long poll, in seconds; for less, a plain poll does.
SHORTEST_LONG_POLL = 1.0


@dataclass(frozen=True)
class PollPlan:
    """One poll.

    :param way: ``single``: one job; ``batch``: several jobs in one request; ``long_poll``: one job, and the gateway
        holds the request open until it changes.
    :param max_jobs: how many jobs to poll.
    :param lookahead: seconds before its due time that a job may be among them.
    :param wait: seconds the gateway may hold the request open.
    """

    way: Literal["single", "batch", "long_poll"] = "single"
    max_jobs: int = 1
    lookahead: float = 0.0
    wait: float = 0.0

    def pause_after(self, pause: float, *, held: float) -> float:
        """Seconds until the next poll when this long poll found the job unfinished.

        0 if the gateway did hold the request. The schedule's pause if it answered early: the job began to run, or the
        gateway does not hold requests after all and would be polled without a pause.

        :param pause: the schedule's pause, in seconds.
        :param held: seconds the request was held open.
        """
        return 0.0 if held >= self.wait / 2 else pause


#: One job, answered at once.
SINGLE_POLL = PollPlan()


@dataclass(frozen=True)
class PollLimits:
    """What a gateway and its connection allow.

    :param slots: polls in flight at once.
    :param batch_size: jobs in one poll; 0 or 1: no batches.
    :param long_poll_seconds: how long the gateway holds a poll open; 0: it answers at once.
    """

    slots: int = 1
    batch_size: int = 0
    long_poll_seconds: float = 0.0

    def can_long_poll(self, *, waiting: int) -> bool:
        """Whether every waiting job can have a long poll of its own.

        :param waiting: jobs waited for through this connection.
        """
        return self.long_poll_seconds >= SHORTEST_LONG_POLL and waiting <= self.slots

    def plan(
        self, *, waiting: int, batchable: bool = False, fixed: bool = False, left: float = float("inf")
    ) -> PollPlan:
        """Plan the poll of the job that is due next.

        A long poll occupies a slot for half a minute. So there must be a slot for every waiting job: those without one
        would otherwise learn of their end later than by polling.

        :param waiting: jobs waited for through this connection.
        :param batchable: whether this job can be part of a batch.
        :param fixed: whether the DAG author chose the interval; such a job is not long-polled.
        :param left: seconds until the job's deadline.
        """
        if self.batch_size > 1 and batchable and waiting > 1:
            return PollPlan("batch", max_jobs=self.batch_size, lookahead=LOOKAHEAD)
        if self.can_long_poll(waiting=waiting) and not fixed:
            wait = min(self.long_poll_seconds, left)
            if wait >= SHORTEST_LONG_POLL:
                return PollPlan("long_poll", wait=wait)
        return SINGLE_POLL
