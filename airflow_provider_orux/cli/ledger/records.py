"""Many records of the ledger: which of them a command is about, and how they are shown."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from airflow_provider_orux.cli.errors import UsageError
from airflow_provider_orux.cli.ledger.instances import Entry, Ledger
from airflow_provider_orux.cli.ledger.logs import LogLedger
from airflow_provider_orux.cli.times import age_text, moment_text, parse_age, parse_window
from airflow_provider_orux.lifecycle.record import State

COLUMNS = {
    "dag_id": "DAG_ID",
    "run_id": "RUN_ID",
    "task_id": "TASK_ID",
    "map_index": "MAP",
    "state": "LEDGER",
    "age": "AGE",
    "task_state": "TASK STATE",
    "job_id": "JOB",
    "conn_id": "CONNECTION",
    "outcome": "OUTCOME",
}
#: The columns that leave room for a sentence.
SHORT = ("dag_id", "run_id", "task_id", "map_index", "state", "age", "job_id")
#: What ``list -o csv`` prints. ``settle --file`` reads the first six.
CSV = (
    "dag_id",
    "run_id",
    "task_id",
    "map_index",
    "job_id",
    "url",
    "state",
    "kind",
    "at",
    "task_state",
    "conn_id",
)


def names_one(args: argparse.Namespace, *, state: str, also: Sequence[str] = ()) -> bool:
    """Whether the arguments name one record (DAG_ID RUN_ID TASK_ID), or many (``--dag-id``).

    :param state: the default of ``--state``.
    :param also: more options that are for many.
    :raises UsageError: they name none, or both.
    """
    if not args.dag_id:
        if not args.dag:
            raise UsageError("Name one record by DAG_ID RUN_ID TASK_ID, or many by --dag-id.")
        return False
    need_all_three(args)
    for_many = ("dag", "run", "task", "from_", "to", "older_than", *also)
    if args.state != state or any(getattr(args, name) for name in for_many):
        raise UsageError(
            "DAG_ID RUN_ID TASK_ID name one record: leave out the options for many (--dag-id and what narrows it)."
        )
    return True


def need_all_three(args: argparse.Namespace) -> None:
    """Check that one record is named completely.

    :raises UsageError: it is not.
    """
    if not args.task_id:
        raise UsageError("One record needs all three: DAG_ID RUN_ID TASK_ID.")


def select(ledger: Ledger | LogLedger, args: argparse.Namespace, now: float) -> list[Entry]:
    """The records that fit ``--dag-id``, ``--run-id``, ``--task-id``, the dates, ``--older-than`` and ``--state``.

    :raises UsageError: a date or an age is none.
    """
    older = parse_age(args.older_than, option="--older-than") if args.older_than else None
    first, last = parse_window(args.from_, args.to)
    found = ledger.find(dag_id=args.dag, run_id=args.run, task_id=args.task, first=first, last=last)
    return [entry for entry in found if _in_state(entry, args.state) and _older(entry, older, now)]


def _in_state(entry: Entry, wanted: str) -> bool:
    if wanted == "all":
        return True
    if wanted == "open":
        return entry.state != State.FINISHED.value
    return entry.state == wanted


def _older(entry: Entry, older: float | None, now: float) -> bool:
    if older is None:
        return True
    age = entry.age(now)
    return age is not None and age > older


def row(entry: Entry, now: float) -> dict[str, Any]:
    """A record as a line of a table."""
    record, age = entry.record, entry.age(now)
    return {
        "dag_id": entry.instance.dag_id,
        "run_id": entry.instance.run_id,
        "task_id": entry.instance.task_id,
        "map_index": entry.instance.map_index if entry.instance.map_index >= 0 else None,
        "state": entry.state,
        "age": None if age is None else age_text(age),
        "task_state": entry.instance.state or ("none" if entry.instance.facts else None),
        "job_id": record.job_id if record else None,
        "conn_id": record.conn_id if record else None,
    }


def csv_row(entry: Entry, now: float) -> dict[str, Any]:
    """A record as a line of CSV."""
    record, age = entry.record, entry.age(now)
    kind = None if record is None else "images" if record.synchronous else "job"
    return row(entry, now) | {"kind": kind, "at": None if age is None else moment_text(now - age)}


def json_of(entry: Entry, now: float) -> dict[str, Any]:
    """A record as JSON."""
    age = entry.age(now)
    return {
        "dag_id": entry.instance.dag_id,
        "run_id": entry.instance.run_id,
        "task_id": entry.instance.task_id,
        "map_index": entry.instance.map_index,
        "task_state": entry.instance.state,
        "try_number": entry.instance.facts.get("try_number"),
        "max_tries": entry.instance.facts.get("max_tries"),
        "state": entry.state,
        "problem": entry.problem,
        "age_seconds": None if age is None else round(age, 1),
        "expires": entry.expires,
        "record": entry.record.to_json() if entry.record else None,
    }
