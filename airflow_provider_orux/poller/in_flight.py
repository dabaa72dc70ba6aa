"""The polls under way, and which of them to break off when another job needs its slot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_orux.lifecycle.plan import PollLimits, PollPlan
from airflow_provider_orux.poller.client import PollClient
from airflow_provider_orux.poller.watched_job import WatchedJob

#: Seconds that a poll may take, whoever waits for its slot; before any was answered, and at least.
FIRST_PATIENCE, SHORTEST_PATIENCE = 5.0, 2.0
#: How many times as long as usual a poll may take while another job waits for its slot.
OF_USUAL = 3.0


@dataclass(eq=False)
class InFlightPoll:
    """A poll under way.

    :param client: what carries it.
    :param plan: how the jobs are polled.
    :param jobs: the jobs it polls.
    :param began: when it started, in monotonic seconds.
    :param is_probe: whether its job was not due yet: it probes for the gateway's return.
    """

    client: PollClient
    plan: PollPlan
    jobs: list[WatchedJob]
    began: float
    is_probe: bool
    task: asyncio.Task[None] | None = None
    is_cancelled: bool = False
    #: Whether it was broken off because it took too long while others waited.
    is_stalled: bool = False

    def cancel(self) -> None:
        """Break it off: its jobs left, or another job needs its slot."""
        if self.task is not None and not self.is_cancelled:
            self.is_cancelled = True
            self.task.cancel()


class InFlightPolls:
    """The polls under way.

    An answer that does not end holds a slot, perhaps the only one. So a poll that takes much longer than usual is
    broken off when another job has waited for its slot for half of its own interval. Where all answers are slow, slow
    is usual.
    """

    def __init__(self) -> None:
        self._polls: set[InFlightPoll] = set()
        self._usual: float | None = None
        self._broken_off = 0

    def __len__(self) -> int:
        return len(self._polls)

    def __iter__(self) -> Iterator[InFlightPoll]:
        return iter(self._polls)

    def add(self, poll: InFlightPoll) -> None:
        """A poll starts."""
        self._polls.add(poll)

    def discard(self, poll: InFlightPoll) -> None:
        """A poll ended."""
        self._polls.discard(poll)

    def answered(self, poll: InFlightPoll, now: float) -> None:
        """Learn from an answer how long they take. A long poll's tells nothing: the gateway held it.

        :param poll: the poll.
        :param now: seconds of the monotonic clock.
        """
        self._broken_off = 0
        if poll.plan.way != "long_poll":
            took = now - poll.began
            self._usual = took if self._usual is None else 0.8 * self._usual + 0.2 * took

    def cancel_for(self, head: WatchedJob, limits: PollLimits, *, waiting: int, now: float) -> None:
        """All slots are taken: break a poll off if this job may have its slot.

        :param head: the job that is due next.
        :param limits: what the connection allows.
        :param waiting: jobs waited for through this connection.
        :param now: seconds of the monotonic clock.
        """
        if head.due > now or any(poll.is_cancelled for poll in self._polls):
            return
        long_polls = [poll for poll in self._polls if poll.plan.way == "long_poll"]
        if long_polls and not limits.can_long_poll(waiting=waiting):
            min(long_polls, key=lambda poll: poll.began).cancel()
        elif (stalled := self._slowest()) is not None and now >= self._stalled_at(stalled, head):
            self._broken_off += 1
            stalled.is_stalled = True
            stalled.cancel()

    def next_at(self, head: WatchedJob, now: float) -> float | None:
        """When :meth:`cancel_for` has to be called again; None: when a poll ends.

        :param head: the job that is due next.
        :param now: seconds of the monotonic clock.
        """
        if head.due > now:
            return head.due
        slowest = self._slowest()
        return None if slowest is None else self._stalled_at(slowest, head)

    def _slowest(self) -> InFlightPoll | None:
        polls = [poll for poll in self._polls if poll.plan.way != "long_poll" and not poll.is_cancelled]
        return min(polls, key=lambda poll: poll.began, default=None)

    def _stalled_at(self, poll: InFlightPoll, head: WatchedJob) -> float:
        usual = FIRST_PATIENCE if self._usual is None else max(OF_USUAL * self._usual, SHORTEST_PATIENCE)
        patience = usual * 2.0 ** min(self._broken_off, 10)
        return max(poll.began + patience, head.due + head.pause / 2)
