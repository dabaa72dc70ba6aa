"""A finished ``dag.test()`` run: states, XComs and the records of the ledger, read from the real database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any


@dataclass
class Run:
    dag: Any
    dag_run: Any

    @classmethod
    def of(cls, dag: Any, **arguments: Any) -> Run:
        return cls(dag, dag.test(**arguments))

    @property
    def state(self) -> str:
        return str(self.dag_run.state)

    @property
    def run_id(self) -> str:
        return str(self.dag_run.run_id)

    def states(self) -> dict[str, str]:
        """State by task id; mapped instances as ``task[0]``."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            rows = session.scalars(
                select(TaskInstance).where(
                    TaskInstance.dag_id == self.dag.dag_id, TaskInstance.run_id == self.run_id
                )
            ).all()
            return {
                (f"{t.task_id}[{t.map_index}]" if t.map_index >= 0 else t.task_id): str(t.state) for t in rows
            }

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            row = session.scalars(
                select(XComModel).where(
                    XComModel.dag_id == self.dag.dag_id,
                    XComModel.run_id == self.run_id,
                    XComModel.task_id == task_id,
                    XComModel.key == key,
                    XComModel.map_index == map_index,
                )
            ).one_or_none()
            if row is None:
                return None
            return XComModel.deserialize_value(row)

    def clear(self, task_id: str) -> None:
        """What the button "Clear" does to the database."""
        from airflow.models.taskinstance import clear_task_instances
        from airflow.utils.session import create_session

        with create_session() as session:
            clear_task_instances([self._instance(session, task_id)], session)

    def run_cleared(self, task_id: str) -> str:
        """Run a task that was cleared, as ``dag.test()`` runs tasks: one try; its state."""
        from airflow.sdk.definitions.dag import _run_task
        from airflow.utils.session import create_session
        from airflow.utils.state import TaskInstanceState

        with create_session() as session:
            ti = self._instance(session, task_id)
            assert ti.state is None
            ti.try_number += 1
            # A clear takes it away, and the scheduler sets it: on 3.1 no task starts without it.
            ti.dag_run.start_date = ti.dag_run.start_date or datetime.now(timezone.utc)
            ti.state = TaskInstanceState.SCHEDULED
            session.commit()
            _run_task(ti=ti, task=self.dag.get_task(task_id), run_triggerer=True)
        return self.states()[task_id]

    def again(self, task_id: str) -> str:
        """Clear a task and run it."""
        self.clear(task_id)
        return self.run_cleared(task_id)

    def _instance(self, session: Any, task_id: str) -> Any:
        from airflow.models.taskinstance import TaskInstance
        from sqlalchemy import select

        return session.scalars(
            select(TaskInstance).where(
                TaskInstance.dag_id == self.dag.dag_id,
                TaskInstance.run_id == self.run_id,
                TaskInstance.task_id == task_id,
            )
        ).one()
