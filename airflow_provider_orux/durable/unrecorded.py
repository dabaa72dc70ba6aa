"""A job that was accepted and that the ledger does not take: its id, or its images, must not go with this process."""

from __future__ import annotations

from airflow_provider_orux.durable.delivery import Delivery, nowhere_to_go
from airflow_provider_orux.durable.ledger import Ledger
from airflow_provider_orux.models.errors import LedgerError, OruxError
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.requests import GenerationRequest


def unrecorded(
    job: Job, cause: LedgerError, *, request: GenerationRequest, ledger: Ledger, delivery: Delivery
) -> LedgerError:
    """The error of such a job: it holds the job id, and the command that puts it into the ledger.

    :param cause: why the ledger could not be written.
    """
    if not ledger.attempt.synchronous:
        settle = ledger.identity.command("settle", job_id=job.job_id)
    elif not job.has_inline:
        settle = ledger.identity.command("settle", urls=job.urls)
    else:
        return _rescued(job, cause, request, ledger, delivery)
    return LedgerError(
        f"Job {job.job_id} was accepted, but its id could not be written to the ledger: {cause.message}",
        gateway=job.gateway,
        job_id=job.job_id,
        next_step=f"It is NOT lost: run `{settle}`, then clear the task: it continues and pays nothing.",
    )


def _rescued(
    job: Job, cause: LedgerError, request: GenerationRequest, ledger: Ledger, delivery: Delivery
) -> LedgerError:
    """The images came inside the answer: save them before the task fails."""
    steps = f"`{ledger.identity.command('discard')}` and a clear of the task pay for new images."
    try:
        if not delivery.save_to:
            raise nowhere_to_go(job)
        saved = delivery.deliver(job, request=request, repeatable=False, facts=ledger.facts())
        where = f"They are saved: {saved['manifest']}"
        steps = f"What was paid for is there: mark the task as a success to keep it. {steps}"
    except OruxError as e:
        where = f"They could not be saved either ({e.message}) and are lost"
    return LedgerError(
        f"The images came inside the answer, but the ledger could not be written: {cause.message} {where}",
        gateway=job.gateway,
        job_id=job.job_id,
        charged="yes",
        next_step=steps,
    )
