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
from benchmarks.results import Results, median_of
from benchmarks.subject import TITLES, finish, run, start

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
    names = [name for name, *_ in SUBJECTS if name != "openai"]
    together(results, names, jobs=100, spec=SHORT, spread=3.0, seed=1)


def full(results: Results, *, repeats: int, sizes: tuple[int, ...] = (100, 1000, 5000)) -> None:
    """Every subject and number of jobs, shuffled. Those that leave the machine idle run at the same time, each with a
    gateway of its own; the peers run alone.
    """
    light = [name for name, *_ in SUBJECTS if name not in HEAVY]
    orders = [
        (names, jobs, repeat)
        for names in (light, *([name] for name in HEAVY))
        for jobs in sizes
        for repeat in range(repeats)
    ]
    random.Random(time.time()).shuffle(orders)
    for names, jobs, repeat in orders:
        together(results, names, jobs=jobs, spec=IMAGINE, spread=30.0, seed=100 + repeat)


def together(
    results: Results, names: list[str], *, jobs: int, spec: dict[str, float], spread: float, seed: int
) -> None:
    """These subjects at the same time."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        started = []
        for name, subject, more in SUBJECTS:
            if name not in names:
                continue
            loopback = stack.enter_context(gateway(Path(folder)))
            order = {
                "port": loopback.port, "ca": loopback.ca, "subject": subject, "jobs": jobs, "durations": spec,
                "spread": spread, "seed": seed, "limit": 300, **more,
            }  # fmt: skip
            started.append((name, loopback, start("benchmarks.client", order)))
        for name, loopback, process in started:
            result = finish(process)
            counts = loopback.control()
            result |= {
                "requests": counts["requests"], "connections": counts["connections"] - 1,
                "requests_per_job": counts["requests"] / max(result["finished"], 1),
            }  # fmt: skip
            results.add("polling", {"name": name, "jobs": jobs, "median_s": spec["median"]}, result)
            print(f"  {name:24} {jobs:5}  {result['cpu_per_job_ms']:.2f} ms a job", flush=True)


def account(results: Results, *, jobs: int, repeats: int) -> None:
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
            results.add("account", {"jobs": jobs}, result)


def transports(results: Results, *, repeats: int, polls: int) -> None:
    """CPU of a poll by client."""
    names = ["httpx", "httpx pools", "httpx-aiohttp", "aiohttp", "ours", "bare"]
    orders = [(name, slots) for name in names for slots in (8, 64) for _ in range(repeats)]
    random.Random(time.time()).shuffle(orders)
    with tempfile.TemporaryDirectory() as folder, gateway(Path(folder)) as loopback:
        for name, slots in orders:
            count = polls // 4 if name == "httpx" and slots == 64 else polls
            result = run(loopback, "benchmarks.transports", transport=name, slots=slots, polls=count)
            results.add("transports", {"name": name, "slots": slots}, result)


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
        "Peers poll each 5 s, their usual interval.",
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
            "| lag p50 | lag p95 | loop blocked at most | memory per trigger | finished |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
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
                f"{value('lag_p95'):.2f} s | {value('blocked_max') * 1000:.0f} ms | "
                f"{value('memory_per_trigger') / 1024:.1f} KiB | {value('finished'):.0f} |"
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
