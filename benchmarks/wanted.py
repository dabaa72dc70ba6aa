"""What was wanted of the poller and of saving, beside what was measured: reached or not, and by how much."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from benchmarks.results import Results, median_of
from benchmarks.saving import PEERS

SIZES = (1000, 5000)
STYLES = {"orux": "Orux", "yescale": "YEScale, groups", "opengpu_relay": "Relay"}
#: Times less CPU than HttpSensorTrigger.
LEAST = {"orux": 10.0, "yescale": 15.0}
#: Of the measured connections; one more was opened by the poll before the measuring.
SLOTS = 64
MEMORY_KIB = 16.0
BLOCKED = 0.2
CURL = 1.5
SAVING_MIB = 64.0

Line = tuple[str, str, str, str]


def report(results: Results) -> str:
    """The table; empty when nothing of it was measured."""
    lines = [
        *_polling(results),
        *_account(results),
        *_triggerer(results),
        *_storms(results),
        *_saving(results),
    ]
    if not lines:
        return ""
    return "\n".join(
        [
            "| what | wanted | measured | |",
            "|---|---|---|---|",
            *(f"| {' | '.join(line)} |" for line in lines),
        ]
    )


def fill(text: str, results: Results) -> str:
    """The text with the numbers that it names."""
    cpu = {(r["name"], r["slots"]): median_of(r, "cpu_per_poll_ms") for r in results.of("transports")}
    asked = {(r["what"], r["name"]): median_of(r, "requests_per_job") for r in results.of("schedules")}

    def saved(what: str) -> str:
        return f"{100 * (1 - asked[what, 'learned, kind known'] / asked[what, 'fixed 5 s']):.0f}"

    def facts() -> dict[str, str]:
        return {
            "one_pool": f"{cpu['httpx', 64] / cpu['httpx pools', 64]:.1f}",
            "aiohttp_64": f"{cpu['aiohttp', 64] / cpu['ours', 64]:.1f}",
            "aiohttp_8": f"{cpu['aiohttp', 8] / cpu['ours', 8]:.1f}",
            "saved_45": saved("imagine: lognormal, median 45 s, σ 0.3"),
            "saved_180": saved("clip: lognormal, median 180 s, σ 0.25"),
        }

    if not cpu or not asked:
        # A run that was stopped early.
        return re.sub(r"\{\w+\}", "(not measured)", text)
    return text.format_map(facts())


def at_least(measured: float, wanted: float) -> str:
    """In words, for what should be large."""
    return "reached" if measured >= wanted else f"**missed by {100 * (1 - measured / wanted):.0f} %**"


def at_most(measured: float, wanted: float) -> str:
    """In words, for what should be small."""
    if measured <= wanted:
        return "reached"
    return f"**missed: {measured / wanted:.1f} ×**" if wanted else "**missed**"


def _row(rows: list[dict[str, Any]], **key: Any) -> dict[str, Any] | None:
    return next((r for r in rows if all(r.get(k) == v for k, v in key.items())), None)


def _polling(results: Results) -> Iterator[Line]:
    rows = results.of("polling")
    for jobs in SIZES:
        http, sleep = _row(rows, name="http", jobs=jobs), _row(rows, name="sleep", jobs=jobs)
        if http is None:
            continue
        cpu = median_of(http, "cpu_per_job_ms")
        if sleep is not None:
            floor = median_of(sleep, "cpu_per_job_ms")
            yield (f"{jobs} jobs: what a trigger that only sleeps leaves to be gained", "–", f"{cpu / floor:.0f} ×", "the ceiling")  # fmt: skip
        for name, least in LEAST.items():
            if (row := _row(rows, name=name, jobs=jobs)) is not None:
                times = cpu / median_of(row, "cpu_per_job_ms")
                yield (
                    f"{jobs} jobs, {STYLES[name]}: CPU per finished job, times less than HttpSensorTrigger",
                    f"≥ {least:.0f} ×", f"{times:.1f} ×", at_least(times, least),
                )  # fmt: skip
        for name, words in STYLES.items():
            if (row := _row(rows, name=name, jobs=jobs)) is None:
                continue
            lag, theirs = median_of(row, "lag_p95"), median_of(http, "lag_p95")
            yield (
                f"{jobs} jobs, {words}: lag p95",
                f"≤ {theirs:.2f} s (HttpSensorTrigger's)", f"{lag:.2f} s", at_most(lag, theirs),
            )  # fmt: skip
            opened, polls = median_of(row, "connections"), median_of(row, "requests")
            theirs = median_of(http, "connections") / median_of(http, "requests")
            yield (
                f"{jobs} jobs, {words}: new connections",
                f"none for each poll: at most {SLOTS + 1}, the polls under way at once and one before (HttpSensorTrigger: {theirs:.2f} a poll)",
                f"{opened:.0f} for {polls:.0f} polls", at_most(opened, SLOTS + 1),
            )  # fmt: skip
            if sleep is not None:
                kib = (median_of(row, "memory_per_trigger") - median_of(sleep, "memory_per_trigger")) / 1024
                yield (
                    f"{jobs} jobs, {words}: memory of a trigger over the sleeping one's",
                    f"≤ {MEMORY_KIB:.0f} KiB", f"{kib:.1f} KiB", at_most(kib, MEMORY_KIB),
                )  # fmt: skip


def _account(results: Results) -> Iterator[Line]:
    for row in results.of("account"):
        measured, floor = median_of(row, "lag_p95"), median_of(row, "floor_p95")
        yield (
            f"An account of 3 requests at a time, {row['jobs']} jobs: lag p95",
            f"near its computed floor, {floor:.1f} s", f"{measured:.1f} s", f"{measured / floor:.2f} × the floor",
        )  # fmt: skip


def _triggerer(results: Results) -> Iterator[Line]:
    rows = [row for row in results.of("triggerer") if row["jobs"] >= 5000]
    alone = _row(rows, name="sleep")
    for row in rows:
        if row["name"] not in STYLES:
            continue
        what = f"A real triggerer, {row['jobs']} tasks, {STYLES[row['name']]}" + (
            ", 20 MB of base64 in every 50th" if row["big"] else ""
        )
        lost = max(run["lost"] for run in row["runs"])
        yield f"{what}: jobs lost", "0", f"{lost}", "reached" if not lost else "**missed**"
        blocked = median_of(row, "blocked_max")
        beside = f" (sleeping triggers: {median_of(alone, 'blocked_max'):.2f} s)" if alone else ""
        yield f"{what}: loop blocked at most, by the clock", f"≤ {BLOCKED} s", f"{blocked:.2f} s{beside}", at_most(blocked, BLOCKED)  # fmt: skip
        work = median_of(row, "blocked_work_max")
        beside = f" (sleeping triggers: {median_of(alone, 'blocked_work_max'):.2f} s)" if alone else ""
        yield (
            f"{what}: of that CPU of the loop's thread, garbage collection taken off",
            f"≤ {BLOCKED} s", f"{work:.2f} s{beside}", at_most(work, BLOCKED),
        )  # fmt: skip


def _storms(results: Results) -> Iterator[Line]:
    rows = [row for row in results.of("storms") if row["name"] in STYLES]
    if rows:
        lost = sum(run["lost"] for row in rows for run in row["runs"])
        total = sum(row["jobs"] * len(row["runs"]) for row in rows)
        yield "Jobs lost in storms", "0", f"{lost} of {total}", "reached" if not lost else "**missed**"


def _saving(results: Results) -> Iterator[Line]:
    rows = results.of("saving")
    for row in sorted(rows, key=lambda r: (r["name"], r["mib"])):
        curl = _row(rows, name=PEERS.get(row["name"]), mib=row["mib"])
        if curl is None:
            continue
        to = {"file": "a file", "s3": "S3 (moto)"}[row["name"]]
        times = median_of(row, "seconds") / median_of(curl, "seconds")
        yield f"Saving {row['mib']} MiB to {to}: curl's time", f"≤ {CURL} ×", f"{times:.2f} ×", at_most(times, CURL)  # fmt: skip
        grew = median_of(row, "peak_growth_mib")
        yield f"Saving {row['mib']} MiB to {to}: memory", f"≤ {SAVING_MIB:.0f} MiB", f"{grew:.1f} MiB", at_most(grew, SAVING_MIB)  # fmt: skip
