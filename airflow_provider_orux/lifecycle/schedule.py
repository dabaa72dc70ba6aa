"""When to ask for a job next: not before it can be done, then so often that its result never waits long."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from airflow_provider_orux.lifecycle.durations import Durations

#: Seconds: the cap of the backoff at a full gateway.
LONGEST_CAPACITY_PAUSE = 150.0
LEAP = 3.0
"""How many times its age a job may be left alone, where the durations known are not surely of its kind: an upscale
of 6 s among a hundred pictures of 45 s must not wait for the first of these."""


@dataclass(frozen=True)
class PollSchedule:
    """The pauses between the polls of one job.

    The defaults and the learning were chosen by the simulation of ``benchmarks/`` (page "Benchmarks" of the
    documentation): they ask less often than every 5 s does, for no longer a lag at its 95th percentile.

    :param first: seconds from the submission to the first poll, when nothing is known of such jobs.
    :param growth: from then on each pause is this share of the job's age, so that the lag stays a bounded share of
        its duration.
    :param shortest: seconds.
    :param longest: seconds.
    :param fixed: seconds; set by ``poll_interval``: every pause is this long.
    :param jitter: share of a pause by which it varies, so that jobs submitted together are not polled together.
    :param durations: how long jobs took lately; None: nothing is learned.
    :param sure: whether ``durations`` holds jobs of the same kind only.
    """

    first: float = 5.0
    growth: float = 0.05
    shortest: float = 5.0
    longest: float = 30.0
    fixed: float | None = None
    jitter: float = 0.05
    durations: Durations | None = field(default=None, repr=False, compare=False)
    sure: bool = False

    def pause(self, *, age: float, polls: int) -> float:
        """Seconds until the next poll of a job.

        :param age: seconds since it was submitted (or taken up again).
        :param polls: how often it was polled already.
        """
        if self.fixed is not None:
            return self.fixed
        wanted = self.first if polls == 0 else min(max(self.growth * age, self.shortest), self.longest)
        if self.durations is not None and (until := self.durations.earliest_end(age)) is not None:
            leap = until - age if self.sure else min(until - age, LEAP * max(age, self.first))
            # A first poll can come earlier than that of a job of which nothing is known, too.
            wanted = max(leap, 0.5) if polls == 0 else max(wanted, leap)
        return wanted * (1 + random.uniform(-self.jitter, self.jitter))  # noqa: S311  (no secret)


def schedule_for(
    poll_interval: float | None, *, durations: Durations | None = None, sure: bool = False
) -> PollSchedule:
    """The schedule of a job.

    :param poll_interval: seconds between polls, as the DAG author chose; None: the schedule decides.
    :param durations: how long jobs took lately, if known.
    :param sure: whether these are jobs of the same kind.
    """
    return PollSchedule(fixed=poll_interval, durations=durations, sure=sure)


def capacity_pause(times: int, *, retry_after: float | None) -> float:
    """Seconds until a task comes back to a full gateway: doubled each time, with jitter.

    :param times: how many times it came already.
    :param retry_after: seconds for which the gateway asked; an hour is the most that is believed.
    """
    pause: float = min(5.0 * 2 ** min(times, 10), LONGEST_CAPACITY_PAUSE)
    pause *= random.uniform(0.8, 1.2)  # noqa: S311  (jitter)
    return max(pause, min(retry_after or 0.0, 3600.0))
