"""After an outage of the triggerer many jobs are overdue at once: each is polled once before it is given up."""

from __future__ import annotations

import asyncio
import time

import pytest

from airflow_provider_orux.lifecycle.polling import Wait
from airflow_provider_orux.poller import overdue
from tests.poller.scripted import Answer, connection, done, orux_job, poller_of, run, scripted


def test_each_overdue_job_is_polled_however_many_there_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(overdue, "LAST_POLL_GRACE", 1.0)

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                await asyncio.sleep(0.05)
                return 200, done(orux_job(target)), {}

            server.script = script
            poller = poller_of(connection(server, max_in_flight_polls=1))
            past = time.time() - 3600
            waits = [poller.wait(Wait(f"j{i}", past + 60, past)) for i in range(70)]
            outcomes = await asyncio.gather(*waits)
            assert [o.kind for o in outcomes] == ["job"] * 70

    run(story)
