"""Midjourney submissions at YEScale: imagine, blend, describe and change, in the upstream's protocol [P]."""

from __future__ import annotations

import itertools
import secrets
from typing import Any

from orux_sandbox.art import recipes
from orux_sandbox.art.description import describe_image
from orux_sandbox.engine import inputs
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.yescale.midjourney.buttons import GRIDS
from orux_sandbox.yescale.midjourney.prompt import Prompt, read_prompt
from orux_sandbox.yescale.midjourney.refusals import DESCRIPTIONS, UpstreamRefusal, gateway_refusal
from orux_sandbox.yescale.midjourney.tasks import MidjourneyTasks

#: What can be done with a grid.
_CHANGES = ("UPSCALE", "VARIATION", "REROLL")
#: Actions that make a grid.
_PARENTS = GRIDS
#: Aspect ratios of a blend.
_DIMENSIONS = {"PORTRAIT": (2, 3), "SQUARE": (1, 1), "LANDSCAPE": (3, 2)}
#: Longest side of a grid, and of an upscale.
_GRID_SIDE, _UPSCALE_SIDE = 1024, 1536
#: The last digits of an id.
_NUMBERS = itertools.count(secrets.randbelow(10_000))


class MidjourneySubmissions:
    """What POST /mj/submit/… does, without HTTP."""

    def __init__(self, engine: Engine, tasks: MidjourneyTasks) -> None:
        self._engine = engine
        self._tasks = tasks

    def submit(self, context: RequestContext, action: str) -> dict[str, Any]:
        """One submission; the upstream's answer to it."""
        body = context.body
        if not isinstance(body, dict):
            raise gateway_refusal("bind_request_body_failed")
        ordered = context.ordered_outcome.submit_code if context.ordered_outcome is not None else None
        self._check_bot(action, body)
        new_job = getattr(self, f"_{action}")(context, body)
        if ordered is not None and not (context.ordered_outcome and context.ordered_outcome.after_accepting):
            self._refuse_as_ordered(context, ordered)
        job = self._engine.submit(context, new_job)
        return self._accepted(job, 1 if ordered is None else ordered)

    def _check_bot(self, action: str, body: dict[str, Any]) -> None:
        """``botType`` of imagine and describe: "marked required" [D]; that it is asked for is a setting."""
        bot = body.get("botType")
        if action not in ("imagine", "describe", "blend", "shorten"):
            return
        if bot not in (None, "MID_JOURNEY", "NIJI_JOURNEY"):
            raise UpstreamRefusal(4, "botType is wrong", {})
        needed = action in ("imagine", "describe") and self._engine.settings.yescale_bot_type == "required"
        if bot is None and needed:
            raise gateway_refusal("botType_is_required")

    def _refuse_as_ordered(self, context: RequestContext, code: int) -> None:
        if code in (1, 22):
            return
        context.refused_as_ordered = True
        message = (context.ordered_outcome and context.ordered_outcome.message) or DESCRIPTIONS.get(
            code, "Failure"
        )
        if code == 21:
            there = self._engine.store.latest(context.user.id, context.endpoint.name)
            raise UpstreamRefusal(
                1 if self._engine.settings.yescale_rewrites_codes else 21,
                message,
                {},
                there.id if there else "",
            )
        properties = {"bannedWord": self._engine.settings.yescale_banned_words[0]} if code == 24 else {}
        raise UpstreamRefusal(code, message, properties)

    def _accepted(self, job: Job, code: int) -> dict[str, Any]:
        settings = self._engine.settings
        properties: dict[str, Any] = {"numberOfQueues": 1} if code == 22 else {}
        if code in (21, 22) and settings.yescale_rewrites_codes:
            code = 1
        return {
            "code": code,
            "description": DESCRIPTIONS.get(code, "Failure"),
            "result": job.id if settings.yescale_result == "string" else int(job.id),
            "properties": properties,
        }

    def _imagine(self, context: RequestContext, body: dict[str, Any]) -> NewJob:
        prompt = body.get("prompt")
        if not isinstance(prompt, str) or not prompt.strip():
            raise gateway_refusal("prompt_is_required")
        self._check_words(prompt)
        sources = self._images(body.get("base64Array") or [], 0, 5)
        read = read_prompt(prompt)
        return self._grid(context, body, "IMAGINE", prompt, read, sources)

    def _blend(self, context: RequestContext, body: dict[str, Any]) -> NewJob:
        images = body.get("base64Array")
        sources = self._images(images if isinstance(images, list) else [], 2, 5)
        dimensions = body.get("dimensions") or "SQUARE"
        if dimensions not in _DIMENSIONS:
            raise UpstreamRefusal(4, "dimensions is wrong", {})
        read = Prompt(text="", ratio=_DIMENSIONS[dimensions])
        return self._grid(context, body, "BLEND", "", read, sources, share=0.12)

    def _grid(
        self,
        context: RequestContext,
        body: dict[str, Any],
        action: str,
        prompt: str,
        read: Prompt,
        sources: list[str],
        *,
        share: float | None = None,
    ) -> NewJob:
        options = {name: value for name, value in read.drawing.items() if name != "seed"}
        scenes = recipes.four_scenes(
            seed=recipes.seed_of("midjourney", prompt, read.ratio, sources),
            prompt=read.text,
            model="midjourney",
            sources=sources,
            share=share,
            **options,
        )
        facts = {"ratio": read.ratio, "options": options, "sources": sources, "share": share}
        return self._new_job(
            context,
            body,
            action=action,
            prompt=prompt,
            artifacts=[grid_of(scenes, read.ratio)],
            scenes=scenes,
            facts=facts,
            doomed=None if read.wrong is None else ("invalid_parameter", read.wrong),
        )

    def _describe(self, context: RequestContext, body: dict[str, Any]) -> NewJob:
        content = self._content(body.get("base64"))
        try:
            width, height = inputs.size_of(content)
            name = inputs.keep(self._engine.store, content)
        except inputs.NotAnImageError as wrong:
            raise UpstreamRefusal(4, f"base64: {wrong}", {}) from None
        text = describe_image(self._engine.store.input(name), (width, height))
        return self._new_job(
            context,
            body,
            action="DESCRIBE",
            prompt="",
            artifacts=[recipes.sent_in(name, width, height, name="described.png")],
            facts={"final_prompt": text},
        )

    def _change(self, context: RequestContext, body: dict[str, Any]) -> NewJob:
        task_id, action, index = body.get("taskId"), body.get("action"), body.get("index")
        if isinstance(task_id, int) and not isinstance(task_id, bool):
            task_id = str(task_id)  # it may have come as a bare number
        if not isinstance(task_id, str) or not task_id:
            raise gateway_refusal("task_id_is_required")
        if not isinstance(action, str) or not action:
            raise gateway_refusal("action_is_required")
        wants_index = action != "REROLL" or self._engine.settings.yescale_reroll_index == "required"
        if wants_index and (isinstance(index, bool) or not isinstance(index, int) or index == 0):
            raise gateway_refusal("index_is_required")
        parent = self._tasks.own(context, task_id)
        if parent is None:
            raise gateway_refusal("task_no_found")
        if self._tasks.shown_status(parent) != "SUCCESS":
            raise gateway_refusal("task_status_not_success")
        if action not in _CHANGES:
            raise UpstreamRefusal(4, "action is wrong", {})
        if action != "REROLL" and index not in (1, 2, 3, 4):
            raise UpstreamRefusal(4, "index is wrong", {})
        if parent.action not in _PARENTS:
            raise UpstreamRefusal(4, "The parent task does not allow a change", {})
        settings = self._engine.settings
        if action == "UPSCALE" and settings.yescale_repeated_upscale == "existing":
            there = self._engine.store.followup(parent.id, action, int(index or 0))
            if there is not None:
                code = 1 if settings.yescale_rewrites_codes else 21
                raise UpstreamRefusal(
                    code, DESCRIPTIONS[21], {"status": self._tasks.shown_status(there)}, there.id
                )
        return self._changed(context, body, parent, action, index if action != "REROLL" else None)

    def _changed(
        self, context: RequestContext, body: dict[str, Any], parent: Job, action: str, index: int | None
    ) -> NewJob:
        facts, ratio = parent.facts, parent.facts["ratio"]
        scenes: list[dict[str, Any]] = []
        if action == "UPSCALE":
            width, height = _fitted(ratio, _UPSCALE_SIDE)
            scene = parent.scenes[(index or 1) - 1]
            artifacts = [recipes.image(scene, width, height, name=f"upscale-{index}.png")]
            facts = {**facts, "scene": scene}
        else:
            ordinal = self._engine.store.followups(parent.id, action)
            seed = recipes.seed_of([scene["seed"] for scene in parent.scenes], action, index, ordinal)
            if action == "VARIATION":
                scenes = recipes.varied_scenes(parent.scenes[(index or 1) - 1], seed=seed)
            else:
                scenes = recipes.four_scenes(
                    seed=seed,
                    prompt=parent.scenes[0]["prompt"],
                    model="midjourney",
                    sources=facts["sources"],
                    share=facts["share"],
                    **facts["options"],
                )
            artifacts = [grid_of(scenes, ratio)]
        return self._new_job(
            context,
            body,
            action=action,
            prompt=parent.prompt,
            artifacts=artifacts,
            scenes=scenes,
            facts=dict(facts),
            parent_id=parent.id,
            parent_index=index,
        )

    def _new_job(
        self,
        context: RequestContext,
        body: dict[str, Any],
        *,
        action: str,
        prompt: str,
        artifacts: list[dict[str, Any]],
        facts: dict[str, Any],
        **more: Any,
    ) -> NewJob:
        model = f"mj_{action.lower()}"
        settings = self._engine.settings
        state, hook = body.get("state"), body.get("notifyHook")
        # What was sent in is long and kept elsewhere.
        request = {k: v for k, v in body.items() if k not in ("base64", "base64Array", "maskBase64")}
        obeyed = settings.yescale_notify_hook and isinstance(hook, str) and hook.startswith("http")
        return NewJob(
            job_id=_new_id(self._engine.clock.now()),
            kind="text" if action in ("DESCRIBE", "SHORTEN") else "image",
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
                raise UpstreamRefusal(24, DESCRIPTIONS[24], {"bannedWord": banned})

    def _content(self, text: Any) -> bytes:
        if not isinstance(text, str) or not text:
            raise UpstreamRefusal(4, "base64 must not be empty", {})
        try:
            return inputs.decoded(text, prefix="required")
        except inputs.NotAnImageError as wrong:
            raise UpstreamRefusal(4, f"base64: {wrong}", {}) from None

    def _images(self, texts: Any, low: int, high: int) -> list[str]:
        if not isinstance(texts, list) or not low <= len(texts) <= high:
            raise UpstreamRefusal(4, f"base64Array must hold {low} to {high} images", {})
        try:
            return [inputs.keep(self._engine.store, self._content(text)) for text in texts]
        except inputs.NotAnImageError as wrong:
            raise UpstreamRefusal(4, f"base64Array: {wrong}", {}) from None


def grid_of(scenes: list[dict[str, Any]], ratio: Any) -> dict[str, Any]:
    """Four scenes in one image of this ratio."""
    return recipes.grid(scenes, *_fitted(ratio, _GRID_SIDE), name="grid.png")


def _fitted(ratio: Any, longest: int) -> tuple[int, int]:
    across, down = ratio
    scale = longest / max(across, down)
    return max(64, round(across * scale / 2) * 2), max(64, round(down * scale / 2) * 2)


def _new_id(now: float) -> str:
    """Digits only, time first, as in the documents: 14001929738841620."""
    return f"{int(now * 1000)}{next(_NUMBERS) % 10_000:04}"
