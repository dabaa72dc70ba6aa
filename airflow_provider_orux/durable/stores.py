"""Where records live: Airflow's task state store, read so that "no record" can be believed."""

from __future__ import annotations

import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from airflow_provider_orux.compat import never_expire
from airflow_provider_orux.lifecycle.record import PROBE_KEY, RECORD_KEY, Record
from airflow_provider_orux.models.errors import LedgerError

#: Seconds for which a write that follows a payment is tried again.
WRITE_PATIENCE = 60.0


class RecordStore(Protocol):
    """The record of one task instance, wherever it lives."""

    def read(self) -> Record | None:
        """The record; None only when the store proves that there is none.

        :raises LedgerError: the store does not answer, or the value is not of our shape.
        """

    def glance(self) -> Record | None:
        """The record without that proof: never for a decision to pay."""

    def write_intent(self, record: Record) -> None:
        """Write the record right before a paid request.

        :raises LedgerError: it could not be written, so nothing may be sent.
        """

    def write(self, record: Record, *, patience: float | None = None) -> None:
        """Write a record that must not be lost.

        :param patience: seconds for which the write is tried again; None: ``WRITE_PATIENCE``.
        :raises LedgerError: it could not be written.
        """

    def remove(self) -> None:
        """Remove the record of a submission that is proven not to have been accepted.

        :raises LedgerError: it could not be removed.
        """


class StateStore(Protocol):
    """What we use of ``context["task_state_store"]``."""

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default."""

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        """Write a value."""

    def delete(self, key: str) -> None:
        """Remove a value."""


class TaskStateStore:
    """A :class:`RecordStore` in Airflow's task state store (Airflow 3.3 and newer).

    Its scope is the task instance: DAG run, task and map index, never the try number. A retry and a clear change
    ``ti.id``, so the write of a worker that was given up fails: that is the fence.

    :param store: ``context["task_state_store"]``.
    :param sleep: how to wait between two tries of a write.
    :param clock: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        store: StateStore,
        *,
        log: logging.Logger | Any,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._found: Any = None
        self._log = log
        self._sleep = sleep
        self._clock = clock

    def read(self) -> Record | None:
        """The record; None only when the store is proven to answer.

        A 404 of any cause (an ingress, a stale id) reads as "no value". So before None is believed, a second key is
        written and read back, and the record is read once more.

        :raises LedgerError: the store does not answer, or the value is not of our shape.
        """
        value = self._get(RECORD_KEY)
        if value is None:
            nonce = uuid.uuid4().hex
            try:
                self._set(PROBE_KEY, nonce)
            except Exception as e:
                raise _unreachable("written", e) from e
            if self._get(PROBE_KEY) != nonce:
                raise LedgerError(
                    "The task state store does not return what was just written to it", charged="no"
                )
            value = self._get(RECORD_KEY)
        self._found = value
        return None if value is None else Record.from_json(value)

    def glance(self) -> Record | None:
        """The record without the proof, None when it cannot be read: never for a decision to pay."""
        try:
            return Record.from_json(self._get(RECORD_KEY))
        except LedgerError:
            return None

    def write_intent(self, record: Record) -> None:
        """Write the record right before a paid request. It must succeed, else nothing is sent.

        :raises LedgerError: it did not. A newer attempt of this task instance may have begun.
        """
        value = record.to_json()
        try:
            self._set(RECORD_KEY, value)
        except Exception as e:
            error = _unreachable("written", e)
            error.charged = "no"
            with contextlib.suppress(LedgerError):
                # Only the answer may have been lost: an intent that nobody sent would need a person. (What was there
                # before this write is no sign of it.)
                if value != self._found and self._get(RECORD_KEY) == value:
                    return
            raise error from e

    def write(self, record: Record, *, patience: float | None = None) -> None:
        """Write a record that must not be lost: tried again for ``WRITE_PATIENCE``, or ``patience`` seconds.

        :raises LedgerError: it could not be written.
        """
        what = f"; job {record.job_id} was accepted" if record.job_id is not None else ""
        self._patiently(lambda: self._set(RECORD_KEY, record.to_json()), what, patience)

    def remove(self) -> None:
        """Remove the record of a submission that is proven not to have been accepted.

        :raises LedgerError: it could not be removed; the next attempt will take it for an ambiguous submission.
        """
        self._patiently(lambda: self._store.delete(RECORD_KEY))

    def _patiently(self, write: Callable[[], None], what: str = "", patience: float | None = None) -> None:
        deadline = self._clock() + (WRITE_PATIENCE if patience is None else patience)
        pause = 0.5
        while True:
            try:
                return write()
            except Exception as e:
                if self._clock() + pause > deadline:
                    raise _unreachable("written", e) from e
                self._log.warning("The ledger cannot be written (%s)%s; trying again", type(e).__name__, what)
                self._sleep(pause)
                pause = min(pause * 2, 10.0)

    def _get(self, key: str) -> Any:
        try:
            return self._store.get(key)
        except Exception as e:
            raise _unreachable("read", e) from e

    def _set(self, key: str, value: Any) -> None:
        self._store.set(key, value, retention=never_expire())


def _unreachable(verb: str, cause: Exception) -> LedgerError:
    error = LedgerError(
        f"The task state store cannot be {verb} ({type(cause).__name__}: {str(cause)[:200]})",
        next_step="Nothing is submitted while the ledger cannot be read and written. Once Airflow's API server answers "
        "again, a retry or a clear does what the record then says.",
    )
    error.final = False
    return error
