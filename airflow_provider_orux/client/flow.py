"""Sans-IO exchanges: what to send, what to send again, and what an answer, or its absence, means.

A flow is a generator: it yields ``Send`` or ``Pause`` and receives an :class:`HttpResponse` (or has a
:class:`TransportFailure` thrown into it). The sync and the async client only carry these steps out.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from airflow_provider_orux.client.kept import KeptAnswers
from airflow_provider_orux.client.settings import SUBMIT_LIMIT, ClientSettings
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose, named_job
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    ArtifactRejectedError,
    AuthenticationError,
    ConfigurationError,
    GatewayUnavailableError,
    IdempotencyKeyReusedError,
    OruxError,
    RateLimitedError,
    UnexpectedResponseError,
)
from airflow_provider_orux.models.job import Job, is_job_id
from airflow_provider_orux.models.listed import ListedRequest
from airflow_provider_orux.models.requests import GenerationRequest

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Send:
    """Send this request once and give the answer back."""

    request: HttpRequest
    read_timeout: float
    max_bytes: int


@dataclass(frozen=True)
class Pause:
    """Wait this many seconds."""

    seconds: float


class TransportFailure(Exception):  # noqa: N818  (a fact that a flow is told, not yet an error)
    """No answer came.

    :param sent: False if the gateway provably never saw the request.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent

    def error(self, gateway: str, *, host: str) -> OruxError:
        """What it means for a request that is free. (For one that pays, only if it provably never left.)

        :param gateway: the gateway's name.
        :param host: where it was looked for.
        """
        how = "did not answer" if self.sent else "cannot be reached"
        return GatewayUnavailableError(
            f"The gateway at {host} {how}: {self}",
            gateway=gateway,
            next_step="Check that it runs, and the host of the connection.",
        )


