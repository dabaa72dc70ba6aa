"""Many records of the ledger: which of them a command is about, and how they are shown."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from airflow_provider_orux.cli.errors import UsageError
from airflow_provider_orux.cli.ledger.instances import LedgerEntry, LedgerRecords
from airflow_provider_orux.cli.ledger.logs import LogLedger
from airflow_provider_orux.cli.times import parse_age, parse_window
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


def select(ledger: LedgerRecords | LogLedger, args: argparse.Namespace, now: float) -> list[LedgerEntry]:
    """The records that fit ``--dag-id``, ``--run-id``, ``--task-id``, the dates, ``--older-than`` and ``--state``.

    :raises UsageError: a date or an age is none.
    """
    older = parse_age(args.older_than, option="--older-than") if args.older_than else None
    first, last = parse_window(args.from_, args.to)
    found = ledger.find(dag_id=args.dag, run_id=args.run, task_id=args.task, first=first, last=last)
    return [entry for entry in found if _in_state(entry, args.state) and _older(entry, older, now)]


def _in_state(entry: LedgerEntry, wanted: str) -> bool:
    if wanted == "all":
        return True
    if wanted == "open":
        return entry.state not in (State.FINISHED.value, State.DISCARDED.value)
    return entry.state == wanted


def _older(entry: LedgerEntry, older: float | None, now: float) -> bool:
    if older is None:
        return True
    age = entry.age(now)
    return age is not None and age > older
