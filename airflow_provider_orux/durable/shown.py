"""What the gallery is told of a task: small XComs, one of its job, one of its error, one of its progress.

Airflow keeps no exception, and a result comes only at the end: so a job in flight, a failure, and what was charged
before stand here. Neither holds a prompt or a URL that the author wants kept out.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from typing import Any

from airflow_provider_orux.lifecycle.charges import ERROR_KEY, JOB_KEY, PROGRESS_KEY
from airflow_provider_orux.lifecycle.record import Record, State
from airflow_provider_orux.models.errors import OruxError
from airflow_provider_orux.models.requests import GenerationRequest

log = logging.getLogger(__name__)

#: Characters of an error's first line.
LONGEST_LINE = 300
_URL = re.compile(r"https?://\S+", re.IGNORECASE)


def push_job(
    context: Any,
    *,
    job_id: str,
    conn_id: str,
    gateway: str,
    request: GenerationRequest | None = None,
    record: Record | None = None,
    result: Mapping[str, Any] | None = None,
) -> None:
    """Push what is known of a job: when it is accepted, and again when it has ended. A failure is only logged.

    :param request: what was asked for, where this task knows it.
    :param record: of the ledger as it was while the job ran.
    :param result: of a job that has ended.
    """
    value: dict[str, Any] = {"job_id": job_id, "conn_id": conn_id, "gateway": gateway}
    if request is not None:
        fields = request.fields()
        value |= {"model": request.model_id, "verb": request.verb}
        value |= {n: fields[n] for n in ("parent_job_id", "index") if fields.get(n) is not None}
    if record is not None:
        value |= _earlier(record)
    if record is not None and record.state is State.SUBMITTED:
        value["at"] = record.updated_at
    elif result is None:
        value["at"] = time.time()
    if result is not None:
        known = {n: result[n] for n in ("model", "charged", "price", "currency")}
        value |= {n: v for n, v in known.items() if v is not None}
        value |= {"artifacts": len(result["artifacts"]), "ended_at": time.time()}
        value |= {"reused": True} if result.get("reused_from") else {}
    _push(context, JOB_KEY, value)


def push_progress(context: Any, job_id: str, percent: int) -> None:
    """Push how much of a job in flight is done. A failure is only logged."""
    _push(context, PROGRESS_KEY, {"job_id": job_id, "percent": percent})


def push_error(
    context: Any,
    error: OruxError,
    *,
    keep_line: bool = True,
    keep_urls: bool = True,
    record: Record | None = None,
) -> None:
    """Push the first line of an error and whether it was charged. A failure is only logged.

    :param keep_line: False: the line may hold a text that the author keeps private, so it is left out.
    :param keep_urls: False: URLs are left out.
    :param record: of the ledger, where it was read.
    """
    line = (error.message.splitlines() or [""])[0] if keep_line else ""
    if not keep_urls:
        line = _URL.sub("(a URL)", line)
    value: dict[str, Any] = {
        "error": type(error).__name__,
        "line": line[:LONGEST_LINE],
        "charged": error.charged,
        "at": time.time(),
    }
    value |= {"job_id": error.job_id} if error.job_id else {}
    value |= _earlier(record) if record is not None else {}
    _push(context, ERROR_KEY, value)


def _earlier(record: Record) -> dict[str, Any]:
    found = [s.model_dump(mode="json", exclude_none=True) for s in record.earlier]
    return {"earlier": found} if found else {}


def _push(context: Any, key: str, value: Mapping[str, Any]) -> None:
    # Nothing is worth failing a paid task for, or hiding the error that fails it.
    try:
        context["ti"].xcom_push(key, dict(value))
    except Exception as e:
        log.warning("The gallery will not show this task (%s: %s)", type(e).__name__, e)
