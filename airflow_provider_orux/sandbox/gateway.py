"""What one gateway is to the sandbox: its endpoints, its keys, its way to say no.

A further gateway is one module with one class of this shape, added to the list in ``app.py``. The engine
(accounts, jobs, charges), the front door (slots, faults, log) and the drawing know none of them by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from fastapi import APIRouter

from airflow_provider_orux.sandbox.store import Account, Job

if TYPE_CHECKING:
    from airflow_provider_orux.sandbox.engine import Engine
    from airflow_provider_orux.sandbox.faults import Then

Reason = Literal[
    "missing_key",
    "bad_key",
    "disabled_key",
    "expired_key",
    "ip",
    "concurrency",
    "balance",
    "invalid",
    "unknown_job",
    "unknown_path",
    "failed",
]


class Refusal(Exception):  # noqa: N818 an answer, not a defect
    """A request that is not accepted. Nothing was charged, except where ``reason`` is ``failed``."""

    def __init__(
        self, reason: Reason, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.message = message
        self.param = param
        self.code = code


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of_json(cls, status: int, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """A JSON answer."""
        body = json.dumps(value, ensure_ascii=False).encode()
        return cls(status, {"content-type": "application/json", **(headers or {})}, body)


@dataclass(frozen=True)
class Endpoint:
    """One address of a gateway, by the name under which faults are ordered.

    ``counted``: a request holds one of the user's slots. ``submits``: it may be accepted and charged.
    """

    name: str
    method: str
    path: str
    key: Literal["required", "optional", "none"] = "required"
    counted: bool = True
    submits: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression; ``{job_id}`` and ``{token}`` become groups."""
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path)) + "$")


@dataclass
class Visit:
    """One request on its way through the house; the front door makes it, routes read it."""

    endpoint: Endpoint
    gateway: Gateway
    base_url: str
    client: str
    path_values: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    account: Account | None = None
    #: What was ordered for the job that this request submits.
    fate: Then | None = None
    #: Set by the engine once the job and its charge are committed.
    accepted: bool = False

    @property
    def user(self) -> Account:
        """The account, on an endpoint that requires a key."""
        if self.account is None:
            raise Refusal("missing_key", "No API key was sent.")
        return self.account


class Gateway(Protocol):
    """One vendor's wire."""

    name: str
    endpoints: Sequence[Endpoint]
    #: The key of the account that exists from the start.
    default_key: str

    def router(self, engine: Engine) -> APIRouter:
        """The routes."""
        ...

    def new_key(self) -> str:
        """A further key of the documented shape."""
        ...

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        """The key that a request carries (header names in lower case)."""
        ...

    def refuse(self, refusal: Refusal, engine: Engine) -> Answer:
        """The vendor's way to say no."""
        ...

    def ordered_error(self, then: Then) -> Answer:
        """The vendor's error envelope around an ordered status and code."""
        ...

    def webhook(self, engine: Engine, base_url: str, job: Job) -> tuple[dict[str, str], bytes]:
        """Headers and body of the POST that tells of a job's end."""
        ...
