"""The OpenGPU Relay gateway (opengpu_relay.md): keys and guests, errors, rate limit, webhooks, routes.

Tags as in the reference: [1] the seed's generation, [2] the one documented today.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import string
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import APIRouter

from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.records import Job
from orux_sandbox.keys import RELAY_KEY
from orux_sandbox.relay import catalogue, openai, tasks, uploads, workflows
from orux_sandbox.relay.table import ROUTES
from orux_sandbox.settings import Settings
from orux_sandbox.wire import Answer, Endpoint, Reason, Refusal, Then

#: The letters of a key.
_LETTERS = string.ascii_letters + string.digits
#: "Over 1 MiB: result_omitted" (opengpu_relay.md, Webhooks).
MAX_WEBHOOK = 1 << 20

#: opengpu_relay.md, Errors.
_REFUSALS: Mapping[Reason, tuple[int, str]] = {
    "missing_key": (401, "MISSING_CREDENTIALS"),
    "bad_key": (401, "INVALID_API_KEY"),
    "disabled_key": (401, "KEY_REVOKED"),
    "expired_key": (401, "INVALID_API_KEY"),
    "ip": (403, "SCOPE_DENIED"),
    "balance": (402, "INSUFFICIENT_CREDITS"),
    "invalid": (422, "VALIDATION_ERROR"),
    "unknown_job": (404, "TASK_NOT_FOUND"),
    "unknown_model": (404, "MODEL_NOT_FOUND"),
    "rate": (429, "RATE_LIMITED"),
    "key_reused": (422, "IDEMPOTENCY_KEY_REUSED"),
    "key_in_progress": (409, "IDEMPOTENCY_IN_PROGRESS"),
    "tier": (403, "TIER_FEATURE_UNAVAILABLE"),
    "failed": (502, "UPSTREAM_ERROR"),
}
#: The status of a synchronous call that fails with a code.
_STATUSES = {
    "UPSTREAM_INVALID_REQUEST": 400,
    "CONTENT_POLICY_DECLINED": 422,
    "IMAGE_TEXT_RESPONSE": 422,
    "INTERNAL_ERROR": 500,
    "CAPACITY_EXHAUSTED": 503,
    "UPSTREAM_TIMEOUT": 504,
}
#: ``code`` of an ordered error that names none.
_CODES_BY_STATUS = {
    400: "UPSTREAM_INVALID_REQUEST",
    401: "INVALID_API_KEY",
    402: "INSUFFICIENT_CREDITS",
    403: "SCOPE_DENIED",
    404: "TASK_NOT_FOUND",
    409: "IDEMPOTENCY_IN_PROGRESS",
    422: "VALIDATION_ERROR",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    502: "UPSTREAM_ERROR",
    503: "CAPACITY_EXHAUSTED",
    504: "UPSTREAM_TIMEOUT",
}
#: ``Retry-After``, in seconds, by code.
_RETRY_AFTER = {"RATE_LIMITED": "60", "IDEMPOTENCY_IN_PROGRESS": "1", "CAPACITY_EXHAUSTED": "5"}
#: The vendor's words for kinds of errors; the reference has the field, not its values.
_TYPES = {
    401: "authentication",
    402: "authorization",
    403: "authorization",
    429: "rate_limit",
    503: "unavailable",
    504: "timeout",
}


class Relay:
    """OpenGPU Relay, both generations."""

    name = "opengpu_relay"
    title = "OpenGPU Relay"
    default_key = RELAY_KEY
    paths: Sequence[str] = ("/v2", "/content")
    currency: Literal["Credits", "USD"] = "USD"
    #: "Credits are charged on completion" [1][2].
    charges_on: Literal["acceptance", "completion"] = "completion"
    failed_code = "UPSTREAM_ERROR"
    #: "Up to 8 attempts" [2].
    webhook_attempts = 8
    endpoints: Sequence[Endpoint] = (
        *(
            Endpoint(
                f"relay.submit.{route.name}", "POST", route.path, key="guest", counted=False, submits=True
            )
            for route in ROUTES
        ),
        *openai.ENDPOINTS,
        *tasks.ENDPOINTS,
        *catalogue.ENDPOINTS,
        *uploads.ENDPOINTS,
        *workflows.ENDPOINTS,
    )

    def new_key(self) -> str:
        """``relay_sk_…`` [2]."""
        return "relay_sk_" + "".join(secrets.choice(_LETTERS) for _ in range(43))

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        """``X-API-Key`` wins over ``Authorization: Bearer …`` [2]."""
        if headers.get("x-api-key"):
            return headers["x-api-key"]
        scheme, _, key = headers.get("authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" and key.strip() else None

    def guests(self, settings: Settings) -> bool:
        """No key is a guest, not a 401 [2]."""
        return settings.relay_generation == 2 and settings.relay_guests == "allowed"

    def refunds(self, settings: Settings) -> bool:
        """There is nothing to refund: what fails was never charged."""
        return False

    def connection_extra(self, settings: Settings) -> Mapping[str, Any]:
        """The generation."""
        return {"generation": settings.relay_generation}

    def headers(self, context: RequestContext) -> Mapping[str, str]:
        """``X-Request-ID`` is on every answer [2]."""
        return {"x-request-id": context.request_id}

    def target_of(self, context: RequestContext) -> tuple[str | None, str | None]:
        """The path names a task, or the route a model."""
        route = next((one for one in ROUTES if context.endpoint.name == f"relay.submit.{one.name}"), None)
        if route is None and not context.endpoint.submits:
            return context.path_values.get("job_id"), None
        model = context.body.get("model") if isinstance(context.body, dict) else None
        if route is None or isinstance(model, str):
            return None, model if isinstance(model, str) else None
        return None, route.models[2][0]

    def refuse(self, refusal: Refusal, engine: Engine, context: RequestContext | None) -> Answer:
        """``{"detail", "error"}`` [2]; of [1] no error is documented: ``detail`` alone."""
        request_id = context.request_id if context is not None else f"req_{secrets.token_hex(12)}"
        status, code = _REFUSALS.get(refusal.reason, (404, ""))
        code = refusal.code or code
        if refusal.reason == "failed":
            status = _STATUSES.get(code, status)
        status = refusal.status or status
        headers = {"x-request-id": request_id}
        if code in _RETRY_AFTER:
            headers["retry-after"] = _RETRY_AFTER[code]
        if engine.settings.relay_generation == 1:
            return Answer.of_json(status, {"detail": refusal.detail or refusal.message}, headers)
        return Answer.of_json(
            status, _envelope(status, code or None, refusal.message, request_id, refusal.detail), headers
        )

    def ordered_error(self, then: Then, context: RequestContext) -> Answer:
        """An ordered status in the envelope."""
        status = then.status or 500
        code = then.code or _CODES_BY_STATUS.get(status)
        message = then.message or "The sandbox was told to answer this."
        headers = {"x-request-id": context.request_id}
        if code in _RETRY_AFTER:
            headers["retry-after"] = _RETRY_AFTER[code]
        headers |= {name.lower(): value for name, value in then.headers.items()}
        body = _envelope(status, code, message, context.request_id, None)
        if then.type:
            body["error"]["type"] = then.type
        return Answer.of_json(status, body, headers)

    def webhook(self, engine: Engine, base_url: str, job: Job) -> tuple[dict[str, str], bytes]:
        """Standard Webhooks: the poll body and an ``event``, signed; no result over 1 MiB [2]."""
        event = _event(engine, base_url, job)
        body = json.dumps(event, ensure_ascii=False).encode()
        if len(body) > MAX_WEBHOOK:
            event = {name: value for name, value in event.items() if name != "result"}
            body = json.dumps({**event, "result_omitted": True}, ensure_ascii=False).encode()
        message_id = "msg_" + hashlib.sha256(job.id.encode()).hexdigest()[:24]
        # The machine's time, not the sandbox's: the receiver allows five minutes, and nobody advanced its clock.
        at = str(int(time.time()))
        secret = base64.b64decode(engine.settings.relay_webhook_secret.removeprefix("whsec_"))
        signed = f"{message_id}.{at}.".encode() + body
        signature = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{signature}",
        }
        return headers, body

    def router(self, engine: Engine) -> APIRouter:
        """The routes."""
        router = APIRouter()
        router.include_router(tasks.router(engine, _limit))
        router.include_router(openai.router(engine, _limit))
        router.include_router(catalogue.router(engine))
        router.include_router(uploads.router(engine))
        router.include_router(workflows.router(engine, _limit))
        return router


def _event(engine: Engine, base_url: str, job: Job) -> dict[str, Any]:
    """The poll body and an ``event``; of a workflow run "top status always completed", and the run as its result."""
    if "workflow" not in job.facts:
        task = tasks.task_fields(engine, base_url, job)
        return {"event": f"task.{task['status']}", **task}
    run = workflows.run_fields(engine, base_url, job)
    word = "completed" if run["status"] == "completed" else "failed"
    event = {"event": f"workflow.{word}", "task_id": job.id, "status": "completed"}
    return {**event, "mode": "workflows", "result": run}


def _limit(engine: Engine, context: RequestContext) -> None:
    """Limits are per customer, per minute [2]; polls are not limited.

    :raises Refusal: the customer has had its share of this minute.
    """
    most = engine.settings.relay_rate_limit
    if not most:
        return
    now = engine.clock.now()
    lately: deque[float] = engine.memory.setdefault(f"relay.requests.{context.user.id}", deque())
    while lately and lately[0] <= now - 60:
        lately.popleft()
    if len(lately) >= most:
        raise Refusal("rate", f"Rate limit exceeded: {most} requests per minute.")
    lately.append(now)


def _envelope(status: int, code: str | None, message: str, request_id: str, detail: Any) -> dict[str, Any]:
    return {
        "detail": detail or message,
        "error": {
            "code": code,
            "type": _TYPES.get(status, "validation" if status < 500 else "internal"),
            "source": "provider" if status in (502, 504) else "relay" if status >= 500 else "client",
            "message": message,
            "request_id": request_id,
        },
    }
