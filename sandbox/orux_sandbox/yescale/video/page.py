"""One video page, and what all of them tell of a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orux_sandbox.bodies.fields import Rule
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.settings import Settings

#: Kinds of fields that many pages have.
TEXT, NEEDED = Rule(kind="text"), Rule(kind="text", required=True)
FLAG, OBJECT = Rule(kind="boolean"), Rule(kind="anything")
#: The words of each page for where a job is.
WORDS: Mapping[str, Mapping[str, str]] = {
    "kling": {"queued": "submitted", "running": "processing", "succeeded": "succeed", "failed": "failed"},
    "openai": {
        "queued": "queued",
        "running": "in_progress",
        "succeeded": "completed",
        "failed": "failed",
    },
    "task": {"queued": "QUEUED", "running": "IN_PROGRESS", "succeeded": "SUCCESS", "failed": "FAILURE"},
    "luma": {"queued": "pending", "running": "processing", "succeeded": "completed", "failed": "failed"},
    "pika": {"queued": "queued", "running": "pending", "succeeded": "finished", "failed": "error"},
    "runway": {"queued": "PENDING", "running": "RUNNING", "succeeded": "SUCCEEDED", "failed": "FAILED"},
}


@dataclass(frozen=True)
class Page:
    """One page: its addresses, fields, jobs and answers."""

    name: str
    submit: str
    fetch: str
    new_job: Callable[[Engine, RequestContext, dict[str, Any]], NewJob]
    accepted: Callable[[Engine, RequestContext, Job], dict[str, Any]]
    shown: Callable[[Engine, RequestContext, Job], dict[str, Any]]
    served: Callable[[Settings], bool] = lambda settings: True


def word(engine: Engine, job: Job, words: str) -> str:
    """Where a job is, in a page's words."""
    status = engine.status(job)
    return WORDS[words]["failed" if status in ("expired", "cancelled") else status]


def url(engine: Engine, context: RequestContext, job: Job, number: int = 0) -> str:
    """Where one of its files is."""
    return engine.artifact_url(context.base_url, job, number)


def ended_well(engine: Engine, job: Job) -> bool:
    """Whether there is a clip."""
    return engine.status(job) == "succeeded"


def reason(engine: Engine, job: Job) -> str:
    """Why it failed; empty while it has not."""
    failed = engine.status(job) in ("failed", "expired", "cancelled")
    return (job.error_message or job.error_code or "failed") if failed else ""


def ratio(text: Any, default: tuple[float, float] = (16, 9)) -> tuple[float, float]:
    """``16:9`` as two numbers."""
    across, colon, down = str(text or "").partition(":")
    return (float(across), float(down)) if colon and across.isdecimal() and down.isdecimal() else default
