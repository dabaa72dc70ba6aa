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
    UPSCALE_SIDE,
    fit_side,
    invalid,
    pixels,
    ratio_of,
    read_followup,
    read_generation,
    read_object,
    read_step,
    step_of,
)
from orux_sandbox.orux.files import files_of_song, files_of_step, kept_inputs
from orux_sandbox.orux.tables import MODELS, Model
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


def _without_bytes(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields without images in base64: they are not kept twice."""
    return {k: v[:64] if isinstance(v, str) and v.startswith("data:") else v for k, v in fields.items()}


class OruxEndpoints:
    """What the routes do, without HTTP."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # Submitting

    def new_image(self, context: RequestContext) -> NewJob:
        """POST /api/v1/images/generations: one of the nine image models."""
        body = read_object(context.body)
        model, fields = read_generation(body, self._engine.settings, kinds=("image",))
        return self._new_generation(body["model"], model, fields, synchronous=True)

    def new_task(self, context: RequestContext) -> NewJob:
        """POST /api/v1/tasks: an image, a song, a clip, a step on a song, or a follow-up on a Midjourney grid."""
        settings, body = self._engine.settings, read_object(context.body)
        if "action" in body and body.get("model", "midjourney-v7") == "midjourney-v7":
            if body["action"] != "imagine":
                return self._new_followup(context, body)
            if not settings.accept_imagine_action:
                raise invalid("action", "imagine is not an action: send model and prompt.")
            body = {field: value for field, value in body.items() if field != "action"}
        if (step := step_of(body, settings)) is not None:
            return self._new_step(context, body, step)
        model, fields = read_generation(body, settings, kinds=("image", "audio", "video"))
        if settings.task_images == "refused" and model.kind == "image" and body["model"] != "midjourney-v7":
            raise invalid("model", f"{body['model']} is no model of queued tasks.")
        return self._new_generation(body["model"], model, fields, synchronous=False)

    def _new_generation(
        self, model: str, table: Model, fields: dict[str, Any], *, synchronous: bool
    ) -> NewJob:
        now, engine = self._engine.clock.now(), self._engine
        prompt, kind = str(fields.get("prompt") or fields.get("text") or ""), table.kind
        action = "imagine" if model == "midjourney-v7" else "generate"
        options = {k: v for k, v in fields.items() if k not in ("webhook_url", "response_format", "n")}
        sources = kept_inputs(engine, table.fields, fields)
        seed = recipes.seed_of(model, options)
        count = int(fields.get("n", 1)) if model in MODELS and kind == "image" else 1
        scenes: list[dict[str, Any]] = []
        if model == "elevenlabs-v3":
            artifacts = [recipes.song(seed, max(1, len(prompt) // 15), name="speech.wav")]
        elif kind == "audio":
            whole = model == "suno-v5"
            artifacts = files_of_song(seed, fields, cover=whole, words=whole)
        elif kind == "video":
            scene = recipes.scene(seed=seed, prompt=prompt, model=model, sources=sources)
            width, height = fit_side(ratio_of(fields.get("aspect_ratio") or "16:9"), 320)
            seconds = int(fields.get("duration", 8))
            artifacts = [recipes.clip(scene, width, height, name="clip.avi", seconds=seconds)]
        elif model == "midjourney-v7":
            scenes = recipes.four_scenes(
                seed=seed,
                prompt=prompt,
                model=model,
                sources=sources,
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
                        sources=sources,
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
            price=engine.settings.price(model, action),
            prompt=prompt,
            request=_without_bytes(fields),
            artifacts=artifacts,
            scenes=scenes,
            images=count,
            synchronous=synchronous,
            webhook_url=fields.get("webhook_url"),
        )

    def _new_step(self, context: RequestContext, body: dict[str, Any], step: str) -> NewJob:
        """A step on a song. That a wrong parent is ``invalid_param`` is inferred, as for Midjourney."""
        engine = self._engine
        table, fields = read_step(body, step, engine.settings)
        parent = None
        if fields.get("parent_task_id") is not None:
            field = engine.settings.suno_parent_field
            parent = self._parent(context, fields["parent_task_id"], kind="audio", field=field)
        kept_inputs(engine, table.fields, fields)
        seed = recipes.seed_of(parent.id if parent else "", step, _without_bytes(fields))
        return NewJob(
            job_id=new_task_id(engine.clock.now()),
            kind=table.kind,
            model=str(body["model"]),
            action=step,
            price=engine.settings.price(f"suno-{step}", step),
            prompt=str(fields.get("prompt") or (parent.prompt if parent else "")),
            request=fields,
            artifacts=files_of_step(step, seed, fields, parent),
            parent_id=parent.id if parent else None,
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

    def _parent(
        self, context: RequestContext, parent_id: str, *, kind: str, field: str = "parent_task_id"
    ) -> Job:
        """The job a follow-up builds on. That a wrong one is ``invalid_param`` is inferred."""
        parent = self._engine.own_job(context, parent_id)
        if parent is None or parent.endpoint != "tasks.submit":
            raise invalid(field, f"There is no task {parent_id!r}.")
        if parent.kind != kind:
            raise invalid(field, f"{parent_id} is not of the right kind: {kind} is wanted.")
        if self._engine.status(parent) != "succeeded":
            raise invalid(field, f"{parent_id} has not succeeded.")
        return parent

    def _new_followup(self, context: RequestContext, body: dict[str, Any]) -> NewJob:
        settings = self._engine.settings
        if body["action"] not in FOLLOWUPS:
            raise invalid("action", f"action must be one of {', '.join(FOLLOWUPS)}.")
        fields = read_followup(body, settings)
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
            if settings.lyrics_and_cover == "result" and job.kind in ("audio", "text"):
                filled |= self._as_result(base_url, job)
        elif status in ("failed", "expired"):
            filled["error_code"] = job.error_code or "task_expired"
            filled["error_message"] = job.error_message or "The job exceeded its time to live."
        if settings.unfilled_fields == "absent":
            filled = {name: value for name, value in filled.items() if value is not None}
        return {**task, **filled}

    def _as_result(self, base_url: str, job: Job) -> dict[str, Any]:
        """The other reading of a song: only sound in ``result_urls``, and a ``result`` with what belongs to it.

        "`result` is populated" is all that is documented; its names are the sandbox's own.
        """
        urls, result = [], {}
        clips = []
        for number, artifact in enumerate(job.artifacts):
            url = self._engine.artifact_url(base_url, job, number)
            if artifact["draw"] == "words":
                result["lyrics"] = artifact["text"]
            elif artifact["media_type"].startswith("image/"):
                result["cover_url"] = url
            else:
                urls.append(url)
                clips.append(
                    {
                        "clip_id": f"clip_{job.id[-8:]}_{number}",
                        "audio_url": url,
                        "duration": artifact["seconds"],
                    }
                )
        return {"result_urls": urls or None, "result": {**result, "clips": clips}}

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
