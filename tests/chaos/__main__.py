"""``python -m tests.chaos``: many seeds, several processes, and the count of violations."""

from __future__ import annotations

import argparse
import sys
import time

from tests.chaos.run import run_seeds


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many (%(default)s)")
    parser.add_argument("--start", type=int, default=0, help="the first (%(default)s)")
    parser.add_argument("--jobs", type=int, default=4, help="processes (%(default)s)")
    parser.add_argument("--verbose", action="store_true", help="tell each step")
    parser.add_argument("--publish", action="store_true", help="write the counts into docs/reliability.md")
    options = parser.parse_args(argv)
    began = time.monotonic()
    seeds = range(options.start, options.start + options.seeds)
    reports = run_seeds(seeds, jobs=1 if options.verbose else options.jobs, verbose=options.verbose)
    bad = [r for r in reports if r.violations]
    for report in bad:
        print(f"seed {report.seed}: python -m tests.chaos --seeds 1 --start {report.seed} --verbose")
        for violation in report.violations:
            print(f"    {violation}")
    text = (
        f"{len(reports)} schedules (seeds {seeds[0]} to {seeds[-1]}): {sum(r.executions for r in reports)} executions, "
        f"{sum(r.deaths for r in reports)} deaths, {sum(r.clears for r in reports)} clears, "
        f"{sum(r.faults for r in reports)} faults ordered, {sum(r.charges for r in reports)} charges for "
        f"{sum(r.reasons for r in reports)} reasons, {sum(len(r.violations) for r in reports)} violations."
    )
    print(text, f"{time.monotonic() - began:.0f} s.")
    if options.publish:
        from tests.crash.report import publish

        publish("chaos", text)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
