"""YEScale Media: the gateway's own tasks, ``/task/…``. The submission is documented, the poll was observed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from airflow_provider_orux.gateways.answers import artifacts_anywhere, artifacts_in, status_of
from airflow_provider_orux.gateways.image_fields import wire_fields
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.gateways.yescale.errors import error_of, is_refusal
from airflow_provider_orux.gateways.yescale.family import JobFamily
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest


class Media(JobFamily):
    """Typed image models, and any model by name (video among them) through ``CustomRequest``."""

    name: ClassVar[str] = "media"

    def submit(self, request: GenerationRequest) -> HttpRequest:
        """POST /task/submit. A typed request's ``extra_body`` goes into ``config``; a custom one is sent unchanged."""
        if isinstance(request, CustomRequest):
            body: dict[str, Any] = {"model": request.model_id, **request.fields(), **request.extra_body}
        else:
            form: Literal["data_url", "base64"] = (
                "base64" if self.gateway.options["media_image"] == "base64" else "data_url"
            )
            config = wire_fields(request, form=form)
            body = {"model": request.model_id, "prompt": config.pop("prompt")}
            config.update(request.extra_body)
            if config:
                body["config"] = config
        return HttpRequest("POST", "/task/submit", Purpose.PAY, body=body)

    def read_submit(self, request: GenerationRequest, response: HttpResponse) -> Job:
        """``{"task_id": …, "status": "SUBMITTED", …}``; clients tolerate ``data.task_id``."""
        value = self.gateway.json_object(response)
        error = error_of(value, gateway=self.gateway.name, status=response.status)
        if error is not None and ("task_id" not in value or is_refusal(error)):
            raise self.refused(value, response)
        if "task_id" in value:
            return self.accepted(request, response, value["task_id"], value.get("status"))
        data = value.get("data")
        inner: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        return self.accepted(request, response, inner.get("task_id"), inner.get("status"))

    def poll_path(self, raw_id: str) -> str:
        """GET /task/{task_id}; the id can hold brackets, which is why it is encoded."""
        return f"/task/{raw_id}"

    def read_job(self, job_id: str, response: HttpResponse) -> Job:
        """``{"status", "task_result", "message" | "err_reason" | "error", "submit_time", "finish_time"}``.

        The shape of ``task_result`` varies by model: the known places first, then any URL in it.
        """
        value = self.gateway.json_object(response)
        state = value.get("status")
        if not isinstance(state, str):
            raise self.gateway.unexpected(response, "no `status`")
        self.check_same_job(response, job_id, value.get("task_id"))
        results = [value.get(name) for name in ("task_result", "results", "output", "result", "data")]
        made = next(filter(None, map(artifacts_in, results)), None) or artifacts_anywhere(results)
        return self.job(
            job_id,
            response,
            status=status_of(state),
            artifacts=made,
            why=[value],
            submitted=value.get("submit_time") or value.get("created_at"),
            finished=value.get("finish_time"),
        )
