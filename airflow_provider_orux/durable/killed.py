"""The job of a task that is killed in the worker: cancelled, if the connection says so and a person ended the task."""

from __future__ import annotations

from threading import Thread
from typing import Any

from airflow_provider_orux.compat import recorded_state
from airflow_provider_orux.hooks.cancelling import cancel
from airflow_provider_orux.hooks.connection import GatewayConnection

#: Seconds that it may take: Airflow ends the process 5 s after it asked it to stop.
PATIENCE = 4.0


def cancel_killed(connection: GatewayConnection, ti: Any, job_id: str, *, log: Any) -> bool:
    """Cancel the job of a task that is being killed.

    :param ti: the task instance.
    :returns: whether the gateway said that it is cancelled.
    """
    if not connection.cancels(job_id):
        return False
    cancelled: list[bool] = []

    def work() -> None:
        try:
            cancelled.append(cancel(connection, job_id, state=recorded_state(ti), log=log))
        except Exception as e:
            log.warning("Job %s is not cancelled (%s: %s)", job_id, type(e).__name__, e)

    # A signal got us here: what it interrupted may hold a lock that this needs, and then this has to end all the same.
    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return True in cancelled
