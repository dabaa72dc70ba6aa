"""A trigger that sleeps until its job ends, and asks nobody: what Airflow's own machinery costs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from benchmarks.gateway import ends_at


class SleepingTrigger(BaseTrigger):
    """Waits and fires."""

    def __init__(self, job: str) -> None:
        super().__init__()
        self.job = job

    def serialize(self) -> Any:
        return ("benchmarks.sleeping.SleepingTrigger", {"job": self.job})

    async def run(self) -> Any:
        await asyncio.sleep(max(0.0, ends_at(self.job) - time.time()))
        yield TriggerEvent(True)
