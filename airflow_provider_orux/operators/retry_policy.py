"""``OruxRetryPolicy``: the delay before a retry. The exception decides whether there is a retry."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_orux.compat import RetryDecision, RetryPolicy
from airflow_provider_orux.models.errors import OruxError

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
        from airflow_provider_orux.lifecycle.schedule import retry_pause  # late: a DAG file does without it

        error = getattr(exception, "error", exception)
        if not isinstance(error, OruxError):
            return RetryDecision.default()
        seconds, reason = retry_pause(error, try_number, **vars(self))
        return RetryDecision.retry(delay=timedelta(seconds=seconds), reason=reason)

    def serialize(self) -> dict[str, Any]:
        """The arguments as JSON."""
        return dict(vars(self))

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> OruxRetryPolicy:
        """Read what :meth:`serialize` wrote."""
        return cls(**data)
