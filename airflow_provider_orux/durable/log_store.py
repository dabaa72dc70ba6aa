"""The record of a task instance in an append-only log: whoever creates the next entry first continues.

An execution continues only from the entry that it read first. Another one that wrote meanwhile has taken its place:
then nothing more can be written, and nothing may be paid. See ``docs/decisions/ledger-on-object-storage.md``.
"""

from __future__ import annotations

import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from airflow_provider_orux.durable.entries import Entries, away
from airflow_provider_orux.durable.stores import WRITE_PATIENCE, RecordStore
from airflow_provider_orux.lifecycle.entry import Entry, Standing, Turn
from airflow_provider_orux.lifecycle.record import Record
from airflow_provider_orux.models.errors import LedgerError

#: Seconds for which an intent is tried again: nothing was sent, and Airflow's own retry is free.
INTENT_PATIENCE = 5.0


class LogStore:
    """A :class:`~airflow_provider_orux.durable.stores.RecordStore` in an append-only log.

    :param entries: of this task instance.
    :param instance: its DAG, run, task and map index.
    :param turn: this execution; None: a person's, which continues from any.
    :param before: where a record of it may lie that was written before ``ledger_path`` was set.
    :param sleep: how to wait between two tries of a write.
    :param clock: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        entries: Entries,
        *,
        instance: tuple[str, str, str, int],
        turn: Turn | None,
        before: RecordStore | None = None,
        log: logging.Logger | Any,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        #: Of the entry from which this execution continues; 0: there was none; None: nothing was read yet.
        self.number: int | None = None
        #: That entry.
        self.last: Entry | None = None
        self._entries = entries
        self._instance = instance
        self._turn = turn
        self._before = before
        self._log = log
        self._sleep = sleep
        self._clock = clock

    def read(self) -> Record | None:
        """The record; None when there is none.

        That needs no proof here: an entry that a listing hid makes the creation of the next one fail.

        :raises LedgerError: the store does not answer, the entry is not of our shape, or a newer execution wrote it.
        """
        number, content = self._newest()
        if self.number is not None and number != self.number:
            raise _fenced()
        self.number = number
        if content is None:
            return self._before.read() if self._before is not None else None
        entry = self.last = Entry.from_bytes(content)
        if (entry.dag_id, entry.run_id, entry.task_id, entry.map_index) != self._instance:
            raise LedgerError("The last ledger entry of this task instance is of another one", charged="no")
        standing = Standing.CURRENT if self._turn is None else self._turn.standing(entry.turn)
        if standing is Standing.STALE:
            raise _fenced()
        if standing is Standing.NEW_RUN:
            self._log.info("The ledger holds a record of a deleted run of the same id; it is not this run's.")
            return None
        return entry.read_record()

    def glance(self) -> Record | None:
        """The record, None when it cannot be read or is not this execution's: never for a decision to pay."""
        try:
            return self.read()
        except LedgerError:
            return None

    def write_intent(self, record: Record) -> None:
        """Write the record right before a paid request. It must succeed, else nothing is sent.

        :raises LedgerError: it did not, or another execution was first.
        """
        try:
            self._append(record, patience=INTENT_PATIENCE)
        except LedgerError as e:
            e.charged = "no"
            raise

    def write(self, record: Record, *, patience: float | None = None) -> None:
        """Write a record that must not be lost: tried again for ``WRITE_PATIENCE``, or ``patience`` seconds.

        :raises LedgerError: it could not be written, or another execution was first.
        """
        self._append(record, patience=WRITE_PATIENCE if patience is None else patience)

    def remove(self) -> None:
        """Note that there is no record: nothing was accepted, or a person gives it up.

        :raises LedgerError: it could not be written.
        """
        self._append(None, patience=WRITE_PATIENCE)

    def _append(self, record: Record | None, *, patience: float) -> None:
        if self.number is None:
            self.read()
        dag_id, run_id, task_id, map_index = self._instance
        # A person writes for the execution that wrote last: the next one finds it as if that one had.
        turn = self._turn or (self.last.turn if self.last else Turn(try_number=0))
        entry = Entry(
            dag_id=dag_id,
            run_id=run_id,
            task_id=task_id,
            map_index=map_index,
            turn=turn,
            token=uuid.uuid4().hex,
            at=time.time(),
            record=None if record is None else record.to_json(),
        )
        number = (self.number or 0) + 1
        self._create(number, entry.to_bytes(), patience)
        self.number, self.last = number, entry

    def _create(self, number: int, content: bytes, patience: float) -> None:
        """Create an entry, whatever became of the store's answers: what lies there then tells who was first."""
        deadline = self._clock() + patience
        pause = 0.5
        while True:
            try:
                return self._entries.create(number, content)
            except Exception as e:
                cause = e
            there = None
            with contextlib.suppress(Exception):
                there = self._entries.load(number)
            if there == content:
                return None  # only the answer was lost
            if there is not None:
                raise _fenced() from cause
            if self._clock() + pause > deadline:
                raise away("written", cause) from cause
            self._log.warning("The ledger cannot be written (%s); trying again", type(cause).__name__)
            self._sleep(pause)
            pause = min(pause * 2, 10.0)

    def _newest(self) -> tuple[int, bytes | None]:
        try:
            numbers = self._entries.numbers()
            return (numbers[-1], self._entries.load(numbers[-1])) if numbers else (0, None)
        except Exception as e:
            raise away("read", e) from e


def _fenced() -> LedgerError:
    error = LedgerError(
        "Another execution of this task instance has written to the ledger meanwhile",
        next_step="This execution sends nothing more. Airflow's next try continues with what the other one recorded.",
    )
    error.final = False
    return error
