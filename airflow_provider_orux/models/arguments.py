"""Checks of the operators' arguments."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NoReturn

from airflow_provider_orux.models.catalogue import is_pending
from airflow_provider_orux.models.errors import InvalidRequestError

#: Ten years in seconds: the longest duration that an argument takes.
LONGEST = 10 * 366 * 86_400.0


def is_mapped(operator: Any) -> bool:
    """Whether the operator is an instance of a mapped task, made at run time: its errors belong to ``execute``."""
    return bool(getattr(operator, "_BaseOperator__from_mapped", False))


def seconds(name: str, value: float | timedelta) -> float:
    """A duration as seconds.

    :raises InvalidRequestError: it is not a positive number or timedelta.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= LONGEST:
        refuse(
            name,
            f"`{name}` is {value!r}; it must be a positive number of seconds (at most ten years) or a timedelta",
        )
    return float(value)


def one_of(name: str, value: Any, *allowed: str) -> Any:
    """Check that a value is one of the allowed words.

    :raises InvalidRequestError: it is another one.
    """
    if value not in allowed:
        refuse(name, f"`{name}` is {value!r}; allowed: {', '.join(allowed)}")
    return value


def text(name: str, value: Any) -> Any:
    """Check that a text is not empty, unless it is not known yet.

    :raises InvalidRequestError: it is something else.
    """
    if not is_pending(value) and not (isinstance(value, str) and value.strip()):
        refuse(name, f"`{name}` is {value!r}")
    return value


def refuse(name: str, message: str) -> NoReturn:
    """Refuse an argument before anything is sent."""
    raise InvalidRequestError(message, param=name, charged="no", next_step="Correct the argument.")
