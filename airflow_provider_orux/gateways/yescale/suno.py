"""Suno on YEScale: ``/suno/…``, as new-api has it (inferred; YEScale's pages name the endpoints)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.gateways.yescale.family import JobFamily, urls_in
from airflow_provider_orux.models.job import Job, JobStatus
from airflow_provider_orux.models.requests import GenerationRequest


class Suno(JobFamily):
    """Songs (artifacts) and lyrics (text)."""

    name: ClassVar[str] = "suno"
    statuses: ClassVar[Mapping[str, JobStatus]] = {
        "NOT_START": JobStatus.QUEUED,
        "SUBMITTED": JobStatus.QUEUED,
        "QUEUED": JobStatus.QUEUED,
        "IN_PROGRESS": JobStatus.RUNNING,
        "UNKNOWN": JobStatus.RUNNING,
        "SUCCESS": JobStatus.SUCCEEDED,
        "FAILURE": JobStatus.FAILED,
    }

    def submit(self, request: GenerationRequest) -> HttpRequest:
        """POST /suno/submit/music|lyrics."""
        page = "lyrics" if request.kind == "text" else "music"
        body = {**request.fields(), **request.extra_body}
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
        made = task.get("data")
        items = made if isinstance(made, list) else [made]
        words = next((item.get("text") for item in items if isinstance(item, Mapping)), None)
        songs = urls_in(made, "audio_url")
        return self.job(
            job_id,
            response,
            status=self.statuses.get(task["status"].upper(), JobStatus.RUNNING),
            urls=songs,
            text=words if isinstance(words, str) and words and not songs else None,
            why=task.get("fail_reason"),
            submitted=task.get("submit_time"),
            finished=task.get("finish_time"),
        )

    def _data(self, response: HttpResponse) -> Any:
        value = self.gateway.json_object(response)
        if value.get("code") != "success":
            raise self.refused(value, response)
        return value.get("data")
