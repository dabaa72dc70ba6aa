"""Starts one subject in a process of its own and reads what it cost."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.loopback import ROOT, Loopback

TITLES = {
    "orux": "OruxJobTrigger, one by one (Orux)",
    "yescale": "OruxJobTrigger, in groups (YEScale)",
    "opengpu_relay": "OruxJobTrigger, held or one by one (Relay)",
    "http": "HttpSensorTrigger",
    "dbt": "DbtCloudRunJobTrigger",
    "openai": "OpenAIBatchTrigger",
    "sleep": "a trigger that only sleeps, for comparison",
}


def start(module: str, order: dict[str, Any], more: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """A measured process.

    :param more: environment variables.
    """
    home = tempfile.mkdtemp(prefix="bench-airflow-")
    env = {
        **os.environ,
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        **(more or {}),
    }
    return subprocess.Popen(
        [sys.executable, "-m", module, json.dumps(order)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT,
    )  # fmt: skip


def go(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Let processes that were ordered to ``wait`` begin together: none measures while another still imports."""
    for process in processes:
        assert process.stdout is not None
        while line := process.stdout.readline():
            if line.startswith("READY"):
                break
    for process in processes:
        assert process.stdin is not None
        # One that died says why when it is asked for its result.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write("\n")
            process.stdin.flush()


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Its result."""
    out, err = process.communicate(timeout=1800)
    for line in out.splitlines():
        if line.startswith("RESULT "):
            result: dict[str, Any] = json.loads(line[7:])
            return result
    raise RuntimeError(f"a measured process said nothing: {out[-500:]} {err[-2000:]}")


def run(loopback: Loopback, module: str = "benchmarks.client", **order: Any) -> dict[str, Any]:
    """One subject against the gateway; the gateway's counts are added."""
    loopback.control("reset")
    if "gateway" in order:
        loopback.control("set", **order.pop("gateway"))
    result = finish(start(module, {"port": loopback.port, "ca": loopback.ca, **order}))
    counts = loopback.control()
    finished = max(result.get("finished", 1), 1)
    return {
        **result,
        "requests": counts["requests"], "connections": counts["connections"] - 2, "most_in_flight": counts["most_in_flight"],
        "requests_per_job": counts["requests"] / finished,
        "storm_requests": counts["storm_requests"],
    }  # fmt: skip
