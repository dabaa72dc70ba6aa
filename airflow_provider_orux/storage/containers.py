"""Two container families that declare their length: ISO boxes (mp4, mov, avif) and RIFF (webp, wav, avi)."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from typing import IO

#: Parts of one file that are looked at. A PNG of 256 MiB in the usual chunks of 8 KiB has half as many.
PARTS = 65_536
#: Seconds of CPU time for that; the parts above take about one.
SECONDS = 5.0


class TruncatedError(Exception):
    """The file is shorter than it declares."""


class BrokenError(Exception):
    """The file contradicts its own format."""


class ExhaustedError(Exception):
    """Looking at the file takes more than is spent on one."""


class Budget:
    """What looking at one file may take: so many parts, and so many seconds of this thread's CPU time.

    :param parts: chunks, boxes, segments or blocks.
    """

    def __init__(self, parts: int = PARTS, seconds: float = SECONDS) -> None:
        self.used = 0
        self._parts = parts
        self._until = time.thread_time() + seconds

    def spend(self) -> None:
        """Count one part.

        :raises ExhaustedError: it was one too many.
        """
        self.used += 1
        if self.used > self._parts or (self.used % 256 == 0 and time.thread_time() > self._until):
            raise ExhaustedError


def exactly(file: IO[bytes], count: int) -> bytes:
    """Read exactly this many bytes.

    :raises TruncatedError: there are fewer.
    """
    data = file.read(count)
    if len(data) < count:
        raise TruncatedError
    return data


def boxes(file: IO[bytes], start: int, end: int, budget: Budget) -> Iterator[tuple[bytes, int, int]]:
    """The ISO boxes between two offsets: type, offset of the content, offset of the end.

    :raises TruncatedError: a box is longer than its parent.
    :raises BrokenError: a box is shorter than its own header.
    :raises ExhaustedError: there are too many.
    """
    at = start
    while end - at >= 8:
        budget.spend()
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


def check_boxes(file: IO[bytes], size: int, budget: Budget) -> None:
    """Walk the outermost boxes.

    :raises TruncatedError: the last one is not complete.
    :raises BrokenError: it is not made of boxes.
    :raises ExhaustedError: there are too many.
    """
    for _ in boxes(file, 0, size, budget):
        pass


def check_riff(file: IO[bytes], size: int, budget: Budget | None = None) -> None:
    """Compare the declared length of a RIFF file with its size.

    :raises TruncatedError: there is less.
    """
    file.seek(4)
    (declared,) = struct.unpack("<I", exactly(file, 4))
    # A writer that could not go back to its head leaves 0 or the largest number there.
    if declared not in (0, 0xFFFFFFFF) and declared + 8 > size:
        raise TruncatedError
