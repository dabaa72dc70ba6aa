"""Faults on demand: which requests a fault hits, how often, and how often it did."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from orux_sandbox.wire import Endpoint, Then

#: Outcomes only Midjourney's upstream protocol knows.
_MIDJOURNEY_OUTCOMES = ("modal", "cancel")


class Fault(BaseModel):
    """One fault: which requests it hits, how many, and what happens to them."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str = "*"
    skip: int = Field(default=0, ge=0)
    times: int = Field(default=1, ge=0)
    for_model: str | None = None
    for_job: str | None = None
    then: Then
    id: int = 0
    seen: int = 0
    hits: int = 0


def named(pattern: str, name: str, gateway: str) -> bool:
    """Whether a fault ordered for ``pattern`` is meant for the endpoint ``name``.

    ``*`` and ``tasks.*`` are patterns; ``yescale.mj.submit`` is also every ``yescale.mj.submit.…``, and
    ``orux.tasks.submit`` is Orux's ``tasks.submit``.
    """
    names = (name, f"{gateway}.{name}")
    return any(fnmatchcase(one, pattern) or one.startswith(f"{pattern}.") for one in names)


class Faults:
    """All ordered faults. The oldest one that fits a request hits it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._faults)

    def check(self, order: Mapping[str, Any]) -> Fault:
        """Validate one order without accepting it.

        :raises ValueError: not a fault this sandbox can produce.
        """
        reserved = {"id", "seen", "hits"} & set(order)
        if reserved:
            raise ValueError(f"{', '.join(sorted(reserved))}: the sandbox counts these itself")
        return Fault.model_validate(dict(order))

    def order(self, order: Mapping[str, Any]) -> int:
        """Accept one order; its number.

        :raises ValueError: not a fault this sandbox can produce.
        """
        fault = self.check(order)
        with self._lock:
            fault.id = next(self._numbers)
            self._faults.append(fault)
        return fault.id

    def take(
        self, *, endpoint: Endpoint, gateway: str, model: str | None, job_id: str | None
    ) -> Fault | None:
        """The fault that hits this request, counted as a hit. A job's outcome is decided at its submission."""
        with self._lock:
            for fault in self._faults:
                if not named(fault.endpoint, endpoint.name, gateway):
                    continue
                if fault.for_model not in (None, model) or fault.for_job not in (None, job_id):
                    continue
                if fault.then.job is not None and not endpoint.submits:
                    continue
                special = fault.then.submit_code is not None or fault.then.job in _MIDJOURNEY_OUTCOMES
                if special and not endpoint.midjourney:
                    continue
                if fault.times and fault.hits >= fault.times:
                    continue
                fault.seen += 1
                if fault.seen <= fault.skip:
                    continue
                fault.hits += 1
                return fault
        return None

    def give_back(self, fault: Fault) -> None:
        """Undo a hit: the request was refused for a reason of its own, so the fault waits for the next one."""
        with self._lock:
            fault.hits -= 1
            fault.seen -= 1

    def remove(self, number: int | None = None) -> None:
        """Withdraw one fault, or all."""
        with self._lock:
            self._faults = [fault for fault in self._faults if number is not None and fault.id != number]

    def list(self) -> list[dict[str, Any]]:
        """All faults with their counts."""
        with self._lock:
            return [
                {
                    **fault.model_dump(exclude={"then"}),
                    "then": fault.then.model_dump(exclude_unset=True),
                    "left": None if fault.times == 0 else fault.times - fault.hits,
                }
                for fault in self._faults
            ]
