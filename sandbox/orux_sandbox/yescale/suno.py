"""Suno at YEScale [G]: submit music or lyrics, fetch one, fetch several. Its fields are not documented here."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from orux_sandbox.art import recipes
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.wire import Endpoint, Refusal
from orux_sandbox.yescale.bodies import as_object, check_group

#: The last part of the path.
_ACTIONS = ("music", "lyrics")
#: Submit, fetch one, fetch many.
ENDPOINTS = (
    *(
        Endpoint(
            f"yescale.suno.submit.{action}", "POST", f"/suno/submit/{action}", counted=False, submits=True
        )
        for action in _ACTIONS
    ),
    Endpoint("yescale.suno.fetch", "GET", "/suno/fetch/{job_id}", counted=False),
    Endpoint("yescale.suno.batch", "POST", "/suno/fetch", counted=False),
)
#: The words of a poll.
_STATUSES = {
    "queued": "QUEUED",
    "running": "IN_PROGRESS",
    "succeeded": "SUCCESS",
    "failed": "FAILURE",
    "expired": "FAILURE",
    "cancelled": "FAILURE",
}
#: Progress of an unfinished task.
_PROGRESS = {"QUEUED": "0%", "IN_PROGRESS": "50%"}
#: Fields in which the words of a song may be [G].
_PROMPTS = ("prompt", "gpt_description_prompt")
#: Length of a song.
_SECONDS = 60
#: Width and height of a cover.
_COVER = 400


def router(engine: Engine) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.post("/suno/submit/{action}")
    async def submit(request: Request, action: str) -> JSONResponse:
        if action not in _ACTIONS:
            raise Refusal("unknown_path", f"Invalid URL (POST {request.url.path})")
        context: RequestContext = request.state.context
        job = engine.submit(context, _new_job(engine, context, action))
        return JSONResponse({"code": "success", "message": "", "data": job.id})

    @routes.get("/suno/fetch/{task_id}")
    async def fetch(request: Request, task_id: str) -> JSONResponse:
        context: RequestContext = request.state.context
        job = _own(engine, context, task_id)
        if job is None:
            raise Refusal("unknown_job", "task_not_exist")
        return JSONResponse({"code": "success", "message": "", "data": _task(engine, context.base_url, job)})

    @routes.post("/suno/fetch")
    async def batch(request: Request) -> JSONResponse:
        context: RequestContext = request.state.context
        ids = as_object(context.body).get("ids")
        if not isinstance(ids, list):
            raise Refusal("invalid", "ids must be a list", param="ids")
        found = [job for one in ids if (job := _own(engine, context, str(one))) is not None]
        data = [_task(engine, context.base_url, job) for job in found]
        return JSONResponse({"code": "success", "message": "", "data": data})

    return routes


def _own(engine: Engine, context: RequestContext, task_id: str) -> Job | None:
    job = engine.own_job(context, task_id)
    return job if job is not None and job.endpoint.startswith("yescale.suno.") else None


def _new_job(engine: Engine, context: RequestContext, action: str) -> NewJob:
    body, model = as_object(context.body), f"suno_{action}"
    check_group(engine, model, {model: None})
    prompt = next(
        (body[name] for name in _PROMPTS if isinstance(body.get(name), str) and body[name].strip()), ""
    )
    if not prompt:
        raise Refusal("invalid", "prompt is required", param="prompt")
    seed = recipes.seed_of(model, body)
    artifacts = []
    if action == "music":
        cover = recipes.scene(seed=seed, prompt=prompt, model=model)
        artifacts = [
            recipes.song(recipes.seed_of(seed, 1), _SECONDS, name="song-1.wav"),
            recipes.song(recipes.seed_of(seed, 2), _SECONDS, name="song-2.wav"),
            recipes.image(cover, _COVER, _COVER, name="cover.png"),
        ]
    return NewJob(
        job_id=str(uuid.uuid4()),
        kind="audio" if action == "music" else "text",
        model=model,
        action=action,
        price=engine.settings.yescale_price(model),
        prompt=prompt,
        request=body,
        artifacts=artifacts,
    )


def _task(engine: Engine, base_url: str, job: Job) -> dict[str, Any]:
    """A task; times in seconds."""
    status = _STATUSES[engine.status(job)]
    started = status not in ("QUEUED",)
    return {
        "task_id": job.id,
        "action": job.action.upper(),
        "status": status,
        "fail_reason": (job.error_message or "") if status == "FAILURE" else "",
        "submit_time": int(job.submitted_at),
        "start_time": int(job.starts_at) if started else 0,
        "finish_time": int(job.ends_at) if status in ("SUCCESS", "FAILURE") else 0,
        "progress": _PROGRESS.get(status, "100%"),
        "data": _made(engine, base_url, job) if status == "SUCCESS" else None,
    }


def _made(engine: Engine, base_url: str, job: Job) -> Any:
    title = str(job.request.get("title") or job.prompt[:40])
    if job.action == "lyrics":
        text = f"[Verse]\n{job.prompt}\n\n[Chorus]\nAnd nobody was billed for it"
        return {"id": job.id, "title": title, "text": text, "status": "complete"}
    urls = dict(zip((one["name"] for one in job.artifacts), engine.artifact_urls(base_url, job), strict=True))
    return [
        {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{job.id}/{number}")),
            "title": title,
            "status": "complete",
            "audio_url": url,
            "image_url": urls.get("cover.png", ""),
            "video_url": "",
            "metadata": {"prompt": job.prompt, "duration": _SECONDS, "tags": job.request.get("tags", "")},
        }
        for number, (name, url) in enumerate(urls.items())
        if name.startswith("song-")
    ]
