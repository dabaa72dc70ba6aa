"""Counters in Airflow's metrics. They never raise: a failing metrics client must not cost a paid job."""

from __future__ import annotations

import logging
from typing import Literal

from airflow_provider_orux.compat import incr

log = logging.getLogger(__name__)

Counter = Literal[
    "orux.submissions",
    "orux.reattached",
    "orux.ambiguous",
    "orux.reused",
    "orux.rescheduled",
    "orux.saved_bytes",
    "orux.spent",
]


def count(name: Counter, *, gateway: str, by: float = 1, **tags: str) -> None:
    """Add to a counter, tagged with the gateway.

    :param tags: more tags.
    """
    try:
        incr(name, by, tags={"gateway": gateway, **tags})
    except Exception as e:  # a client, a name handler or a tag filter of the installation's own
        log.debug("Metric %s was not counted: %s", name, e)
