"""Relay's workflows (opengpu_relay_more.md, 10): listed, run, polled, cancelled.

The ids are documented; which steps they have is not, so these are made up. A run is one job here: its steps follow each
other in equal parts of its time, and only the last one's output is drawn.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from orux_sandbox.bodies.fields import Problem, Rule, filled, problems
from orux_sandbox.engine.clock import iso
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.relay import catalogue, images, media, tasks
from orux_sandbox.relay.prices import price_of
from orux_sandbox.relay.replays import replay_key, replayed, unprocessable
from orux_sandbox.relay.routes import Route
from orux_sandbox.relay.table import route_of
from orux_sandbox.wire import Endpoint, Refusal

#: A run's id is the only key to it.
ENDPOINTS = (
    Endpoint("relay.workflows.list", "GET", "/v2/workflows", key="optional", counted=False),
    Endpoint("relay.poll.workflow", "GET", "/v2/workflows/runs/{job_id}", key="none", counted=False),
    Endpoint(
        "relay.workflows.cancel", "POST", "/v2/workflows/runs/{job_id}/cancel", key="required", counted=False
    ),
    Endpoint(
        "relay.submit.workflow",
        "POST",
        "/v2/workflows/{workflow_id}/run",
        key="guest",
        counted=False,
        submits=True,
    ),
    Endpoint("relay.workflows.get", "GET", "/v2/workflows/{workflow_id}", key="optional", counted=False),
)
_PROMPT = Rule(kind="text", required=True)
_IMAGE = Rule(kind="text", required=True, says="Public https URL or data URI.")
_VIDEO = Rule(kind="text", required=True, says="Public https URL.")
_FLUX, _EDIT, _ANIMATE = "black-forest-labs/FLUX-2-pro", "Wan-AI/Wan2.7-Image-Pro", "Wan-AI/Wan2.5-I2V"
_UPSCALE, _SPEAK = "Bria/video_increase_resolution", "relay/tts-1"
_ENDED = ("succeeded", "failed", "expired", "cancelled")


@dataclass(frozen=True)
class Workflow:
    """One template: its inputs, and the models of its steps."""

    id: str
    inputs: Mapping[str, Rule]
    steps: tuple[tuple[str, str], ...]


WORKFLOWS: Mapping[str, Workflow] = {
    one.id: one
    for one in (
        Workflow("script-voiceover", {"text": _PROMPT, "voice": Rule(kind="text")}, (("speak", _SPEAK),)),
        Workflow("enhance-image", {"image_url": _IMAGE}, (("enhance", _EDIT),)),
        Workflow("enhance-video", {"video_url": _VIDEO}, (("upscale", _UPSCALE),)),
        Workflow("animate-image", {"image_url": _IMAGE, "prompt": _PROMPT}, (("animate", _ANIMATE),)),
        Workflow(
            "animate-upscale",
            {"image_url": _IMAGE, "prompt": _PROMPT},
            (("animate", _ANIMATE), ("upscale", _UPSCALE)),
        ),
        Workflow(
            "enhance-animate",
            {"image_url": _IMAGE, "prompt": _PROMPT},
            (("enhance", _EDIT), ("animate", _ANIMATE)),
        ),
        Workflow("gen-edit", {"prompt": _PROMPT, "edit": _PROMPT}, (("make", _FLUX), ("edit", _EDIT))),
    )
}
#: The words of a run.
_STATUSES = {"queued": "queued", "running": "running", "succeeded": "completed", "cancelled": "cancelled"}


def router(engine: Engine, limit: Callable[[Engine, RequestContext], None]) -> APIRouter:
    """The routes. ``limit`` refuses a customer who sends too many requests."""
    routes = APIRouter()

    @routes.get("/v2/workflows")
    async def listed() -> JSONResponse:
        return JSONResponse(
            {"workflows": [_shown(engine, one) for one in WORKFLOWS.values()], "total": len(WORKFLOWS)}
        )

    @routes.get("/v2/workflows/runs/{run_id}")
    async def get_run(request: Request, run_id: str) -> JSONResponse:
        context: RequestContext = request.state.context
        return JSONResponse(run_fields(engine, context.base_url, _known(engine, run_id)))

    @routes.post("/v2/workflows/runs/{run_id}/cancel")
    async def cancel(request: Request, run_id: str) -> JSONResponse:
        context: RequestContext = request.state.context
        job = _known(engine, run_id)
        if job.account != context.user.id:
            raise _no_run()
        if engine.status(job) in _ENDED:
            message = f"Run is already {_STATUSES.get(engine.status(job), 'failed')}"
            raise Refusal("invalid", message, code="WORKFLOW_RUN_NOT_CANCELLABLE", status=409)
        # "Between steps only, the running step bills."
        begun = min(_done(engine, job) + 1, len(job.facts["costs"]))
        engine.store.cancel(job.id, engine.clock.now(), round(sum(job.facts["costs"][:begun]), 6))
        return JSONResponse(run_fields(engine, context.base_url, _known(engine, run_id)))

    @routes.post("/v2/workflows/{workflow_id}/run")
    async def run(request: Request, workflow_id: str) -> JSONResponse:
        context: RequestContext = request.state.context
        limit(engine, context)
        return _run(engine, context, _template(workflow_id))

    @routes.get("/v2/workflows/{workflow_id}")
    async def get(workflow_id: str) -> JSONResponse:
        return JSONResponse(_shown(engine, _template(workflow_id)))

    return routes


def _template(workflow_id: str) -> Workflow:
    if workflow_id not in WORKFLOWS:
        raise Refusal("invalid", f"Workflow '{workflow_id}' not found", code="WORKFLOW_NOT_FOUND", status=404)
    return WORKFLOWS[workflow_id]


def _no_run() -> Refusal:
    return Refusal("unknown_job", "Workflow run not found", code="WORKFLOW_RUN_NOT_FOUND")


def _known(engine: Engine, run_id: str) -> Job:
    job = engine.store.job(run_id)
    if job is None or job.gateway != "opengpu_relay" or "workflow" not in job.facts:
        raise _no_run()
    return job


def _gone(engine: Engine, workflow: Workflow) -> list[dict[str, str]]:
    retired = engine.settings.relay_retired
    return [{"step": s, "model": m, "reason": "retired"} for s, m in workflow.steps if m in retired]


def _shown(engine: Engine, workflow: Workflow) -> dict[str, Any]:
    gone = _gone(engine, workflow)
    return {
        "workflow_id": workflow.id,
        "version": 2,
        "name": workflow.id.replace("-", " ").capitalize(),
        "description": "A workflow of the sandbox.",
        "input_schema": catalogue.schema_of(workflow.inputs),
        "steps": [
            {"step_id": s, "model": m, "source": _route(m).source, "endpoint": _route(m).path}
            for s, m in workflow.steps
        ],
        "restricted_tiers": ["guest"],
        "available": not gone,
        "unavailable_steps": gone,
    }


def _route(model: str) -> Route:
    route = route_of(model)
    assert route is not None  # noqa: S101 the table above
    return route


def _run(engine: Engine, context: RequestContext, workflow: Workflow) -> JSONResponse:
    body = context.body
    if not isinstance(body, dict) or not isinstance(body.get("inputs", {}), dict):
        raise unprocessable([Problem(field="inputs", type="dict_type", message="inputs must be an object")])
    inputs = body.get("inputs", {})
    common = {n: r for n, r in _route(_FLUX).common.items() if n in ("store_output", "webhook_url")}
    around = {name: value for name, value in body.items() if name != "inputs"}
    found = problems(around, common, unknown="refused") + problems(inputs, workflow.inputs, unknown="refused")
    if found:
        raise unprocessable(found)
    if gone := _gone(engine, workflow):
        raise Refusal("tier", f"Step '{gone[0]['step']}' is retired", code="MODEL_RETIRED", status=403)
    replay = replay_key(context, body)
    again = None if replay is None else replayed(engine, context, *replay)
    if again is not None:
        context.accepted = True
        return JSONResponse(_accepted(again), 202, headers={"Idempotency-Replayed": "true"})
    most = engine.settings.relay_workflow_runs
    if most and _in_flight(engine, context) >= most:
        message = f"{most} workflow runs are in flight already"
        raise Refusal("rate", message, code="WORKFLOW_RUN_LIMIT_REACHED", status=429)
    job = engine.submit(
        context, _new_job(engine, context, workflow, filled(body, common) | {"inputs": inputs}, replay)
    )
    return JSONResponse(_accepted(job), 202)


def _in_flight(engine: Engine, context: RequestContext) -> int:
    runs = [j for j in engine.store.jobs() if j.account == context.user.id and "workflow" in j.facts]
    return sum(engine.status(job) not in _ENDED for job in runs)


def _accepted(job: Job) -> dict[str, Any]:
    return {"run_id": job.id, "status": "queued", "poll_url": f"/v2/workflows/runs/{job.id}"}


def _new_job(
    engine: Engine,
    context: RequestContext,
    workflow: Workflow,
    body: Mapping[str, Any],
    replay: tuple[str, str] | None,
) -> NewJob:
    inputs, costs = body["inputs"], []
    artifacts: list[dict[str, Any]] = []
    told: dict[str, Any] = {}
    for _, model in workflow.steps:
        route = _route(model)
        # An image of an earlier step is not drawn, so a later one begins from the words alone.
        given = {n: v for n, v in inputs.items() if n in route.fields and n not in route.images}
        fields = filled({"prompt": media.words_of(inputs), **given}, route.rules(2, model_field=False))
        fields |= {"model": model, "n": 1}
        if route.kind == "image":
            artifacts, told = images.artifacts(engine, route, fields, 2), images.echo(route, fields)
        else:
            artifacts, told = media.made(engine, route, {**inputs, **fields}, context.base_url)
        costs.append(round(price_of(engine.settings, model, fields, told), 6))
    last = _route(workflow.steps[-1][1])
    storage = str(body.get("store_output", "provider"))
    return NewJob(
        job_id=f"wf:{uuid.uuid4()}",
        kind=last.kind,
        model=workflow.steps[-1][1],
        action=f"workflow.{workflow.id}",
        price=sum(costs),
        prompt=media.words_of(inputs),
        request={"inputs": dict(inputs)},
        artifacts=artifacts,
        webhook_url=body.get("webhook_url"),
        url_seconds=tasks.STORED.get(storage, engine.settings.relay_url_seconds),
        facts={
            "generation": 2,
            "workflow": workflow.id,
            "answers": last.answers[2],
            "echo": told,
            "stored": storage != "provider",
            "store_output": storage,
            "costs": costs,
        },
        replay=replay,
    )


def _done(engine: Engine, job: Job) -> int:
    """How many steps are done."""
    count = len(job.facts["costs"])
    if engine.status(job) == "succeeded":
        return count
    length = max(job.ends_at - job.starts_at, 1e-6)
    share = (min(engine.clock.now(), job.ends_at) - job.starts_at) / length
    return max(0, min(count - 1, int(share * count)))


def run_fields(engine: Engine, base_url: str, job: Job) -> dict[str, Any]:
    """A run as the poll shows it. Renders what a base64 route answers with."""
    status = engine.status(job)
    word = _STATUSES.get(status, "failed")
    done, steps = _done(engine, job), []
    if status == "cancelled":
        done = sum(
            1
            for n in range(len(job.facts["costs"]))
            if round(sum(job.facts["costs"][: n + 1]), 6) <= job.credits
        )
    output = tasks.result_of(engine, base_url, job) if status == "succeeded" else None
    for number, (step_id, model) in enumerate(WORKFLOWS[job.facts["workflow"]].steps):
        step = (
            "completed"
            if number < done
            else "submitted"
            if word == "running" and number == done
            else "pending"
        )
        if word in ("failed", "cancelled") and number >= done:
            step = "failed" if word == "failed" and number == done else "skipped"
        steps.append(
            {
                "step_index": number,
                "step_id": step_id,
                "model": model,
                "status": step,
                "task_id": f"direct:{uuid.uuid5(uuid.NAMESPACE_URL, f'{job.id}/{number}')}"
                if number <= done
                else None,
                "output": (output if number == len(job.facts["costs"]) - 1 else {})
                if step == "completed"
                else None,
                "error": (job.error_message or "The provider failed.") if step == "failed" else None,
                "cost_usd": job.facts["costs"][number] if step == "completed" else None,
            }
        )
    ended = status in _ENDED
    return {
        "run_id": job.id,
        "workflow_id": job.facts["workflow"],
        "version": 2,
        "status": word,
        "steps": steps,
        "inputs": job.request["inputs"],
        "store_output": job.facts["store_output"],
        "output": output,
        "error": (job.error_message or "A step failed.") if word == "failed" else None,
        "failed_step_index": done if word == "failed" else None,
        "total_cost_usd": round(sum(job.facts["costs"][:done]), 6),
        # Times have no zone, as recorded.
        "created_at": iso(job.submitted_at).rstrip("Z"),
        "completed_at": iso(job.ends_at).rstrip("Z") if ended else None,
    }
