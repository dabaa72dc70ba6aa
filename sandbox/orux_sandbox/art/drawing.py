"""Scenes, grids and previews as Pillow images, and their bytes. The same recipe gives the same bytes."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from orux_sandbox.art import lettering
from orux_sandbox.art.collage import over
from orux_sandbox.art.scenes.landscape import draw_landscape

#: Gives the bytes of an image a caller sent, by its name.
Inputs = Callable[[str], bytes]

#: Above this many pixels a scene is drawn without oversampling: time matters more than the edge of a hill.
_OVERSAMPLED = 1_700_000
#: A scene larger than this is drawn smaller and enlarged.
_LARGEST = 2_400_000


def draw_scene(
    recipe: Mapping[str, Any], width: int, height: int, *, caption: bool = True, inputs: Inputs | None = None
) -> Image.Image:
    """One scene with its prompt; ``inputs`` gives the images it is laid over."""
    shrink = min(1.0, (_LARGEST / (width * height)) ** 0.5)
    inner = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    tile = bool(recipe.get("tile"))
    if tile:
        inner = (max(1, inner[0] // 2), max(1, inner[1] // 2))
    factor = 2 if inner[0] * inner[1] <= _OVERSAMPLED else 1
    image = draw_landscape(recipe, inner[0] * factor, inner[1] * factor)
    if factor > 1:
        image = image.reduce(factor)
    if tile:
        image = _mirrored(image)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    if inputs is not None and recipe.get("sources"):
        mask = _opened(inputs(recipe["mask"])) if recipe.get("mask") else None
        image = over(image, [_opened(inputs(name)) for name in recipe["sources"]], recipe, mask)
    if caption:
        lettering.caption(image, str(recipe["prompt"]), str(recipe["model"]))
    if recipe.get("stamp"):
        lettering.stamp(image, str(recipe["stamp"]))
    return image


def _opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def _mirrored(image: Image.Image) -> Image.Image:
    """A texture without seams: each edge meets its own mirror image."""
    width, height = image.size
    whole = Image.new("RGB", (width * 2, height * 2))
    across = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    whole.paste(image, (0, 0))
    whole.paste(across, (width, 0))
    whole.paste(image.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (0, height))
    whole.paste(across.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (width, height))
    return whole


def draw_grid(
    recipes: Sequence[Mapping[str, Any]], width: int, height: int, *, inputs: Inputs | None = None
) -> Image.Image:
    """Four scenes, two by two, each with its number. Each panel is exactly a quarter."""
    half = (width // 2, height // 2)
    grid = Image.new("RGB", (half[0] * 2, half[1] * 2))
    for panel, recipe in enumerate(recipes):
        image = draw_scene(recipe, *half, inputs=inputs)
        lettering.number(image, panel + 1)
        grid.paste(image, (panel % 2 * half[0], panel // 2 * half[1]))
    pen = ImageDraw.Draw(grid)
    line = max(2, min(width, height) // 340)
    pen.rectangle((half[0] - line // 2, 0, half[0] - line // 2 + line - 1, grid.height), fill=(250, 250, 250))
    pen.rectangle((0, half[1] - line // 2, grid.width, half[1] - line // 2 + line - 1), fill=(250, 250, 250))
    return grid


def png(image: Image.Image) -> bytes:
    """PNG bytes, packed quickly rather than tightly."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def jpeg(image: Image.Image, quality: int) -> bytes:
    """JPEG bytes."""
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=quality)
    return out.getvalue()


def webp(image: Image.Image, quality: int) -> bytes:
    """WebP bytes, packed quickly."""
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality, method=0)
    return out.getvalue()


def grained(image: Image.Image, seed: str) -> Image.Image:
    """An image with film grain: a little brighter here and there, the same for the same seed."""
    # Not secret; `randbytes` is as stable as `random()`, both being the generator's own bits.
    noise = random.Random(seed).randbytes(image.width * image.height)  # noqa: S311
    grain = Image.frombytes("L", image.size, noise).point([v & 7 for v in range(256)])
    return ImageChops.add(image, Image.merge("RGB", (grain, grain, grain)))


def blurred(image: Image.Image) -> Image.Image:
    """How an image looks before it is finished."""
    return image.filter(ImageFilter.GaussianBlur(max(2, min(image.size) / 30)))
