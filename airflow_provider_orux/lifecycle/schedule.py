"""When to poll a job next: not before it can be done, then often enough that its result never waits long."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from airflow_provider_orux.lifecycle.durations import Durations
from airflow_provider_orux.models.errors import (
    ArtifactError,
    GatewayUnavailableError,
    OruxError,
    RateLimitedError,
)

#: Seconds: the cap of the backoff at a full gateway.
LONGEST_CAPACITY_PAUSE = 150.0
#: Cap on the next pause, as a multiple of the job's age, when the learned durations may be of other kinds: an upscale
#: of 6 s among a hundred images of 45 s must not wait for the first of those.
LEAP = 3.0


@dataclass(frozen=True)
class PollSchedule:
    """The pauses between the polls of one job.

    The defaults and the learning were chosen by the simulation in ``benchmarks/`` (page "Benchmarks" of the
    documentation): fewer polls than every 5 s, at no greater lag at the 95th percentile.

    :param first: seconds from submission to the first poll, when nothing is known of such jobs.
    :param growth: from then on each pause is this share of the job's age, which bounds the lag to a share of the job's
        duration.
    :param shortest: shortest pause, in seconds.
    :param longest: longest pause, in seconds.
    :param fixed: every pause, in seconds, as set by ``poll_interval``; None (default): the schedule decides.
    :param jitter: share by which a pause varies, so that jobs submitted together are not polled together.
    :param durations: how long recent jobs took; None: nothing learned.
    :param sure: whether ``durations`` holds only jobs of the same kind.
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

        :param age: seconds since it was submitted.
        :param polls: how often it has been polled.
        """
        if self.fixed is not None:
            return self.fixed
        wanted = self.first if polls == 0 else min(max(self.growth * age, self.shortest), self.longest)
        if self.durations is not None and (until := self.durations.earliest_end(age)) is not None:
            leap = until - age if self.sure else min(until - age, LEAP * max(age, self.first))
            # What was learned can also make the first poll come earlier than that of an unknown job.
            wanted = max(leap, 0.5) if polls == 0 else max(wanted, leap)
        return wanted * (1 + random.uniform(-self.jitter, self.jitter))  # noqa: S311  (no secret)


def capacity_pause(times: int, *, retry_after: float | None) -> float:
    """Seconds until a task comes back to a full gateway: doubled each time, with jitter.

    :param times: how many times it came already.
    :param retry_after: seconds for which the gateway asked; an hour is the most that is believed.
    """
    pause: float = min(5.0 * 2 ** min(times, 10), LONGEST_CAPACITY_PAUSE)
    pause *= random.uniform(0.8, 1.2)  # noqa: S311  (jitter)
    return max(pause, min(retry_after or 0.0, 3600.0))


def retry_pause(
    error: OruxError, tries: int, *, save_delay: float, first_delay: float, longest_delay: float
) -> tuple[float, str]:
    """Seconds before Airflow tries a task again after an error, and why; with jitter.

    :param tries: how many there were.
    :param save_delay: before artifacts are fetched again.
    :param first_delay: before the first retry while something is away; doubled each time.
    :param longest_delay: the most of that.
    """
    if isinstance(error, ArtifactError) and error.charged != "no":
        pause, why = save_delay, "the artifacts are fetched again; nothing is paid"
    elif isinstance(error, (ArtifactError, GatewayUnavailableError, RateLimitedError)):
        pause = max(min(first_delay * 2 ** min(tries - 1, 10), longest_delay), error.retry_after or 0.0)
        why = "the gateway or the storage was away"
    else:
        pause, why = first_delay, f"{type(error).__name__} may pass"
    return pause * random.uniform(0.8, 1.2), why  # noqa: S311  (jitter)
