"""Two container families that say how long they are: ISO boxes (mp4, mov, avif) and RIFF (webp, wav, avi)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO


class TruncatedError(Exception):
    """The file ends before it says that it does."""


class BrokenError(Exception):
    """The file contradicts its own format."""


def exactly(file: IO[bytes], count: int) -> bytes:
    """So many bytes of a file.

    :raises TruncatedError: there are fewer.
    """
    data = file.read(count)
    if len(data) < count:
        raise TruncatedError
    return data


def boxes(file: IO[bytes], start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The ISO boxes between two offsets: type, offset of the content, offset of the end.

    :raises TruncatedError: a box is longer than there is room for.
    :raises BrokenError: a box is shorter than its own head.
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
            raise BrokenError("a box is shorter than its head")
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
    """Compare the length that a RIFF file declares with what is there.

    :raises TruncatedError: there is less.
    """
    file.seek(4)
    (declared,) = struct.unpack("<I", exactly(file, 4))
    # A writer that could not go back to its head leaves 0 or the largest number there.
    if declared not in (0, 0xFFFFFFFF) and declared + 8 > size:
        raise TruncatedError
