"""Cancelling the job of a task that a person ended: ``cancel_on_kill`` of the connection."""

from __future__ import annotations

from typing import Any

from airflow_provider_orux.client.sync import GatewayClient
from airflow_provider_orux.hooks.connection import GatewayConnection
from airflow_provider_orux.models.errors import OruxError

#: States in which Airflow's database holds a task that is over: a person ended it, its DAG run timed out, or no
#: heartbeat came and no retry is left. A task whose trigger moves to another triggerer, whose worker is evicted, that
#: timed out or is cleared has another state, and its job goes on.
ENDED = frozenset({"success", "failed", "skipped", "removed"})


def cancel(connection: GatewayConnection, job_id: str, *, state: str | None, log: Any) -> bool:
    """Cancel a job, if its task was ended. Only for a connection that :meth:`~GatewayConnection.cancels` it.

    :param state: of the task instance in Airflow's database; None: it cannot be told.
    :returns: whether the gateway said that it is cancelled.
    """
    if state not in ENDED:
        log.info("Job %s is not cancelled: nobody ended its task (state: %s)", job_id, state or "unknown")
        return False
    try:
        with GatewayClient(connection.gateway, connection.client) as client:
            client.cancel(job_id)
    except OruxError as e:
        log.warning(
            "Job %s was not cancelled (%s). If it still runs, it goes on; it is charged.", job_id, e.message
        )
        return False
    log.warning("Job %s is cancelled because its task was ended. What it did until now is charged.", job_id)
    return True
