"""Midjourney tasks as YEScale shows them: as of the last time the gateway asked its upstream [G]."""

from __future__ import annotations

from typing import Any

from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.records import Job
from orux_sandbox.yescale.midjourney import buttons

#: The words of a poll.
_STATUSES = {
    "queued": "SUBMITTED",
    "running": "IN_PROGRESS",
    "succeeded": "SUCCESS",
    "failed": "FAILURE",
    "expired": "FAILURE",
    "cancelled": "CANCEL",
}


class MidjourneyTasks:
    """The tasks of all callers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def own(self, context: RequestContext, task_id: str) -> Job | None:
        """A Midjourney task of the caller's."""
        job = self._engine.own_job(context, task_id)
        return job if job is not None and job.endpoint.startswith("yescale.mj.") else None

    def _synced(self, job: Job) -> float | None:
        """When the gateway last asked its upstream about a job; None if it has not yet."""
        now, period = self._engine.clock.now(), self._engine.settings.yescale_sync_seconds
        if period == 0:
            return now
        times = int((now - job.submitted_at) / period)
        return job.submitted_at + times * period if times else None

    def shown_status(self, job: Job) -> str:
        """The status a poll shows now; empty before the first sync."""
        synced = self._synced(job)
        if synced is None:
            return ""
        status = job.status(synced)
        return "MODAL" if job.facts.get("modal") and status == "running" else _STATUSES[status]

    def fields(self, base_url: str, job: Job) -> dict[str, Any]:
        """A Task as of the last sync (yescale.md, Midjourney)."""
        status = self.shown_status(job)
        ended = status in ("SUCCESS", "FAILURE", "CANCEL")
        image = ""
        if status == "SUCCESS" and job.artifacts:
            image = self._engine.artifact_url(base_url, job, 0)
        elif status == "IN_PROGRESS" and job.facts.get("preview") and job.artifacts:
            image = self._engine.artifact_url(base_url, job, 0).rpartition("/")[0] + "/preview.png"
        properties = {"finalPrompt": job.facts.get("final_prompt", job.prompt)} if status == "SUCCESS" else {}
        started = status not in ("", "SUBMITTED")
        return {
            "id": job.id,
            "action": job.action,
            "customId": str(job.request.get("customId") or ""),
            "botType": str(job.request.get("botType") or "MID_JOURNEY"),
            "status": status,
            "prompt": job.facts.get("final_prompt", job.prompt) if status == "SUCCESS" else job.prompt,
            "promptEn": job.prompt,
            "description": f"/{job.action.lower()} {job.prompt}".strip(),
            "state": job.facts.get("state", ""),
            "submitTime": _ms(job.submitted_at),
            "startTime": _ms(job.starts_at) if started else None,
            "finishTime": _ms(job.ends_at) if ended else None,
            "imageUrl": image,
            "progress": self._progress(job, status),
            "failReason": (job.error_message or job.error_code) if status in ("FAILURE", "CANCEL") else None,
            "properties": properties,
            "buttons": buttons.shown(job) if status == "SUCCESS" else [],
        }

    def _progress(self, job: Job, status: str) -> str:
        if status in ("SUCCESS", "FAILURE", "CANCEL"):
            return "100%"  # on failure too [G]
        if status != "IN_PROGRESS":
            return "0%"
        synced = self._synced(job) or job.starts_at
        share = (synced - job.starts_at) / max(job.ends_at - job.starts_at, 0.001)
        return f"{max(1, min(99, int(share * 100)))}%"


def _ms(at: float) -> int:
    return int(at * 1000)
