"""The job was accepted, but the ledger cannot be written, or lost it: keep its id, or its images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def unfinished(result: Mapping[str, Any], cause: LedgerError, ledger: Ledger) -> LedgerError:
    """The error of images that came inside the answer and are saved, where the ledger does not take the result.

    Nothing could bring that result back: the gateway has no job of it, and the record no URL.
    """
    return _inline(result["job_id"], cause, ledger, saved=result["manifest"])


def gone() -> LedgerError:
    """The error of a task whose record was removed while it waited."""
    return LedgerError(
        "The ledger record is gone since the task deferred",
        next_step="Nothing is submitted. The job id is in the task's log and its XCom 'job_id'; "
        "OruxSaveArtifactsOperator saves its artifacts.",
    )


def _rescued(
    job: Job, cause: LedgerError, request: GenerationRequest, ledger: Ledger, delivery: Delivery
) -> LedgerError:
    """The images came inside the answer: save them before the task fails."""
    try:
        if not delivery.save_to:
            raise nowhere_to_go(job)
        saved = delivery.deliver(job, request=request, repeatable=False, facts=ledger.facts())
    except OruxError as e:
        return _inline(job.job_id, cause, ledger, lost=e.message)
    return _inline(job.job_id, cause, ledger, saved=saved["manifest"])


def _inline(
    job_id: str, cause: LedgerError, ledger: Ledger, *, saved: str | None = None, lost: str = ""
) -> LedgerError:
    steps = f"`{ledger.identity.command('discard')}` and a clear of the task pay for new images."
    if saved is not None:
        where = f"They are saved: {saved}"
        steps = f"What was paid for is there: mark the task as a success to keep it. {steps}"
    else:
        where = f"They could not be saved either ({lost}) and are lost"
    return LedgerError(
        f"The images came inside the answer, but the ledger could not be written: {cause.message} {where}",
        gateway=ledger.attempt.gateway,
        job_id=job_id,
        charged="yes",
        next_step=steps,
    )
