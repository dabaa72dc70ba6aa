"""Job ids as callers give them: checked before they become a part of a path."""

from __future__ import annotations

from airflow_provider_orux.models.errors import InvalidRequestError, redact
from airflow_provider_orux.models.job import is_job_id
from airflow_provider_orux.models.registry import title_of


def require_id(job_id: str, *, gateway: str) -> str:
    """A job id that is safe in a path.

    :raises InvalidRequestError: it is empty, or contains characters that a job id never has.
    """
    if not is_job_id(job_id):
        raise not_a_job_id(job_id, gateway=gateway)
    return job_id


def not_a_job_id(job_id: object, *, gateway: str, form: str = "") -> InvalidRequestError:
    """The error for something that is no job id of a gateway.

    :param form: what its ids look like, a sentence about them.
    """
    return InvalidRequestError(
        f"{redact(ascii(job_id)[:200])[:80]} is not a job id of {title_of(gateway)}{form and f': {form}'}",
        gateway=gateway,
        param="job_id",
        charged="no",
        next_step="Pass the XCom 'job_id' of the task that submitted the job: task.output[\"job_id\"].",
    )
