"""The errors a DAG author meets: the typed tree, and the two Airflow exceptions that carry it."""

from __future__ import annotations

from typing import NoReturn

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

    :param error: the typed error; also the ``__cause__``.
    """

    def __init__(self, error: OruxError) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.error = error


class OruxTaskRetryException(AirflowException):
    """The task failed and a retry may help; it pays nothing twice.

    :param error: the typed error; also the ``__cause__``.
    """

    def __init__(self, error: OruxError) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.error = error


def raise_for_airflow(error: OruxError) -> NoReturn:
    """Translate a typed error for Airflow: final errors end the task, others use its retries."""
    raise (OruxTaskFailedException if error.final else OruxTaskRetryException)(error) from error
