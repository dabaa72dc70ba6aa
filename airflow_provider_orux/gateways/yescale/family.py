"""Shared by the families of YEScale: job ids, URLs, and what an error says about a job."""

from __future__ import annotations

import abc
import re
from collections.abc import Container, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from airflow_provider_orux.gateways.base import Gateway, require_id
from airflow_provider_orux.gateways.times import parse_time
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.gateways.yescale.errors import REFUSED_CONTENT, error_of, is_refusal
from airflow_provider_orux.models.errors import (
    InvalidRequestError,
    JobNotFoundError,
    OruxError,
    UnexpectedResponseError,
    redact,
)
from airflow_provider_orux.models.job import Artifact, Job, JobStatus
from airflow_provider_orux.models.requests import GenerationRequest

_RAW_ID = re.compile(r"[^\s/?#\\]{1,300}")
_INVALID = re.compile(r"invalid (?:param|argument|link|request)|参数", re.IGNORECASE)


class JobFamily(abc.ABC):
    """One group of asynchronous models: its paths and answers.

    :param gateway: provides the options.
    """

    #: The part of a job id before the colon.
    name: ClassVar[str]
    statuses: ClassVar[Mapping[str, JobStatus]]
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
        raw = str(raw_id) if isinstance(raw_id, (str, int)) and not isinstance(raw_id, bool) else ""
        if not _RAW_ID.fullmatch(raw):
            raise self.gateway.unexpected(response, "accepted, but without a usable task id")
        return Job(
            job_id=f"{self.name}:{raw}",
            status=self.statuses.get(str(status), JobStatus.QUEUED) if status else JobStatus.QUEUED,
            gateway=self.gateway.name,
            model=request.model_id,
        )

    def refused(self, value: Mapping[str, Any], response: HttpResponse) -> OruxError:
        """The error of an HTTP 200 answer that accepts nothing.

        A known refusal proves that nothing was accepted. Any other answer proves nothing: it may be an
        acceptance in an unknown shape.
        """
        error = error_of(value, gateway=self.gateway.name, status=response.status)
        known = error is not None and is_refusal(error, codes=self.refusals)
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
        urls: list[str] | None = None,
        text: str | None = None,
        why: Any = None,
        code: str | None = None,
        final: bool = False,
        submitted: Any = None,
        finished: Any = None,
    ) -> Job:
        """One job in one answer.

        :param final: whether a retry is known to be useless.
        :raises UnexpectedResponseError: it succeeded without a result.
        """
        succeeded = status is JobStatus.SUCCEEDED
        if succeeded and not urls and text is None:
            raise self.gateway.unexpected(response, "a job that succeeded without a result")
        failed = status in (JobStatus.FAILED, JobStatus.EXPIRED)
        reason = redact(str(why))[:500] if failed and why else None
        final = final or bool(reason and (REFUSED_CONTENT.search(reason) or _INVALID.search(reason)))
        return Job(
            job_id=job_id,
            status=status,
            gateway=self.gateway.name,
            artifacts=tuple(Artifact(url=u) for u in urls or ()) if succeeded else (),
            text=text if succeeded else None,
            error_code=code if failed else None,
            error_message=reason,
            submitted_at=parse_time(submitted),
            finished_at=parse_time(finished),
            charged="yes" if succeeded else "unknown",
            retry_helps=not final,
        )


def split_handle(job_id: str, families: Mapping[str, JobFamily], *, gateway: str) -> tuple[JobFamily, str]:
    """The family and the raw id of a job id.

    :raises InvalidRequestError: it is not a job id of this gateway.
    """
    name, colon, raw = job_id.partition(":") if isinstance(job_id, str) else ("", "", "")
    if not colon or name not in families:
        raise InvalidRequestError(
            f"{redact(repr(job_id))[:80]} is not a job id of YEScale: it has the form family:id, "
            f"with one of {', '.join(families)}",
            gateway=gateway,
            param="job_id",
            charged="no",
            next_step="Pass the XCom 'job_id' of the task that submitted the job; for a task id that YEScale itself "
            "shows, write the family before it, like mj:1400192973884162.",
        )
    return families[name], require_id(raw, gateway=gateway)


def urls_in(value: Any, *names: str) -> list[str]:
    """The URLs in a text, in a list of texts, or in objects under one of the names."""
    if isinstance(value, str):
        return [value] if value.startswith(("https://", "http://")) else []
    if isinstance(value, list):
        return [url for item in value for url in urls_in(item, *names)]
    if isinstance(value, Mapping):
        for name in names:
            if found := urls_in(value.get(name), *names):
                return found
    return []


def _is_answer_of_gateway(response: HttpResponse) -> bool:
    """Whether a 404 is the gateway's answer about the job, and not a proxy's page."""
    if not response.body.strip():
        return True
    try:
        return isinstance(response.json(gateway=""), dict)
    except OruxError:
        return False
