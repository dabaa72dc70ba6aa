"""YEScale Media: the gateway's own asynchronous tasks, images and clips: POST /task/submit [D], GET /task/{id} [O]."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
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
from orux_sandbox.yescale.clips import new_clip

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
    "seedream-4.0": {"size": Rule(kind="text"), "images": _IMAGES},
    "seedream-5": {"size": Rule(kind="text", required=True), "images": _IMAGES},
    "gpt-image": {
        "size": Rule(kind="choice", choices=("1024x1024", "1024x1536", "1536x1024"), required=True),
        "quality": Rule(kind="choice", choices=("low", "medium", "high")),
        "background": Rule(kind="choice", choices=("opaque", "transparent")),
        "images": _IMAGES,
        "mask": Rule(kind="text"),
    },
}
_GROK_DURATION = Rule(kind="choice", choices=(4, 6, 8, 10, 12, 15), required=True)
_ONE_IMAGE = Rule(kind="texts", high=1)
#: The same of clips (yescale_more.md, 3.2): documented for grok and omni-flash, inferred for the others.
VIDEOS: Mapping[str, Mapping[str, Rule]] = {
    "grok-video": {
        "aspect_ratio": Rule(kind="choice", choices=("2:3", "3:2", "16:9", "9:16", "1:1"), required=True),
        "duration": _GROK_DURATION,
        "images": _IMAGES,
        "size": Rule(kind="choice", choices=("720P", "1080P")),
    },
    "grok-video-1.5": {
        "images": Rule(kind="texts", low=1, high=1, required=True),
        "aspect_ratio": Rule(kind="choice", choices=("16:9", "9:16"), required=True),
        "duration": _GROK_DURATION,
        "size": Rule(kind="choice", choices=("720P",), required=True),
    },
    "omni-flash": {
        "aspect_ratio": Rule(kind="choice", choices=("16:9", "9:16"), required=True),
        "mode": Rule(
            kind="choice", choices=("t2v", "i2v(img_ref)", "i2v(first_last_frame)", "v2v"), required=True
        ),
        "images": Rule(kind="texts", high=5),
        "videos": Rule(kind="texts", high=1),
    },
    "veo-3.1": {
        "images": Rule(kind="texts", high=2),
        "aspect_ratio": _ASPECT,
        "size": Rule(kind="text"),
        "enhance_prompt": Rule(kind="boolean"),
    },
    "veo3.1": {
        "size": Rule(kind="choice", choices=("720p", "1080p", "2160p")),
        "aspect_ratio": Rule(kind="choice", choices=("16:9", "9:16")),
        "enhance_prompt": Rule(kind="boolean"),
    },
    "kling-2.5-turbo": {
        "duration": Rule(kind="integer", low=1, high=10),
        "aspect_ratio": _ASPECT,
        "images": _ONE_IMAGE,
    },
    "hailuo-2.3": {
        "duration": Rule(kind="choice", choices=(6, 10)),
        "size": Rule(kind="choice", choices=("720P", "1080P")),
        "images": _ONE_IMAGE,
    },
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
#: The zone of ``url_expires_at``, by arithmetic.
_ZONE = timezone(timedelta(hours=7))
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
        task = {
            "created_at": at,
            "progress": "0%",
            "results": {},
            "status": "SUBMITTED",
            "task_id": job.id,
            "updated_at": at,
        }
        inside = engine.settings.yescale_media_accepted == "data"
        return JSONResponse({"code": "success", "data": task} if inside else task)

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
    check_group(engine, model, {**MODELS, **VIDEOS})
    config = body.get("config") or {}
    if not isinstance(config, dict):
        raise Refusal("invalid", "config must be an object", param="config", code=_CODE)
    config = checked(config, {**MODELS, **VIDEOS}[model], code=_CODE)
    if model in VIDEOS:
        return _new_clip(engine, model, prompt, config)
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


def _new_clip(engine: Engine, model: str, prompt: str, config: dict[str, Any]) -> NewJob:
    """A clip. Grok is billed by seconds, Omni Flash by mode (yescale_more.md, 3.2)."""
    images = config.pop("images", [])
    ratio = _RATIO.fullmatch(str(config.get("aspect_ratio", "16:9")))
    return new_clip(
        engine,
        job_id=f"yescale-{model}-{secrets.token_hex(6)}",
        model=model,
        action=str(config.get("mode", config.get("duration", "generate"))),
        prompt=prompt,
        request={"model": model, "prompt": prompt, "config": config},
        images={f"config.images.{number}": one for number, one in enumerate(images)},
        ratio=(float(ratio[1]), float(ratio[2])) if ratio else (16, 9),
        seconds=int(config.get("duration", 5)),
        code=_CODE,
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
    """A task as the poll shows it [O]; times in seconds. A setting says where the reason of a failure stands."""
    status = _STATUSES[engine.status(job)]
    ended = status in ("SUCCESS", "FAILURE")
    task: dict[str, Any] = {
        "task_id": job.id,
        "status": "PROCESSING" if status == "IN_PROGRESS" and job.kind == "video" else status,
        "progress": _PROGRESS.get(status, "100%"),
        "message": "",
        "submit_time": int(job.submitted_at),
        "finish_time": int(job.ends_at) if ended else 0,
        "task_result": {},
    }
    if status == "FAILURE":
        reason = job.error_message or ""
        where = engine.settings.yescale_media_reason
        error = {"code": job.error_code, "type": "upstream_error", "message": reason}
        task["error" if where == "error_object" else where] = error if where == "error_object" else reason
    if status == "SUCCESS" and job.artifacts:
        shape = engine.settings.yescale_media_result
        if shape == "results":
            del task["task_result"]
        task["results" if shape == "results" else "task_result"] = _result(engine, base_url, job, shape)
    return task


def _result(engine: Engine, base_url: str, job: Job, shape: str) -> dict[str, Any]:
    """The result. "The exact result shape varies by model": each shape that clients read (yescale_more.md, 3.3)."""
    url = engine.artifact_url(base_url, job, 0)
    if shape == "usual":
        shape = "videos" if job.kind == "video" else "url"
    if shape == "echo":
        # What was sent stands before what was made.
        sent = "https://example.com/input.png"
        return {"input": {"images": [sent]}, "made": {"by": job.model, "at": url}}
    if shape == "url":
        # It lies 15 days behind the end, in UTC+7 and without a zone.
        dies = datetime.fromtimestamp(job.ends_at, tz=_ZONE) + timedelta(days=15)
        return {"url": url, "url_expires_at": f"{dies:%Y-%m-%d %H:%M:%S}"}
    shapes: dict[str, dict[str, Any]] = {
        "images": {"images": [{"url": url}]},
        "texts": {"images": [url]},
        "videos": {"data": {"videos": [{"url": url}]}},
        "video_url": {"video_url": url},
        "output_url": {"output_url": url},
        "output": {"output": {"url": url}},
        "results": {"url": url},
    }
    return shapes[shape]
