"""``python -m tests.distributed``: the scene, and its table."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.distributed", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the folder with logs and databases behind")
    parser.add_argument("--publish", action="store_true", help="write the table into docs/reliability.md")
    options = parser.parse_args(argv)
    subprocess.run([str(Path(__file__).parent / "setup.sh")], check=True)

    from tests.crash.report import publish
    from tests.distributed.airflow_processes import DistributedAirflow
    from tests.distributed.run import markdown, run_scene

    began = time.monotonic()
    airflow = DistributedAirflow(keep=options.keep)
    with airflow:
        print(
            f"Airflow, Redis and PostgreSQL are ready after {time.monotonic() - began:.0f} s ({airflow.home})",
            flush=True,
        )
        lines = run_scene(airflow)
    text = markdown(lines)
    print(text)
    for line in lines:
        for problem in line.problems:
            print(f"{line.held_at}: {problem}")
    print(f"{time.monotonic() - began:.0f} s in all.")
    if options.publish:
        publish("distributed", text)
    return 1 if any(line.problems for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
