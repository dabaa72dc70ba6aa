"""Ideogram 3.0 at YEScale: synchronous, multipart/form-data (yescale.md). Edit and remix: Ideogram's bodies [S]."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from orux_sandbox.art import recipes
from orux_sandbox.bodies.fields import pixels
from orux_sandbox.bodies.multipart import Part
from orux_sandbox.engine import inputs
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.engine.waiting import until_ended
from orux_sandbox.wire import Endpoint, Refusal
from orux_sandbox.yescale.bodies import check_group, keep_file

#: The model, which the path names.
_MODEL = "ideogram-v3"
#: The last part of the path.
_KINDS = ("generate", "edit", "remix")
#: One for each kind.
ENDPOINTS = tuple(
    Endpoint(
        f"yescale.ideogram.{kind}", "POST", f"/ideogram/v1/ideogram-v3/{kind}", counted=False, submits=True
    )
    for kind in _KINDS
)

#: "≤ 10 MB together"; of edit and remix each image.
MAX_BYTES = 10_000_000
#: ``16x9``.
_RATIO = re.compile(r"([1-9]\d?)x([1-9]\d?)")
#: Fields of the form that are no files.
_TEXTS = (
    "prompt",
    "negative_prompt",
    "seed",
    "resolution",
    "aspect_ratio",
    "rendering_speed",
    "magic_prompt",
    "num_images",
    "color_palette",
    "style_codes",
    "style_type",
    "image_weight",
)


def router(engine: Engine) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.post("/ideogram/v1/ideogram-v3/{kind}")
    async def make(request: Request, kind: str) -> JSONResponse:
        if kind not in _KINDS:
            raise Refusal("unknown_path", f"Invalid URL (POST {request.url.path})")
        context: RequestContext = request.state.context
        job = engine.submit(context, _new_job(engine, context, kind))
        await until_ended(engine, job, request)
        return JSONResponse(_answer(engine, context.base_url, job))

    return routes


def _form(parts: Sequence[Part]) -> tuple[dict[str, str], dict[str, list[bytes]]]:
    texts: dict[str, str] = {}
    files: dict[str, list[bytes]] = {}
    for part in parts:
        if part.filename is not None:
            files.setdefault(part.name.removesuffix("[]"), []).append(part.content)
        elif part.name in _TEXTS:
            texts[part.name] = part.text
    return texts, files


def _new_job(engine: Engine, context: RequestContext, kind: str) -> NewJob:
    if not context.parts:
        raise Refusal("invalid", "The body must be multipart/form-data.")
    check_group(engine, _MODEL, {_MODEL: None})
    texts, files = _form(context.parts)
    prompt = texts.get("prompt", "")
    if not prompt.strip():
        raise Refusal("invalid", "prompt is required", param="prompt")
    count = _number(texts, "num_images", 1, 8) or 1
    _number(texts, "seed", 0, 2**31 - 1)
    _palette(texts)
    width, height = _size(texts)
    sources, mask = _images(engine, kind, files)
    seed = recipes.seed_of(_MODEL, kind, {k: v for k, v in texts.items() if k != "num_images"}, sources, mask)
    return NewJob(
        job_id=f"ideogram-{secrets.token_hex(12)}",
        kind="image",
        model=_MODEL,
        action=kind,
        price=engine.settings.yescale_price(_MODEL, kind),
        prompt=prompt,
        request=texts,
        artifacts=[
            recipes.image(
                recipes.scene(
                    seed=seed, prompt=prompt, model=_MODEL, panel=number, sources=sources, mask=mask
                ),
                width,
                height,
                name=f"image-{number + 1}.png",
            )
            for number in range(count)
        ],
        images=count,
        synchronous=True,
    )


def _images(engine: Engine, kind: str, files: Mapping[str, list[bytes]]) -> tuple[list[str], str | None]:
    if sum(len(one) for one in files.get("style_reference_images", ())) > MAX_BYTES:
        raise Refusal(
            "invalid", "style_reference_images: more than 10 MB together", param="style_reference_images"
        )
    for field in ("image", "mask"):
        if any(len(one) > MAX_BYTES for one in files.get(field, ())):
            raise Refusal("invalid", f"{field}: more than 10 MB", param=field)
    wanted = {"generate": (), "edit": ("image", "mask"), "remix": ("image",)}[kind]
    for field in wanted:
        if field not in files:
            raise Refusal("invalid", f"{field} is required", param=field)
    sources = [
        keep_file(engine.store, content, field)
        for field in ("image", "style_reference_images")
        for content in files.get(field, ())
    ]
    mask = None
    if kind == "edit":
        try:
            # Ideogram's own API: what is black changes.
            mask = inputs.keep_mask(engine.store, files["mask"][0], edits="black")
        except inputs.NotAnImageError as wrong:
            raise Refusal("invalid", f"mask: {wrong}", param="mask") from None
    return sources, mask


def _number(texts: Mapping[str, str], field: str, low: int, high: int) -> int | None:
    if field not in texts:
        return None
    text = texts[field]
    if not text.isdecimal() or not low <= int(text) <= high:
        raise Refusal("invalid", f"{field} must be from {low} to {high}", param=field)
    return int(text)


def _palette(texts: Mapping[str, str]) -> None:
    if "color_palette" in texts:
        try:
            known = isinstance(json.loads(texts["color_palette"]), dict)
        except ValueError:
            known = False
        if not known:
            raise Refusal("invalid", "color_palette must be a JSON object", param="color_palette")


def _size(texts: Mapping[str, str]) -> tuple[int, int]:
    """``resolution`` or ``aspect_ratio`` (``1x1``), not both."""
    if "resolution" in texts and "aspect_ratio" in texts:
        raise Refusal("invalid", "resolution and aspect_ratio exclude each other", param="resolution")
    if "resolution" in texts:
        sides = pixels(texts["resolution"])
        if sides is None or not all(256 <= side <= 2048 for side in sides):
            raise Refusal("invalid", "resolution must look like 1024x1024", param="resolution")
        return sides
    found = _RATIO.fullmatch(texts.get("aspect_ratio", "1x1"))
    if not found:
        raise Refusal("invalid", "aspect_ratio must look like 16x9", param="aspect_ratio")
    scale = (1024 * 1024 / (int(found[1]) * int(found[2]))) ** 0.5
    return round(int(found[1]) * scale), round(int(found[2]) * scale)


def _answer(engine: Engine, base_url: str, job: Job) -> dict[str, Any]:
    """Ideogram's own answer [S]."""
    if job.outcome != "succeeded":
        raise Refusal("failed", job.error_message or "The job failed.", code=job.error_code)
    return {
        "created": int(job.submitted_at),
        "data": [
            {
                "url": engine.artifact_url(base_url, job, number),
                "prompt": job.prompt,
                "resolution": f"{artifact['width']}x{artifact['height']}",
                "is_image_safe": True,
                "seed": int(job.request.get("seed", 0)),
                "style_type": job.request.get("style_type", "GENERAL"),
            }
            for number, artifact in enumerate(job.artifacts)
        ],
    }
