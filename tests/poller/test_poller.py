"""The poller with many jobs, against a scripted gateway on a socket: limits, batches, long polls, storms."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import time
import tracemalloc
from typing import Any

import pytest

from airflow_provider_orux.client.settings import POLL_LIMIT
from airflow_provider_orux.hooks.connection import GatewayConnection
from airflow_provider_orux.poller import lookup, overdue
from tests.poller.scripted import Answer, connection, done, orux_job, poller_of, run, running, scripted, wait


# -- limits -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("slots", [1, 8])
def test_polls_under_way_and_connections_are_bounded(slots):
    async def story() -> None:
        async with scripted() as server:
            seen: dict[str, int] = {}

            async def script(method: str, target: str, body: bytes) -> Answer:
                await asyncio.sleep(0.005)
                job = orux_job(target)
                seen[job] = seen.get(job, 0) + 1
                return 200, (done(job) if seen[job] >= 3 else running(job)), {}

            server.script = script
            poller = poller_of(connection(server, max_in_flight_polls=slots))
            outcomes = await asyncio.gather(*(wait(poller, f"j{i}") for i in range(100)))
            assert [o.job_id for o in outcomes] == [f"j{i}" for i in range(100)]
            assert {o.kind for o in outcomes} == {"job"}
            assert server.most_in_flight == slots
            assert server.connections == slots
            assert len(server.requests) == 300

    run(story)


def test_with_one_slot_jobs_take_turns_and_none_starves():
    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                await asyncio.sleep(0.01)
                return 200, running(orux_job(target)), {}

            server.script = script
            poller = poller_of(connection(server, max_in_flight_polls=1))
            waits = [asyncio.create_task(wait(poller, f"j{i}")) for i in range(20)]
            await asyncio.sleep(1.5)
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            counts = [len([r for r in server.requests if orux_job(r[2]) == f"j{i}"]) for i in range(20)]
            assert sum(counts) > 60
            assert max(counts) - min(counts) <= 1

    run(story)


def test_cancelled_jobs_leave_nothing_behind_and_disturb_no_other():
    async def story() -> None:
        async with scripted() as server:
            ended = False

            async def script(method: str, target: str, body: bytes) -> Answer:
                await asyncio.sleep(0.02)
                job = orux_job(target)
                return 200, (done(job) if ended else running(job)), {}

            server.script = script
            poller = poller_of(connection(server))
            before = asyncio.all_tasks()
            kept = asyncio.create_task(wait(poller, "kept"))
            others = [asyncio.create_task(wait(poller, f"j{i}")) for i in range(200)]
            await asyncio.sleep(0.5)
            for task in others:
                task.cancel()
            assert all(
                isinstance(r, asyncio.CancelledError)
                for r in await asyncio.gather(*others, return_exceptions=True)
            )
            await asyncio.sleep(0.1)
            asked = sum(server.count(f"/j{i}") for i in range(200))
            await asyncio.sleep(0.3)
            assert sum(server.count(f"/j{i}") for i in range(200)) == asked, "a cancelled job is still polled"
            assert len(poller._jobs) == 1
            assert poller._jobs.entries <= 65
            ended = True
            assert (await kept).kind == "job"
            await asyncio.sleep(0.05)
            left = asyncio.all_tasks() - before - {t for t in asyncio.all_tasks() if "serve" in repr(t)}
            assert left == set()
            assert (poller._clock.is_stopped, len(poller._jobs), len(poller._in_flight)) == (True, 0, 0)

    run(story)


def test_a_thousand_waiting_jobs_cost_little_memory_each():
    async def story() -> None:
        async with scripted() as server:
            poller = poller_of(connection(server))
            first = asyncio.create_task(wait(poller, "first", interval=30.0))
            await asyncio.sleep(0.2)
            gc.collect()
            tracemalloc.start()
            waits = [asyncio.create_task(wait(poller, f"j{i}", interval=30.0)) for i in range(1000)]
            await asyncio.sleep(0.2)
            gc.collect()
            used, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            for task in (first, *waits):
                task.cancel()
            await asyncio.gather(first, *waits, return_exceptions=True)
            assert used / 1000 < 8 * 1024

    run(story)


def test_no_log_line_per_poll(caplog):
    async def story() -> None:
        async with scripted() as server:
            seen: dict[str, int] = {}

            async def script(method: str, target: str, body: bytes) -> Answer:
                job = orux_job(target)
                seen[job] = seen.get(job, 0) + 1
                return 200, (done(job) if seen[job] >= 5 else running(job)), {}

            server.script = script
            poller = poller_of(connection(server))
            await asyncio.gather(*(wait(poller, f"j{i}", 0.02) for i in range(50)))

    caplog.set_level(logging.DEBUG, logger="airflow_provider_orux")
    run(story)
    assert [r for r in caplog.records if r.name.startswith("airflow_provider_orux")] == []


# -- batches -------------------------------------------------------------------------------------------------
def task(job: str, ended: bool) -> dict[str, Any]:
    value: dict[str, Any] = {"id": job, "action": "IMAGINE", "status": "SUCCESS" if ended else "IN_PROGRESS"}
    if ended:
        value["imageUrl"] = f"https://cdn.example/{job}.png"
    return value


def test_what_is_due_is_polled_in_batches():
    async def story() -> None:
        async with scripted() as server:
            began = time.monotonic()

            async def script(method: str, target: str, body: bytes) -> Answer:
                assert target.endswith("list-by-condition"), target
                ids = json.loads(body)["ids"]
                assert 1 < len(ids) <= 50
                return 200, [task(i, time.monotonic() - began > 0.5) for i in ids], {}

            server.script = script
            poller = poller_of(connection(server, "yescale", batch_fetch="on", max_in_flight_polls=1))
            outcomes = await asyncio.gather(*(wait(poller, f"mj:{i}", 0.2) for i in range(200)))
            assert [o.job_id for o in outcomes] == [f"mj:{i}" for i in range(200)]
            assert len(server.requests) <= 4 * 6

    run(story)


def test_a_job_that_is_missing_in_a_batch_is_polled_alone_though_others_are_due():
    async def story() -> None:
        async with scripted() as server:
            batches: list[list[str]] = []

            async def script(method: str, target: str, body: bytes) -> Answer:
                if target.endswith("list-by-condition"):
                    batches.append(json.loads(body)["ids"])
                    return 200, [task(i, False) for i in batches[-1] if i != "2"], {}
                return 200, task("2", True), {}

            server.script = script
            poller = poller_of(connection(server, "yescale", batch_fetch="on", max_in_flight_polls=1))
            waits = {i: asyncio.create_task(wait(poller, f"mj:{i}", 0.1)) for i in range(60)}
            outcome = await waits[2]
            assert outcome.kind == "job"
            assert len([ids for ids in batches if "2" in ids]) == 1
            assert not any(waits[i].done() for i in (0, 1, 3))
            for pending in waits.values():
                pending.cancel()
            await asyncio.gather(*waits.values(), return_exceptions=True)

    run(story)


def test_a_gateway_without_batches_is_polled_one_by_one(caplog):
    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                if target.endswith("list-by-condition"):
                    return 404, {"error": {"message": "Invalid URL", "code": "not_found"}}, {}
                return 200, task(target.split("/")[-2], server.count("fetch") > 20), {}

            server.script = script
            poller = poller_of(connection(server, "yescale", batch_fetch="on", max_in_flight_polls=1))
            outcomes = await asyncio.gather(*(wait(poller, f"mj:{i}", 0.05) for i in range(10)))
            assert {o.kind for o in outcomes} == {"job"}
            assert server.count("list-by-condition") == 1

    run(story)
    assert len([r for r in caplog.records if "one by one" in r.getMessage()]) == 1


def test_one_large_answer_in_a_batch_costs_the_others_nothing():
    """A job with its images inside makes the group's answer too long; alone it is fetched by the worker."""

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                fat = json.dumps({**task("3", True), "x": "A" * POLL_LIMIT}).encode()
                if target.endswith("list-by-condition"):
                    tasks = [task(i, True) for i in json.loads(body)["ids"]]
                    return 200, json.dumps(tasks).encode() + (fat if '"3"' in body.decode() else b""), {}
                job = target.split("/")[-2]
                return 200, (fat if job == "3" else task(job, True)), {}

            server.script = script
            poller = poller_of(connection(server, "yescale", batch_fetch="on"))
            outcomes = await asyncio.gather(*(wait(poller, f"mj:{i}", 0.05) for i in range(6)))
            assert [o.kind for o in outcomes] == ["job", "job", "job", "fetch", "job", "job"]

    run(story)


