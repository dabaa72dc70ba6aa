"""``airflow orux ledger settle``: say which job, or which images, a submission became."""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from airflow_provider_orux.cli.connections import FoundConnection, connection_of
from airflow_provider_orux.cli.errors import CommandError, UsageError
from airflow_provider_orux.cli.ledger.instances import Instance, LedgerRecords
from airflow_provider_orux.cli.ledger.logs import LogLedger, open_ledger
from airflow_provider_orux.cli.ledger.outlook import ENDED, UNDER_WAY
from airflow_provider_orux.cli.ledger.records import need_all_three
from airflow_provider_orux.cli.output import Output, csv_text, plural
from airflow_provider_orux.compat import COMMAND
from airflow_provider_orux.lifecycle.record import Record, State
from airflow_provider_orux.models.errors import OruxError
from airflow_provider_orux.models.job import Artifact, Job, JobStatus, is_job_id

#: What an id must be like to be written, whatever the gateway.
JOB_ID_RULE = "it has 1 to 500 printable characters, no spaces and none of / ? # \\"
NAMING = ("dag_id", "run_id", "task_id")
ANSWERS = ("job_id", "url")


@dataclass(frozen=True)
class Answer:
    """What a person says that a submission became.

    :param job_id: the gateway's job.
    :param urls: the URLs of the images of a synchronous generation, which has no job.
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
            return f"{self.instance} already has job {self.before.job_id}: there is nothing to settle."
        if not self.after.result:
            return f"{self.instance} became job {self.after.job_id}."
        return f"{self.instance} became {plural(len(self.after.result['artifacts']), 'image')} by URL."


def settle(args: argparse.Namespace, out: Output) -> int:
    """Write into the record which job, or which images, the submission became; with ``--file``, into many."""
    if args.file:
        if args.dag_id or args.job_id or args.url or args.map_index >= 0:
            raise UsageError(
                "With --file, the task instances and their jobs are in the file: give neither here."
            )
        return _settle_file(args, out)
    if not args.dag_id:
        raise UsageError("Name one record by DAG_ID RUN_ID TASK_ID, or give many with --file.")
    need_all_three(args)
    if not args.job_id and not args.url:
        raise UsageError(
            "Say what the submission became: --job-id ID, or --url for a synchronous generation."
        )
    answer = Answer(args.job_id, tuple(dict.fromkeys(args.url or ())), args.gateway)
    with open_ledger(args) as ledger:
        done = settle_one(
            ledger,
            Instance(args.dag_id, args.run_id, args.task_id, args.map_index),
            answer,
            force=args.force,
            connections={},
            out=out,
        )
    if done.after is None:
        out.say(str(done))
        return 0
    out.say(f"Settled: {done}")
    if done.before.state is State.SETTLED and done.before.job_id != done.after.job_id:
        out.say(f"(It was settled as job {done.before.job_id} before.)")
    if done.instance.state in ENDED:
        out.say("Clear the task: it reattaches, saves the result and pays nothing.")
    else:
        out.say("The next execution of the task reattaches, saves the result and pays nothing.")
    return 0


def settle_one(
    ledger: LedgerRecords | LogLedger,
    wanted: Instance,
    answer: Answer,
    *,
    force: bool,
    connections: dict[str, FoundConnection],
    out: Output,
) -> Settlement:
    """Check an answer against the record of a task instance and write it there.

    :param connections: those that were looked up already, by id.
    :raises CommandError: it is refused, or could not be written.
    :raises InvalidRequestError: the id cannot be one of the gateway's.
    """
    instance = ledger.instance(wanted.dag_id, wanted.run_id, wanted.task_id, wanted.map_index)
    entry = ledger.read(instance)
    if entry is None or entry.is_discarded:
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
    settled = _settled(record, answer, connections[record.conn_id], instance, out)
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


def _settled(
    record: Record, answer: Answer, found: FoundConnection, instance: Instance, out: Output
) -> Record | None:
    """The record after the settlement; None when it says so already."""
    if answer.job_id and not is_job_id(answer.job_id):
        raise CommandError(f"{answer.job_id[:100]!r} is not a job id: {JOB_ID_RULE}.")
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
            out.note(f"The job id is not checked with the gateway: {found.why.rstrip('.')}.")
        else:
            found.connection.gateway.poll(job_id)  # it refuses a handle that is not one of this gateway's
        return record.changed(state=State.SETTLED, job_id=job_id, result=None)
    if not answer.urls:
        if record.state is State.SUBMITTED and record.job_id == answer.job_id and record.result:
            return None
        raise CommandError(
            f"{instance} is a synchronous generation, so the gateway has no job of it. If you have the URLs of its "
            f"images: `{instance.command('settle', urls=['URL'])}` (repeat --url for each). If not: "
            f"`{instance.command('discard')}`, then clear the task, which pays for new ones."
        )
    for url in answer.urls:
        if (
            not url.isprintable()
            or urlsplit(url).scheme not in ("http", "https")
            or not urlsplit(url).hostname
        ):
            raise UsageError(f"--url is {url!r}; it looks like https://….")
    gateway = found.gateway_name or answer.gateway
    if gateway is None:
        raise CommandError(f"Say which gateway made the images with --gateway: {found.why.rstrip('.')}.")
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
            f"{instance} already has job {record.job_id}, which the gateway accepted and another job would replace. "
            "--force settles it all the same."
        )
    if record.state is State.FINISHED:
        raise CommandError(
            f"{instance} is finished: the result of job {record.job_id} is recorded. --force settles it all the same."
        )
    if instance.state in UNDER_WAY:
        raise CommandError(
            f"{instance} is running: its worker may still get the answer. Wait until it ends, or use --force."
        )


# -- a file of many ------------------------------------------------------------------------------------------------
@dataclass
class Item:
    """What a file says of one task instance.

    :param lines: where it says so.
    """

    instance: Instance
    lines: list[int] = field(default_factory=list)
    job_ids: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        """The lines, for a person."""
        return f"line{'s' if len(self.lines) > 1 else ''} {', '.join(map(str, self.lines))}"


def _settle_file(args: argparse.Namespace, out: Output) -> int:
    """Settle what the file says, and tell the outcome of each row; 1 when one was refused.

    The whole file is read before anything is written.
    """
    items = _read_file(args.file)
    counts = {"settled": 0, "unchanged": 0, "refused": 0}
    connections: dict[str, FoundConnection] = {}
    with open_ledger(args) as ledger:
        for item in items:
            outcome, text = _settle_item(item, ledger, args, connections, out)
            counts[outcome] += 1
            out.say(f"{item.where}: {outcome}: {text}")
    out.say()
    out.say(
        f"{plural(len(items), 'task instance')}: {', '.join(f'{n} {name}' for name, n in counts.items())}."
    )
    if counts["settled"]:
        out.say("Clear the settled tasks: they reattach, save their results and pay nothing.")
    return 1 if counts["refused"] else 0


def _settle_item(
    item: Item,
    ledger: LedgerRecords | LogLedger,
    args: argparse.Namespace,
    connections: dict[str, FoundConnection],
    out: Output,
) -> tuple[str, str]:
    if not item.job_ids and not item.urls:
        return "refused", f"{item.instance}: the row has neither job_id nor url."
    answer = Answer(item.job_ids[0] if item.job_ids else None, tuple(dict.fromkeys(item.urls)), args.gateway)
    try:
        done = settle_one(ledger, item.instance, answer, force=args.force, connections=connections, out=out)
    except CommandError as e:
        return "refused", f"{item.instance}: {e}"
    except OruxError as e:
        return "refused", f"{item.instance}: {e.message.rstrip('.')}."
    return ("unchanged" if done.after is None else "settled"), str(done)


def _read_file(name: str) -> list[Item]:
    """The items of a file, in its order.

    :param name: ``-`` for the standard input.
    :raises CommandError: it cannot be read.
    :raises UsageError: it is not such a file, or contradicts itself.
    """
    if name == "-":
        return items_of(sys.stdin)
    try:
        # A spreadsheet may put a mark of the encoding first.
        with open(name, encoding="utf-8-sig", newline="") as file:
            return items_of(file)
    except (OSError, UnicodeDecodeError) as e:
        raise CommandError(
            f"{name} cannot be read: {getattr(e, 'strerror', None) or e}. Nothing was changed."
        ) from e


def items_of(text: Iterable[str]) -> list[Item]:
    """The items of a CSV text.

    :raises UsageError: it is not such a text, or contradicts itself.
    """
    items: dict[Instance, Item] = {}
    taken: dict[str, Item] = {}
    for number, row in _rows(text):
        instance = Instance(row["dag_id"], row["run_id"], row["task_id"], _map_index(row, number))
        if missing := [name for name in NAMING if not row[name]]:
            raise _wrong(f"line {number} has no {', '.join(missing)}")
        item = items.setdefault(instance, Item(instance))
        item.lines.append(number)
        if (url := row.get("url")) and url not in item.urls:
            item.urls.append(url)
        if (job_id := row.get("job_id")) and job_id not in item.job_ids:
            item.job_ids.append(job_id)
            if len(item.job_ids) > 1:
                raise _wrong(f"{item.where} give {instance} different jobs")
            if taken.setdefault(job_id, item) is not item:
                raise _wrong(
                    f"{taken[job_id].where} and {item.where} give two task instances the same job {job_id}"
                )
    if not items:
        raise _wrong("it has no rows")
    return list(items.values())


def _rows(text: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row that is not empty, with its line number."""
    reader = csv.DictReader(text, skipinitialspace=True, restkey="more", restval="")
    try:
        head = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = head
        if missing := [name for name in NAMING if name not in head]:
            raise _wrong(f"its header has no {', '.join(missing)}")
        if not any(name in head for name in ANSWERS):
            raise _wrong("its header has neither job_id nor url")
        for row in reader:
            if "more" in row:
                raise _wrong(f"line {reader.line_num} has more values than the header")
            values = {name: csv_text(value.strip()) for name, value in row.items()}
            if any(values.values()):
                yield reader.line_num, values
    except csv.Error as e:
        raise _wrong(f"line {reader.line_num} is not CSV ({e})") from e


def _map_index(row: dict[str, str], number: int) -> int:
    text = row.get("map_index") or "-1"
    try:
        return max(int(text), -1)
    except ValueError:
        raise _wrong(f"line {number} has map_index {text!r}, which is no number") from None


def _wrong(why: str) -> UsageError:
    return UsageError(
        f"The file cannot be used: {why}. Its columns are dag_id, run_id, task_id, map_index (empty: not mapped), and "
        f"job_id or url; `{COMMAND} ledger list -o csv` prints them. Nothing was changed."
    )
