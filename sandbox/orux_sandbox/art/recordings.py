"""Songs and clips: a tune as WAV, a clip as Motion-JPEG AVI. No codecs needed."""

from __future__ import annotations

import array
import io
import math
import struct
import sys
import wave
from collections.abc import Mapping, Sequence
from typing import Any

from orux_sandbox.art.drawing import Inputs, draw_scene
from orux_sandbox.art.palettes import Dice

#: Samples a second.
_RATE = 16_000
#: Bytes before the samples of a WAV file as `wave` writes it.
HEADER = 44
#: Scales of five notes, in semitones.
_SCALES = ((0, 2, 4, 7, 9), (0, 3, 5, 7, 10), (0, 2, 3, 7, 8))


def _note(frequency: float, seconds: float, loudness: float) -> array.array[int]:
    """One plucked note: a few overtones that fade."""
    count = int(_RATE * seconds)
    step = math.tau * frequency / _RATE
    samples = array.array("h", bytes(2 * count))
    for index in range(count):
        fade = math.exp(-3.2 * index / count) * min(1.0, index / 120) * min(1.0, (count - index) / 200)
        tone = math.sin(step * index) + 0.4 * math.sin(2 * step * index) + 0.18 * math.sin(3 * step * index)
        samples[index] = int(loudness * fade * tone * 9000)
    return samples


def tune(seed: str, seconds: int) -> bytes:
    """A tune of ``seconds`` s as WAV (16 kHz, mono): eight bars from the seed, again and again."""
    dice = Dice(seed)
    beat = dice.between(0.24, 0.34)
    scale = _SCALES[dice.below(len(_SCALES))]
    root = 196.0 * 2 ** (dice.below(12) / 12)
    notes: dict[tuple[int, int], array.array[int]] = {}
    phrase = array.array("h")
    place = dice.below(5)
    for step in range(32):
        place = max(0, min(9, place + dice.below(5) - 2))
        length = 2 if step % 4 == 3 else 1
        if (place, length) not in notes:
            semitones = scale[place % 5] + 12 * (place // 5)
            notes[place, length] = _note(root * 2 ** (semitones / 12), beat * length, 1.0)
        phrase.extend(notes[place, length])
    if sys.byteorder == "big":
        phrase.byteswap()  # WAV is little-endian
    whole, wanted = phrase.tobytes(), _RATE * seconds * 2
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes((whole * (wanted // len(whole) + 1))[:wanted])
    return out.getvalue()


def clip(
    scene: Mapping[str, Any],
    width: int,
    height: int,
    *,
    seconds: int = 2,
    rate: int = 8,
    drawn: int = 16,
    inputs: Inputs | None = None,
) -> bytes:
    """The scene with its sun wandering, as AVI (Motion JPEG).

    :param rate: frames a second.
    :param drawn: frames that are drawn; a longer clip shows each of them for longer.
    """
    frames = max(1, seconds * rate)
    drawn = min(drawn, frames)
    images = []
    for number in range(drawn):
        look = dict(scene["look"])
        share = number / max(1, drawn - 1)
        look["sun"] = [round(0.15 + 0.7 * share, 4), round(0.38 - 0.2 * math.sin(math.pi * share), 4)]
        out = io.BytesIO()
        image = draw_scene({**scene, "look": look}, width, height, inputs=inputs)
        image.save(out, "JPEG", quality=80)
        images.append(out.getvalue())
    return _avi([images[frame * drawn // frames] for frame in range(frames)], width, height, rate)


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _list(name: bytes, data: bytes) -> bytes:
    return _chunk(b"LIST", name + data)


def _avi(frames: Sequence[bytes], width: int, height: int, rate: int) -> bytes:
    """The AVI container (Microsoft's RIFF description): one video stream and its index."""
    largest = max(len(frame) for frame in frames)
    header = struct.pack(
        "<14I",
        1_000_000 // rate,
        largest * rate,
        0,
        0x10,
        len(frames),
        0,
        1,
        largest,
        width,
        height,
        0,
        0,
        0,
        0,
    )
    kind_and_timing = (b"vids", b"MJPG", 0, 0, 0, 0, 1, rate, 0)
    stream = struct.pack(
        "<4s4sIHHIIIIIIII4H", *kind_and_timing, len(frames), largest, 0xFFFFFFFF, 0, 0, 0, width, height
    )
    bitmap = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", width * height * 3, 0, 0, 0, 0)
    movie, index = b"", b""
    for frame in frames:
        index += struct.pack("<4sIII", b"00dc", 0x10, 4 + len(movie), len(frame))
        movie += _chunk(b"00dc", frame)
    body = (
        _list(
            b"hdrl",
            _chunk(b"avih", header) + _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", bitmap)),
        )
        + _list(b"movi", movie)
        + _chunk(b"idx1", index)
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"AVI " + body