# -- long polls ------------------------------------------------------------------------------------------
def relay(job: str, ended: bool) -> dict[str, Any]:
    value: dict[str, Any] = {"task_id": job, "status": "completed" if ended else "running"}
    return {**value, "result": {"urls": ["https://cdn.example/x.png"]}} if ended else value


def test_few_jobs_are_long_polled_and_seen_at_once():
    async def story() -> None:
        async with scripted() as server:
            began = time.monotonic()

            async def script(method: str, target: str, body: bytes) -> Answer:
                assert "wait=" in target
                await asyncio.sleep(0.4)
                return 200, relay(target.rpartition("/")[2].partition("?")[0], True), {}

            server.script = script
            poller = poller_of(connection(server, "opengpu_relay", max_in_flight_polls=4))
            await asyncio.gather(*(wait(poller, f"direct:{i}", None) for i in range(4)))
            assert time.monotonic() - began < 1.0, "the schedule's first pause would be 5 s"
            assert len(server.requests) == 4

    run(story)


def test_more_jobs_than_slots_are_not_long_polled_and_long_polls_make_room():
    async def story() -> None:
        async with scripted() as server:
            ended: set[str] = set()
            answered = asyncio.Event()

            async def script(method: str, target: str, body: bytes) -> Answer:
                job = target.rpartition("/")[2].partition("?")[0]
                if "wait=" in target:
                    await asyncio.wait_for(answered.wait(), 30)
                return 200, relay(job, job in ended), {}

            server.script = script
            poller = poller_of(connection(server, "opengpu_relay", max_in_flight_polls=1))
            held = asyncio.create_task(wait(poller, "direct:a", None))
            while server.count("wait=") < 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            ended.update(("direct:b", "direct:a"))
            began = time.monotonic()
            assert (await wait(poller, "direct:b", 0.2)).kind == "job"
            assert time.monotonic() - began < 2.0, "it waited for the held request"
            assert not held.done()
            answered.set()
            assert (await held).kind == "job"

    run(story)


