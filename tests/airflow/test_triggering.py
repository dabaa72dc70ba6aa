"""The ways to start a DAG that give its run no logical date, on real processes: command line, REST, asset event."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.crash.airflow_processes import AirflowProcesses, until

pytestmark = pytest.mark.standalone

ASSET = "orux-test://briefing"


def readme_dag() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return str(code)


def write_dags(folder: Path) -> None:
    """An example and the README's chain as they stand; and the README's chain, started by an asset."""
    example = ROOT / "example_dags" / "midjourney_chain.py"
    (folder / example.name).write_text(example.read_text())
    code = readme_dag().replace("/tmp/orux/", f"{folder.parent}/out/")
    (folder / "lighthouse.py").write_text(code)
    by_asset = code.replace('DAG("lighthouse", schedule=None', 'DAG("by_asset", schedule=[BRIEFING]')
    (folder / "by_asset.py").write_text(
        f'from airflow.sdk import Asset\n\nBRIEFING = Asset("briefing", uri="{ASSET}")\n{by_asset}'
    )


class ExampleProcesses(AirflowProcesses):
    dag_ids = ("midjourney_chain", "lighthouse", "by_asset")

    def __init__(self, folder: Path, sandbox: Any) -> None:
        self.dags = folder
        super().__init__(workers=4)
        self.env |= {
            "AIRFLOW_VAR_ORUX_SAVE_TO": f"file://{folder.parent}/out",
            "AIRFLOW_CONN_ORUX_DEFAULT": sandbox.connection(),
            # As shipped: nothing runs before a person says so.
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5",
        }


@pytest.mark.timeout(600)
def test_every_way_to_start_a_run_without_a_logical_date(tmp_path):
    from orux_sandbox import SandboxServer

    folder = tmp_path / "dags"
    folder.mkdir()
    write_dags(folder)
    with (
        SandboxServer({"queue_seconds": 0.2, "run_seconds": 0.5}) as sandbox,
        ExampleProcesses(folder, sandbox) as airflow,
    ):
        for dag_id in airflow.dag_ids:
            airflow.api("PATCH", f"/dags/{dag_id}", json={"is_paused": False})
        # The command line, in a process of its own; the DAG is the first that a new user triggers.
        told = subprocess.run(
            [sys.executable, "-m", "airflow", "dags", "trigger", "midjourney_chain"],
            env=airflow.env, cwd=airflow.home, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert told.returncode == 0, told.stderr[-2000:]
        airflow.api("POST", "/dags/lighthouse/dagRuns", json={"logical_date": None})
        assets = airflow.api("GET", "/assets", params={"uri_pattern": ASSET})["assets"]
        airflow.api("POST", "/assets/events", json={"asset_id": assets[0]["id"], "extra": {}})

        def ended(dag_id: str, kind: str) -> dict[str, Any] | None:
            airflow.check()
            runs = airflow.api("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]
            found = [run for run in runs if run["run_type"] == kind]
            return next((run for run in found if run["state"] in ("success", "failed")), None)

        for dag_id, kind in (
            ("midjourney_chain", "manual"),
            ("lighthouse", "manual"),
            ("by_asset", "asset_triggered"),
        ):
            run = until(lambda dag_id=dag_id, kind=kind: ended(dag_id, kind), f"{dag_id} to end")
            assert (run["state"], run["logical_date"]) == ("success", None), (dag_id, run)

        day = run["run_after"][:10]
        out = tmp_path / "out"
        assert list((out / "midjourney_chain" / day).glob("*/manifest.json"))
        assert list((out / day).glob("*/manifest.json"))
        assert sandbox.leaks() == []
        # One charge a job, and one job a folder.
        charged = sorted(charge["job_id"] for charge in sandbox.charges())
        saved = [json.loads(path.read_text())["job_id"] for path in out.glob("**/manifest.json")]
        assert len({*charged}) == len(charged) == 8
        assert charged == sorted(saved)
