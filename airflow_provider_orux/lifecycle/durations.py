"""How long recent jobs of one kind took: what the poll schedule learns from the jobs it saw end."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict, deque

from airflow_provider_orux.models.job import Job

#: Ended jobs remembered: enough for a low quantile, few enough to follow a gateway that gets slower.
WINDOW = 256
#: Fewer jobs than this say nothing.
ENOUGH = 20
#: Share of the jobs that may end before the moment they are polled again.
EARLY_SHARE = 0.025
#: Seconds by which the duration a gateway reports may differ from what the polls saw.
CLOCK_TOLERANCE = 5.0


class Durations:
    """How long the last jobs of one kind took, in seconds.

    :param window: how many are remembered. Default 256.
    """

    __slots__ = ("_order", "_sorted", "_window")

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._order: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._order)

    def saw(self, *, after: float, before: float, exact: float | None = None) -> None:
        """A job ended.

        :param after: its age in seconds at the last poll that found it running; 0: there was none.
        :param before: its age in seconds at the poll that found it ended.
        :param exact: its duration as the gateway reports it. Without it, the midpoint counts: a first poll that always
            finds the job ended then comes earlier with each job, until it is early enough.
        """
        if before <= 0:
            return
        value = (after + before) / 2 if exact is None else min(max(exact, 0.0), before)
        self._order.append(value)
        insort(self._sorted, value)
        if len(self._order) > self._window:
            oldest = self._order.popleft()
            del self._sorted[bisect_left(self._sorted, oldest)]

    def earliest_end(self, age: float) -> float | None:
        """The age before which hardly any job still running at this age ends; None: too few are known.

        :param age: seconds since the job was accepted.
        """
        first = bisect_right(self._sorted, age)
        older = len(self._sorted) - first
        if older < ENOUGH:
            return None
        return self._sorted[first + int(older * EARLY_SHARE)]


class DurationBook:
    """The durations of all kinds of jobs of one connection. The least recently used kinds are forgotten.

    :param kinds: how many kinds are kept. Default 64.
    """

    def __init__(self, kinds: int = 64) -> None:
        self._kinds = kinds
        self._of: OrderedDict[str, Durations] = OrderedDict()

    def of(self, kind: str) -> Durations:
        """The durations for a key: ``kind <kind>``, ``model <model>``, or "" for all jobs of the connection."""
        found = self._of.get(kind)
        if found is None:
            found = self._of[kind] = Durations()
            if len(self._of) > self._kinds:
                self._of.popitem(last=False)
        else:
            self._of.move_to_end(kind)
        return found

    def learn(self, job: Job, *, kind: str | None, running_at: float, age: float) -> None:
        """Learn from a job that succeeded.

        :param job: the job.
        :param kind: what kind of job it is; None: unknown.
        :param running_at: its age in seconds at the last poll that found it running; 0: there was none.
        :param age: its age in seconds at the poll that found it ended.
        """
        exact = None
        if job.submitted_at is not None and job.finished_at is not None:
            seconds = job.finished_at - job.submitted_at
            # By the gateway's own clock; believed only if it agrees with the polls.
            if running_at - CLOCK_TOLERANCE <= seconds <= age + CLOCK_TOLERANCE:
                exact = seconds
        keys = [""]
        if job.model:
            keys.append(f"model {job.model}")
        if kind:
            keys.append(f"kind {kind}")
        for key in keys:
            self.of(key).saw(after=running_at, before=age, exact=exact)
