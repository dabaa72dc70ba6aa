"""Midjourney on YEScale: ``/mj/…``.

The five endpoints are documented by name; bodies and answers are those of novicezk/midjourney-proxy (inferred), and
what new-api makes of them.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, ClassVar

from airflow_provider_orux.gateways.answers import (
    LONGEST_TEXT,
    artifacts_in,
    job_id_of,
    number_of,
    status_of,
)
from airflow_provider_orux.gateways.image_fields import wire_fields
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.gateways.yescale.family import JobFamily, split_handle
from airflow_provider_orux.models.errors import (
    JobNotFoundError,
    UnexpectedResponseError,
    UnsupportedByGatewayError,
)
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.models.yescale import MidjourneyImagine

#: Accepted; exists already (with the id of the existing task); accepted and queued.
ACCEPTED = (1, 21, 22)


class Midjourney(JobFamily):
    """Imagine, change (upscale, variation, reroll), blend and describe."""

    name: ClassVar[str] = "mj"
    refusals: ClassVar[Container[int]] = (3, 4, 9, 23, 24)

    def submit(self, request: GenerationRequest) -> HttpRequest:
        """POST /mj/submit/imagine|change|blend|describe."""
        fields = wire_fields(request, form="data_url")
        if request.verb in ("upscale", "variation", "reroll"):
            _, parent = split_handle(fields["parent_job_id"], {self.name: self}, gateway=self.gateway.name)
            body: dict[str, Any] = {"taskId": parent, "action": request.verb.upper()}
            if request.verb != "reroll":
                body["index"] = fields["index"]
            elif self.gateway.options["reroll_index"] == "send":
                body["index"] = 1
            page = "change"
        elif request.verb == "blend":
            body = {"base64Array": fields.pop("images"), **fields}
            page = "blend"
        elif request.verb == "describe":
            body = {"base64": fields["image"]}
            page = "describe"
        else:
            body = {
                "prompt": request.full_prompt()
                if isinstance(request, MidjourneyImagine)
                else fields["prompt"]
            }
            for name, wire in (("images", "base64Array"), ("webhook_url", "notifyHook"), ("state", "state")):
                if name in fields:
                    body[wire] = fields[name]
            page = "imagine"
        path = f"{self.path_option('midjourney_path')}/submit/{page}"
        return HttpRequest("POST", path, Purpose.PAY, body={**body, **request.extra_body})

    def read_submit(self, request: GenerationRequest, response: HttpResponse) -> Job:
        """``{"code": 1, "description": …, "result": "<task id>"}``; the id may be a bare number."""
        value = self.gateway.json_object(response)
        if number_of(value.get("code")) in ACCEPTED:
            return self.accepted(request, response, value.get("result"))
        raise self.refused(value, response)

    def poll_path(self, raw_id: str) -> str:
        """GET /mj/task/{id}/fetch."""
        return f"{self.path_option('midjourney_path')}/task/{raw_id}/fetch"

    def read_job(self, job_id: str, response: HttpResponse) -> Job:
        """One Task; an unknown id is answered with an empty body or ``null``."""
        if not response.truncated and response.body.strip() in (b"", b"null", b"{}"):
            raise JobNotFoundError("The gateway does not know this job (empty answer)", http_status=200)
        return self._job(job_id, self.gateway.json_object(response), response)

    def poll_batch(self, raw_ids: Sequence[str]) -> HttpRequest:
        """POST /mj/task/list-by-condition. Not among YEScale's pages: an option, off by default."""
        path = f"{self.path_option('midjourney_path')}/task/list-by-condition"
        return HttpRequest("POST", path, Purpose.READ, body={"ids": list(raw_ids)})

    def read_batch(self, job_ids: Sequence[str], response: HttpResponse) -> dict[str, Job]:
        """A bare array of Tasks, in an order of its own, without the unknown ones."""
        if response.status in (404, 405):
            raise UnsupportedByGatewayError(
                "YEScale has no batch fetch here",
                gateway=self.gateway.name,
                http_status=response.status,
                next_step="Set the connection's batch_fetch to 'off'.",
            )
        self.gateway.check(response, purpose=Purpose.READ)
        tasks = response.json(gateway=self.gateway.name)
        if not isinstance(tasks, list):
            raise self.gateway.unexpected(response, "a batch that is not an array")
        # A broken entry concerns its own job only: what is not in the result is polled alone.
        jobs: dict[str, Job] = {}
        doubtful: set[str] = set()
        for task in tasks:
            job_id = f"{self.name}:{job_id_of(task.get('id'))}" if isinstance(task, Mapping) else ""
            if job_id not in job_ids:
                continue
            try:
                job = self._job(job_id, task, response)
            except UnexpectedResponseError:
                doubtful.add(job_id)
                continue
            if jobs.setdefault(job_id, job) != job:
                doubtful.add(job_id)
        return {job_id: job for job_id, job in jobs.items() if job_id not in doubtful}

    def _job(self, job_id: str, task: Mapping[str, Any], response: HttpResponse) -> Job:
        """Decided on ``status`` alone: ``progress`` is 100% on failure, and ``imageUrl`` may be a preview."""
        state = task.get("status")
        if state is None and "id" in task:
            state = ""
        if not isinstance(state, str):
            raise self.gateway.unexpected(response, "no `status`")
        self.check_same_job(response, job_id, task.get("id"))
        cancelled = state.strip().upper().startswith("CANCEL")
        properties = task.get("properties")
        final = properties.get("finalPrompt") if isinstance(properties, Mapping) else None
        action = task.get("action")
        action = action.upper() if isinstance(action, str) else ""
        describes = action == "DESCRIBE"
        text = None
        # Tasks of the other actions have a `finalPrompt` too: it does not stand for an image that is not there.
        if describes or (not action and not task.get("imageUrl")):
            words = final or (task.get("prompt") if describes else None)
            text = words[:LONGEST_TEXT] if isinstance(words, str) and words.strip() else None
        return self.job(
            job_id,
            response,
            status=status_of(state),
            # The image of a describe is the one that was given.
            artifacts=[] if describes else artifacts_in(task.get("imageUrl")),
            text=text,
            why=[{"error_code": "CANCEL"} if cancelled else None, task],
            # Somebody wanted it to end: it is not paid for again by itself.
            final=cancelled,
            submitted=task.get("submitTime"),
            finished=task.get("finishTime"),
        )
