"""Orux AI: the Images and Tasks endpoints.

Sources: the vendor's pages Images, Tasks, Videos, Audio, Errors, Authentication and Rate limits. Where they are silent
(on the path and body of a Midjourney submission, for one) there is a setting; its default is our best reading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from airflow_provider_orux.gateways.answers import (
    code_of,
    first_status_of,
    images_of,
    reason_of,
    status_of,
    words_of,
)
from airflow_provider_orux.gateways.base import Gateway, Route
from airflow_provider_orux.gateways.image_fields import wire_fields
from airflow_provider_orux.gateways.job_ids import require_id
from airflow_provider_orux.gateways.orux_results import results_of
from airflow_provider_orux.gateways.times import parse_time
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.models.errors import (
    AuthenticationError,
    ConfigurationError,
    ContentRejectedError,
    GatewayUnavailableError,
    InsufficientCreditsError,
    InvalidRequestError,
    OruxError,
    RateLimitedError,
    UnexpectedResponseError,
    UnsupportedByGatewayError,
    redact,
)
from airflow_provider_orux.models.job import Job, JobStatus
from airflow_provider_orux.models.orux import MidjourneyV7, SunoStep, Veo
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest

#: Page Errors. ``quota_exceeded`` is a 429 that waiting does not cure.
CODES: Mapping[str, type[OruxError]] = {
    "invalid_api_key": AuthenticationError,
    "sk_disabled": AuthenticationError,
    "sk_expired": AuthenticationError,
    "admin_token_required": AuthenticationError,
    "ip_not_allowed": AuthenticationError,
    "insufficient_balance": InsufficientCreditsError,
    "quota_exceeded": InsufficientCreditsError,
    "rate_limit_exceeded": RateLimitedError,
    "concurrency_exceeded": RateLimitedError,
    "channel_queue_full": RateLimitedError,
    "invalid_param": InvalidRequestError,
}

#: Codes with which gateways of this kind refuse a prompt. Not in Orux's table, which "goes on": an assumption.
MODERATION_CODES = frozenset(
    {"content_policy_violation", "content_rejected", "moderation_blocked", "banned_prompt"}
)

#: Page Errors: the four types; they decide where a code is not in the table.
TYPES: Mapping[str, type[OruxError]] = {
    "auth_error": AuthenticationError,
    "rate_limit_error": RateLimitedError,
    "invalid_request_error": InvalidRequestError,
    "api_error": GatewayUnavailableError,
}


class OruxGateway(Gateway):
    """The wire of Orux AI (``https://orux.top``)."""

    name: ClassVar[str] = "orux"
    default_host: ClassVar[str] = "https://orux.top"
    api_path = "/api/v1"
    key_pattern: ClassVar[str | None] = r"sk-app-[A-Za-z0-9]{8}_[A-Za-z0-9]{48}"
    OPTIONS: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        # Where an image other than Midjourney's goes. auto: /tasks when the task can wait deferred, so that no worker
        # waits (its body for images is inferred from that of the synchronous endpoint), else the synchronous endpoint.
        "route": ("auto", "sync", "async"),
        # Midjourney: "use the async tasks endpoint instead" (page Images); path and body of the call are inferred.
        "midjourney_path": ("/api/v1/tasks",),
        # Whether imagine is sent with action="imagine"; the documents show an action for follow-ups only.
        "imagine_action": ("omit", "send"),
        # The prose gives reroll an index, the diagram none.
        "reroll_index": ("omit", "send"),
        # Whether follow-ups repeat the model.
        "follow_up_model": ("send", "omit"),
        # Midjourney with reference images: the prose has "a reference_image_url (or reference_images array)", the
        # model's table has neither.
        "midjourney_references": ("reference_images", "reference_image_url", "refuse"),
        # Veo takes "an input image as URL or base64 data URI" (page Videos), in a field that it does not name.
        "veo_image_field": ("image_url", "image"),
        # A step on a Suno song: a model of its own ("suno-extend" is spelled out), or an action on the parent.
        "suno_step": ("model", "action"),
        # How such a step names the song's job; the name is Midjourney's ("the same pattern recurs in Suno").
        "suno_parent_field": ("parent_task_id",),
        # The pages Images and Audio call it webhook_url, a tip on the page Videos callback_url.
        "webhook_field": ("webhook_url", "callback_url"),
    }

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        path = self.options["midjourney_path"]
        if not isinstance(path, str) or not re.fullmatch(r"/[^/\s?#][^\s?#]*", path):
            raise ConfigurationError(
                f"Setting 'midjourney_path' of the connection is {redact(repr(path))[:60]}; write a path below the "
                "host, like /api/v1/tasks",
                gateway=self.name,
                param="midjourney_path",
                charged="no",
            )
        name = self.options["suno_parent_field"]
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_]\w{0,63}", name):
            raise ConfigurationError(
                f"Setting 'suno_parent_field' of the connection is {redact(repr(name))[:60]}; write the name of a "
                "field, like parent_task_id",
                gateway=self.name,
                param="suno_parent_field",
                charged="no",
            )

    def route(
        self, request: GenerationRequest, *, wanted: Route | None = None, deferrable: bool = False
    ) -> Route:
        """Midjourney, audio and video are always jobs; images go as wanted, else as the connection says.

        ``auto``: as a job if the caller can wait deferred, unless the bytes are requested inside the answer.
        """
        if not _is_plain_image(request):
            if wanted == "sync":
                raise UnsupportedByGatewayError(
                    f"{self.title} has no synchronous route for {request.label()}",
                    gateway=self.name,
                    charged="no",
                    next_step="Use an operator that submits a job (OruxImagineOperator, OruxSubmitJobOperator).",
                )
            return "async"
        if wanted is not None:
            return wanted
        if self.options["route"] == "auto":
            return "async" if deferrable and not request.makes_inline else "sync"
        return "async" if self.options["route"] == "async" else "sync"

    def falls_back(self, request: GenerationRequest, error: OruxError) -> bool:
        """With ``route="auto"``, where the gateway refuses an image as a job: that it may be one is inferred."""
        refused = isinstance(error, (InvalidRequestError, UnexpectedResponseError))
        ours = _is_plain_image(request) and not isinstance(request, CustomRequest)
        return self.options["route"] == "auto" and ours and refused and 400 <= (error.http_status or 0) < 500

    def generate(self, request: GenerationRequest) -> HttpRequest:
        """POST /api/v1/images/generations (page Images)."""
        return HttpRequest(
            "POST",
            "/api/v1/images/generations",
            Purpose.PAY,
            body={"model": request.model_id, **self._body(request)},
        )

    def read_generate(self, request: GenerationRequest, response: HttpResponse, *, submission_id: str) -> Job:
        """``created`` and ``data: [{url?, b64_json?, revised_prompt?}]`` (page Images); nulls are tolerated."""
        self.check(response, purpose=Purpose.PAY)
        self.check_length(response)
        value = self.json_object(response)
        # One image of several may have been held back: the others are paid for.
        artifacts = images_of(value.get("data"))
        if not artifacts:
            raise self.unexpected(response, "no list `data` with an image")
        return Job(
            job_id=submission_id,
            status=JobStatus.SUCCEEDED,
            gateway=self.name,
            model=request.model_id,
            artifacts=tuple(artifacts),
            finished_at=parse_time(value.get("created")),
            charged="yes",
        )

    def submit(self, request: GenerationRequest, *, idempotency_key: str | None = None) -> HttpRequest:
        """POST /api/v1/tasks (page Tasks). Orux documents no idempotency key, so none is sent."""
        body = self._body(request)
        if isinstance(request, CustomRequest):
            return _task({"model": request.model_id, **body})
        if isinstance(request, SunoStep):
            if "parent_job_id" in body:
                parent = require_id(str(body.pop("parent_job_id")), gateway=self.name)
                body = {self.options["suno_parent_field"]: parent, **body}
            if self.options["suno_step"] == "action":
                return _task({"model": request.made_with, "action": request.step, **body})
        if request.verb not in ("imagine", "upscale", "variation", "reroll"):
            return _task({"model": request.model_id, **body})
        if request.verb == "imagine":
            if self.options["imagine_action"] == "send":
                body = {"action": "imagine", **body}
            body = {"model": request.model_id, **body}
        else:
            body["parent_task_id"] = require_id(str(body.pop("parent_job_id")), gateway=self.name)
            body = {"action": request.verb, **body}
            if request.verb == "reroll" and self.options["reroll_index"] == "send":
                body.setdefault("index", 1)
            if self.options["follow_up_model"] == "send":
                body = {"model": request.model_id, **body}
        return _task(body, path=str(self.options["midjourney_path"]))

    def read_submit(self, request: GenerationRequest, response: HttpResponse) -> Job:
        """``{"task_id": …, "status": "queued"}`` (page Tasks)."""
        try:
            self.check(response, purpose=Purpose.PAY)
        except (InvalidRequestError, UnexpectedResponseError) as e:
            if e.charged == "no" and _is_plain_image(request):
                e.next_step = (
                    "Nothing was accepted. That an image can be a job with this body is inferred: if the request is "
                    "right, set the connection's route to 'sync', the documented endpoint (it holds a worker)."
                )
            raise
        value = self.json_object(response)
        return Job(
            job_id=self.accepted_id(response, value.get("task_id")),
            status=first_status_of(value.get("status")),
            gateway=self.name,
            model=request.model_id,
        )

    def poll(self, job_id: str, *, wait: float = 0.0) -> HttpRequest:
        """GET /api/v1/tasks/{task_id} (page Tasks)."""
        task_id = require_id(job_id, gateway=self.name)
        return HttpRequest("GET", f"/api/v1/tasks/{quote(task_id, safe='')}", Purpose.READ)

    def read_poll(self, job_id: str, response: HttpResponse) -> Job:
        """The task object (page Tasks); fields may be absent until the job ends."""
        self.check_poll(job_id, response, unknown="The gateway does not know this job under this key")
        self.check_length(response, job_id=job_id)
        value = self.json_object(response)
        if not isinstance(value.get("status"), str):
            raise self.unexpected(response, "no `status`")
        self.check_same_job(response, job_id, [value.get("task_id")])
        status = status_of(value["status"])
        succeeded = status is JobStatus.SUCCEEDED
        artifacts, text = results_of(value) if succeeded else ((), None)
        if succeeded and not (artifacts or text):
            raise self.unexpected(response, "status SUCCESS without `result_urls`")
        failed = status in (JobStatus.FAILED, JobStatus.EXPIRED)
        code, message = reason_of(value) if failed else (None, None)
        return Job(
            job_id=job_id,
            status=status,
            gateway=self.name,
            model=words_of(value.get("alias"), 200),
            artifacts=artifacts,
            text=text,
            error_code=code,
            error_message=message,
            submitted_at=parse_time(value.get("submit_time")),
            finished_at=parse_time(value.get("finish_time")),
            charged="yes" if succeeded else "unknown",
            retry_helps=_class_of(code, None) not in _FINAL_FOR_A_JOB,
        )

    def models(self) -> HttpRequest:
        """GET /api/v1/models. Its answer is not documented."""
        return HttpRequest("GET", "/api/v1/models", Purpose.READ)

    def usage(self, *, period: str = "7d") -> HttpRequest:
        """GET /api/user/v1/usage: concurrency, spend and Credits balance; the JSON itself is not documented."""
        return HttpRequest("GET", "/api/user/v1/usage", Purpose.READ, query={"period": period})

    def probe(self) -> HttpRequest:
        """The usage endpoint: it needs a valid key and costs nothing."""
        return self.usage()

    def read_error(self, response: HttpResponse) -> OruxError | None:
        """``{"error": {"type", "code", "message", "channel", "param"}}`` (page Errors)."""
        try:
            value = response.json(gateway=self.name)
        except OruxError:
            return None
        error = value.get("error") if isinstance(value, dict) else None
        if not isinstance(error, dict):
            return None
        code = code_of(error.get("code"))
        kind = error.get("type") if isinstance(error.get("type"), str) else None
        if code is None and kind is None:
            return None
        cls = _class_of(code, kind)
        if cls is None:
            cls = {402: InsufficientCreditsError, 429: RateLimitedError}.get(response.status)
        if cls is None:
            return None
        param = error.get("param")
        message = words_of(error.get("message")) or "The gateway gave no message"
        if cls is AuthenticationError and response.status == 403 and code not in CODES:
            message = f"The key is not allowed to do this: {message}"
        if channel := words_of(error.get("channel"), 100):
            message = f"{message.rstrip('.')} (channel {channel})"
        return cls(
            message,
            gateway=self.name,
            code=code,
            http_status=response.status,
            param=words_of(param, 100) if isinstance(param, str) else None,
            retry_after=response.retry_after,
        )

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        """The fields by their names on the wire."""
        body = {**wire_fields(request, form="data_url"), **request.extra_body}
        try:
            holds_password = bool(urlsplit(str(body.get("webhook_url", ""))).password)
        except ValueError:
            holds_password = False
        if holds_password:
            raise InvalidRequestError(
                "`webhook_url` contains a password", gateway=self.name, param="webhook_url", charged="no"
            )
        if isinstance(request, CustomRequest):
            return body
        names = {"voice_model_id": "model_id", "webhook_url": str(self.options["webhook_field"])}
        if isinstance(request, Veo):
            names["image_url"] = str(self.options["veo_image_field"])
        if isinstance(request, MidjourneyV7) and "reference_images" in body:
            names["reference_images"] = name = str(self.options["midjourney_references"])
            if name != "reference_images":
                body["reference_images"] = self._one_reference(body["reference_images"], name)
        return {names.get(name, name): value for name, value in body.items()}

    def _one_reference(self, given: list[str], name: str) -> str:
        """The only reference image of Midjourney, where the connection says that it takes one, or none."""
        if name != "refuse" and len(given) == 1:
            return given[0]
        raise UnsupportedByGatewayError(
            f"midjourney-v7 gets {len(given)} reference images, and midjourney_references of the connection is {name}",
            gateway=self.name,
            param="reference_images",
            charged="no",
            next_step="Nothing was sent. Set midjourney_references to reference_images, or leave them out.",
        )


def _task(body: dict[str, Any], *, path: str = "/api/v1/tasks") -> HttpRequest:
    return HttpRequest("POST", path, Purpose.PAY, body=body)


def _is_plain_image(request: GenerationRequest) -> bool:
    """Whether the synchronous endpoint takes it: an image that is no step on another job."""
    return request.kind == "image" and request.verb == "generate" and not isinstance(request, SunoStep)


_FINAL_FOR_A_JOB = (ContentRejectedError, InvalidRequestError, AuthenticationError, InsufficientCreditsError)


def _class_of(code: str | None, kind: str | None) -> type[OruxError] | None:
    if code is not None and code in CODES:
        return CODES[code]
    if code in MODERATION_CODES:
        return ContentRejectedError
    return TYPES.get(kind or "")
