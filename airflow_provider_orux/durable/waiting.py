"""Waiting for a job in the worker, and reading what a trigger said of one."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_orux.compat import COMMAND
from airflow_provider_orux.lifecycle.event import JobEvent
from airflow_provider_orux.lifecycle.polling import PROGRESS, Continue, Done, GiveUp, PollTracker, Wait
from airflow_provider_orux.lifecycle.schedule import PollSchedule, capacity_pause
from airflow_provider_orux.metrics import count
from airflow_provider_orux.models.errors import (
    GatewayUnavailableError,
    InvalidRequestError,
    JobExpiredError,
    JobFailedError,
    OruxError,
    RateLimitedError,
)
from airflow_provider_orux.models.job import Job, JobStatus

if TYPE_CHECKING:
    from airflow_provider_orux.client.sync import GatewayClient
    from airflow_provider_orux.durable.delivery import Delivery
    from airflow_provider_orux.hooks.base import GatewayHook

#: Seconds after the deadline at which Airflow itself ends the deferral, should no triggerer have been alive.
DEFERRAL_MARGIN = 900.0


def wait_in_worker(
    hook: GatewayHook, wait: Wait, on_progress: Callable[[str, int], None] = lambda _, __: None
) -> Job:
    """Poll until the job ended. Holds the worker: for ``deferrable=False``.

    :param on_progress: called with the job id and the percent that are done, once a quarter.
    :raises OruxError: the deadline passed, or polling is pointless.
    """
    gateway = hook.connection.gateway
    tracker = PollTracker(
        wait.job_id,
        gateway.name,
        wait.deadline,
        wait.started,
        PollSchedule(fixed=wait.poll_interval),
        auth_grace=hook.connection.extra.auth_grace,
        not_found_grace=gateway.not_found_grace,
    )
    now = time.time()
    step: Continue | Done | GiveUp = Continue(
        max(0.0, min(tracker.first_pause() - (now - wait.started), wait.deadline - now))
    )
    while True:
        if isinstance(step, Done):
            return step.job
        if isinstance(step, GiveUp):
            raise step.error
        if step.warn:
            hook.log.warning("%s", step.warn)
        if step.reached:
            hook.log.info(PROGRESS, wait.job_id, step.reached)
            on_progress(wait.job_id, step.reached)
        if step.reload_connection:
            hook.reload()
        time.sleep(step.seconds)
        try:
            job = hook.get_conn().poll(wait.job_id, attempts=1)
        except OruxError as e:
            step = tracker.failed(e, now=time.time())
        else:
            step = tracker.saw(job, now=time.time())


def job_of_event(client: GatewayClient, event: Any, *, job_id: str | None, log: Any) -> Job:
    """The job that a trigger's event tells of; fetched where the event does not hold it.

    :raises OruxError: see :func:`read_event`.
    """
    named, job = read_event(event, job_id=job_id, log=log)
    return job if job is not None else client.poll(named)


def read_event(event: Any, *, job_id: str | None, log: Any) -> tuple[str, Job | None]:
    """The job id of a trigger's event, and the ended job; None if it must be fetched.

    :param job_id: the job that was waited for; None: whatever the event names (there is no ledger).
    :raises OruxError: the event is an error, or names no job.
    """
    try:
        told = JobEvent.read(event)
        if job_id is not None and told.job_id != job_id:
            raise ValueError(f"the event is for job {told.job_id}")
        if told.kind == "error":
            raise told.to_error()
        if told.kind == "job" and told.job is not None:
            return told.job_id, Job.from_dict(told.job)
    except ValueError as e:
        log.warning("The trigger's event cannot be used (%s); fetching the job instead", e)
        if job_id is None:
            raise OruxError("The trigger's event names no job") from e
        return job_id, None
    return told.job_id, None


def deliver_ended(delivery: Delivery, hook: GatewayHook, job_id: str) -> dict[str, Any]:
    """Save what a job made that another task submitted, and hand it over.

    :raises InvalidRequestError: it has not ended.
    :raises OruxError: it failed, or its artifacts cannot be saved.
    """
    if delivery.save_to:
        from airflow_provider_orux.storage import check_destination

        check_destination(delivery.save_to, conn_id=delivery.storage_conn_id)
    delivery.push_job(job_id)
    job = hook.get_job(job_id)
    if not job.status.is_terminal:
        raise InvalidRequestError(
            f"Job {job_id} has not ended (it is {job.status.value})",
            gateway=job.gateway,
            job_id=job.job_id,
            next_step="Put an OruxJobSensor before this task.",
        )
    raise_unless_succeeded(job, retry_may_pay=False)
    result = delivery.deliver(job)
    delivery.hand_over(result)
    return result


def raise_unless_succeeded(job: Job, *, retry_may_pay: bool) -> None:
    """Raise the error of a job that failed or expired.

    :param retry_may_pay: whether a retry of the task may pay for a new job: else the error is final.
    :raises GatewayUnavailableError: it has not ended: a retry looks again.
    """
    if job.status is JobStatus.SUCCEEDED:
        return
    if not job.status.is_terminal:
        raise GatewayUnavailableError(
            f"The job seemed to have ended, but is {job.status.value} now",
            gateway=job.gateway,
            job_id=job.job_id,
        )
    expired = job.status is JobStatus.EXPIRED
    what = "The job expired at the gateway" if expired else "The job failed at the gateway"
    if job.error_message:
        what += f": {job.error_message}"
    raise (JobExpiredError if expired else JobFailedError)(
        what,
        gateway=job.gateway,
        code=job.error_code,
        job_id=job.job_id,
        charged=job.charged,
        retry_helps=job.retry_helps and not expired and retry_may_pay,
    )


def comes_back_at(
    error: RateLimitedError, context: Any, *, longest: float, conn_id: str, log: Any
) -> datetime | None:
    """When a task whose gateway is full comes back, using no retry; None: it waited long enough.

    :param longest: seconds for which it may wait for a free slot.
    """
    times = int(context.get("task_reschedule_count") or 0)
    first = context["ti"].get_first_reschedule_date(context)
    now = datetime.now(tz=timezone.utc)
    waited = (now - first).total_seconds() if first is not None else 0.0
    if waited > longest:
        error.message = f"No slot became free for {waited:.0f} s (capacity_timeout). {error.message}"
        return None
    pause = capacity_pause(times, retry_after=error.retry_after)
    if times == 0:
        tip = "Tip: `%s pool %s` makes a pool that fits the account; see the page 'Pools'."
        log.info(tip, COMMAND, conn_id)
    count("orux.rescheduled", gateway=error.gateway or "")
    log.warning("%s Rescheduled in %.0f s; no retry is used.", error.message, pause)
    return now + timedelta(seconds=pause)
