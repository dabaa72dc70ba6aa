"""Lettering: the caption of a scene, the number of a panel, a watermark."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont


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
    """Size and lines of a caption in an image whose short side is 1000.

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


def caption(image: Image.Image, prompt: str, model: str) -> None:
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


def stamp(image: Image.Image, text: str) -> None:
    """A watermark in the upper right corner."""
    unit = min(image.size)
    pen = ImageDraw.Draw(image, "RGBA")
    place = (image.width - unit * 0.03, unit * 0.03)
    pen.text(place, text, font=_font(unit * 0.03), fill=(255, 255, 255, 150), anchor="ra")
