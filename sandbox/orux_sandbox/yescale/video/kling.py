"""Kling's clips (yescale_more.md, 2.2): in its own envelope, or as newer software answers; a setting chooses."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from orux_sandbox.bodies.fields import Rule
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.wire import Refusal
from orux_sandbox.yescale.bodies import checked
from orux_sandbox.yescale.clips import new_clip
from orux_sandbox.yescale.video.page import NEEDED, OBJECT, TEXT, ended_well, ratio, reason, url, word

#: "image2video body" [D up to camera_control]; text2video is the same without the images [inferred].
_KLING = {
    "model_name": NEEDED,
    "prompt": Rule(kind="text", required=True, high=2500),
    "negative_prompt": TEXT,
    "cfg_scale": Rule(kind="number", low=0, high=1),
    "mode": Rule(kind="choice", choices=("std", "pro"), required=True),
    "camera_control": OBJECT,
    "duration": Rule(kind="choice", choices=("5", "10")),
}
_CAMERA = ("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward")


def new_job_of(kind: str) -> Callable[[Engine, RequestContext, dict[str, Any]], NewJob]:
    """What makes a job of a body of this page."""
    rules = dict(_KLING)
    if kind == "image2video":
        rules |= {"image": NEEDED, "image_tail": TEXT, "static_mask": TEXT}
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
            ratio=ratio(fields.get("aspect_ratio")),
            seconds=int(fields.get("duration", 5)),
            prefix="refused",  # "raw base64 without data: prefix"
        )

    return new_job


def _kling_envelope(context: RequestContext, data: dict[str, Any]) -> dict[str, Any]:
    return {"code": 0, "message": "SUCCEED", "request_id": context.request_id, "data": data}


def _kling_data(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    data: dict[str, Any] = {
        "task_id": job.id,
        "task_status": word(engine, job, "kling"),
        "task_status_msg": reason(engine, job),
        "created_at": int(job.submitted_at * 1000),
        "updated_at": int(engine.clock.now() * 1000),
    }
    if ended_well(engine, job):
        clip = {
            "id": f"video-{job.id}",
            "url": url(engine, context, job),
            "duration": f"{job.facts['seconds']}.1",
        }
        data["task_result"] = {"videos": [clip]}
    return data


def accepted(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    """The answer to a submission, in the shape that is set."""
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


def shown(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    """The answer to a poll, in the shape that is set."""
    shape, well = engine.settings.yescale_kling_video_answer, ended_well(engine, job)
    why = reason(engine, job)
    error = {"code": job.error_code, "message": why} if why else None
    if shape == "openai":
        return {
            **accepted(engine, context, job),
            "status": word(engine, job, "openai"),
            "progress": 100 if well else 0,
            "metadata": {"url": url(engine, context, job)} if well else {},
            "error": error,
        }
    if shape == "plain":
        return {
            "task_id": job.id,
            "status": word(engine, job, "openai"),
            "url": url(engine, context, job) if well else "",
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
                "status": word(engine, job, "task"),
                "fail_reason": why,
                "submit_time": int(job.submitted_at),
                "finish_time": int(job.ends_at) if well or why else 0,
                "progress": "100%" if well or why else "50%",
                "data": _kling_envelope(context, inner),
            },
        }
    return _kling_envelope(context, _kling_data(engine, context, job))
