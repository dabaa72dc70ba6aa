"""Edits at YEScale: POST /v1/images/edits, as OpenAI has it [inferred]: a form; for Qwen's model a form or JSON [U]."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from orux_sandbox.art import recipes
from orux_sandbox.bodies.fields import Rule, pixels
from orux_sandbox.engine import inputs
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.wire import Refusal
from orux_sandbox.yescale.bodies import as_object, check_group, checked

#: "PNG/WEBP/JPG < 25 MB".
MAX_BYTES = 25_000_000
_CHOICE: dict[str, Any] = {"kind": "choice"}
#: Fields beside the images.
MODELS: Mapping[str, Mapping[str, Rule]] = {
    "gpt-image-1": {
        "prompt": Rule(kind="text", required=True, high=32000),
        "n": Rule(kind="integer", low=1, high=10, default=1),
        "size": Rule(choices=("1024x1024", "1536x1024", "1024x1536", "auto"), default="auto", **_CHOICE),
        "quality": Rule(choices=("low", "medium", "high", "auto"), **_CHOICE),
        "background": Rule(choices=("auto", "opaque", "transparent"), **_CHOICE),
        "output_format": Rule(choices=("png", "jpeg", "webp"), **_CHOICE),
        "input_fidelity": Rule(choices=("low", "high"), **_CHOICE),
    },
    "qwen-image-edit": {
        "prompt": Rule(kind="text", required=True),
        "n": Rule(kind="integer", low=1, high=10, default=1),
        "size": Rule(kind="pixels", low=64, high=4096, default="1024x1024"),
    },
}


def new_edit(engine: Engine, context: RequestContext) -> NewJob:
    """The job of an edit; its answer is that of a generation, in base64 for gpt-image-1."""
    texts, images, masks = _form(context) if context.parts else _object(context)
    model = texts.get("model", "gpt-image-1")
    if not isinstance(model, str):
        raise Refusal("invalid", "model must be a text", param="model")
    check_group(engine, model, MODELS)
    encoding = "multipart" if context.parts else "json"
    if encoding != (engine.settings.yescale_qwen_edit_body if model == "qwen-image-edit" else "multipart"):
        raise Refusal("invalid", f"{model} does not take this kind of body", param="image")
    fields = checked(texts, MODELS[model])
    if not images:
        raise Refusal("invalid", "image is required", param="image")
    mask = _kept_mask(engine, masks[0]) if masks else None
    sources = [_kept(engine, content) for content in images]
    inline = model == "gpt-image-1" or engine.settings.yescale_qwen_edit_answer == "b64_json"
    fields["response_format"] = "b64_json" if inline else "url"
    width, height = pixels(fields["size"]) or (1024, 1024)
    seed = recipes.seed_of(model, {k: v for k, v in fields.items() if k != "n"}, sources, mask)
    return NewJob(
        job_id=f"edit-{secrets.token_hex(12)}",
        kind="image",
        model=f"{model}-edit".replace("-edit-edit", "-edit"),
        action="edit",
        price=engine.settings.yescale_price(f"{model}-edit".replace("-edit-edit", "-edit")),
        prompt=fields["prompt"],
        request=fields,
        artifacts=[
            recipes.image(
                recipes.scene(
                    seed=seed, prompt=fields["prompt"], model=model, panel=number, sources=sources, mask=mask
                ),
                width,
                height,
                name=f"image-{number + 1}.png",
            )
            for number in range(fields["n"])
        ],
        images=fields["n"],
        synchronous=True,
    )


def _form(context: RequestContext) -> tuple[dict[str, Any], list[bytes], list[bytes]]:
    texts: dict[str, Any] = {}
    files: dict[str, list[bytes]] = {"image": [], "mask": []}
    for part in context.parts:
        name = part.name.removesuffix("[]")
        if part.filename is not None and name in files:
            files[name].append(part.content)
        elif part.filename is None:
            texts[name] = int(part.text) if name == "n" and part.text.isdecimal() else part.text
    return texts, files["image"], files["mask"]


def _object(context: RequestContext) -> tuple[dict[str, Any], list[bytes], list[bytes]]:
    body = as_object(context.body)
    image = body.get("image")
    texts = image if isinstance(image, list) else [image] if image else []
    try:
        contents = [inputs.decoded(text) for text in texts]
    except (inputs.NotAnImageError, TypeError) as wrong:
        raise Refusal("invalid", f"image: {wrong}", param="image") from None
    return {k: v for k, v in body.items() if k != "image"}, contents, []


def _kept(engine: Engine, content: bytes) -> str:
    try:
        if len(content) >= MAX_BYTES:
            raise inputs.NotAnImageError("25 MB or more")
        return inputs.keep(engine.store, content)
    except inputs.NotAnImageError as wrong:
        raise Refusal("invalid", f"image: {wrong}", param="image") from None


def _kept_mask(engine: Engine, content: bytes) -> str:
    try:
        return inputs.keep_mask(engine.store, content, edits="transparent")
    except inputs.NotAnImageError as wrong:
        raise Refusal("invalid", f"mask: {wrong}", param="mask") from None
