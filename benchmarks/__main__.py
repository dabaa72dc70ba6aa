"""``python -m benchmarks [--full] [--only N] [--part NAME]``: measures and writes ``docs/benchmarks/``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import chain, imports, polling, report, saving, schedules, storms, triggerer
from benchmarks.loopback import ROOT
from benchmarks.progress import say
from benchmarks.results import Results

HELP = """1 polling (and its transports and schedules), 2 a real triggerer, 3 storms, 4 the cost of a chain, 5 imports,
6 saving"""


@dataclass(frozen=True)
class Part:
    """Rows that are measured together.

    :param section: 1 to 6.
    :param runs: of each row, for each of ``--repeats``: what is cheap is measured more often.
    :param minutes: that one run takes.
    :param measure: given the number of runs.
    """

    section: int
    name: str
    runs: int
    minutes: float
    measure: Callable[[Results, str, int], None]


#: In the order of their worth: a run may be stopped at any time, and be continued with ``--part``.
FULL = (
    Part(1, "small", 1, 3, lambda r, part, n: polling.small(r, part=part, repeats=n)),
    Part(1, "light-5000", 1, 3, lambda r, part, n: polling.light(r, part=part, repeats=n)),
    Part(1, "peers-1000", 1, 7, lambda r, part, n: polling.peers(r, part=part, jobs=1000, repeats=n)),
    Part(1, "peers-5000", 1, 16, lambda r, part, n: polling.peers(r, part=part, jobs=5000, repeats=n)),
    Part(2, "triggerer-5000", 1, 16, lambda r, part, n: triggerer.measure(
        r, [("sleep", 5000, False), ("orux", 5000, False), ("yescale", 5000, False), ("opengpu_relay", 5000, True)],
        part=part, repeats=n)),
    Part(2, "triggerer-1000", 1, 8, lambda r, part, n: triggerer.measure(
        r, [(name, 1000, False) for name in ("sleep", "orux", "yescale", "http")], part=part, repeats=n)),
    Part(3, "storms", 1, 5, lambda r, part, n: storms.measure(
        r, jobs=500, seconds=30, groups=(("orux", "yescale"), ("http",), ("dbt",)), part=part, repeats=n)),
    Part(6, "saving", 3, 0.5, lambda r, part, n: saving.measure(r, sizes=(1, 50, 250), repeats=n)),
    Part(1, "account", 1, 1.5, lambda r, part, n: polling.account(r, part=part, jobs=1000, repeats=n)),
    Part(1, "transports", 3, 0.7, lambda r, part, n: polling.transports(r, part=part, polls=2000, repeats=n)),
    Part(1, "schedules", 3, 0.2, lambda r, part, n: schedules.measure(r, repeats=n)),
    Part(4, "chain", 1, 4, lambda r, part, n: chain.measure(r, repeats=n)),
    Part(5, "imports", 5, 0.6, lambda r, part, n: imports.measure(r, repeats=n)),
)  # fmt: skip
#: Under three minutes in all; what it leaves out (2 and 4) starts a whole Airflow.
QUICK = (
    Part(1, "schedules", 1, 0.3, lambda r, part, n: schedules.measure(r, repeats=n)),
    Part(1, "transports", 1, 0.3, lambda r, part, n: polling.transports(r, repeats=n, polls=800)),
    Part(1, "quick", 1, 0.6, lambda r, part, n: polling.quick(r)),
    Part(
        3,
        "storms",
        1,
        1,
        lambda r, part, n: storms.measure(r, jobs=100, seconds=8, groups=(("orux", "http"),)),
    ),
    Part(5, "imports", 1, 0.4, lambda r, part, n: imports.measure(r, repeats=n)),
    Part(6, "saving", 1, 0.4, lambda r, part, n: saving.measure(r, sizes=(1, 50), repeats=n)),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=HELP,
        epilog="parts of --full: " + ", ".join(f"{p.name} ({p.runs * p.minutes:.0f} min)" for p in FULL),
    )  # fmt: skip
    parser.add_argument("--full", action="store_true", help="everything: a good hour for each of the repeats")
    parser.add_argument("--only", type=int, action="append", choices=range(1, 7), help=HELP)
    parser.add_argument("--part", action="append", choices=[p.name for p in FULL], help="a part of --full")
    parser.add_argument("--repeats", type=int, default=1, help="multiplies the runs of each row (default 1)")
    parser.add_argument(
        "--more", action="store_true", help="add runs to those that are there, instead of replacing them"
    )
    parser.add_argument(
        "--report", action="store_true", help="only write the pages again from what was measured"
    )
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "benchmarks", help="where the pages go")
    given = parser.parse_args()
    whole = given.full or given.report or bool(given.part)
    results = Results(given.to / ("results.json" if whole else "quick.json"), keep=given.more)
    failed = []
    if not given.report:
        parts = [
            part
            for part in (FULL if whole else QUICK)
            if (not given.only or part.section in given.only) and (not given.part or part.name in given.part)
        ]
        left = sum(part.runs * part.minutes for part in parts) * given.repeats
        for part in parts:
            say(f"{part.section}. {part.name}; about {left:.0f} minutes to go")
            try:
                part.measure(results, part.name, part.runs * given.repeats)
            except Exception as e:
                # An hour's other parts are worth keeping; it is said again at the end.
                failed.append(part.name)
                say(f"{part.name} FAILED: {type(e).__name__}: {str(e)[-1500:]}")
            left -= part.runs * part.minutes * given.repeats
    say(f"written: {report.write(results, given.to, name='index' if whole else 'quick')}")
    if failed:
        raise SystemExit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
