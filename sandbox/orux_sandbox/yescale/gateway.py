"""The YEScale gateway (yescale.md): keys, the four error shapes, and the routes of its job families.

Tags as in the reference: [D] a YEScale page, [G] the gateway software it seems to run, [P] the upstream protocol.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import APIRouter

from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.records import Job
from orux_sandbox.keys import YESCALE_KEY
from orux_sandbox.settings import Settings
from orux_sandbox.wire import Answer, Endpoint, Reason, Refusal, Then
from orux_sandbox.yescale import chat, ideogram, images, kling, media, suno
from orux_sandbox.yescale.midjourney import routes as midjourney
from orux_sandbox.yescale.midjourney.refusals import refused
from orux_sandbox.yescale.video import routes as video

#: The letters of a key.
_LETTERS = string.ascii_letters + string.digits

#: "Typical statuses [G]" (yescale.md, Errors): status, code.
_REFUSALS: Mapping[Reason, tuple[int, str]] = {
    "missing_key": (401, "invalid_api_key"),
    "bad_key": (401, "invalid_api_key"),
    "disabled_key": (401, "invalid_api_key"),
    "expired_key": (401, "invalid_api_key"),
    "ip": (403, "access_denied"),
    "balance": (403, "insufficient_user_quota"),
    "invalid": (400, "invalid_request"),
    "unknown_job": (400, "task_not_exist"),
    "unknown_path": (404, ""),
    "unknown_model": (400, "model_not_found"),
    "failed": (500, "bad_response"),
}
#: Refused before any family is asked, in the shape of /v1.
_BEFORE_ANY_FAMILY: Sequence[Reason] = (
    "missing_key",
    "bad_key",
    "disabled_key",
    "expired_key",
    "ip",
    "unknown_path",
)
#: ``code`` of an ordered error that names none.
_CODES_BY_STATUS = {
    400: "invalid_request",
    401: "invalid_api_key",
    403: "insufficient_user_quota",
    404: "not_found",
    429: "rate_limit_exceeded",
    503: "model_not_found",
}


class YEScale:
    """YEScale."""

    name = "yescale"
    title = "YEScale"
    default_key = YESCALE_KEY
    paths: Sequence[str] = (
        "/v1", "/mj", "/task", "/ideogram", "/kling", "/suno", "/yescale", "/luma", "/pika", "/runwayml", "/runway",
    )  # fmt: skip
    currency: Literal["Credits", "USD"] = "USD"
    charges_on: Literal["acceptance", "completion"] = "acceptance"
    failed_code = "upstream_error"
    webhook_attempts = 1
    endpoints: Sequence[Endpoint] = (
        *images.ENDPOINTS,
        *chat.ENDPOINTS,
        *midjourney.ENDPOINTS,
        *media.ENDPOINTS,
        *ideogram.ENDPOINTS,
        *kling.ENDPOINTS,
        *suno.ENDPOINTS,
        *video.ENDPOINTS,
    )

    def new_key(self) -> str:
        """``sk-`` and 48 letters [G]."""
        return "sk-" + "".join(secrets.choice(_LETTERS) for _ in range(48))

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        """``Authorization: Bearer …`` [D]."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" and key.strip() else None

    def guests(self, settings: Settings) -> bool:
        """Every endpoint needs a key."""
        return False

    def refunds(self, settings: Settings) -> bool:
        """Failed tasks are refunded [G]."""
        return settings.yescale_refund_failed

    def connection_extra(self, settings: Settings) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    def headers(self, context: RequestContext) -> Mapping[str, str]:
        """``x-request-id``: every response carries it [D]."""
        return {"x-request-id": context.request_id}

    def target_of(self, context: RequestContext) -> tuple[str | None, str | None]:
        """The path names a job, the body a model or a parent; elsewhere the path is the model."""
        body = context.body if isinstance(context.body, dict) else {}
        family = context.endpoint.name.split(".")[1]
        if family == "mj":
            return midjourney.target_of(context, body)
        job_id = context.path_values.get("job_id")
        if job_id is not None:
            return job_id, None
        models = {
            "yescale.ideogram.generate": "ideogram-v3",
            "yescale.ideogram.edit": "ideogram-v3",
            "yescale.ideogram.remix": "ideogram-v3",
            "yescale.kling.submit.image": "kling-image",
            "yescale.kling.submit.try_on": "kolors-virtual-try-on",
            "yescale.suno.submit.music": "suno_music",
            "yescale.suno.submit.lyrics": "suno_lyrics",
            **video.MODELS,
        }
        model = models.get(context.endpoint.name, body.get("model"))
        return None, model if isinstance(model, str) else None

    def refuse(self, refusal: Refusal, engine: Engine, context: RequestContext | None) -> Answer:
        """One of the four shapes; the family says which."""
        family = context.endpoint.name.split(".")[1] if context is not None else "images"
        status, code = _REFUSALS.get(refusal.reason, (400, "invalid_request"))
        status, code = refusal.status or status, refusal.code or code
        before_any_family = refusal.reason in _BEFORE_ANY_FAMILY
        if family == "mj" and not before_any_family:
            return refused(refusal, status, engine)
        if family in ("media", "kling", "suno", "video") and not before_any_family:
            return Answer.of_json(status, {"code": code, "message": refusal.message, "data": None})
        return Answer.of_json(status, _openai_error(refusal.message, code, param=refusal.param))

    def ordered_error(self, then: Then, context: RequestContext) -> Answer:
        """An ordered status in the shape of the family."""
        status = then.status or 500
        message = then.message or "The sandbox was told to answer this."
        headers = {name.lower(): value for name, value in then.headers.items()}
        family = context.endpoint.name.split(".")[1]
        code = then.code or _CODES_BY_STATUS.get(status, "bad_response_status_code")
        if family == "mj":
            number = int(code) if code.lstrip("-").isdigit() else 4
            body: dict[str, Any] = {
                "description": then.message or then.code or message,
                "type": then.type or "upstream_error",
                "code": number,
            }
            return Answer.of_json(status, body, headers)
        if family in ("media", "kling", "suno", "video"):
            return Answer.of_json(status, {"code": code, "message": message, "data": None}, headers)
        return Answer.of_json(status, _openai_error(message, code, param=then.param, kind=then.type), headers)

    def webhook(self, engine: Engine, base_url: str, job: Job) -> tuple[dict[str, str], bytes]:
        """``notifyHook`` of a Midjourney task, where it is obeyed: the task itself [P]."""
        return midjourney.notification(engine, base_url, job)

    def router(self, engine: Engine) -> APIRouter:
        """All families."""
        router = APIRouter()
        for family in (
            images,
            chat,
            midjourney,
            media,
            ideogram,
            kling,
            suno,
            video,
        ):
            router.include_router(family.router(engine))
        return router


def _openai_error(
    message: str, code: str, *, param: str | None = None, kind: str | None = None
) -> dict[str, Any]:
    """``{"error": {message, type, param, code}}`` (yescale.md, Errors)."""
    kind = kind or ("invalid_request_error" if code in ("invalid_request", "") else "new_api_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
