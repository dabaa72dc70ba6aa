"""The Orux gateway: its keys, its errors, its webhook, and the routes of its six endpoints (orux.md)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import string
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.records import Job
from orux_sandbox.keys import SANDBOX_KEY
from orux_sandbox.orux.bodies import invalid
from orux_sandbox.orux.endpoints import OruxEndpoints
from orux_sandbox.settings import Settings
from orux_sandbox.wire import Answer, Endpoint, Reason, Refusal, Then
from orux_sandbox.words.chat import complete

#: Models of the chat, as far as the page is readable (orux_more.md, 7).
CHAT_MODELS = (
    "gpt-5-2", "gpt-5-pro", "gpt-5-codex", "gpt-codex", "claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5",
    "gemini-3-pro", "gemini-3-flash", "grok-3",
)  # fmt: skip
#: The letters of a key.
_BASE62 = string.ascii_letters + string.digits

#: orux.md, Errors. ``invalid_param`` with 400 and both codes for 404 are inferred: "the table goes on".
_REFUSALS: Mapping[Reason, tuple[int, str, str]] = {
    "missing_key": (401, "auth_error", "invalid_api_key"),
    "bad_key": (401, "auth_error", "invalid_api_key"),
    "disabled_key": (401, "auth_error", "sk_disabled"),
    "expired_key": (401, "auth_error", "sk_expired"),
    "ip": (403, "auth_error", "ip_not_allowed"),
    "concurrency": (429, "rate_limit_error", "concurrency_exceeded"),
    "invalid": (400, "invalid_request_error", "invalid_param"),
    "unknown_job": (404, "invalid_request_error", "task_not_found"),
    "unknown_path": (404, "invalid_request_error", "not_found"),
    "failed": (502, "api_error", "upstream_error"),
}
#: ``type`` of an ordered error.
_TYPES_BY_STATUS = {401: "auth_error", 403: "auth_error", 429: "rate_limit_error"}
#: ``code`` of an ordered error that names none.
_CODES_BY_STATUS = {
    400: "invalid_param",
    401: "invalid_api_key",
    402: "insufficient_balance",
    403: "ip_not_allowed",
    404: "task_not_found",
    429: "rate_limit_exceeded",
}


def _envelope(
    kind: str, code: str, message: str, *, param: str | None = None, channel: str | None = None
) -> dict[str, Any]:
    """Every endpoint's error: ``{"error": {type, code, message, channel, param}}`` (orux.md, Errors)."""
    return {"error": {"type": kind, "code": code, "message": message, "channel": channel, "param": param}}


#: What a gateway says with these codes, if an order for an error has no message of its own.
_MESSAGES = {
    "content_policy_violation": "The prompt violates the content policy.",
    "insufficient_balance": "The balance does not cover this request.",
    "invalid_api_key": "This API key does not exist.",
    "rate_limited": "Too many requests.",
}


