"""``airflow orux cost``: what was spent, summed from the ledger, with what was paid for and superseded."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from airflow_provider_orux.cli.ledger.instances import LedgerEntry, LedgerRecords
from airflow_provider_orux.cli.ledger.logs import open_ledger
from airflow_provider_orux.cli.output import Output, plural
from airflow_provider_orux.cli.times import moment_text, parse_window
from airflow_provider_orux.lifecycle.charges import Charge, Total, once_each

#: What a row of CSV has.
CSV = (
    "dag_id", "run_id", "task_id", "map_index", "day", "gateway", "conn_id", "model", "job_id", "charged",
    "price", "currency", "superseded",
)  # fmt: skip
_TABLE = {"by": "BY", "name": "NAME", "jobs": "JOBS", "cost": "COST", "unpriced": "PRICE UNKNOWN"}


def cost(args: argparse.Namespace, out: Output) -> int:
    """Print what the jobs of task instances cost."""
    first, last = parse_window(args.from_, args.to)
    with open_ledger(args) as ledger:
        if isinstance(ledger, LedgerRecords):
            entries = list(ledger.find(dag_id=args.dag, first=first, last=last))
            first = last = None
        else:
            # It knows no dates of runs: a job counts for the day on which its record was last changed.
            entries = list(ledger.find(dag_id=args.dag))
    unreadable = sum(1 for entry in entries if entry.record is None)
    rows = [row for entry in entries for row in _rows(entry) if _between(row["at"], first, last)]
    totals = list(_totals(rows))
    whole = Total.of(once_each(row["charge"] for row in rows))
    for row in rows:
        del row["charge"], row["at"]
    if args.output != "table":
        value = {
            "total": _total(whole),
            "totals": totals,
            "jobs": rows,
            "unreadable_records": unreadable,
        }
        out.data(args.output, value, rows=rows, columns=CSV)
        return 1 if unreadable else 0
    if totals:
        out.table([{**t, "cost": t["text"]} for t in totals], _TABLE)
        out.say()
    out.say(f"{plural(whole.jobs, 'job')} that cost: {whole.text}.")
    if whole.unpriced:
        out.say("Jobs of unknown price are not free: [orux] prices names prices.")
    if whole.unsure:
        out.say(f"Of these it is not known whether they were charged: {whole.unsure}.")
    if unreadable:
        out.say(f"{plural(unreadable, 'record')} of the ledger cannot be read: airflow orux ledger list.")
    return 1 if unreadable else 0


def _rows(entry: LedgerEntry) -> Iterator[dict[str, Any]]:
    """The jobs of one task instance: the present one, and those that it superseded."""
    record, instance = entry.record, entry.instance
    if record is None:
        return
    result = record.result or {}
    gateway, model = str(result.get("gateway") or ""), str(result.get("model") or "") or None
    place = {
        "dag_id": instance.dag_id,
        "run_id": instance.run_id,
        "task_id": instance.task_id,
        "map_index": instance.map_index if instance.map_index >= 0 else None,
        "gateway": gateway or None,
        "conn_id": record.conn_id,
        "model": model,
    }

    def row(charge: Charge, at: float, *, superseded: bool) -> dict[str, Any]:
        return {
            **place,
            "day": moment_text(at)[:10],
            "job_id": charge.job_id,
            "charged": charge.charged,
            "price": charge.price,
            "currency": charge.currency or None,
            "superseded": superseded,
            "charge": charge,
            "at": at,
        }

    # The same job has the same connection, whether its gateway is known yet or not.
    for one in record.earlier:
        charge = Charge.read(one.model_dump(), gateway=record.conn_id, model=model)
        yield row(charge, one.at, superseded=True)
    if not result.get("reused_from"):
        facts = {"charged": "yes" if record.synchronous and record.job_id else "unknown", **result}
        charge = Charge.read({**facts, "job_id": record.job_id}, gateway=record.conn_id, model=model)
        yield row(charge, record.updated_at, superseded=False)


def _between(at: float, first: datetime | None, last: datetime | None) -> bool:
    return (first is None or at >= first.timestamp()) and (last is None or at <= last.timestamp())


def _totals(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for by, key in (("dag", "dag_id"), ("day", "day"), ("model", "model")):
        groups: dict[str, list[Charge]] = defaultdict(list)
        for row in rows:
            groups[str(row[key] or "not known")].append(row["charge"])
        for name, charges in sorted(groups.items()):
            yield {"by": by, "name": name, **_total(Total.of(once_each(charges)))}


def _total(total: Total) -> dict[str, Any]:
    return {
        "jobs": total.jobs,
        "amounts": {currency: round(amount, 6) for currency, amount in sorted(total.amounts.items())},
        "unpriced": total.unpriced,
        "unsure": total.unsure,
        "text": total.text,
    }
