"""Waiting for a job, in short naps: somebody may advance the clock, or the caller may hang up."""

from __future__ import annotations

import asyncio
import time

from fastapi import Request

from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.records import Job

#: Seconds between two looks.
_NAP = 0.05


async def until_ended(engine: Engine, job: Job, request: Request, *, longest: float | None = None) -> bool:
    """Wait for the end of a job, for ``longest`` seconds of the machine's time at most; whether it came."""
    begin = time.monotonic()
    while (left := job.ends_at - engine.clock.now()) > 0:
        if longest is not None:
            left = min(left, longest - (time.monotonic() - begin))
            if left <= 0:
                return False
        await asyncio.sleep(min(left, _NAP))
        if left > 1 and await request.is_disconnected():
            return False
    return True
