"""What the sandbox remembers: accounts, keys, jobs, and idempotency keys that were used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

#: How a job ends.
Outcome = Literal["succeeded", "failed", "expired", "cancelled"]
#: Where a job is.
Status = Literal["queued", "running", "succeeded", "failed", "expired", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class Key:
    """One API key: whose it is, whether it works, and from where."""

    key: str
    account: str
    state: Literal["active", "disabled", "expired"] = "active"
    ips: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Account:
    """One user of one gateway, with any number of keys."""

    id: str
    gateway: str
    balance: float


@dataclass(frozen=True, kw_only=True)
class Job:
    """One accepted submission. Its whole future is decided on acceptance: only the clock decides its status.

    ``artifacts`` are recipes for files, drawn when they are first fetched; ``scenes`` are the four panels
    of a grid, from which a follow-up takes one. ``credits`` is the price in ``currency``, whatever that is;
    ``facts`` is what its gateway wants to remember.
    """

    id: str
    gateway: str
    endpoint: str
    account: str
    kind: Literal["image", "audio", "video", "text"]
    model: str
    action: str
    prompt: str
    request: dict[str, Any]
    submitted_at: float
    starts_at: float
    ends_at: float
    credits: float
    token: str
    currency: str = "Credits"
    charged_on: Literal["acceptance", "completion"] = "acceptance"
    outcome: Outcome = "succeeded"
    error_code: str | None = None
    error_message: str | None = None
    parent_id: str | None = None
    parent_index: int | None = None
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    scenes: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    #: How long the URLs work after the end; None: as set.
    url_seconds: float | None = None
    webhook_url: str | None = None
    webhook_done: bool = False
    webhook_tries: int = 0
    webhook_next: float = 0.0

    def status(self, now: float) -> Status:
        """Where the job is at ``now``."""
        if now < self.starts_at and now < self.ends_at:
            return "queued"
        return "running" if now < self.ends_at else self.outcome


@dataclass(frozen=True, kw_only=True)
class Replay:
    """An idempotency key that was used: with which body, for which job."""

    key: str
    body: str
    job_id: str
    at: float
