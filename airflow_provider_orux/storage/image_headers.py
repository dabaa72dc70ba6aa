"""The size and completeness of an image, read from its structure; decoded only if that is cheap."""

from __future__ import annotations

import struct
import zlib
from typing import IO

from airflow_provider_orux.storage import avif
from airflow_provider_orux.storage.containers import (
    BrokenError,
    Budget,
    TruncatedError,
    check_boxes,
    check_riff,
    exactly,
)
from airflow_provider_orux.storage.settings import CHUNK

#: Bytes that decoding an image may take (an estimate); a larger one is judged by its structure alone.
DECODE_MEMORY = 44 * 1024 * 1024
#: Pixels times scans of a JPEG that is decoded; each scan of a progressive one goes over all of its pixels.
DECODE_WORK = 300_000_000
#: Parts of an image that is decoded: Pillow reads them one by one, several times.
DECODE_PARTS = 8192

_TAIL = 64 * 1024
_PNG_EXTRA_LIMIT = 32 * 1024 * 1024
#: What Pillow calls each kind.
PILLOW_FORMATS = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "webp": "WEBP", "avif": "AVIF"}


class TooManyPixelsError(Exception):
    """The image has too many pixels."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__(f"{width} x {height}")
        self.width = width
        self.height = height


def measure(file: IO[bytes], size: int, kind: str, *, max_pixels: int) -> tuple[int, int]:
    """Width and height of a complete image.

    Reads the dimensions from the header and checks them first. Decodes nothing larger than
    ``DECODE_MEMORY`` or ``max_pixels``, and nothing that takes more than ``DECODE_WORK`` or has more than
    ``DECODE_PARTS``: such an image is judged by its structure. Where it is decoded, the decoder's size is the size.

    :param size: bytes in the file.
    :param kind: ``png``, ``jpg``, ``gif``, ``webp`` or ``avif``.
    :raises TooManyPixelsError: it is larger than ``max_pixels``.
    :raises TruncatedError: it ends too early.
    :raises BrokenError: it is damaged.
    :raises ExhaustedError: looking at it takes too much.
    """
    budget = Budget()
    width, height, bytes_per_pixel = _HEADS[kind](file, size, budget)
    _judge(width, height, max_pixels)
    _WHOLE[kind](file, size, budget)
    if bytes_per_pixel is not None and _is_cheap(file, size, kind, (width, height, bytes_per_pixel), budget):
        return _decode(file, kind, (width, height), max_pixels=max_pixels, bytes_per_pixel=bytes_per_pixel)
    return width, height


def may_be_decoded(file: IO[bytes], size: int, kind: str, *, max_pixels: int) -> bool:
    """Whether decoding an image that was measured is cheap, as :func:`measure` has it.

    :raises ExhaustedError: looking at it takes too much.
    """
    budget = Budget()
    width, height, bytes_per_pixel = _HEADS[kind](file, size, budget)
    if bytes_per_pixel is None or width * height > max_pixels:
        return False
    _WHOLE[kind](file, size, budget)
    return _is_cheap(file, size, kind, (width, height, bytes_per_pixel), budget)


def _is_cheap(file: IO[bytes], size: int, kind: str, head: tuple[int, int, int], budget: Budget) -> bool:
    width, height, bytes_per_pixel = head
    return (
        budget.used <= DECODE_PARTS
        and width * height * bytes_per_pixel + size <= DECODE_MEMORY
        and (kind != "jpg" or width * height * _jpeg_scans(file) <= DECODE_WORK)
    )


def _judge(width: int, height: int, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise BrokenError("it has no extent")
    if width * height > max_pixels:
        raise TooManyPixelsError(width, height)


def _decode(
    file: IO[bytes], kind: str, known: tuple[int, int], *, max_pixels: int, bytes_per_pixel: int
) -> tuple[int, int]:
    # Late: an operator module is imported all day by the DAG processor, and mostly saves nothing there.
    from PIL import Image, features

    if kind == "avif" and not features.check("avif"):
        return known
    try:
        file.seek(0)
        with Image.open(file, formats=[PILLOW_FORMATS[kind]]) as image:
            width, height = image.width, image.height
            image.verify()
        # The first frame of a GIF may be larger than its head says.
        _judge(width, height, max_pixels)
        if width * height * bytes_per_pixel <= DECODE_MEMORY:
            file.seek(0)
            with Image.open(file, formats=[PILLOW_FORMATS[kind]]) as image:
                image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as e:
        raise TooManyPixelsError(0, 0) from e
    except (TooManyPixelsError, BrokenError):
        raise
    except Exception as e:
        # A damaged file may raise nearly anything in Pillow's readers.
        raise BrokenError(str(e) or type(e).__name__) from e
    return width, height


# Heads: width, height, and the bytes per pixel that decoding takes at its peak; None: better not decoded


def _png_head(file: IO[bytes], size: int, budget: Budget) -> tuple[int, int, int]:
    file.seek(8)
    length, kind, width, height = struct.unpack(">I4sII", exactly(file, 16))
    if kind != b"IHDR" or length != 13:
        raise BrokenError("it does not begin with IHDR")
    return width, height, 4


def _jpeg_head(file: IO[bytes], size: int, budget: Budget) -> tuple[int, int, int]:
    file.seek(2)
    while True:
        mark = exactly(file, 1)
        if mark != b"\xff":
            raise BrokenError("a marker is missing")
        while mark == b"\xff":  # any number of fill bytes
            budget.spend()
            mark = exactly(file, 1)
        code = mark[0]
        if code in (0xD9, 0xDA):
            raise BrokenError("it has no frame")
        if code == 0x01 or 0xD0 <= code <= 0xD8:  # markers without content
            continue
        (length,) = struct.unpack(">H", exactly(file, 2))
        if length < 2:
            raise BrokenError("a segment is shorter than its header")
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", exactly(file, 5)[1:])
            # All coefficients of a progressive image are kept until its last scan.
            return width, height, 10 if code in (0xC2, 0xC6, 0xCA, 0xCE) else 4
        file.seek(length - 2, 1)


def _gif_head(file: IO[bytes], size: int, budget: Budget) -> tuple[int, int, int]:
    file.seek(6)
    width, height = struct.unpack("<HH", exactly(file, 4))
    return width, height, 8


def _webp_head(file: IO[bytes], size: int, budget: Budget) -> tuple[int, int, int]:
    file.seek(12)
    kind, _ = struct.unpack("<4sI", exactly(file, 8))
    data = exactly(file, 10)
    if kind == b"VP8X":
        width = int.from_bytes(data[4:7], "little") + 1
        height = int.from_bytes(data[7:10], "little") + 1
    elif kind == b"VP8L" and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
        width, height = (n & 0x3FFF for n in struct.unpack("<HH", data[6:10]))
    else:
        raise BrokenError("it has no frame")
    return width, height, 16


def _avif_head(file: IO[bytes], size: int, budget: Budget) -> tuple[int, int, int | None]:
    declared, frames = avif.extents(file, size, budget)
    if not declared:
        raise BrokenError("its dimensions are not given")
    # A thumbnail and the tiles of a grid have extents of their own, smaller ones.
    width, height = max((*declared, *frames), key=lambda extent: extent[0] * extent[1])
    file.seek(8)
    # Of a sequence, or where the frame's size is not found, nobody knows what a decoder would allocate.
    plain = frames and b"avis" not in file.read(256)
    return width, height, 20 if plain else None


# Whether it is whole


def _png_whole(file: IO[bytes], size: int, budget: Budget) -> None:
    # What Pillow's verify() does, but a chunk of any length passes through in pieces.
    at = 8
    while True:
        budget.spend()
        file.seek(at)
        length, kind = struct.unpack(">I4s", exactly(file, 8))
        if at + 12 + length > size:
            raise TruncatedError
        if kind not in (b"IDAT", b"fdAT") and length > _PNG_EXTRA_LIMIT:
            raise BrokenError("a metadata chunk is too long")
        crc, left = zlib.crc32(kind), length
        while left:
            piece = exactly(file, min(left, CHUNK))
            crc = zlib.crc32(piece, crc)
            left -= len(piece)
        if exactly(file, 4) != struct.pack(">I", crc):
            raise BrokenError("a checksum is wrong")
        if kind == b"IEND":
            return
        at += 12 + length


def _jpeg_whole(file: IO[bytes], size: int, budget: Budget) -> None:
    if b"\xff\xd9" not in _tail(file, size):
        raise TruncatedError


def _jpeg_scans(file: IO[bytes]) -> int:
    file.seek(0)
    count, last = 0, b""
    while piece := file.read(CHUNK):
        count += (last + piece).count(b"\xff\xda")
        last = piece[-1:]
    return count


def _gif_whole(file: IO[bytes], size: int, budget: Budget) -> None:
    # Pillow reads all blocks before the first image one by one.
    file.seek(10)
    flags = exactly(file, 3)[0]
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    file.seek(at)
    while exactly(file, 1) == b"!":
        exactly(file, 1)
        while length := exactly(file, 1)[0]:
            budget.spend()
            exactly(file, length)
    if not _tail(file, size).rstrip(b"\0").endswith(b";"):
        raise TruncatedError


def _tail(file: IO[bytes], size: int) -> bytes:
    file.seek(max(0, size - _TAIL))
    return file.read(_TAIL)


_HEADS = {"png": _png_head, "jpg": _jpeg_head, "gif": _gif_head, "webp": _webp_head, "avif": _avif_head}
_WHOLE = {"png": _png_whole, "jpg": _jpeg_whole, "gif": _gif_whole, "webp": check_riff, "avif": check_boxes}
