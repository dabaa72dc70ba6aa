"""``airflow orux ledger``: see, settle and discard the records of paid submissions."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_orux.cli.ending import CommandError, UsageError, note
from airflow_provider_orux.cli.gateways import Found, find_connection, patience
from airflow_provider_orux.cli.instances import Entry, Instance, Ledger, may_be_charged
from airflow_provider_orux.cli.outlook import ENDED, UNDER_WAY, WAITING, outlook
from airflow_provider_orux.cli.output import (
    age_text,
    moment_text,
    parse_age,
    parse_window,
    plural,
    print_facts,
    print_json,
    print_table,
    say,
)
from airflow_provider_orux.cli.rest import AirflowApi
from airflow_provider_orux.lifecycle.ledger import Record, Remote, State
from airflow_provider_orux.lifecycle.outlook import remote_of
from airflow_provider_orux.models.errors import (
    ConfigurationError,
    InvalidRequestError,
    JobNotFoundError,
    UnexpectedResponseError,
)
from airflow_provider_orux.models.job import Artifact, Job, JobStatus

COLUMNS = {
    "dag_id": "DAG",
    "run_id": "RUN",
    "task_id": "TASK",
    "map_index": "MAP",
    "state": "LEDGER",
    "age": "AGE",
    "task_state": "TASK STATE",
    "job_id": "JOB",
    "conn_id": "CONNECTION",
    "outcome": "OUTCOME",
}
DEFAULTS = "(for the same request and the operators' defaults: on_clear='auto', on_request_changed='fail', on_ambiguous_submit='fail')"  # noqa: E501


# -- list ----------------------------------------------------------------------------------------------------
def list_records(args: argparse.Namespace) -> int:
    """Print the records that fit."""
    if args.run and not args.dag:
        raise UsageError("--run needs --dag.")
    older = parse_age(args.older_than, option="--older-than") if args.older_than else None
    first, last = parse_window(args.from_, args.to)
    with AirflowApi.of(args) as api:
        now = time.time()
        entries = [
            entry
            for entry in Ledger(api).find(
                dag_id=args.dag, run_id=args.run, task_id=args.task, first=first, last=last
            )
            if _in_state(entry, args.state) and _older(entry, older, now)
        ]
    if args.json:
        print_json([_json_of(entry, now) for entry in entries])
        return 0
    if entries:
        print_table([_row(entry, now) for entry in entries], COLUMNS)
        say()
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.state] = counts.get(entry.state, 0) + 1
    detail = f": {', '.join(f'{n} {state}' for state, n in sorted(counts.items()))}" if counts else "."
    say(f"{plural(len(entries), 'record')}{detail}")
    return 0


# -- show ----------------------------------------------------------------------------------------------------
def show(args: argparse.Namespace) -> int:
    """Print one record and what comes next; 1 when there is none."""
    with AirflowApi.of(args) as api:
        ledger = Ledger(api)
        instance = ledger.instance(args.dag_id, args.run_id, args.task_id, args.map_index)
        entry = ledger.read(instance)
        found = _connection(entry.record.conn_id, api) if entry and entry.record else Found(None)
    now = time.time()
    if entry is None:
        if args.json:
            print_json(None)
        else:
            say(f"{instance} has no record: nothing was submitted, or the record was discarded.")
            say(outlook(None, instance, at=now)[0])
        return 1
    record = entry.record
    job: Job | None = None
    remote: Remote | None = None
    if args.ask_gateway and record is not None:
        job, remote = _ask(record, found)
    lines = (
        outlook(
            record,
            instance,
            at=now,
            gateway=found.gateway_name,
            idempotency_seconds=found.connection.gateway.idempotency_seconds if found.connection else 0.0,
            remote=remote,
        )
        if record
        else ["Next execution: it fails and pays nothing, until the record is discarded."]
    )
    if args.json:
        value = _json_of(entry, now)
        value |= {"gateway": found.gateway_name, "remote": job.to_dict() if job else None, "next": lines}
        print_json(value)
        return 0
    print_facts(_facts(entry, now, found, job))
    say()
    for line in lines:
        say(line)
    if record is not None:
        say(DEFAULTS)
    if record is not None and record.state is State.INTENT:
        say(
            f"\nIf the gateway has the job:      {_settle_command(instance, record)}\n"
            f"If it has not:                   {instance.command('discard')}\nThen clear the task."
        )
    elif record is None:
        say(f"\nTo give it up: {instance.command('discard')}")
    return 0


def _ask(record: Record, found: Found) -> tuple[Job | None, Remote | None]:
    """The recorded job as the gateway tells it."""
    if record.job_id is None or record.synchronous:
        note("There is no job to ask the gateway for.")
        return None, None
    connection = found.connection
    if connection is None or not (found.with_key or not connection.gateway.key_required):
        raise CommandError(
            f"The gateway cannot be asked: {found.why.rstrip('.') or 'the key is not readable here'}."
        )
    if connection.client.host != record.host:
        raise CommandError(
            f"The gateway cannot be asked: the record is of {record.host}, and the connection {record.conn_id!r} that "
            f"is readable here of {connection.client.host}."
        )
    from airflow_provider_orux.client.sync import GatewayClient

    with GatewayClient(connection.gateway, connection.client) as client:
        try:
            job = client.poll(record.job_id, attempts=2)
        except (JobNotFoundError, UnexpectedResponseError, InvalidRequestError) as e:
            note(f"The gateway: {e.message}")
            return None, Remote.UNKNOWN
    return job, remote_of(job)


# -- settle --------------------------------------------------------------------------------------------------
def settle(args: argparse.Namespace) -> int:
    """Write into the record which job, or which pictures, the submission became."""
    if not args.job_id and not args.url:
        raise UsageError(
            "Say what the submission became: --job-id ID, or --url for a synchronous generation."
        )
    with AirflowApi.of(args) as api:
        ledger = Ledger(api)
        instance = ledger.instance(args.dag_id, args.run_id, args.task_id, args.map_index)
        entry = ledger.read(instance)
        if entry is None:
            raise CommandError(
                f"{instance} has no record to settle: nothing was submitted, or the record was discarded, or the task "
                "has durable=False."
            )
        record = entry.record
        if record is None:
            raise CommandError(
                f"The record of {instance} cannot be read, so it cannot be settled ({entry.problem}). "
                f"`{instance.command('discard')}` removes it."
            )
        found = _connection(record.conn_id, api)
        settled = _settled(record, args, found, instance)
        if settled is None:
            say(f"{instance} is already on job {record.job_id}: there is nothing to settle.")
            return 0
        if not args.force:
            _refuse_to_settle(record, settled, instance)
        ledger.write(instance, replace(settled, at=time.time()))
    what = f"job {settled.job_id}" if not settled.result else f"{len(args.url)} picture(s) by their links"
    say(f"Settled: {instance} became {what}.")
    if record.state is State.SETTLED and record.job_id != settled.job_id:
        say(f"(It was settled as job {record.job_id} before.)")
    if instance.state in ENDED:
        say("Clear the task: it takes that up, saves it, and pays nothing.")
    else:
        say("The next execution of the task takes that up, saves it, and pays nothing.")
    return 0


def _settled(record: Record, args: argparse.Namespace, found: Found, instance: Instance) -> Record | None:
    """The record after the settlement; None when it says so already."""
    if not record.synchronous:
        if args.url:
            raise CommandError(
                f"{instance} submitted a job: say which with --job-id ID. (--url is for a synchronous generation, "
                "which has no job.)"
            )
        job_id = args.job_id.strip()
        if not job_id:
            raise UsageError("--job-id is empty.")
        if record.state in (State.SUBMITTED, State.SETTLED) and record.job_id == job_id:
            return None
        if found.connection is None:
            note(f"The id is not checked: {found.why.rstrip('.')}.")
        else:
            found.connection.gateway.poll(job_id)  # it refuses a handle that is not one of this gateway's
        return record.with_state(State.SETTLED, job_id=job_id, result=None)
    if not args.url:
        if record.state is State.SUBMITTED and record.job_id == args.job_id and record.result:
            return None
        raise CommandError(
            f"{instance} is a synchronous generation: the gateway has no job of it. If you have the links of the "
            f"pictures, `{instance.command('settle')} --url LINK` (once for each); else "
            f"`{instance.command('discard')}` and clear the task, which pays for new ones."
        )
    for url in args.url:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise UsageError(f"--url is {url!r}; it looks like https://….")
    gateway = found.gateway_name or args.gateway
    if gateway is None:
        raise CommandError(f"Say which gateway made the pictures with --gateway: {found.why.rstrip('.')}.")
    job_id = args.job_id or record.local_id
    job = Job(
        job_id=job_id,
        status=JobStatus.SUCCEEDED,
        gateway=gateway,
        artifacts=tuple(Artifact(url=url) for url in dict.fromkeys(args.url)),
        charged="yes",
    )
    return record.with_state(State.SETTLED, job_id=job_id, result=job.to_dict())


def _refuse_to_settle(record: Record, settled: Record, instance: Instance) -> None:
    if record.state is State.SUBMITTED:
        raise CommandError(
            f"{instance} is on job {record.job_id} already: the gateway accepted it. With another job that one would "
            "be forgotten. --force does it all the same."
        )
    if record.state is State.FINISHED:
        raise CommandError(
            f"{instance} is finished: its result of job {record.job_id} is recorded. --force settles it anew."
        )
    if instance.state in UNDER_WAY:
        raise CommandError(
            f"{instance} is running now: its worker may still get the answer itself. Wait until it has ended, or use "
            "--force."
        )


# -- discard -------------------------------------------------------------------------------------------------
def discard(args: argparse.Namespace) -> int:
    """Remove one record, or those of a DAG that fit."""
    narrowing = [n for n in ("run", "task", "from_", "to", "older_than", "yes") if getattr(args, n)]
    if args.dag_id and args.dag:
        raise UsageError("Give DAG RUN TASK, or --dag for many records; not both.")
    if args.dag_id:
        if not args.task_id:
            raise UsageError("One record is named by three words: DAG RUN TASK.")
        if narrowing or args.state != "intent":
            raise UsageError("With DAG RUN TASK there is one record: leave out what is for many (see --dag).")
        return _discard_one(args)
    if not args.dag:
        raise UsageError("Say which record: DAG RUN TASK, or --dag for many.")
    if args.map_index >= 0 and not args.task:
        raise UsageError("--map-index needs DAG RUN TASK, or --task.")
    return _discard_many(args)


def _discard_one(args: argparse.Namespace) -> int:
    with AirflowApi.of(args) as api:
        ledger = Ledger(api)
        instance = ledger.instance(args.dag_id, args.run_id, args.task_id, args.map_index)
        entry = ledger.read(instance)
        if entry is None:
            say(f"{instance} has no record: there is nothing to discard.")
            return 0
        connections: dict[str, Found] = {}
        if not args.force and (why := _under_way(entry, api, connections, time.time())):
            raise CommandError(f"{instance}: {why}. --force does it all the same.")
        ledger.remove(instance)
    say(f"Discarded the record of {instance} ({_lost(entry)}).")
    say(
        "The next execution of the task submits anew, which is charged."
        + (" Clear the task." if instance.state in ENDED else "")
    )
    return 0


def _discard_many(args: argparse.Namespace) -> int:
    older = parse_age(args.older_than, option="--older-than") if args.older_than else None
    first, last = parse_window(args.from_, args.to)
    with AirflowApi.of(args) as api:
        ledger = Ledger(api)
        now = time.time()
        entries = [
            entry
            for entry in ledger.find(
                dag_id=args.dag, run_id=args.run, task_id=args.task, first=first, last=last
            )
            if _in_state(entry, args.state)
            and _older(entry, older, now)
            and args.map_index in (-1, entry.instance.map_index)
        ]
        if not entries:
            say("No record fits: there is nothing to discard.")
            return 0
        connections: dict[str, Found] = {}
        kept = {
            entry.instance: why
            for entry in entries
            if not args.force and (why := _under_way(entry, api, connections, now))
        }
        print_table(
            [
                _row(entry, now)
                | {"outcome": f"kept: {kept[entry.instance]}" if entry.instance in kept else "discard"}
                for entry in entries
            ],
            COLUMNS,
        )
        going = [entry for entry in entries if entry.instance not in kept]
        charged = [entry for entry in going if may_be_charged(entry)]
        say(
            f"\n{plural(len(going), 'record')} to discard; {len(charged)} of them of a submission that was, or may "
            "have been, charged. Each of these tasks submits anew when it runs again, which is charged."
        )
        if kept:
            say(f"{plural(len(kept), 'record')} kept (--force discards these too).")
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
                note(f"{entry.instance}: {e}")
        say(f"Discarded {plural(len(going) - failed, 'record')}." + (f" {failed} failed." if failed else ""))
    return 1 if failed or kept else 0


def _under_way(entry: Entry, api: AirflowApi, connections: dict[str, Found], now: float) -> str | None:
    """Why a record is still needed by somebody who is at work; None when it is not."""
    state = entry.instance.state
    if state in UNDER_WAY or state in WAITING:
        return f"the task is {state} now"
    record = entry.record
    if record is None or record.state is not State.INTENT:
        return None
    if record.conn_id not in connections:
        connections[record.conn_id] = _connection(record.conn_id, api)
    limit = patience(connections[record.conn_id], synchronous=record.synchronous)
    age = now - record.at
    if age < limit:
        return f"its request was sent {age_text(age)} ago and may still be answered (until {age_text(limit)})"
    return None


def _connection(conn_id: str, api: AirflowApi) -> Found:
    try:
        return find_connection(conn_id, api)
    except ConfigurationError as e:
        return Found(None, why=e.message)


def _lost(entry: Entry) -> str:
    record = entry.record
    if record is None:
        return "it was not readable"
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


# -- what all show -------------------------------------------------------------------------------------------
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


def _row(entry: Entry, now: float) -> dict[str, Any]:
    record, age = entry.record, entry.age(now)
    return {
        "dag_id": entry.instance.dag_id,
        "run_id": entry.instance.run_id,
        "task_id": entry.instance.task_id,
        "map_index": entry.instance.map_index if entry.instance.map_index >= 0 else None,
        "state": entry.state,
        "age": None if age is None else age_text(age),
        "task_state": entry.instance.state or "none",
        "job_id": record.job_id if record else None,
        "conn_id": record.conn_id if record else None,
    }


def _json_of(entry: Entry, now: float) -> dict[str, Any]:
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


def _facts(entry: Entry, now: float, found: Found, job: Job | None) -> Mapping[str, Any]:
    instance, record, age = entry.instance, entry.record, entry.age(now)
    facts: dict[str, Any] = {
        "task instance": instance,
        "task": f"{instance.state or 'cleared or not scheduled'}, try {instance.facts.get('try_number')} of "
        f"{_tries(instance)}",
        "ledger": entry.state,
        "problem": entry.problem,
    }
    if age is not None:
        facts["since"] = f"{moment_text(now - age)} ({age_text(age)} ago)"
    if record is not None:
        facts |= {
            "kind": "synchronous generation (no job at the gateway)" if record.synchronous else "job",
            "job": record.job_id or "not known",
            "connection": record.conn_id
            + (f" ({found.connection.gateway.title})" if found.connection else ""),
            "host": record.host,
            "epoch": f"{record.epoch} (the task's is {instance.facts.get('max_tries')})",
            "our id": record.local_id,
            "fields": ", ".join(record.fields),
            "sent again": f"{record.resubmits} times" if record.resubmits else None,
        }
        result = record.result or {}
        if record.state is State.FINISHED:
            facts |= {"charged": result.get("charged"), "manifest": result.get("manifest")}
        if artifacts := result.get("artifacts"):
            facts["artifacts"] = len(artifacts)
    if entry.expires:
        facts["expires"] = "yes: Airflow's clean-up may remove it (it was not written by this provider)"
    if job is not None:
        facts["gateway says"] = job.status.value + (f": {job.error_message}" if job.error_message else "")
    return facts


def _tries(instance: Instance) -> str:
    tries = instance.facts.get("max_tries")
    return str(tries + 1) if isinstance(tries, int) else "?"


def _settle_command(instance: Instance, record: Record) -> str:
    return instance.command("settle") + (" --url LINK" if record.synchronous else " --job-id ID")
