"""Kling's images and the Kolors try-on: ``/kling/v1/images/…``, as sibling gateways pass Kling's API on (inferred)."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, ClassVar

from airflow_provider_orux.gateways.answers import artifacts_in, number_of, status_of
from airflow_provider_orux.gateways.image_fields import wire_fields
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.gateways.yescale.family import JobFamily
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.requests import GenerationRequest


class KlingImages(JobFamily):
    """Image generation."""

    name: ClassVar[str] = "kling-image"
    page: ClassVar[str] = "generations"
    #: From 5000 on Kling itself failed, which proves nothing.
    refusals: ClassVar[Container[int]] = range(1000, 5000)

    def submit(self, request: GenerationRequest) -> HttpRequest:
        """POST; images are URLs, or base64 without a ``data:`` prefix."""
        path = f"{self.path_option('kling_path')}/{self.page}"
        body = {**wire_fields(request, form="base64"), **request.extra_body}
        return HttpRequest("POST", path, Purpose.PAY, body=body)

    def read_submit(self, request: GenerationRequest, response: HttpResponse) -> Job:
        """``{"code": 0, "data": {"task_id", "task_status"}}``."""
        data = self._data(response)
        return self.accepted(request, response, data.get("task_id"), data.get("task_status"))

    def poll_path(self, raw_id: str) -> str:
        """GET the same path with the id behind it."""
        return f"{self.path_option('kling_path')}/{self.page}/{raw_id}"

    def read_job(self, job_id: str, response: HttpResponse) -> Job:
        """``data.task_status`` and ``data.task_result.images: [{"index", "url"}]``."""
        data = self._data(response)
        state = data.get("task_status")
        if not isinstance(state, str):
            raise self.gateway.unexpected(response, "no `task_status`")
        self.check_same_job(response, job_id, data.get("task_id"))
        return self.job(
            job_id,
            response,
            status=status_of(state),
            artifacts=artifacts_in(data.get("task_result")),
            why=[data],
            submitted=data.get("created_at"),
            finished=data.get("updated_at"),
        )

    def _data(self, response: HttpResponse) -> dict[str, Any]:
        value = self.gateway.json_object(response)
        if number_of(value.get("code")) != 0:
            raise self.refused(value, response)
        data = value.get("data")
        if not isinstance(data, dict):
            raise self.gateway.unexpected(response, "no `data`")
        return data


class KolorsTryOn(KlingImages):
    """The virtual try-on: the same answers at another address."""

    name: ClassVar[str] = "kling-tryon"
    page: ClassVar[str] = "kolors-virtual-try-on"
