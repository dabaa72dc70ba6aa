"""How much of a job is done, told by a real triggerer while the task is deferred."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.crash.airflow_processes import AirflowProcesses, until

pytestmark = pytest.mark.standalone

DAG = """
import pendulum
from airflow.sdk import DAG
from airflow_provider_orux.operators.midjourney import OruxImagineOperator

with DAG("progress", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    OruxImagineOperator.partial(task_id="imagine", conn_id="orux_default", poll_interval=0.2).expand(
        prompt=["a lighthouse", "a harbour"]
    )
"""


class Processes(AirflowProcesses):
    dag_ids = ("progress",)

    def __init__(self, folder: Path, sandbox: Any) -> None:
        self.dags = folder
        super().__init__(workers=2)
        self.env |= {"AIRFLOW_CONN_ORUX_DEFAULT": sandbox.connection("yescale")}


@pytest.mark.timeout(600)
def test_a_deferred_task_shows_how_much_is_done(tmp_path):
    from airflow.sdk.bases.xcom import BaseXCom

    from orux_sandbox import SandboxServer

    (tmp_path / "progress.py").write_text(DAG)
    with (
        SandboxServer({"queue_seconds": 0.2, "run_seconds": 16.0, "yescale_sync_seconds": 0.5}) as sandbox,
        Processes(tmp_path, sandbox) as airflow,
    ):
        airflow.api("POST", "/dags/progress/dagRuns", json={"logical_date": None})
        (run,) = airflow.api("GET", "/dags/progress/dagRuns")["dag_runs"]
        base = f"/dags/progress/dagRuns/{run['dag_run_id']}"
        seen: dict[int, set[tuple[str, int]]] = {0: set(), 1: set()}

        def ended() -> str | None:
            airflow.check()
            for index, found in seen.items():
                entries = airflow.api(
                    "GET", f"{base}/taskInstances/imagine/xcomEntries", params={"map_index": index}
                )["xcom_entries"]
                for entry in entries:
                    if entry["key"] == "orux_progress" and entry["map_index"] == index:
                        path = f"{base}/taskInstances/imagine/xcomEntries/orux_progress"
                        value = airflow.api("GET", path, params={"map_index": index, "deserialize": True})[
                            "value"
                        ]
                        found.add((value["job_id"], value["percent"]))
            state = airflow.api("GET", base)["state"]
            return state if state in ("success", "failed") else None

        assert until(ended, "the run to end") == "success"
        jobs = {f"mj:{job['id']}" for job in sandbox.jobs()}
        logs = "".join(p.read_text(errors="replace") for p in airflow.home.rglob("*.log*") if p.is_file())
    told = {job_id: re.findall(rf"Job {job_id}: (\d+) % done", logs) for job_id in jobs}
    for job_id, percents in told.items():
        assert 1 <= len(percents) <= 4, told
        assert percents == sorted(set(percents), key=int), (job_id, told)
        assert set(percents) <= {"25", "50", "75", "100"}
    if not hasattr(BaseXCom, "aset"):
        assert seen == {0: set(), 1: set()}
        return
    for found in seen.values():
        assert len({job_id for job_id, _ in found}) == 1, "each instance of a mapped task shows its own job"
        assert all(str(percent) in told[job_id] for job_id, percent in found), (found, told)
    assert {job_id for found in seen.values() for job_id, _ in found} == jobs
