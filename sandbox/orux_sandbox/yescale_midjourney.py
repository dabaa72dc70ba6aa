"""YEScale's Midjourney: /mj/submit/… and /mj/task/…, the protocol of midjourney-proxy behind a gateway [P][G].

Two layers say no here. The gateway: HTTP 400 and ``{"description", "type", "code"}``. The upstream behind it:
HTTP 200 and a submit code other than 1, 21 and 22.
"""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from orux_sandbox import describing, drawing, inputs, studio, yescale_prompt
from orux_sandbox.engine import Draft, Engine
from orux_sandbox.gateway import Answer, Endpoint, Refusal, Visit
from orux_sandbox.store import Job

_ACTIONS = ("imagine", "change", "blend", "describe")
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

#: What the upstream says to a submission [P]. Code 1 and 22 accept it; 21 names one that is there already.
_DESCRIPTIONS = {
    1: "Submitted successfully",
    3: "Task not found",
    4: "Validation error",
    9: "Failure",
    21: "Task already exists",
    22: "In queue, there are 1 tasks ahead",
    23: "The queue is full, please try again later",
    24: "The prompt may contain a banned word",
}
_CHANGES = ("UPSCALE", "VARIATION", "REROLL")
_PARENTS = ("IMAGINE", "VARIATION", "REROLL", "BLEND")
_DIMENSIONS = {"PORTRAIT": (2, 3), "SQUARE": (1, 1), "LANDSCAPE": (3, 2)}
_GRID_SIDE, _UPSCALE_SIDE = 1024, 1536
_STATUSES = {
    "queued": "SUBMITTED",
    "running": "IN_PROGRESS",
    "succeeded": "SUCCESS",
    "failed": "FAILURE",
    "expired": "FAILURE",
    "cancelled": "CANCEL",
}
_NUMBERS = itertools.count(secrets.randbelow(10_000))


@dataclass
class UpstreamNo(Exception):  # noqa: N818 an answer, not a defect
    """HTTP 200 with a code that accepts nothing."""

    code: int
    description: str
    properties: dict[str, Any]
    result: str | None = None


def _own_error(description: str) -> Refusal:
    """The gateway's own error: HTTP 400 ``{"description", "type": "upstream_error", "code": 4}`` [G]."""
    return Refusal("invalid", description)


def refused(refusal: Refusal, status: int, engine: Engine) -> Answer:
    """A refusal in the gateway layer's shape."""
    description = refusal.message
    if refusal.reason == "balance":
        status, description = engine.settings.yescale_mj_quota_status, "quota_not_enough"
    if refusal.reason == "failed":
        status = 400
    return Answer.of_json(status, {"description": description, "type": "upstream_error", "code": 4})


