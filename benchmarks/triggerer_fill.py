"""Fills a metadata database with deferred tasks, as if workers had just deferred them; reads how they ended.

``python -m benchmarks.triggerer_fill fill '{…}'`` and ``… read``; a process of its own, since Airflow keeps its settings.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.client import connect, durations, factory
from benchmarks.gateway import ends_at, job_id

DAG_FILE = """
import pendulum
from airflow.sdk import DAG, task
with DAG("waiting", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
    @task
    def wait(n):
        pass
    wait.expand(n=list(range(3)))
"""


def fill(order: dict[str, Any]) -> None:
    from airflow.configuration import conf
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.dag_version import DagVersion
    from airflow.models.dagbag import DBDagBag
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType
    from sqlalchemy import select

    folder = Path(conf.get("core", "dags_folder"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "waiting.py").write_text(DAG_FILE)
    with create_session() as session:
        if session.get(DagBundleModel, "bench") is None:
            session.add(DagBundleModel(name="bench"))
    sync_bag_to_db(DagBag(str(folder), bundle_name="bench"), "bench", None)
    with create_session() as session:
        dag = DBDagBag().get_latest_version_of_dag("waiting", session=session)
        assert dag is not None
        version = DagVersion.get_latest_version("waiting", session=session)
        import pendulum

        now = pendulum.now("UTC")
        run_id = f"bench_{time.time()}"
        run = dag.create_dagrun(
            run_id=run_id, logical_date=now, data_interval=(now, now), run_after=now, run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST, state=DagRunState.RUNNING, session=session,
        )  # fmt: skip
        for instance in session.scalars(select(TaskInstance).where(TaskInstance.run_id == run_id)):
            session.delete(instance)
        session.flush()
        task = dag.get_task("wait")
        make = factory(order)
        start = time.time() + order["head_start"]
        for number, seconds in enumerate(durations(order["durations"], order["jobs"], order["seed"])):
            trigger = Trigger.from_object(make(job_id(start, seconds, number)))
            session.add(trigger)
            session.flush()
            instance = TaskInstance(
                task,
                dag_version_id=version.id,
                run_id=run_id,
                state=TaskInstanceState.DEFERRED,
                map_index=number,
            )
            instance.trigger_id = trigger.id
            instance.next_method = "execute_complete"
            instance.next_kwargs = {}
            instance.try_number = 1
            session.add(instance)
            if number % 500 == 0:
                session.flush()
        del run
    print("RESULT " + json.dumps({"run_id": run_id, "start": start}), flush=True)


def read(order: dict[str, Any]) -> None:
    """How many still wait, and how late the others were taken up."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    ends = {
        number: ends_at(job_id(order["start"], seconds, number))
        for number, seconds in enumerate(durations(order["durations"], order["jobs"], order["seed"]))
    }
    with create_session() as session:
        rows = session.execute(
            select(TaskInstance.map_index, TaskInstance.state, TaskInstance.updated_at).where(
                TaskInstance.run_id == order["run_id"]
            )
        ).all()
    lags = sorted(at.timestamp() - ends[i] for i, state, at in rows if state == "scheduled")
    states: dict[str, int] = {}
    for _, state, _ in rows:
        states[str(state)] = states.get(str(state), 0) + 1
    print("RESULT " + json.dumps({
        "states": states, "finished": len(lags), "lag_p50": lags[len(lags) // 2] if lags else None,
        "lag_p95": lags[int(0.95 * len(lags))] if lags else None, "lag_max": lags[-1] if lags else None,
        "last": max((at.timestamp() for _, s, at in rows if s == "scheduled"), default=0.0) - order["start"],
    }), flush=True)  # fmt: skip


if __name__ == "__main__":
    what, given = sys.argv[1], json.loads(sys.argv[2])
    connect(given)
    (fill if what == "fill" else read)(given)