def test_a_gateway_that_answers_a_long_poll_at_once_is_not_hammered():
    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                return 200, relay("x", False), {}

            server.script = script
            poller = poller_of(connection(server, "opengpu_relay"))
            waiting = asyncio.create_task(wait(poller, "direct:a", None))
            await asyncio.sleep(1.5)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            assert len(server.requests) == 1

    run(story)


# -- storms -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["429", "500", "cut", "401"])
def test_a_storm_costs_few_requests_and_no_job(kind, caplog):
    async def story() -> None:
        async with scripted() as server:
            began = time.monotonic()

            async def script(method: str, target: str, body: bytes) -> Answer | None:
                age = time.monotonic() - began
                job = orux_job(target)
                if 0.5 < age < 2.5:
                    if kind == "cut":
                        return None
                    return int(kind), {"error": {"type": "api_error", "code": "x", "message": "storm"}}, {}
                return 200, (done(job) if age > 2.5 else running(job)), {}

            server.script = script
            poller = poller_of(connection(server))
            outcomes = await asyncio.gather(*(wait(poller, f"j{i}", 0.2) for i in range(200)))
            assert {o.kind for o in outcomes} == {"job"}
            stormy = [r for r in server.requests if 0.55 < r[0] - began < 2.5]
            assert len(stormy) <= 30, "200 jobs every 0.2 s would have asked 2000 times"
            assert time.monotonic() - began < 8.0, "it did not recover by itself"

    caplog.set_level(logging.WARNING)
    run(story)
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("airflow_provider_orux")]
    # One for the change, one for its end, and one for each poll that was under way and its recovery.
    assert len([m for m in ours if "slows down" in m]) == 1
    assert len(ours) <= 2 + 2 * 20
    assert not any("k-1" in m for m in ours)


