"""However many jobs there are, the poller leaves the event loop to others after a bounded number of them."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.gateways.wire import HttpResponse
from airflow_provider_orux.hooks.connection import read_connection
from airflow_provider_orux.lifecycle.event import JobEvent
from airflow_provider_orux.lifecycle.polling import Wait
from airflow_provider_orux.poller import overdue
from airflow_provider_orux.poller.client import LARGE_RESPONSE, PollClient
from airflow_provider_orux.poller.client import Answer as PollAnswer
from airflow_provider_orux.poller.overdue import JOBS_PER_TURN, LAST_POLL_GRACE
from airflow_provider_orux.poller.poller import POLLS_PER_TURN, Poller
from airflow_provider_orux.poller.watched_job import WatchedJob
from tests.poller.scripted import Answer, connection, poller_of, run, scripted

BATCH = 50


def count_rounds(owner: Any, monkeypatch: pytest.MonkeyPatch, what: str) -> list[int]:
    """What is done in each round of the event loop, in jobs."""
    rounds = [0]
    plain = getattr(owner, what)

    def counted(*arguments: Any, **more: Any) -> Any:
        if not rounds[-1]:
            asyncio.get_running_loop().call_soon(rounds.append, 0)
        result = plain(*arguments, **more)
        rounds[-1] += result if isinstance(result, int) else 1
        return result

    monkeypatch.setattr(owner, what, counted)
    return rounds


async def wait(poller: Poller, job: str, *, age: float = 600.0, left: float = 600.0) -> JobEvent:
    now = time.time()
    return await poller.wait(Wait(job, now + left, now - age))


def test_a_round_starts_a_bounded_number_of_jobs_and_the_rest_follow(monkeypatch):
    """As after a restart of the triggerer: all are overdue, and there are slots for many more than one turn takes."""
    count = 4 * JOBS_PER_TURN

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                ids = json.loads(body)["ids"]
                return 200, [{"id": i, "status": "SUCCESS", "imageUrl": f"https://cdn.example/{i}.png"} for i in ids], {}  # fmt: skip

            server.script = script
            poller = poller_of(connection(server, "yescale", max_in_flight_polls=64, batch_fetch="on"))
            rounds = count_rounds(poller, monkeypatch, "_start")
            ended = await asyncio.gather(*(wait(poller, f"mj:{i}") for i in range(count)))
            assert [e.kind for e in ended] == ["job"] * count
            assert JOBS_PER_TURN <= max(rounds) < JOBS_PER_TURN + BATCH
            assert sum(rounds) == count

    run(story)


def test_a_round_begins_a_bounded_number_of_polls_and_the_rest_follow(monkeypatch):
    count = 5 * POLLS_PER_TURN

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                await asyncio.sleep(0.3)
                job = target.rpartition("/")[2]
                return 200, {"task_id": job, "status": "SUCCESS", "result_urls": ["https://cdn.example/x.png"]}, {}  # fmt: skip

            server.script = script
            poller = poller_of(connection(server, max_in_flight_polls=count))
            rounds = count_rounds(poller, monkeypatch, "_start")
            ended = await asyncio.gather(*(wait(poller, f"{i:032x}") for i in range(count)))
            assert [e.kind for e in ended] == ["job"] * count
            assert max(rounds) == POLLS_PER_TURN
            assert sum(rounds) == count

    run(story)


def test_a_round_fails_a_bounded_number_of_jobs_of_a_gateway_that_is_away(monkeypatch):
    count = 3 * JOBS_PER_TURN

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                return 500, {"error": {"code": "internal_error", "type": "api_error", "message": "oops"}}, {}

            server.script = script
            poller = poller_of(connection(server))
            rounds = count_rounds(poller._jobs, monkeypatch, "put_failed")
            tasks = [asyncio.create_task(wait(poller, f"{i:032x}")) for i in range(count)]
            while not all(job.tracker.failures for job in poller._jobs) or len(poller._jobs) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            # The polls that failed do so for their own jobs, and the turn for a slice of the others.
            assert max(rounds) <= 2 * JOBS_PER_TURN + 8
            assert not poller._overdue.is_failing
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    run(story)


def test_what_was_to_fail_is_polled_when_the_gateway_is_back(monkeypatch):
    """Jobs that were still to be failed lose nothing by the gateway's return."""
    monkeypatch.setattr(overdue, "JOBS_PER_TURN", 5)
    count = 60

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                if len(server.requests) <= 5:
                    return 500, {"error": {"code": "internal_error", "type": "api_error", "message": "oops"}}, {}  # fmt: skip
                job = target.rpartition("/")[2]
                return 200, {"task_id": job, "status": "SUCCESS", "result_urls": ["https://cdn.example/x.png"]}, {}  # fmt: skip

            server.script = script
            poller = poller_of(connection(server))
            ended = await asyncio.gather(*(wait(poller, f"{i:032x}") for i in range(count)))
            assert [e.kind for e in ended] == ["job"] * count

    run(story)


def test_a_round_ends_a_bounded_number_of_jobs_whose_deadline_passed(monkeypatch):
    count = 3 * JOBS_PER_TURN

    async def story() -> None:
        async def read(conn_id: str) -> Any:
            await asyncio.sleep(3600)

        poller = Poller("c", read=read)
        rounds = count_rounds(WatchedJob, monkeypatch, "time_out")
        tasks = [asyncio.create_task(wait(poller, f"{i:032x}", left=600.0)) for i in range(count)]
        await asyncio.sleep(0)
        for job in poller._jobs:
            job.deadline_at = time.monotonic() - LAST_POLL_GRACE - 1
        ended = await asyncio.gather(*tasks)
        assert {e.kind for e in ended} == {"error"}
        assert max(rounds) == JOBS_PER_TURN
        assert sum(rounds) == count

    run(story)


class AtOnce:
    """A transport whose answers are there already, as those of a gateway are that was stalled."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def send(self, send: Any) -> HttpResponse:
        return HttpResponse(200, {}, self.body)

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize("size", [10, LARGE_RESPONSE])
def test_large_responses_are_parsed_one_in_a_round_of_the_loop_and_small_ones_at_once(size, monkeypatch):
    async def story() -> None:
        body = json.dumps({"task_id": "a" * 32, "status": "RUNNING", "more": "x" * size}).encode()
        gateway = gateway_for("orux")
        found = read_connection(
            conn_id="c", conn_type="orux", host=None, port=None, schema=None, password="k", extra={}
        )
        read: list[int] = []
        rounds = 0
        plain = type(gateway).read_poll

        def read_poll(self: Any, job_id: str, response: HttpResponse) -> Any:
            read.append(rounds)
            return plain(self, job_id, response)

        monkeypatch.setattr(type(gateway), "read_poll", read_poll)
        client = PollClient(found, AtOnce(body))

        async def count_rounds() -> None:
            nonlocal rounds
            while True:
                rounds += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count_rounds())
        results = await asyncio.gather(*(client.poll("a" * 32) for _ in range(12)))
        counting.cancel()
        assert all(isinstance(result, PollAnswer) for result in results)
        assert len(read) == 12
        assert len(set(read)) == (12 if size >= LARGE_RESPONSE else 1)

    run(story)
