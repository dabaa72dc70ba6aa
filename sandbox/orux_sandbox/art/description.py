"""An image in words: its light, its colours, its shape. For Midjourney's describe, which answers with text."""

from __future__ import annotations

import colorsys
import io
from math import gcd

from PIL import Image

#: Names of hues, once around the colour wheel.
_HUES = ("red", "orange", "yellow", "green", "teal", "blue", "violet", "magenta")
#: One medium for each of the four prompts.
_MEDIA = ("a painting", "a photograph", "a minimal poster", "an illustration")


def describe_image(content: bytes, size: tuple[int, int]) -> str:
    """Four prompts for one image, a line each, as Midjourney's describe writes them.

    :param content: the image, as kept.
    :param size: its width and height when it arrived.
    """
    image = Image.open(io.BytesIO(content)).convert("RGB")
    colours = _colours(image)
    brightness = sum(colorsys.rgb_to_hsv(*(c / 255 for c in one))[2] for one in colours) / len(colours)
    light = "dark" if brightness < 0.35 else "bright" if brightness > 0.7 else "soft"
    names = list(dict.fromkeys(_name(one) for one in colours))
    words = " and ".join(names[:2])
    divisor = gcd(*size)
    ratio = f"{size[0] // divisor}:{size[1] // divisor}"
    return "\n\n".join(
        f"{number}\ufe0f\u20e3 {medium} in {words}, {light} light --ar {ratio}"
        for number, medium in enumerate(_MEDIA, 1)
    )


def _colours(image: Image.Image) -> list[tuple[int, int, int]]:
    """The most common colours, the first first."""
    small = image.resize((32, 32), Image.Resampling.BOX).quantize(4)
    palette = small.getpalette() or [0, 0, 0]
    counted = sorted(small.getcolors() or [(1, 0)], reverse=True, key=lambda found: found[0])
    found = []
    for _, index in counted:
        place = 3 * int(index) if isinstance(index, int) else 0
        found.append((palette[place], palette[place + 1], palette[place + 2]))
    return found


def _name(colour: tuple[int, int, int]) -> str:
    hue, saturation, value = colorsys.rgb_to_hsv(*(part / 255 for part in colour))
    if value < 0.15:
        return "black"
    if saturation < 0.15:
        return "white" if value > 0.85 else "grey"
    return _HUES[int(hue * len(_HUES) + 0.5) % len(_HUES)]
