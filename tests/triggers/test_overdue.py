"""After an outage of the triggerer many jobs are overdue at once: each gets one look before it is given up."""

from __future__ import annotations

import asyncio
import time

import pytest

from airflow_provider_orux.triggers import hub as hub_module
from tests.triggers.test_hub_load import Answer, connection, done, hub_of, orux_job, run, scripted


def test_each_overdue_job_gets_its_look_however_many_there_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hub_module, "LAST_LOOK", 1.0)

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                await asyncio.sleep(0.05)
                return 200, done(orux_job(target)), {}

            server.script = script
            hub = hub_of(connection(server, max_in_flight_polls=1))
            past = time.time() - 3600
            waits = [hub.wait(f"j{i}", deadline=past + 60, started=past) for i in range(70)]
            outcomes = await asyncio.gather(*waits)
            assert [o.kind for o in outcomes] == ["job"] * 70

    run(story)
