"""What a file is, told from its bytes."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import time
import zlib

import pytest
from PIL import Image, features

from airflow_provider_orux.models.errors import ArtifactError, ArtifactRejectedError
from airflow_provider_orux.storage.media import MEDIA_TYPES, Media, inspect, recognise
from tests.storage.samples import box, clip, image, song


def look(content: bytes, max_pixels: int = 200_000_000) -> Media:
    return inspect(io.BytesIO(content), len(content), max_pixels=max_pixels)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def mp3(frames: int = 4) -> bytes:
    return (b"\xff\xfb\x90\x00" + b"\0" * 413) * frames  # MPEG 1, 128 kbit/s, 44.1 kHz: 417 bytes a frame


IMAGES = [
    ("png", "PNG", {}),
    ("jpg", "JPEG", {}),
    ("jpg", "JPEG", {"progressive": True}),
    ("gif", "GIF", {}),
    ("webp", "WEBP", {}),
    ("webp", "WEBP", {"lossless": True}),
]
if features.check("avif"):
    IMAGES.append(("avif", "AVIF", {}))


@pytest.mark.parametrize(("extension", "kind", "options"), IMAGES)
def test_images(extension: str, kind: str, options: dict[str, object]) -> None:
    content = image(kind, (123, 45), **options)
    media = look(content)
    assert (media.extension, media.width, media.height) == (extension, 123, 45)
    assert media.media_type == f"image/{'jpeg' if extension == 'jpg' else extension}"


@pytest.mark.parametrize(("extension", "kind", "options"), IMAGES)
def test_a_cut_image_is_never_taken(extension: str, kind: str, options: dict[str, object]) -> None:
    content = image(kind, (123, 45), **options)
    for size in (30, len(content) // 2, len(content) - 20, len(content) - 1):
        # A JPEG is complete to the eye without its last byte, and is refused all the same.
        with pytest.raises(ArtifactError) as caught:
            look(content[:size])
        assert not caught.value.final, size


@pytest.mark.parametrize(("extension", "kind", "options"), IMAGES)
def test_a_cut_image_that_is_too_large_to_decode_is_not_taken(
    extension: str, kind: str, options: dict[str, object]
) -> None:
    # 16 million pixels are judged by their structure only.
    file = io.BytesIO()
    Image.new("RGB", (4096, 4096), (200, 30, 30)).save(file, kind, **options)
    content = file.getvalue()
    assert look(content).width == 4096
    with pytest.raises(ArtifactError, match=r"complete|damaged"):
        look(content[: len(content) - 40])


def test_animated_images() -> None:
    frames = [Image.new("RGB", (30, 20), (n * 60, 0, 0)) for n in range(3)]
    for kind in ("GIF", "WEBP", "PNG"):
        file = io.BytesIO()
        frames[0].save(file, kind, save_all=True, append_images=frames[1:])
        assert (look(file.getvalue()).width, look(file.getvalue()).height) == (30, 20)


def test_a_damaged_png_is_found_by_its_checksums() -> None:
    content = bytearray(image("PNG"))
    content[len(content) // 2] ^= 1
    with pytest.raises(ArtifactError, match="checksum"):
        look(bytes(content))


@pytest.mark.parametrize("size", [(20_000, 20_000), (2**31 - 1, 2**31 - 1), (200_000_001, 1)])
def test_a_bomb_is_refused_by_its_head(size: tuple[int, int]) -> None:
    with pytest.raises(ArtifactRejectedError, match=f"{size[0]} x {size[1]} pixels.*200,000,000"):
        look(bomb(*size))


def test_a_bomb_within_the_limit_is_not_decoded() -> None:
    # 100 million pixels with 1 000 bytes of them: decoding would fail, and take 400 MB.
    assert look(bomb(10_000, 10_000)).width == 10_000


def test_a_gif_whose_frame_is_larger_than_its_screen() -> None:
    content = bytearray(image("GIF", (40, 30)))
    content[6:10] = struct.pack("<HH", 1, 1)
    with pytest.raises(ArtifactRejectedError, match="40 x 30"):
        look(bytes(content), max_pixels=1000)


def test_heads_of_other_formats_are_judged_before_decoding() -> None:
    for kind in ("JPEG", "GIF", "WEBP"):
        with pytest.raises(ArtifactRejectedError, match="40 x 30 pixels"):
            look(image(kind, (40, 30)), max_pixels=1199)


@pytest.mark.parametrize(
    ("extension", "content"),
    [
        ("mp3", mp3()),
        ("mp3", b"ID3\x04\0\0\0\0\0\0" + mp3()),
        ("wav", song()),
        ("flac", b"fLaC\0\0\0\x22" + b"\0" * 100),
        ("ogg", b"OggS\0\2" + b"\0" * 20 + b"\x01\x1eOpusHead" + b"\0" * 50),
        ("ogv", b"OggS\0\2" + b"\0" * 20 + b"\x80theora" + b"\0" * 50),
        ("m4a", clip(b"M4A ")),
        ("mp4", clip(b"isom")),
        ("mp4", clip(b"mp42")),
        ("mov", clip(b"qt  ")),
        ("mov", box(b"wide", b"") + box(b"mdat", b"x" * 50) + box(b"moov", b"y" * 50)),
        ("webm", b"\x1aE\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm" + b"\0" * 50),
        ("mkv", b"\x1aE\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88matroska" + b"\0" * 50),
        ("avi", b"RIFF" + struct.pack("<I", 104) + b"AVI " + b"\0" * 100),
        ("aiff", b"FORM\0\0\0\x64AIFF" + b"\0" * 92),
        ("aac", (b"\xff\xf1\x50\x80\x02\x9f\xfc" + b"\0" * 13) * 4),
    ],
)
def test_clips_and_songs(extension: str, content: bytes) -> None:
    media = look(content)
    assert media == Media(extension, length=media.length)
    assert media.media_type == MEDIA_TYPES[extension]


@pytest.mark.parametrize("content", [song(), clip(), clip(b"qt  "), clip(b"M4A ")])
def test_a_cut_clip_whose_container_says_how_long_it_is(content: bytes) -> None:
    with pytest.raises(ArtifactError, match="ends before it is complete") as caught:
        look(content[:-100])
    assert not caught.value.final


def test_a_song_whose_writer_did_not_know_its_length() -> None:
    content = bytearray(song())
    content[4:8] = b"\xff\xff\xff\xff"
    assert look(bytes(content)).extension == "wav"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "HTML"),
        (b"\xef\xbb\xbf \n<html></html>", "HTML"),
        (b"<html><body><svg xmlns='x'/></body></html>", "HTML"),
        (b"<?xml version='1.0'?><!DOCTYPE html><svg/>", "XML"),
        (b'{"error": "expired"}', "JSON"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04", "ZIP"),
        (b"<Error><Code>AccessDenied</Code></Error>", "XML"),
        (b"hello", "something that begins with 68 65"),
        (b"\x00", "something"),
        (clip(b"heic"), "heic"),
        (b"\xff\xfb\x90\x00" + b"text that only looks like a song" * 40, "something"),
        (b"RIFF\x10\0\0\0NOPE" + b"\0" * 20, "something"),
        (b"MZ\x90\x00" + b"\0" * 100, "something"),
    ],
)
def test_everything_else_is_refused_for_good(content: bytes, name: str) -> None:
    with pytest.raises(ArtifactRejectedError, match=name):
        look(content)


SVG = b"""<?xml version="1.0" encoding="utf-8"?>
<!-- made by a - machine -->
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" [<!ENTITY a "b">]>
<svg xmlns="http://www.w3.org/2000/svg" width="999999" height="999999"><script>alert(1)</script>PATHS</svg>
<!-- the end -->
"""


@pytest.mark.parametrize(
    "content",
    [
        SVG,
        SVG.replace(b"PATHS", b"<path d='M0 0'/>" * 5000),
        b"\xef\xbb\xbf" + SVG,
        SVG.decode().encode("utf-16"),
        SVG.replace(b"PATHS", b"<g/>" * 5001).decode().encode("utf-16"),
        b"<svg onload='x'/>",
        b"<svg:svg xmlns:svg='http://www.w3.org/2000/svg'></svg:svg>",
        b" \n<svg></svg >",
    ],
)
def test_a_drawing_is_kept_as_it_is_and_has_no_size(content: bytes) -> None:
    media = look(content, max_pixels=1)
    assert media == Media("svg", None, None)
    assert media.media_type == "image/svg+xml"


@pytest.mark.parametrize(
    "content",
    [SVG[:-60], SVG[:200], b"<svg><path d='M0 0'/>", b"<svg", SVG.replace(b"PATHS", b"<g/>" * 5000)[:9999]],
)
def test_a_drawing_that_ends_too_early_is_not_taken(content: bytes) -> None:
    with pytest.raises(ArtifactError):
        look(content)


def scans(count: int, size: tuple[int, int] = (1500, 1500)) -> bytes:
    """A progressive JPEG whose last scan comes so many times more."""
    file = io.BytesIO()
    Image.new("L", size, 100).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    last = content.rfind(b"\xff\xda")
    return content[:last] + content[last:-2] * (count + 1) + b"\xff\xd9"


def gif(blocks: bytes) -> bytes:
    content = image("GIF", (10, 10))
    start = 13 + (3 << (content[10] & 7) + 1 if content[10] & 0x80 else 0)
    return content[:start] + blocks + content[start:]


def png(chunks: bytes) -> bytes:
    content = image("PNG", (10, 10))
    return content[:33] + chunks + content[33:]


@pytest.mark.parametrize(
    ("name", "content", "taken"),
    [
        ("scans of a JPEG", scans(2000), True),
        ("PNG chunks", png(chunk(b"abCd", b"") * 60_000), True),
        ("PNG texts", png(chunk(b"tEXt", b"a\0b") * 60_000), True),
        ("MP4 boxes", clip() + box(b"free", b"") * 1_000_000, True),
        ("more PNG chunks", png(chunk(b"abCd", b"") * 400_000), False),
        ("fill bytes of a JPEG", b"\xff\xd8" + b"\xff" * 20_000_000, False),
        ("JPEG comments", b"\xff\xd8" + b"\xff\xfe\0\2" * 2_000_000, False),
        ("GIF comments", gif(b"!\xfe\1a\0" * 1_000_000), False),
        ("GIF blocks", gif(b"!\xfe" + b"\1a" * 1_000_000 + b"\0"), False),
        (
            "AVIF boxes",
            box(b"ftyp", b"avif\0\0\0\0avif") + box(b"meta", b"\0" * 4 + box(b"free", b"") * 400_000),
            False,
        ),
    ],
)
def test_looking_at_a_file_has_a_budget(name: str, content: bytes, taken: bool) -> None:
    began = time.thread_time()
    if taken:
        assert look(content).media_type
    else:
        with pytest.raises(ArtifactRejectedError, match="more parts than are looked at"):
            look(content)
    assert time.thread_time() - began < 2.5, name


def test_a_photo_of_the_usual_number_of_scans_is_decoded() -> None:
    content = bytearray(scans(20))
    assert look(bytes(content)).width == 1500
    content[-40:-2] = b"\0" * 38  # only decoding finds this
    content[content.find(b"\xff\xc4") + 5] ^= 0xFF
    with pytest.raises(ArtifactError):
        look(bytes(content))


def avif(frame: tuple[int, int], declared: tuple[int, int]) -> bytes:
    """An AVIF file that declares another size than its frame has."""
    file = io.BytesIO()
    Image.new("RGB", frame, (1, 2, 3)).save(file, "AVIF", speed=10)
    content = file.getvalue()
    at = content.find(b"ispe") + 8
    return content[:at] + struct.pack(">II", *declared) + content[at + 8 :]


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_the_frame_of_an_avif_counts_whatever_the_file_declares() -> None:
    assert look(avif((2000, 1500), (2000, 1500))) == Media("avif", 2000, 1500)
    assert look(avif((2000, 1500), (16, 16))) == Media("avif", 2000, 1500)
    with pytest.raises(ArtifactRejectedError, match="2000 x 1500 pixels"):
        look(avif((2000, 1500), (16, 16)), max_pixels=2_999_999)
    with pytest.raises(ArtifactRejectedError, match="20000 x 16000 pixels"):
        look(avif((40, 30), (20_000, 16_000)))
    # Small enough to be decoded: the decoder scales the frame to what is declared.
    assert look(avif((40, 30), (20, 15))) == Media("avif", 20, 15)


def test_nothing_may_become_something() -> None:
    with pytest.raises(ArtifactError, match="empty") as caught:
        look(b"")
    assert not caught.value.final


def test_any_bytes_give_an_answer_or_an_error_of_ours() -> None:
    # Broken files of every kind: no struct.error, no Pillow exception, no endless loop.
    chance = random.Random(7)
    originals = [image(kind, (20, 20)) for kind in ("PNG", "JPEG", "GIF", "WEBP")] + [
        song(50),
        clip(),
        mp3(),
    ]
    if features.check("avif"):
        originals.append(image("AVIF", (20, 20)))
    for original in originals:
        for _ in range(150):
            content = bytearray(original)
            for _ in range(chance.randint(1, 6)):
                content[chance.randrange(len(content))] = chance.randrange(256)
            if chance.random() < 0.3:
                del content[chance.randrange(1, len(content)) :]
            with contextlib.suppress(ArtifactError):
                look(bytes(content))


def test_recognise_never_fails() -> None:
    chance = random.Random(11)
    for _ in range(2000):
        head = chance.choice([b"", b"\xff\xfb", b"\xff\xf1", b"....ftyp", b"RIFF", b"OggS"])
        recognise(head + chance.randbytes(chance.randrange(40)))