def aims_at(visit: Visit, body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The job in the path or the parent in the body; the model is the action's name on the price list [D]."""
    action = visit.endpoint.name.rpartition(".")[2]
    if action == "change":
        parent, change = body.get("taskId"), body.get("action")
        return (
            str(parent) if parent is not None else None,
            f"mj_{change.lower()}" if isinstance(change, str) else None,
        )
    if action in _ACTIONS:
        return None, f"mj_{action}"
    return visit.path_values.get("job_id"), None


def router(engine: Engine) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    desk = _Desk(engine)

    @routes.post("/mj/submit/{action}")
    async def submit(request: Request, action: str) -> Response:
        if action not in _ACTIONS:
            raise Refusal("unknown_path", f"Invalid URL (POST /mj/submit/{action})")
        try:
            return JSONResponse(desk.submit(request.state.visit, action))
        except UpstreamNo as no:
            shown = {
                "code": no.code,
                "description": no.description,
                "result": no.result,
                "properties": no.properties,
            }
            return JSONResponse(shown)

    @routes.get("/mj/task/{task_id}/fetch")
    async def fetch(request: Request, task_id: str) -> Response:
        visit: Visit = request.state.visit
        job = desk.own(visit, task_id)
        if job is not None:
            return JSONResponse(desk.task(visit.base_url, job))
        if engine.settings.yescale_unknown_mj_task == "empty":
            return Response(b"", 200, media_type="application/json")
        raise _own_error("task_no_found")

    @routes.post("/mj/task/list-by-condition")
    async def listed(request: Request) -> JSONResponse:
        visit: Visit = request.state.visit
        if engine.settings.yescale_list == "refused":
            raise Refusal("unknown_path", "Invalid URL (POST /mj/task/list-by-condition)")
        ids = visit.body.get("ids") if isinstance(visit.body, dict) else None
        if not isinstance(ids, list):
            raise _own_error("bind_request_body_failed")
        # "Unknown ids are dropped, the order is not the request's" [P].
        found = {job.id: job for one in ids if (job := desk.own(visit, str(one))) is not None}
        return JSONResponse([desk.task(visit.base_url, found[name]) for name in sorted(found, reverse=True)])

    return routes


def notification(engine: Engine, base_url: str, job: Job) -> tuple[dict[str, str], bytes]:
    """What ``notifyHook`` gets, where it is obeyed: the task [P]."""
    task = _Desk(engine).task(base_url, job)
    return {"Content-Type": "application/json"}, json.dumps(task, ensure_ascii=False).encode()


class _Desk:
    """What the routes do, without HTTP."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def own(self, visit: Visit, task_id: str) -> Job | None:
        """A Midjourney task of the caller's."""
        job = self._engine.own_job(visit, task_id)
        return job if job is not None and job.endpoint.startswith("yescale.mj.") else None

    # Submitting

    def submit(self, visit: Visit, action: str) -> dict[str, Any]:
        """One submission; the upstream's answer to it."""
        body = visit.body
        if not isinstance(body, dict):
            raise _own_error("bind_request_body_failed")
        ordered = visit.fate.submit_code if visit.fate is not None else None
        draft = getattr(self, f"_{action}")(visit, body)
        if ordered is not None and not (visit.fate and visit.fate.after_accepting):
            self._refuse_as_ordered(visit, ordered)
        job = self._engine.submit(visit, draft)
        return self._accepted(job, 1 if ordered is None else ordered)

    def _refuse_as_ordered(self, visit: Visit, code: int) -> None:
        if code in (1, 22):
            return
        visit.refused_as_ordered = True
        message = (visit.fate and visit.fate.message) or _DESCRIPTIONS.get(code, "Failure")
        if code == 21:
            there = self._engine.store.latest(visit.user.id, visit.endpoint.name)
            raise UpstreamNo(
                1 if self._engine.settings.yescale_rewrites_codes else 21,
                message,
                {},
                there.id if there else "",
            )
        properties = {"bannedWord": self._engine.settings.yescale_banned_words[0]} if code == 24 else {}
        raise UpstreamNo(code, message, properties)

    def _accepted(self, job: Job, code: int) -> dict[str, Any]:
        settings = self._engine.settings
        properties: dict[str, Any] = {"numberOfQueues": 1} if code == 22 else {}
        if code in (21, 22) and settings.yescale_rewrites_codes:
            code = 1
        return {
            "code": code,
            "description": _DESCRIPTIONS.get(code, "Failure"),
            "result": job.id if settings.yescale_result == "string" else int(job.id),
            "properties": properties,
        }

    def _imagine(self, visit: Visit, body: dict[str, Any]) -> Draft:
        prompt = body.get("prompt")
        if not isinstance(prompt, str) or not prompt.strip():
            raise _own_error("prompt_is_required")
        self._check_words(prompt)
        sources = self._pictures(body.get("base64Array") or [], 0, 5)
        read = yescale_prompt.read(prompt)
        return self._grid(visit, body, "IMAGINE", prompt, read, sources)

    def _blend(self, visit: Visit, body: dict[str, Any]) -> Draft:
        pictures = body.get("base64Array")
        sources = self._pictures(pictures if isinstance(pictures, list) else [], 2, 5)
        dimensions = body.get("dimensions") or "SQUARE"
        if dimensions not in _DIMENSIONS:
            raise UpstreamNo(4, "dimensions is wrong", {})
        read = yescale_prompt.Prompt(text="", ratio=_DIMENSIONS[dimensions])
        return self._grid(visit, body, "BLEND", "", read, sources, share=0.12)

    def _grid(
        self,
        visit: Visit,
        body: dict[str, Any],
        action: str,
        prompt: str,
        read: yescale_prompt.Prompt,
        sources: list[str],
        *,
        share: float | None = None,
    ) -> Draft:
        options = {name: value for name, value in read.drawing.items() if name != "seed"}
        recipes = drawing.grid_recipes(
            seed=drawing.seed_of("midjourney", prompt, read.ratio, sources),
            prompt=read.text,
            model="midjourney",
            sources=sources,
            share=share,
            **options,
        )
        facts = {"ratio": read.ratio, "options": options, "sources": sources, "share": share}
        return self._draft(
            visit,
            body,
            action=action,
            prompt=prompt,
            artifacts=[_grid_of(recipes, read.ratio)],
            scenes=recipes,
            facts=facts,
            doomed=None if read.wrong is None else ("invalid_parameter", read.wrong),
        )

    def _describe(self, visit: Visit, body: dict[str, Any]) -> Draft:
        content = self._content(body.get("base64"))
        try:
            width, height = inputs.size_of(content)
            name = inputs.keep(self._engine.store, content)
        except inputs.NotAPicture as wrong:
            raise UpstreamNo(4, f"base64: {wrong}", {}) from None
        text = describing.described(self._engine.store.input(name), (width, height))
        return self._draft(
            visit,
            body,
            action="DESCRIBE",
            prompt="",
            artifacts=[studio.sent_in(name, width, height, name="described.png")],
            facts={"final_prompt": text},
        )

    def _change(self, visit: Visit, body: dict[str, Any]) -> Draft:
        task_id, action, index = body.get("taskId"), body.get("action"), body.get("index")
        if isinstance(task_id, int) and not isinstance(task_id, bool):
            task_id = str(task_id)  # it may have come as a bare number
        if not isinstance(task_id, str) or not task_id:
            raise _own_error("task_id_is_required")
        if not isinstance(action, str) or not action:
            raise _own_error("action_is_required")
        wants_index = action != "REROLL" or self._engine.settings.yescale_reroll_index == "required"
        if wants_index and (isinstance(index, bool) or not isinstance(index, int) or index == 0):
            raise _own_error("index_is_required")
        parent = self.own(visit, task_id)
        if parent is None:
            raise _own_error("task_no_found")
        if self._shown_status(parent) != "SUCCESS":
            raise _own_error("task_status_not_success")
        if action not in _CHANGES:
            raise UpstreamNo(4, "action is wrong", {})
        if action != "REROLL" and index not in (1, 2, 3, 4):
            raise UpstreamNo(4, "index is wrong", {})
        if parent.action not in _PARENTS:
            raise UpstreamNo(4, "The parent task does not allow a change", {})
        settings = self._engine.settings
        if action == "UPSCALE" and settings.yescale_repeated_upscale == "existing":
            there = self._engine.store.followup(parent.id, action, int(index or 0))
            if there is not None:
                code = 1 if settings.yescale_rewrites_codes else 21
                raise UpstreamNo(code, _DESCRIPTIONS[21], {"status": self._shown_status(there)}, there.id)
        return self._changed(visit, body, parent, action, index if action != "REROLL" else None)

    def _changed(
        self, visit: Visit, body: dict[str, Any], parent: Job, action: str, index: int | None
    ) -> Draft:
        facts, ratio = parent.facts, parent.facts["ratio"]
        scenes: list[dict[str, Any]] = []
        if action == "UPSCALE":
            width, height = _fitted(ratio, _UPSCALE_SIDE)
            scene = parent.scenes[(index or 1) - 1]
            artifacts = [studio.picture(scene, width, height, name=f"upscale-{index}.png")]
        else:
            ordinal = self._engine.store.followups(parent.id, action)
            seed = drawing.seed_of([scene["seed"] for scene in parent.scenes], action, index, ordinal)
            if action == "VARIATION":
                scenes = drawing.varied_recipes(parent.scenes[(index or 1) - 1], seed=seed)
            else:
                scenes = drawing.grid_recipes(
                    seed=seed,
                    prompt=parent.scenes[0]["prompt"],
                    model="midjourney",
                    sources=facts["sources"],
                    share=facts["share"],
                    **facts["options"],
                )
            artifacts = [_grid_of(scenes, ratio)]
        return self._draft(
            visit,
            body,
            action=action,
            prompt=parent.prompt,
            artifacts=artifacts,
            scenes=scenes,
            facts=dict(facts),
            parent_id=parent.id,
            parent_index=index,
        )

    def _draft(
        self,
        visit: Visit,
        body: dict[str, Any],
        *,
        action: str,
        prompt: str,
        artifacts: list[dict[str, Any]],
        facts: dict[str, Any],
        **more: Any,
    ) -> Draft:
        model = f"mj_{action.lower()}"
        settings = self._engine.settings
        state, hook = body.get("state"), body.get("notifyHook")
        # What was sent in is long and kept elsewhere.
        request = {k: v for k, v in body.items() if k not in ("base64", "base64Array")}
        obeyed = settings.yescale_notify_hook and isinstance(hook, str) and hook.startswith("http")
        return Draft(
            job_id=_new_id(self._engine.clock.now()),
            kind="text" if action == "DESCRIBE" else "image",
            model=model,
            action=action,
            price=settings.yescale_price(model),
            prompt=prompt,
            request=request,
            artifacts=artifacts,
            facts={
                **facts,
                "state": state if isinstance(state, str) else "",
                "preview": settings.yescale_previews and action != "DESCRIBE",
            },
            webhook_url=hook if obeyed else None,
            **more,
        )

    def _check_words(self, prompt: str) -> None:
        words = prompt.lower()
        for banned in self._engine.settings.yescale_banned_words:
            if banned.lower() in words:
                raise UpstreamNo(24, _DESCRIPTIONS[24], {"bannedWord": banned})

    def _content(self, text: Any) -> bytes:
        if not isinstance(text, str) or not text:
            raise UpstreamNo(4, "base64 must not be empty", {})
        try:
            return inputs.decoded(text, prefix="required")
        except inputs.NotAPicture as wrong:
            raise UpstreamNo(4, f"base64: {wrong}", {}) from None

    def _pictures(self, texts: Any, low: int, high: int) -> list[str]:
        if not isinstance(texts, list) or not low <= len(texts) <= high:
            raise UpstreamNo(4, f"base64Array must hold {low} to {high} pictures", {})
        try:
            return [inputs.keep(self._engine.store, self._content(text)) for text in texts]
        except inputs.NotAPicture as wrong:
            raise UpstreamNo(4, f"base64Array: {wrong}", {}) from None

    # Looking

    def _synced(self, job: Job) -> float | None:
        """When the gateway last asked its upstream about a job; None if it has not yet."""
        now, period = self._engine.clock.now(), self._engine.settings.yescale_sync_seconds
        if period == 0:
            return now
        times = int((now - job.submitted_at) / period)
        return job.submitted_at + times * period if times else None

    def _shown_status(self, job: Job) -> str:
        synced = self._synced(job)
        if synced is None:
            return ""
        status = job.status(synced)
        return "MODAL" if job.facts.get("modal") and status == "running" else _STATUSES[status]

    def task(self, base_url: str, job: Job) -> dict[str, Any]:
        """A Task as of the last sync (yescale.md, Midjourney)."""
        status = self._shown_status(job)
        ended = status in ("SUCCESS", "FAILURE", "CANCEL")
        image = ""
        if status == "SUCCESS" and job.artifacts:
            image = self._engine.link(base_url, job, 0)
        elif status == "IN_PROGRESS" and job.facts.get("preview") and job.artifacts:
            image = self._engine.link(base_url, job, 0).rpartition("/")[0] + "/preview.png"
        properties = {"finalPrompt": job.facts.get("final_prompt", job.prompt)} if status == "SUCCESS" else {}
        started = status not in ("", "SUBMITTED")
        return {
            "id": job.id,
            "action": job.action,
            "status": status,
            "prompt": job.facts.get("final_prompt", job.prompt) if status == "SUCCESS" else job.prompt,
            "promptEn": job.prompt,
            "description": f"/{job.action.lower()} {job.prompt}".strip(),
            "state": job.facts.get("state", ""),
            "submitTime": _ms(job.submitted_at),
            "startTime": _ms(job.starts_at) if started else None,
            "finishTime": _ms(job.ends_at) if ended else None,
            "imageUrl": image,
            "progress": self._progress(job, status),
            "failReason": (job.error_message or job.error_code) if status in ("FAILURE", "CANCEL") else None,
            "properties": properties,
            "buttons": _buttons(job) if status == "SUCCESS" else [],
        }

    def _progress(self, job: Job, status: str) -> str:
        if status in ("SUCCESS", "FAILURE", "CANCEL"):
            return "100%"  # on failure too [G]
        if status != "IN_PROGRESS":
            return "0%"
        synced = self._synced(job) or job.starts_at
        share = (synced - job.starts_at) / max(job.ends_at - job.starts_at, 0.001)
        return f"{max(1, min(99, int(share * 100)))}%"


def _grid_of(recipes: list[dict[str, Any]], ratio: Any) -> dict[str, Any]:
    return studio.grid(recipes, *_fitted(ratio, _GRID_SIDE), name="grid.png")


def _fitted(ratio: Any, longest: int) -> tuple[int, int]:
    across, down = ratio
    scale = longest / max(across, down)
    return max(64, round(across * scale / 2) * 2), max(64, round(down * scale / 2) * 2)


def _new_id(now: float) -> str:
    """Digits only, time first, as in the documents: 14001929738841620."""
    return f"{int(now * 1000)}{next(_NUMBERS) % 10_000:04}"


def _ms(at: float) -> int:
    return int(at * 1000)


def _buttons(job: Job) -> list[dict[str, Any]]:
    """What one could press in Discord. Their ids are the sandbox's own."""
    if not job.scenes:
        return []
    labels = [f"{kind}{number}" for kind in "UV" for number in range(1, 5)]
    return [
        {"customId": f"sandbox::{label}::{job.id}", "emoji": "", "label": label, "type": 2, "style": 2}
        for label in labels
    ]
