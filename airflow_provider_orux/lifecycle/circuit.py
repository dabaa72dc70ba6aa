"""The breaker that all polls of a connection share: it slows down while the gateway is away, and tries its return."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

FAILURES_TO_OPEN = 3
"""Failures in a row after which the gateway, and not one job, is thought to be the reason."""
LONGEST_PROBE_PAUSE = 10.0
"""Seconds between two single requests that look whether the gateway is back."""
LONGEST_RETRY_AFTER = 600.0
SLOWEST = 1.0
"""Requests a second below which the rate is never reduced."""
RATE_WINDOW = 5.0
"""Seconds over which the rate is measured that a gateway found too high."""
RECOVERY = 0.97
"""By this factor each answer shortens the distance between two requests after "too many requests"."""

Change = Literal["opened", "closed"]


@dataclass
class Circuit:
    """Whether a poll may start now. Pure: it is told the time, in seconds of a clock that never goes back.

    :param slots: polls under way at once.
    """

    slots: int = 1
    failures: int = 0
    probes: int = 0
    opened_at: float | None = None
    closed_until: float = 0.0
    """While open: when the next probe may go out."""
    probing: bool = False
    window: int = field(init=False)
    """Polls under way at once for now: after an outage it grows from 2, with every answer, to ``slots``."""
    gap: float = 0.0
    """Seconds between two polls; 0: as fast as they come due."""
    _next_start: float = 0.0
    _counted: int = 0
    _counted_since: float | None = None

    def __post_init__(self) -> None:
        self.window = self.slots

    @property
    def is_open(self) -> bool:
        """True while nothing but single probes go out."""
        return self.opened_at is not None

    def ready_at(self, in_flight: int) -> float | None:
        """The moment from which a poll may start; None: not before one that is under way came back."""
        if self.is_open:
            return None if self.probing else self.closed_until
        if in_flight >= min(self.window, self.slots):
            return None
        return self._next_start

    def started(self, now: float) -> None:
        """A poll starts."""
        if self.is_open:
            self.probing = True
        if self._counted_since is None or now - self._counted_since > 2 * RATE_WINDOW:
            self._counted_since, self._counted = now, 0
        elif now - self._counted_since > RATE_WINDOW:
            self._counted_since += RATE_WINDOW / 2
            self._counted //= 2
        self._counted += 1
        self._next_start = max(now, self._next_start) + self.gap if self.gap else 0.0

    def worked(self, *, began: float) -> Change | None:
        """The gateway answered.

        :param began: when that poll started: an answer from before the failures proves nothing.
        """
        self.failures = 0
        if self.opened_at is not None:
            if began < self.opened_at:
                return None
            self.opened_at, self.probing, self.probes = None, False, 0
            self.window = 2
            return "closed"
        self.window = min(self.window * 2, self.slots)
        self.gap = self.gap * RECOVERY if self.gap > 0.002 else 0.0
        return None

    def failed(
        self,
        now: float,
        *,
        began: float,
        pause: float,
        retry_after: float | None = None,
        too_many: bool = False,
    ) -> Change | None:
        """A poll failed in a way that is not about its job.

        :param began: when it started.
        :param pause: seconds that the pauses between the probes start from.
        :param retry_after: seconds that the gateway asked for; they hold for all polls.
        :param too_many: the gateway said "too many requests": the circuit opens at once, and the rate is halved.
        """
        asked = min(retry_after or 0.0, LONGEST_RETRY_AFTER)
        if self.opened_at is not None:
            if began >= self.opened_at:
                self.probing = False
                self.probes += 1
                self.closed_until = now + max(asked, self._pause(pause))
            elif asked:
                self.closed_until = max(self.closed_until, now + asked)
            return None
        self.failures += 1
        if not (too_many or asked or self.failures >= FAILURES_TO_OPEN):
            return None
        if too_many:
            self._halve(now)
        self.opened_at, self.probing = now, False
        self.closed_until = now + max(asked, self._pause(pause))
        return "opened"

    def lost(self, *, began: float) -> None:
        """A poll was given up before it was answered: its job is no longer waited for."""
        if self.opened_at is not None and began >= self.opened_at:
            self.probing = False

    def _pause(self, pause: float) -> float:
        longest = min(pause * 2.0 ** min(self.probes, 10), LONGEST_PROBE_PAUSE)
        return longest * random.uniform(0.8, 1.0)  # noqa: S311  (jitter, not a secret)

    def _halve(self, now: float) -> None:
        seconds = max(now - (self._counted_since or now), 1.0)
        rate = max(self._counted / seconds, SLOWEST)
        if self.gap:
            rate = min(rate, 1 / self.gap)
        self.gap = 1 / max(rate / 2, SLOWEST)
