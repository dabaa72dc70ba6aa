"""However many jobs there are, the poller leaves the event loop to others after a bounded number of them."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.gateways.wire import HttpResponse
from airflow_provider_orux.lifecycle.outcome import Outcome
from airflow_provider_orux.triggers import hub as hub_module
from airflow_provider_orux.triggers.exchange import LONG_ANSWER, Exchange
from airflow_provider_orux.triggers.hub import ASKS_A_TURN, JOBS_A_TURN, LAST_LOOK, PollHub
from tests.triggers.test_hub_load import Answer, connection, hub_of, run, scripted

BATCH = 50


def count_rounds(hub: PollHub, monkeypatch: pytest.MonkeyPatch, what: str) -> list[int]:
    """What is done in each round of the event loop, in jobs."""
    rounds = [0]
    plain = getattr(hub, what)

    def counted(*arguments: Any, **more: Any) -> Any:
        if not rounds[-1]:
            asyncio.get_running_loop().call_soon(rounds.append, 0)
        result = plain(*arguments, **more)
        rounds[-1] += result if isinstance(result, int) else 1
        return result

    monkeypatch.setattr(hub, what, counted)
    return rounds


async def wait(hub: PollHub, job: str, *, age: float = 600.0, left: float = 600.0) -> Outcome:
    now = time.time()
    return await hub.wait(job, deadline=now + left, started=now - age)


def test_a_round_starts_a_bounded_number_of_jobs_and_the_rest_follow(monkeypatch):
    """As after a restart of the triggerer: all are overdue, and there are slots for many more than one turn takes."""
    count = 4 * JOBS_A_TURN

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                ids = json.loads(body)["ids"]
                return 200, [{"id": i, "status": "SUCCESS", "imageUrl": f"https://cdn.example/{i}.png"} for i in ids], {}  # fmt: skip

            server.script = script
            hub = hub_of(connection(server, "yescale", max_in_flight_polls=64, batch_fetch="on"))
            rounds = count_rounds(hub, monkeypatch, "_start")
            ended = await asyncio.gather(*(wait(hub, f"mj:{i}") for i in range(count)))
            assert [e.kind for e in ended] == ["job"] * count
            assert JOBS_A_TURN <= max(rounds) < JOBS_A_TURN + BATCH
            assert sum(rounds) == count

    run(story)


def test_a_round_begins_a_bounded_number_of_polls_and_the_rest_follow(monkeypatch):
    count = 5 * ASKS_A_TURN

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                await asyncio.sleep(0.3)
                job = target.rpartition("/")[2]
                return 200, {"task_id": job, "status": "SUCCESS", "result_urls": ["https://cdn.example/x.png"]}, {}  # fmt: skip

            server.script = script
            hub = hub_of(connection(server, max_in_flight_polls=count))
            rounds = count_rounds(hub, monkeypatch, "_start")
            ended = await asyncio.gather(*(wait(hub, f"{i:032x}") for i in range(count)))
            assert [e.kind for e in ended] == ["job"] * count
            assert max(rounds) == ASKS_A_TURN
            assert sum(rounds) == count

    run(story)


def test_a_round_judges_a_bounded_number_of_jobs_of_a_gateway_that_is_away(monkeypatch):
    count = 3 * JOBS_A_TURN

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                return 500, {"error": {"code": "internal_error", "type": "api_error", "message": "oops"}}, {}

            server.script = script
            hub = hub_of(connection(server))
            rounds = count_rounds(hub, monkeypatch, "_judge")
            tasks = [asyncio.create_task(wait(hub, f"{i:032x}")) for i in range(count)]
            while not all(w.tracker.failures for w in hub._waiters) or len(hub._waiters) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            # The polls that failed judge their own jobs, and the turn a slice of the others.
            assert max(rounds) <= 2 * JOBS_A_TURN + 8
            assert not hub._overdue
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    run(story)


def test_what_was_to_be_judged_is_polled_when_the_gateway_is_back(monkeypatch):
    """Jobs that had their turn of judging still before them lose nothing by the gateway's return."""
    monkeypatch.setattr(hub_module, "JOBS_A_TURN", 5)
    count = 60

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                if len(server.requests) <= 5:
                    return 500, {"error": {"code": "internal_error", "type": "api_error", "message": "oops"}}, {}  # fmt: skip
                job = target.rpartition("/")[2]
                return 200, {"task_id": job, "status": "SUCCESS", "result_urls": ["https://cdn.example/x.png"]}, {}  # fmt: skip

            server.script = script
            hub = hub_of(connection(server))
            ended = await asyncio.gather(*(wait(hub, f"{i:032x}") for i in range(count)))
            assert [e.kind for e in ended] == ["job"] * count

    run(story)


def test_a_round_ends_a_bounded_number_of_jobs_whose_deadline_passed(monkeypatch):
    count = 3 * JOBS_A_TURN

    async def story() -> None:
        async def lookup(conn_id: str) -> Any:
            await asyncio.sleep(3600)

        hub = PollHub("c", lookup=lookup)
        rounds = count_rounds(hub, monkeypatch, "_finish")
        tasks = [asyncio.create_task(wait(hub, f"{i:032x}", left=600.0)) for i in range(count)]
        await asyncio.sleep(0)
        for waiter in hub._waiters:
            waiter.deadline_at = time.monotonic() - LAST_LOOK - 1
        ended = await asyncio.gather(*tasks)
        assert {e.kind for e in ended} == {"error"}
        assert max(rounds) == JOBS_A_TURN
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


@pytest.mark.parametrize("size", [10, LONG_ANSWER])
def test_long_answers_are_read_one_in_a_round_of_the_loop_and_short_ones_at_once(size, monkeypatch):
    async def story() -> None:
        body = json.dumps({"task_id": "a" * 32, "status": "RUNNING", "more": "x" * size}).encode()
        gateway = gateway_for("orux")
        read: list[int] = []
        rounds = 0
        plain = type(gateway).read_poll

        def read_poll(self: Any, job_id: str, response: HttpResponse) -> Any:
            read.append(rounds)
            return plain(self, job_id, response)

        monkeypatch.setattr(type(gateway), "read_poll", read_poll)
        exchange = Exchange(gateway, AtOnce(body), read_timeout=5)

        async def count_rounds() -> None:
            nonlocal rounds
            while True:
                rounds += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count_rounds())
        await asyncio.gather(*(exchange.one("a" * 32) for _ in range(12)))
        counting.cancel()
        assert len(read) == 12
        assert len(set(read)) == (12 if size >= LONG_ANSWER else 1)

    run(story)
