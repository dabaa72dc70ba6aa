"""Clips at YEScale: the job behind a video page, whatever the page's fields are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orux_sandbox.art import recipes
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.yescale.bodies import check_group, keep_images

#: Longest side of a clip, before ``image_scale``: the sandbox's own choice.
_SIDE = 512


def new_clip(
    engine: Engine,
    *,
    job_id: str,
    model: str,
    prompt: str,
    request: Mapping[str, Any],
    images: Mapping[str, str | None],
    ratio: tuple[float, float] = (16, 9),
    seconds: int = 5,
    action: str = "generate",
    prefix: Any = "optional",
    code: str | None = None,
) -> NewJob:
    """A clip of a few frames that shows the prompt and the images that were sent.

    :param images: by field: URLs, which are not fetched, or base64.
    :param prefix: whether a ``data:`` prefix is wanted before base64.
    """
    check_group(engine, model, {model: None})
    given = {field: text for field, text in images.items() if text}
    sources: Sequence[str] = [
        name
        for field, text in given.items()
        for name in keep_images(engine.store, [text], field, prefix=prefix, code=code)
    ]
    urls = [text for text in given.values() if text.startswith("http")]
    seed = recipes.seed_of(model, prompt, request, sources, urls)
    scene = recipes.scene(seed=seed, prompt=prompt or "a clip", model=model, sources=sources)
    scale = _SIDE / max(ratio)
    width, height = (max(32, round(side * scale / 2) * 2) for side in ratio)
    return NewJob(
        job_id=job_id,
        kind="video",
        model=model,
        action=action,
        price=engine.settings.yescale_price(model, action),
        prompt=prompt,
        request=dict(request),
        artifacts=[
            recipes.clip(scene, width, height, name="clip.avi"),
            recipes.image(scene, width, height, name="cover.png"),
        ],
        facts={"seconds": seconds, "width": width, "height": height},
    )
