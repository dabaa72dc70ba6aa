"""``airflow orux ledger list`` and ``show``: the records of paid submissions, and what comes next."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_orux.cli.connections import FoundConnection, connection_of
from airflow_provider_orux.cli.errors import CommandError, UsageError
from airflow_provider_orux.cli.ledger.instances import Instance, LedgerEntry
from airflow_provider_orux.cli.ledger.logs import open_ledger
from airflow_provider_orux.cli.ledger.outlook import outlook
from airflow_provider_orux.cli.ledger.records import (
    COLUMNS,
    CSV,
    SHORT,
    names_one,
    select,
)
from airflow_provider_orux.cli.output import Output, plural
from airflow_provider_orux.cli.times import age_text, moment_text
from airflow_provider_orux.lifecycle.ledger import RemoteState
from airflow_provider_orux.lifecycle.record import Record, State
from airflow_provider_orux.models.errors import (
    InvalidRequestError,
    JobNotFoundError,
    UnexpectedResponseError,
)
from airflow_provider_orux.models.job import Job

#: For which settings of the task the outlook holds.
DEFAULTS = (
    "(for the same request and the operators' defaults: on_clear='auto', on_request_changed='fail', "
    "on_ambiguous_submit='fail', free retries)"
)


# -- list ----------------------------------------------------------------------------------------------------
def list_records(args: argparse.Namespace, out: Output) -> int:
    """Print the records that fit."""
    if args.run and not args.dag:
        raise UsageError("--run-id needs --dag-id.")
    with open_ledger(args) as ledger:
        now = time.time()
        entries = select(ledger, args, now)
    if args.output != "table":
        out.data(
            args.output,
            [entry.to_json(now) for entry in entries],
            rows=[entry.csv_row(now) for entry in entries],
            columns=CSV,
        )
        return 0
    if entries:
        out.table([entry.row(now) for entry in entries], COLUMNS)
        out.say()
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.state] = counts.get(entry.state, 0) + 1
    detail = f": {', '.join(f'{n} {state}' for state, n in sorted(counts.items()))}" if counts else "."
    out.say(f"{plural(len(entries), 'record')}{detail}")
    return 0


# -- show ----------------------------------------------------------------------------------------------------
def show(args: argparse.Namespace, out: Output) -> int:
    """Print one record and what comes next (1 when there is none), or many in short."""
    if names_one(args, state="all"):
        return _show_one(args, out)
    if args.map_index >= 0 or args.ask_gateway:
        raise UsageError("--map-index and --ask-gateway are for one record: DAG_ID RUN_ID TASK_ID.")
    return _show_many(args, out)


def _show_many(args: argparse.Namespace, out: Output) -> int:
    with open_ledger(args) as ledger:
        now = time.time()
        entries = select(ledger, args, now)
        found = {
            conn_id: connection_of(conn_id, ledger.api)
            for conn_id in sorted({entry.record.conn_id for entry in entries if entry.record})
        }
    comes = [
        _next(entry, found[entry.record.conn_id] if entry.record else FoundConnection(None), now)
        for entry in entries
    ]
    if args.output != "table":
        _data(args, out, [(entry, lines, {}) for entry, lines in zip(entries, comes, strict=True)], now)
        return 0
    if entries:
        rows = [e.row(now) | {"next": " ".join(lines)} for e, lines in zip(entries, comes, strict=True)]
        out.table(rows, {k: COLUMNS[k] for k in SHORT} | {"next": "NEXT"})
        out.say()
        out.say(DEFAULTS)
    out.say(f"{plural(len(entries), 'record')}.")
    return 0


def _data(
    args: argparse.Namespace,
    out: Output,
    shown: Sequence[tuple[LedgerEntry, list[str], Mapping[str, Any]]],
    now: float,
    *,
    single: bool = False,
) -> None:
    """Records and what comes next, for a program.

    :param shown: each record, what comes next, and more to say of it.
    :param single: whether one record was asked for by its name.
    """
    values = [entry.to_json(now) | dict(more) | {"next": lines} for entry, lines, more in shown]
    value = (values[0] if values else None) if single else values
    rows = [entry.csv_row(now) | {"next": " ".join(lines)} for entry, lines, _ in shown]
    out.data(args.output, value, rows=rows, columns=(*CSV, "next"))


def _next(
    entry: LedgerEntry, found: FoundConnection, now: float, *, remote: RemoteState | None = None
) -> list[str]:
    if entry.record is None:
        return ["The next execution fails and pays nothing, until the record is discarded."]
    return outlook(
        entry.record,
        entry.instance,
        at=now,
        gateway=found.gateway_name,
        idempotency_seconds=found.connection.gateway.idempotency_seconds if found.connection else 0.0,
        remote=remote,
    )


def _show_one(args: argparse.Namespace, out: Output) -> int:
    with open_ledger(args) as ledger:
        instance = ledger.instance(args.dag_id, args.run_id, args.task_id, args.map_index)
        entry = ledger.read(instance)
        found = (
            connection_of(entry.record.conn_id, ledger.api)
            if entry and entry.record
            else FoundConnection(None)
        )
    now = time.time()
    if entry is None:
        if args.output != "table":
            _data(args, out, [], now, single=True)
        else:
            out.say(f"{instance} has no record: nothing was submitted, or the record was discarded.")
            out.say(outlook(None, instance, at=now)[0])
        return 1
    record = entry.record
    job: Job | None = None
    remote: RemoteState | None = None
    unasked: CommandError | None = None
    if args.ask_gateway and record is not None:
        try:
            job, remote = _ask(record, found, out)
        except CommandError as e:
            unasked = e  # what the ledger holds is told all the same
    lines = _next(entry, found, now, remote=remote)
    if args.output != "table":
        more = {"gateway": found.gateway_name, "remote": job.to_dict() if job else None}
        _data(args, out, [(entry, lines, more)], now, single=True)
        if unasked is not None:
            raise unasked
        return 0
    out.facts(_facts(entry, now, found, job))
    out.say()
    for line in lines:
        out.say(line)
    if record is not None:
        out.say(DEFAULTS)
    if record is not None and record.state is State.INTENT:
        out.say()
        out.say(f"If the gateway has the job:      {_settle_command(instance, record)}")
        out.say(f"If it does not:                  {instance.command('discard')}")
        out.say("Then clear the task.")
    elif record is None:
        out.say()
        out.say(f"To give it up: {instance.command('discard')}")
    if unasked is not None:
        out.say()
        raise unasked
    return 0


def _ask(record: Record, found: FoundConnection, out: Output) -> tuple[Job | None, RemoteState | None]:
    """The recorded job as the gateway tells it."""
    if record.job_id is None or record.synchronous:
        out.note("There is no job to ask the gateway for.")
        return None, None
    connection = found.connection
    if connection is None or not (found.with_key or not connection.gateway.key_required):
        raise CommandError(
            f"The gateway cannot be asked: {found.why.rstrip('.') or 'its key is not readable here'}. Export the "
            f"connection in this shell, as AIRFLOW_CONN_{record.conn_id.upper()}."
        )
    if connection.client.host != record.host:
        raise CommandError(
            f"The gateway cannot be asked: the record is of {record.host}, but the connection {record.conn_id!r} "
            f"readable here leads to {connection.client.host}."
        )
    from airflow_provider_orux.client.sync import GatewayClient

    with GatewayClient(connection.gateway, connection.client) as client:
        try:
            job = client.poll(record.job_id, attempts=2)
        except (JobNotFoundError, UnexpectedResponseError, InvalidRequestError) as e:
            out.note(f"The gateway: {e.message}")
            return None, RemoteState.UNKNOWN
    return job, RemoteState.of(job)


def _facts(entry: LedgerEntry, now: float, found: FoundConnection, job: Job | None) -> Mapping[str, Any]:
    instance, record, age = entry.instance, entry.record, entry.age(now)
    facts: dict[str, Any] = {
        "task instance": instance,
        "task": f"{instance.state or 'cleared or not scheduled'}, try {instance.facts.get('try_number')} of "
        f"{_tries(instance)}"
        if instance.facts
        else None,
        "ledger": entry.state,
        "problem": entry.problem,
    }
    if age is not None:
        facts["since"] = f"{moment_text(now - age)} ({age_text(age)} ago)"
    if record is not None:
        facts |= {
            "kind": "synchronous generation (no job at the gateway)" if record.synchronous else "job",
            "job": record.job_id or "unknown",
            "connection": record.conn_id
            + (f" ({found.connection.gateway.title})" if found.connection else ""),
            "host": record.host,
            "cleared since": "yes" if _cleared(record, instance) else None,
            "submission id": record.submission_id,
            "fields": ", ".join(record.fields),
            "sent again": plural(record.resubmits, "time") if record.resubmits else None,
        }
        result = record.result or {}
        if record.state is State.FINISHED:
            facts |= {
                "charged": result.get("charged"),
                "manifest": result.get("manifest"),
                "delivered": "yes" if record.delivered else "no: Airflow did not record the task's success",
            }
        if artifacts := result.get("artifacts"):
            facts["artifacts"] = len(artifacts)
        facts["earlier"] = plural(len(record.earlier), "submission") if record.earlier else None
    if entry.expires:
        facts["expires"] = "yes: Airflow's clean-up may remove it (this provider did not write it)"
    if job is not None:
        facts["gateway says"] = job.status.value + (f": {job.error_message}" if job.error_message else "")
    return facts


def _cleared(record: Record, instance: Instance) -> bool:
    """Whether the task was cleared after this was recorded, as far as Airflow says how it is."""
    tries = instance.facts.get("max_tries")
    return isinstance(tries, int) and tries != record.max_tries


def _tries(instance: Instance) -> str:
    tries = instance.facts.get("max_tries")
    return str(tries + 1) if isinstance(tries, int) else "?"


def _settle_command(instance: Instance, record: Record) -> str:
    if record.synchronous:
        return instance.command("settle", urls=["URL"])
    return instance.command("settle", job_id="ID")
