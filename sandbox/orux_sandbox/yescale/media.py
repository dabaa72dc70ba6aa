"""YEScale Media: the gateway's own asynchronous tasks, POST /task/submit [D] and GET /task/{id} [O]."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from orux_sandbox.art import recipes
from orux_sandbox.bodies.fields import Rule, pixels
from orux_sandbox.engine import inputs
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.wire import Endpoint, Refusal
from orux_sandbox.yescale.bodies import as_object, check_group, checked, keep_images

#: Submit and fetch.
ENDPOINTS = (
    Endpoint("yescale.media.submit", "POST", "/task/submit", counted=False, submits=True),
    Endpoint("yescale.media.fetch", "GET", "/task/{job_id}", counted=False),
)

#: "A missing config field is refused with VALIDATION_ERROR" [O]; a wrong one, we suppose, too.
_CODE = "VALIDATION_ERROR"
#: ``16:9``.
_RATIO = re.compile(r"([1-9]\d{0,2}):([1-9]\d{0,2})")
_IMAGES = Rule(kind="texts")
_ASPECT = Rule(kind="text")

#: Models and their config [O] (yescale.md). Which sizes there are is not said, except for seedream.
MODELS: Mapping[str, Mapping[str, Rule]] = {
    "flux-kontext[max]": {"aspect_ratio": _ASPECT, "images": _IMAGES},
    "nano-banana-2": {"size": Rule(kind="text", required=True), "aspect_ratio": _ASPECT, "images": _IMAGES},
    "nano-banana-pro": {"aspect_ratio": _ASPECT, "size": Rule(kind="text"), "images": _IMAGES},
    "gpt-image-2": {
        "size": Rule(kind="text"),
        "quality": Rule(kind="text", required=True),
        "images": _IMAGES,
        "mask": Rule(kind="text"),
    },
    "seedream-4.5": {"size": Rule(kind="choice", choices=("1K", "2K")), "images": _IMAGES},
}
#: The fields around a config.
_ENVELOPE = {
    "model": Rule(kind="text", required=True),
    "prompt": Rule(kind="text", required=True),
    "config": Rule(kind="anything"),
}
#: The words of a poll.
_STATUSES = {
    "queued": "SUBMITTED",
    "running": "IN_PROGRESS",
    "succeeded": "SUCCESS",
    "failed": "FAILURE",
    "expired": "FAILURE",
    "cancelled": "FAILURE",
}
#: Progress of an unfinished task.
_PROGRESS = {"SUBMITTED": "0%", "IN_PROGRESS": "50%"}


def router(engine: Engine) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.post("/task/submit")
    async def submit(request: Request) -> JSONResponse:
        context: RequestContext = request.state.context
        job = engine.submit(context, _new_job(engine, context))
        at = int(job.submitted_at)
        return JSONResponse(
            {
                "created_at": at,
                "progress": "0%",
                "results": {},
                "status": "SUBMITTED",
                "task_id": job.id,
                "updated_at": at,
            }
        )

    @routes.get("/task/{task_id}")
    async def fetch(request: Request, task_id: str) -> JSONResponse:
        context: RequestContext = request.state.context
        job = engine.own_job(context, task_id)
        early = job is not None and engine.clock.now() < (
            job.submitted_at + engine.settings.yescale_unindexed_seconds
        )
        if job is None or early or job.endpoint != "yescale.media.submit":
            raise Refusal("unknown_job", "task not found", code="NOT_FOUND", status=404)
        return JSONResponse(_task(engine, context.base_url, job))

    return routes


def _new_job(engine: Engine, context: RequestContext) -> NewJob:
    body = as_object(context.body)
    envelope = checked(body, _ENVELOPE, code=_CODE)
    model, prompt = envelope["model"], envelope["prompt"]
    check_group(engine, model, MODELS)
    config = body.get("config") or {}
    if not isinstance(config, dict):
        raise Refusal("invalid", "config must be an object", param="config", code=_CODE)
    config = checked(config, MODELS[model], code=_CODE)
    store = engine.store
    sources = keep_images(store, config.get("images", ()), "config.images", code=_CODE)
    mask = None
    if "mask" in config:
        try:
            mask = inputs.keep_mask(store, inputs.decoded(config["mask"]), edits="transparent")
        except inputs.NotAnImageError as wrong:
            raise Refusal("invalid", f"config.mask: {wrong}", param="config.mask", code=_CODE) from None
    known = {k: v for k, v in config.items() if k not in ("images", "mask")}
    urls = [one for one in config.get("images", ()) if one.startswith("http")]
    seed = recipes.seed_of(model, prompt, known, sources, urls)
    scene = recipes.scene(seed=seed, prompt=prompt, model=model, sources=sources, mask=mask)
    return NewJob(
        job_id=f"yescale-{model}-{secrets.token_hex(6)}",
        kind="image",
        model=model,
        action="generate",
        price=engine.settings.yescale_price(model, "generate"),
        prompt=prompt,
        request={"model": model, "prompt": prompt, "config": known},
        artifacts=[recipes.image(scene, *_size(config), name="image.png")],
    )


def _size(config: Mapping[str, Any]) -> tuple[int, int]:
    """Pixels of a size and a ratio; which ones is the sandbox's own choice."""
    size = str(config.get("size", "1K"))
    if (exact := pixels(size)) is not None:
        return min(exact[0], 4096), min(exact[1], 4096)
    longest = {"2K": 2048, "4K": 4096}.get(size.upper(), 1024)
    ratio = _RATIO.fullmatch(str(config.get("aspect_ratio", "1:1")))
    across, down = (int(ratio[1]), int(ratio[2])) if ratio else (1, 1)
    scale = longest / max(across, down)
    return max(64, round(across * scale)), max(64, round(down * scale))


def _task(engine: Engine, base_url: str, job: Job) -> dict[str, Any]:
    """A task as the poll shows it [O]; times in seconds."""
    status = _STATUSES[engine.status(job)]
    ended = status in ("SUCCESS", "FAILURE")
    result: dict[str, Any] = {}
    if status == "SUCCESS" and job.artifacts:
        dies = datetime.fromtimestamp(job.ends_at + engine.settings.url_seconds, tz=timezone.utc)
        result = {"url": engine.artifact_url(base_url, job, 0), "url_expires_at": f"{dies:%Y-%m-%d %H:%M:%S}"}
    return {
        "task_id": job.id,
        "status": status,
        "progress": _PROGRESS.get(status, "100%"),
        "message": (job.error_message or "") if status == "FAILURE" else "",
        "submit_time": int(job.submitted_at),
        "finish_time": int(job.ends_at) if ended else 0,
        "task_result": result,
    }
