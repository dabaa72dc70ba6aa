"""The error tree. Each error says what happened, to which job, whether it was charged and what to do next."""

from __future__ import annotations

import enum
import re
from typing import Any, ClassVar, Literal

from airflow_provider_orux.models.registry import title_of
from airflow_provider_orux.models.secrets import blank, without_signatures

Charged = Literal["yes", "no", "unknown"]

_SECRETS = re.compile(
    r"sk-app-[A-Za-z0-9_]+|relay_sk_[A-Za-z0-9_-]+|whsec_[A-Za-z0-9+/=_-]+|\bsk-[A-Za-z0-9_-]{8,}"
    r"|(?i:bearer\s+)[A-Za-z0-9._~+/=-]{8,}"
)


#: Characters of a line of a report: as many as Airflow's page of a log shows at a width of 1 440 pixels.
_LINE = 100


def redact(text: str, *secrets: str | None) -> str:
    """Remove everything that looks like a key of a known gateway, and the given secrets, from a text.

    :param secrets: keys and tokens; they are found in other spellings, too (percent-encoded, escaped, base64).
    """
    for secret in secrets:
        text = blank(text, secret)
    return _SECRETS.sub("***", text)


class Remedy(enum.Enum):
    """What a person may do about a recorded submission that stands in the way. ``lifecycle/advice.py`` says it."""

    #: Give it up: ``ledger discard``.
    DISCARD = enum.auto()


class OruxError(Exception):
    """The base of all errors of this package.

    :param message: what happened, one sentence.
    :param gateway: which gateway (``orux`` | ``yescale`` | ``opengpu_relay``).
    :param code: the gateway's own stable code, if it gave one.
    :param job_id: the job concerned, if there is one.
    :param charged: whether the submission was charged: ``yes``, ``no`` or ``unknown``.
    :param http_status: the HTTP status of the answer, if there was one.
    :param param: the offending field of the request.
    :param retry_after: seconds the gateway asked us to wait.
    :param next_step: what to do about this error; None: the class's ``default_next_step``.
    :param outlook: what a retry and a clear of the task will do; ``lifecycle/advice.py`` asks the decision table.
    :param remedy: what may be done about the recorded submission.
    :param request_id: the gateway's own id of the exchange, for its support.
    :param conn_id: the Airflow connection that was used; the hook adds it.
    """

    #: True when trying the same thing again cannot help: the task fails without using its retries.
    final: bool = True
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
        outlook: str = "",
        remedy: Remedy | None = None,
        request_id: str | None = None,
        conn_id: str | None = None,
    ) -> None:
        self.message = without_signatures(redact(message)).rstrip()
        self.gateway = gateway
        self.code = code
        self.job_id = job_id
        self.charged: Charged = charged
        self.http_status = http_status
        self.param = param
        self.retry_after = retry_after
        self.next_step = next_step
        self.outlook = outlook
        self.remedy = remedy
        self.request_id = request_id
        self.conn_id = conn_id
        super().__init__(self.message)

    def __str__(self) -> str:
        facts = [*self._origin(), f"job {self.job_id}" if self.job_id else "no job id"]
        facts.append({"yes": "charged", "no": "not charged", "unknown": "charged: unknown"}[self.charged])
        parts = [f"{self._sentence()} ({', '.join(facts)})", self.advice, self.outlook]
        return " ".join(" ".join(parts).split())

    def report(self) -> str:
        """The error for a task's log, in short lines.

        What happened; whether it was charged, and for which job; what to do; what a retry and a clear of the task will
        do; each command on a line of its own. A line that has nothing to say is left out.
        """
        charged = {"yes": "Charged.", "no": "Not charged.", "unknown": "Charged: unknown."}[self.charged]
        origin = ", ".join([*([f"job {self.job_id}"] if self.job_id else []), *self._origin()])
        facts = f"{charged} {origin[:1].upper()}{origin[1:]}." if origin else charged
        advice = self.advice.split("\n")
        commands = [line for line in advice if line.startswith("`") and line.endswith("`")]
        sentences = [line for line in advice if line not in commands]
        parts = [f"{type(self).__name__}: {self._sentence()}", facts, *sentences, self.outlook, *commands]
        return "\n".join(line for part in parts for text in part.split("\n") for line in _lines(text))

    def _sentence(self) -> str:
        return self.message if self.message.endswith((".", "!", "?")) else self.message + "."

    def _origin(self) -> list[str]:
        facts = [f"gateway {title_of(self.gateway)}"] if self.gateway else []
        facts += [f"connection {self.conn_id}"] if self.conn_id else []
        facts += [f"HTTP {self.http_status}"] if self.http_status else []
        facts += [f"code {self.code}"] if self.code else []
        told = not self.request_id or self.request_id in self.message
        return facts + ([] if told else [f"request {self.request_id}"])

    @property
    def advice(self) -> str:
        """What to do about it; empty if there is nothing to do."""
        return self.default_next_step if self.next_step is None else self.next_step

    def __reduce__(self) -> tuple[Any, ...]:
        # The base class would call __init__ with the message only and lose the facts on a process boundary.
        return (_rebuild, (type(self), self.message, dict(self.__dict__)))


