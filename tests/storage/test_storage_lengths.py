"""How long clips and songs are: files written here byte by byte, from the descriptions of their formats."""

from __future__ import annotations

import io
import random
import struct
import wave

import pytest

from airflow_provider_orux.storage.lengths import length_of
from airflow_provider_orux.storage.media import inspect
from tests.storage.samples import image


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def mdhd(scale: int, units: int, kind: bytes = b"mdhd") -> bytes:
    return box(kind, struct.pack(">IIIII", 0, 0, 0, scale, units), bytes(4))


def track(handler: bytes, scale: int, units: int, *runs: tuple[int, int]) -> bytes:
    stts = box(b"stts", struct.pack(">II", 0, len(runs)), *(struct.pack(">II", *run) for run in runs))
    media = box(
        b"mdia",
        mdhd(scale, units),
        box(b"hdlr", bytes(8), handler, bytes(12)),
        box(b"minf", box(b"stbl", stts)),
    )
    return box(b"trak", box(b"tkhd", bytes(84)), media)


def mp4(*tracks: bytes, seconds: float = 5.04, brand: bytes = b"isom", wide: bool = False) -> bytes:
    if wide:
        head = box(b"mvhd", struct.pack(">IQQIQ", 1 << 24, 0, 0, 1000, round(seconds * 1000)), bytes(80))
    else:
        head = mdhd(1000, round(seconds * 1000), b"mvhd")
    return box(b"ftyp", brand, bytes(4)) + box(b"mdat", bytes(1000)) + box(b"moov", head, *tracks)


VIDEO = track(b"vide", 12_288, 61_931, (121, 512))  # 5.04 s of 24 frames a second
AUDIO = track(b"soun", 44_100, 222_264, (218, 1024))


def wav(seconds: float) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(bytes(round(seconds * 16_000) * 4))
    return file.getvalue()


def avi(frames: int, rate: int) -> bytes:
    header = struct.pack("<14I", 1_000_000 // rate, 0, 0, 0, frames, 0, 1, 0, 320, 180, 0, 0, 0, 0)
    avih = b"avih" + struct.pack("<I", len(header)) + header
    hdrl = b"LIST" + struct.pack("<I", 4 + len(avih)) + b"hdrl" + avih
    movi = b"LIST" + struct.pack("<I", 4) + b"movi"
    return b"RIFF" + struct.pack("<I", 4 + len(hdrl) + len(movi)) + b"AVI " + hdrl + movi


def flac(samples: int, rate: int) -> bytes:
    packed = rate << 44 | 1 << 41 | 15 << 36 | samples
    return (
        b"fLaC"
        + b"\x80\0\0\x22"
        + struct.pack(">HH", 4096, 4096)
        + bytes(6)
        + packed.to_bytes(8, "big")
        + bytes(16)
    )


def page(granule: int, content: bytes) -> bytes:
    return b"OggS\0\0" + struct.pack("<q", granule) + bytes(12) + b"\1" + bytes([len(content)]) + content


def opus(samples: int) -> bytes:
    return page(0, b"OpusHead\1\2" + struct.pack("<HI", 312, 24_000) + bytes(3)) + page(samples, b"x" * 200)


def vorbis(samples: int, rate: int) -> bytes:
    return page(0, b"\x01vorbis" + bytes(4) + b"\2" + struct.pack("<I", rate)) + page(samples, b"x" * 200)


def mp3(frames: int, *, tag: bytes = b"Info", id3: int = 0) -> bytes:
    first = bytearray(417)
    first[:4] = b"\xff\xfb\x90\x00"  # MPEG 1, layer 3, 128 kbit/s, 44.1 kHz
    first[36:48] = tag + struct.pack(">II", 1, frames)
    tagged = b"ID3\4\0\0" + bytes([0, 0, id3 >> 7, id3 & 0x7F]) + bytes(id3) if id3 else b""
    return tagged + bytes(first) + (b"\xff\xfb\x90\x00" + bytes(413)) * 3


GOOD = {
    "mp4": (mp4(AUDIO, VIDEO), "mp4", {"duration": 5.04, "fps": 24.008}),
    "mp4-64": (mp4(VIDEO, wide=True), "mp4", {"duration": 5.04, "fps": 24.008}),
    "mp4-uneven": (
        mp4(track(b"vide", 1000, 4000, (50, 40), (50, 40))),
        "mp4",
        {"duration": 5.04, "fps": 25.0},
    ),
    "mov": (mp4(VIDEO, brand=b"qt  "), "mov", {"duration": 5.04, "fps": 24.008}),
    "m4a": (mp4(AUDIO, brand=b"M4A "), "m4a", {"duration": 5.04}),
    "wav": (wav(2.5), "wav", {"duration": 2.5}),
    "avi": (avi(80, 8), "avi", {"duration": 10.0, "fps": 8.0}),
    "flac": (flac(441_000, 44_100), "flac", {"duration": 10.0}),
    "opus": (opus(48_312), "ogg", {"duration": 1.0}),
    "vorbis": (vorbis(88_200, 44_100), "ogg", {"duration": 2.0}),
    "mp3": (mp3(1000), "mp3", {"duration": 26.122}),
    "mp3-vbr": (mp3(1000, tag=b"Xing", id3=300), "mp3", {"duration": 26.122}),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_the_headers_say(name: str) -> None:
    content, kind, wanted = GOOD[name]
    assert length_of(io.BytesIO(content), len(content), kind) == wanted


@pytest.mark.parametrize("name", [n for n in GOOD if n != "mp3-vbr"])
def test_it_is_part_of_what_a_file_is(name: str) -> None:
    content, kind, wanted = GOOD[name]
    media = inspect(io.BytesIO(content), len(content), max_pixels=1)
    assert (media.extension, media.length) == (kind, wanted)


@pytest.mark.parametrize(("content", "kind"), [
    (mp4(VIDEO, seconds=0), "mp4"), (box(b"ftyp", b"isom"), "mp4"), (mp3(1000, tag=b"LAME"), "mp3"),
    (wav(0), "wav"), (avi(0, 8), "avi"), (flac(0, 44_100), "flac"), (flac(1, 0), "flac"), (opus(0), "ogg"),
    (mp3(2**32 - 1), "mp3"), (image(), "png"), (b"<svg/>", "svg"), (b"", "mp4"), (b"x", "wav"),
])  # fmt: skip
def test_a_file_that_does_not_say(content: bytes, kind: str) -> None:
    assert "duration" not in length_of(io.BytesIO(content), len(content), kind)


@pytest.mark.parametrize("name", GOOD)
def test_whatever_a_file_holds_no_exception(name: str) -> None:
    content, kind, _ = GOOD[name]
    dice = random.Random(7)
    for _ in range(300):
        changed = bytearray(content[: dice.randrange(len(content) + 1)] if dice.random() < 0.3 else content)
        for _ in range(dice.randrange(1, 8)):
            if changed:
                changed[dice.randrange(min(len(changed), 400))] = dice.choice((0, 1, 127, 128, 255))
        found = length_of(io.BytesIO(bytes(changed)), len(changed), kind)
        assert all(0 < value <= 1_000_000 for value in found.values())
