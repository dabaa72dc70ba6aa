"""How a new job will end: as its gateway says, unless a fault or its time to live decides."""

from __future__ import annotations

from dataclasses import replace

from orux_sandbox.engine.records import Job
from orux_sandbox.wire import Then


def with_outcome(job: Job, ordered: Then | None, *, ttl: float, failed_code: str) -> Job:
    """The job with its final outcome.

    :param ordered: the fault that decides the outcome, if one does.
    :param ttl: seconds after which an unfinished job is expired.
    :param failed_code: the code of a job that fails without being told which one.
    """
    expires_at = job.submitted_at + ttl
    if ordered is not None and ordered.job is not None:
        job = _as_ordered(job, ordered, expires_at, failed_code)
    if job.ends_at > expires_at:
        job = replace(job, ends_at=expires_at, outcome="expired")
    if job.outcome == "expired":
        job = replace(
            job,
            error_code=(ordered and ordered.error_code) or "task_expired",
            error_message=(ordered and ordered.error_message) or "The job exceeded its time to live.",
        )
    return job


def _as_ordered(job: Job, ordered: Then, expires_at: float, failed_code: str) -> Job:
    ends_at = job.ends_at if ordered.after is None else job.submitted_at + ordered.after
    if ordered.job == "never_finish":
        return replace(job, ends_at=expires_at, outcome="expired")
    if ordered.job == "modal":
        return replace(job, ends_at=expires_at, outcome="expired", facts={**job.facts, "modal": True})
    if ordered.job == "cancel":
        return replace(
            job,
            ends_at=ends_at,
            outcome="cancelled",
            error_code="cancelled",
            error_message=ordered.error_message or "The job was cancelled.",
        )
    if ordered.job == "expire":
        return replace(job, ends_at=ends_at, outcome="expired")
    if ordered.job == "fail":
        return replace(
            job,
            ends_at=ends_at,
            outcome="failed",
            error_code=ordered.error_code or failed_code,
            error_message=ordered.error_message or "The sandbox was told to let this job fail.",
        )
    count = len(job.artifacts) // 2 if ordered.count is None else ordered.count
    return replace(job, artifacts=job.artifacts[:count])
