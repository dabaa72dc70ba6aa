"""One entry of the append-only ledger, and whose turn it is to write the next."""

from __future__ import annotations

import enum
import json
import uuid
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airflow_provider_orux.lifecycle.record import Record, Time
from airflow_provider_orux.models.errors import LedgerError, Remedy

#: Seconds by which the clocks of the machines that make ids may differ.
CLOCKS_DIFFER = 60

Id = Annotated[str, Field(min_length=1, max_length=1000)]


class Standing(enum.Enum):
    """How an execution stands to the one that wrote the last entry."""

    #: Of the same run, and not older: the record is its own.
    CURRENT = "current"
    #: Of a run that was created again under the id of a deleted one: the record is not its own.
    NEW_RUN = "new run"
    #: Older: Airflow has given it up.
    STALE = "stale"


class Turn(BaseModel):
    """Which execution of a task instance writes.

    Airflow gives a task instance a new id, a UUIDv7, at every retry and clear, and counts its tries up. Both stay while
    a try is deferred or rescheduled. A run that is created again counts from 1.

    :param ti_id: ``ti.id``; None: not known.
    :param try_number: ``ti.try_number``.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    ti_id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")] | None = None
    try_number: Annotated[int, Field(ge=0, le=10**9)]

    def standing(self, last: Turn) -> Standing:
        """How this execution stands to the one that wrote the last entry.

        When in doubt it is of the same run: then the record holds, and nothing is paid twice.
        """
        if self.ti_id is None or last.ti_id is None or self.ti_id == last.ti_id:
            return Standing.STALE if self.try_number < last.try_number else Standing.CURRENT
        mine, others = uuid.UUID(self.ti_id).int, uuid.UUID(last.ti_id).int
        if mine < others:
            return Standing.STALE
        if self.try_number > last.try_number:
            return Standing.CURRENT
        # Within one run no two ids have the same try. A lower try with a later id may be due to clocks that differ.
        later = (mine >> 80) - (others >> 80)
        if self.try_number == last.try_number or later > CLOCKS_DIFFER * 1000:
            return Standing.NEW_RUN
        return Standing.STALE


class Entry(BaseModel):
    """One entry: the whole state from here on. Each is created once, and none is ever changed.

    :param dag_id: with ``run_id``, ``task_id`` and ``map_index``: the task instance.
    :param turn: who wrote it.
    :param token: unique to this entry: whoever reads it back knows whether it is the one he wrote.
    :param at: epoch seconds when it was written.
    :param record: None: there is no record (from now on again).
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    v: Literal[1] = 1
    dag_id: Id
    run_id: Id
    task_id: Id
    map_index: Annotated[int, Field(ge=-1, le=10**9)] = -1
    turn: Turn
    token: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    at: Time
    record: dict[str, Any] | None = None

    def to_bytes(self) -> bytes:
        """What is stored."""
        return self.model_dump_json().encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Entry:
        """Read what is stored.

        :raises LedgerError: it is not of our shape.
        """
        try:
            return cls.model_validate(json.loads(content))
        except (ValueError, RecursionError) as e:
            what = e.errors()[0]["msg"] if isinstance(e, ValidationError) else type(e).__name__
            raise LedgerError(
                f"The last ledger entry of this task instance is not readable ({what})",
                next_step="Nothing was submitted. A newer version of this provider may have written it.",
                remedy=Remedy.DISCARD,
            ) from e

    def read_record(self) -> Record | None:
        """The record, checked.

        :raises LedgerError: it is not of our shape.
        """
        return None if self.record is None else Record.from_json(self.record)
