"""Task instances and their ledger records, through Airflow's public API."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_orux.cli.airflow_api import AirflowApi, NotFoundError, segment
from airflow_provider_orux.cli.errors import CommandError
from airflow_provider_orux.cli.times import age_text, moment_text, parse_moment
from airflow_provider_orux.durable.identity import TaskIdentity
from airflow_provider_orux.lifecycle.record import RECORD_KEY, Record, State
from airflow_provider_orux.models.errors import LedgerError

#: Records that are read at once: Airflow's API server answers others too.
WORKERS = 8
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Instance:
    """A task instance.

    :param facts: what Airflow says of it (``state``, ``try_number``, ``max_tries``, …).
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        index = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.dag_id} {self.run_id} {self.task_id}{index}"

    @property
    def state(self) -> str | None:
        """Its state in Airflow; None: cleared, or never scheduled."""
        state = self.facts.get("state")
        return str(state) if state else None

    @property
    def path(self) -> str:
        """Its path in the API, without the map index."""
        return f"/dags/{segment(self.dag_id)}/dagRuns/{segment(self.run_id)}/taskInstances/{segment(self.task_id)}"

    def command(self, verb: str, *, job_id: str | None = None, urls: Iterable[str] = ()) -> str:
        """The ``airflow orux ledger`` command for it, ready to paste."""
        return TaskIdentity(
            self.dag_id, self.run_id, self.task_id, self.map_index, try_number=0, max_tries=0
        ).command(verb, job_id=job_id, urls=urls)


@dataclass(frozen=True)
class LedgerEntry:
    """What lies in the ledger for a task instance.

    :param record: None when the stored value cannot be read.
    :param problem: why it cannot be read.
    :param updated: epoch seconds of the last write, as Airflow knows it.
    :param expires: True when Airflow's clean-up may remove it some day.
    """

    instance: Instance
    record: Record | None
    problem: str | None = None
    updated: float | None = None
    expires: bool = False

    @property
    def state(self) -> str:
        """The record's state, or ``unreadable``."""
        return self.record.state.value if self.record else UNREADABLE

    def age(self, now: float) -> float | None:
        """Seconds since the record's state was written; None when it cannot be told."""
        at = self.record.updated_at if self.record else self.updated
        return None if at is None else now - at

    @property
    def is_discarded(self) -> bool:
        """Whether its submission was given up already."""
        return self.record is not None and self.record.state is State.DISCARDED

    @property
    def may_be_charged(self) -> bool:
        """Whether removing the record may lose track of money: something was, or may have been, accepted."""
        return self.record is None or self.record.state in (State.INTENT, State.SUBMITTED, State.SETTLED)

    def row(self, now: float) -> dict[str, Any]:
        """A record as a line of a table."""
        record, age = self.record, self.age(now)
        return {
            "dag_id": self.instance.dag_id,
            "run_id": self.instance.run_id,
            "task_id": self.instance.task_id,
            "map_index": self.instance.map_index if self.instance.map_index >= 0 else None,
            "state": self.state,
            "age": None if age is None else age_text(age),
            "task_state": self.instance.state or ("none" if self.instance.facts else "–"),
            "job_id": record.job_id if record else None,
            "conn_id": record.conn_id if record else None,
        }

    def csv_row(self, now: float) -> dict[str, Any]:
        """A record as a line of CSV."""
        record, age = self.record, self.age(now)
        kind = None if record is None else "images" if record.synchronous else "job"
        return self.row(now) | {"kind": kind, "at": None if age is None else moment_text(now - age)}

    def to_json(self, now: float) -> dict[str, Any]:
        """A record as JSON."""
        age = self.age(now)
        return {
            "dag_id": self.instance.dag_id,
            "run_id": self.instance.run_id,
            "task_id": self.instance.task_id,
            "map_index": self.instance.map_index,
            "task_state": self.instance.state,
            "try_number": self.instance.facts.get("try_number"),
            "max_tries": self.instance.facts.get("max_tries"),
            "state": self.state,
            "problem": self.problem,
            "age_seconds": None if age is None else round(age, 1),
            "expires": self.expires,
            "record": self.record.to_json() if self.record else None,
        }


