"""Images callers send: opened, made small, and kept for the images drawn from them."""

from __future__ import annotations

import base64
import binascii
import io
import re
from typing import Literal

from PIL import Image, ImageChops

from orux_sandbox.engine.store import Store

#: Longest side of a kept image: enough to recognise it in what is drawn from it.
KEPT_SIDE = 640
#: The beginning of a data URL.
_DATA_URL = re.compile(r"data:(image/[\w.+-]+);base64,", re.IGNORECASE)


class NotAnImageError(ValueError):
    """What was sent is not an image Pillow can read."""


def decoded(text: str, *, prefix: Literal["required", "optional", "refused"] = "optional") -> bytes:
    """The bytes of base64, with or without ``data:image/…;base64,`` before it.

    :raises NotAnImageError: it is not base64, or its prefix is not as ``prefix`` wants it.
    """
    found = _DATA_URL.match(text)
    if prefix == "required" and not found:
        raise NotAnImageError("a data URL is wanted: data:image/png;base64,…")
    if prefix == "refused" and text.startswith("data:"):
        raise NotAnImageError("base64 without a data: prefix is wanted")
    try:
        content = base64.b64decode(text[found.end() :] if found else text, validate=True)
    except (binascii.Error, ValueError):
        raise NotAnImageError("this is not base64") from None
    if not content:
        raise NotAnImageError("this is empty")
    return content


def keep(store: Store, content: bytes) -> str:
    """Keep a small copy of an image; its name.

    :raises NotAnImageError: Pillow cannot read it.
    """
    image = _opened(content)
    small = image.convert("RGBA") if "A" in image.getbands() else image.convert("RGB")
    if small.mode == "RGBA":  # what is transparent is white in everything drawn from it
        ground = Image.new("RGB", small.size, (255, 255, 255))
        ground.paste(small, mask=small.getchannel("A"))
        small = ground
    return _kept(store, small)


def keep_mask(store: Store, content: bytes, *, edits: Literal["white", "black", "transparent"]) -> str:
    """Keep a mask as one that is white where something is to change; its name.

    :param edits: which part of this mask changes.

    :raises NotAnImageError: Pillow cannot read it.
    """
    image = _opened(content)
    if edits == "white":
        return _kept(store, image.convert("L"))
    part = image.convert("L") if edits == "black" else image.convert("RGBA").getchannel("A")
    return _kept(store, ImageChops.invert(part))


def size_of(content: bytes) -> tuple[int, int]:
    """Width and height.

    :raises NotAnImageError: Pillow cannot read it.
    """
    return _opened(content).size


def _opened(content: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content))
        image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise NotAnImageError("this is not an image that can be read") from None
    return image


def _kept(store: Store, image: Image.Image) -> str:
    image.thumbnail((KEPT_SIDE, KEPT_SIDE))
    out = io.BytesIO()
    image.save(out, "PNG")
    return store.keep_input(out.getvalue())
