"""The errors a DAG author meets: the typed tree, and the two Airflow exceptions that carry it."""

from __future__ import annotations

from typing import Any, NoReturn

from airflow_provider_orux.compat import AirflowException, AirflowFailException
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    ArtifactError,
    ArtifactRejectedError,
    ArtifactURLExpiredError,
    AuthenticationError,
    ConfigurationError,
    ContentRejectedError,
    GatewayUnavailableError,
    IdempotencyKeyReusedError,
    InsufficientCreditsError,
    InvalidRequestError,
    JobExpiredError,
    JobFailedError,
    JobNotFoundError,
    JobTimeoutError,
    LedgerError,
    OruxError,
    RateLimitedError,
    UnexpectedResponseError,
    UnsupportedByGatewayError,
)

__all__ = [
    "AmbiguousSubmitError",
    "ArtifactError",
    "ArtifactRejectedError",
    "ArtifactURLExpiredError",
    "AuthenticationError",
    "ConfigurationError",
    "ContentRejectedError",
    "GatewayUnavailableError",
    "IdempotencyKeyReusedError",
    "InsufficientCreditsError",
    "InvalidRequestError",
    "JobExpiredError",
    "JobFailedError",
    "JobNotFoundError",
    "JobTimeoutError",
    "LedgerError",
    "OruxError",
    "OruxTaskFailedException",
    "OruxTaskRetryException",
    "RateLimitedError",
    "UnexpectedResponseError",
    "UnsupportedByGatewayError",
    "raise_for_airflow",
]


class OruxTaskFailedException(AirflowFailException):
    """The task failed and a retry cannot help: Airflow does not use its retries.

    :param error: the typed error. Its ``report()`` stands in the task's log.
    """

    def __init__(self, error: OruxError) -> None:
        super().__init__(_short(error))
        self.error = error


class OruxTaskRetryException(AirflowException):
    """The task failed and a retry may help; it pays nothing twice.

    :param error: the typed error. Its ``report()`` stands in the task's log.
    """

    def __init__(self, error: OruxError) -> None:
        super().__init__(_short(error))
        self.error = error


def _short(error: OruxError) -> str:
    # Airflow prints it above the stack, on one line. The error's own lines stand right before it.
    charged = {"yes": "charged", "no": "not charged", "unknown": "charged: unknown"}[error.charged]
    return f"{type(error).__name__}, {charged}{f', job {error.job_id}' if error.job_id else ''}"


def raise_for_airflow(error: OruxError, log: Any) -> NoReturn:
    """Log an error's report and translate the error for Airflow: final errors end the task, others use its retries.

    :param log: the task's logger. Where the error was raised is logged at DEBUG.
    """
    log.error("%s", error.report())
    log.debug("Where it was raised", exc_info=error)
    raise (OruxTaskFailedException if error.final else OruxTaskRetryException)(error) from None
