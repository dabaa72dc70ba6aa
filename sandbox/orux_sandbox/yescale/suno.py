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
    if action == "music":
        _check_continuation(engine, context, body)
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


def _check_continuation(engine: Engine, context: RequestContext, body: dict[str, Any]) -> None:
    """A continuation names the clip, the task that made it, and a second in it (yescale_more.md, 6)."""
    clip, task_id, at = (body.get(name) for name in ("continue_clip_id", "task_id", "continue_at"))
    if not clip or body.get("gpt_description_prompt"):
        return  # "it drops the continuation"
    if not task_id:
        raise Refusal("invalid", "task id is empty")
    parent = _own(engine, context, str(task_id))
    if parent is None:
        raise Refusal("unknown_job", "task_not_exist")
    if clip not in [_clip_id(parent, number) for number in range(2)]:
        raise Refusal("invalid", "continue_clip_id is not a clip of the task", param="continue_clip_id")
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not 0 <= at <= _SECONDS:
        raise Refusal("invalid", "continue_at must be a second of the clip", param="continue_at")
    if body.get("mv", "chirp-v3-0") != parent.request.get("mv", "chirp-v3-0"):
        raise Refusal("invalid", "mv must be that of the clip", param="mv")


def _clip_id(job: Job, number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{job.id}/{number}"))


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
    songs = [url for name, url in urls.items() if name.startswith("song-")]
    cover, model = urls.get("cover.png", ""), str(job.request.get("mv", "chirp-v3-0"))
    words, tags = job.prompt, str(job.request.get("tags", ""))
    if engine.settings.yescale_suno_clip == "flat":
        return [
            {
                "id": _clip_id(job, number),
                "title": title,
                "state": "succeeded",
                "audio_url": url,
                "image_url": cover,
                "video_url": "",
                "duration": _SECONDS,
                "tags": tags,
                "prompt": words,
                "mv": model,
            }
            for number, url in enumerate(songs)
        ]
    return [
        {
            "id": _clip_id(job, number),
            "title": title,
            "status": "complete",
            "audio_url": url,
            "image_url": cover,
            "image_large_url": cover,
            "video_url": "",
            "model_name": model,
            "metadata": {"prompt": words, "duration": _SECONDS, "tags": tags},
        }
        for number, url in enumerate(songs)
    ]
