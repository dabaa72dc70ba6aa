"""Two container families that declare their length: ISO boxes (mp4, mov, avif) and RIFF (webp, wav, avi)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO


class TruncatedError(Exception):
    """The file is shorter than it declares."""


class BrokenError(Exception):
    """The file contradicts its own format."""


def exactly(file: IO[bytes], count: int) -> bytes:
    """Read exactly this many bytes.

    :raises TruncatedError: there are fewer.
    """
    data = file.read(count)
    if len(data) < count:
        raise TruncatedError
    return data


def boxes(file: IO[bytes], start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The ISO boxes between two offsets: type, offset of the content, offset of the end.

    :raises TruncatedError: a box is longer than its parent.
    :raises BrokenError: a box is shorter than its own header.
    """
    at = start
    while end - at >= 8:
        file.seek(at)
        size, kind = struct.unpack(">I4s", exactly(file, 8))
        content = at + 8
        if size == 1:
            (size,) = struct.unpack(">Q", exactly(file, 8))
            content = at + 16
        elif size == 0:  # to the end
            size = end - at
        if size < content - at:
            raise BrokenError("a box is shorter than its header")
        if at + size > end:
            raise TruncatedError
        yield kind, content, at + size
        at += size


def check_boxes(file: IO[bytes], size: int) -> None:
    """Walk the outermost boxes.

    :raises TruncatedError: the last one is not complete.
    :raises BrokenError: it is not made of boxes.
    """
    for _ in boxes(file, 0, size):
        pass


def check_riff(file: IO[bytes], size: int) -> None:
    """Compare the declared length of a RIFF file with its size.

    :raises TruncatedError: there is less.
    """
    file.seek(4)
    (declared,) = struct.unpack("<I", exactly(file, 4))
    # A writer that could not go back to its head leaves 0 or the largest number there.
    if declared not in (0, 0xFFFFFFFF) and declared + 8 > size:
        raise TruncatedError
