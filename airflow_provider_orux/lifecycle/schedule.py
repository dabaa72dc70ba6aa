"""When to ask for a job next: not before it can be done, then often enough, ever less often."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class PollSchedule:
    """The pauses between the polls of one job.

    :param first: seconds from the submission to the first poll.
    :param growth: each pause is this share of the job's age, so that the lag stays a bounded share of its duration.
    :param shortest: seconds.
    :param longest: seconds.
    :param fixed: seconds; set by ``poll_interval``: every pause is this long.
    :param jitter: share of a pause by which it varies, so that jobs submitted together are not polled together.
    """

    first: float = 2.0
    growth: float = 0.1
    shortest: float = 2.0
    longest: float = 30.0
    fixed: float | None = None
    jitter: float = 0.1

    def pause(self, *, age: float, polls: int) -> float:
        """Seconds until the next poll of a job.

        :param age: seconds since it was submitted (or taken up again).
        :param polls: how often it was polled already.
        """
        if self.fixed is not None:
            return self.fixed
        wanted = self.first if polls == 0 else min(max(self.growth * age, self.shortest), self.longest)
        return wanted * (1 + random.uniform(-self.jitter, self.jitter))  # noqa: S311  (no secret)


def schedule_for(poll_interval: float | None) -> PollSchedule:
    """The schedule of a job.

    :param poll_interval: seconds between polls, as the DAG author chose; None: the schedule decides.
    """
    return PollSchedule(fixed=poll_interval)
