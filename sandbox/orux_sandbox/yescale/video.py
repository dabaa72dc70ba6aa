"""YEScale's classic video pages (yescale_more.md, 2): Kling, Runway, Luma, Pika, each with its own fields and answers.

Where the reference names several shapes of an answer, a setting chooses.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from orux_sandbox.bodies.fields import Rule
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.settings import Settings
from orux_sandbox.wire import Endpoint, Refusal
from orux_sandbox.yescale.bodies import as_object, checked
from orux_sandbox.yescale.clips import new_clip

_TEXT, _NEEDED = Rule(kind="text"), Rule(kind="text", required=True)
_FLAG = Rule(kind="boolean")
_OBJECT = Rule(kind="anything")
#: The words of each page for where a job is.
_WORDS: Mapping[str, Mapping[str, str]] = {
    "kling": {"queued": "submitted", "running": "processing", "succeeded": "succeed", "failed": "failed"},
    "openai": {
        "queued": "queued",
        "running": "in_progress",
        "succeeded": "completed",
        "failed": "failed",
    },
    "task": {"queued": "QUEUED", "running": "IN_PROGRESS", "succeeded": "SUCCESS", "failed": "FAILURE"},
    "luma": {"queued": "pending", "running": "processing", "succeeded": "completed", "failed": "failed"},
    "pika": {"queued": "queued", "running": "pending", "succeeded": "finished", "failed": "error"},
    "runway": {"queued": "PENDING", "running": "RUNNING", "succeeded": "SUCCEEDED", "failed": "FAILED"},
}

#: "image2video body" [D up to camera_control]; text2video is the same without the images [inferred].
_KLING = {
    "model_name": _NEEDED,
    "prompt": Rule(kind="text", required=True, high=2500),
    "negative_prompt": _TEXT,
    "cfg_scale": Rule(kind="number", low=0, high=1),
    "mode": Rule(kind="choice", choices=("std", "pro"), required=True),
    "camera_control": _OBJECT,
    "duration": Rule(kind="choice", choices=("5", "10")),
}
_CAMERA = ("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward")
_LUMA_RATIOS = ("1:1", "4:3", "3:4", "16:9", "9:16")
_RUNWAY_RATIOS = (
    "1280:768", "768:1280", "1280:720", "720:1280", "1104:832", "832:1104", "960:960", "1584:672",
)  # fmt: skip


@dataclass(frozen=True)
class Page:
    """One page: its addresses, fields, jobs and answers."""

    name: str
    submit: str
    fetch: str
    new_job: Callable[[Engine, RequestContext, dict[str, Any]], NewJob]
    accepted: Callable[[Engine, RequestContext, Job], dict[str, Any]]
    shown: Callable[[Engine, RequestContext, Job], dict[str, Any]]
    served: Callable[[Settings], bool] = lambda settings: True


def router(engine: Engine) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    def add(page: Page) -> None:
        def check(request: Request) -> RequestContext:
            if not page.served(engine.settings):
                raise Refusal("unknown_path", f"Invalid URL ({request.method} {request.url.path})")
            context: RequestContext = request.state.context
            return context

        @routes.post(page.submit)
        async def submit(request: Request) -> JSONResponse:
            context = check(request)
            job = engine.submit(context, page.new_job(engine, context, as_object(context.body)))
            return JSONResponse(page.accepted(engine, context, job))

        @routes.get(page.fetch)
        async def fetch(request: Request, job_id: str) -> JSONResponse:
            context = check(request)
            job = engine.own_job(context, job_id)
            if job is None or job.endpoint != f"yescale.video.submit.{page.name}":
                raise Refusal("unknown_job", "task_not_exist")
            return JSONResponse(page.shown(engine, context, job))

    for page in PAGES:
        add(page)
    return routes


def _word(engine: Engine, job: Job, words: str) -> str:
    status = engine.status(job)
    return _WORDS[words]["failed" if status in ("expired", "cancelled") else status]


def _url(engine: Engine, context: RequestContext, job: Job, number: int = 0) -> str:
    return engine.artifact_url(context.base_url, job, number)


def _ended_well(engine: Engine, job: Job) -> bool:
    return engine.status(job) == "succeeded"


def _reason(engine: Engine, job: Job) -> str:
    failed = engine.status(job) in ("failed", "expired", "cancelled")
    return (job.error_message or job.error_code or "failed") if failed else ""


def _ratio(text: Any, default: tuple[float, float] = (16, 9)) -> tuple[float, float]:
    across, colon, down = str(text or "").partition(":")
    return (float(across), float(down)) if colon and across.isdecimal() and down.isdecimal() else default


# Kling


def _kling_job(kind: str) -> Callable[[Engine, RequestContext, dict[str, Any]], NewJob]:
    rules = dict(_KLING)
    if kind == "image2video":
        rules |= {"image": _NEEDED, "image_tail": _TEXT, "static_mask": _TEXT}
    else:
        rules |= {"aspect_ratio": Rule(kind="choice", choices=("16:9", "9:16", "1:1"))}

    def new_job(engine: Engine, context: RequestContext, body: dict[str, Any]) -> NewJob:
        fields = checked(body, rules)
        camera = fields.get("camera_control")
        if camera is not None and (not isinstance(camera, dict) or camera.get("type") not in _CAMERA):
            raise Refusal("invalid", "camera_control.type is wrong", param="camera_control")
        images = {name: fields.pop(name, None) for name in ("image", "image_tail", "static_mask")}
        return new_clip(
            engine,
            job_id=f"{secrets.randbelow(9 * 10**17) + 10**17}",
            model=f"kling-{kind}",
            prompt=fields["prompt"],
            request=fields,
            images=images,
            ratio=_ratio(fields.get("aspect_ratio")),
            seconds=int(fields.get("duration", 5)),
            prefix="refused",  # "raw base64 without data: prefix"
        )

    return new_job


def _kling_envelope(context: RequestContext, data: dict[str, Any]) -> dict[str, Any]:
    return {"code": 0, "message": "SUCCEED", "request_id": context.request_id, "data": data}


def _kling_data(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    data: dict[str, Any] = {
        "task_id": job.id,
        "task_status": _word(engine, job, "kling"),
        "task_status_msg": _reason(engine, job),
        "created_at": int(job.submitted_at * 1000),
        "updated_at": int(engine.clock.now() * 1000),
    }
    if _ended_well(engine, job):
        clip = {
            "id": f"video-{job.id}",
            "url": _url(engine, context, job),
            "duration": f"{job.facts['seconds']}.1",
        }
        data["task_result"] = {"videos": [clip]}
    return data


def _kling_accepted(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    at, shape = int(job.submitted_at), engine.settings.yescale_kling_video_answer
    if shape == "openai":
        return {
            "id": job.id,
            "task_id": job.id,
            "object": "video",
            "model": job.model,
            "status": "queued",
            "progress": 0,
            "created_at": at,
        }
    if shape == "plain":
        return {"task_id": job.id, "status": "queued"}
    return _kling_envelope(
        context,
        {"task_id": job.id, "task_status": "submitted", "created_at": at * 1000, "updated_at": at * 1000},
    )


def _kling_shown(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    shape, well = engine.settings.yescale_kling_video_answer, _ended_well(engine, job)
    why = _reason(engine, job)
    error = {"code": job.error_code, "message": why} if why else None
    if shape == "openai":
        return {
            **_kling_accepted(engine, context, job),
            "status": _word(engine, job, "openai"),
            "progress": 100 if well else 0,
            "metadata": {"url": _url(engine, context, job)} if well else {},
            "error": error,
        }
    if shape == "plain":
        return {
            "task_id": job.id,
            "status": _word(engine, job, "openai"),
            "url": _url(engine, context, job) if well else "",
            "format": "mp4",
            "metadata": {"duration": job.facts["seconds"]},
            "error": error,
        }
    if shape == "task":
        # The upstream's task has an id of its own.
        inner = {**_kling_data(engine, context, job), "task_id": f"upstream-{job.id}"}
        return {
            "code": "success",
            "message": "",
            "data": {
                "task_id": job.id,
                "action": "generate",
                "status": _word(engine, job, "task"),
                "fail_reason": why,
                "submit_time": int(job.submitted_at),
                "finish_time": int(job.ends_at) if well or why else 0,
                "progress": "100%" if well or why else "50%",
                "data": _kling_envelope(context, inner),
            },
        }
    return _kling_envelope(context, _kling_data(engine, context, job))


# Luma


def _luma_job(engine: Engine, context: RequestContext, body: dict[str, Any]) -> NewJob:
    rules = {
        "user_prompt": _NEEDED,
        "expand_prompt": _FLAG,
        "loop": _FLAG,
        "image_url": _TEXT,
        "image_end_url": _TEXT,
        "aspect_ratio": Rule(kind="choice", choices=_LUMA_RATIOS),
    }
    fields = checked(body, rules)
    images = {name: fields.pop(name, None) for name in ("image_url", "image_end_url")}
    return new_clip(
        engine,
        job_id=str(uuid.uuid4()),
        model="luma-video",
        prompt=fields["user_prompt"],
        request=fields,
        images=images,
        ratio=_ratio(fields.get("aspect_ratio")),
    )


def _luma_shown(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    """The names are those on the page [D]; what is in them is inferred. Each setting fills other places."""
    well, shape = _ended_well(engine, job), engine.settings.yescale_luma_answer
    url = _url(engine, context, job) if well else None
    size = {"width": job.facts["width"], "height": job.facts["height"]}
    task: dict[str, Any] = {
        "id": job.id,
        "prompt": job.prompt,
        "state": _word(engine, job, "luma"),
        "failure_reason": _reason(engine, job) or None,
        "created_at": datetime.fromtimestamp(job.submitted_at, tz=timezone.utc).isoformat(),
        "media_request": {"end": None, "loop": bool(job.request.get("loop")), "prompt_type": "text"},
        "video": None,
    }
    if not well:
        return task
    cover = {"url": _url(engine, context, job, 1), "media_type": "image", **size}
    task |= {"last_frame": cover, "thumbnail": cover}
    if shape == "siblings":
        return task | {"video": {"url": url, "download_url": url, **size}}
    if shape == "artifact":
        return task | {
            "artifact": {"created_at": task["created_at"], "video_raw": {"url": url}, "thumbnail": cover}
        }
    if shape == "stateless":
        del task["state"]
    return task | {"assets": {"video": url}, "video_raw": {"url": url, **size}}


# Pika


def _pika_job(engine: Engine, context: RequestContext, body: dict[str, Any]) -> NewJob:
    rules = {
        "promptText": _NEEDED,
        "model": Rule(kind="choice", choices=("1.5", "2.0")),
        "pikaffect": _TEXT,
        "options": _OBJECT,
        "image": _TEXT,
        "video": _TEXT,
    }
    fields = checked(body, rules)
    options = fields.get("options") or {}
    aspect = options.get("aspectRatio") if isinstance(options, dict) else None
    if not isinstance(options, dict) or not isinstance(aspect, (int, float, type(None))):
        raise Refusal("invalid", "options is wrong", param="options")
    image = fields.pop("image", None)
    if image and aspect:
        raise Refusal("invalid", "aspectRatio is left out when an image is sent", param="options")
    return new_clip(
        engine,
        job_id=str(uuid.uuid4()),
        model="pika-video",
        prompt=fields["promptText"],
        request=fields,
        images={"image": image},
        ratio=(float(aspect), 1.0) if aspect else (16, 9),
    )


def _pika_shown(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    """The names are those on the page [D]."""
    well = _ended_well(engine, job)
    cover = _url(engine, context, job, 1) if well else ""
    clip = {
        "id": job.id,
        "status": _word(engine, job, "pika"),
        "progress": 100 if well else 10,
        "resultUrl": _url(engine, context, job) if well else "",
        "sharingUrl": "",
        "videoPoster": cover,
        "imageThumb": cover,
        "duration": job.facts["seconds"],
        "seed": 7,
        "error": _reason(engine, job),
    }
    return {"id": job.id, "message": "", "promptText": job.prompt, "videos": [clip]}


# Runway


def _runway_job(engine: Engine, context: RequestContext, body: dict[str, Any]) -> NewJob:
    rules = {
        "promptImage": Rule(kind="anything", required=True),
        "model": _NEEDED,
        "promptText": Rule(kind="text", high=1000),
        "duration": Rule(kind="choice", choices=(5, 10), default=10),
        "ratio": Rule(kind="choice", choices=_RUNWAY_RATIOS),
        "seed": Rule(kind="integer", low=0, high=4294967295),
        "watermark": _FLAG,
    }
    fields = checked(body, rules)
    if fields["model"] == "gen3a_turbo" and "promptText" not in fields:
        raise Refusal("invalid", "promptText is required for gen3a_turbo", param="promptText")
    given = fields.pop("promptImage")
    frames = given if isinstance(given, list) else [{"uri": given, "position": "first"}]
    if not frames or not all(
        isinstance(one, dict) and isinstance(one.get("uri"), str) and one.get("position") in ("first", "last")
        for one in frames
    ):
        raise Refusal("invalid", "promptImage is wrong", param="promptImage")
    return new_clip(
        engine,
        job_id=str(uuid.uuid4()),
        model="runway-video",
        prompt=fields.get("promptText", ""),
        request=fields,
        images={f"promptImage.{number}": one["uri"] for number, one in enumerate(frames)},
        ratio=_ratio(fields.get("ratio")),
        seconds=fields["duration"],
        prefix="required",  # "https URL or data URI"
    )


def _runway_shown(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    status, why = engine.status(job), _reason(engine, job)
    task: dict[str, Any] = {
        "id": job.id,
        "status": "THROTTLED" if status == "queued" else _word(engine, job, "runway"),
        "createdAt": datetime.fromtimestamp(job.submitted_at, tz=timezone.utc).isoformat(),
    }
    if status == "running":
        task["progress"] = 0.5
    if why:
        task |= {"failure": why, "failureCode": job.error_code or "INTERNAL"}
    if status == "succeeded":
        task["output"] = [_url(engine, context, job)]
    return task


def _id_alone(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    return {"id": job.id}


def _on(path: str) -> Callable[[Settings], bool]:
    return lambda settings: settings.yescale_runway_path == path


#: The five pages, Runway's under two addresses.
PAGES = (
    *(
        Page(
            f"kling_{kind}",
            f"/kling/v1/videos/{kind}",
            f"/kling/v1/videos/{kind}/{{job_id}}",
            _kling_job(kind),
            _kling_accepted,
            _kling_shown,
        )
        for kind in ("text2video", "image2video")
    ),
    Page("luma", "/luma/generations", "/luma/generations/{job_id}", _luma_job, _luma_shown, _luma_shown),
    Page("pika", "/pika/generate", "/pika/feed/{job_id}", _pika_job, _id_alone, _pika_shown),
    Page(
        "runway",
        "/runwayml/v1/image_to_video",
        "/runwayml/v1/tasks/{job_id}",
        _runway_job,
        _id_alone,
        _runway_shown,
        _on("runwayml"),
    ),
    Page(
        "runway_pro",
        "/runway/pro/generate",
        "/runway/feed/{job_id}",
        _runway_job,
        _id_alone,
        _runway_shown,
        _on("runway_pro"),
    ),
)
#: Submit and fetch of each page.
ENDPOINTS = tuple(
    endpoint
    for page in PAGES
    for endpoint in (
        Endpoint(f"yescale.video.submit.{page.name}", "POST", page.submit, counted=False, submits=True),
        Endpoint(f"yescale.video.fetch.{page.name}", "GET", page.fetch, counted=False),
    )
)
#: What each page calls its model on the price list.
MODELS = {
    "yescale.video.submit.kling_text2video": "kling-text2video",
    "yescale.video.submit.kling_image2video": "kling-image2video",
    "yescale.video.submit.luma": "luma-video",
    "yescale.video.submit.pika": "pika-video",
    "yescale.video.submit.runway": "runway-video",
    "yescale.video.submit.runway_pro": "runway-video",
}
