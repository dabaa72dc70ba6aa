"""Midjourney's action, modal and shorten [inferred: midjourney-proxy-plus, new-api]: no page of YEScale names them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orux_sandbox.art import recipes
from orux_sandbox.engine import inputs
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.yescale.midjourney.buttons import WAITING, Button, buttons_of
from orux_sandbox.yescale.midjourney.refusals import DESCRIPTIONS, UpstreamRefusal, gateway_refusal
from orux_sandbox.yescale.midjourney.submissions import MidjourneySubmissions, grid_of


class MidjourneyActions(MidjourneySubmissions):
    """The submissions with those that YEScale's pages do not list."""

    def submit(self, context: RequestContext, action: str) -> dict[str, Any]:
        """One submission. A modal continues a job that waits, and is not charged again."""
        if action == "modal":
            return self._modal(context, context.body)
        answer = super().submit(context, action)
        job = self._engine.store.job(str(answer["result"]))
        if action == "action" and job is not None and job.action in WAITING:
            # "Code 21 from action means: window waits"; it waits until somebody answers, or it expires.
            at = job.submitted_at + self._engine.settings.job_ttl_seconds
            waiting = replace(job, ends_at=at, outcome="expired", facts={**job.facts, "modal": True})
            self._engine.store.change(waiting)
            return {**answer, "code": 21, "description": "Waiting for window confirm"}
        return answer

    def _action(self, context: RequestContext, body: dict[str, Any]) -> NewJob:
        parent, custom_id = self._parent(context, body), body.get("customId")
        if self._tasks.shown_status(parent) != "SUCCESS":
            raise gateway_refusal("task_status_not_success")
        button = next((one for one in buttons_of(parent) if one.custom_id == custom_id), None)
        if button is None:
            raise gateway_refusal("custom_id_is_required" if not custom_id else "unknown_action")
        if button.action == "IMAGINE":
            raise UpstreamRefusal(4, "The sandbox does not play this button", {})
        if button.action in ("UPSCALE", "VARIATION", "REROLL") and parent.scenes:
            index = None if button.action == "REROLL" else button.index
            return self._changed(context, body, parent, button.action, index)
        return self._from_upscale(context, body, parent, button)

    def _from_upscale(
        self, context: RequestContext, body: dict[str, Any], parent: Job, button: Button
    ) -> NewJob:
        """Another look of one image: larger, or four that vary it or go beyond its edges."""
        scene, facts = parent.facts["scene"], dict(parent.facts)
        if button.action == "UPSCALE":
            width, height = (2 * parent.artifacts[0][side] for side in ("width", "height"))
            artifacts = [recipes.image(scene, width, height, name="upscale-2x.png")]
            scenes: list[dict[str, Any]] = []
        else:
            seed = recipes.seed_of(scene["seed"], button.custom_id.partition("::1::")[0], body.get("prompt"))
            scenes = recipes.varied_scenes(scene, seed=seed)
            artifacts = [grid_of(scenes, facts["ratio"])]
        return self._new_job(
            context,
            body,
            action=button.action,
            prompt=parent.prompt,
            artifacts=artifacts,
            scenes=scenes,
            facts=facts,
            parent_id=parent.id,
            parent_index=button.index,
        )

    def _parent(self, context: RequestContext, body: Any) -> Job:
        task_id = body.get("taskId") if isinstance(body, dict) else None
        if not task_id:
            raise gateway_refusal("task_id_is_required")
        parent = self._tasks.own(context, str(task_id))
        if parent is None:
            raise gateway_refusal("task_no_found")
        return parent

    def _modal(self, context: RequestContext, body: Any) -> dict[str, Any]:
        job = self._parent(context, body)
        if not job.facts.get("modal"):
            raise UpstreamRefusal(4, "The task does not wait for a window", {})
        prompt, mask = body.get("prompt"), body.get("maskBase64")
        if job.action == "INPAINT" and not mask:
            raise UpstreamRefusal(4, "maskBase64 must not be empty", {})
        if job.action == "CUSTOM_ZOOM" and "--zoom" not in str(prompt):
            raise UpstreamRefusal(4, "The prompt needs --zoom", {})
        kept = None
        if mask:
            try:
                kept = inputs.keep_mask(self._engine.store, self._content(mask), edits="white")
            except inputs.NotAnImageError as wrong:
                raise UpstreamRefusal(4, f"maskBase64: {wrong}", {}) from None
        now = self._engine.clock.now()
        queue, run, _ = self._engine.settings.seconds(job.model)
        seed = recipes.seed_of(job.facts["scene"]["seed"], prompt, kept)
        scenes = recipes.varied_scenes(
            {**job.facts["scene"], "prompt": prompt or job.facts["scene"]["prompt"]}, seed=seed
        )
        self._engine.store.change(
            replace(
                job,
                prompt=prompt or job.prompt,
                starts_at=now + queue,
                ends_at=now + queue + run,
                outcome="succeeded",
                error_code=None,
                error_message=None,
                artifacts=[grid_of(scenes, job.facts["ratio"])],
                scenes=scenes,
                facts={**job.facts, "modal": False},
            )
        )
        return {"code": 1, "description": DESCRIPTIONS[1], "result": job.id, "properties": {}}

    def _shorten(self, context: RequestContext, body: dict[str, Any]) -> NewJob:
        prompt = body.get("prompt")
        if not isinstance(prompt, str) or not prompt.strip():
            raise gateway_refusal("prompt_is_required")
        self._check_words(prompt)
        words = prompt.split()
        lines = [f"{n}️⃣ {' '.join(words[: max(1, len(words) - n)])}" for n in range(1, 6)]
        text = "## Important tokens\n" + ", ".join(f"**{w}**" for w in words[:3])
        text += "\n## Shortened prompts\n" + "\n\n".join(lines)
        return self._new_job(
            context, body, action="SHORTEN", prompt=prompt, artifacts=[], facts={"final_prompt": text}
        )
