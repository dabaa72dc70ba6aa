"""A finished ``dag.test()`` run: states, XComs and the records of the ledger, read from the real database."""

from __future__ import annotations

from dataclasses import dataclass
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
