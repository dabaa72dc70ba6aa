"""The Orux gateway: its five endpoints, as far as they are documented (orux.md).

What is undocumented is answered in the sandbox's own way, and said so where it happens.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import string
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from orux_sandbox import SANDBOX_KEY, drawing, studio
from orux_sandbox.clock import iso
from orux_sandbox.engine import Draft, Engine
from orux_sandbox.faults import Then
from orux_sandbox.gateway import Answer, Endpoint, Reason, Refusal, Visit
from orux_sandbox.orux_bodies import (
    FOLLOWUPS,
    GRID_SIDE,
    MODELS,
    UPSCALE_SIDE,
    fit_side,
    invalid,
    pixels,
    ratio_of,
    read_followup,
    read_generation,
    read_object,
)
from orux_sandbox.settings import Settings
from orux_sandbox.store import Job
from orux_sandbox.waiting import until_ended

_BASE62 = string.ascii_letters + string.digits
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: Recraft's styles that are flat colour; the others get soft light.
_FLAT_STYLE = "vector"

#: orux.md, Errors. ``invalid_param`` with 400 and both codes for 404 are inferred: "the table goes on".
_REFUSALS: Mapping[Reason, tuple[int, str, str]] = {
    "missing_key": (401, "auth_error", "invalid_api_key"),
    "bad_key": (401, "auth_error", "invalid_api_key"),
    "disabled_key": (401, "auth_error", "sk_disabled"),
    "expired_key": (401, "auth_error", "sk_expired"),
    "ip": (403, "auth_error", "ip_not_allowed"),
    "concurrency": (429, "rate_limit_error", "concurrency_exceeded"),
    "invalid": (400, "invalid_request_error", "invalid_param"),
    "unknown_job": (404, "invalid_request_error", "task_not_found"),
    "unknown_path": (404, "invalid_request_error", "not_found"),
    "failed": (502, "api_error", "upstream_error"),
}
_TYPES_BY_STATUS = {401: "auth_error", 403: "auth_error", 429: "rate_limit_error"}
_CODES_BY_STATUS = {
    400: "invalid_param",
    401: "invalid_api_key",
    402: "insufficient_balance",
    403: "ip_not_allowed",
    404: "task_not_found",
    429: "rate_limit_exceeded",
}
_STATUSES = {
    "queued": "QUEUED",
    "running": "RUNNING",
    "succeeded": "SUCCESS",
    "failed": "FAILED",
    "expired": "EXPIRED",
}


def _envelope(
    kind: str, code: str, message: str, *, param: str | None = None, channel: str | None = None
) -> dict[str, Any]:
    """Every endpoint's error: ``{"error": {type, code, message, channel, param}}`` (orux.md, Errors)."""
    return {"error": {"type": kind, "code": code, "message": message, "channel": channel, "param": param}}


def new_task_id(now: float) -> str:
    """``task_01HZX…``: the examples show a ULID, so time first, then chance."""
    number = (int(now * 1000) << 80) | secrets.randbits(80)
    return "task_" + "".join(_CROCKFORD[number >> 5 * place & 31] for place in reversed(range(26)))


