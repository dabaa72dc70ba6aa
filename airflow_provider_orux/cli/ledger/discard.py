"""``airflow orux ledger discard``: give a submission up, one or many. What it may have cost stays in the record."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping

from airflow_provider_orux.cli.connections import FoundConnection, connection_of, patience
from airflow_provider_orux.cli.errors import CommandError, UsageError
from airflow_provider_orux.cli.ledger.instances import Instance, LedgerEntry, LedgerRecords
from airflow_provider_orux.cli.ledger.logs import LogLedger, open_ledger
from airflow_provider_orux.cli.ledger.outlook import ENDED, UNDER_WAY, WAITING
from airflow_provider_orux.cli.ledger.records import COLUMNS, CSV, names_one, select
from airflow_provider_orux.cli.output import Output, plural
from airflow_provider_orux.cli.times import age_text
from airflow_provider_orux.lifecycle.record import State


def discard(args: argparse.Namespace, out: Output) -> int:
    """Remove one record, or those of a DAG that fit."""
    if names_one(args, state="intent", also=("yes",)):
        return _discard_one(args, out)
    if args.map_index >= 0 and not args.task:
        raise UsageError("--map-index needs DAG_ID RUN_ID TASK_ID, or --task-id.")
    return _discard_many(args, out)


def _discard_one(args: argparse.Namespace, out: Output) -> int:
    tell = _teller(args, out)
    now = time.time()
    with open_ledger(args) as ledger:
        instance = ledger.instance(args.dag_id, args.run_id, args.task_id, args.map_index)
        entry = ledger.read(instance)
        if entry is None or entry.is_discarded:
            tell(f"{instance} has no record: there is nothing to discard.")
            _data(args, out, {}, now)
            return 0
        if not args.force and (why := _under_way(entry, ledger, {}, now)):
            raise CommandError(f"{instance}: {why}. --force discards it all the same.")
        ledger.discard(entry)
    tell(f"Discarded the record of {instance} ({_lost(entry)}).")
    tell(
        "The next execution of the task submits a new job, which is charged."
        + (" Clear the task." if instance.state in ENDED else "")
    )
    _data(args, out, {instance: (entry, "discarded")}, now)
    return 0


def _discard_many(args: argparse.Namespace, out: Output) -> int:
    tell = _teller(args, out)
    with open_ledger(args) as ledger:
        now = time.time()
        found = [e for e in select(ledger, args, now) if args.map_index in (-1, e.instance.map_index)]
        entries = [e for e in found if not e.is_discarded]
        if not entries:
            tell("No record fits: there is nothing to discard.")
            _data(args, out, {}, now)
            return 0
        connections: dict[str, FoundConnection] = {}
        outcomes = {
            entry.instance: (
                entry,
                f"kept: {why}"
                if not args.force and (why := _under_way(entry, ledger, connections, now))
                else _going(entry),
            )
            for entry in entries
        }
        going = [entry for entry, outcome in outcomes.values() if not outcome.startswith("kept")]
        kept = len(entries) - len(going)
        if args.output == "table":
            out.table(
                [entry.row(now) | {"outcome": outcome} for entry, outcome in outcomes.values()], COLUMNS
            )
            out.say()
        charged = sum(entry.may_be_charged for entry in going)
        tell(
            f"{plural(len(going), 'record')} to discard; {charged} of them of a submission that was, or may have "
            "been, charged. Each of these tasks submits a new job when it runs again, which is charged."
        )
        if kept:
            tell(f"{plural(kept, 'record')} kept (--force discards these too).")
        if going and not args.yes:
            confirm("Discard", len(going))
        failed = gone = 0
        for entry in going:
            outcome = "discarded"
            try:
                # The task may have run again while a person was reading.
                again = ledger.read(entry.instance)
                if again is None or again.is_discarded:
                    outcome = "gone already"
                    gone += 1
                elif again.record != entry.record:
                    raise CommandError("its record has changed since it was listed")
                else:
                    ledger.discard(entry)
            except CommandError as e:
                failed += 1
                outcome = f"failed: {e}"
                out.note(f"{entry.instance}: {e}")
            outcomes[entry.instance] = (entry, outcome)
        if going:
            tell(
                f"Discarded {plural(len(going) - failed - gone, 'record')}."
                + (f" {gone} gone already." if gone else "")
                + (f" {failed} failed." if failed else "")
            )
        _data(args, out, outcomes, now)
    return 1 if failed or kept else 0


def _teller(args: argparse.Namespace, out: Output) -> Callable[[str], None]:
    """Where sentences go: beside a table they are output, beside data for a program they are remarks."""
    return out.say if args.output == "table" else out.note


def _data(
    args: argparse.Namespace, out: Output, outcomes: Mapping[Instance, tuple[LedgerEntry, str]], now: float
) -> None:
    """What became of each record, for a program."""
    if args.output == "table":
        return
    out.data(
        args.output,
        [entry.to_json(now) | {"outcome": outcome} for entry, outcome in outcomes.values()],
        rows=[entry.csv_row(now) | {"outcome": outcome} for entry, outcome in outcomes.values()],
        columns=(*CSV, "outcome"),
    )


def _under_way(
    entry: LedgerEntry, ledger: LedgerRecords | LogLedger, connections: dict[str, FoundConnection], now: float
) -> str | None:
    """Why a record is still needed by somebody who is at work; None when it is not."""
    state = entry.instance.state
    if state in UNDER_WAY or state in WAITING:
        return f"the task is {state} now"
    record, age = entry.record, entry.age(now)
    if record is None:
        # It may be of a newer version, whose request is under way; of which kind is not known.
        limit = patience(FoundConnection(None), synchronous=True)
        if age is not None and age < limit:
            return f"it cannot be read and was written {age_text(age)} ago (kept until {age_text(limit)})"
        return None
    if record.state is not State.INTENT:
        return None
    if record.conn_id not in connections:
        connections[record.conn_id] = connection_of(record.conn_id, ledger.api)
    limit = patience(connections[record.conn_id], synchronous=record.synchronous)
    if age is not None and age < limit:
        return f"its request was sent {age_text(age)} ago and may still be answered (until {age_text(limit)})"
    return None


def _going(entry: LedgerEntry) -> str:
    if entry.record is None and entry.updated is None:
        return "discard (cannot be read, and its age is not known)"
    return "discard"


def _lost(entry: LedgerEntry) -> str:
    record = entry.record
    if record is None:
        return "it could not be read" + ("" if entry.updated is not None else ", and its age was not known")
    if record.state is State.INTENT:
        return "a submission whose answer is unknown; if it was accepted, it is charged and its job is left behind"
    if record.state is State.FINISHED:
        return f"the result of job {record.job_id}"
    return f"job {record.job_id}, which may be charged, is given up"


def confirm(verb: str, count: int) -> None:
    """Ask before records are removed.

    :raises CommandError: the answer is no, or there is nobody to ask.
    """
    done = f"Nothing was {verb.lower().rstrip('e')}ed"
    if not sys.stdin.isatty():
        raise CommandError(f"{done}: give --yes, or run the command in a terminal, which can ask you.")
    if input(f"{verb} {plural(count, 'record')}? [y/N] ").strip().lower() not in ("y", "yes"):
        raise CommandError(f"{done}.")
