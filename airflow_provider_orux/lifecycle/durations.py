"""How long jobs of one kind took lately: what the poll schedule learns from the jobs that it saw end."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict, deque

WINDOW = 256
"""How many ended jobs are remembered: enough for a low quantile, few enough to follow a gateway that got slower."""
ENOUGH = 20
"""Fewer jobs than this say nothing."""
EARLY_SHARE = 0.025
"""Share of the jobs that may end before the moment at which they are asked for again."""


class Durations:
    """The durations of the last jobs of one kind, in seconds.

    :param window: how many are remembered.
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

        :param after: its age at the last poll that found it running; 0 when there was none.
        :param before: its age at the poll that found it ended.
        :param exact: its duration as the gateway tells it. Without it the middle is taken: so a first poll that
            always finds the job ended comes earlier with each job, until it is early enough.
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
        """The age until which hardly any job that is running at this age ends; None: not enough is known.

        :param age: seconds since the job was accepted.
        """
        first = bisect_right(self._sorted, age)
        older = len(self._sorted) - first
        if older < ENOUGH:
            return None
        return self._sorted[first + int(older * EARLY_SHARE)]


class DurationBook:
    """The durations of all kinds of one connection; the kinds that were used longest ago are forgotten.

    :param kinds: how many kinds are kept.
    """

    def __init__(self, kinds: int = 64) -> None:
        self._kinds = kinds
        self._of: OrderedDict[str, Durations] = OrderedDict()

    def of(self, kind: str) -> Durations:
        """The durations of a kind (a model, or a model and what is done with it; "" for all of the connection)."""
        found = self._of.get(kind)
        if found is None:
            found = self._of[kind] = Durations()
            if len(self._of) > self._kinds:
                self._of.popitem(last=False)
        else:
            self._of.move_to_end(kind)
        return found
