"""The sizes inside an AVIF file: those that its properties declare, and those of its AV1 frames.

A decoder allocates the frame's size and then scales it to the declared one; so either may be the large one.
Sources: ISO/IEC 14496-12 (``iinf``, ``iloc``), ISO/IEC 23008-12 (``ispe``), AV1 bitstream specification 5.3-5.5 (OBUs).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import IO

from airflow_provider_orux.storage.containers import BrokenError, Budget, TruncatedError, boxes, exactly

#: Bytes that the description (the ``meta`` box) may have.
META_LIMIT = 4 * 1024 * 1024
#: Bytes at the start of an item in which its sequence header is looked for; it has about 20.
_ITEM_START = 4096

Extent = tuple[int, int]


def extents(file: IO[bytes], size: int, budget: Budget) -> tuple[list[Extent], list[Extent]]:
    """Width and height of everything in the file: as declared, and as the frames have it.

    :raises BrokenError: the description is too long or contradicts itself.
    :raises TruncatedError: the file ends too early.
    """
    declared: list[Extent] = []
    frames: list[Extent] = []
    for kind, start, stop in boxes(file, 0, size, budget):
        if kind != b"meta":
            continue
        if stop - start > META_LIMIT:
            raise BrokenError("its description is too long")
        file.seek(start + 4)
        meta = exactly(file, max(stop - start - 4, 0))
        declared += _declared(meta, budget)
        frames += _frames(file, meta, budget)
        break
    return declared, frames


def _parts(data: bytes, start: int, end: int, budget: Budget) -> Iterator[tuple[bytes, int, int]]:
    return boxes(io.BytesIO(data), start, end, budget)


def _declared(meta: bytes, budget: Budget) -> Iterator[Extent]:
    for outer, o_start, o_stop in _parts(meta, 0, len(meta), budget):
        if outer != b"iprp":
            continue
        for inner, i_start, i_stop in _parts(meta, o_start, o_stop, budget):
            if inner != b"ipco":
                continue
            for entry, start, stop in _parts(meta, i_start, i_stop, budget):
                if entry == b"ispe" and stop - start >= 12:
                    yield struct.unpack_from(">II", meta, start + 4)


def _frames(file: IO[bytes], meta: bytes, budget: Budget) -> Iterator[Extent]:
    """The sizes in the sequence headers of the AV1 items. What cannot be read is left out."""
    found = {kind: (start, stop) for kind, start, stop in _parts(meta, 0, len(meta), budget)}
    if b"iinf" not in found or b"iloc" not in found:
        return
    try:
        coded = set(_coded_items(meta, *found[b"iinf"], budget))
        for item, method, offset in _places(meta, found[b"iloc"][0], budget):
            if item not in coded:
                continue
            if method == 0:
                file.seek(offset)
                data = file.read(_ITEM_START)
            elif method == 1 and b"idat" in found:
                at = found[b"idat"][0] + offset
                data = meta[at : at + _ITEM_START]
            else:
                continue
            if (extent := _sequence_extent(data)) is not None:
                yield extent
    except (struct.error, IndexError, OverflowError, TruncatedError):
        return


def _coded_items(meta: bytes, start: int, stop: int, budget: Budget) -> Iterator[int]:
    first = start + (6 if meta[start] == 0 else 8)
    for kind, at, _ in _parts(meta, first, stop, budget):
        if kind != b"infe" or meta[at] < 2:
            continue
        wide = meta[at] > 2
        (item,) = struct.unpack_from(">I" if wide else ">H", meta, at + 4)
        if meta[at + (10 if wide else 8) :][:4] == b"av01":
            yield item


def _places(meta: bytes, start: int, budget: Budget) -> Iterator[tuple[int, int, int]]:
    """Of each item: its id, how its data is stored (0: in the file, 1: in ``idat``) and the offset of its start."""
    data = io.BytesIO(meta)
    data.seek(start)
    version = _number(data, 4) >> 24
    sizes = _number(data, 2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(_number(data, 4 if version == 2 else 2)):
        budget.spend()
        item = _number(data, 4 if version == 2 else 2)
        method = _number(data, 2) & 15 if version in (1, 2) else 0
        _number(data, 2)
        base = _number(data, base_size)
        for count in range(_number(data, 2)):
            budget.spend()
            if version in (1, 2):
                _number(data, index_size)
            offset = _number(data, offset_size)
            _number(data, length_size)
            if count == 0:
                yield item, method, base + offset


def _number(data: io.BytesIO, size: int) -> int:
    return int.from_bytes(exactly(data, size), "big")


def _sequence_extent(data: bytes) -> Extent | None:
    """The size in the first sequence header of an item's OBUs; None when there is none."""
    at = 0
    while at < len(data):
        head = data[at]
        at += 2 if head & 4 else 1
        size, shift = len(data) - at, 0
        if head & 2:
            size = 0
            while True:
                size |= (data[at] & 0x7F) << shift
                at, shift = at + 1, shift + 7
                if data[at - 1] < 0x80 or shift > 49:
                    break
        if head >> 3 & 15 == 1:
            return _max_frame(_Bits(data[at : at + size]))
        at += size
    return None


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data[:256], "big")
        self._left = len(data[:256]) * 8

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError
        return self._value >> self._left & (1 << count) - 1


def _max_frame(bits: _Bits) -> Extent:
    """``max_frame_width`` and ``max_frame_height`` of a sequence header."""
    take = bits.take
    take(4)  # the profile and a flag
    if take(1):  # reduced header
        take(5)
    else:
        model = delay = 0
        if take(1):  # timing
            take(64)
            if take(1):
                zeros = 0
                while not take(1):
                    zeros += 1
                take(min(zeros, 32))
            if model := take(1):
                delay = take(5) + 1
                take(42)
        display = take(1)
        for _ in range(take(5) + 1):
            take(12)
            if take(5) > 7:
                take(1)
            if model and take(1):
                take(2 * delay + 1)
            if display and take(1):
                take(4)
    width_bits, height_bits = take(4) + 1, take(4) + 1
    return take(width_bits) + 1, take(height_bits) + 1
