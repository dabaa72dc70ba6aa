"""``python -m benchmarks [--full] [--only N]``: measures and writes ``docs/benchmarks/``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import chain, imports, polling, report, saving, schedules, storms, triggerer
from benchmarks.loopback import ROOT
from benchmarks.results import Results

HELP = """1 polling (and its transports and schedules), 2 a real triggerer, 3 storms, 4 the cost of a chain, 5 imports,
6 saving"""


def quick(results: Results) -> dict[int, list[Callable[[], None]]]:
    """Under three minutes in all; what it leaves out (2 and 4) starts a whole Airflow."""
    return {
        1: [
            lambda: schedules.measure(results, repeats=1),
            lambda: polling.transports(results, repeats=1, polls=800),
            lambda: polling.quick(results),
        ],
        3: [lambda: storms.measure(results, jobs=100, seconds=8, subjects=("orux", "http"))],
        5: [lambda: imports.measure(results, repeats=1)],
        6: [lambda: saving.measure(results, sizes=(1, 50), repeats=1)],
    }


def full(results: Results, repeats: int) -> dict[int, list[Callable[[], None]]]:
    """Everything, shuffled, with medians of ``repeats`` runs; hours."""
    return {
        1: [
            lambda: schedules.measure(results, repeats=repeats),
            lambda: polling.transports(results, repeats=repeats, polls=3000),
            lambda: polling.full(results, repeats=repeats),
            lambda: polling.account(results, jobs=1000, repeats=repeats),
        ],
        2: [
            lambda: triggerer.measure(results, jobs=1000, repeats=repeats),
            lambda: triggerer.measure(results, jobs=5000, subjects=("orux", "yescale"), repeats=repeats),
            lambda: triggerer.measure(results, jobs=5000, subjects=("orux",), repeats=repeats, big=True),
        ],
        3: [
            lambda: storms.measure(
                results, jobs=500, seconds=30, subjects=("orux", "yescale", "http", "dbt"), repeats=repeats
            )
        ],
        4: [lambda: chain.measure(results, repeats=repeats)],
        5: [lambda: imports.measure(results, repeats=repeats)],
        6: [lambda: saving.measure(results, sizes=(1, 50, 250), repeats=repeats)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=HELP)
    parser.add_argument("--full", action="store_true", help="everything, medians of the repeats (hours)")
    parser.add_argument("--only", type=int, action="append", choices=range(1, 7), help=HELP)
    parser.add_argument("--repeats", type=int, default=5, help="runs of each row with --full (default 5)")
    parser.add_argument(
        "--report", action="store_true", help="only write the pages again from what was measured"
    )
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "benchmarks", help="where the pages go")
    given = parser.parse_args()
    results = Results(given.to / ("results.json" if given.full or given.report else "quick.json"))
    if not given.report:
        steps = full(results, given.repeats) if given.full else quick(results)
        for number, parts in steps.items():
            if given.only and number not in given.only:
                continue
            for part in parts:
                began = time.time()
                part()
                print(f"{number}: {time.time() - began:.0f} s", flush=True)
    name = "index" if given.full or given.report else "quick"
    print(f"written: {report.write(results, given.to, name=name)}")


if __name__ == "__main__":
    main()
