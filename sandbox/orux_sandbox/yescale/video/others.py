"""Luma, Pika and Runway (yescale_more.md, 2.3 to 2.5): each with its own fields and answers."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any

from orux_sandbox.bodies.fields import Rule
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.wire import Refusal
from orux_sandbox.yescale.bodies import checked
from orux_sandbox.yescale.clips import new_clip
from orux_sandbox.yescale.video.page import FLAG, NEEDED, OBJECT, TEXT, ended_well, ratio, reason, url, word

_LUMA_RATIOS = ("1:1", "4:3", "3:4", "16:9", "9:16")
_RUNWAY_RATIOS = (
    "1280:768", "768:1280", "1280:720", "720:1280", "1104:832", "832:1104", "960:960", "1584:672",
)  # fmt: skip


def luma_job(engine: Engine, context: RequestContext, body: dict[str, Any]) -> NewJob:
    """Luma's page [D]."""
    rules = {
        "user_prompt": NEEDED,
        "expand_prompt": FLAG,
        "loop": FLAG,
        "image_url": TEXT,
        "image_end_url": TEXT,
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
        ratio=ratio(fields.get("aspect_ratio")),
    )


def luma_shown(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    """The names are those on the page [D]; what is in them is inferred. Each setting fills other places."""
    well, shape = ended_well(engine, job), engine.settings.yescale_luma_answer
    clip = url(engine, context, job) if well else None
    size = {"width": job.facts["width"], "height": job.facts["height"]}
    task: dict[str, Any] = {
        "id": job.id,
        "prompt": job.prompt,
        "state": word(engine, job, "luma"),
        "failure_reason": reason(engine, job) or None,
        "created_at": datetime.fromtimestamp(job.submitted_at, tz=timezone.utc).isoformat(),
        "media_request": {"end": None, "loop": bool(job.request.get("loop")), "prompt_type": "text"},
        "video": None,
    }
    if not well:
        return task
    cover = {"url": url(engine, context, job, 1), "media_type": "image", **size}
    task |= {"last_frame": cover, "thumbnail": cover}
    if shape == "siblings":
        return task | {"video": {"url": clip, "download_url": clip, **size}}
    if shape == "artifact":
        return task | {
            "artifact": {"created_at": task["created_at"], "video_raw": {"url": clip}, "thumbnail": cover}
        }
    if shape == "stateless":
        del task["state"]
    return task | {"assets": {"video": clip}, "video_raw": {"url": clip, **size}}


def pika_job(engine: Engine, context: RequestContext, body: dict[str, Any]) -> NewJob:
    """Pika's page [inferred]."""
    rules = {
        "promptText": NEEDED,
        "model": Rule(kind="choice", choices=("1.5", "2.0")),
        "pikaffect": TEXT,
        "options": OBJECT,
        "image": TEXT,
        "video": TEXT,
    }
    fields = checked(body, rules)
    options = fields.get("options", {})
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


def pika_shown(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    """The names are those on the page [D]."""
    well = ended_well(engine, job)
    cover = url(engine, context, job, 1) if well else ""
    clip = {
        "id": job.id,
        "status": word(engine, job, "pika"),
        "progress": 100 if well else 10,
        "resultUrl": url(engine, context, job) if well else "",
        "sharingUrl": "",
        "videoPoster": cover,
        "imageThumb": cover,
        "duration": job.facts["seconds"],
        "seed": 7,
        "error": reason(engine, job),
    }
    return {"id": job.id, "message": "", "promptText": job.prompt, "videos": [clip]}


def runway_job(engine: Engine, context: RequestContext, body: dict[str, Any]) -> NewJob:
    """Runway's page [inferred]."""
    rules = {
        "promptImage": Rule(kind="anything", required=True),
        "model": NEEDED,
        "promptText": Rule(kind="text", high=1000),
        "duration": Rule(kind="choice", choices=(5, 10), default=10),
        "ratio": Rule(kind="choice", choices=_RUNWAY_RATIOS),
        "seed": Rule(kind="integer", low=0, high=4294967295),
        "watermark": FLAG,
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
        ratio=ratio(fields.get("ratio")),
        seconds=fields["duration"],
        prefix="required",  # "https URL or data URI"
    )


def runway_shown(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    """Runway's own task [inferred]."""
    status, why = engine.status(job), reason(engine, job)
    task: dict[str, Any] = {
        "id": job.id,
        "status": "THROTTLED" if status == "queued" else word(engine, job, "runway"),
        "createdAt": datetime.fromtimestamp(job.submitted_at, tz=timezone.utc).isoformat(),
    }
    if status == "running":
        task["progress"] = 0.5
    if why:
        task |= {"failure": why, "failureCode": job.error_code or "INTERNAL"}
    if status == "succeeded":
        task["output"] = [url(engine, context, job)]
    return task


def id_alone(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    """An id, and nothing else."""
    return {"id": job.id}
