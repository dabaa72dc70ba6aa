"""The price that a result and its manifest name, where the gateway itself tells none: from ``[orux] prices``."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from airflow.sdk.configuration import conf

from airflow_provider_orux.lifecycle.prices import price_in_table
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.requests import GenerationRequest


def with_price(job: Job, request: GenerationRequest, *, conn_id: str, log: Any) -> Job:
    """The job with price and currency from the installation's table, unless the gateway told them."""
    if job.price is not None or job.charged == "no":
        return job
    text = (conf.get("orux", "prices", fallback="") or "").strip()
    if not text:
        return job
    try:
        table = json.loads(text)
        if not isinstance(table, dict):
            raise ValueError("not an object")
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
