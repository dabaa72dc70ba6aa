"""Ages and dates: how commands read and print them."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta, timezone
from typing import Any

from airflow_provider_orux.cli.errors import UsageError

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


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
    moment = parse_moment(text)
    if moment is None:
        raise UsageError(f"{option} is {text!r}; write a date like 2026-01-31 or 2026-01-31T06:00:00+00:00.")
    if end and re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text.strip()):
        moment = datetime.combine(moment.date(), time.max, tzinfo=timezone.utc)
    return moment


def parse_moment(value: Any) -> datetime | None:
    """An ISO 8601 date and time, in UTC unless it says otherwise; None: it is none."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", value.strip()))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def parse_window(from_: str | None, to: str | None) -> tuple[datetime | None, datetime | None]:
    """``--from-date`` and ``--to-date``.

    :raises UsageError: one is no date, or they are the wrong way round.
    """
    first = parse_date(from_, option="--from-date") if from_ else None
    last = parse_date(to, option="--to-date", end=True) if to else None
    if first and last and first > last:
        raise UsageError(f"--from-date ({from_}) is after --to-date ({to}).")
    return first, last


def moment_text(at: float) -> str:
    """Epoch seconds as a UTC date and time."""
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=at)).strftime("%Y-%m-%d %H:%M:%SZ")
