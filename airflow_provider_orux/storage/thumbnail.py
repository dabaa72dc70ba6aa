"""A small WebP of a saved image, so that whoever shows it decodes nothing that a gateway sent."""

from __future__ import annotations

import io
from typing import IO

from airflow_provider_orux.storage.image_headers import PILLOW_FORMATS, may_be_decoded

#: Longest side, in pixels: sharp in a grid of images, also on a dense screen.
LONGEST_SIDE = 512
#: Of the WebP, 0 to 100.
QUALITY = 80


def thumbnail_name(number: int) -> str:
    """The file name of an artifact's thumbnail.

    :param number: of the artifact, from 1.
    """
    return f"{number}.thumb.webp"


def draw_thumbnail(file: IO[bytes], size: int, kind: str, *, max_pixels: int) -> bytes | None:
    """A thumbnail of an image, without anything but its pixels; None for one that is too large to be decoded.

    :param file: an image that was checked.
    :param size: bytes in it.
    :param kind: ``png``, ``jpg``, ``gif``, ``webp`` or ``avif``; a drawing (``svg``) has no thumbnail.
    :raises Exception: whatever Pillow raises for a file it cannot read.
    """
    from PIL import Image, ImageOps, features  # late: see image_headers

    if kind not in PILLOW_FORMATS or (kind == "avif" and not features.check("avif")):
        return None
    if not may_be_decoded(file, size, kind, max_pixels=max_pixels):
        return None
    file.seek(0)
    with Image.open(file, formats=[PILLOW_FORMATS[kind]]) as image:
        # What the header said is not what is decoded, if the two differ.
        if image.width * image.height > max_pixels:
            return None
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        small = ImageOps.exif_transpose(image)
        small = small.convert("RGBA" if small.has_transparency_data else "RGB")
    small.info = {}
    target = io.BytesIO()
    small.save(target, "WEBP", quality=QUALITY)
    return target.getvalue()
