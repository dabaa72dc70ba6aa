"""The sandbox's own time: the machine's, plus what somebody advanced it by."""

from __future__ import annotations

import time
from datetime import datetime, timezone


class Clock:
    """Wall time plus an offset. Everything that lasts (jobs, URLs, keys) is measured with it.

    Wall time, not a monotonic clock: a restarted sandbox must go on where the killed one was.
    """

    def __init__(self, *, offset: float = 0.0) -> None:
        self.offset = offset

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.offset

    def advance(self, seconds: float) -> float:
        """Let ``seconds`` pass at once; the new offset."""
        self.offset += seconds
        return self.offset


def iso(at: float) -> str:
    """ISO-8601 in UTC, which is what the documents ask of ``submit_time`` and ``finish_time``."""
    return (
        datetime.fromtimestamp(at, tz=timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
