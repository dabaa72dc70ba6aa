"""Counters in Airflow's metrics: submissions, re-attachments, ambiguous ones, reuse, reschedules, saved bytes."""

from __future__ import annotations

from typing import Literal

from airflow.sdk.observability import stats

Counter = Literal[
    "orux.submissions",
    "orux.reattached",
    "orux.ambiguous",
    "orux.reused",
    "orux.rescheduled",
    "orux.saved_bytes",
]


def count(name: Counter, *, gateway: str, by: int = 1) -> None:
    """Add to a counter, tagged with the gateway."""
    stats.incr(name, by, tags={"gateway": gateway})
