"""1. What waiting for many jobs costs: CPU, requests, connections, lag and memory, beside three peers."""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.client import durations
from benchmarks.loopback import gateway
from benchmarks.progress import say
from benchmarks.results import Results, median_of
from benchmarks.subject import TITLES, finish, go, run, start

IMAGINE = {"median": 45.0, "sigma": 0.3, "longest": 90.0}
SHORT = {"median": 8.0, "sigma": 0.3, "longest": 16.0}
HEAVY = ("http", "dbt", "openai")
SUBJECTS: list[tuple[str, str, dict[str, Any]]] = [
    ("sleep", "sleep", {}),
    ("orux, nothing learned", "orux", {}),
    ("orux", "orux", {"learn": True, "kind": "imagine"}),
    ("yescale", "yescale", {"learn": True, "kind": "imagine"}),
    ("opengpu_relay", "opengpu_relay", {"learn": True, "kind": "imagine"}),
    ("http", "http", {}),
    ("dbt", "dbt", {}),
    ("openai", "openai", {}),
]


def title(name: str) -> str:
    return {
        **TITLES,
        "orux, nothing learned": "OruxJobTrigger, one by one, nothing learned yet",
    }[name]


def quick(results: Results) -> None:
    """100 jobs of 8 s; all subjects at the same time, since CPU is counted by process."""
    orders = [(name, 100) for name, *_ in SUBJECTS if name != "openai"]
    together(results, orders, part="quick", spec=SHORT, spread=3.0, seed=1)


def small(results: Results, *, part: str, repeats: int) -> None:
    """100 jobs of every trigger and 1 000 of those that leave the machine idle, all at the same time."""
    for repeat in range(repeats):
        orders = [(name, 100) for name, *_ in SUBJECTS]
        orders += [(name, 1000) for name, *_ in SUBJECTS if name not in HEAVY]
        together(results, orders, part=part, spec=IMAGINE, spread=30.0, seed=100 + repeat)


def light(results: Results, *, part: str, repeats: int) -> None:
    """5 000 jobs of those that leave the machine idle, at the same time."""
    for repeat in range(repeats):
        orders = [(name, 5000) for name, *_ in SUBJECTS if name not in HEAVY]
        together(results, orders, part=part, spec=IMAGINE, spread=30.0, seed=100 + repeat)


def peers(results: Results, *, part: str, jobs: int, repeats: int) -> None:
    """The peers with many jobs, each alone, in another order each time."""
    for repeat in range(repeats):
        for name in random.sample(HEAVY, len(HEAVY)):
            together(results, [(name, jobs)], part=part, spec=IMAGINE, spread=30.0, seed=100 + repeat)


def together(
    results: Results,
    orders: list[tuple[str, int]],
    *,
    part: str,
    spec: dict[str, float],
    spread: float,
    seed: int,
) -> None:
    """These subjects with so many jobs at the same time, each with a gateway of its own."""
    known = {name: (subject, more) for name, subject, more in SUBJECTS}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        started = []
        for name, jobs in orders:
            subject, more = known[name]
            loopback = stack.enter_context(gateway(Path(folder)))
            order = {
                "port": loopback.port, "ca": loopback.ca, "subject": subject, "jobs": jobs, "durations": spec,
                "spread": spread, "seed": seed, "limit": 300, "wait": True, **more,
            }  # fmt: skip
            started.append((name, jobs, loopback, start("benchmarks.client", order)))
        go([process for *_, process in started])
        for name, jobs, loopback, process in started:
            result = finish(process)
            counts = loopback.control()
            result |= {
                "requests": counts["requests"], "connections": counts["connections"] - 1,
                "requests_per_job": counts["requests"] / max(result["finished"], 1), "together": len(orders),
            }  # fmt: skip
            results.add(
                "polling", {"name": name, "jobs": jobs, "median_s": spec["median"]}, result, part=part
            )
            say(
                f"polling: {name}, {jobs}: {result['cpu_per_job_ms']:.2f} ms a job, lag p95 {result['lag_p95'] or 0:.2f} s, "
                f"finished {result['finished']}, {result['wall']:.0f} s"
            )


