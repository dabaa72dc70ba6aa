"""Pictures from recipes: PNG bytes from parameters, nothing else. The same parameters, the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import random
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from orux_sandbox.collage import over
from orux_sandbox.palettes import look_of
from orux_sandbox.scenery import Canvas, Scene

#: Gives the bytes of a picture that was sent in, by its name.
Inputs = Callable[[str], bytes]

#: Above this many pixels a scene is drawn without oversampling: time matters more than the edge of a hill.
_OVERSAMPLED = 1_700_000
#: A scene larger than this is drawn smaller and enlarged.
_LARGEST = 2_400_000


def seed_of(*parts: Any) -> str:
    """A seed from anything that JSON can write."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]


def scene_recipe(
    *,
    seed: str,
    prompt: str,
    model: str,
    panel: int = 0,
    chaos: int = 0,
    stylize: int = 100,
    weird: int = 0,
    tile: bool = False,
    flat: bool = False,
    stamp: str | None = None,
    look: Mapping[str, Any] | None = None,
    sources: Sequence[str] = (),
    mask: str | None = None,
    share: float | None = None,
) -> dict[str, Any]:
    """Everything that decides how one scene looks, as JSON. ``look`` is given where a picture is varied.

    ``sources`` and ``mask`` are names of pictures that were sent in: see ``collage``.
    """
    if look is None:
        look = look_of(prompt, seed, panel=panel, chaos=chaos, stylize=stylize, weird=weird)
    collage: dict[str, Any] = {}
    if sources:
        collage = {"sources": list(sources), "mask": mask, "turn": panel}
        if share is not None:
            collage["share"] = share
    return {
        **collage,
        "seed": f"{seed}/{panel}",
        "look": dict(look),
        "prompt": prompt,
        "model": model,
        "stylize": stylize,
        "weird": weird,
        "tile": tile,
        "flat": flat,
        "stamp": stamp,
    }


def grid_recipes(
    *, seed: str, prompt: str, model: str, chaos: int = 0, **options: Any
) -> list[dict[str, Any]]:
    """The four scenes of a grid."""
    return [
        scene_recipe(seed=seed, prompt=prompt, model=model, panel=panel, chaos=chaos, **options)
        for panel in range(4)
    ]


def varied_recipes(parent: Mapping[str, Any], *, seed: str) -> list[dict[str, Any]]:
    """Four scenes with the look of one: its colours, its sun, its subject; other hills."""
    return [{**parent, "seed": f"{seed}/{panel}"} for panel in range(4)]


