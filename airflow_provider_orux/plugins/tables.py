"""What Airflow's tables say of jobs. The only file of the gallery that knows these tables."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from airflow_provider_orux.lifecycle.charges import ERROR_KEY, JOB_KEY, PROGRESS_KEY
from airflow_provider_orux.storage.served import Maker

#: XComs that are read for one page at most: its facts, its error, and how much of it is done.
MOST_ROWS = 6000


@dataclass(frozen=True)
class Scope:
    """Which task instances a page is about.

    :param dag_ids: None: only ``dag_id``.
    :param first: the earliest moment at which its job changed; None: no limit.
    :param last: the moment before which it changed.
    """

    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None
    dag_ids: Collection[str] | None = None
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True)
class Row:
    """One XCom of a task instance, and the task instance's state.

    :param value: what the task pushed. Anybody who may write XComs may have written it.
    """

    maker: Maker
    key: str
    value: Mapping[str, Any]
    changed: datetime
    state: str | None
    label: str | None
    run_after: datetime | None


def meant_run(session: Session, dag_id: str, run_id: str) -> str:
    """The run that an address of Airflow's UI means; one query where it is in doubt.

    Before 3.2 a tab's address has the id as it is, and the "+" of its time zone arrives as a space.
    """
    if " " not in run_id:
        return run_id
    query = select(DagRun.id).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
    return run_id if session.scalar(query) is not None else run_id.replace(" ", "+")


def job_rows(session: Session, scope: Scope, *, limit: int = MOST_ROWS) -> list[Row]:
    """The facts and errors of jobs, newest first. One query."""
    query = (
        select(
            XComModel.dag_id,
            XComModel.run_id,
            XComModel.task_id,
            XComModel.map_index,
            XComModel.key,
            XComModel.value,
            XComModel.timestamp,
            TaskInstance.state,
            TaskInstance._rendered_map_index,
            DagRun.run_after,
        )
        .join(
            TaskInstance,
            (TaskInstance.dag_id == XComModel.dag_id)
            & (TaskInstance.run_id == XComModel.run_id)
            & (TaskInstance.task_id == XComModel.task_id)
            & (TaskInstance.map_index == XComModel.map_index),
        )
        .join(DagRun, DagRun.id == XComModel.dag_run_id)
        .where(XComModel.key.in_((JOB_KEY, ERROR_KEY, PROGRESS_KEY)))
        .order_by(XComModel.timestamp.desc())
        .limit(limit)
    )
    found = []
    for row in session.execute(_narrowed(query, scope)):
        value = _plain(row[5])
        if isinstance(value, dict):
            found.append(Row(Maker(*row[:4]), row[4], value, *row[6:]))
    return found


def results(session: Session, makers: Iterable[Maker]) -> dict[Maker, Mapping[str, Any]]:
    """The results of these task instances. One query."""
    wanted = list(makers)
    if not wanted:
        return {}
    columns = (XComModel.dag_id, XComModel.run_id, XComModel.task_id, XComModel.map_index)
    query = select(*columns, XComModel.value).where(
        XComModel.key == "return_value", tuple_(*columns).in_([tuple(maker) for maker in wanted])
    )
    found: dict[Maker, Mapping[str, Any]] = {}
    for row in session.execute(query):
        value = _plain(row[4])
        if isinstance(value, dict):
            found[Maker(*row[:4])] = value
    return found


def _narrowed(query: Select[Any], scope: Scope) -> Select[Any]:
    for column, value in (
        (XComModel.dag_id, scope.dag_id),
        (XComModel.run_id, scope.run_id),
        (XComModel.task_id, scope.task_id),
        (XComModel.map_index, scope.map_index),
    ):
        if value is not None:
            query = query.where(column == value)
    if scope.dag_ids is not None:
        query = query.where(XComModel.dag_id.in_(scope.dag_ids))
    if scope.first is not None:
        query = query.where(XComModel.timestamp >= scope.first)
    if scope.last is not None:
        query = query.where(XComModel.timestamp < scope.last)
    return query


def _plain(value: Any) -> Any:
    """A stored XCom without Airflow's own decoding, which would build objects: ours are plain JSON."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value