def account(results: Results, *, part: str, jobs: int, repeats: int) -> None:
    """An account of 3 requests at a time: one of them is left to the polls."""
    with tempfile.TemporaryDirectory() as folder, gateway(Path(folder)) as loopback:
        for repeat in range(repeats):
            spec, seed = {"median": 12.0, "sigma": 0.3}, 50 + repeat
            result = run(
                loopback, subject="orux", jobs=jobs, durations=spec, seed=seed, slots=1, gateway={"slots": 3},
                learn=True, kind="imagine",
            )  # fmt: skip
            ends, free, lags = sorted(durations(spec, jobs, seed)), 0.0, []
            for end in ends:
                free = max(free, end) + 0.041
                lags.append(free - end)
            lags.sort()
            result |= {"floor_p50": lags[jobs // 2], "floor_p95": lags[int(0.95 * jobs)], "floor_wall": free}
            results.add("account", {"jobs": jobs}, result, part=part)
            say(f"account: lag p95 {result['lag_p95']:.1f} s")


def transports(results: Results, *, repeats: int, polls: int, part: str = "transports") -> None:
    """CPU of a poll by client."""
    names = ["httpx", "httpx pools", "httpx-aiohttp", "aiohttp", "ours", "bare"]
    orders = [(name, slots) for name in names for slots in (8, 64) for _ in range(repeats)]
    random.Random(time.time()).shuffle(orders)
    with tempfile.TemporaryDirectory() as folder, gateway(Path(folder)) as loopback:
        for name, slots in orders:
            count = polls // 4 if name == "httpx" and slots == 64 else polls
            result = run(loopback, "benchmarks.transports", transport=name, slots=slots, polls=count)
            results.add("transports", {"name": name, "slots": slots}, result, part=part)


def report(results: Results) -> str:
    """The tables."""
    rows = results.of("polling")
    if not rows:
        return ""
    lines = [
        "Every trigger runs as the triggerer runs it, N of them on one event loop in a process of its own; the gateway is "
        "another process behind TLS that answers after 40 ms. The jobs are accepted within the given seconds and take "
        "lognormal times (σ 0.3, cut at twice the median). CPU is the process's (user and system); the line of the sleeping trigger is what the loop, "
        "Airflow's trigger object and the measuring cost without any poll, and is part of every other line. "
        "Peers poll each 5 s, their usual interval. What leaves the machine idle is measured at the same time (100 jobs of each and "
        "1 000 of ours; 5 000 of ours), each with a gateway of its own; the peers with 1 000 and 5 000 jobs run alone. A run ends "
        "after 300 s: a row with fewer finished jobs did not keep up. Blocked: the longest time from one look at the sockets to "
        "the next, by the clock (other processes' share of the machine in it), and the CPU of the loop's thread in "
        "it, without and with the garbage collector's.",
        "",
    ]
    for jobs in sorted({r["jobs"] for r in rows}):
        some = [r for r in rows if r["jobs"] == jobs]
        first = some[0]
        peer = next((median_of(r, "cpu_per_job_ms") for r in some if r["name"] == "http"), None)
        lines += [
            f"### {jobs} jobs (median {first['median_s']:.0f} s)",
            "",
            "| trigger | CPU per job | × less than HttpSensorTrigger | CPU per poll | requests per job | new connections "
            "| lag p50 | lag p95 | loop blocked at most: clock / CPU / with collector | memory per trigger | finished | runs |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        for name, *_ in SUBJECTS:
            row = next((r for r in some if r["name"] == name), None)
            if row is None:
                continue

            def value(key: str, row: dict[str, Any] = row) -> float:
                return median_of(row, key)

            less = f"{peer / value('cpu_per_job_ms'):.1f}" if peer and name != "http" else "–"
            requests = value("requests")
            per_poll = f"{value('cpu') / requests * 1000:.2f} ms" if requests > 5 else "–"
            lines.append(
                f"| {title(name)} | {value('cpu_per_job_ms'):.2f} ms | {less} | {per_poll} | "
                f"{value('requests_per_job'):.2f} | {value('connections'):.0f} | {value('lag_p50'):.2f} s | "
                f"{value('lag_p95'):.2f} s | {value('blocked_max') * 1000:.0f} / {value('blocked_work_max') * 1000:.0f} / "
                f"{value('blocked_cpu_max') * 1000:.0f} ms | "
                f"{value('memory_per_trigger') / 1024:.1f} KiB | {value('finished'):.0f} | {len(row['runs'])} |"
            )
        lines.append("")
    for row in results.of("account"):
        lines += [
            f"### An account of 3 requests at a time ({row['jobs']} jobs at once, median 12 s)",
            "",
            "One request at a time is left to the polls (Orux's default here). The floor is computed: a poller that knows "
            "every job's end beforehand and asks once, one after another.",
            "",
            "| | lag p50 | lag p95 | until all are known | requests per job | most requests at a time |",
            "|---|--:|--:|--:|--:|--:|",
            f"| OruxJobTrigger | {median_of(row, 'lag_p50'):.1f} s | {median_of(row, 'lag_p95'):.1f} s | "
            f"{median_of(row, 'wall'):.1f} s | {median_of(row, 'requests_per_job'):.2f} | "
            f"{median_of(row, 'most_in_flight'):.0f} |",
            f"| floor | {median_of(row, 'floor_p50'):.1f} s | {median_of(row, 'floor_p95'):.1f} s | "
            f"{median_of(row, 'floor_wall'):.1f} s | 1 | 1 |",
            "",
        ]
    return "\n".join(lines)


def report_transports(results: Results) -> str:
    rows = results.of("transports")
    if not rows:
        return ""
    lines = [
        "One poll of an Orux job, read into a `Job`, over kept connections. `bare` is sockets without a library: a floor, "
        "not a candidate.",
        "",
        "| client | polls at a time | CPU per poll |",
        "|---|--:|--:|",
    ]
    for row in sorted(rows, key=lambda r: (r["slots"], -median_of(r, "cpu_per_poll_ms"))):
        lines.append(f"| {row['name']} | {row['slots']} | {median_of(row, 'cpu_per_poll_ms'):.2f} ms |")
    return "\n".join(lines) + "\n"
