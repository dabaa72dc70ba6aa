"""One poll over HTTP: whatever comes back is a value, and what is true of all polls is kept."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from airflow_provider_orux.client.settings import POLL_LIMIT
from airflow_provider_orux.lifecycle.plan import LOOKAHEAD, PollPlan
from airflow_provider_orux.models import errors
from airflow_provider_orux.poller.client import (
    NO_BATCH_SECONDS,
    Answer,
    BatchRefused,
    InvalidJobId,
    PollClient,
    PollFailed,
    SplitBatch,
    TooLarge,
)
from tests.poller.scripted import Server, connection, done, run, running, scripted


def polled(
    answer: Any, poll: Callable[[PollClient], Awaitable[Any]], *, conn_type: str = "orux", **extra: Any
) -> tuple[Any, Server]:
    """What one poll gives when the gateway answers with this."""
    found: list[Any] = []

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Any:
                return answer

            server.script = script
            client = PollClient(connection(server, conn_type, **extra))
            found.extend((await poll(client), server))
            await client.close_after([])

    run(story)
    return found[0], found[1]


async def one(client: PollClient) -> Any:
    return await client.poll("j1")


async def two(client: PollClient) -> Any:
    return await client.poll_batch(["mj:1", "mj:2"])


@pytest.mark.parametrize("value", [running("j1"), done("j1"), {**done("j1"), "more": "x" * 20_000}], ids=len)
def test_an_answer(value):
    result, server = polled((200, value, {}), one)
    assert isinstance(result, Answer)
    assert list(result.jobs) == ["j1"]
    assert result.jobs["j1"].status.is_terminal == (value["status"] == "SUCCESS")
    assert len(server.requests) == 1


def test_an_answer_too_large_for_a_trigger():
    assert polled((200, {**done("j1"), "more": "x" * POLL_LIMIT}, {}), one)[0] == TooLarge()


def test_a_large_error_page_is_a_failed_poll():
    result, _ = polled((500, b"x" * POLL_LIMIT * 2, {}), one)
    assert isinstance(result, PollFailed)


@pytest.mark.parametrize("job_id", ["no/handle", "", ".."])
def test_for_an_id_of_no_job_nothing_is_sent(job_id):
    async def poll(client: PollClient) -> Any:
        return await client.poll(job_id)

    result, server = polled((200, running("x"), {}), poll)
    assert isinstance(result, InvalidJobId)
    assert isinstance(result.error, errors.InvalidRequestError)
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, errors.GatewayUnavailableError),
        ((503, {"error": {"type": "api_error", "message": "down"}}, {}), errors.GatewayUnavailableError),
        ((429, {"error": {"type": "rate_limit_error", "message": "slow"}}, {}), errors.RateLimitedError),
        ((401, {"error": {"type": "auth_error", "message": "no"}}, {}), errors.AuthenticationError),
        ((404, {"error": {"type": "invalid_request_error", "code": "task_not_found", "message": "?"}}, {}),
         errors.JobNotFoundError),
        ((200, b"<html>", {}), errors.UnexpectedResponseError),
    ],
)  # fmt: skip
def test_a_failed_poll(answer, error):
    result, _ = polled(answer, one)
    assert isinstance(result, PollFailed)
    assert type(result.error) is error


def test_a_batch_may_lack_a_job():
    task = {"id": "1", "action": "IMAGINE", "status": "IN_PROGRESS"}
    result, server = polled((200, [task], {}), two, conn_type="yescale", batch_fetch="on")
    assert isinstance(result, Answer)
    assert list(result.jobs) == ["mj:1"]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer", [(200, b"x" * POLL_LIMIT * 2, {}), (200, b"<html>", {})], ids=["large", "html"]
)
def test_a_batch_that_one_job_spoils_is_split(answer):
    assert polled(answer, two, conn_type="yescale", batch_fetch="on")[0] == SplitBatch()


def test_a_batch_is_refused():
    refusal = (404, {"error": {"message": "Invalid URL", "code": "not_found"}}, {})
    result, _ = polled(refusal, two, conn_type="yescale", batch_fetch="on")
    assert isinstance(result, BatchRefused)


def test_a_batch_that_is_not_answered_fails():
    result, _ = polled(None, two, conn_type="yescale", batch_fetch="on")
    assert isinstance(result, PollFailed)
    assert type(result.error) is errors.GatewayUnavailableError


# -- what is true of all polls --------------------------------------------------------------------------------
def client_of(**more: Any) -> PollClient:
    return PollClient(connection(Server(), **more))


def plan(client: PollClient, *, now: float) -> PollPlan:
    return client.plan(waiting=3, batchable=True, fixed=False, left=60.0, now=now)


def test_after_a_refused_batch_jobs_are_polled_singly_for_a_while():
    client, now = client_of(conn_type="yescale", batch_fetch="on"), time.monotonic()
    batch = PollPlan("batch", max_jobs=50, lookahead=LOOKAHEAD)
    assert plan(client, now=now) == batch
    assert client.stop_batches(now)
    assert not client.stop_batches(now), "it is said once"
    assert plan(client, now=now + NO_BATCH_SECONDS - 1) == PollPlan()
    assert plan(client, now=now + NO_BATCH_SECONDS) == batch


def test_a_probe_is_a_single_poll():
    client, now = client_of(conn_type="opengpu_relay"), time.monotonic()
    assert plan(client, now=now).way == "long_poll"
    client.breaker.failed(now, began=now, job_ids=["j1"], base_pause=2.0, too_many=True)
    assert plan(client, now=now) == PollPlan()


@pytest.mark.parametrize(
    "change", [{"key": "k-2"}, {"max_in_flight_polls": 9}, {"auth_grace": 5}, {"read_timeout": 7}, {"conn_type": "yescale"}],
    ids=str,
)  # fmt: skip
def test_any_setting_that_polls_depend_on_needs_a_new_client(change):
    client = client_of()
    assert client.serves(connection(Server()))
    assert not client.serves(connection(Server(), **change))
