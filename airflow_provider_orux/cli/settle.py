"""``airflow orux ledger settle``: say which job, or which pictures, a submission became."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from airflow_provider_orux.cli.ending import CommandError, UsageError, note
from airflow_provider_orux.cli.gateways import Found, connection_of
from airflow_provider_orux.cli.instances import Instance, Ledger
from airflow_provider_orux.cli.outlook import ENDED, UNDER_WAY
from airflow_provider_orux.cli.output import plural, say
from airflow_provider_orux.cli.rest import AirflowApi
from airflow_provider_orux.lifecycle.record import Record, State
from airflow_provider_orux.models.job import Artifact, Job, JobStatus


@dataclass(frozen=True)
class Answer:
    """What a person says that a submission became.

    :param job_id: the gateway's job.
    :param urls: links of the pictures of a synchronous generation, which has no job.
    :param gateway: which one made these, where the connection does not tell.
    """

    job_id: str | None
    urls: tuple[str, ...] = ()
    gateway: str | None = None


@dataclass(frozen=True)
class Settlement:
    """What was done.

    :param before: the record as it was.
    :param after: as it is now; None: it said so already, and nothing was written.
    """

    instance: Instance
    before: Record
    after: Record | None

    def __str__(self) -> str:
        if self.after is None:
            return f"{self.instance} is already on job {self.before.job_id}: there is nothing to settle."
        if not self.after.result:
            return f"{self.instance} became job {self.after.job_id}."
        return f"{self.instance} became {plural(len(self.after.result['artifacts']), 'picture')} by link."


def settle(args: argparse.Namespace) -> int:
    """Write into the record which job, or which pictures, the submission became; with ``--file``, into many."""
    if args.file:
        if args.dag_id or args.job_id or args.url or args.map_index >= 0:
            raise UsageError("With --file the task instances and their jobs are in the file.")
        from airflow_provider_orux.cli.settle_many import settle_file

        return settle_file(args)
    if not args.task_id:
        raise UsageError("One record is named by three words: DAG RUN TASK. For many: --file.")
    if not args.job_id and not args.url:
        raise UsageError(
            "Say what the submission became: --job-id ID, or --url for a synchronous generation."
        )
    answer = Answer(args.job_id, tuple(dict.fromkeys(args.url or ())), args.gateway)
    with AirflowApi.of(args) as api:
        done = settle_one(
            Ledger(api),
            Instance(args.dag_id, args.run_id, args.task_id, args.map_index),
            answer,
            force=args.force,
            connections={},
        )
    if done.after is None:
        say(str(done))
        return 0
    say(f"Settled: {done}")
    if done.before.state is State.SETTLED and done.before.job_id != done.after.job_id:
        say(f"(It was settled as job {done.before.job_id} before.)")
    if done.instance.state in ENDED:
        say("Clear the task: it takes that up, saves it, and pays nothing.")
    else:
        say("The next execution of the task takes that up, saves it, and pays nothing.")
    return 0


def settle_one(
    ledger: Ledger, wanted: Instance, answer: Answer, *, force: bool, connections: dict[str, Found]
) -> Settlement:
    """Check an answer against the record of a task instance and write it there.

    :param connections: those that were looked up already, by id.
    :raises CommandError: it is refused, or could not be written.
    :raises InvalidRequestError: the id cannot be one of the gateway's.
    """
    instance = ledger.instance(wanted.dag_id, wanted.run_id, wanted.task_id, wanted.map_index)
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
    if record.conn_id not in connections:
        connections[record.conn_id] = connection_of(record.conn_id, ledger.api)
    settled = _settled(record, answer, connections[record.conn_id], instance)
    if settled is None:
        return Settlement(instance, record, None)
    if not force:
        _refuse_to_settle(record, settled, instance)
    at = time.time()
    # What was accepted before stays in the record: it may be charged, too.
    replaced = record.state in (State.SUBMITTED, State.FINISHED) and record.job_id != settled.job_id
    earlier = record.superseded(at=at) if replaced else record.earlier
    ledger.write(instance, settled.changed(updated_at=at, earlier=earlier, delivered=False))
    return Settlement(instance, record, settled)


def _settled(record: Record, answer: Answer, found: Found, instance: Instance) -> Record | None:
    """The record after the settlement; None when it says so already."""
    if not record.synchronous:
        if answer.urls:
            raise CommandError(
                f"{instance} submitted a job: say which with --job-id ID. (--url is for a synchronous generation, "
                "which has no job.)"
            )
        job_id = (answer.job_id or "").strip()
        if not job_id:
            raise UsageError("--job-id is empty.")
        if record.state in (State.SUBMITTED, State.SETTLED) and record.job_id == job_id:
            return None
        if found.connection is None:
            note(f"The id is not checked: {found.why.rstrip('.')}.")
        else:
            found.connection.gateway.poll(job_id)  # it refuses a handle that is not one of this gateway's
        return record.changed(state=State.SETTLED, job_id=job_id, result=None)
    if not answer.urls:
        if record.state is State.SUBMITTED and record.job_id == answer.job_id and record.result:
            return None
        raise CommandError(
            f"{instance} is a synchronous generation: the gateway has no job of it. If you have the links of the "
            f"pictures, `{instance.command('settle')} --url LINK` (once for each); else "
            f"`{instance.command('discard')}` and clear the task, which pays for new ones."
        )
    for url in answer.urls:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise UsageError(f"--url is {url!r}; it looks like https://….")
    gateway = found.gateway_name or answer.gateway
    if gateway is None:
        raise CommandError(f"Say which gateway made the pictures with --gateway: {found.why.rstrip('.')}.")
    job_id = answer.job_id or record.submission_id
    job = Job(
        job_id=job_id,
        status=JobStatus.SUCCEEDED,
        gateway=gateway,
        artifacts=tuple(Artifact(url=url) for url in answer.urls),
        charged="yes",
    )
    return record.changed(state=State.SETTLED, job_id=job_id, result=job.to_dict())


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
