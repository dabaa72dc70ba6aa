"""The mark "delivered": Airflow recorded the task's success, so a clear asks for a new result.

``finished`` in the ledger says only that we hold the result. Airflow may mark a deferred task failed although its
resume succeeded (a late executor event, apache/airflow #71580); a clear of such a task must return what was paid for.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_orux.compat import recorded_state

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_orux.durable.stores import RecordStore

log = logging.getLogger(__name__)

#: Seconds for which the mark is tried again. Airflow ends the process 20 s after it accepted the success.
PATIENCE = 5.0


def on_success(context: Context) -> None:
    """An ``on_success_callback`` of every paying operator: mark the record, where Airflow recorded the success.

    On Airflow 3.3 success callbacks run also after the API server rejected the success, so the state is read back. A
    person who marks a failed task as successful starts no worker: nothing was delivered then.
    """
    from airflow_provider_orux.durable.open_store import record_store

    ti = context["ti"]
    if not getattr(context["task"], "durable", False):
        return
    try:
        if recorded_state(ti) == "success":
            mark(record_store(context, log=log), max_tries=ti.max_tries)
    except Exception as e:
        # Unmarked, the next clear returns this result for free and says so.
        log.warning("The ledger could not note that the result was delivered: %s", e)


def mark(store: RecordStore, *, max_tries: int) -> bool:
    """Mark a finished record as delivered.

    Reads it again first: a store that is cleared on success may have lost it, and it is never created again.

    :param max_tries: of the attempt that succeeded.
    :returns: whether there was something to mark.
    :raises LedgerError: it could not be written.
    """
    from airflow_provider_orux.lifecycle.record import (
        State,  # late: every DAG file that is parsed loads this module
    )

    record = store.glance()
    if record is None or record.state is not State.FINISHED or record.delivered:
        return False
    store.write(record.changed(delivered=True, max_tries=max_tries), patience=PATIENCE)
    return True
