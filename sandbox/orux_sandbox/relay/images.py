"""The artifacts of a Relay request: images of the wanted number, size and format, from what the caller sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orux_sandbox.art import recipes
from orux_sandbox.bodies.fields import pixels
from orux_sandbox.engine import inputs
from orux_sandbox.engine.engine import Engine
from orux_sandbox.relay.routes import Generation, Route
from orux_sandbox.wire import Refusal

#: Pixels of a size's longest side.
_SIDES = {"1K": 1024, "2K": 2048, "4K": 4096}
#: Fields that do not change what the image shows.
_INVISIBLE = ("async", "webhook_url", "store_output", "mode", "n", "output_format", "output_compression")


def artifacts(
    engine: Engine, route: Route, fields: Mapping[str, Any], generation: Generation
) -> list[dict[str, Any]]:
    """The artifacts.

    :raises Refusal: something the caller sent is not an image.
    """
    sources, addresses = _sources(engine, route, fields)
    mask = _mask(engine, fields, generation)
    prompt, model = str(fields.get("prompt", "")), str(fields["model"])
    seen = {k: v for k, v in fields.items() if k not in (*_INVISIBLE, *route.images, "mask")}
    # A given seed makes the same image again; without one, the request itself is the seed.
    seed = recipes.seed_of(seen, sources, addresses, mask)
    width, height = _size(fields)
    form = str(fields.get("output_format", "png"))
    suffix = {"jpeg": "jpg"}.get(form, form)
    return [
        recipes.image(
            recipes.scene(
                seed=seed,
                prompt=prompt,
                model=model,
                panel=number,
                sources=sources,
                mask=mask,
                stamp="made in the sandbox" if fields.get("watermark") else None,
            ),
            width,
            height,
            name=f"image-{number + 1}.{suffix}",
            media_type=f"image/{form}",
            grain=True,
            quality=int(fields.get("output_compression", 90)),
        )
        for number in range(int(fields.get("n", 1)))
    ]


def echo(route: Route, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields an answer repeats: ``"size": "512x512"`` is recorded; the others are the vendor's."""
    names = ("size", "width", "height", "aspect_ratio", "image_size")
    return {name: fields[name] for name in names if name in fields}


def _sources(engine: Engine, route: Route, fields: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    names, addresses = [], []
    for field in route.images:
        value = fields.get(field) or []
        for text in [value] if isinstance(value, str) else value:
            if route.addresses and text.startswith(("https://", "http://")):
                addresses.append(text)  # not fetched: the sandbox reaches out to nobody
                continue
            try:
                names.append(inputs.keep(engine.store, inputs.decoded(text)))
            except inputs.NotAnImageError as wrong:
                raise _not_an_image(field, wrong) from None
    return names, addresses


def _mask(engine: Engine, fields: Mapping[str, Any], generation: Generation) -> str | None:
    """[1] white = edit area, [2] transparent = edit area."""
    if fields.get("mask") is None:
        return None
    try:
        content = inputs.decoded(fields["mask"])
        return inputs.keep_mask(engine.store, content, edits="white" if generation == 1 else "transparent")
    except inputs.NotAnImageError as wrong:
        raise _not_an_image("mask", wrong) from None


def _not_an_image(field: str, wrong: inputs.NotAnImageError) -> Refusal:
    return Refusal("invalid", f"{field}: {wrong}", code="UPSTREAM_INVALID_REQUEST", status=400)


def _size(fields: Mapping[str, Any]) -> tuple[int, int]:
    if "width" in fields:
        return int(fields["width"]), int(fields["height"])
    size = str(fields.get("size", "1024x1024"))
    if "image_size" in fields:
        longest = _SIDES[fields["image_size"]]
        across, down = (int(part) for part in fields["aspect_ratio"].split(":"))
        scale = longest / max(across, down)
        return round(across * scale), round(down * scale)
    side = _SIDES.get(size, 1024)
    return pixels(size) or (side, side)
