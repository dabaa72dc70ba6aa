"""Waiting for a job: in the worker, or by a trigger; and reading what the trigger said."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_orux.lifecycle.event import JobEvent
from airflow_provider_orux.lifecycle.polling import Continue, Done, GiveUp, PollTracker
from airflow_provider_orux.lifecycle.schedule import schedule_for
from airflow_provider_orux.models.errors import JobExpiredError, JobFailedError, OruxError
from airflow_provider_orux.models.job import Job, JobStatus

if TYPE_CHECKING:
    from airflow_provider_orux.hooks.base import GatewayHook

NET_SECONDS = 900.0
"""Seconds after the deadline at which Airflow itself ends the deferral, should no triggerer have been alive."""


def wait_in_worker(
    hook: GatewayHook,
    job_id: str,
    *,
    deadline: float,
    poll_interval: float | None,
    started: float,
    log: Any,
) -> Job:
    """Poll until the job ended. Holds the worker: for ``deferrable=False``.

    :raises OruxError: the deadline passed, or asking makes no more sense.
    """
    gateway = hook.connection.gateway
    tracker = PollTracker(
        job_id,
        gateway.name,
        deadline,
        started,
        schedule_for(poll_interval),
        auth_grace=hook.connection.extra.auth_grace,
        not_found_grace=gateway.not_found_grace,
    )
    now = time.time()
    step: Continue | Done | GiveUp = Continue(
        max(0.0, min(tracker.first_pause() - (now - started), deadline - now))
    )
    while True:
        if isinstance(step, Done):
            return step.job
        if isinstance(step, GiveUp):
            raise step.error
        if step.warn:
            log.warning("%s", step.warn)
        if step.reload_connection:
            hook.reload()
        time.sleep(step.seconds)
        try:
            job = hook.get_conn().poll(job_id, attempts=1)
        except OruxError as e:
            step = tracker.failed(e, now=time.time())
        else:
            step = tracker.saw(job, now=time.time())


def read_event(hook: GatewayHook, event: Any, *, job_id: str | None = None) -> Job:
    """The ended job that a trigger's event tells of.

    :param job_id: the job that was waited for; None: whatever the event names (there is no ledger record).
    :raises OruxError: the event is an error, or not one of ours.
    """
    try:
        outcome = JobEvent.read(event)
        if job_id is not None and outcome.job_id != job_id:
            raise ValueError(f"the event is about job {outcome.job_id}")
        if outcome.kind == "error":
            raise outcome.to_error()
        if outcome.kind == "job" and outcome.job is not None:
            return Job.from_dict(outcome.job)
    except ValueError as e:
        hook.log.warning("The trigger's event is not usable (%s); the job is fetched instead", e)
        if job_id is None:
            raise OruxError(
                "The trigger's event names no job", next_step="Clear the task: it looks again."
            ) from e
        return hook.get_job(job_id)
    return hook.get_job(outcome.job_id)


def raise_unless_succeeded(job: Job, *, submitter: str | None = None) -> None:
    """Raise the error of a job that failed or expired.

    :param submitter: what to clear for a new job, where another task submitted this one.
    """
    if job.status is JobStatus.SUCCEEDED:
        return
    expired = job.status is JobStatus.EXPIRED
    what = "The job expired at the gateway" if expired else "The job failed at the gateway"
    if job.error_message:
        what += f": {job.error_message}"
    retry_helps = job.retry_helps and not expired and submitter is None
    cls = JobExpiredError if expired else JobFailedError
    charged = job.charged if job.charged in ("yes", "no") else "unknown"
    raise cls(
        what,
        gateway=job.gateway,
        code=job.error_code,
        job_id=job.job_id,
        charged=charged,
        retry_helps=retry_helps,
        next_step=None if submitter is None else f"Clear {submitter} to pay for a new job.",
    )
