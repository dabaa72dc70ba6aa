"""The price of a job that its gateway did not name: looked up, never guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_orux.compat import conf
from airflow_provider_orux.lifecycle.prices import price_in_table
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.requests import GenerationRequest


def configured_prices() -> Mapping[str, Any]:
    """The table of ``[orux] prices``; empty if there is none.

    :raises ValueError: it is not a JSON object.
    """
    text = (conf.get("orux", "prices", fallback="") or "").strip()
    table = json.loads(text) if text else {}
    if not isinstance(table, dict):
        raise ValueError("not an object")
    return table


def priced(job: Job, request: GenerationRequest | None, *, conn_id: str, log: Any) -> Job:
    """The job with price and currency from ``[orux] prices``, unless the gateway named them."""
    if request is None or job.price is not None or job.charged == "no":
        return job
    try:
        table = configured_prices()
    except ValueError as e:
        log.warning("[orux] prices cannot be read: %s", e)
        return job
    found = price_in_table(
        table,
        groups=(conn_id, job.gateway),
        models=(request.model_id,),
        verb=request.verb,
        images=len(job.artifacts) or request.count,
    )
    return job if found is None else replace(job, price=found[0], currency=found[1] or None)
