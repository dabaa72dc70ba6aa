"""5. Import time of the public modules, and the time to parse a DAG file with 100 mapped generations."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.loopback import ROOT
from benchmarks.results import Results, median_of, range_of

MODULES = (
    "airflow_provider_orux.operators.midjourney",
    "airflow_provider_orux.operators.images",
    "airflow_provider_orux.operators.jobs",
    "airflow_provider_orux.sensors.jobs",
    "airflow_provider_orux.decorators.orux_image",
    "airflow_provider_orux.triggers.jobs",
    "airflow_provider_orux.hooks.base",
    "airflow_provider_orux.exceptions",
    "airflow_provider_orux.get_provider_info",
    "airflow.providers.http.operators.http",
    "airflow.providers.http.sensors.http",
    "airflow.providers.openai.operators.openai",
)
FIRST = "from airflow.sdk import DAG, BaseOperator, BaseHook, Variable"
MAPPED = """
import pendulum
from airflow.sdk import DAG
from airflow_provider_orux.operators.midjourney import OruxImagineOperator
with DAG("mapped", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
    OruxImagineOperator.partial(task_id="imagine", aspect_ratio="16:9").expand(
        prompt=[f"a lighthouse, number {i}" for i in range(100)]
    )
"""
PLAIN = """
import pendulum
from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator
with DAG("plain", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
    BashOperator.partial(task_id="echo").expand(bash_command=[f"echo {i}" for i in range(100)])
"""
PARSE = """
import time
from airflow.sdk import DAG
import pendulum
source = open({path!r}).read()
before = time.perf_counter()
exec(compile(source, {path!r}, "exec"), {{}})
print((time.perf_counter() - before) * 1000)
"""


def _run(code: str) -> float:
    home = tempfile.gettempdir() + "/bench-imports"
    env = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=ROOT, check=True
    )
    return float(done.stdout.strip().splitlines()[-1])


def measure(results: Results, *, repeats: int) -> None:
    """Each in a fresh process, shuffled; the first run of all, which writes bytecode, is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        files = {
            "100 mapped generations": Path(folder, "mapped.py"),
            "100 mapped BashOperators": Path(folder, "plain.py"),
        }
        files["100 mapped generations"].write_text(MAPPED)
        files["100 mapped BashOperators"].write_text(PLAIN)
        jobs = [
            (
                name,
                f"{FIRST}\nimport time\nb = time.perf_counter()\nimport {name}\nprint((time.perf_counter() - b) * 1000)",
            )
            for name in MODULES
        ] + [(name, PARSE.format(path=str(path))) for name, path in files.items()]
        for repeat in range(repeats + 1):
            random.shuffle(jobs)
            for name, code in jobs:
                milliseconds = _run(code)
                if repeat:
                    results.add("imports", {"name": name}, {"ms": milliseconds}, part="imports")


def report(results: Results) -> str:
    rows = results.of("imports")
    if not rows:
        return ""
    order = {
        name: n for n, name in enumerate((*MODULES, "100 mapped generations", "100 mapped BashOperators"))
    }
    lines = [
        "What comes on top of `from airflow.sdk import DAG, …`, which every DAG file pays anyway; each in a fresh process.",
        "",
        "| import or parse | median | range |",
        "|---|--:|--:|",
    ]
    for row in sorted(rows, key=lambda r: order.get(r["name"], 99)):
        low, high = range_of(row, "ms")
        name = f"`{row['name']}`" if "." in row["name"] else f"parse a DAG file with {row['name']}"
        lines.append(f"| {name} | {median_of(row, 'ms'):.1f} ms | {low:.1f}–{high:.1f} |")
    return "\n".join(lines) + "\n"