class Orux:
    """Orux AI."""

    name = "orux"
    title = "Orux AI"
    default_key = SANDBOX_KEY
    paths: Sequence[str] = ("/api",)
    currency: Literal["Credits", "USD"] = "Credits"
    charges_on: Literal["acceptance", "completion"] = "acceptance"
    failed_code = "upstream_error"
    webhook_attempts = 1
    endpoints: Sequence[Endpoint] = (
        Endpoint("images.generate", "POST", "/api/v1/images/generations", submits=True),
        Endpoint("tasks.submit", "POST", "/api/v1/tasks", submits=True),
        Endpoint("tasks.get", "GET", "/api/v1/tasks/{job_id}"),
        Endpoint("models", "GET", "/api/v1/models"),
        Endpoint("usage", "GET", "/api/user/v1/usage"),
    )

    def new_key(self) -> str:
        """``sk-app-<prefix8>_<48 base62>`` (orux.md, Authentication)."""
        prefix, rest = ("".join(secrets.choice(_BASE62) for _ in range(n)) for n in (8, 48))
        return f"sk-app-{prefix}_{rest}"

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        """``Authorization: Bearer …``, and nothing else."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" and key.strip() else None

    def guests(self, settings: Settings) -> bool:
        """Every endpoint needs a key."""
        return False

    def refunds(self, settings: Settings) -> bool:
        """Undocumented, so a setting."""
        return settings.refund_failed

    def connection_extra(self, settings: Settings) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    def headers(self, visit: Visit) -> Mapping[str, str]:
        """None are documented."""
        return {}

    def aims_at(self, visit: Visit) -> tuple[str | None, str | None]:
        """The path names a job, the body a model, or a parent."""
        job_id, model = visit.path_values.get("job_id"), None
        if isinstance(visit.body, dict):
            parent, model = visit.body.get("parent_task_id"), visit.body.get("model")
            job_id = job_id or (parent if isinstance(parent, str) else None)
        return job_id, model if isinstance(model, str) else None

    def refuse(self, refusal: Refusal, engine: Engine, visit: Visit | None) -> Answer:
        """The documented envelope."""
        code: str
        if refusal.reason == "balance":
            # The documents tell it in two ways.
            code = engine.settings.insufficient
            status = 402 if code == "insufficient_balance" else 429
            kind = "invalid_request_error" if status == 402 else "rate_limit_error"
        else:
            status, kind, code = _REFUSALS[refusal.reason]
        code = refusal.code or code
        channel = "sandbox" if refusal.reason == "failed" else None
        return Answer.of_json(
            status, _envelope(kind, code, refusal.message, param=refusal.param, channel=channel)
        )

    def ordered_error(self, then: Then, visit: Visit) -> Answer:
        """An ordered status in the documented envelope."""
        status = then.status or 500
        default_kind = "api_error" if status >= 500 else "invalid_request_error"
        kind = then.type or _TYPES_BY_STATUS.get(status, default_kind)
        code = then.code or _CODES_BY_STATUS.get(status, "internal_error")
        message = then.message or "The sandbox was told to answer this."
        body = _envelope(kind, code, message, param=then.param, channel=then.channel)
        return Answer.of_json(status, body, {name.lower(): value for name, value in then.headers.items()})

    def webhook(self, engine: Engine, base_url: str, job: Job) -> tuple[dict[str, str], bytes]:
        """Headers and body of the one signed POST on a terminal status.

        Documented: that it is one, that it is signed, HMAC-SHA256. Everything else is the SANDBOX'S OWN: the
        body is the poll body and an ``event``; ``X-Sandbox-Signature: t=<unix>,v1=<hex>`` is the HMAC of
        ``<unix>.<body>`` with the setting ``webhook_secret``.
        """
        event = f"task.{engine.status(job)}"
        body = json.dumps(
            {"event": event, **_Desk(engine).task_fields(base_url, job)}, ensure_ascii=False
        ).encode()
        at = int(engine.clock.now())
        secret = engine.settings.webhook_secret.encode()
        digest = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return {"Content-Type": "application/json", "X-Sandbox-Signature": f"t={at},v1={digest}"}, body

    def router(self, engine: Engine) -> APIRouter:
        """The five endpoints."""
        router = APIRouter()
        desk = _Desk(engine)

        @router.post("/api/v1/images/generations")
        async def generate(request: Request) -> JSONResponse:
            visit: Visit = request.state.visit
            job = engine.submit(visit, desk.draft_synchronous(visit))
            return JSONResponse(await desk.finish(request, visit, job))

        @router.post("/api/v1/tasks")
        async def submit(request: Request) -> JSONResponse:
            visit: Visit = request.state.visit
            job = engine.submit(visit, desk.draft_task(visit))
            status = "QUEUED" if engine.settings.status_case == "upper" else "queued"
            return JSONResponse({"task_id": job.id, "status": status}, engine.settings.submit_status_code)

        @router.get("/api/v1/tasks/{task_id}")
        async def poll(request: Request, task_id: str) -> JSONResponse:
            visit: Visit = request.state.visit
            return JSONResponse(desk.task(visit, task_id))

        @router.get("/api/v1/models")
        async def models(request: Request) -> JSONResponse:
            return JSONResponse(desk.models())

        @router.get("/api/user/v1/usage")
        async def usage(request: Request) -> JSONResponse:
            visit: Visit = request.state.visit
            return JSONResponse(desk.usage(visit, request.query_params.get("period", "7d")))

        return router


class _Desk:
    """What the routes do, without HTTP."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # Submitting

    @property
    def _any_scheme(self) -> bool:
        return self._engine.settings.url_schemes == "any"

    def draft_synchronous(self, visit: Visit) -> Draft:
        """POST /api/v1/images/generations: one of the nine image models."""
        body = read_object(visit.body)
        _, fields = read_generation(body, any_scheme=self._any_scheme, kinds=("image",))
        return self._draft_generation(body["model"], fields, synchronous=True)

    def draft_task(self, visit: Visit) -> Draft:
        """POST /api/v1/tasks: an image, a song, a clip, or a follow-up on a Midjourney grid."""
        body = read_object(visit.body)
        if "action" in body and body.get("model", "midjourney-v7") == "midjourney-v7":
            if body["action"] != "imagine":
                return self._draft_followup(visit, body)
            if not self._engine.settings.accept_imagine_action:
                raise invalid("action", "imagine is not an action: send model and prompt.")
            body = {field: value for field, value in body.items() if field != "action"}
        _, fields = read_generation(body, any_scheme=self._any_scheme, kinds=("image", "audio", "video"))
        if "parent_task_id" in fields and body["model"] == "suno-extend":
            self._parent(visit, fields["parent_task_id"], kind="audio")
        return self._draft_generation(body["model"], fields, synchronous=False)

    def _draft_generation(self, model: str, fields: dict[str, Any], *, synchronous: bool) -> Draft:
        now = self._engine.clock.now()
        prompt, kind = str(fields["prompt"]), MODELS[model].kind
        action = "imagine" if model == "midjourney-v7" else "generate"
        options = {k: v for k, v in fields.items() if k not in ("webhook_url", "response_format", "n")}
        seed = drawing.seed_of(model, options)
        count = int(fields.get("n", 1)) if kind == "image" else 1
        scenes: list[dict[str, Any]] = []
        if kind == "audio":
            artifacts = [studio.song(seed, int(fields["duration"]), name="song.wav")]
        elif kind == "video":
            scene = drawing.scene_recipe(seed=seed, prompt=prompt, model=model)
            artifacts = [studio.film(scene, 320, 180, name="clip.avi")]
        elif model == "midjourney-v7":
            scenes = drawing.grid_recipes(
                seed=seed,
                prompt=prompt,
                model=model,
                **{option: fields[option] for option in ("stylize", "weird", "chaos", "tile")},
            )
            # Synchronously a grid is one picture: `data` has one element per image asked for.
            artifacts = self._grid(scenes, fields, one=synchronous)
        else:
            artifacts = [
                studio.picture(
                    drawing.scene_recipe(
                        seed=seed,
                        prompt=prompt,
                        model=model,
                        panel=number,
                        flat=_FLAT_STYLE in str(fields.get("style", "")),
                        stamp="made in the sandbox" if fields.get("watermark") else None,
                    ),
                    *pixels(model, fields),
                    name=f"image-{number + 1}.png",
                )
                for number in range(count)
            ]
        return Draft(
            job_id=f"img_{secrets.token_hex(12)}" if synchronous else new_task_id(now),
            kind=kind,
            model=model,
            action=action,
            price=self._engine.settings.price(model, action),
            prompt=prompt,
            request=fields,
            artifacts=artifacts,
            scenes=scenes,
            images=count,
            synchronous=synchronous,
            parent_id=fields.get("parent_task_id") if model == "suno-extend" else None,
            webhook_url=fields.get("webhook_url"),
        )

    def _grid(
        self, scenes: list[dict[str, Any]], fields: Mapping[str, Any], *, one: bool = False
    ) -> list[dict[str, Any]]:
        width, height = fit_side(ratio_of(fields.get("aspect_ratio")), GRID_SIDE)
        if one or self._engine.settings.grid == "one":
            return [studio.grid(scenes, width, height, name="grid.png")]
        return [
            studio.picture(scene, width // 2, height // 2, name=f"panel-{number}.png", number=number)
            for number, scene in enumerate(scenes, 1)
        ]

    def _parent(self, visit: Visit, parent_id: str, *, kind: str) -> Job:
        """The job that a follow-up builds on. That a bad one is ``invalid_param`` is inferred."""
        parent = self._engine.own_job(visit, parent_id)
        if parent is None or parent.endpoint != "tasks.submit":
            raise invalid("parent_task_id", f"There is no task {parent_id!r}.")
        if parent.kind != kind:
            raise invalid("parent_task_id", f"{parent_id} is not of the right kind: {kind} is wanted.")
        if self._engine.status(parent) != "succeeded":
            raise invalid("parent_task_id", f"{parent_id} has not succeeded.")
        return parent

    def _draft_followup(self, visit: Visit, body: dict[str, Any]) -> Draft:
        settings = self._engine.settings
        if body["action"] not in FOLLOWUPS:
            raise invalid("action", f"action must be one of {', '.join(FOLLOWUPS)}.")
        fields = read_followup(
            body,
            any_scheme=self._any_scheme,
            model=settings.followup_model,
            reroll_index=settings.reroll_index,
        )
        action, index = fields["action"], fields.get("index")
        parent = self._parent(visit, fields["parent_task_id"], kind="image")
        if not parent.scenes or (settings.followup_parents == "imagine" and parent.action != "imagine"):
            raise invalid("parent_task_id", f"{parent.id} is not a grid of four.")
        usable = settings.parent_usable_seconds
        if usable and self._engine.clock.now() > parent.ends_at + usable:
            raise invalid("parent_task_id", f"{parent.id} is too old for a follow-up.")
        ordinal = self._engine.store.followups(parent.id, action)
        options = dict(parent.request)
        scenes: list[dict[str, Any]] = []
        if action == "upscale":
            width, height = fit_side(ratio_of(options.get("aspect_ratio")), UPSCALE_SIDE)
            artifacts = [
                studio.picture(parent.scenes[int(index or 1) - 1], width, height, name=f"upscale-{index}.png")
            ]
        else:
            # The seed of the parent's panels, not its id: the same steps give the same pictures again.
            seed = drawing.seed_of([scene["seed"] for scene in parent.scenes], action, index, ordinal)
            if action == "variation":
                scenes = drawing.varied_recipes(parent.scenes[int(index or 1) - 1], seed=seed)
            else:
                scenes = drawing.grid_recipes(
                    seed=seed,
                    prompt=parent.prompt,
                    model=parent.model,
                    **{option: options[option] for option in ("stylize", "weird", "chaos", "tile")},
                )
            artifacts = self._grid(scenes, options)
        return Draft(
            job_id=new_task_id(self._engine.clock.now()),
            kind="image",
            model=parent.model,
            action=action,
            price=settings.price(parent.model, action),
            prompt=parent.prompt,
            # The options of the grid stay with its descendants, so that a reroll of a variation knows them.
            request={**options, **fields},
            artifacts=artifacts,
            scenes=scenes,
            parent_id=parent.id,
            parent_index=index,
            webhook_url=fields.get("webhook_url"),
        )

    async def finish(self, request: Request, visit: Visit, job: Job) -> dict[str, Any]:
        """Wait for a synchronous call and say what came of it: ``created`` and ``data``."""
        await until_ended(self._engine, job, request)
        if job.outcome != "succeeded":
            raise Refusal("failed", job.error_message or "The job failed.", code=job.error_code)
        data: list[dict[str, Any]] = []
        for number, artifact in enumerate(job.artifacts):
            if job.request.get("response_format") == "b64_json":
                content = await asyncio.to_thread(
                    self._engine.studio.make, artifact, scale=self._engine.settings.picture_scale
                )
                image: dict[str, Any] = {"b64_json": base64.b64encode(content).decode()}
            else:
                image = {"url": self._engine.link(visit.base_url, job, number)}
            if job.request.get("prompt_upsampling"):
                image["revised_prompt"] = f"{job.prompt}, in rich detail, carefully composed, soft light"
            data.append(image)
        return {"created": int(job.submitted_at), "data": data}

    # Looking

    def task(self, visit: Visit, task_id: str) -> dict[str, Any]:
        """GET /api/v1/tasks/{id} with the documented fields (orux.md, Poll)."""
        job = self._engine.own_job(visit, task_id)
        if job is None or job.endpoint != "tasks.submit":
            raise Refusal("unknown_job", f"There is no task {task_id!r}.")
        return self.task_fields(visit.base_url, job)

    def task_fields(self, base_url: str, job: Job) -> dict[str, Any]:
        """A task as the poll (and the sandbox's webhook) shows it."""
        settings, status = self._engine.settings, self._engine.status(job)
        shown = _STATUSES[status]
        task: dict[str, Any] = {
            "task_id": job.id,
            "status": shown.lower() if settings.status_case == "lower" else shown,
            "alias": job.model,
            "upstream_model": f"sandbox/{job.model}",
            "channel": "sandbox",
            "submit_time": iso(job.submitted_at),
        }
        if status in ("succeeded", "failed", "expired"):
            task["finish_time"] = iso(job.ends_at)
            task["duration_sec"] = round(job.ends_at - job.submitted_at)
        filled: dict[str, Any] = {"result_urls": None, "error_code": None, "error_message": None}
        if status == "succeeded":
            filled["result_urls"] = self._engine.links(base_url, job)
        elif status in ("failed", "expired"):
            filled["error_code"] = job.error_code or "task_expired"
            filled["error_message"] = job.error_message or "The job exceeded its time to live."
        if settings.unfilled_fields == "absent":
            filled = {name: value for name, value in filled.items() if value is not None}
        return {**task, **filled}

    def models(self) -> dict[str, Any]:
        """GET /api/v1/models. Its answer is undocumented: this is OpenAI's, with our prices."""
        settings = self._engine.settings
        return {
            "object": "list",
            "data": [
                {
                    "id": name,
                    "object": "model",
                    "owned_by": "sandbox",
                    "kind": model.kind,
                    "title": model.title,
                    "credits": settings.price(name, "generate"),
                }
                for name, model in MODELS.items()
            ],
        }

    def usage(self, visit: Visit, period: str) -> dict[str, Any]:
        """GET /api/user/v1/usage: current concurrency, monthly token spend, Credits balance.

        Documented in words only; the JSON is the sandbox's own.
        """
        number, unit = period[:-1], period[-1:]
        if unit != "d" or not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 366:
            raise invalid("period", "period must be a number of days, like 7d.")
        self._engine.settle()
        account = self._engine.store.account(visit.user.id) or visit.user
        since = self._engine.clock.now() - 86400 * int(number)
        return {
            "period": period,
            "concurrency": {
                "current": self._engine.in_flight(account.id),
                "limit": self._engine.settings.max_concurrency or None,
            },
            "tokens": {"month": 0},
            "credits": {"balance": account.balance, "spent": self._engine.store.spent(account.id, since)},
        }
