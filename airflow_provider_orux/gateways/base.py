"""What every gateway offers: requests in, HTTP requests out; HTTP answers in, jobs and typed errors out."""

from __future__ import annotations

import abc
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from airflow_provider_orux.gateways.answers import job_id_of, words_of
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose, named_job
from airflow_provider_orux.models import catalogue
from airflow_provider_orux.models.errors import (
    ArtifactRejectedError,
    AuthenticationError,
    ConfigurationError,
    GatewayUnavailableError,
    JobNotFoundError,
    OruxError,
    RateLimitedError,
    Remedy,
    UnexpectedResponseError,
    redact,
)
from airflow_provider_orux.models.job import Job, is_job_id
from airflow_provider_orux.models.registry import title_of
from airflow_provider_orux.models.requests import GenerationRequest

Route = Literal["sync", "async"]

#: HTTP statuses that by their meaning (RFC 9110) say that the request was refused and not carried out.
NOTHING_ACCEPTED = frozenset(
    {400, 401, 402, 403, 404, 405, 406, 407, 411, 413, 414, 415, 417, 422, 426, 428, 429, 431, 451}
)


class Gateway(abc.ABC):
    """One gateway's wire. Pure: no network, no clock, no Airflow.

    :param options: the connection's settings that belong to the gateway (see ``OPTIONS``).
    """

    name: ClassVar[str]
    default_host: ClassVar[str]
    #: What the paths of its documented endpoints begin with. A host that people write with it means the same.
    api_path: ClassVar[str]
    #: What a key of this gateway looks like, for a warning in ``test_connection``; None: unknown.
    key_pattern: ClassVar[str | None] = None
    key_required: ClassVar[bool] = True
    #: True if submissions carry a key, so that sending one again is not charged twice.
    has_idempotency_keys: bool = False
    #: How long the gateway remembers a submission by its idempotency key; 0: it has none.
    idempotency_seconds: float = 0.0
    #: Seconds after its end at which the gateway may forget a job, while its URLs may live on; None: not known.
    forgets_jobs_after: float | None = None
    #: Seconds after a submission in which "unknown job" may mean "not indexed yet".
    not_found_grace: float = 0.0
    #: Polls under way at once when the connection does not say: a poll may count against the concurrency.
    default_in_flight_polls: ClassVar[int] = 1
    #: How many jobs one poll can ask for; 0: one at a time.
    batch_size: int = 0
    #: How long the gateway holds a poll open until the job changes; 0: it answers at once.
    long_poll_seconds: float = 0.0

    #: The gateway's own settings: name -> allowed values, the default first; a single value means "any of its type".
    OPTIONS: ClassVar[Mapping[str, tuple[Any, ...]]] = {}

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        given = dict(options or {})
        self.options: dict[str, Any] = {}
        for name, allowed in self.OPTIONS.items():
            value = given.get(name)
            if value is None or value == "":
                value = allowed[0]
            elif len(allowed) > 1 and value not in allowed:
                shown = ", ".join(str(v) for v in allowed)
                raise ConfigurationError(
                    f"Setting {name!r} of the connection is {redact(repr(value))[:40]}; allowed: {shown}",
                    gateway=self.name,
                    param=name,
                    charged="no",
                )
            self.options[name] = value
        self.definite_refusals = parse_definite_refusals(given.get("definite_refusals"), gateway=self.name)

    @property
    def title(self) -> str:
        """The vendor's name, for people."""
        return title_of(self.name)

    @property
    def host(self) -> str:
        """The vendor's host for these settings; the connection's default."""
        return self.default_host

    # -- requests ---------------------------------------------------------------------------------------
    @property
    def requests(self) -> Sequence[type[GenerationRequest]]:
        """The typed requests this gateway accepts with these settings."""
        return catalogue.requests_of(self.name)

    def look_up(self, request: GenerationRequest) -> HttpRequest | None:
        """What to ask the gateway's own catalogue before this request is sent; None: nothing. It is free."""
        return None

    def read_look_up(self, request: GenerationRequest, response: HttpResponse) -> GenerationRequest:
        """The request as it is to be sent, checked against the catalogue's answer; else an error."""
        return request

    def with_retention(self, request: GenerationRequest) -> GenerationRequest:
        """The request, asking the gateway to keep its artifacts until they are saved.

        Unchanged if the gateway has no such option, or its author already chose.
        """
        return request

    def refuses_retention(self, error: OruxError) -> bool:
        """Whether the gateway refused what :meth:`with_retention` added, and accepted nothing."""
        return False

    def key_headers(self, key: str) -> dict[str, str]:
        """The headers that carry the key."""
        return {"Authorization": f"Bearer {key}"}

    @abc.abstractmethod
    def route(
        self, request: GenerationRequest, *, wanted: Route | None = None, deferrable: bool = False
    ) -> Route:
        """The route of this request.

        :param wanted: the caller's preference if both exist; None: the connection's ``route``.
        :param deferrable: whether the caller can wait for a job without holding a worker; decides ``route="auto"``.
        :raises UnsupportedByGatewayError: the request does not have the wanted route.
        """

    def falls_back(self, request: GenerationRequest, error: OruxError) -> bool:
        """Whether a job that was refused, with proof, is asked for once from the synchronous endpoint."""
        return False

    def job_id_placeholder(self, request: GenerationRequest) -> str:
        """A placeholder for this request's job id, in a command for a person to complete."""
        return "JOB_ID"

    @abc.abstractmethod
    def generate(self, request: GenerationRequest) -> HttpRequest:
        """The synchronous call: its answer is the result."""

    @abc.abstractmethod
    def read_generate(self, request: GenerationRequest, response: HttpResponse, *, submission_id: str) -> Job:
        """The finished job in the answer to a synchronous call, named by its ``submission_id``."""

    @abc.abstractmethod
    def submit(self, request: GenerationRequest, *, idempotency_key: str | None = None) -> HttpRequest:
        """The asynchronous call: its answer is a job id."""

    @abc.abstractmethod
    def read_submit(self, request: GenerationRequest, response: HttpResponse) -> Job:
        """The job that was accepted.

        :raises OruxError: nothing was accepted (``charged: no``), or that is unknown (``charged: unknown``).
        """

    @abc.abstractmethod
    def poll(self, job_id: str, *, wait: float = 0.0) -> HttpRequest:
        """Ask for one job.

        :param wait: seconds the gateway may hold the request open, if it can.
        :raises InvalidRequestError: the id does not belong to this gateway.
        """

    @abc.abstractmethod
    def read_poll(self, job_id: str, response: HttpResponse) -> Job:
        """The job as it is now. A job that failed is a value, not an error.

        :raises OruxError: the poll itself failed.
        """

    def can_batch(self, job_id: str) -> bool:
        """Whether this job can be part of a batch poll; otherwise it is polled alone."""
        return self.batch_size > 0

    def poll_batch(self, job_ids: Sequence[str]) -> HttpRequest:
        """Ask for several jobs at once; only where ``batch_size`` > 0."""
        raise NotImplementedError(f"{self.title} has no batch poll")

    def read_batch(self, job_ids: Sequence[str], response: HttpResponse) -> dict[str, Job]:
        """The jobs in a batch answer; a missing job is unknown, perhaps only for now."""
        raise NotImplementedError(f"{self.title} has no batch poll")

    def can_cancel(self, job_id: str) -> bool:
        """Whether the gateway documents a way to cancel this job."""
        return False

    def cancel(self, job_id: str) -> HttpRequest:
        """Cancel a job; only where :meth:`can_cancel`. What it did until then is charged."""
        raise NotImplementedError(f"{self.title} cancels no jobs")

    def probe(self) -> HttpRequest:
        """A free request that shows whether host and key are right."""
        raise NotImplementedError

    def read_json(self, response: HttpResponse) -> Any:
        """The JSON of an endpoint with an undocumented shape (such as :meth:`probe`), unchanged.

        :raises OruxError: the gateway refused, or something else answered.
        """
        self.check(response, purpose=Purpose.READ)
        return response.json(gateway=self.name)

    def check_poll(self, job_id: str, response: HttpResponse, *, unknown: str) -> None:
        """Raise the typed error of an unsuccessful answer to a poll.

        :param unknown: what a 404 in the vendor's own error shape says of the job.
        :raises JobNotFoundError: the gateway does not know it.
        """
        error = self.read_error(response) if response.status == 404 else None
        if error is not None:
            raise JobNotFoundError(
                unknown, gateway=self.name, code=error.code, job_id=job_id, http_status=404
            )
        try:
            self.check(response, purpose=Purpose.READ)
        except OruxError as e:
            e.job_id = job_id
            raise

    # -- errors -----------------------------------------------------------------------------------------
    @abc.abstractmethod
    def read_error(self, response: HttpResponse) -> OruxError | None:
        """The typed error of an answer in the vendor's error shape; None for any other shape."""

    def check(self, response: HttpResponse, *, purpose: Purpose) -> None:
        """Raise the typed error of an unsuccessful answer.

        For a paid request it says ``charged: no`` only if the answer proves that nothing was accepted. Otherwise it
        says ``charged: unknown``, which the client turns into an ``AmbiguousSubmitError``.
        """
        status = response.status
        if 200 <= status < 300:
            return
        error = self.read_error(response)
        if error is None:
            error = self._error_of_status(response)
        error.gateway = error.gateway or self.name
        error.http_status = error.http_status or status
        if error.retry_after is None:
            error.retry_after = response.retry_after
        if purpose is Purpose.PAY:
            # A refusal that names a job proves nothing: what it names may have been accepted.
            named = named_job(response)
            error.job_id = error.job_id or named or None
            proven = named is None and (
                self.is_definite_refusal(response, error)
                or (status, error.code or "") in self.definite_refusals
            )
            error.charged = "no" if proven else "unknown"
            if proven and status >= 500:
                raise RateLimitedError(
                    error.message,
                    gateway=self.name,
                    code=error.code,
                    charged="no",
                    http_status=status,
                    retry_after=error.retry_after,
                ) from error
        raise error

    def is_definite_refusal(self, response: HttpResponse, error: OruxError) -> bool:
        """Whether an error answer to a paid request proves that nothing was accepted: by its HTTP status.

        Of the redirects only 307 and 308 mean "send this request elsewhere, unchanged".

        A gateway with unreliable statuses also checks the error.
        """
        return response.status in NOTHING_ACCEPTED or response.status in (307, 308)

    def _error_of_status(self, response: HttpResponse) -> OruxError:
        status, quoted = response.status, response.quote()
        if status == 401:
            return AuthenticationError(f"The gateway refused the key: {quoted}")
        if status == 403:
            return AuthenticationError(
                f"The gateway, or a proxy in front of it, forbids the request: {quoted}"
            )
        if status == 429:
            return RateLimitedError(f"The gateway asks us to slow down: {quoted}")
        if status >= 500:
            return GatewayUnavailableError(f"The gateway, or a proxy in front of it, failed: {quoted}")
        if 300 <= status < 400:
            where = redact(response.headers.get("location", "nowhere"))[:120]
            return UnexpectedResponseError(
                f"The gateway redirects to {where!r}; set the connection's host to it"
            )
        return UnexpectedResponseError(f"The gateway refused the request in an undocumented way: {quoted}")

    def unexpected(self, response: HttpResponse, why: str) -> UnexpectedResponseError:
        """The error for an answer without the documented shape."""
        return UnexpectedResponseError(
            f"The answer does not have the documented shape ({why}): {response.quote()}",
            gateway=self.name,
            http_status=response.status,
        )

    def accepted_id(self, response: HttpResponse, value: Any, *, prefix: str = "") -> str:
        """The job id of an accepted submission.

        :param value: the id in the answer; a number is as good as a text.
        :param prefix: what stands before it in our job id.
        :raises UnexpectedResponseError: accepted, but cannot be polled; it may be charged.
        """
        raw = job_id_of(value)
        if raw is None or not is_job_id(prefix + raw):
            raise self.unexpected(response, "accepted, but without a task id that can be polled")
        return prefix + raw

    def check_same_job(self, response: HttpResponse, job_id: str, named: Iterable[Any]) -> None:
        """Check that an answer is about the job that was asked for.

        :param job_id: as the gateway knows it.
        :param named: the ids in the answer; one of them has to be it, if there are any.
        :raises UnexpectedResponseError: the answer is about another job.
        """
        ids = [str(v)[:1000].strip() for v in named if isinstance(v, (str, int)) and not isinstance(v, bool)]
        if any(ids) and job_id not in ids:
            raise self.unexpected(response, f"it is about another job, {words_of(ids, 80)}")

    def check_length(self, response: HttpResponse, *, job_id: str | None = None) -> None:
        """Check that a result was read completely; its images may be inside it.

        :param job_id: a job to poll again; None for a synchronous generation, which answers once.
        :raises ArtifactRejectedError: a success that is longer than the client may read.
        """
        if not (response.truncated and 200 <= response.status < 300 and response.body.lstrip()[:1] == b"{"):
            return
        size = len(response.body) / 2**20
        if job_id is None:
            step = "Its images are lost. Raise max_inline_mib of the connection."
        else:
            known = self.forgets_jobs_after
            soon = "soon" if known is None else "within the hour" if known == 3600 else f"within {known:g} s"
            step = f"Raise max_inline_mib of the connection and clear the task {soon}, while the gateway knows the job."
        raise ArtifactRejectedError(
            f"The {'job' if job_id else 'generation'} is finished and charged, but its answer is longer than the "
            f"{size:g} MiB that are read",
            gateway=self.name,
            job_id=job_id,
            charged="yes",
            http_status=response.status,
            next_step=step,
            remedy=Remedy.DISCARD if job_id is None else None,
        )

    def json_object(self, response: HttpResponse) -> dict[str, Any]:
        """The body as a JSON object.

        :raises UnexpectedResponseError: it is not JSON, or not an object.
        """
        value = response.json(gateway=self.name)
        if not isinstance(value, dict):
            raise self.unexpected(response, f"a JSON {type(value).__name__} where an object was expected")
        return value


def parse_definite_refusals(value: Any, *, gateway: str) -> frozenset[tuple[int, str]]:
    """The connection's ``definite_refusals`` setting: ``"503:channel_down, 500:no_route"`` or a list of such texts.

    These are errors in the vendor's own shape that are known to mean "nothing was accepted".
    """
    if not value:
        return frozenset()
    items = value.split(",") if isinstance(value, str) else value
    pairs = set()
    for item in items:
        match = re.fullmatch(r"\s*(\d{3})\s*:\s*([\w.-]+)\s*", str(item))
        if not match:
            raise ConfigurationError(
                f"Setting 'definite_refusals' of the connection holds {str(item)[:40]!r}; write status:code, "
                "like 503:channel_unavailable",
                gateway=gateway,
                param="definite_refusals",
                charged="no",
            )
        pairs.add((int(match[1]), match[2]))
    return frozenset(pairs)
