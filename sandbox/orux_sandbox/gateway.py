"""What one gateway is to the sandbox: its endpoints, its keys, its way to say no.

A further gateway is one module with one class of this shape, added to the list in ``app.py``. The engine
(accounts, jobs, charges), the front door (slots, faults, log) and the drawing know none of them by name.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from fastapi import APIRouter

from orux_sandbox.store import Account, Job

if TYPE_CHECKING:
    from orux_sandbox.engine import Engine
    from orux_sandbox.faults import Then
    from orux_sandbox.multipart import Part
    from orux_sandbox.settings import Settings

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
    "unknown_model",
    "rate",
    "key_reused",
    "key_in_progress",
    "tier",
    "failed",
]


class Refusal(Exception):  # noqa: N818 an answer, not a defect
    """A request that is not accepted. Nothing was charged, except where ``reason`` is ``failed``."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int | None = None,
        detail: Any = None,
    ) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.message = message
        self.param = param
        self.code = code
        #: Where the same reason has several HTTP statuses in one gateway.
        self.status = status
        #: What a gateway says beyond the message: a list of fields, properties.
        self.detail = detail


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

    ``key``: "guest" lets a request without a key in as nobody in particular, with an account of its own.
    ``counted``: a request holds one of the user's slots. ``submits``: it may be accepted and charged.
    ``midjourney``: it answers with the submit codes of midjourney-proxy, and its jobs know MODAL and CANCEL.
    """

    name: str
    method: str
    path: str
    key: Literal["required", "optional", "guest", "none"] = "required"
    counted: bool = True
    submits: bool = False
    midjourney: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression; ``{job_id}`` becomes a group, ``{model:path}`` one with slashes."""
        path = re.escape(self.path)
        path = re.sub(r"\\{(\w+):path\\}", r"(?P<\1>.+)", path)
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", path) + "$")


@dataclass
class Visit:
    """One request on its way through the house; the front door makes it, routes read it."""

    endpoint: Endpoint
    gateway: Gateway
    base_url: str
    client: str
    path_values: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    #: The body as it came, where it was no JSON.
    parts: Sequence[Part] = ()
    account: Account | None = None
    request_id: str = field(default_factory=lambda: f"req_{secrets.token_hex(12)}")
    #: What was ordered for the job that this request submits.
    fate: Then | None = None
    #: Set by the engine once the job and its charge are committed, and where a job is handed out again.
    accepted: bool = False
    #: The order in ``fate`` was to refuse, and that was done.
    refused_as_ordered: bool = False
    #: What to do when the answer is complete or the caller has gone.
    afterwards: list[Callable[[], None]] = field(default_factory=list)

    @property
    def user(self) -> Account:
        """The account, on an endpoint that requires a key."""
        if self.account is None:
            raise Refusal("missing_key", "No API key was sent.")
        return self.account


class Gateway(Protocol):
    """One vendor's wire."""

    #: Also the type of an Airflow connection to it.
    name: str
    title: str
    endpoints: Sequence[Endpoint]
    #: The key of the account that exists from the start.
    default_key: str
    #: Where addresses begin that are this gateway's, if they are anybody's.
    paths: Sequence[str]
    #: What its accounts hold.
    currency: Literal["Credits", "USD"]
    #: When the money goes: with the acceptance, or when the job has succeeded.
    charges_on: Literal["acceptance", "completion"]
    #: The code of a job that fails without being told with which.
    failed_code: str
    #: How often a webhook is tried.
    webhook_attempts: int

    def router(self, engine: Engine) -> APIRouter:
        """The routes."""
        ...

    def new_key(self) -> str:
        """A further key of the documented shape."""
        ...

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        """The key that a request carries (header names in lower case)."""
        ...

    def guests(self, settings: Settings) -> bool:
        """Whether a request without a key is welcome where ``Endpoint.key`` is "guest"."""
        ...

    def refunds(self, settings: Settings) -> bool:
        """Whether jobs that ended badly are refunded."""
        ...

    def connection_extra(self, settings: Settings) -> Mapping[str, Any]:
        """What the extra of an Airflow connection needs beyond the common fields."""
        ...

    def headers(self, visit: Visit) -> Mapping[str, str]:
        """Headers that every answer has."""
        ...

    def aims_at(self, visit: Visit) -> tuple[str | None, str | None]:
        """The job and the model that a request is about, as far as it says so itself."""
        ...

    def refuse(self, refusal: Refusal, engine: Engine, visit: Visit | None) -> Answer:
        """The vendor's way to say no; without a visit to an address that is none."""
        ...

    def ordered_error(self, then: Then, visit: Visit) -> Answer:
        """The vendor's error envelope around an ordered status and code."""
        ...

    def webhook(self, engine: Engine, base_url: str, job: Job) -> tuple[dict[str, str], bytes]:
        """Headers and body of the POST that tells of a job's end."""
        ...
