"""3. The gateway answers 429, 500 or nothing for a while: requests sent, time to recover, jobs lost."""

from __future__ import annotations

import contextlib
import itertools
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.loopback import gateway
from benchmarks.progress import say
from benchmarks.results import Results, median_of
from benchmarks.subject import TITLES, finish, go, start

KINDS = {
    "429": "429 without Retry-After",
    "429+": "429 with Retry-After",
    "500": "500",
    "reset": "connections reset",
}


def measure(
    results: Results,
    *,
    jobs: int,
    seconds: float,
    groups: Sequence[Sequence[str]],
    repeats: int = 1,
    part: str = "storms",
) -> None:
    """Each subject through each storm; a group of subjects and all its storms at the same time, each with a gateway of
    its own.
    """
    orders = [
        (group, repeat) for repeat in range(repeats) for group in random.sample(list(groups), len(groups))
    ]
    for group, repeat in orders:
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            running = []
            for subject, kind in itertools.product(group, KINDS):
                loopback = stack.enter_context(gateway(Path(folder)))
                order = {
                    "port": loopback.port, "ca": loopback.ca, "subject": subject, "jobs": jobs, "seed": repeat,
                    "durations": {"median": seconds * 0.8, "sigma": 0.3}, "wait": True,
                    "storm": {"kind": kind, "after": 5.0, "seconds": seconds}, "limit": 4 * seconds + 30,
                }  # fmt: skip
                running.append((subject, kind, loopback, start("benchmarks.client", order)))
            go([process for *_, process in running])
            for subject, kind, loopback, process in running:
                result = finish(process)
                counts = loopback.control()
                result |= {"storm_requests": counts["storm_requests"], "requests": counts["requests"]}
                key = {"name": subject, "kind": kind, "jobs": jobs, "seconds": seconds}
                results.add("storms", key, result, part=part)
                say(f"storms: {subject}, {kind}: lost {result['lost']}, {counts['storm_requests']} requests")


def report(results: Results) -> str:
    rows = results.of("storms")
    if not rows:
        return ""
    lines = [
        f"{rows[0]['jobs']} jobs; 5 s after they were accepted the gateway fails for {rows[0]['seconds']:.0f} s. Recovery "
        "counts from the end of the storm, or of the job where that is later. Lost: the trigger ended with an error, or had "
        "not fired long after.",
        "",
        "| storm | trigger | requests in the storm | recovery p50 | recovery, last job | jobs lost | CPU |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for kind, words in KINDS.items():
        for row in (r for r in rows if r["kind"] == kind):
            p50, last = median_of(row, "recovery_p50"), median_of(row, "recovery_max")
            lines.append(
                f"| {words} | {TITLES[row['name']]} | {median_of(row, 'storm_requests'):.0f} | "
                f"{'–' if p50 != p50 else f'{p50:.1f} s'} | {'–' if last != last else f'{last:.1f} s'} | "
                f"{median_of(row, 'lost'):.0f} | {median_of(row, 'cpu'):.1f} s |"
            )
    return "\n".join(lines) + "\n"
