"""Runs seeds in processes of their own, each with a sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from demo.airflow_home import ROOT, environment

REPORT = "report: "
#: The provider as it is.
WHOLE = "whole"


@dataclass
class Report:
    """What came of one seed."""

    seed: int
    gateway: str = ""
    way: str = ""
    violations: list[str] = field(default_factory=list)
    #: Of each violation, the name of a ``checker.Kind``.
    kinds: list[str] = field(default_factory=list)
    charges: int = 0
    refunded: int = 0
    reasons: int = 0
    executions: int = 0
    deaths: int = 0
    clears: int = 0
    faults: int = 0
    struck: int = 0


def run_seeds(
    seeds: Iterable[int], *, jobs: int, verbose: bool = False, mutation: str = WHOLE
) -> list[Report]:
    """All seeds, dealt out to processes; the reports in order.

    :param mutation: the name of a deliberate defect of the provider, see ``mutations.py``.
    """
    seeds = list(seeds)
    with tempfile.TemporaryDirectory(prefix="orux-chaos-") as folder:
        env = {
            **environment(Path(folder) / "airflow", bundles={"none": Path(folder)}),
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "sandbox"))),
        }
        if not verbose:
            env["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "CRITICAL"
        hands = [seeds[n::jobs] for n in range(jobs) if seeds[n::jobs]]
        # Into files: a pipe that nobody reads for a while would hold an execution up.
        files = [(Path(folder) / f"hand_{n}.txt").open("w+") for n in range(len(hands))]
        processes = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.chaos.run",
                    "verbose" if verbose else "quiet",
                    mutation,
                    *map(str, hand),
                ],
                env=env,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
            for hand, file in zip(hands, files, strict=True)
        ]
        reports = []
        try:
            for process, file in zip(processes, files, strict=True):
                code = process.wait()
                file.seek(0)
                for line in file:
                    if line.startswith(REPORT):
                        reports.append(Report(**json.loads(line.removeprefix(REPORT))))
                    else:
                        print(line, end="", flush=True)
                if code:
                    raise RuntimeError(f"a process of the schedules ended with {code}")
        finally:
            for process, file in zip(processes, files, strict=True):
                process.kill()
                process.wait()
                file.close()
    if {r.seed for r in reports} != set(seeds):
        raise RuntimeError("not every seed was reported")
    return sorted(reports, key=lambda r: r.seed)


def _hand(words: list[str]) -> None:
    from tests.chaos.drive import Drive, gateway, prepare

    verbose, mutation, seeds = words[0] == "verbose", words[1], [int(w) for w in words[2:]]
    if mutation != WHOLE:
        import pytest

        from tests.chaos.mutations import MUTATIONS

        MUTATIONS[mutation](pytest.MonkeyPatch())
    prepare()
    with gateway() as server:
        for seed in seeds:
            told: list[str] = []
            drive = Drive(seed, server, told.append)
            try:
                drive.run()
            except Exception:
                told.append(traceback.format_exc())
            if verbose or drive.checker.violations:
                print(f"--- seed {seed}", *told, sep="\n", flush=True)
            report = Report(
                seed=seed,
                gateway=drive.task.gateway,
                way=drive.task.way.name,
                violations=[str(v) for v in drive.checker.violations],
                kinds=[v.kind.name for v in drive.checker.violations],
                charges=len(drive.checker.paid()),
                refunded=drive.checker.refunded(),
                reasons=len(drive.checker.reasons),
                executions=sum(t.startswith("try ") for t in told),
                deaths=sum(t.startswith(("died", "frozen")) for t in told),
                clears=sum(t.startswith("cleared") for t in told),
                faults=sum(t.startswith("fault") for t in told),
                struck=drive.checker.struck(),
            )
            print(f"{REPORT}{json.dumps(asdict(report))}", flush=True)
    sys.stdout.flush()
    os._exit(0)  # threads of executions that were frozen must not hold the end up


if __name__ == "__main__":
    _hand(sys.argv[1:])
