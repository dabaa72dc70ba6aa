"""Plain tables, JSON, ages and dates: how commands read and print values."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta, timezone
from typing import IO, Any

from airflow_provider_orux.cli.ending import UsageError

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Output:
    """Where the output goes: stdout as it was when the command began. Everything else that is printed is not output."""

    stream: IO[str] | None = None


def say(text: str = "") -> None:
    """Print one line of output."""
    print(text, file=Output.stream)


def print_json(value: Any) -> None:
    """Print a JSON value."""
    say(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Print rows in columns that are as wide as they need to be.

    :param columns: key of a row -> heading. A column whose values are all empty is left out.
    """
    kept = {k: title for k, title in columns.items() if any(_text(row.get(k)) for row in rows)}
    cells = [list(kept.values()), *([_text(row.get(k)) for k in kept] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(kept))]
    for line in cells:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as CSV with a header; what a row has not is empty."""
    writer = csv.writer(Output.stream or sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row.get(name) for name in columns] for row in rows)


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values one below the other; empty values are left out."""
    shown = {name: _text(value) for name, value in facts.items() if _text(value)}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        say(f"{name.ljust(width)}  {value}")


def parse_age(text: str, *, option: str) -> float:
    """Seconds of an age like ``90s``, ``30m``, ``1.5h``, ``2d``.

    :raises UsageError: it is not such a text.
    """
    match = _AGE.fullmatch(text.strip())
    if not match:
        raise UsageError(f"{option} is {text!r}; write a number and s, m, h, d or w, like 90s or 2h.")
    return float(match[1]) * _SECONDS[match[2].lower()]


def age_text(seconds: float) -> str:
    """An age for people: ``12 s``, ``5 min``, ``3.5 h``, ``2.0 d``."""
    seconds = max(seconds, 0.0)
    for limit, unit, size in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.1f} {unit}" if unit == "h" else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.1f} d"


def parse_date(text: str, *, option: str, end: bool = False) -> datetime:
    """A moment, in UTC unless the text says otherwise.

    :param end: a day without a time means its last moment.
    :raises UsageError: it is not an ISO 8601 date.
    """
    given = text.strip()
    try:
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", given))
    except ValueError:
        raise UsageError(
            f"{option} is {text!r}; write a date like 2026-01-31 or 2026-01-31T06:00:00+00:00."
        ) from None
    if end and re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", given):
        moment = datetime.combine(moment.date(), time.max)
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def parse_window(from_: str | None, to: str | None) -> tuple[datetime | None, datetime | None]:
    """``--from`` and ``--to``.

    :raises UsageError: one is no date, or they are the wrong way round.
    """
    first = parse_date(from_, option="--from") if from_ else None
    last = parse_date(to, option="--to", end=True) if to else None
    if first and last and first > last:
        raise UsageError(f"--from ({from_}) is after --to ({to}).")
    return first, last


def moment_text(epoch: float) -> str:
    """Epoch seconds as a UTC date and time."""
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=epoch)).strftime(
        "%Y-%m-%d %H:%M:%SZ"
    )


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 record``, ``2 records``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def _text(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split())
