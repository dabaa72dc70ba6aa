"""Shared by the families of YEScale: job ids, URLs, and what an error says about a job."""

from __future__ import annotations

import abc
from collections.abc import Container, Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from airflow_provider_orux.gateways.answers import first_status_of, progress_of, reason_of
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.job_ids import not_a_job_id, require_id
from airflow_provider_orux.gateways.times import parse_time
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose, named_job
from airflow_provider_orux.gateways.yescale.errors import asked_upstream, error_of, fails_again, is_refusal
from airflow_provider_orux.models.errors import (
    JobNotFoundError,
    OruxError,
    UnexpectedResponseError,
)
from airflow_provider_orux.models.job import Artifact, Job, JobStatus
from airflow_provider_orux.models.requests import GenerationRequest


class JobFamily(abc.ABC):
    """One group of asynchronous models: its paths and answers.

    :param gateway: provides the options.
    """

    #: The part of a job id before the colon.
    name: ClassVar[str]
    #: Numbers in ``code`` that say that nothing was accepted.
    refusals: ClassVar[Container[int]] = ()

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    @abc.abstractmethod
    def submit(self, request: GenerationRequest) -> HttpRequest:
        """The paid call."""

    @abc.abstractmethod
    def read_submit(self, request: GenerationRequest, response: HttpResponse) -> Job:
        """The accepted job, from an answer with a success status."""

    @abc.abstractmethod
    def poll_path(self, raw_id: str) -> str:
        """The path of one job; the id is already percent-encoded."""

    @abc.abstractmethod
    def read_job(self, job_id: str, response: HttpResponse) -> Job:
        """The job in the answer to a poll with a success status."""

    def poll(self, raw_id: str) -> HttpRequest:
        """Ask for one job."""
        return HttpRequest("GET", self.poll_path(quote(raw_id, safe="")), Purpose.READ)

    def read_poll(self, job_id: str, response: HttpResponse) -> Job:
        """The current state of a job.

        :raises JobNotFoundError: the gateway does not know it (yet).
        """
        try:
            if response.status == 404 and _is_answer_of_gateway(response):
                raise JobNotFoundError("The gateway does not know this job (yet)", http_status=404)
            self.gateway.check(response, purpose=Purpose.READ)
            self.gateway.check_length(response, job_id=job_id)
            return self.read_job(job_id, response)
        except OruxError as e:
            e.gateway, e.job_id = self.gateway.name, job_id
            e.charged = "unknown"  # the poll was refused; the job may be paid for
            raise

    def path_option(self, name: str) -> str:
        """A path from the connection's settings, with one leading slash and none at the end."""
        return "/" + str(self.gateway.options[name]).strip("/")

    def accepted(
        self, request: GenerationRequest, response: HttpResponse, raw_id: Any, status: Any = None
    ) -> Job:
        """The job of an accepted submission.

        :raises UnexpectedResponseError: there is no id to poll; the submission may be charged.
        """
        return Job(
            job_id=self.gateway.accepted_id(response, raw_id, prefix=f"{self.name}:"),
            status=first_status_of(status),
            gateway=self.gateway.name,
            model=request.model_id,
        )

    def refused(self, value: Mapping[str, Any], response: HttpResponse) -> OruxError:
        """The error of an HTTP 200 answer that accepts nothing.

        A known refusal that names no job proves that nothing was accepted. Any other answer proves nothing: it may
        be an acceptance in an unknown shape.
        """
        error = error_of(value, gateway=self.gateway.name, status=response.status)
        known = (
            error is not None
            and is_refusal(error, codes=self.refusals)
            and named_job(response) is None
            and not asked_upstream(response)
        )
        if error is None or (not known and isinstance(error, UnexpectedResponseError)):
            unread = self.gateway.unexpected(response, "neither accepted nor refused as documented")
            unread.code = error.code if error is not None else None
            return unread
        error.charged = "no" if known else "unknown"
        error.retry_after = response.retry_after
        return error

    def job(
        self,
        job_id: str,
        response: HttpResponse,
        *,
        status: JobStatus,
        artifacts: Iterable[Artifact] = (),
        text: str | None = None,
        why: Iterable[Any] = (),
        final: bool = False,
        submitted: Any = None,
        finished: Any = None,
        details: Mapping[str, Any] | None = None,
    ) -> Job:
        """One job in one answer.

        :param why: the objects in the answer that may say why it failed, or how much is done.
        :param final: whether a retry is known to be useless.
        :param details: more for the task's result.
        :raises UnexpectedResponseError: it succeeded without a result.
        """
        succeeded = status is JobStatus.SUCCEEDED
        made = tuple(artifacts) if succeeded else ()
        if succeeded and not made and text is None:
            raise self.gateway.unexpected(response, "a job that succeeded without a result")
        failed = status in (JobStatus.FAILED, JobStatus.EXPIRED)
        why = tuple(why)
        code, reason = reason_of(*why) if failed else (None, None)
        return Job(
            job_id=job_id,
            status=status,
            gateway=self.gateway.name,
            artifacts=made,
            text=text if succeeded else None,
            error_code=code,
            error_message=reason,
            submitted_at=parse_time(submitted),
            finished_at=parse_time(finished),
            charged="yes" if succeeded else "unknown",
            retry_helps=not (final or fails_again(code, reason)),
            progress=None if status.is_terminal else progress_of(*why),
            details={name: value for name, value in (details or {}).items() if value} if succeeded else {},
        )

    def check_same_job(self, response: HttpResponse, job_id: str, *named: Any) -> None:
        """Check that one of the ids in an answer, if it has any, is that of the job that was asked for."""
        self.gateway.check_same_job(response, job_id.partition(":")[2], named)


def split_handle(job_id: str, families: Mapping[str, JobFamily], *, gateway: str) -> tuple[JobFamily, str]:
    """The family and the raw id of a job id.

    :raises InvalidRequestError: it is not a job id of this gateway.
    """
    name, colon, raw = job_id.partition(":") if isinstance(job_id, str) else ("", "", "")
    if not colon or name not in families:
        error = not_a_job_id(
            job_id, gateway=gateway, form=f"it has the form family:id, with one of {', '.join(families)}"
        )
        error.next_step = (
            f"{error.next_step} For a task id that YEScale itself shows, write the family before it, like "
            "mj:1400192973884162."
        )
        raise error
    return families[name], require_id(raw, gateway=gateway)


def _is_answer_of_gateway(response: HttpResponse) -> bool:
    """Whether a 404 is the gateway's answer about the job, and not a proxy's page."""
    if not response.body.strip():
        return True
    try:
        return isinstance(response.json(gateway=""), dict)
    except OruxError:
        return False
