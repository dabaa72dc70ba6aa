"""Kling's images and Kolors' try-on at YEScale [S]: submit, then GET the same path with the task id."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from orux_sandbox.art import recipes
from orux_sandbox.bodies.fields import Rule
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.wire import Endpoint, Refusal
from orux_sandbox.yescale.bodies import as_object, check_group, checked, keep_images

#: Where each kind is submitted.
_PATHS = {"image": "/kling/v1/images/generations", "try_on": "/kling/v1/images/kolors-virtual-try-on"}
#: Submit and fetch, for each kind.
ENDPOINTS = (
    *(
        Endpoint(f"yescale.kling.submit.{kind}", "POST", path, counted=False, submits=True)
        for kind, path in _PATHS.items()
    ),
    *(
        Endpoint(f"yescale.kling.fetch.{kind}", "GET", f"{path}/{{job_id}}", counted=False)
        for kind, path in _PATHS.items()
    ),
)
#: The model of each kind, as the price list names it.
_MODELS = {"image": "kling-image", "try_on": "kolors-virtual-try-on"}
#: Pixels of an aspect ratio: the sandbox's own choice.
_RATIOS = {"16:9": (1360, 768), "9:16": (768, 1360), "1:1": (1024, 1024), "4:3": (1168, 880)}
_RATIOS |= {"3:4": (880, 1168), "3:2": (1248, 832), "2:3": (832, 1248), "21:9": (1552, 656)}

#: The fields of each kind [S].
_RULES: Mapping[str, Mapping[str, Rule]] = {
    "image": {
        "model_name": Rule(kind="text"),
        "prompt": Rule(kind="text", required=True),
        "negative_prompt": Rule(kind="text"),
        "image": Rule(kind="text"),
        "image_fidelity": Rule(kind="number"),
        "n": Rule(kind="integer", low=1, high=9, default=1),
        "aspect_ratio": Rule(kind="choice", choices=tuple(_RATIOS), default="16:9"),
    },
    "try_on": {
        "model_name": Rule(kind="text"),
        "human_image": Rule(kind="text", required=True),
        "cloth_image": Rule(kind="text"),
    },
}
#: The words of a poll.
_STATUSES = {
    "queued": "submitted",
    "running": "processing",
    "succeeded": "succeed",
    "failed": "failed",
    "expired": "failed",
    "cancelled": "failed",
}


def router(engine: Engine) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    def add(kind: str, path: str) -> None:
        @routes.post(path)
        async def submit(request: Request) -> JSONResponse:
            context: RequestContext = request.state.context
            job = engine.submit(context, _new_job(engine, context, kind))
            task = _task(engine, context.base_url, job)
            task = {name: task[name] for name in task if name != "task_result"} | {"task_status": "submitted"}
            return JSONResponse(_envelope(context, task))

        @routes.get(f"{path}/{{task_id}}")
        async def fetch(request: Request, task_id: str) -> JSONResponse:
            context: RequestContext = request.state.context
            job = engine.own_job(context, task_id)
            if job is None or job.endpoint != f"yescale.kling.submit.{kind}":
                raise Refusal("unknown_job", "task_not_exist")
            return JSONResponse(_envelope(context, _task(engine, context.base_url, job)))

    for kind, path in _PATHS.items():
        add(kind, path)
    return routes


def _envelope(context: RequestContext, data: dict[str, Any]) -> dict[str, Any]:
    return {"code": 0, "message": "SUCCEED", "request_id": context.request_id, "data": data}


def _new_job(engine: Engine, context: RequestContext, kind: str) -> NewJob:
    model = _MODELS[kind]
    check_group(engine, model, {model: None})
    fields = checked(as_object(context.body), _RULES[kind])
    given = [name for name in ("human_image", "cloth_image", "image") if name in fields]
    # "base64 without a `data:` prefix"
    sources = [
        kept for name in given for kept in keep_images(engine.store, [fields[name]], name, prefix="refused")
    ]
    urls = [fields[name] for name in given if fields[name].startswith("http")]
    plain = {name: value for name, value in fields.items() if name not in given}
    prompt, count = plain.get("prompt", "a fitting"), plain.get("n", 1)
    seed = recipes.seed_of(model, {k: v for k, v in plain.items() if k != "n"}, sources, urls)
    width, height = _RATIOS[plain.get("aspect_ratio", "3:4")]
    return NewJob(
        job_id=f"{secrets.randbelow(9 * 10**17) + 10**17}",
        kind="image",
        model=model,
        action="generate",
        price=engine.settings.yescale_price(model, "generate"),
        prompt=plain.get("prompt", ""),
        request=plain,
        artifacts=[
            recipes.image(
                recipes.scene(seed=seed, prompt=prompt, model=model, panel=number, sources=sources),
                width,
                height,
                name=f"image-{number + 1}.png",
            )
            for number in range(count)
        ],
        images=count,
    )


def _task(engine: Engine, base_url: str, job: Job) -> dict[str, Any]:
    """``data`` of both answers; Kling's own times are milliseconds."""
    status = _STATUSES[engine.status(job)]
    now = engine.clock.now()
    seen = job.submitted_at if now < job.starts_at else job.starts_at if now < job.ends_at else job.ends_at
    task: dict[str, Any] = {
        "task_id": job.id,
        "task_status": status,
        "task_status_msg": (job.error_message or "") if status == "failed" else "",
        "created_at": int(job.submitted_at * 1000),
        "updated_at": int(seen * 1000),
    }
    if status == "succeed":
        urls = engine.artifact_urls(base_url, job)
        task["task_result"] = {"images": [{"index": number, "url": url} for number, url in enumerate(urls)]}
    return task