class LedgerRecords:
    """The ledger records behind Airflow's API.

    :param api: where.
    """

    def __init__(self, api: AirflowApi) -> None:
        self.api = api

    def instance(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> Instance:
        """The task instance as Airflow knows it.

        :raises CommandError: there is none, or it is mapped and no index was given.
        """
        wanted = Instance(dag_id, run_id, task_id, map_index)
        path = wanted.path if map_index < 0 else f"{wanted.path}/{map_index}"
        try:
            facts = self.api.get(path)
        except NotFoundError as e:
            if "mapped" in e.detail.lower() and map_index < 0:
                raise CommandError(f"{task_id} is mapped: say which instance with --map-index N.") from e
            raise CommandError(f"There is no task instance {wanted}. ({e.detail}.)") from e
        return Instance(dag_id, run_id, task_id, map_index, facts if isinstance(facts, dict) else {})

    def read(self, instance: Instance) -> LedgerEntry | None:
        """The record of a task instance; None when there is none."""
        try:
            value = self.api.get(self._path(instance), params={"map_index": instance.map_index})
        except NotFoundError as e:
            # Only Airflow's own words on the key mean "no record"; anything else that says 404 does not.
            if RECORD_KEY in e.detail:
                return None
            raise
        stored = value.get("value") if isinstance(value, dict) else None
        expires = bool(value.get("expires_at")) if isinstance(value, dict) else False
        updated = _seconds(value.get("updated_at")) if isinstance(value, dict) else None
        try:
            record = Record.from_json(stored)
        except LedgerError as e:
            return LedgerEntry(instance, None, e.message, updated, expires)
        return LedgerEntry(instance, record, None, updated, expires)

    def write(self, instance: Instance, record: Record) -> None:
        """Write a record, for ever, and read it back.

        :raises CommandError: it was not written.
        """
        self.api.request(
            "PUT",
            self._path(instance),
            params={"map_index": instance.map_index},
            json={"value": record.to_json(), "expires_at": None},
        )
        entry = self.read(instance)
        if entry is None or entry.record != record or entry.expires:
            raise CommandError(
                f"Airflow accepted the record of {instance} but does not return it as written. Look at it with "
                f"`{instance.command('show')}`, then try again."
            )

    def discard(self, entry: LedgerEntry) -> None:
        """Give a submission up. A record that cannot be read is removed: nothing of it can be kept.

        :raises CommandError: it was not written.
        """
        instance = entry.instance
        if entry.record is None:
            self.remove(instance)
        else:
            self.write(instance, entry.record.discarded(at=time.time()))

    def remove(self, instance: Instance) -> None:
        """Remove a record, and with it what it says of earlier charges."""
        self.api.request("DELETE", self._path(instance), params={"map_index": instance.map_index})

    def find(
        self,
        *,
        dag_id: str | None,
        run_id: str | None = None,
        task_id: str | None = None,
        first: datetime | None = None,
        last: datetime | None = None,
    ) -> Iterator[LedgerEntry]:
        """The records of all task instances that fit and ever ran, in the order of Airflow's list.

        :param first: earliest logical date of a run (of one without: when it was due).
        :param last: the latest.
        """
        instances = list(
            self._instances(dag_id=dag_id, run_id=run_id, task_id=task_id, first=first, last=last)
        )
        with ThreadPoolExecutor(WORKERS) as pool:
            for entry in _progress(pool.map(self.read, instances), len(instances)):
                if entry is not None:
                    yield entry

    def _instances(
        self,
        *,
        dag_id: str | None,
        run_id: str | None,
        task_id: str | None,
        first: datetime | None,
        last: datetime | None,
    ) -> Iterator[Instance]:
        path = f"/dags/{segment(dag_id) if dag_id else '~'}/dagRuns/{segment(run_id) if run_id else '~'}/taskInstances"
        params: dict[str, Any] = {"order_by": ["run_after", "id"]}
        if task_id:
            params["task_id"] = task_id
        if first:
            # A run is never due before its logical date, so nothing that fits is left out.
            params["run_after_gte"] = first.isoformat()
        for row in self.api.rows(path, "task_instances", params=params):
            if not row.get("try_number"):
                continue  # it never ran, so it wrote nothing
            when = parse_moment(row.get("logical_date") or row.get("run_after"))
            if when and ((first and when < first) or (last and when > last)):
                continue
            yield Instance(
                str(row["dag_id"]),
                str(row["dag_run_id"]),
                str(row["task_id"]),
                int(row.get("map_index", -1)),
                row,
            )

    def _path(self, instance: Instance) -> str:
        return f"{instance.path}/state-store/{segment(RECORD_KEY)}"


def _progress(entries: Iterable[LedgerEntry | None], total: int) -> Iterator[LedgerEntry | None]:
    shown = sys.stderr.isatty() and total > 50
    for done, entry in enumerate(entries, start=1):
        if shown and (done % 25 == 0 or done == total):
            end = "\n" if done == total else ""
            print(f"\rread {done} of {total} task instances", end=end, file=sys.stderr, flush=True)
        yield entry


def _seconds(value: Any) -> float | None:
    moment = parse_moment(value)
    return None if moment is None else moment.timestamp()
