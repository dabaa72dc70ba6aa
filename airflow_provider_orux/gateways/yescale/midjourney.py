"""Midjourney on YEScale: ``/mj/…``.

Documented: the five endpoints by name, and in part imagine, describe and the query. The rest is that of
novicezk/midjourney-proxy and what new-api makes of it (inferred). Action, modal and shorten are not among YEScale's
pages: new-api serves them, as midjourney-proxy-plus has them.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from itertools import pairwise
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
#: The bot that is meant where a request does not say.
BOT = "MID_JOURNEY"
#: Fields of an imagine other than its prompt, and their names in the body.
_IMAGINE = {"reference_images": "base64Array", "webhook_url": "notifyHook", "state": "state"}
#: The same of an action, a modal and a shorten.
_STEPS = {"custom_id": "customId", "prompt": "prompt", "mask": "maskBase64"}

#: What the ids of buttons begin with, and what each button is called here; ``#`` stands for a number in the id. Those
#: under a describe are left out: its prompts make a grid with an imagine.
_BUTTONS: Mapping[str, str] = {
    "MJ::JOB::upsample_v6_2x_subtle": "upscale_subtle",
    "MJ::JOB::upsample_v6_2x_creative": "upscale_creative",
    "MJ::JOB::upsample::": "upscale_#",
    "MJ::JOB::variation::": "variation_#",
    "MJ::JOB::reroll": "reroll",
    "MJ::JOB::low_variation": "vary_subtle",
    "MJ::JOB::high_variation": "vary_strong",
    "MJ::Inpaint": "vary_region",
    "MJ::Outpaint::50::": "zoom_out_2x",
    "MJ::Outpaint::75::": "zoom_out_1.5x",
    "MJ::CustomZoom": "custom_zoom",
    "MJ::JOB::pan_left": "pan_left",
    "MJ::JOB::pan_right": "pan_right",
    "MJ::JOB::pan_up": "pan_up",
    "MJ::JOB::pan_down": "pan_down",
    "MJ::JOB::animate_high": "animate_high",
    "MJ::JOB::animate_low": "animate_low",
}
#: Buttons of one job that are read, and characters of an id.
_MOST_BUTTONS, _LONGEST_BUTTON = 50, 300
#: A digit on a key, before each prompt of a describe.
_KEYCAP = re.compile("[1-9]\ufe0f?\u20e3")


def buttons_of(task: Mapping[str, Any]) -> dict[str, str]:
    """The buttons under a job: its name here and the id to ask for it with. Told apart by their ids alone."""
    found: dict[str, str] = {}
    given = task.get("buttons")
    for button in given[:_MOST_BUTTONS] if isinstance(given, list) else []:
        custom_id = button.get("customId") if isinstance(button, Mapping) else None
        if not isinstance(custom_id, str) or not custom_id.isprintable() or len(custom_id) > _LONGEST_BUTTON:
            continue
        begin = next((begin for begin in _BUTTONS if custom_id.startswith(begin)), None)
        if begin is not None:
            number = custom_id.removeprefix(begin)[:1]
            found.setdefault(_BUTTONS[begin].replace("#", number), custom_id)
    return found


def prompts_in(text: str) -> list[str]:
    """The prompts in the text of a describe, each led by a keycap digit; a text without one is the only prompt."""
    begins = [match.start() for match in _KEYCAP.finditer(text)]
    pieces = [text[a:b] for a, b in pairwise([*begins, len(text)])] if begins else [text]
    return [prompt for piece in pieces if (prompt := _KEYCAP.sub("", piece, count=1).strip())]


class Midjourney(JobFamily):
    """Imagine, change (upscale, variation, reroll), blend and describe; action, modal and shorten where they exist."""

    name: ClassVar[str] = "mj"
    refusals: ClassVar[Container[int]] = (3, 4, 9, 23, 24)

    def submit(self, request: GenerationRequest) -> HttpRequest:
        """POST /mj/submit/imagine|change|blend|describe|action|modal|shorten."""
        fields = wire_fields(request, form="data_url")
        page, body = self._page(request, fields)
        if "bot_type" in type(request).model_fields and (page != "blend" or self._sends_bot_of_blend):
            body["botType"] = fields.get("bot_type", BOT)
        path = f"{self.path_option('midjourney_path')}/submit/{page}"
        return HttpRequest("POST", path, Purpose.PAY, body={**body, **request.extra_body})

    @property
    def _sends_bot_of_blend(self) -> bool:
        return bool(self.gateway.options["blend_bot"] == "send")

    def _page(self, request: GenerationRequest, fields: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The last part of the path, and the body."""
        body: dict[str, Any] = {}
        if "parent_job_id" in fields:
            _, body["taskId"] = split_handle(
                fields["parent_job_id"], {self.name: self}, gateway=self.gateway.name
            )
        if request.verb in ("upscale", "variation", "reroll"):
            body["action"] = request.verb.upper()
            if request.verb != "reroll":
                body["index"] = fields["index"]
            elif self.gateway.options["reroll_index"] == "send":
                body["index"] = 1
            return "change", body
        if request.verb == "blend":
            dimensions = {"dimensions": fields["dimensions"]} if "dimensions" in fields else {}
            return "blend", {"base64Array": fields["images"], **dimensions}
        if request.verb == "describe":
            return "describe", {"base64": fields["image"]}
        if request.verb == "imagine":
            whole = request.full_prompt() if isinstance(request, MidjourneyImagine) else fields["prompt"]
            return "imagine", {"prompt": whole} | {w: fields[n] for n, w in _IMAGINE.items() if n in fields}
        return request.model.removeprefix("mj_"), body | {
            w: fields[n] for n, w in _STEPS.items() if n in fields
        }

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
        describes = action in ("DESCRIBE", "SHORTEN")
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
            details={
                "prompts": prompts_in(text) if text is not None else None,
                "buttons": None if describes else buttons_of(task),
            },
        )
