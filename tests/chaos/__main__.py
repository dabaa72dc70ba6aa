"""``python -m tests.chaos``: many seeds, several processes, and the count of violations."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from airflow_provider_orux.models.registry import GATEWAYS
from tests.chaos.mutations import MUTATIONS
from tests.chaos.run import WHOLE, Report, run_seeds


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many (%(default)s)")
    parser.add_argument("--start", type=int, default=0, help="the first (%(default)s)")
    parser.add_argument("--jobs", type=int, default=4, help="processes (%(default)s)")
    parser.add_argument("--verbose", action="store_true", help="tell each step")
    parser.add_argument("--publish", action="store_true", help="write the counts into docs/reliability.md")
    parser.add_argument(
        "--mutate",
        dest="mutation",
        choices=(WHOLE, *MUTATIONS),
        default=WHOLE,
        help="with a deliberate defect of the provider: violations are wanted then (%(default)s)",
    )
    options = parser.parse_args(argv)
    if options.publish and options.mutation != WHOLE:
        parser.error("the counts of a broken provider are not published")
    began = time.monotonic()
    seeds = range(options.start, options.start + options.seeds)
    reports = run_seeds(
        seeds,
        jobs=1 if options.verbose else options.jobs,
        verbose=options.verbose,
        mutation=options.mutation,
    )
    bad = [r for r in reports if r.violations]
    broken = "" if options.mutation == WHOLE else f" --mutate {options.mutation}"
    for report in bad:
        print(f"seed {report.seed}: python -m tests.chaos --seeds 1 --start {report.seed} --verbose{broken}")
        for violation in report.violations:
            print(f"    {violation}")
    text = summary(reports)
    print(text, f"{time.monotonic() - began:.0f} s.")
    if options.publish:
        from tests.crash.report import publish

        publish("chaos", text)
    return 1 if bad else 0


def summary(reports: Sequence[Report]) -> str:
    """The counts, of all and by gateway."""
    by_gateway = []
    for gateway, title in ((g.name, g.title) for g in GATEWAYS.values()):
        own = [r for r in reports if r.gateway == gateway]
        ways = Counter(r.way for r in own)
        charges, refunded = sum(r.charges for r in own), sum(r.refunded for r in own)
        by_gateway.append(
            f"{title} {len(own)} schedules ({', '.join(f'{n} {way}' for way, n in sorted(ways.items()))}), "
            f"{charges} charges" + (f", {refunded} of them refunded" if refunded else "")
        )
    return (
        f"{len(reports)} schedules (seeds {reports[0].seed} to {reports[-1].seed}): "
        f"{sum(r.executions for r in reports)} executions, {sum(r.deaths for r in reports)} deaths, "
        f"{sum(r.clears for r in reports)} clears, {sum(r.faults for r in reports)} faults ordered that "
        f"struck {sum(r.struck for r in reports)} requests, "
        f"{sum(r.charges for r in reports)} charges for {sum(r.reasons for r in reports)} reasons, "
        f"{sum(len(r.violations) for r in reports)} violations.\n\n{'; '.join(by_gateway)}."
    )


if __name__ == "__main__":
    sys.exit(main())