class UntrustedCertificate(TransportFailure):
    """The host's certificate is not trusted: nothing was sent, and nothing will be until a setting is changed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=False)

    def error(self, gateway: str, *, host: str) -> OruxError:
        """It is the connection's, or the host's, to put right."""
        return ConfigurationError(
            f"The gateway's certificate is not trusted: {self}",
            gateway=gateway,
            param="ca_path",
            charged="no",
            next_step="Set ca_path of the connection to a file of certificates that includes the one that signed it "
            "(a company's proxy often has its own), or correct the host.",
        )


Step = Send | Pause
Flow = Generator[Step, HttpResponse | None, T]

#: How often, about a second apart, to repeat a submission while the gateway is still processing the first one.
IN_PROGRESS_ATTEMPTS = 30

#: Seconds that a flow waits inside the process; a longer ``Retry-After`` is left to the caller.
LONGEST_PAUSE = 30.0


def backoff(attempt: int, settings: ClientSettings, retry_after: float | None = None) -> float:
    """Seconds before the next try: ``base * 2**attempt + random(0, base)`` (Orux, page Rate limits)."""
    base = settings.backoff_base
    seconds: float = base * 2**attempt + random.uniform(0, base)  # noqa: S311  (jitter, not a secret)
    return max(seconds, retry_after or 0.0)


class Calls:
    """The verbs of a gateway as flows.

    :param gateway: the gateway's wire.
    :param settings: timeouts and attempts.
    """

    def __init__(self, gateway: Gateway, settings: ClientSettings) -> None:
        self.gateway = gateway
        self.settings = settings
        self.answers = KeptAnswers((settings.base_url, settings.account))

    def resolve(self, request: GenerationRequest) -> Flow[GenerationRequest]:
        """The request as it is to be sent: one by name is looked up in the gateway's catalogue. It costs nothing.

        :raises OruxError: the model is not there, a field is wrong, or the catalogue does not answer.
        """
        question = self.gateway.look_up(request)
        if question is None:
            return request
        try:
            return (
                yield from self.answers.ask(
                    self.read, question, lambda response: self.gateway.read_look_up(request, response)
                )
            )
        except OruxError as e:
            e.charged = "no"
            raise

    def upload(self, request: GenerationRequest, *, key: str | None) -> Flow[GenerationRequest]:
        """The request with URLs for the files that it holds. Sent again under the same key, it has the same URLs.

        :raises OruxError: a file was not taken; ``charged`` is ``no``.
        """
        if not isinstance(request, ListedRequest) or not request.uploads:
            return request
        gateway: Any = self.gateway  # only one whose requests hold files takes them
        urls: dict[str, str] = {}
        try:
            for file in request.uploads:
                one = f"{key or uuid.uuid4()}-{file.sha256[:16]}"
                urls[file.mark] = yield from self.read(gateway.upload(file, key=one), gateway.read_upload)
        except OruxError as e:
            e.charged = "no"
            raise
        return request.with_urls(urls)

    def generate(
        self, request: GenerationRequest, *, submission_id: str, will_save: bool = False
    ) -> Flow[Job]:
        """One synchronous generation, paid once.

        :param will_save: see :meth:`submit`.
        :raises AmbiguousSubmitError: the request was sent and its answer does not say whether it was accepted.
        :raises ArtifactRejectedError: it was made and paid for, but the answer is longer than the client may read.
        :raises OruxError: refused; ``charged`` is ``no``.
        """
        request = yield from self.upload((yield from self.resolve(request)), key=submission_id)

        def send(form: GenerationRequest) -> Flow[Job]:
            return self._pay(
                self.gateway.generate(form),
                lambda response: self.gateway.read_generate(form, response, submission_id=submission_id),
                read_timeout=self.settings.generate_timeout,
                max_bytes=self.settings.max_answer_bytes,
                repeatable=False,
            )

        retained = self.gateway.with_retention(request) if will_save else request
        try:
            return (yield from send(retained))
        except OruxError as e:
            if retained is request or not self.gateway.refuses_retention(e):
                raise
            _log_without_retention(e)
        return (yield from send(request))

    def submit(
        self,
        request: GenerationRequest,
        *,
        idempotency_key: str | None = None,
        will_save: bool = False,
        resend: bool = False,
    ) -> Flow[Job]:
        """One asynchronous submission, paid once.

        :param idempotency_key: if the gateway honours one, a submission without an answer is resent with the same key.
        :param will_save: the artifacts will be saved: ask the gateway, if it can, to keep them until then.
        :param resend: this key was sent before, and the answer was lost.
        :raises AmbiguousSubmitError: the request was sent and its answer does not say whether it was accepted.
        :raises OruxError: refused; ``charged`` is ``no``.
        """
        request = yield from self.upload((yield from self.resolve(request)), key=idempotency_key)
        keyed = bool(idempotency_key) and self.gateway.has_idempotency_keys and self.settings.key is not None

        def send(form: GenerationRequest, key: str | None) -> Flow[Job]:
            return self._pay(
                self.gateway.submit(form, idempotency_key=key),
                lambda response: self.gateway.read_submit(form, response),
                read_timeout=self.settings.read_timeout,
                max_bytes=min(SUBMIT_LIMIT, self.settings.max_answer_bytes),
                repeatable=keyed,
            )

        retained = self.gateway.with_retention(request) if will_save else request
        refusal: OruxError
        try:
            return (yield from send(retained, idempotency_key))
        except OruxError as e:
            # In a resend, "the key belongs to another request" may mean the form without retention.
            other_form = resend and isinstance(e, IdempotencyKeyReusedError)
            if retained is request or not (other_form or self.gateway.refuses_retention(e)):
                raise
            if not other_form:
                _log_without_retention(e)
            refusal = e
        try:
            # The same key: should the form with retention have been accepted after all, this one is refused.
            return (yield from send(request, idempotency_key))
        except IdempotencyKeyReusedError:
            if resend or not keyed:
                raise
            # The refusal used the key up. The key was new, so nothing was accepted under it; and nothing may be sent
            # under another one, which the ledger does not name.
            raise refusal from None

    def poll(self, job_id: str, *, wait: float = 0.0, attempts: int | None = None) -> Flow[Job]:
        """The current state of a job."""
        return self.read(
            self.gateway.poll(job_id, wait=wait),
            lambda response: self.gateway.read_poll(job_id, response),
            attempts=attempts,
            read_timeout=self.settings.read_timeout + wait,
        )

    def cancel(self, job_id: str) -> Flow[None]:
        """Cancel a job; asked once."""
        request = self.gateway.cancel(job_id)
        return self.read(request, partial(self.gateway.check, purpose=Purpose.READ), attempts=1)

    def read(
        self,
        request: HttpRequest,
        read: Callable[[HttpResponse], T],
        *,
        attempts: int | None = None,
        read_timeout: float | None = None,
    ) -> Flow[T]:
        """Send a free request; retry any failure that may pass."""
        settings = self.settings
        tries = settings.attempts if attempts is None else attempts
        send = Send(request, read_timeout or settings.read_timeout, settings.max_answer_bytes)
        attempt = 0
        while True:
            attempt += 1
            error: OruxError
            try:
                response = yield send
            except TransportFailure as e:
                error = e.error(self.gateway.name, host=self.settings.host)
                if error.final:
                    raise error from e
                error.__cause__ = e
            else:
                if response is None:
                    raise RuntimeError("the driver answered a Send with nothing")
                try:
                    return read(response)
                except (RateLimitedError, GatewayUnavailableError) as e:
                    error = e
                except OruxError:
                    raise
                except Exception as e:
                    raise UnexpectedResponseError(
                        f"The answer cannot be read ({type(e).__name__})",
                        gateway=self.gateway.name,
                        http_status=response.status,
                    ) from e
            if attempt >= tries or (error.retry_after or 0) > LONGEST_PAUSE:
                raise error
            yield Pause(backoff(attempt - 1, settings, error.retry_after))

    def _pay(
        self,
        request: HttpRequest,
        read: Callable[[HttpResponse], Job],
        *,
        read_timeout: float,
        max_bytes: int,
        repeatable: bool,
    ) -> Flow[Job]:
        if request.purpose is not Purpose.PAY:
            raise RuntimeError("a paid flow was given a request that is not marked as paid")
        settings = self.settings
        if self.gateway.key_required and not settings.key:
            raise AuthenticationError(
                "The connection has no API key (its password field is empty)",
                gateway=self.gateway.name,
                charged="no",
            )
        send = Send(request, read_timeout, max_bytes)
        attempt = 0
        unanswered: OruxError | None = None
        while True:
            attempt += 1
            error: OruxError
            in_progress = False
            try:
                response = yield send
            except TransportFailure as e:
                if e.sent:
                    error = self._ambiguous(f"The request was sent, and then: {e}", repeatable=repeatable)
                else:
                    error = e.error(self.gateway.name, host=self.settings.host)
                    error.charged = "no"
                error.__cause__ = e
            else:
                if response is None:
                    raise RuntimeError("the driver answered a Send with nothing")
                try:
                    return self._usable(read(response))
                except (AmbiguousSubmitError, ArtifactRejectedError):
                    # The gateway's own word, or a result that cannot be taken: sending again would not tell more.
                    raise
                except Exception as e:
                    if not isinstance(e, OruxError):
                        # An answer that cannot be read proves nothing, whatever it is that cannot be read.
                        error = self._ambiguous(
                            f"The answer cannot be read ({type(e).__name__})", repeatable=repeatable
                        )
                        error.__cause__ = e
                    elif e.charged == "no" and named_job(response) is None:
                        error = e
                    else:
                        # A refusal that names a job proves nothing: what it names may have been accepted.
                        error = self._ambiguous(str(e.message), e, repeatable=repeatable)
                        error.job_id = e.job_id or named_job(response) or None
                        # A conflict under an idempotency key: what we sent before is still being worked on. Only
                        # the same key may be sent again, and a little patience gets the first sending's answer.
                        in_progress = repeatable and e.http_status == 409
            again = repeatable if isinstance(error, AmbiguousSubmitError) else not error.final
            attempts = max(settings.attempts, IN_PROGRESS_ATTEMPTS) if in_progress else settings.attempts
            if isinstance(error, AmbiguousSubmitError):
                unanswered = error
            elif unanswered is not None:
                # This sending was refused; that says nothing of the earlier one, which may have been accepted.
                retry_after, cause = error.retry_after, error
                error = self._ambiguous(
                    f"{unanswered.message}; sent again, {cause.message}", cause, repeatable=repeatable
                )
                error.retry_after = retry_after
            if not again or attempt >= attempts or (error.retry_after or 0) > LONGEST_PAUSE:
                raise error
            yield Pause(
                error.retry_after or 1.0 if in_progress else backoff(attempt - 1, settings, error.retry_after)
            )

    def _usable(self, job: Job) -> Job:
        if not is_job_id(job.job_id):
            raise AmbiguousSubmitError(
                f"The gateway accepted the request, but its job id cannot be polled: {job.job_id[:40]!a}",
                gateway=self.gateway.name,
            )
        return job

    def _ambiguous(
        self, message: str, cause: OruxError | None = None, *, repeatable: bool = False
    ) -> AmbiguousSubmitError:
        error = AmbiguousSubmitError(
            message,
            gateway=self.gateway.name,
            code=cause.code if cause else None,
            http_status=cause.http_status if cause else None,
            retry_after=cause.retry_after if cause else None,
            request_id=cause.request_id if cause else None,
        )
        error.__cause__ = cause
        error.final = not repeatable
        return error


def _log_without_retention(refusal: OruxError) -> None:
    log.warning("%s. Sent without it: save what it makes before the gateway deletes it.", refusal.message)
