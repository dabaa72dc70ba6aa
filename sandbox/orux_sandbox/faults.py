"""Orders to fail: what can be ordered, which request an order strikes, how often it did."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from orux_sandbox.gateway import Endpoint

_MAIN = (
    "status",
    "cut",
    "malformed",
    "answer",
    "merge",
    "job",
    "submit_code",
    "truncate",
    "content",
    "redirect",
    "big_mib",
)
#: Fates that only jobs of Midjourney's upstream protocol know.
_MIDJOURNEY_FATES = ("modal", "cancel")


class Then(BaseModel):
    """What happens to a request that is struck. One of the kinds below, and ``delay`` or ``slow`` beside it.

    - ``status`` (with ``code``, ``message``, ``type``, ``param``, ``channel``, ``headers``): an error in the
      gateway's own envelope.
    - ``cut``: the connection ends ``before`` anything was accepted, ``after`` it was, or in ``mid_body`` of
      the answer. ``reset``: with a TCP reset instead of an orderly end.
    - ``malformed``: a 200 (or ``status``) whose body is not what was promised.
    - ``answer``: ``{"status", "body", "headers"}``, as you write it; a body that is no string becomes JSON.
    - ``merge``: the real JSON answer with these fields laid over it; null removes a field.
    - ``job``: the fate of the job that the request submits ("modal" and "cancel": Midjourney at YEScale).
    - ``submit_code``: Midjourney at YEScale answers with this code: 1 and 22 accept, 21 names a job that
      exists already (with ``after_accepting``: the one just made), all others refuse.
    - files: ``truncate`` (true: less than Content-Length says; "quietly": a shorter file, honest about its
      length), ``content``, ``redirect``, ``big_mib``.
    - ``delay``: seconds, ``when`` before or after the acceptance. Who hangs up during a delay ``before``
      was never heard: nothing is accepted.
    - ``slow``: the body at so many bytes a second.

    ``after_accepting``: the job and its charge are made, and the answer is still this one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay: float | None = Field(default=None, ge=0)
    when: Literal["before", "after"] = "before"
    slow: int | None = Field(default=None, gt=0)

    status: int | None = Field(default=None, ge=200, le=599)
    code: str | None = None
    message: str | None = None
    type: str | None = None
    param: str | None = None
    channel: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    after_accepting: bool = False

    cut: Literal["before", "after", "mid_body"] | None = None
    reset: bool = False
    malformed: Literal["html", "not_json", "other_shape", "empty", "truncated_json"] | None = None
    answer: dict[str, Any] | None = None
    merge: dict[str, Any] | None = None

    job: Literal["never_finish", "fail", "expire", "fewer", "modal", "cancel"] | None = None
    submit_code: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    after: float | None = Field(default=None, ge=0)
    count: int | None = Field(default=None, ge=0)

    truncate: Literal[True, "quietly"] | None = None
    content: Literal["html", "svg", "bomb", "empty"] | None = None
    redirect: str | None = None
    big_mib: int | None = Field(default=None, gt=0)
    declare_length: bool = True

    @model_validator(mode="after")
    def _one_kind(self) -> Then:
        kinds = [name for name in _MAIN if getattr(self, name) is not None]
        if self.malformed is not None and "status" in kinds:
            kinds.remove("status")  # the status of the malformed answer
        if len(kinds) > 1:
            raise ValueError(f"one kind at a time, not {' and '.join(kinds)}")
        if not kinds and self.delay is None and self.slow is None:
            raise ValueError(f"say what happens: one of {', '.join((*_MAIN, 'delay', 'slow'))}")
        return self


class Fault(BaseModel):
    """One order: which requests, how many, and then what."""

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
    """Whether an order for ``pattern`` is one for the endpoint ``name``.

    ``*`` and ``tasks.*`` are patterns; ``yescale.mj.submit`` is also every ``yescale.mj.submit.…``, and
    ``orux.tasks.submit`` is Orux's ``tasks.submit``.
    """
    names = (name, f"{gateway}.{name}")
    return any(fnmatchcase(one, pattern) or one.startswith(f"{pattern}.") for one in names)


class Faults:
    """The book of orders. The oldest order that fits a request strikes it."""

    def __init__(self) -> None:
        self._orders: list[Fault] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._orders)

    def check(self, order: Mapping[str, Any]) -> Fault:
        """Read one order without taking it.

        :raises ValueError: the order is not one that can be carried out.
        """
        reserved = {"id", "seen", "hits"} & set(order)
        if reserved:
            raise ValueError(f"{', '.join(sorted(reserved))}: counted by the sandbox, not ordered")
        return Fault.model_validate(dict(order))

    def order(self, order: Mapping[str, Any]) -> int:
        """Add one order; its number.

        :raises ValueError: the order is not one that can be carried out.
        """
        fault = self.check(order)
        with self._lock:
            fault.id = next(self._numbers)
            self._orders.append(fault)
        return fault.id

    def take(
        self, *, endpoint: Endpoint, gateway: str, model: str | None, job_id: str | None
    ) -> Fault | None:
        """The order that strikes this request, counted as a hit. The fate of a job is for a submission."""
        with self._lock:
            for fault in self._orders:
                if not named(fault.endpoint, endpoint.name, gateway):
                    continue
                if fault.for_model not in (None, model) or fault.for_job not in (None, job_id):
                    continue
                if fault.then.job is not None and not endpoint.submits:
                    continue
                special = fault.then.submit_code is not None or fault.then.job in _MIDJOURNEY_FATES
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
        """The request could not be struck (it was refused for a reason of its own): wait for the next."""
        with self._lock:
            fault.hits -= 1
            fault.seen -= 1

    def remove(self, number: int | None = None) -> None:
        """Withdraw one order, or all."""
        with self._lock:
            self._orders = [fault for fault in self._orders if number is not None and fault.id != number]

    def list(self) -> list[dict[str, Any]]:
        """All orders with their counts."""
        with self._lock:
            return [
                {
                    **fault.model_dump(exclude={"then"}),
                    "then": fault.then.model_dump(exclude_unset=True),
                    "left": None if fault.times == 0 else fault.times - fault.hits,
                }
                for fault in self._orders
            ]
