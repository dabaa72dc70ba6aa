"""One entry of the append-only ledger, and whose turn it is to write the next."""

from __future__ import annotations

import enum
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airflow_provider_orux.lifecycle.record import Record, Time
from airflow_provider_orux.models.errors import LedgerError, Remedy

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
    """Which execution of a task instance writes. Airflow only counts these up within one run.

    :param run_started: epoch seconds when its run (or the run's last clear) started; None: not known.
    :param clear_number: how many times its run was cleared. (3.1 counts clears of finished runs only.)
    :param try_number: of the task instance.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    run_started: Time | None = None
    clear_number: Annotated[int, Field(ge=0, le=10**9)] = 0
    try_number: Annotated[int, Field(ge=0, le=10**9)]

    def standing(self, last: Turn) -> Standing:
        """How this execution stands to the one that wrote the last entry.

        A run that was deleted and created again counts its tries from 1, and starts later. When in doubt, it is the
        same run: then the record holds, and nothing is paid twice.
        """
        later = 0.0
        if self.run_started is not None and last.run_started is not None:
            later = self.run_started - last.run_started
        fewer = self.try_number < last.try_number
        # The same try goes on after a deferral or a rescheduling. Meanwhile only a clear moves the start of its run.
        again = self.try_number == last.try_number and self.clear_number == 0
        if later > 0 and (fewer or again):
            return Standing.NEW_RUN
        return Standing.STALE if later < 0 or fewer else Standing.CURRENT


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
