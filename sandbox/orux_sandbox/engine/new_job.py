"""A job before it is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A job a gateway asks the engine to accept, after it has checked the body."""

    job_id: str
    kind: Literal["image", "audio", "video", "text"]
    model: str
    action: str
    #: In the gateway's currency; of one image where several can be ordered.
    price: float
    prompt: str
    request: dict[str, Any]
    artifacts: list[dict[str, Any]]
    scenes: Sequence[dict[str, Any]] = ()
    images: int = 1
    synchronous: bool = False
    parent_id: str | None = None
    parent_index: int | None = None
    webhook_url: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    #: How long the URLs work after the end; None: as set.
    url_seconds: float | None = None
    #: Code and message of a job that will fail, because the upstream rejects what the gateway lets through.
    doomed: tuple[str, str] | None = None
    #: The caller's idempotency key and a digest of its body.
    replay: tuple[str, str] | None = None