def test_retry_after_stops_all_polls_for_that_long():
    async def story() -> None:
        async with scripted() as server:
            refused: list[float] = []

            async def script(method: str, target: str, body: bytes) -> Answer:
                now = time.monotonic()
                if not refused and len(server.requests) > 30:
                    refused.append(now)
                    error = {"type": "rate_limit_error", "code": "rate_limit_exceeded", "message": "slow"}
                    return 429, {"error": error}, {"Retry-After": "1"}
                job = orux_job(target)
                return 200, (done(job) if refused and now - refused[0] > 1 else running(job)), {}

            server.script = script
            poller = poller_of(connection(server, max_in_flight_polls=4))
            outcomes = await asyncio.gather(*(wait(poller, f"j{i}", 0.1) for i in range(40)))
            assert {o.kind for o in outcomes} == {"job"}
            quiet = [r for r in server.requests if refused[0] + 0.05 < r[0] < refused[0] + 0.95]
            assert quiet == []

    run(story)


def test_one_poisoned_job_slows_down_no_other():
    async def story() -> None:
        async with scripted() as server:
            seen: dict[str, int] = {}

            async def script(method: str, target: str, body: bytes) -> Answer:
                job = orux_job(target)
                if job == "bad":
                    return 500, {"error": {"type": "api_error", "code": "x", "message": "broken row"}}, {}
                seen[job] = seen.get(job, 0) + 1
                return 200, (done(job) if seen[job] >= 10 else running(job)), {}

            server.script = script
            poller = poller_of(connection(server))
            bad = asyncio.create_task(wait(poller, "bad", 0.05))
            began = time.monotonic()
            await asyncio.gather(*(wait(poller, f"j{i}", 0.1) for i in range(20)))
            assert time.monotonic() - began < 4.0
            assert server.count("/bad") < 15
            assert not bad.done()
            bad.cancel()
            await asyncio.gather(bad, return_exceptions=True)

    run(story)


def test_an_unknown_job_and_a_handle_of_another_gateway_end_only_themselves():
    async def story() -> None:
        async with scripted() as server:
            seen: dict[str, int] = {}

            async def script(method: str, target: str, body: bytes) -> Answer:
                job = orux_job(target)
                if job.startswith("lost"):
                    return (
                        404,
                        {
                            "error": {
                                "type": "invalid_request_error",
                                "code": "task_not_found",
                                "message": "?",
                            }
                        },
                        {},
                    )
                seen[job] = seen.get(job, 0) + 1
                return 200, (done(job) if seen[job] >= 5 else running(job)), {}

            server.script = script
            poller = poller_of(connection(server))
            outcomes = await asyncio.gather(
                *(
                    wait(poller, job, 0.05)
                    for job in ("a", "lost1", "lost2", "lost3", "lost4", "no/handle", "b")
                )
            )
            kinds = [(o.kind, (o.error or {}).get("type")) for o in outcomes]
            unknown = ("error", "JobNotFoundError")
            assert kinds == [("job", None), *[unknown] * 4, ("error", "InvalidRequestError"), ("job", None)]
            assert server.count("lost") == 4

    run(story)


def test_a_gateway_that_is_away_for_good_ends_all_jobs_alike():
    """Jobs that were not asked for while the breaker was open give up with those that were."""

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                return 503, {"error": {"type": "api_error", "code": "x", "message": "down"}}, {}

            server.script = script
            poller = poller_of(connection(server, max_in_flight_polls=2))
            waits = [asyncio.create_task(wait(poller, f"j{i}", 0.05)) for i in range(30)]
            await asyncio.sleep(0.01)
            for job in poller._jobs:
                job.tracker.max_failures = 4
            outcomes = await asyncio.gather(*waits)
            assert {(o.kind, (o.error or {}).get("type")) for o in outcomes} == {
                ("error", "GatewayUnavailableError")
            }
            assert len(server.requests) < 40

    run(story)


def test_the_deadline_holds_while_the_gateway_is_away(monkeypatch):
    monkeypatch.setattr(overdue, "LAST_POLL_GRACE", 0.5)

    async def story() -> None:
        async with scripted() as server:

            async def script(method: str, target: str, body: bytes) -> Answer:
                return 503, {"error": {"type": "api_error", "code": "x", "message": "down"}}, {}

            server.script = script
            poller = poller_of(connection(server, max_in_flight_polls=1))
            began = time.monotonic()
            outcomes = await asyncio.gather(*(wait(poller, f"j{i}", 0.3, seconds=1.5) for i in range(30)))
            assert {(o.error or {}).get("type") for o in outcomes} == {"JobTimeoutError"}
            assert time.monotonic() - began < 4.0

    run(story)


