"""``airflow orux ledger settle --file``: many answers from one CSV file, each by the same code as a single one."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from airflow_provider_orux.cli.ending import CommandError, UsageError
from airflow_provider_orux.cli.gateways import Found
from airflow_provider_orux.cli.instances import Instance, Ledger
from airflow_provider_orux.cli.output import plural, say
from airflow_provider_orux.cli.rest import AirflowApi
from airflow_provider_orux.cli.settle import Answer, settle_one
from airflow_provider_orux.models.errors import OruxError

NAMING = ("dag_id", "run_id", "task_id")
ANSWERS = ("job_id", "url")


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


def settle_file(args: argparse.Namespace) -> int:
    """Settle what the file says, and tell the outcome of each row; 1 when one was refused.

    The whole file is read before anything is written.
    """
    items = _read(args.file)
    counts = {"settled": 0, "unchanged": 0, "refused": 0}
    connections: dict[str, Found] = {}
    with AirflowApi.of(args) as api:
        ledger = Ledger(api)
        for item in items:
            outcome, text = _settle(item, ledger, args, connections)
            counts[outcome] += 1
            say(f"{item.where}: {outcome}: {text}")
    say()
    say(f"{plural(len(items), 'task instance')}: {', '.join(f'{n} {name}' for name, n in counts.items())}.")
    if counts["settled"]:
        say("Clear the tasks that are settled: they take that up, save it, and pay nothing.")
    return 1 if counts["refused"] else 0


def _settle(
    item: Item, ledger: Ledger, args: argparse.Namespace, connections: dict[str, Found]
) -> tuple[str, str]:
    if not item.job_ids and not item.urls:
        return "refused", f"{item.instance}: the row says neither job_id nor url."
    answer = Answer(item.job_ids[0] if item.job_ids else None, tuple(dict.fromkeys(item.urls)), args.gateway)
    try:
        done = settle_one(ledger, item.instance, answer, force=args.force, connections=connections)
    except CommandError as e:
        return "refused", f"{item.instance}: {e}"
    except OruxError as e:
        return "refused", f"{item.instance}: {e.message.rstrip('.')}."
    return ("unchanged" if done.after is None else "settled"), str(done)


def _read(name: str) -> list[Item]:
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
            values = {name: value.strip() for name, value in row.items()}
            if any(values.values()):
                yield reader.line_num, values
    except csv.Error as e:
        raise _wrong(f"line {reader.line_num} is not CSV ({e})") from e


def _map_index(row: dict[str, str], number: int) -> int:
    text = row.get("map_index") or "-1"
    try:
        return max(int(text), -1)
    except ValueError:
        raise _wrong(f"line {number} has the map_index {text!r}") from None


def _wrong(why: str) -> UsageError:
    return UsageError(
        f"The file is not usable: {why}. Its columns are dag_id, run_id, task_id, map_index (empty: not mapped), and "
        "job_id or url; `airflow orux ledger list --csv` prints them. Nothing was changed."
    )
