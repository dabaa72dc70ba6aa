"""The circuit breaker of a connection: it backs off while the gateway is away, and probes for its return."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

#: Failures in a row after which the gateway, not one job, is taken to be the cause.
FAILURES_TO_OPEN = 3
#: Longest pause between two probes, in seconds.
LONGEST_PROBE_PAUSE = 10.0
#: Longest ``Retry-After`` honoured, in seconds.
LONGEST_RETRY_AFTER = 600.0
#: Requests a second below which the rate is never reduced.
SLOWEST_RATE = 1.0
#: Seconds over which the request rate is measured, to halve it when the gateway finds it too high.
RATE_WINDOW = 5.0
#: After "too many requests", each answer multiplies the gap between two polls by this factor.
RECOVERY = 0.97

State = Literal["closed", "open", "half_open"]
Change = Literal["opened", "closed"]


@dataclass
class CircuitBreaker:
    """Decides whether a poll may start now.

    ``closed``: polls go out as they come due. ``open``: none does until ``next_probe_at``. ``half_open``: a probe is
    under way, and its result decides. Pure: callers pass the time, in seconds of a clock that never goes back.

    :param slots: polls allowed in flight at once.
    """

    slots: int = 1
    state: State = "closed"
    #: When it last opened.
    opened_at: float = 0.0
    #: While open: when the next probe may go out.
    next_probe_at: float = 0.0
    #: Failures in a row while closed.
    failures: int = 0
    #: The jobs whose polls these were. One job's failures are no evidence about the gateway.
    failed_jobs: set[str] = field(default_factory=set)
    #: Those of them whose answers asked for a pause.
    asked_jobs: set[str] = field(default_factory=set)
    #: Probes that failed since it opened.
    probes: int = 0
    #: Polls allowed in flight for now: after an outage it doubles from 2, with every answer, up to ``slots``.
    window: int = field(init=False)
    #: Seconds between the starts of two polls; 0: no limit on the rate.
    gap: float = 0.0
    _next_start: float = 0.0
    _counted: int = 0
    _counted_since: float | None = None

    def __post_init__(self) -> None:
        self.window = self.slots

    @property
    def is_closed(self) -> bool:
        """Whether polls go out as they come due; otherwise only single probes do."""
        return self.state == "closed"

    def ready_at(self, in_flight: int) -> float | None:
        """The moment from which a poll may start; None: not before one in flight ends.

        :param in_flight: polls under way.
        """
        if self.state == "closed":
            return None if in_flight >= min(self.window, self.slots) else self._next_start
        return self.next_probe_at if self.state == "open" else None

    def started(self, now: float) -> None:
        """A poll starts. While open, it is the probe."""
        if self.state == "open":
            self.state = "half_open"
        if self._counted_since is None or now - self._counted_since > 2 * RATE_WINDOW:
            self._counted_since, self._counted = now, 0
        elif now - self._counted_since > RATE_WINDOW:
            self._counted_since += RATE_WINDOW / 2
            self._counted //= 2
        self._counted += 1
        self._next_start = max(now, self._next_start) + self.gap if self.gap else 0.0

    def answered(self, *, began: float) -> Change | None:
        """The gateway answered a poll.

        :param began: when that poll started: an answer to one from before the breaker opened proves nothing.
        """
        self.failures = 0
        self.failed_jobs.clear()
        self.asked_jobs.clear()
        if self.state != "closed":
            if began < self.opened_at:
                return None
            self.state, self.probes, self.window = "closed", 0, 2
            return "closed"
        self.window = min(self.window * 2, self.slots)
        self.gap = self.gap * RECOVERY if self.gap > 0.002 else 0.0
        return None

    def failed(
        self,
        now: float,
        *,
        began: float,
        job_ids: Iterable[str],
        base_pause: float,
        alone: bool = False,
        retry_after: float | None = None,
        too_many: bool = False,
    ) -> Change | None:
        """A poll failed for a reason that is not about its job.

        :param began: when that poll started.
        :param job_ids: the jobs that it polled.
        :param base_pause: seconds from which the pauses between probes grow.
        :param alone: whether no other job is waited for.
        :param retry_after: seconds the gateway asked for. They hold for all polls once it asked two jobs in a row;
            until then they are that job's own.
        :param too_many: the gateway said "too many requests": open at once and halve the rate.
        """
        self.failed_jobs.update(job_ids)
        if retry_after:
            self.asked_jobs.update(job_ids)
        is_common = too_many or len(self.asked_jobs) > 1
        asked = min(retry_after or 0.0, LONGEST_RETRY_AFTER) if is_common else 0.0
        if self.state != "closed":
            if began >= self.opened_at:
                self.state = "open"
                self.probes += 1
                self.next_probe_at = now + max(asked, self._probe_pause(base_pause))
            elif asked:
                self.next_probe_at = max(self.next_probe_at, now + asked)
            return None
        self.failures += 1
        is_evidence = len(self.failed_jobs) > 1 or (alone and not retry_after)
        if not (too_many or asked or (is_evidence and self.failures >= FAILURES_TO_OPEN)):
            return None
        if too_many:
            self._halve_rate(now)
        self.state, self.opened_at = "open", now
        self.next_probe_at = now + max(asked, self._probe_pause(base_pause))
        return "opened"

    def abandoned(self, *, began: float) -> None:
        """A poll ended without a word from the gateway: it was cancelled, or never sent.

        :param began: when that poll started.
        """
        if self.state == "half_open" and began >= self.opened_at:
            self.state = "open"

    def _probe_pause(self, base: float) -> float:
        longest = min(base * 2.0 ** min(self.probes, 10), LONGEST_PROBE_PAUSE)
        return longest * random.uniform(0.8, 1.0)  # noqa: S311  (jitter, not a secret)

    def _halve_rate(self, now: float) -> None:
        seconds = max(now - (self._counted_since or now), 1.0)
        rate = max(self._counted / seconds, SLOWEST_RATE)
        if self.gap:
            rate = min(rate, 1 / self.gap)
        self.gap = 1 / max(rate / 2, SLOWEST_RATE)
