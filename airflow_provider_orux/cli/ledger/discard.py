"""``airflow orux ledger discard``: give a submission up, one or many."""

from __future__ import annotations

import argparse
import sys
import time

from airflow_provider_orux.cli.airflow_api import AirflowApi
from airflow_provider_orux.cli.connections import Found, connection_of, patience
from airflow_provider_orux.cli.errors import CommandError, UsageError
from airflow_provider_orux.cli.ledger.instances import Entry, Ledger, may_be_charged
from airflow_provider_orux.cli.ledger.outlook import ENDED, UNDER_WAY, WAITING
from airflow_provider_orux.cli.ledger.records import COLUMNS, row, select
from airflow_provider_orux.cli.output import Output, plural
from airflow_provider_orux.cli.times import age_text
from airflow_provider_orux.lifecycle.record import State


def discard(args: argparse.Namespace, out: Output) -> int:
    """Remove one record, or those of a DAG that fit."""
    narrowing = [n for n in ("run", "task", "from_", "to", "older_than", "yes") if getattr(args, n)]
    if args.dag_id and args.dag:
        raise UsageError("Give DAG RUN TASK, or --dag for many records; not both.")
    if args.dag_id:
        if not args.task_id:
            raise UsageError("One record is named by three words: DAG RUN TASK.")
        if narrowing or args.state != "intent":
            raise UsageError("With DAG RUN TASK there is one record: leave out what is for many (see --dag).")
        return _discard_one(args, out)
    if not args.dag:
        raise UsageError("Say which record: DAG RUN TASK, or --dag for many.")
    if args.map_index >= 0 and not args.task:
        raise UsageError("--map-index needs DAG RUN TASK, or --task.")
    return _discard_many(args, out)


def _discard_one(args: argparse.Namespace, out: Output) -> int:
    with AirflowApi.of(args) as api:
        ledger = Ledger(api)
        instance = ledger.instance(args.dag_id, args.run_id, args.task_id, args.map_index)
        entry = ledger.read(instance)
        if entry is None:
            out.say(f"{instance} has no record: there is nothing to discard.")
            return 0
        connections: dict[str, Found] = {}
        if not args.force and (why := _under_way(entry, api, connections, time.time())):
            raise CommandError(f"{instance}: {why}. --force does it all the same.")
        ledger.remove(instance)
    out.say(f"Discarded the record of {instance} ({_lost(entry)}).")
    out.say(
        "The next execution of the task submits anew, which is charged."
        + (" Clear the task." if instance.state in ENDED else "")
    )
    return 0


def _discard_many(args: argparse.Namespace, out: Output) -> int:
    with AirflowApi.of(args) as api:
        ledger = Ledger(api)
        now = time.time()
        entries = [e for e in select(api, args, now) if args.map_index in (-1, e.instance.map_index)]
        if not entries:
            out.say("No record fits: there is nothing to discard.")
            return 0
        connections: dict[str, Found] = {}
        kept = {
            entry.instance: why
            for entry in entries
            if not args.force and (why := _under_way(entry, api, connections, now))
        }
        out.table(
            [
                row(entry, now)
                | {"outcome": f"kept: {kept[entry.instance]}" if entry.instance in kept else _going(entry)}
                for entry in entries
            ],
            COLUMNS,
        )
        going = [entry for entry in entries if entry.instance not in kept]
        charged = [entry for entry in going if may_be_charged(entry)]
        out.say(
            f"\n{plural(len(going), 'record')} to discard; {len(charged)} of them of a submission that was, or may "
            "have been, charged. Each of these tasks submits anew when it runs again, which is charged."
        )
        if kept:
            out.say(f"{plural(len(kept), 'record')} kept (--force discards these too).")
        if not going:
            return 1
        if not args.yes:
            _confirm(len(going))
        failed = 0
        for entry in going:
            try:
                # The task may have gone on while a person was reading.
                again = ledger.read(entry.instance)
                if again is None:
                    continue
                if again.record != entry.record:
                    raise CommandError("its record has changed since it was listed")
                ledger.remove(entry.instance)
            except CommandError as e:
                failed += 1
                out.note(f"{entry.instance}: {e}")
        out.say(
            f"Discarded {plural(len(going) - failed, 'record')}." + (f" {failed} failed." if failed else "")
        )
    return 1 if failed or kept else 0


def _under_way(entry: Entry, api: AirflowApi, connections: dict[str, Found], now: float) -> str | None:
    """Why a record is still needed by somebody who is at work; None when it is not."""
    state = entry.instance.state
    if state in UNDER_WAY or state in WAITING:
        return f"the task is {state} now"
    record, age = entry.record, entry.age(now)
    if record is None:
        # It may be of a newer version, whose request is under way; of which kind is not known.
        limit = patience(Found(None), synchronous=True)
        if age is not None and age < limit:
            return f"it is not readable and was written {age_text(age)} ago (kept until {age_text(limit)})"
        return None
    if record.state is not State.INTENT:
        return None
    if record.conn_id not in connections:
        connections[record.conn_id] = connection_of(record.conn_id, api)
    limit = patience(connections[record.conn_id], synchronous=record.synchronous)
    if age is not None and age < limit:
        return f"its request was sent {age_text(age)} ago and may still be answered (until {age_text(limit)})"
    return None


def _going(entry: Entry) -> str:
    if entry.record is None and entry.updated is None:
        return "discard (not readable, and its age is not known)"
    return "discard"


def _lost(entry: Entry) -> str:
    record = entry.record
    if record is None:
        return "it was not readable" + ("" if entry.updated is not None else ", and its age was not known")
    if record.state is State.INTENT:
        return "a submission without a known answer; if it was accepted, it is charged and its job is not taken up"
    if record.state is State.FINISHED:
        return f"the result of job {record.job_id}"
    return f"job {record.job_id}, which may be charged, is given up"


def _confirm(count: int) -> None:
    if not sys.stdin.isatty():
        raise CommandError("Nothing was discarded: say --yes, or run it where you can be asked.")
    if input(f"Discard {plural(count, 'record')}? [y/N] ").strip().lower() not in ("y", "yes"):
        raise CommandError("Nothing was discarded.")
