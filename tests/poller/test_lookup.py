"""The connection of a poller: when it is looked up, and what a refused key or a database that is away change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from airflow_provider_orux.hooks.connection import GatewayConnection, read_connection
from airflow_provider_orux.models.errors import ConfigurationError, GatewayUnavailableError
from airflow_provider_orux.poller import lookup as lookup_module
from airflow_provider_orux.poller.lookup import (
    KEEP_SECONDS,
    LONGEST_PAUSE,
    RENEWAL_PAUSE,
    ConnectionLookup,
    Found,
    LookupFailed,
)


def found(key: str = "k-1") -> GatewayConnection:
    return read_connection(
        conn_id="c", conn_type="orux", host=None, port=None, schema=None, password=key, extra={}
    )


class Source:
    """Where connections come from: an answer each, or an error; the last one again and again."""

    def __init__(self, *answers: GatewayConnection | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.woken = asyncio.Event()
        self.lookup = ConnectionLookup("c", self.read, base_pause=lambda: 2.0, wake=self.woken.set)

    async def read(self, conn_id: str) -> GatewayConnection:
        self.asked.append(conn_id)
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def result(self) -> Found | LookupFailed | None:
        await asyncio.wait_for(self.woken.wait(), 5)
        self.woken.clear()
        return self.lookup.take_result()


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 10))  # type: ignore[arg-type]


def test_one_lookup_however_often_polls_ask_for_it():
    async def story() -> None:
        connection = found()
        source = Source(connection)
        now = time.monotonic()
        assert source.lookup.next_at() == 0.0
        assert not any(source.lookup.ready(now, due=True) for _ in range(5))
        assert source.lookup.next_at() is None, "it is under way"
        assert await source.result() == Found(connection, key_was_refused=False)
        assert source.lookup.take_result() is None, "a result is taken once"
        assert source.lookup.ready(now, due=True)
        assert source.asked == ["c"]

    run(story)


def test_it_is_kept_for_a_while_and_looked_up_again_only_for_a_poll():
    async def story() -> None:
        source = Source(found())
        source.lookup.ready(time.monotonic(), due=True)
        await source.result()
        later = time.monotonic() + KEEP_SECONDS
        assert source.lookup.ready(later - 1, due=True)
        assert source.lookup.ready(later, due=False)
        assert len(source.asked) == 1
        assert source.lookup.next_at() is None
        assert source.lookup.ready(later, due=True), "the old one serves until there is a new one"
        assert isinstance(await source.result(), Found)
        assert len(source.asked) == 2

    run(story)


def test_a_refused_key_renews_it_and_polls_wait_for_that():
    async def story() -> None:
        old, new = found("k-1"), found("k-2")
        source = Source(old, new)
        source.lookup.ready(time.monotonic(), due=True)
        await source.result()
        now = time.monotonic()
        source.lookup.renew(now)
        assert source.lookup.ready(now, due=True), "it was looked up a moment ago"
        later = now + RENEWAL_PAUSE + 1
        source.lookup.renew(later)
        assert source.lookup.next_at() == 0.0
        assert not source.lookup.ready(later, due=False)
        result = await source.result()
        assert isinstance(result, Found)
        assert (result.connection is new, result.key_was_refused) == (True, True)
        assert source.lookup.ready(later, due=False)
        assert len(source.asked) == 2

    run(story)


def test_failures_back_off_and_are_told_as_values():
    async def story() -> None:
        source = Source(RuntimeError("password k-1"), ConfigurationError("no gateway"))
        pauses = []
        for number in range(1, 8):
            now = max(time.monotonic(), source.lookup.next_at() or 0.0)
            assert not source.lookup.ready(now, due=True)
            result = await source.result()
            assert isinstance(result, LookupFailed)
            assert (result.in_a_row, result.known) == (number, False)
            assert type(result.error) is (GatewayUnavailableError if number == 1 else ConfigurationError)
            assert "k-1" not in result.error.message
            at = source.lookup.next_at()
            assert at is not None
            assert not source.lookup.ready(at - 0.1, due=True)
            assert len(source.asked) == number, "too early"
            pauses.append(at - time.monotonic())
        assert pauses[0] == pytest.approx(4.0, abs=0.5)
        assert pauses[1] == pytest.approx(8.0, abs=0.5)
        assert max(pauses) == pytest.approx(LONGEST_PAUSE, abs=0.5)

    run(story)


def test_polls_go_on_with_the_connection_that_is_known_while_a_renewal_fails(monkeypatch):
    monkeypatch.setattr(lookup_module, "RENEWAL_PAUSE", 0.0)

    async def story() -> None:
        source = Source(found(), RuntimeError("away"))
        source.lookup.ready(time.monotonic(), due=True)
        await source.result()
        source.lookup.renew(time.monotonic() + 1)
        assert not source.lookup.ready(time.monotonic(), due=True)
        result = await source.result()
        assert isinstance(result, LookupFailed)
        assert result.known
        assert source.lookup.ready(time.monotonic(), due=True)

    run(story)


def test_closing_lets_a_lookup_under_way_come_to_its_end_and_wakes_nobody():
    """Airflow's supervisor would be left with an answer that nobody reads (apache/airflow #64620)."""

    async def story() -> None:
        seen: list[Any] = []
        answered = asyncio.Event()

        async def read(conn_id: str) -> GatewayConnection:
            await answered.wait()
            seen.append(conn_id)
            return found()

        lookup = ConnectionLookup("c", read, base_pause=lambda: 2.0, wake=lambda: seen.append("woken"))
        lookup.ready(time.monotonic(), due=True)
        await asyncio.sleep(0.01)
        lookup.close()
        answered.set()
        await asyncio.sleep(0.05)
        assert seen == ["c"]

    run(story)
