"""Suno on YEScale: ``/suno/…``, as new-api has it (inferred; YEScale's pages name the endpoints)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from airflow_provider_orux.gateways.answers import (
    LONGEST_TEXT,
    artifacts_in,
    at,
    details_of,
    status_of,
)
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.gateways.yescale.family import JobFamily
from airflow_provider_orux.models.job import Artifact, Job
from airflow_provider_orux.models.requests import GenerationRequest


class Suno(JobFamily):
    """Songs (artifacts) and lyrics (text)."""

    name: ClassVar[str] = "suno"

    def submit(self, request: GenerationRequest) -> HttpRequest:
        """POST /suno/submit/music|lyrics."""
        page = "lyrics" if request.kind == "text" else "music"
        fields = request.fields()
        if "task_id" in fields:
            # As the gateway knows it.
            fields["task_id"] = fields["task_id"].removeprefix(f"{self.name}:")
        body = {**fields, **request.extra_body}
        return HttpRequest("POST", f"{self.path_option('suno_path')}/submit/{page}", Purpose.PAY, body=body)

    def read_submit(self, request: GenerationRequest, response: HttpResponse) -> Job:
        """``{"code": "success", "data": "<task id>"}``."""
        return self.accepted(request, response, self._data(response))

    def poll_path(self, raw_id: str) -> str:
        """GET /suno/fetch/{id}."""
        return f"{self.path_option('suno_path')}/fetch/{raw_id}"

    def read_job(self, job_id: str, response: HttpResponse) -> Job:
        """``data: {"status", "fail_reason", "submit_time", "finish_time", "data": […]}``; seconds."""
        task = self._data(response)
        if not isinstance(task, dict) or not isinstance(task.get("status"), str):
            raise self.gateway.unexpected(response, "no `data.status`")
        self.check_same_job(response, job_id, task.get("task_id"))
        made = task.get("data")
        items = [item for item in (made if isinstance(made, list) else [made]) if isinstance(item, Mapping)]
        songs = [song for item in items for song in _songs(item)] or artifacts_in(made, ("audio_url", "data"))
        words = next((text for item in items if isinstance(text := item.get("text"), str) and text), None)
        return self.job(
            job_id,
            response,
            # UNKNOWN has not ended for us: to give up a job that goes on would pay for it twice.
            status=status_of(task["status"]),
            artifacts=songs,
            text=words[:LONGEST_TEXT] if words and not songs else None,
            why=[task, *(item.get("metadata") for item in items)],
            submitted=task.get("submit_time"),
            finished=task.get("finish_time"),
        )

    def _data(self, response: HttpResponse) -> Any:
        value = self.gateway.json_object(response)
        if str(value.get("code")).lower() != "success":
            raise self.refused(value, response)
        return value.get("data")


def _songs(clip: Mapping[str, Any]) -> list[Artifact]:
    """The song of a clip, with what Suno says of it: raw, or as sibling gateways flatten it."""
    details = details_of(
        id=clip.get("id"),
        title=clip.get("title"),
        duration=at(clip, "metadata", "duration") or clip.get("duration"),
        cover=clip.get("image_large_url") or clip.get("image_url"),
    )
    return [replace(song, details=details) for song in artifacts_in(clip, ("audio_url",))[:1]]
