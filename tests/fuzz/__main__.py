"""``python -m tests.fuzz``: mutated answers to every reader of every gateway; counts what broke a rule."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.readers import READERS
from tests.fuzz.run import LONGEST, MOST_MIB, Report, run


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--answers", type=int, default=100_000, help="that are JSON, over all readers (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all mutations (%(default)s)")
    parser.add_argument("--only", default="", help="readers with this in their name")
    parser.add_argument("--publish", action="store_true", help="write the counts into docs/reliability.md")
    options = parser.parse_args(argv)
    began = time.process_time()
    share = -(-options.answers // sum(options.only in reader.name for reader in READERS))
    reports = run(share, seed=options.seed, only=options.only)
    broken = [line for report in reports for line in report.broken]
    for line in broken[:50]:
        print(line)
    print(table(reports))
    print("Slowest:", max(reports, key=lambda r: r.slowest).slowest_at)
    text = summary(reports, broken=len(broken))
    print(text, f"{time.process_time() - began:.0f} s of CPU.")
    if options.publish and not options.only:
        from tests.crash.report import publish

        publish("fuzz", f"{text}\n\n{table(reports)}")
    return 1 if broken else 0


def summary(reports: list[Report], *, broken: int) -> str:
    """The counts of all."""
    answers, parsed = sum(r.answers for r in reports), sum(r.parsed for r in reports)
    free = sum(r.outcomes["not charged"] for r in reports)
    read = sum(r.outcomes["read"] for r in reports)
    return (
        f"{answers} mutated answers to {len(reports)} readers, {parsed} of them JSON (at least "
        f"{min(r.parsed for r in reports)} for each reader): {read} read, {answers - read - broken} typed errors ({free} "
        f"said that nothing was charged, each proven), {broken} rules broken. Slowest answer: "
        f"{max(r.slowest for r in reports):.2f} s of CPU (allowed: {LONGEST:g} s). Most memory over "
        f"the base: {max(r.largest_mib for r in reports):.0f} MiB (allowed: {MOST_MIB:g} MiB)."
    )


def table(reports: list[Report]) -> str:
    """A row for each reader."""
    rows = [
        "| reader | answers | JSON | read | not charged | other errors | slowest (s) |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for r in reports:
        read, free = r.outcomes["read"], r.outcomes["not charged"]
        other = sum(r.outcomes.values()) - read - free
        rows.append(f"| {r.name} | {r.answers} | {r.parsed} | {read} | {free} | {other} | {r.slowest:.2f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
