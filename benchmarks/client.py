"""One subject in a process of its own: N triggers on one event loop until each fired; prints what it cost as JSON.

``python -m benchmarks.client '{"subject": "orux", "jobs": 1000, …}'``; started by the measurements.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import random
import resource
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, TextIO

from benchmarks.gateway import ends_at, job_id
from benchmarks.loopwatch import LoopWatch

#: Triggers that are started at a time, with a look at the sockets in between: as many as the triggerer does.
TAKEN_UP = 50


def durations(spec: dict[str, Any], count: int, seed: int) -> list[float]:
    """Seconds that each job takes."""
    chance = random.Random(seed)
    longest = spec.get("longest", float("inf"))
    return [min(chance.lognormvariate(0.0, spec["sigma"]) * spec["median"], longest) for _ in range(count)]


def connect(order: dict[str, Any]) -> None:
    """The Airflow connections of all subjects, in the environment."""
    host, port = "127.0.0.1", order["port"]
    url = f"https://{host}:{port}"
    extra = {"max_in_flight_polls": order.get("slots", 64), "ca_path": order["ca"]}

    def connection(name: str, **parts: Any) -> None:
        os.environ[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(parts)

    connection("b_orux", conn_type="orux", host=url, password="sk-app-x", extra=extra)
    connection(
        "b_yescale", conn_type="yescale", host=url, password="sk-x", extra={**extra, "batch_fetch": "on"}
    )
    connection("b_opengpu_relay", conn_type="opengpu_relay", host=url, password="relay_sk_x", extra=extra)
    connection("b_http", conn_type="http", host=url)
    connection("b_dbt", conn_type="dbt_cloud", host=f"{host}:{port}", login="1", password="x")
    connection("b_openai", conn_type="openai", host=f"{url}/v1", password="sk-x")


def factory(order: dict[str, Any]) -> Callable[[str], Any]:
    """Job id -> trigger."""
    subject, deadline = order["subject"], time.time() + 7200
    if subject in ("orux", "yescale", "opengpu_relay"):
        from airflow_provider_orux.triggers.jobs import OruxJobTrigger

        prefix = {"orux": "", "yescale": "mj:", "opengpu_relay": "direct:"}[subject]
        return lambda job: OruxJobTrigger(
            f"b_{subject}",
            prefix + job,
            deadline,
            order.get("interval"),
            int(job[:13]) / 1000,
            kind=order.get("kind"),
        )
    if subject == "http":
        from airflow.providers.http.triggers.http import HttpSensorTrigger

        return lambda job: HttpSensorTrigger(
            endpoint=f"status/{job}", http_conn_id="b_http", poke_interval=5.0
        )
    if subject == "dbt":
        from airflow.providers.dbt.cloud.triggers.dbt import DbtCloudRunJobTrigger

        return lambda job: DbtCloudRunJobTrigger(
            conn_id="b_dbt", run_id=int(job), end_time=deadline, poll_interval=5.0, account_id=1
        )
    if subject == "openai":
        from airflow.providers.openai.triggers.openai import OpenAIBatchTrigger

        return lambda job: OpenAIBatchTrigger(
            conn_id="b_openai", batch_id=job, poll_interval=5.0, timeout=7200
        )
    if subject == "sleep":
        from benchmarks.sleeping import SleepingTrigger

        return SleepingTrigger
    raise ValueError(subject)


def cpu() -> float:
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime


def memory() -> int:
    """Resident bytes now."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