def draw_scene(
    recipe: Mapping[str, Any], width: int, height: int, *, caption: bool = True, inputs: Inputs | None = None
) -> Image.Image:
    """One scene with its prompt; ``inputs`` gives the pictures that it is made from."""
    shrink = min(1.0, (_LARGEST / (width * height)) ** 0.5)
    inner = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    tile = bool(recipe.get("tile"))
    if tile:
        inner = (max(1, inner[0] // 2), max(1, inner[1] // 2))
    factor = 2 if inner[0] * inner[1] <= _OVERSAMPLED else 1
    canvas = Canvas(inner[0] * factor, inner[1] * factor)
    Scene(canvas, recipe).draw()
    image = canvas.image.reduce(factor) if factor > 1 else canvas.image
    if tile:
        image = _mirrored(image)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    if inputs is not None and recipe.get("sources"):
        mask = _opened(inputs(recipe["mask"])) if recipe.get("mask") else None
        image = over(image, [_opened(inputs(name)) for name in recipe["sources"]], recipe, mask)
    if caption:
        _caption(image, str(recipe["prompt"]), str(recipe["model"]))
    if recipe.get("stamp"):
        _stamp(image, str(recipe["stamp"]))
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
        picture = draw_scene(recipe, *half, inputs=inputs)
        number(picture, panel + 1)
        grid.paste(picture, (panel % 2 * half[0], panel // 2 * half[1]))
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
    """A picture with film grain: a little brighter here and there, the same for the same seed."""
    # Not secret; `randbytes` is as stable as `random()`, both being the generator's own bits.
    noise = random.Random(seed).randbytes(image.width * image.height)  # noqa: S311
    grain = Image.frombytes("L", image.size, noise).point([v & 7 for v in range(256)])
    return ImageChops.add(image, Image.merge("RGB", (grain, grain, grain)))


def blurred(image: Image.Image) -> Image.Image:
    """How a picture looks before it is finished."""
    return image.filter(ImageFilter.GaussianBlur(max(2, min(image.size) / 30)))


# Lettering


@lru_cache(maxsize=64)
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=max(1.0, size))  # FreeType knows nothing smaller


#: The font is ASCII and little more; what does not decompose into ASCII is written so.
_NEAREST = str.maketrans(
    {"đ": "d", "Đ": "D", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe"}
    | {"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "×": "x"}
)


@lru_cache(maxsize=2048)
def _letter(letter: str) -> str:
    """The letter, or what comes nearest to it in the one font that is always there."""
    if letter.isascii():
        return letter if letter.isprintable() else " "
    font = _font(40)
    missing = bytes(font.getmask("\uffff"))
    if bytes(font.getmask(letter)) != missing:
        return letter
    plain = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
    plain = plain.translate(_NEAREST)
    return plain if plain and plain.isascii() else "·"


def _wrapped(text: str, size: float, limit: float, lines: int) -> list[str] | None:
    """The text in at most so many lines, or None if it does not fit."""
    font, line = _font(size), ""
    done: list[str] = []
    for word in text.split():
        longer = f"{line} {word}".strip()
        if font.getlength(longer) <= limit:
            line = longer
            continue
        if not line or font.getlength(word) > limit or len(done) == lines - 1:
            return None
        done.append(line)
        line = word
    return [*done, line] if line else done


@lru_cache(maxsize=256)
def _layout(prompt: str, limit: int) -> tuple[float, tuple[str, ...]]:
    """Size and lines of a caption in a picture whose short side is 1000.

    Independent of the real size, so that a panel and its enlargement break their lines alike.
    """
    text = "".join(_letter(letter) for letter in " ".join(prompt.split())[:400])
    for size, lines in ((56.0, 1), (50.0, 2), (42.0, 3), (34.0, 4)):
        fitting = _wrapped(text, size, limit, lines)
        if fitting is not None:
            return size, tuple(fitting)
    size, font = 34.0, _font(34.0)
    done: list[str] = []
    for _ in range(4):
        count = len(text)
        while count > 1 and font.getlength(text[:count]) > limit:
            count -= max(1, int((count - 1) * 0.02))
        if count < len(text) and " " in text[:count]:
            count = text[:count].rindex(" ") + 1
        done.append(text[:count].strip())
        text = text[count:]
    if text or len(prompt) > 400:
        done[-1] = done[-1][: max(1, len(done[-1]) - 1)].rstrip(" .,") + " …"
    return size, tuple(done)


def _caption(image: Image.Image, prompt: str, model: str) -> None:
    width, height = image.size
    unit = min(width, height)
    scale = unit / 1000
    size, lines = _layout(prompt, round(width / unit * 920))
    step, foot = size * 1.22, 30.0
    tall = foot + step * len(lines) + 34 + 60
    top = max(0, round(height - tall * scale))
    ramp = Image.linear_gradient("L").point([min(200, int(v * 1.9)) for v in range(256)])
    mask = ramp.resize((width, height - top), Image.Resampling.BILINEAR)
    image.paste((10, 10, 24), (0, top, width, height), mask)
    pen = ImageDraw.Draw(image)
    y = height - (foot + 26 + step * len(lines)) * scale
    for line in lines:
        pen.text((40 * scale, y), line, font=_font(size * scale), fill=(255, 255, 255))
        y += step * scale
    pen.text(
        (40 * scale, height - 44 * scale),
        f"{model}  ·  sandbox",
        font=_font(23 * scale),
        fill=(206, 210, 224),
    )


def number(image: Image.Image, which: int) -> None:
    """The number of a panel, in its corner."""
    unit = min(image.size)
    r, margin = unit * 0.045, unit * 0.035
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle(
        (margin, margin, margin + 2 * r, margin + 2 * r), radius=r * 0.5, fill=(250, 250, 250)
    )
    font = _font(r * 1.4)
    pen.text((margin + r, margin + r), str(which), font=font, fill=(24, 24, 40), anchor="mm")


def _stamp(image: Image.Image, text: str) -> None:
    """A watermark in the upper right corner."""
    unit = min(image.size)
    pen = ImageDraw.Draw(image, "RGBA")
    place = (image.width - unit * 0.03, unit * 0.03)
    pen.text(place, text, font=_font(unit * 0.03), fill=(255, 255, 255, 150), anchor="ra")
