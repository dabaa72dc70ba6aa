"""What an operator sees of Airflow, as a model: task instance, state store, XComs, retry, clear."""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any


class Killed(BaseException):
    """The process of an execution ended here."""


class StoreAway(RuntimeError):
    """The API server does not answer."""


class NotFound(RuntimeError):
    """The API server answers 404 to a write: the task instance has another id by now, or an ingress is in the way."""


@dataclass
class TaskInstance:
    """One task instance over all its tries. ``id`` changes with each retry and each clear."""

    retries: int
    dag_id: str = "chaos"
    run_id: str = "run"
    task_id: str = "pay"
    map_index: int = -1
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    try_number: int = 1
    max_tries: int = 0
    state: str = "queued"
    reschedules: int = 0
    first_reschedule: datetime | None = None
    xcoms: dict[str, Any] = field(default_factory=dict)
    next_method: tuple[str, dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        self.max_tries = self.retries

    def start_anew(self) -> None:
        """What happens to a task instance before its next try: another id, and the XComs of the old one are gone."""
        self.id = uuid.uuid4()
        self.xcoms = {}
        self.next_method = None
        self.reschedules, self.first_reschedule = 0, None

    def failed(self) -> None:
        """A try ended with an error that may be retried, with a dead process, or Airflow only thinks so."""
        if self.try_number <= self.max_tries and self.max_tries > 0:
            self.start_anew()
            self.try_number += 1
            self.state = "queued"
        else:
            self.state = "failed"

    def clear(self, *, running: bool, counts: bool) -> None:
        """A person clears it.

        :param counts: of a running one, whether ``max_tries`` changes: that hangs on what the executor reports.
        """
        if not running or counts:
            self.max_tries = self.try_number + self.retries
        self.start_anew()
        self.try_number += 1
        self.state = "queued"


class Store:
    """The task state store behind the execution API."""

    def __init__(self, ti: TaskInstance) -> None:
        self.ti = ti
        self.rows: dict[str, str] = {}
        #: How many of the next calls fail.
        self.away = 0
        #: How many of the next reads find nothing.
        self.hidden = 0
        self.lock = threading.Lock()
        #: Told of each record that takes the place of another one, or of none.
        self.on_record: Callable[[dict[str, Any] | None, dict[str, Any]], object] = lambda old, new: None

    def view(self) -> StoreView:
        """What the execution that starts now is given."""
        return StoreView(self, self.ti.id)

    def record(self) -> dict[str, Any] | None:
        """The ledger's record as it is."""
        row = self.rows.get("orux_ledger")
        return None if row is None else dict(json.loads(row))


class StoreView:
    """``context["task_state_store"]`` of one try."""

    def __init__(self, store: Store, ti_id: uuid.UUID) -> None:
        self._store = store
        self._ti_id = ti_id
        #: The state of the ledger's record that was last written through this view, and was not
        #: refused.
        self.acknowledged: str | None = None

    def get(self, key: str, default: Any = None) -> Any:
        self._call()
        store = self._store
        if self._ti_id != store.ti.id or key not in store.rows:
            return default  # a 404 of any cause reads like this
        if store.hidden:
            store.hidden -= 1
            return default
        return json.loads(store.rows[key])

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        if value is None:
            raise ValueError("Cannot set value as None")
        self._call()
        text = json.dumps(value)
        with self._store.lock:
            self._fence()
            old = self._store.record()
            self._store.rows[key] = text
        if key == "orux_ledger":
            self.acknowledged = str(value["state"])
            self._store.on_record(old, value)

    def delete(self, key: str) -> None:
        self._call()
        with self._store.lock:
            self._fence()
            self._store.rows.pop(key, None)
        if key == "orux_ledger":
            self.acknowledged = None

    def _call(self) -> None:
        if self._store.away:
            self._store.away -= 1
            raise StoreAway("503 Service Unavailable")

    def _fence(self) -> None:
        if self._ti_id != self._store.ti.id:
            raise NotFound("404 Task instance not found")


class TaskView:
    """``context["ti"]`` of one try: what it was when the try began."""

    def __init__(self, ti: TaskInstance) -> None:
        self._ti = ti
        self.id = ti.id
        self.dag_id, self.run_id, self.task_id, self.map_index = (
            ti.dag_id,
            ti.run_id,
            ti.task_id,
            ti.map_index,
        )
        self.try_number, self.max_tries = ti.try_number, ti.max_tries
        self._first_reschedule = ti.first_reschedule

    def xcom_push(self, key: str, value: Any) -> None:
        text = json.dumps(value)
        if self._ti.id == self.id:
            self._ti.xcoms[key] = json.loads(text)

    def xcom_pull(self, task_ids: Any = None, key: str = "return_value", **_: Any) -> Any:
        return self._ti.xcoms.get(key)

    def get_task_states(self, **asked: Any) -> dict[str, dict[str, str]]:
        """What Airflow's database says, whoever asks."""
        return {self.run_id: {self.task_id: self._ti.state}}

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return self._first_reschedule


def context_of(ti: TaskInstance, store: Store, operator: Any) -> dict[str, Any]:
    """The context of a try that begins now."""
    return {
        "ti": TaskView(ti),
        "task": operator,
        "task_state_store": store.view(),
        "task_reschedule_count": ti.reschedules,
        "outlet_events": {},
    }


def note_reschedule(ti: TaskInstance) -> None:
    """The try is given back and comes again later, with the same id and number."""
    ti.reschedules += 1
    ti.first_reschedule = ti.first_reschedule or datetime.now(tz=timezone.utc)
    ti.next_method = None
    ti.state = "queued"


def coin(dice: random.Random, chance: float) -> bool:
    return dice.random() < chance
