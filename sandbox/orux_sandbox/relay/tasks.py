"""Relay's generation routes, synchronous and asynchronous, and its tasks (opengpu_relay.md, Async)."""

from __future__ import annotations

import asyncio
import base64
import secrets
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from orux_sandbox.bodies.fields import Problem, filled, pixels, problems
from orux_sandbox.engine.clock import iso
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.engine.waiting import until_ended
from orux_sandbox.relay import images, media
from orux_sandbox.relay.prices import price_of
from orux_sandbox.relay.replays import replay_key, replayed, unprocessable
from orux_sandbox.relay.routes import SEEDREAM_PIXELS, Route
from orux_sandbox.relay.table import ROUTES
from orux_sandbox.wire import Endpoint, Refusal

#: The poll. A task's id is the only key to it.
ENDPOINTS = (
    Endpoint("relay.poll", "GET", "/v2/tasks/{job_id}", key="none", counted=False),
    # The same at a path nobody would guess: for a poll_url that has to be followed.
    Endpoint("relay.poll", "GET", "/v2/status/of/{job_id}", key="none", counted=False),
)
#: Seconds.
_DAY = 86400.0
#: `store_output` [2].
STORED = {"relay1d": _DAY, "relay7d": 7 * _DAY, "relay30d": 30 * _DAY}
#: "Response: urls (URL array, expire after 7 days)" [1].
_LIFE_1 = 7 * _DAY
#: The words of a poll.
_STATUSES = {
    "queued": "queued",
    "running": "running",
    "succeeded": "completed",
    "failed": "failed",
    "expired": "failed",
    "cancelled": "failed",
}


def router(engine: Engine, limit: Callable[[Engine, RequestContext], None]) -> APIRouter:
    """The routes. ``limit`` refuses a customer who sends too many requests."""
    routes = APIRouter()

    def add(route: Route) -> None:
        @routes.post(route.path)
        async def submit(request: Request) -> Response:
            context: RequestContext = request.state.context
            limit(engine, context)
            return await _submit(engine, request, context, route)

    for route in ROUTES:
        add(route)

    @routes.get("/v2/status/of/{task_id}")
    @routes.get("/v2/tasks/{task_id}")
    async def poll(request: Request, task_id: str) -> JSONResponse:
        context: RequestContext = request.state.context
        wait = _wait(request.query_params.get("wait"))
        job = _known(engine, task_id)
        if wait is not None and engine.clock.now() < job.ends_at:
            await until_ended(engine, job, request, longest=wait)
        # Tens of MB of base64 are work for a thread.
        return JSONResponse(await asyncio.to_thread(task_fields, engine, context.base_url, job))

    return routes


# Submitting


async def _submit(engine: Engine, request: Request, context: RequestContext, route: Route) -> Response:
    generation = engine.settings.relay_generation
    if route.only not in (None, generation):
        raise Refusal("unknown_path", "Not Found")
    fields, sent = _read(engine, context, route)
    asynchronous = bool(fields["async"])
    replay = replay_key(context, sent) if asynchronous and generation == 2 else None
    _check_tier(engine, context, fields)
    if replay is not None:
        again = replayed(engine, context, *replay)
        if again is not None:
            context.accepted = True
            return JSONResponse(
                _accepted(engine, context, again), 202, headers={"Idempotency-Replayed": "true"}
            )
    job = engine.submit(context, _new_job(engine, context, route, fields, sent, asynchronous, replay))
    if asynchronous:
        return JSONResponse(_accepted(engine, context, job), 202)
    await until_ended(engine, job, request)
    status = engine.status(job)
    if status != "succeeded":
        raise Refusal("failed", job.error_message or "The provider failed.", code=_error_code(job))
    result = await asyncio.to_thread(result_of, engine, context.base_url, job)
    envelope = {"task_id": job.id, "task_address": None, "mode": "direct"}
    return JSONResponse({**result, **(envelope if generation == 2 else {})})