class Orux:
    """Orux AI."""

    name = "orux"
    title = "Orux AI"
    default_key = SANDBOX_KEY
    paths: Sequence[str] = ("/api",)
    currency: Literal["Credits", "USD"] = "Credits"
    charges_on: Literal["acceptance", "completion"] = "acceptance"
    failed_code = "upstream_error"
    webhook_attempts = 1
    endpoints: Sequence[Endpoint] = (
        Endpoint("images.generate", "POST", "/api/v1/images/generations", submits=True),
        Endpoint("tasks.submit", "POST", "/api/v1/tasks", submits=True),
        Endpoint("tasks.get", "GET", "/api/v1/tasks/{job_id}"),
        Endpoint("chat", "POST", "/api/v1/chat/completions", submits=True),
        Endpoint("models", "GET", "/api/v1/models"),
        Endpoint("usage", "GET", "/api/user/v1/usage"),
    )

    def new_key(self) -> str:
        """``sk-app-<prefix8>_<48 base62>`` (orux.md, Authentication)."""
        prefix, rest = ("".join(secrets.choice(_BASE62) for _ in range(n)) for n in (8, 48))
        return f"sk-app-{prefix}_{rest}"

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        """``Authorization: Bearer …``, and nothing else."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" and key.strip() else None

    def guests(self, settings: Settings) -> bool:
        """Every endpoint needs a key."""
        return False

    def refunds(self, settings: Settings) -> bool:
        """Undocumented, so a setting."""
        return settings.refund_failed

    def connection_extra(self, settings: Settings) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    def headers(self, context: RequestContext) -> Mapping[str, str]:
        """None are documented."""
        return {}

    def target_of(self, context: RequestContext) -> tuple[str | None, str | None]:
        """The path names a job, the body a model, or a parent."""
        job_id, model = context.path_values.get("job_id"), None
        if isinstance(context.body, dict):
            parent, model = context.body.get("parent_task_id"), context.body.get("model")
            job_id = job_id or (parent if isinstance(parent, str) else None)
        return job_id, model if isinstance(model, str) else None

    def refuse(self, refusal: Refusal, engine: Engine, context: RequestContext | None) -> Answer:
        """The documented envelope."""
        code: str
        if refusal.reason == "balance":
            # Documented in two ways.
            code = engine.settings.insufficient
            status = 402 if code == "insufficient_balance" else 429
            kind = "invalid_request_error" if status == 402 else "rate_limit_error"
        else:
            status, kind, code = _REFUSALS[refusal.reason]
        code = refusal.code or code
        channel = "sandbox" if refusal.reason == "failed" else None
        return Answer.of_json(
            status, _envelope(kind, code, refusal.message, param=refusal.param, channel=channel)
        )

    def ordered_error(self, then: Then, context: RequestContext) -> Answer:
        """An ordered status in the documented envelope."""
        status = then.status or 500
        default_kind = "api_error" if status >= 500 else "invalid_request_error"
        kind = then.type or _TYPES_BY_STATUS.get(status, default_kind)
        code = then.code or _CODES_BY_STATUS.get(status, "internal_error")
        message = then.message or _MESSAGES.get(code, "The sandbox was told to answer this.")
        body = _envelope(kind, code, message, param=then.param, channel=then.channel)
        return Answer.of_json(status, body, {name.lower(): value for name, value in then.headers.items()})

    def webhook(self, engine: Engine, base_url: str, job: Job) -> tuple[dict[str, str], bytes]:
        """Headers and body of the one signed POST on a terminal status.

        Documented: one POST, signed with HMAC-SHA256. Everything else is the SANDBOX'S OWN: the
        body is the poll body and an ``event``; ``X-Sandbox-Signature: t=<unix>,v1=<hex>`` is the HMAC of
        ``<unix>.<body>`` with the setting ``webhook_secret``.
        """
        event = f"task.{engine.status(job)}"
        body = json.dumps(
            {"event": event, **OruxEndpoints(engine).task_fields(base_url, job)}, ensure_ascii=False
        ).encode()
        at = int(engine.clock.now())
        secret = engine.settings.webhook_secret.encode()
        digest = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return {"Content-Type": "application/json", "X-Sandbox-Signature": f"t={at},v1={digest}"}, body

    def router(self, engine: Engine) -> APIRouter:
        """The six endpoints."""
        router = APIRouter()
        endpoints = OruxEndpoints(engine)

        @router.post("/api/v1/images/generations")
        async def generate(request: Request) -> JSONResponse:
            context: RequestContext = request.state.context
            job = engine.submit(context, await asyncio.to_thread(endpoints.new_image, context))
            return JSONResponse(await endpoints.finish(request, context, job))

        @router.post("/api/v1/chat/completions")
        async def chat(request: Request) -> JSONResponse:
            context: RequestContext = request.state.context
            if isinstance(context.body, dict) and context.body.get("model") not in CHAT_MODELS:
                raise invalid("model", f"model must be one of {', '.join(CHAT_MODELS)}.")
            return JSONResponse(await complete(engine, request, price=1.0))

        @router.post("/api/v1/tasks")
        async def submit(request: Request) -> JSONResponse:
            context: RequestContext = request.state.context
            job = engine.submit(context, await asyncio.to_thread(endpoints.new_task, context))
            status = "QUEUED" if engine.settings.status_case == "upper" else "queued"
            return JSONResponse({"task_id": job.id, "status": status}, engine.settings.submit_status_code)

        @router.get("/api/v1/tasks/{task_id}")
        async def poll(request: Request, task_id: str) -> JSONResponse:
            context: RequestContext = request.state.context
            return JSONResponse(endpoints.task(context, task_id))

        @router.get("/api/v1/models")
        async def models(request: Request) -> JSONResponse:
            return JSONResponse(endpoints.models())

        @router.get("/api/user/v1/usage")
        async def usage(request: Request) -> JSONResponse:
            context: RequestContext = request.state.context
            return JSONResponse(endpoints.usage(context, request.query_params.get("period", "7d")))

        return router
