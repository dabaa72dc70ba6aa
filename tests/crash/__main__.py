"""``python -m tests.crash``: all scenarios, the table, and the page of the documentation."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

from tests.crash.airflow_processes import AirflowProcesses
from tests.crash.report import markdown, publish, summary, table
from tests.crash.runner import run_scenarios
from tests.crash.scenarios import SCENARIOS
from tests.crash.scenarios.seeded import seeded, weather


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="these scenarios only; the page is not written"
    )
    parser.add_argument(
        "--without", nargs="+", default=[], metavar="NAME", help="all scenarios but these; the same"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        default=0,
        help="instead, so many scenarios that a seed makes up, while parts of Airflow are killed",
    )
    parser.add_argument("--start", type=int, default=0, help="the first seed (%(default)s)")
    parser.add_argument("--list", action="store_true", help="print the scenarios' names")
    parser.add_argument("--at-once", type=int, default=6, help="scenarios side by side (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave the folder with logs and database behind")
    parser.add_argument("--page", type=Path, default=None, help="the page to write (docs/reliability.md)")
    options = parser.parse_args(argv)
    if options.list:
        print(*(f"{c.name:28} {c.part}: {c.what}" for c in SCENARIOS), sep="\n")
        return 0
    unknown = {*(options.only or ()), *options.without} - {c.name for c in SCENARIOS}
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    wanted = [
        c for c in SCENARIOS if (not options.only or c.name in options.only) and c.name not in options.without
    ]
    if options.seeds:
        wanted = [seeded(seed) for seed in range(options.start, options.start + options.seeds)]
    began = time.monotonic()
    killed: list[str] = []
    with AirflowProcesses(workers=options.at_once + 4, keep=options.keep) as airflow:
        print(f"Airflow is ready after {time.monotonic() - began:.0f} s ({airflow.home})", flush=True)
        with weather(airflow, options.start) if options.seeds else contextlib.nullcontext(killed) as killed:
            rows = run_scenarios(airflow, wanted, at_once=options.at_once, say=lambda t: print(t, flush=True))
    print(table(rows))
    if killed:
        print("Killed meanwhile:", ", ".join(f"{killed.count(part)} × {part}" for part in sorted({*killed})))
    print(summary(rows), f"{time.monotonic() - began:.0f} s in all.")
    if wanted == SCENARIOS:
        publish("crash", markdown(rows), page=options.page)
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