def _lines(text: str) -> list[str]:
    """One line of a report as it is shown: a command as it is pasted, anything else no longer than a page is wide."""
    text = text.strip()
    if text.startswith("`") and text.endswith("`"):
        return [text[1:-1]]
    import textwrap  # late: a DAG file does without it

    # A command inside a sentence is not broken either.
    whole = re.sub(r"`[^`]*`", lambda quoted: quoted[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(whole, _LINE, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def _rebuild(cls: type[OruxError], message: str, state: dict[str, Any]) -> OruxError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class ConfigurationError(OruxError):
    """The connection, an argument or the installation is unusable."""

    default_next_step = "Correct the connection or the argument."


class InvalidRequestError(OruxError):
    """A request was refused: by the provider before sending, or by the gateway (``invalid_param``)."""

    default_next_step = "Correct the request."


class AuthenticationError(OruxError):
    """The key is missing, wrong, disabled, expired, or not allowed from this address."""

    default_next_step = "Check the key of the connection (and its IP allow-list)."


class ContentRejectedError(OruxError):
    """The gateway's moderation refused the prompt or an input image."""

    default_next_step = "Change the prompt."


class InsufficientCreditsError(OruxError):
    """The account's balance or budget does not cover the request. Waiting does not help."""

    default_next_step = "Top up the account or raise its budget."


class UnsupportedByGatewayError(OruxError):
    """The gateway of the connection does not offer the model or the verb."""

    default_next_step = "Use a connection of a gateway that offers it."


class RateLimitedError(OruxError):
    """The gateway is full or asks for a pause; nothing was accepted."""

    final = False


class GatewayUnavailableError(OruxError):
    """The gateway cannot be reached, or failed without accepting anything."""

    final = False


class UnexpectedResponseError(OruxError):
    """The answer is not what the gateway documents: not JSON, another shape, a proxy's page."""

    default_next_step = (
        "Check the host of the connection, and whether a proxy answers in the gateway's place."
    )


class JobFailedError(OruxError):
    """The job ended without a result.

    :param retry_helps: whether the gateway's error leaves hope that the same request succeeds another time.
    """

    def __init__(self, message: str, *, retry_helps: bool = True, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.retry_helps = retry_helps
        self.final = not retry_helps


class JobExpiredError(JobFailedError):
    """The gateway no longer keeps the job or its result."""


class JobTimeoutError(OruxError):
    """The job did not end before its deadline. It may still end, and be charged."""

    default_next_step = "Raise `timeout` if such jobs take longer."


class JobNotFoundError(OruxError):
    """The gateway does not know the job (any more), or it belongs to another account."""

    default_next_step = "Check that the connection is the one that submitted the job."


class AmbiguousSubmitError(OruxError):
    """A paid request was sent and its answer never came: it may or may not have been accepted."""


class IdempotencyKeyReusedError(AmbiguousSubmitError):
    """The gateway knows the idempotency key with another request: an earlier one was sent, and its answer never came.

    HTTP 422 in the draft standard of the ``Idempotency-Key`` header. This request was refused and not charged.
    """

    default_next_step = (
        "Undo what changed between the two tries: a now() in a template, an upgrade, a connection setting."
    )


class LedgerError(OruxError):
    """The durable record of the submission cannot be read, written or understood."""


class ArtifactError(OruxError):
    """An artifact could not be fetched or saved, or is not what it claims to be."""

    final = False


class ArtifactRejectedError(ArtifactError):
    """Another attempt cannot help: it is too large, not media, at a private address, or a file is in the way."""

    final = True

    default_next_step = "Fix the setting named above."


class ArtifactURLExpiredError(ArtifactRejectedError):
    """The URL of an artifact has expired: gateways keep URLs for hours. Polling the job again gives a fresh one."""

    default_next_step = ""
