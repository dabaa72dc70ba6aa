"""One job's odd answer, slow or refusing, is that job's own: the others are polled as if it were not there."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from airflow_provider_orux.poller import in_flight
from tests.poller.scripted import Answer, connection, done, orux_job, poller_of, run, running, scripted, wait

SLOW, OTHERS = "a" * 32, [f"{n:032x}" for n in range(3)]
INTERVAL = 0.5


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "FIRST_PATIENCE", 0.6)
    monkeypatch.setattr(in_flight, "SHORTEST_PATIENCE", 0.2)


async def trickle(writer: asyncio.StreamWriter) -> None:
    """A byte now and then, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def trickle_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("answer", [trickle, trickle_headers])
def test_a_trickling_answer_delays_no_other_job_by_more_than_its_interval(answer):
    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                job = orux_job(target)
                if job == SLOW:
                    return answer
                return 200, done(job) if server.count(job) > 8 else running(job), {}

            server.script = script
            poller = poller_of(connection(server, max_in_flight_polls=1))
            slow = asyncio.create_task(wait(poller, SLOW, INTERVAL))
            ended = await asyncio.gather(*(wait(poller, job, INTERVAL) for job in OTHERS))
            assert [event.kind for event in ended] == ["job"] * len(OTHERS)
            for job in OTHERS:
                polls = [at for at, _, target, *_ in server.requests if job in target]
                # The first polls come before it is known how long answers take.
                gaps = [later - at for at, later in itertools.pairwise(polls[1:])]
                assert max(gaps) < 2 * INTERVAL + 0.4
            assert server.count(SLOW) >= 2, "it is polled again itself"
            slow.cancel()
            await asyncio.gather(slow, return_exceptions=True)

    run(story)


def test_a_gateway_that_is_slow_for_all_is_waited_for():
    """Breaking off each poll would mean that none is ever answered."""

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                await asyncio.sleep(1.0)
                return 200, done(orux_job(target)), {}

            server.script = script
            poller = poller_of(connection(server, max_in_flight_polls=1))
            ended = await asyncio.gather(*(wait(poller, job, INTERVAL) for job in OTHERS))
            assert [event.kind for event in ended] == ["job"] * len(OTHERS)
            assert len(server.requests) <= len(OTHERS) + 2

    run(story)


def test_one_jobs_503_with_a_long_retry_after_silences_no_other():
    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                job = orux_job(target)
                if job == SLOW:
                    envelope = {"error": {"code": "internal_error", "type": "api_error", "message": "?"}}
                    return 503, envelope, {"Retry-After": "20"}
                return 200, done(job) if server.count(job) > 4 else running(job), {}

            server.script = script
            poller = poller_of(connection(server, max_in_flight_polls=2))
            refused = asyncio.create_task(wait(poller, SLOW, 0.1))
            await asyncio.sleep(0.3)
            began = time.monotonic()
            await asyncio.gather(*(wait(poller, job, 0.2) for job in OTHERS))
            assert time.monotonic() - began < 4
            assert server.count(SLOW) == 1, "it asked for twenty seconds, and gets them"
            refused.cancel()
            await asyncio.gather(refused, return_exceptions=True)

    run(story)
