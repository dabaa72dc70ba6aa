"""The schedule, simulated: requests per job and lag on stated distributions, against a fixed interval of 5 s.

No network and no clock: the durations are drawn, and the real schedule is asked for its pauses. Jobs teach it in the order
in which they end, a hundred of them being under way at any time; how long a job took is told by the gateway
("exact") or only bracketed by the polls.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from airflow_provider_orux.lifecycle.durations import Durations
from airflow_provider_orux.lifecycle.schedule import PollSchedule
from benchmarks.results import Results, median_of

Draw = Callable[[random.Random, int], float]


def lognormal(median: float, sigma: float) -> Draw:
    return lambda chance, _: chance.lognormvariate(0, sigma) * median


def mixed(share: float, one: Draw, other: Draw) -> Draw:
    return lambda chance, i: one(chance, i) if chance.random() < share else other(chance, i)


def shifted(one: Draw, other: Draw, at: int) -> Draw:
    return lambda chance, i: one(chance, i) if i < at else other(chance, i)


IMAGINE = lognormal(45, 0.3)
DISTRIBUTIONS: dict[str, Draw] = {
    "image: lognormal, median 15 s, σ 0.35": lognormal(15, 0.35),
    "imagine: lognormal, median 45 s, σ 0.3": IMAGINE,
    "imagine, wide: lognormal, median 45 s, σ 0.5": lognormal(45, 0.5),
    "uniform 20–60 s": lambda chance, _: chance.uniform(20, 60),
    "clip: lognormal, median 180 s, σ 0.25": lognormal(180, 0.25),
    "70 % imagine, 30 % upscale (median 6 s)": mixed(0.7, IMAGINE, lognormal(6, 0.3)),
    "99 % imagine, 1 % upscale": mixed(0.99, IMAGINE, lognormal(6, 0.3)),
    "imagine, twice as slow half-way": shifted(IMAGINE, lognormal(90, 0.3), 1500),
    "imagine, twice as fast half-way": shifted(IMAGINE, lognormal(22, 0.3), 1500),
}
SCHEDULES: dict[str, tuple[PollSchedule, bool, bool]] = {
    "fixed 5 s": (PollSchedule(fixed=5.0), False, False),
    "nothing learned": (PollSchedule(), False, False),
    "learned, kind known": (PollSchedule(sure=True), True, False),
    "learned, kind known, exact": (PollSchedule(sure=True), True, True),
    "learned, kind not known": (PollSchedule(sure=False), True, False),
}


def simulate(
    schedule: PollSchedule, draw: Draw, *, learns: bool, exact: bool, jobs: int, seed: int
) -> dict[str, float]:
    """One distribution under one schedule."""
    chance = random.Random(seed)
    random.seed(seed)
    known = Durations()
    schedule = replace(schedule, durations=known if learns else None)
    under_way: list[tuple[float, float, float]] = []
    requests, lags = 0, []
    for number in range(jobs):
        duration = draw(chance, number)
        age = last = 0.0
        polls = 0
        while True:
            age += schedule.pause(age=age, polls=polls)
            polls += 1
            if age >= duration:
                break
            last = age
        requests += polls
        lags.append(age - duration)
        under_way.append((last, age, duration))
        if len(under_way) > 100:
            last, age, duration = under_way.pop(0)
            known.saw(after=last, before=age, exact=duration if exact else None)
    lags.sort()
    return {
        "requests_per_job": requests / jobs, "lag_p50": lags[jobs // 2], "lag_p95": lags[int(0.95 * jobs)],
        "lag_max": lags[-1],
    }  # fmt: skip


def measure(results: Results, *, repeats: int, jobs: int = 3000) -> None:
    for what, draw in DISTRIBUTIONS.items():
        for name, (schedule, learns, exact) in SCHEDULES.items():
            for repeat in range(repeats):
                values = simulate(schedule, draw, learns=learns, exact=exact, jobs=jobs, seed=repeat)
                results.add("schedules", {"what": what, "name": name}, values, part="schedules")


def report(results: Results) -> str:
    rows = results.of("schedules")
    if not rows:
        return ""
    lines = [
        "| durations | schedule | requests per job | lag p50 | lag p95 | longest lag |",
        "|---|---|--:|--:|--:|--:|",
    ]
    last = ""
    for row in rows:
        what = row["what"] if row["what"] != last else ""
        last = row["what"]
        lines.append(
            f"| {what} | {row['name']} | {median_of(row, 'requests_per_job'):.1f} | {median_of(row, 'lag_p50'):.1f} s | "
            f"{median_of(row, 'lag_p95'):.1f} s | {median_of(row, 'lag_max'):.0f} s |"
        )
    return "\n".join(lines) + "\n"
