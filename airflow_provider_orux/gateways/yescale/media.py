"""YEScale Media: the gateway's own tasks, ``/task/…``, for images and clips.

The submission is documented, the poll was observed. A task that succeeded says when its URL dies
(``url_expires_at``), in a zone that it does not name (UTC+7, by arithmetic): it is not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from airflow_provider_orux.gateways.answers import REPEATED, artifacts_anywhere, artifacts_in, status_of
from airflow_provider_orux.gateways.image_fields import wire_fields
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.gateways.yescale.errors import error_of, is_refusal
from airflow_provider_orux.gateways.yescale.family import JobFamily
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest

#: Where a result holds what was made, clips before images: an image beside a clip is its cover, or was sent.
PLACES = (
    "url", "urls", "videos", "video_url", "audio_url", "output_url", "data", "output", "result", "images", "image_url",
    "image", "b64_json",
)  # fmt: skip


class Media(JobFamily):
    """Typed models, and any model by name through ``CustomRequest``."""

    name: ClassVar[str] = "media"

    def submit(self, request: GenerationRequest) -> HttpRequest:
        """POST /task/submit. A typed request's ``extra_body`` goes into ``config``; a custom one is sent unchanged."""
        if isinstance(request, CustomRequest):
            body: dict[str, Any] = {"model": request.model_id, **request.fields(), **request.extra_body}
            _check_custom(request, body)
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
        known = (artifacts_in(result, PLACES) for result in results)
        made = next(filter(None, known), None) or artifacts_anywhere(results, skip=REPEATED)
        return self.job(
            job_id,
            response,
            status=status_of(state),
            artifacts=made,
            why=[value],
            submitted=value.get("submit_time") or value.get("created_at"),
            finished=value.get("finish_time"),
        )


def _check_custom(request: CustomRequest, body: Mapping[str, Any]) -> None:
    """What every model of Media has (documented): a text ``prompt``, and an object ``config`` for the rest.

    :raises InvalidRequestError: it is otherwise; nothing was sent.
    """
    config = body.get("config", {})
    if isinstance(body.get("prompt"), str) and isinstance(config, Mapping):
        return
    name, what = ("prompt", "a text") if isinstance(config, Mapping) else ("config", "an object")
    raise InvalidRequestError(
        f"`{name}` in the body of {request.name!r} must be {what}: YEScale Media takes "
        '{"prompt": …, "config": {…}}',
        gateway="yescale",
        param=name,
        charged="no",
    )
