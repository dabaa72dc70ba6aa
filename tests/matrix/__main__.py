"""``python -m tests.matrix``: run the cells that are chosen, and note the outcome in docs/compatibility.md."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tests.matrix.environments import AIRFLOWS, PYTHONS, ROOT, Airflow, environment, tests_alone

PAGE = ROOT / "docs" / "compatibility.md"
RUNS = ROOT / "docs" / "compatibility.json"
#: Between these lines of the page stands the table.
BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"

PYTEST = ("pytest", "-q", "-p", "no:cacheprovider", "-n", "0")
#: What each cell runs. "gallery" drives a browser where chromium and Playwright are, and PostgreSQL where that is; it
#: and those from "processes" on start real processes, and are run where they are asked for.
CELLS: dict[str, Sequence[str]] = {
    "smoke": (*PYTEST, "tests/test_compat.py", "tests/operators/test_free_retries.py", "tests/durable/test_log_store.py",
              "tests/durable/test_entries.py", "tests/durable/test_open_store.py", "tests/cli/test_cli_ledger_logs.py", "tests/airflow/test_chain.py"),
    "rooms": (*PYTEST, "tests/models", "tests/gateways", "tests/client", "tests/lifecycle", "tests/durable",
              "tests/operators", "tests/test_floors.py", "tests/test_compat.py", "tests/cli/test_cli_ledger_logs.py"),
    "chain": (*PYTEST, "tests/airflow/test_chain.py"),
    "pay-once": (*PYTEST, "tests/airflow/test_pay_once.py", "tests/airflow/test_paid_once_more.py"),
    "examples": (*PYTEST, "tests/airflow/test_examples.py"),
    "gallery": (*PYTEST, "tests/operators/test_review.py", "tests/operators/test_budget.py", "tests/plugins"),
    "processes": ("tests.crash", "--at-once", "4", "--only", "chain", "before_intent", "before_id", "answer_cut",
                  "frozen_before_post", "after_finished"),
    "false-failure": ("tests.crash", "--at-once", "3", "--only", "late_report", "late_report_retried",
                      "success_accepted"),
    "seeds": ("tests.crash", "--seeds", "50", "--at-once", "6"),
    "wheels": (*PYTEST, "tests/airflow/test_triggering.py"),
    "distributed": ("tests.distributed",),
}  # fmt: skip
USUAL = ("rooms", "chain", "pay-once", "examples")
#: With the packages that ``make dist`` built, in an environment of their own.
BUILT = ("wheels", "distributed")
SHOWN = (*USUAL, "gallery", "processes", "false-failure", "seeds", *BUILT)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--airflow", nargs="+", choices=[a.name for a in AIRFLOWS], help="default: all")
    parser.add_argument("--python", nargs="+", default=list(PYTHONS), help="default: %(default)s")
    parser.add_argument(
        "--cells",
        nargs="*",
        default=list(USUAL),
        metavar="CELL",
        help=f"of {', '.join(CELLS)}; none: make the environments only. Default: {' '.join(USUAL)}",
    )
    parser.add_argument(
        "--constraints",
        type=Path,
        metavar="FILE",
        help="the constraints of one Airflow and Python, for the built packages; else packages of its day",
    )
    parser.add_argument("--publish", action="store_true", help="write docs/compatibility.md")
    options = parser.parse_args(argv)
    if unknown := set(options.cells) - set(CELLS):
        parser.error(f"no such cell: {', '.join(sorted(unknown))}")
    failed = 0
    for airflow in AIRFLOWS:
        if options.airflow and airflow.name not in options.airflow:
            continue
        for python in options.python:
            for cell in options.cells or [""]:
                began = time.monotonic()
                wheels = cell in BUILT
                try:
                    executable = environment(
                        airflow, python, wheels=wheels, constraints=options.constraints if wheels else None
                    )
                except LookupError as e:
                    print(f"Airflow {airflow.release}, Python {python}: left out, {e}", flush=True)
                    continue
                made = time.monotonic() - began
                if not cell:
                    continue
                outcome = run(airflow, python, executable, cell)
                failed += outcome["outcome"] != "passed"
                print(
                    f"Airflow {airflow.release}, Python {python}, {cell}: {outcome['outcome']} ({outcome['said']}) after "
                    f"{outcome['seconds']} s" + (f" (environment {made:.0f} s)" if made > 1 else ""),
                    flush=True,
                )
                if options.publish and cell in SHOWN:
                    note(airflow, python, cell, outcome)
    return 1 if failed else 0


def run(airflow: Airflow, python: str, executable: Path, cell: str) -> dict[str, Any]:
    """One cell; its output goes to ``build/matrix``."""
    log = executable.parents[2] / f"airflow-{airflow.name}-py{python}-{cell}.log"
    began = time.monotonic()
    if cell in BUILT:
        here, path = tests_alone(), ""
    else:
        here, path = ROOT, f"{ROOT}{os.pathsep}{ROOT / 'sandbox'}"
    with log.open("wb") as output:
        done = subprocess.run(
            [str(executable), "-m", *CELLS[cell]],
            cwd=here,
            env={**os.environ, "PYTHONPATH": path},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    text = log.read_text(errors="replace")
    counts = re.findall(r"\d+ (?:passed|failed|errors?|skipped|of \d+)", text)
    return {
        "outcome": "passed" if done.returncode == 0 else "failed",
        "said": ", ".join(dict.fromkeys(counts[-4:])) or f"see {log}",
        "seconds": round(time.monotonic() - began),
        "release": airflow.release,
        "date": datetime.now(timezone.utc).date().isoformat(),
    }


def note(airflow: Airflow, python: str, cell: str, outcome: dict[str, Any]) -> None:
    """Put an outcome into the record of all runs, and the record into the page."""
    runs = json.loads(RUNS.read_text()) if RUNS.exists() else {}
    runs.setdefault(airflow.name, {}).setdefault(python, {})[cell] = {
        name: outcome[name] for name in ("release", "outcome", "date")
    }
    RUNS.write_text(json.dumps(runs, indent=1, sort_keys=True) + "\n")
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table(runs)}\n{END}{after}")


def table(runs: dict[str, Any]) -> str:
    """The record as a table; a cell that was not run is empty."""
    lines = [f"| Airflow | Python | {' | '.join(SHOWN)} |", "|---" * (len(SHOWN) + 2) + "|"]
    for airflow in AIRFLOWS:
        for python, cells in sorted(
            runs.get(airflow.name, {}).items(), key=lambda i: int(i[0].partition(".")[2])
        ):
            releases = sorted({cell["release"] for cell in cells.values()})
            shown = [
                f"{cells[name]['outcome']}, {cells[name]['date']}" if name in cells else "" for name in SHOWN
            ]
            lines.append(f"| {', '.join(releases)} | {python} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