# -- the connection -----------------------------------------------------------------------------------------
def test_a_rotated_key_is_picked_up_for_all(monkeypatch):
    monkeypatch.setattr(lookup, "RENEWAL_PAUSE", 0.2)

    async def story() -> None:
        async with scripted() as server:
            keys = {"now": "k-old"}
            lookups: list[float] = []

            def found() -> GatewayConnection:
                lookups.append(time.monotonic())
                return connection(server, key=keys["now"])

            async def script(method: str, target: str, body: bytes) -> Answer:
                job = orux_job(target)
                if server.requests[-1][4] != f"Bearer {keys['now']}":
                    return (
                        401,
                        {"error": {"type": "auth_error", "code": "invalid_api_key", "message": "no"}},
                        {},
                    )
                return 200, (done(job) if keys["now"] == "k-new" else running(job)), {}

            server.script = script
            poller = poller_of(found)
            waits = [asyncio.create_task(wait(poller, f"j{i}", 0.1)) for i in range(50)]
            await asyncio.sleep(0.5)
            keys["now"] = "k-new"
            began = time.monotonic()
            outcomes = await asyncio.gather(*waits)
            assert {o.kind for o in outcomes} == {"job"}
            assert time.monotonic() - began < 5.0
            assert len(lookups) <= 4

    run(story)


def test_what_failed_with_the_old_key_says_nothing_about_the_new_one(monkeypatch):
    """A poll under way while the connection is renewed: its 401 costs its job nothing, though the grace is 0."""
    monkeypatch.setattr(lookup, "RENEWAL_PAUSE", 0.0)

    async def story() -> None:
        async with scripted() as server:
            keys = iter(["k-old"])

            async def script(method: str, target: str, body: bytes) -> Answer:
                job = orux_job(target)
                if server.requests[-1][4] == "Bearer k-new":
                    return 200, done(job), {}
                if job == "slow":
                    await asyncio.sleep(1.0)
                return 401, {"error": {"type": "auth_error", "code": "invalid_api_key", "message": "no"}}, {}

            server.script = script
            poller = poller_of(lambda: connection(server, key=next(keys, "k-new"), auth_grace=0))
            slow, quick = await asyncio.gather(wait(poller, "slow", 0.1), wait(poller, "quick", 0.2))
            assert (quick.error or {}).get("type") == "AuthenticationError"
            assert slow.kind == "job"
            assert [r[4] for r in server.requests if orux_job(r[2]) == "slow"] == [
                "Bearer k-old",
                "Bearer k-new",
            ]

    run(story)


def test_one_lookup_for_many_jobs_and_a_database_that_is_away_ends_none():
    async def story() -> None:
        async with scripted() as server:
            lookups = 0

            def found() -> GatewayConnection:
                nonlocal lookups
                lookups += 1
                if lookups < 4:
                    raise RuntimeError("the database is away")
                return connection(server)

            async def script(method: str, target: str, body: bytes) -> Answer:
                return 200, done(orux_job(target)), {}

            server.script = script
            outcomes = await asyncio.gather(
                *(wait(poller, f"j{i}", 0.05) for poller in [poller_of(found)] for i in range(100))
            )
            assert {o.kind for o in outcomes} == {"job"}
            assert lookups == 4

    run(story)


def test_what_was_learned_moves_the_first_poll():
    """40 jobs of 2 s teach; the next one is asked for once, when it can be done."""

    async def story() -> None:
        async with scripted() as server:
            starts: dict[str, float] = {}

            async def script(method: str, target: str, body: bytes) -> Answer:
                job = orux_job(target)
                return 200, (done(job) if time.time() - starts[job] > 2.0 else running(job)), {}

            server.script = script
            poller = poller_of(connection(server))
            for i in range(40):
                starts[f"j{i}"] = time.time() - 1.9
            await asyncio.gather(
                *(wait(poller, job, None, started=at, kind="k") for job, at in list(starts.items()))
            )
            learned = poller._book.of("kind k").earliest_end(0.0)
            assert learned is not None
            assert learned < 5.0
            starts["next"] = time.time() - 1.9
            began = time.monotonic()
            await wait(poller, "next", None, started=starts["next"], kind="k")
            assert time.monotonic() - began < 3.0, "unlearned, the first poll comes at an age of 5 s"

    run(story)
