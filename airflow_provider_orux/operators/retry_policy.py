"""``OruxRetryPolicy``: the delay before a retry. The exception decides whether there is a retry."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_orux.compat import RetryDecision, RetryPolicy
from airflow_provider_orux.models.errors import (
    ArtifactError,
    GatewayUnavailableError,
    OruxError,
    RateLimitedError,
)

if TYPE_CHECKING:
    from airflow.sdk import Context


class OruxRetryPolicy(RetryPolicy):
    """Delays that fit the error: short after a failed save, growing while a gateway (before paying, a store) is down.

    On Airflow 3.3 and newer the operators use it if the author chose no delays: no ``retry_policy``, ``retry_delay``,
    ``retry_exponential_backoff`` or ``max_retry_delay``. It cannot retry a final error, or exceed ``retries``.

    :param save_delay: seconds before fetching artifacts again. Default 15.
    :param first_delay: seconds before the first retry while it is down; doubled each time. Default 30.
    :param longest_delay: seconds. Default 600.
    """

    def __init__(
        self, *, save_delay: float = 15.0, first_delay: float = 30.0, longest_delay: float = 600.0
    ) -> None:
        self.save_delay = save_delay
        self.first_delay = first_delay
        self.longest_delay = longest_delay

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """The delay for the typed error behind an exception; Airflow's default without one."""
        error = getattr(exception, "error", exception)
        if isinstance(error, ArtifactError) and error.charged != "no":
            return self._retry(self.save_delay, "the artifacts are fetched again; nothing is paid")
        if isinstance(error, (ArtifactError, GatewayUnavailableError, RateLimitedError)):
            delay = min(self.first_delay * 2 ** min(try_number - 1, 10), self.longest_delay)
            return self._retry(max(delay, error.retry_after or 0.0), "the gateway or the storage was away")
        if isinstance(error, OruxError):
            return self._retry(self.first_delay, f"{type(error).__name__} may pass")
        return RetryDecision.default()

    def _retry(self, seconds: float, reason: str) -> RetryDecision:
        return RetryDecision.retry(
            delay=timedelta(seconds=seconds * random.uniform(0.8, 1.2)),  # noqa: S311  (jitter)
            reason=reason,
        )

    def serialize(self) -> dict[str, Any]:
        """The arguments as JSON."""
        return dict(vars(self))

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> OruxRetryPolicy:
        """Read what :meth:`serialize` wrote."""
        return cls(**data)
