"""The error tree. Each error says what happened, to which job, whether it was charged and what to do next."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

Charged = Literal["yes", "no", "unknown"]

GATEWAY_TITLES = {"orux": "Orux AI", "yescale": "YEScale", "opengpu_relay": "OpenGPU Relay"}

_SECRETS = re.compile(
    r"sk-app-[A-Za-z0-9_]+|relay_sk_[A-Za-z0-9_-]+|whsec_[A-Za-z0-9+/=_-]+|\bsk-[A-Za-z0-9_-]{8,}"
    r"|(?i:bearer\s+)[A-Za-z0-9._~+/=-]{8,}"
)


def redact(text: str, *secrets: str | None) -> str:
    """Remove everything that looks like a key of a known gateway, and the given secrets, from a text."""
    for secret in secrets:
        if secret and len(secret) >= 4:
            text = text.replace(secret, "***")
    return _SECRETS.sub("***", text)


class OruxError(Exception):
    """The base of all errors of this package.

    :param message: what happened, one sentence.
    :param gateway: which gateway (``orux`` | ``yescale`` | ``opengpu_relay``).
    :param code: the gateway's own stable code, if it gave one.
    :param job_id: the job that it is about, if there is one.
    :param charged: whether the submission was charged: ``yes``, ``no`` or ``unknown``.
    :param http_status: the HTTP status of the answer, if there was one.
    :param param: the field of the request that the gateway or we object to.
    :param retry_after: seconds the gateway asked us to wait.
    :param next_step: what to do next; each class has its own default.
    """

    final: bool = True
    """True when trying the same thing again cannot help: the task fails without using its retries."""
    default_next_step: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        gateway: str | None = None,
        code: str | None = None,
        job_id: str | None = None,
        charged: Charged = "unknown",
        http_status: int | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        next_step: str | None = None,
    ) -> None:
        self.message = redact(message).rstrip()
        self.gateway = gateway
        self.code = code
        self.job_id = job_id
        self.charged: Charged = charged
        self.http_status = http_status
        self.param = param
        self.retry_after = retry_after
        self.next_step = self.default_next_step if next_step is None else next_step
        super().__init__(self.message)

    def __str__(self) -> str:
        text = self.message if self.message.endswith((".", "!", "?")) else self.message + "."
        facts = []
        if self.gateway:
            facts.append(f"gateway {GATEWAY_TITLES.get(self.gateway, self.gateway)}")
        if self.http_status:
            facts.append(f"HTTP {self.http_status}")
        if self.code:
            facts.append(f"code {self.code}")
        facts.append(f"job {self.job_id}" if self.job_id else "no job id")
        facts.append({"yes": "charged", "no": "not charged", "unknown": "charged: unknown"}[self.charged])
        text = f"{text} [{', '.join(facts)}]"
        return f"{text} {self.next_step}" if self.next_step else text

    def __reduce__(self) -> tuple[Any, ...]:
        # The base class would call __init__ with the message only and lose the facts on a process boundary.
        return (_rebuild, (type(self), self.message, dict(self.__dict__)))


def _rebuild(cls: type[OruxError], message: str, state: dict[str, Any]) -> OruxError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class ConfigurationError(OruxError):
    """The connection, an argument or the installation is not usable as it is."""

    default_next_step = "Nothing was sent. Correct the connection or the argument and run the task again."


class InvalidRequestError(OruxError):
    """A request is refused: by us before it is sent, or by the gateway (``invalid_param``)."""

    default_next_step = "Correct the request; a retry of the same request cannot help."


class AuthenticationError(OruxError):
    """The key is missing, wrong, disabled, expired, or not allowed from this address."""

    default_next_step = "Check the key of the connection (and its IP allow-list), then clear the task."


class ContentRejectedError(OruxError):
    """The gateway's moderation refused the prompt or an input image."""

    default_next_step = "Change the prompt; a retry of the same request cannot help."


class InsufficientCreditsError(OruxError):
    """The account's balance or budget does not cover the request. Waiting does not cure it."""

    default_next_step = "Top up the account or raise its budget, then clear the task."


class UnsupportedByGatewayError(OruxError):
    """The gateway of the connection does not offer the model or the verb."""

    default_next_step = "Use a connection of a gateway that offers it."


class RateLimitedError(OruxError):
    """The gateway is full or asks for a pause; nothing was accepted."""

    final = False
    default_next_step = "Nothing was accepted; it will be tried again later."


class GatewayUnavailableError(OruxError):
    """The gateway cannot be reached, or failed in a way that proves that nothing was accepted."""

    final = False
    default_next_step = "It will be tried again later."


class UnexpectedResponseError(OruxError):
    """An answer that is not what the gateway documents: not JSON, another shape, a proxy's page."""

    default_next_step = (
        "Check the host of the connection, and whether a proxy answers in the gateway's place."
    )


class JobFailedError(OruxError):
    """The job ended without a result.

    :param retry_helps: whether the gateway's error leaves hope that the same request succeeds another time.
    """

    default_next_step = "Clear the task that submitted it to pay for a new job."

    def __init__(self, message: str, *, retry_helps: bool = True, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.retry_helps = retry_helps
        self.final = not retry_helps


class JobExpiredError(JobFailedError):
    """The job, or its result, is older than the gateway keeps it."""

    default_next_step = (
        "The result is gone at the gateway. Clear the task that submitted it to pay for a new job."
    )


class JobTimeoutError(OruxError):
    """The job had not ended when its deadline passed. It may still end, and be charged."""

    default_next_step = "A clear of the task looks again, with a new deadline, and pays nothing."


class JobNotFoundError(OruxError):
    """The gateway does not know the job (any more), or it belongs to another account."""

    default_next_step = (
        "Check that the connection is the one that submitted the job. It is not submitted again by itself."
    )


class AmbiguousSubmitError(OruxError):
    """A paid request was sent and its answer never came: it may or may not have been accepted."""

    default_next_step = "It is not sent again until you say so."


class IdempotencyKeyReusedError(AmbiguousSubmitError):
    """The gateway knows the idempotency key with another request: an earlier one was sent, and its answer never came.

    HTTP 422 in the draft standard of the ``Idempotency-Key`` header. This request was refused and not charged.
    """

    default_next_step = (
        "This request was refused and not charged; the earlier one may have been. The request changed between two "
        "tries (a now() in a template, an upgrade, the connection's settings): undo the change and clear the task, "
        "and it goes on with the earlier one, free of a second charge."
    )


class LedgerError(OruxError):
    """The durable record of the submission cannot be read, written or understood."""

    default_next_step = "Nothing is submitted while the ledger is not in order."


class ArtifactError(OruxError):
    """An artifact could not be fetched or saved, or is not what it claims to be."""

    final = False
    default_next_step = "A retry fetches what is missing and pays nothing."


class ArtifactRejectedError(ArtifactError):
    """An artifact will not be better on another try: too large, not a picture, a private address, a file in the way."""

    final = True
    default_next_step = "Mend the cause (the setting that is named), then clear this task."
