"""YEScale's Midjourney routes: /mj/submit/… and /mj/task/…, midjourney-proxy's protocol behind a gateway [P][G]."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.records import Job
from orux_sandbox.wire import Endpoint, Refusal
from orux_sandbox.yescale.midjourney.actions import MidjourneyActions
from orux_sandbox.yescale.midjourney.refusals import UpstreamRefusal, gateway_refusal
from orux_sandbox.yescale.midjourney.tasks import MidjourneyTasks

#: The last part of the path.
_ACTIONS = ("imagine", "change", "blend", "describe", "action", "modal", "shorten")
#: Those of them that YEScale's pages do not list.
_UNLISTED = ("action", "modal", "shorten")
#: Submit, fetch one, fetch many.
ENDPOINTS = (
    *(
        Endpoint(
            f"yescale.mj.submit.{action}",
            "POST",
            f"/mj/submit/{action}",
            counted=False,
            submits=True,
            midjourney=True,
        )
        for action in _ACTIONS
    ),
    Endpoint("yescale.mj.fetch", "GET", "/mj/task/{job_id}/fetch", counted=False),
    Endpoint("yescale.mj.list", "POST", "/mj/task/list-by-condition", counted=False),
)


def target_of(context: RequestContext, body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The job in the path or the parent in the body; the model is the action's name on the price list [D]."""
    action = context.endpoint.name.rpartition(".")[2]
    if action in ("action", "modal") and body.get("taskId") is not None:
        return str(body["taskId"]), None
    if action == "change":
        parent, change = body.get("taskId"), body.get("action")
        return (
            str(parent) if parent is not None else None,
            f"mj_{change.lower()}" if isinstance(change, str) else None,
        )
    if action in _ACTIONS:
        return None, f"mj_{action}"
    return context.path_values.get("job_id"), None


def router(engine: Engine) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    tasks = MidjourneyTasks(engine)
    submissions = MidjourneyActions(engine, tasks)

    @routes.post("/mj/submit/{action}")
    async def submit(request: Request, action: str) -> Response:
        if action not in _ACTIONS or (
            action in _UNLISTED and engine.settings.yescale_mj_actions == "refused"
        ):
            raise Refusal("unknown_path", f"Invalid URL (POST /mj/submit/{action})")
        try:
            return JSONResponse(submissions.submit(request.state.context, action))
        except UpstreamRefusal as refusal:
            shown = {
                "code": refusal.code,
                "description": refusal.description,
                "result": refusal.result,
                "properties": refusal.properties,
            }
            return JSONResponse(shown)

    @routes.get("/mj/task/{task_id}/fetch")
    async def fetch(request: Request, task_id: str) -> Response:
        context: RequestContext = request.state.context
        job = tasks.own(context, task_id)
        if job is not None:
            return JSONResponse(tasks.fields(context.base_url, job))
        if engine.settings.yescale_unknown_mj_task == "empty":
            return Response(b"", 200, media_type="application/json")
        raise gateway_refusal("task_no_found")

    @routes.post("/mj/task/list-by-condition")
    async def listed(request: Request) -> JSONResponse:
        context: RequestContext = request.state.context
        if engine.settings.yescale_list == "refused":
            raise Refusal("unknown_path", "Invalid URL (POST /mj/task/list-by-condition)")
        ids = context.body.get("ids") if isinstance(context.body, dict) else None
        if not isinstance(ids, list):
            raise gateway_refusal("bind_request_body_failed")
        # "Unknown ids are dropped, the order is not the request's" [P].
        found = {job.id: job for one in ids if (job := tasks.own(context, str(one))) is not None}
        return JSONResponse(
            [tasks.fields(context.base_url, found[name]) for name in sorted(found, reverse=True)]
        )

    return routes


def notification(engine: Engine, base_url: str, job: Job) -> tuple[dict[str, str], bytes]:
    """What ``notifyHook`` receives, where it is obeyed: the task [P]."""
    task = MidjourneyTasks(engine).fields(base_url, job)
    return {"Content-Type": "application/json"}, json.dumps(task, ensure_ascii=False).encode()
