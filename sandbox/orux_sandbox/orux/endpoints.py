"""Orux's five endpoints, as far as they are documented (orux.md).

What is not documented is answered in the sandbox's own way; the docstrings say where.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import Request

from orux_sandbox.art import recipes
from orux_sandbox.engine.clock import iso
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.engine.waiting import until_ended
from orux_sandbox.orux.bodies import (
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
from orux_sandbox.wire import Refusal

#: The digits of a ULID.
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: Recraft's styles with this word are drawn in flat colours, the others in soft light.
_FLAT_STYLE = "vector"
#: The words of a poll.
_STATUSES = {
    "queued": "QUEUED",
    "running": "RUNNING",
    "succeeded": "SUCCESS",
    "failed": "FAILED",
    "expired": "EXPIRED",
}


def new_task_id(now: float) -> str:
    """``task_01HZX…``: the examples show a ULID, so time first, then chance."""
    number = (int(now * 1000) << 80) | secrets.randbits(80)
    return "task_" + "".join(_CROCKFORD[number >> 5 * place & 31] for place in reversed(range(26)))


class OruxEndpoints:
    """What the routes do, without HTTP."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # Submitting

    @property
    def _any_scheme(self) -> bool:
        return self._engine.settings.url_schemes == "any"

    def new_image(self, context: RequestContext) -> NewJob:
        """POST /api/v1/images/generations: one of the nine image models."""
        body = read_object(context.body)
        _, fields = read_generation(body, any_scheme=self._any_scheme, kinds=("image",))
        return self._new_generation(body["model"], fields, synchronous=True)

    def new_task(self, context: RequestContext) -> NewJob:
        """POST /api/v1/tasks: an image, a song, a clip, or a follow-up on a Midjourney grid."""
        body = read_object(context.body)
        if "action" in body and body.get("model", "midjourney-v7") == "midjourney-v7":
            if body["action"] != "imagine":
                return self._new_followup(context, body)
            if not self._engine.settings.accept_imagine_action:
                raise invalid("action", "imagine is not an action: send model and prompt.")
            body = {field: value for field, value in body.items() if field != "action"}
        _, fields = read_generation(body, any_scheme=self._any_scheme, kinds=("image", "audio", "video"))
        if "parent_task_id" in fields and body["model"] == "suno-extend":
            self._parent(context, fields["parent_task_id"], kind="audio")
        return self._new_generation(body["model"], fields, synchronous=False)

    def _new_generation(self, model: str, fields: dict[str, Any], *, synchronous: bool) -> NewJob:
        now = self._engine.clock.now()
        prompt, kind = str(fields["prompt"]), MODELS[model].kind
        action = "imagine" if model == "midjourney-v7" else "generate"
        options = {k: v for k, v in fields.items() if k not in ("webhook_url", "response_format", "n")}
        seed = recipes.seed_of(model, options)
        count = int(fields.get("n", 1)) if kind == "image" else 1
        scenes: list[dict[str, Any]] = []
        if kind == "audio":
            artifacts = [recipes.song(seed, int(fields["duration"]), name="song.wav")]
        elif kind == "video":
            scene = recipes.scene(seed=seed, prompt=prompt, model=model)
            artifacts = [recipes.clip(scene, 320, 180, name="clip.avi")]
        elif model == "midjourney-v7":
            scenes = recipes.four_scenes(
                seed=seed,
                prompt=prompt,
                model=model,
                **{option: fields[option] for option in ("stylize", "weird", "chaos", "tile")},
            )
            # Synchronously a grid is one image: `data` has one element per image asked for.
            artifacts = self._grid(scenes, fields, one=synchronous)
        else:
            artifacts = [
                recipes.image(
                    recipes.scene(
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
        return NewJob(
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
            return [recipes.grid(scenes, width, height, name="grid.png")]
        return [
            recipes.image(scene, width // 2, height // 2, name=f"panel-{number}.png", number=number)
            for number, scene in enumerate(scenes, 1)
        ]

    def _parent(self, context: RequestContext, parent_id: str, *, kind: str) -> Job:
        """The job a follow-up builds on. That a wrong one is ``invalid_param`` is inferred."""
        parent = self._engine.own_job(context, parent_id)
        if parent is None or parent.endpoint != "tasks.submit":
            raise invalid("parent_task_id", f"There is no task {parent_id!r}.")
        if parent.kind != kind:
            raise invalid("parent_task_id", f"{parent_id} is not of the right kind: {kind} is wanted.")
        if self._engine.status(parent) != "succeeded":
            raise invalid("parent_task_id", f"{parent_id} has not succeeded.")
        return parent

    def _new_followup(self, context: RequestContext, body: dict[str, Any]) -> NewJob:
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
        parent = self._parent(context, fields["parent_task_id"], kind="image")
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
                recipes.image(parent.scenes[int(index or 1) - 1], width, height, name=f"upscale-{index}.png")
            ]
        else:
            # The seed of the parent's panels, not its id: the same steps give the same images again.
            seed = recipes.seed_of([scene["seed"] for scene in parent.scenes], action, index, ordinal)
            if action == "variation":
                scenes = recipes.varied_scenes(parent.scenes[int(index or 1) - 1], seed=seed)
            else:
                scenes = recipes.four_scenes(
                    seed=seed,
                    prompt=parent.prompt,
                    model=parent.model,
                    **{option: options[option] for option in ("stylize", "weird", "chaos", "tile")},
                )
            artifacts = self._grid(scenes, options)
        return NewJob(
            job_id=new_task_id(self._engine.clock.now()),
            kind="image",
            model=parent.model,
            action=action,
            price=settings.price(parent.model, action),
            prompt=parent.prompt,
            # The grid's options stay with its descendants, so that a reroll of a variation knows them.
            request={**options, **fields},
            artifacts=artifacts,
            scenes=scenes,
            parent_id=parent.id,
            parent_index=index,
            webhook_url=fields.get("webhook_url"),
        )

    async def finish(self, request: Request, context: RequestContext, job: Job) -> dict[str, Any]:
        """Wait for a synchronous call to end; its answer: ``created`` and ``data``."""
        await until_ended(self._engine, job, request)
        if job.outcome != "succeeded":
            raise Refusal("failed", job.error_message or "The job failed.", code=job.error_code)
        data: list[dict[str, Any]] = []
        for number, artifact in enumerate(job.artifacts):
            if job.request.get("response_format") == "b64_json":
                content = await asyncio.to_thread(
                    self._engine.renderer.render, artifact, scale=self._engine.settings.image_scale
                )
                image: dict[str, Any] = {"b64_json": base64.b64encode(content).decode()}
            else:
                image = {"url": self._engine.artifact_url(context.base_url, job, number)}
            if job.request.get("prompt_upsampling"):
                image["revised_prompt"] = f"{job.prompt}, in rich detail, carefully composed, soft light"
            data.append(image)
        return {"created": int(job.submitted_at), "data": data}

    # Reading

    def task(self, context: RequestContext, task_id: str) -> dict[str, Any]:
        """GET /api/v1/tasks/{id} with the documented fields (orux.md, Poll)."""
        job = self._engine.own_job(context, task_id)
        if job is None or job.endpoint != "tasks.submit":
            raise Refusal("unknown_job", f"There is no task {task_id!r}.")
        return self.task_fields(context.base_url, job)

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
            filled["result_urls"] = self._engine.artifact_urls(base_url, job)
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

    def usage(self, context: RequestContext, period: str) -> dict[str, Any]:
        """GET /api/user/v1/usage: current concurrency, monthly token spend, Credits balance.

        Documented in words only; the JSON is the sandbox's own.
        """
        number, unit = period[:-1], period[-1:]
        if unit != "d" or not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 366:
            raise invalid("period", "period must be a number of days, like 7d.")
        self._engine.settle()
        account = self._engine.store.account(context.user.id) or context.user
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