def _read(engine: Engine, context: RequestContext, route: Route) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields with defaults, and the body as it was sent.

    :raises Refusal: 422 with all problems; 404 for a model that is not this route's.
    """
    settings, body = engine.settings, context.body
    generation = settings.relay_generation
    if not isinstance(body, dict):
        raise unprocessable(
            [Problem(field="", type="json_invalid", message="The body must be a JSON object")]
        )
    rules = route.rules(generation, model_field=settings.relay_gpt_image_model == "accepted")
    common = dict(route.common) if generation == 2 else {"async": route.common["async"]}
    # "Unknown request fields are refused (422)" [2]; of [1] nothing is said.
    found = problems(body, {**rules, **common}, unknown="refused" if generation == 2 else "ignored")
    found += _cross_problems(engine, route, body, generation)
    if found:
        raise unprocessable(found)
    fields = filled(body, {**rules, **common})
    model = fields.setdefault("model", route.models[generation][0])
    if model not in route.models[generation]:
        raise Refusal("unknown_model", f"Model '{model}' not found")
    if model in settings.relay_retired:
        message = f"Model '{model}' is retired and no longer served"
        raise Refusal("tier", message, code="MODEL_RETIRED", status=403)
    return fields, body


def _check_tier(engine: Engine, context: RequestContext, fields: Mapping[str, Any]) -> None:
    """Retention depends on the tier: the code is documented [2], which tiers have it is not.

    :raises Refusal: the caller's tier does not include it.
    """
    if fields.get("store_output", "provider") == "provider":
        return
    having = engine.settings.relay_store_output
    if having == "nobody" or (having == "accounts" and context.gateway.key_of(context.headers) is None):
        raise Refusal("tier", "store_output is not available on your tier.")


def _cross_problems(engine: Engine, route: Route, body: Mapping[str, Any], generation: int) -> list[Problem]:
    found = []
    hook = body.get("webhook_url")
    if generation == 2 and isinstance(hook, str):
        schemes = ("https", "http") if engine.settings.url_schemes == "any" else ("https",)
        if urlsplit(hook).scheme not in schemes or not urlsplit(hook).hostname:
            found.append(
                Problem(field="webhook_url", type="value_error", message="webhook_url must be https")
            )
        if body.get("async") is not True:
            found.append(
                Problem(field="webhook_url", type="value_error", message="webhook_url needs async: true")
            )
    if route.name == "wan" and not any(body.get(name) for name in ("prompt", "image", "images")):
        message = "one of prompt, image and images is required"
        found.append(Problem(field="prompt", type="missing", message=message))
    stores = route.stores or engine.settings.relay_stored_urls
    if generation == 2 and body.get("store_output") in tuple(STORED) and not stores:
        message = f"store_output is not supported for {route.models[2][0]}"
        found.append(Problem(field="store_output", type="value_error", message=message))
    size = pixels(str(body.get("size"))) if route.name == "seedream" else None
    if size is not None and size[0] * size[1] > SEEDREAM_PIXELS:
        message = f"size has more than {SEEDREAM_PIXELS} pixels"
        found.append(Problem(field="size", type="value_error", message=message))
    count = body.get("n")
    many = route.name == "wan" and isinstance(count, int) and 4 < count <= 16
    if many and body.get("enable_sequential") is not True:
        message = "n above 4 needs enable_sequential"
        found.append(Problem(field="n", type="value_error", message=message))
    found += [
        Problem(field=name, type="value_error", message=said)
        for name, said in (media.check_fields(route, body) if generation == 2 else ())
    ]
    if isinstance(body.get("image"), list) and len(body["image"]) > 1 and body.get("mask"):
        message = "mask works with a single image only"
        found.append(Problem(field="mask", type="value_error", message=message))
    if route.kind == "image" and body.get("image") and body.get("images"):
        found.append(
            Problem(field="images", type="value_error", message="image and images exclude each other")
        )
    return found


def _new_job(
    engine: Engine,
    context: RequestContext,
    route: Route,
    fields: dict[str, Any],
    sent: Mapping[str, Any],
    asynchronous: bool,
    replay: tuple[str, str] | None,
) -> NewJob:
    settings = engine.settings
    generation = settings.relay_generation
    if route.kind == "image":
        artifacts, told = images.artifacts(engine, route, fields, generation), images.echo(route, fields)
    else:
        artifacts, told = media.made(engine, route, fields, context.base_url)
    model = str(fields["model"])
    storage = str(fields.get("store_output", "provider"))
    price = price_of(settings, model, fields, told)
    price += settings.relay_storage_prices.get(storage, 0.0)
    if generation == 1:
        job_id = "0x" + secrets.token_hex(20)
        lives = _LIFE_1
    else:
        job_id = f"direct:{uuid.uuid4()}"
        lives = STORED.get(storage, settings.relay_url_seconds)
    return NewJob(
        job_id=job_id,
        kind=route.kind,
        model=model,
        action=route.name,
        price=price,
        prompt=media.words_of(fields),
        # Images are long, and kept elsewhere.
        request={k: v for k, v in sent.items() if k not in (*route.images, "mask")},
        artifacts=artifacts,
        images=max(1, len(artifacts)),
        synchronous=not asynchronous,
        webhook_url=fields.get("webhook_url"),
        url_seconds=lives,
        facts={
            "generation": generation,
            "answers": route.answers[generation],
            "echo": told,
            "stored": storage != "provider",
            "kept": STORED.get(storage, 0.0),
        },
        replay=replay,
    )


def _accepted(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    """The body of a 202. That of [1] is not documented: a task_address, as its prose has it, and no poll_url."""
    settings = engine.settings
    if job.facts["generation"] == 1:
        return {"task_id": job.id, "task_address": job.id, "status": "queued"}
    body = {"task_id": job.id, "status": "queued"}
    if settings.relay_poll_url:
        base = (settings.public_url or context.base_url).rstrip("/")
        body["poll_url"] = settings.relay_poll_url.replace("{task_id}", job.id).replace("{base}", base)
    if settings.relay_accepted_message:
        body["message"] = "Task accepted. Poll poll_url for the result."
    return body


# Polling


def _wait(text: str | None) -> int | None:
    """``?wait=1..30`` [2]."""
    if text is None:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 30:
        detail = [{"type": "value_error", "loc": ["query", "wait"], "msg": "wait must be from 1 to 30"}]
        raise Refusal("invalid", "wait must be from 1 to 30", detail=detail)
    return int(text)


def _known(engine: Engine, task_id: str) -> Job:
    """A task, for whoever knows its id; until an hour after its end [2], or as long as its images are stored.

    :raises Refusal: TASK_NOT_FOUND.
    """
    job = engine.store.job(task_id)
    if job is not None and job.gateway == "opengpu_relay":
        kept = _LIFE_1 if job.facts["generation"] == 1 else engine.settings.relay_task_seconds
        kept = max(kept, job.facts.get("kept", 0.0))
        if engine.clock.now() < job.ends_at + kept:
            return job
    raise Refusal("unknown_job", "Task not found or expired")


def _error_code(job: Job) -> str:
    return "UPSTREAM_TIMEOUT" if job.error_code == "task_expired" else job.error_code or "UPSTREAM_ERROR"


def task_fields(engine: Engine, base_url: str, job: Job) -> dict[str, Any]:
    """A task as the poll shows it. Renders images: not for an event loop."""
    status = _STATUSES[engine.status(job)]
    until = job.ends_at if status in ("completed", "failed") else engine.clock.now()
    task: dict[str, Any] = {
        "task_id": job.id,
        "status": status,
        "elapsed_seconds": max(0, int(until - job.submitted_at)),
        "task_address": job.id if job.facts["generation"] == 1 else None,
        "mode": "direct",
        "model": job.model,
        "created_at": iso(job.submitted_at),
        "result": result_of(engine, base_url, job) if status == "completed" else None,
        "error": (job.error_message or "The provider failed.") if status == "failed" else None,
        "error_code": _error_code(job) if status == "failed" else None,
        "error_detail": None,
    }
    if engine.settings.relay_error_fields == "absent":
        task = {name: one for name, one in task.items() if one is not None or not name.startswith("error_")}
    return task


def result_of(engine: Engine, base_url: str, job: Job) -> dict[str, Any]:
    """The synchronous body less the envelope: ``images``, ``urls``, or what else the route answers with."""
    settings = engine.settings
    base = (settings.public_url or base_url).rstrip("/")
    urls = [f"{base}/content/{job.token}.{number}" for number in range(len(job.artifacts))]
    result: dict[str, Any] = {"success": True} if settings.relay_result_success else {}
    answers, echo = job.facts["answers"], {"model": job.model, **job.facts["echo"]}
    if answers == "text":
        return {**result, **echo}
    encoded = []
    if answers in ("base64", "audio_base64"):
        encoded = [
            base64.b64encode(engine.renderer.render(artifact, scale=settings.image_scale)).decode()
            for artifact in job.artifacts
        ]
    if answers == "audio_url":
        life = settings.url_seconds if job.url_seconds is None else job.url_seconds
        result["expires_at"] = int(job.ends_at + life)
    if answers == "base64":
        result["images"] = encoded
        if job.facts["stored"] and settings.relay_stored_urls:
            result["urls"] = urls
    elif answers == "urls as images":
        result["images"] = urls
    else:
        result |= media.shaped(answers, job.artifacts, urls, encoded)
    return {**result, **echo}