async def measure(order: dict[str, Any], own: TextIO) -> dict[str, Any]:
    watch = LoopWatch()
    make = factory(order)
    count, spec = order["jobs"], order["durations"]
    if order.get("learn"):
        # What earlier jobs of the same kind have taught: a wave of them, seen by the same polls that follow.
        from airflow_provider_orux.poller.pollers import book_of

        book = book_of(f"b_{order['subject']}")
        for seconds in durations(spec, 256, order["seed"] + 1):
            found = seconds + random.Random(seconds).uniform(0, 5)
            for key in ("", "model midjourney-v7", f"kind {order.get('kind')}"):
                book.of(key).saw(after=max(0.0, found - 5), before=found)
    # One job first: imports, certificates and the connection's look-up are not what a poll costs.
    await fire(make(job_id(time.time() - 60, 1.0, 99999)), [])
    takes = durations(spec, count, order["seed"])
    gc.collect()
    if order.get("wait"):
        own.write("READY\n")
        own.flush()
        sys.stdin.readline()
    watch.restart()
    before_memory, before = memory(), cpu()
    began = time.time()
    spread = order.get("spread", 0.0)
    jobs = [job_id(began + spread * i / count, seconds, i) for i, seconds in enumerate(takes)]
    storm = order.get("storm")
    storm_over = 0.0
    if storm:
        from benchmarks.loopback import Loopback

        storm_over = began + storm["after"] + storm["seconds"]
        orders = {"kind": storm["kind"], "from": began + storm["after"], "until": storm_over}
        await asyncio.to_thread(Loopback(order["port"], order["ca"], 0).control, "set", storm=orders)
    fired: list[tuple[float, float]] = []
    tasks = []
    for number, job in enumerate(jobs):
        tasks.append(asyncio.create_task(fire(make(job), fired)))
        if number % TAKEN_UP == 0:
            await asyncio.sleep(0)
    limit = order.get("limit", 600)
    await asyncio.sleep(1.5)
    full_memory = memory()
    done, pending = await asyncio.wait(tasks, timeout=limit)
    wall = time.time() - began
    used = cpu() - before
    blocks = watch.result()
    for task in pending:
        task.cancel()
    errors = [str(t.exception()) for t in done if t.exception() is not None]
    kinds: dict[str, int] = {}
    for task in done:
        if task.exception() is None:
            kinds[task.result()] = kinds.get(task.result(), 0) + 1
    lags = sorted(at - end for at, end in fired)
    # Late because of the storm: from its end, or the job's own.
    recoveries = sorted(at - max(end, storm_over) for at, end in fired if at > storm_over)

    def at(share: float) -> float | None:
        return lags[min(len(lags) - 1, int(share * len(lags)))] if lags else None

    return {
        "finished": len(lags), "lost": count - len(lags), "events": kinds, "wall": wall, "cpu": used,
        "cpu_per_job_ms": used / max(len(lags), 1) * 1000, "lag_p50": at(0.5), "lag_p95": at(0.95), "lag_max": at(1.0),
        "memory_per_trigger": (full_memory - before_memory) / count, **blocks,
        "errors": errors[:3], "recovery_p50": recoveries[len(recoveries) // 2] if recoveries else None,
        "recovery_max": recoveries[-1] if recoveries else None,
    }  # fmt: skip


async def fire(trigger: Any, fired: list[tuple[float, float]]) -> str:
    """Run a trigger to its first event, as the triggerer does; note when it came and when the job ended."""
    job = (
        getattr(trigger, "job_id", None)
        or getattr(trigger, "endpoint", None)
        or getattr(trigger, "batch_id", None)
    )
    job = str(job or getattr(trigger, "run_id", None) or getattr(trigger, "job", ""))
    async for event in trigger.run():
        payload = event.payload
        kind = (
            str(payload.get("kind") or payload.get("status")) if isinstance(payload, dict) else str(payload)
        )
        if kind == "error":
            return kind
        fired.append((time.time(), ends_at(job)))
        return kind
    raise RuntimeError("no event")


def own_output() -> TextIO:
    """The way back to who started this process; what else is written, by logs of any kind, goes to nowhere.

    Peers write a line for each poll. Into a pipe that is read at the end only, they would soon wait for ever.
    """
    own = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return own


def main() -> None:
    own = own_output()
    try:
        own.write("RESULT " + json.dumps(asyncio.run(measured(json.loads(sys.argv[1]), own))) + "\n")
    except BaseException:
        own.write(traceback.format_exc())
        raise
    finally:
        own.close()


async def measured(order: dict[str, Any], own: TextIO) -> dict[str, Any]:
    # All that is logged is formatted, and thrown away: ours as the peers'. Not the line of httpx for each request.
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    os.environ["SSL_CERT_FILE"] = order["ca"]
    connect(order)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    return await measure(order, own)


if __name__ == "__main__":
    main()
