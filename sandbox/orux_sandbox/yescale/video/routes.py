"""The routes of the video pages."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.settings import Settings
from orux_sandbox.wire import Endpoint, Refusal
from orux_sandbox.yescale.bodies import as_object
from orux_sandbox.yescale.video import kling, others
from orux_sandbox.yescale.video.page import Page


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


def _on(path: str) -> Callable[[Settings], bool]:
    return lambda settings: settings.yescale_runway_path == path


#: The five pages, Runway's under two addresses.
PAGES = (
    *(
        Page(
            f"kling_{kind}",
            f"/kling/v1/videos/{kind}",
            f"/kling/v1/videos/{kind}/{{job_id}}",
            kling.new_job_of(kind),
            kling.accepted,
            kling.shown,
        )
        for kind in ("text2video", "image2video")
    ),
    Page(
        "luma",
        "/luma/generations",
        "/luma/generations/{job_id}",
        others.luma_job,
        others.luma_shown,
        others.luma_shown,
    ),
    Page(
        "pika", "/pika/generate", "/pika/feed/{job_id}", others.pika_job, others.id_alone, others.pika_shown
    ),
    Page(
        "runway",
        "/runwayml/v1/image_to_video",
        "/runwayml/v1/tasks/{job_id}",
        others.runway_job,
        others.id_alone,
        others.runway_shown,
        _on("runwayml"),
    ),
    Page(
        "runway_pro",
        "/runway/pro/generate",
        "/runway/feed/{job_id}",
        others.runway_job,
        others.id_alone,
        others.runway_shown,
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
