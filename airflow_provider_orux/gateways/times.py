"""Times as gateways write them. Total functions: whatever the input, a finite number or None, never an exception."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

#: Numbers from here on are milliseconds: as seconds, 1e11 is in the year 5138.
_MILLISECONDS = 1e11
#: Seconds. A gateway that asks for a longer pause than a week means something else.
_LONGEST_PAUSE = 7 * 86_400
_FRACTION = re.compile(r"\.\d+")


def parse_time(value: Any) -> float | None:
    """Epoch seconds of a number or text: seconds, milliseconds (YEScale has both), or ISO 8601 (UTC unless it says).

    :returns: None for zero, negative numbers and anything that is not a time.
    """
    number = _number(value)
    if number is None and isinstance(value, str):
        # Python 3.10 reads neither the Z of UTC nor a fraction of other than three or six digits.
        text = _FRACTION.sub(lambda m: m[0][:7].ljust(7, "0"), value.strip().replace("Z", "+00:00"))
        number = _timestamp(text, datetime.fromisoformat)
    if number is None or not 0 < number < 1000 * _MILLISECONDS:
        return None
    return number / 1000 if number >= _MILLISECONDS else number


def retry_after(value: Any, *, now: float | None = None) -> float | None:
    """The seconds to wait according to a ``Retry-After`` header.

    :param value: a number of seconds or an HTTP date.
    :param now: epoch seconds; None: there is no clock, so a date says nothing.
    :returns: 0 to a week; None for anything else.
    """
    seconds = _number(value)
    if seconds is None and isinstance(value, str) and now is not None:
        date = http_date(value)
        seconds = None if date is None else max(0.0, date - now)
    return seconds if seconds is not None and 0 <= seconds < _LONGEST_PAUSE else None


def http_date(value: str | None) -> float | None:
    """Epoch seconds of a date as HTTP writes it; None for anything else."""
    return None if value is None else _timestamp(value, parsedate_to_datetime)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _timestamp(text: str, parse: Callable[[str], datetime]) -> float | None:
    try:
        moment = parse(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
