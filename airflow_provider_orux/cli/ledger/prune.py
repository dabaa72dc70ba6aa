"""``airflow orux ledger prune``: remove records that nobody needs any more."""

from __future__ import annotations

import argparse
import time

from airflow_provider_orux.cli.errors import CommandError, UsageError
from airflow_provider_orux.cli.ledger.discard import confirm
from airflow_provider_orux.cli.ledger.instances import Instance, LedgerEntry
from airflow_provider_orux.cli.ledger.logs import LogLedger, open_ledger
from airflow_provider_orux.cli.ledger.records import COLUMNS, CSV, select
from airflow_provider_orux.cli.output import Output, plural
from airflow_provider_orux.cli.times import parse_age
from airflow_provider_orux.lifecycle.record import State

#: Seconds that a record must be old: an execution may hold what it read, and a person may want to clear a task.
LEAST_AGE = 86_400.0


def prune(args: argparse.Namespace, out: Output) -> int:
    """Remove finished and discarded records that are old enough; 1 when one could not be removed."""
    older = parse_age(args.older_than, option="--older-than")
    if older < LEAST_AGE:
        raise UsageError(f"--older-than is {args.older_than}; it is 1d or more.")
    if args.run and not args.dag:
        raise UsageError("--run-id needs --dag-id.")
    args.state = "all"
    tell = out.say if args.output == "table" else out.note
    failed: dict[Instance, str] = {}
    with open_ledger(args) as ledger:
        now = time.time()
        entries = [
            entry for entry in select(ledger, args, now) if _is_done(entry, undelivered=args.undelivered)
        ]
        if args.output == "table" and entries:
            out.table([entry.row(now) for entry in entries], COLUMNS)
            out.say()
        if entries and not args.yes:
            confirm("Prune", len(entries))
        for entry in entries:
            try:
                if isinstance(ledger, LogLedger):
                    ledger.prune(entry.instance)
                else:
                    ledger.remove(entry.instance)
            except CommandError as e:
                failed[entry.instance] = str(e)
                out.note(f"{entry.instance}: {e}")
        swept = 0
        if isinstance(ledger, LogLedger):
            swept = ledger.sweep(older=older, dag_id=args.dag, run_id=args.run, task_id=args.task)
    tell(f"Pruned {plural(len(entries) - len(failed), 'record')}; {plural(swept, 'empty log')} removed.")
    if args.output != "table":
        outcomes = {
            e.instance: f"failed: {failed[e.instance]}" if e.instance in failed else "pruned" for e in entries
        }
        out.data(
            args.output,
            [e.to_json(now) | {"outcome": outcomes[e.instance]} for e in entries],
            rows=[e.csv_row(now) | {"outcome": outcomes[e.instance]} for e in entries],
            columns=(*CSV, "outcome"),
        )
    return 1 if failed else 0


def _is_done(entry: LedgerEntry, *, undelivered: bool) -> bool:
    record = entry.record
    if record is None or record.state is not State.FINISHED:
        return entry.is_discarded
    return record.delivered or undelivered
