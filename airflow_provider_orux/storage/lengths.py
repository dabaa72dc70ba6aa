"""How long a clip or a song is, and how many frames a second it has, where the headers of its file say so.

Decoration: whatever a file holds, the answer is right or empty, never an exception.
"""

from __future__ import annotations

import math
import struct
from typing import IO

from airflow_provider_orux.storage.containers import (
    BrokenError,
    Budget,
    ExhaustedError,
    TruncatedError,
    boxes,
    exactly,
)

#: Seconds; what claims to be longer is not believed.
_LONGEST = 1_000_000.0
#: Frames a second.
_FASTEST = 1_000.0
#: Bytes at the end of an Ogg file in which its last page begins; a page has at most 65 307.
_LAST_PAGE = 65_536
_MP3_RATES = (44_100, 48_000, 32_000)


def length_of(file: IO[bytes], size: int, kind: str) -> dict[str, float]:
    """``duration`` in seconds and ``fps``; empty where the file does not tell.

    :param kind: its extension, as its bytes show it.
    """
    read = {
        "wav": _wav, "avi": _avi, "mp4": _iso, "mov": _iso, "m4a": _iso, "flac": _flac, "ogg": _ogg, "mp3": _mp3,
    }.get(kind)  # fmt: skip
    if read is None:
        return {}
    try:
        seconds, fps = read(file, size)
    except (BrokenError, ExhaustedError, TruncatedError, ArithmeticError, ValueError, struct.error):
        return {}
    found = {"duration": (seconds, _LONGEST), "fps": (fps, _FASTEST)}
    return {
        name: round(value, 3)
        for name, (value, most) in found.items()
        if value is not None and math.isfinite(value) and 0.001 <= value < most
    }


def _chunks(file: IO[bytes], start: int, end: int, budget: Budget) -> dict[bytes, tuple[int, int]]:
    """The first chunk of each name of a RIFF file: where its content begins, and its size."""
    found: dict[bytes, tuple[int, int]] = {}
    while end - start >= 8:
        budget.spend()
        file.seek(start)
        name, length = struct.unpack("<4sI", exactly(file, 8))
        found.setdefault(name, (start + 8, min(length, end - start - 8)))
        start += 8 + length + length % 2
    return found


def _wav(file: IO[bytes], size: int) -> tuple[float, float | None]:
    found = _chunks(file, 12, size, Budget())
    file.seek(found[b"fmt "][0] + 8 if b"fmt " in found else size)
    (rate,) = struct.unpack("<I", exactly(file, 4))
    return found.get(b"data", (0, 0))[1] / rate, None


def _avi(file: IO[bytes], size: int) -> tuple[float, float | None]:
    budget = Budget()
    start, length = _chunks(file, 12, size, budget).get(b"LIST", (size, 0))
    header = _chunks(file, start + 4, start + length, budget).get(b"avih", (size, 0))
    file.seek(header[0])
    microseconds, _, _, _, frames = struct.unpack("<5I", exactly(file, 20))
    return frames * microseconds / 1e6, 1e6 / microseconds


def _iso(file: IO[bytes], size: int) -> tuple[float, float | None]:
    budget = Budget()
    seconds, fps = 0.0, None
    for kind, start, end in boxes(file, 0, size, budget):
        if kind != b"moov":
            continue
        for inner, begin, until in boxes(file, start, end, budget):
            if inner == b"mvhd":
                seconds = _duration(file, begin)
            elif inner == b"trak" and fps is None:
                fps = _frame_rate(file, begin, until, budget)
    return seconds, fps


def _duration(file: IO[bytes], start: int) -> float:
    """Seconds in a box mvhd or mdhd."""
    file.seek(start)
    if exactly(file, 4)[0] == 1:
        scale, units = struct.unpack(">16xIQ", exactly(file, 28))
    else:
        scale, units = struct.unpack(">8xII", exactly(file, 16))
    return float(units / scale)


def _frame_rate(file: IO[bytes], start: int, end: int, budget: Budget) -> float | None:
    """Frames a second of a track; None: it holds no frames."""
    place = {kind: (begin, until) for kind, begin, until in boxes(file, start, end, budget)}
    media = {
        kind: (begin, until) for kind, begin, until in boxes(file, *place.get(b"mdia", (end, end)), budget)
    }
    if b"hdlr" not in media or b"mdhd" not in media or b"minf" not in media:
        return None
    file.seek(media[b"hdlr"][0] + 8)
    if exactly(file, 4) != b"vide":
        return None
    tables = {kind: (begin, until) for kind, begin, until in boxes(file, *media[b"minf"], budget)}
    samples = {k: (begin, until) for k, begin, until in boxes(file, *tables.get(b"stbl", (end, end)), budget)}
    if b"stts" not in samples:
        return None
    file.seek(samples[b"stts"][0] + 4)
    (entries,) = struct.unpack(">I", exactly(file, 4))
    frames = 0
    for _ in range(entries):
        budget.spend()
        frames += struct.unpack(">II", exactly(file, 8))[0]
    return frames / _duration(file, media[b"mdhd"][0])


def _flac(file: IO[bytes], size: int) -> tuple[float, float | None]:
    file.seek(8)
    packed = int.from_bytes(exactly(file, 18)[10:18], "big")
    # 20 bits of rate, 3 of channels, 5 of depth, 36 of samples.
    return (packed & (1 << 36) - 1) / (packed >> 44), None


def _ogg(file: IO[bytes], size: int) -> tuple[float, float | None]:
    file.seek(0)
    head = file.read(256)
    if (at := head.find(b"OpusHead")) >= 0:
        rate, skipped = 48_000, int.from_bytes(head[at + 10 : at + 12], "little")
    elif (at := head.find(b"\x01vorbis")) >= 0:
        rate, skipped = int.from_bytes(head[at + 12 : at + 16], "little"), 0
    else:
        return 0.0, None
    file.seek(max(0, size - _LAST_PAGE))
    tail = file.read()
    last = tail.rfind(b"OggS")
    (samples,) = struct.unpack_from("<q", tail, last + 6) if last >= 0 else (0,)
    return (samples - skipped) / rate, None


def _mp3(file: IO[bytes], size: int) -> tuple[float, float | None]:
    """Of a file whose first frame says how many there are, as LAME and ffmpeg write it."""
    file.seek(0)
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3":
        start = 10 + sum((byte & 0x7F) << 7 * (3 - place) for place, byte in enumerate(head[6:10]))
    file.seek(start)
    frame = file.read(200)
    if len(frame) < 60 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0 or frame[1] >> 1 & 3 != 1:
        return 0.0, None
    version, rate = frame[1] >> 3 & 3, frame[2] >> 2 & 3
    if version == 1 or rate == 3:
        return 0.0, None
    hertz = _MP3_RATES[rate] // {3: 1, 2: 2, 0: 4}[version]
    tag = max(frame.find(b"Xing"), frame.find(b"Info"))
    if tag < 0 or not frame[tag + 7] & 1:
        return 0.0, None
    return int.from_bytes(frame[tag + 8 : tag + 12], "big") * (1152 if version == 3 else 576) / hertz, None
