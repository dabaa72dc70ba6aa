"""What a file is, judged by its bytes alone: a complete image, clip or song, or something else."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO

from airflow_provider_orux.models.errors import ArtifactError, ArtifactRejectedError
from airflow_provider_orux.storage import image_headers
from airflow_provider_orux.storage.containers import (
    PARTS,
    BrokenError,
    Budget,
    ExhaustedError,
    TruncatedError,
    check_boxes,
    check_riff,
)
from airflow_provider_orux.storage.lengths import length_of

_HEAD = 4096

#: Media type by extension: everything that is recognised.
MEDIA_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "svg": "image/svg+xml",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "avi": "video/x-msvideo",
    "ogv": "video/ogg",
    "txt": "text/plain",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "json": "application/json",
    "pcm": "audio/pcm",
    "ulaw": "audio/basic",
    "alaw": "audio/x-alaw",
    "bin": "application/octet-stream",
}

#: Texts and sound without a header: no byte tells what they are, so the gateway's word counts, for bytes that stood in
#: its own answer. Never for what a URL delivers.
HEADERLESS = {
    "text/plain": "txt",
    "text/srt": "srt",
    "application/x-subrip": "srt",
    "text/vtt": "vtt",
    "application/json": "json",
    "audio/pcm": "pcm",
    "audio/x-pcm": "pcm",
    "audio/l16": "pcm",
    "audio/basic": "ulaw",
    "audio/pcmu": "ulaw",
    "audio/ulaw": "ulaw",
    "audio/mulaw": "ulaw",
    "audio/x-mulaw": "ulaw",
    "audio/pcma": "alaw",
    "audio/alaw": "alaw",
    "audio/x-alaw": "alaw",
}
#: Those of them that are texts, whatever their first letters look like.
_TEXTS = frozenset({"txt", "srt", "vtt", "json"})

#: Images whose size is known and that are checked for completeness. A drawing (svg) is a text that anybody may have
#: written: it is kept as a file, and never parsed or drawn here.
IMAGES = frozenset({"png", "jpg", "gif", "webp", "avif"})

_NOT_BETTER = "The job is paid for, but this artifact cannot be used: ask the gateway's support."


@dataclass(frozen=True)
class Media:
    """What an artifact is.

    :param extension: of its file name, without the dot.
    :param width: pixels, of an image; None for drawings, clips and songs.
    :param height: pixels, of an image; None for drawings, clips and songs.
    :param length: ``duration`` in seconds and ``fps``, of a clip or song that tells them.
    """

    extension: str
    width: int | None = None
    height: int | None = None
    length: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def media_type(self) -> str:
        """Its media type."""
        return MEDIA_TYPES[self.extension]


def inspect(file: IO[bytes], size: int, *, max_pixels: int, declared: str | None = None) -> Media:
    """Recognise a file and check that it is complete, as far as its format shows.

    :param file: can be read and sought.
    :param size: bytes in it.
    :param declared: the media type that the gateway named, of bytes that stood in its own answer.
    :raises ArtifactRejectedError: it is something else, or an image with more than ``max_pixels``.
    :raises ArtifactError: it is empty, truncated or damaged; another attempt may help.
    """
    if size == 0:
        raise ArtifactError("The artifact is empty")
    named = _declared(declared)
    if named in _TEXTS:
        return Media(named)
    file.seek(0)
    head = file.read(_HEAD)
    kind = recognise(head)
    if kind is None and named is not None:
        return Media(named)
    if kind is None:
        raise ArtifactRejectedError(
            f"The artifact is {_described(head)}, not an image, a clip or a song of a known kind",
            next_step=_NOT_BETTER,
        )
    try:
        if kind in IMAGES:
            width, height = image_headers.measure(file, size, kind, max_pixels=max_pixels)
            return Media(kind, width, height)
        if kind == "svg":
            _check_svg(file, size)
        elif kind in ("mp4", "m4a", "mov"):
            # One of more parts than are looked at is kept all the same: nothing here reads on in it.
            with contextlib.suppress(ExhaustedError):
                check_boxes(file, size, Budget())
        elif kind in ("wav", "avi") and head[:4] == b"RIFF":
            check_riff(file, size)
    except image_headers.TooManyPixelsError as e:
        extent = f"{e.width} x {e.height} pixels" if e.width else "too many pixels to be decoded"
        raise ArtifactRejectedError(
            f"The image has {extent}; the limit is {max_pixels:,} (max_pixels)", next_step=_NOT_BETTER
        ) from e
    except ExhaustedError as e:
        raise ArtifactRejectedError(
            f"The {kind} file has more parts than are looked at ({PARTS:,})", next_step=_NOT_BETTER
        ) from e
    except TruncatedError as e:
        raise ArtifactError(f"The {kind} file ends before it is complete ({size} bytes)") from e
    except BrokenError as e:
        raise ArtifactError(f"The {kind} file is damaged: {e}") from e
    return Media(kind, length=length_of(file, size, kind))


def _declared(media_type: str | None) -> str | None:
    """The extension for a declared type; sound of a type that is not known here is kept as the bytes that it is."""
    if media_type is None:
        return None
    name = media_type.partition(";")[0].strip().lower()
    return HEADERLESS.get(name) or ("bin" if name.startswith(("audio/", "application/octet")) else None)


def recognise(head: bytes) -> str | None:
    """The extension for a file that begins with these bytes; None when it is nothing that is known here."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head[:4] in (b"RIFF", b"RF64"):
        return {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head.startswith(b"OggS"):
        return "ogv" if b"\x80theora" in head[:256] else "ogg"
    if head.startswith(b"fLaC"):
        return "flac"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "webm" if b"webm" in head[:64] else "mkv" if b"matroska" in head[:64] else None
    if head[4:8] == b"ftyp":
        return _iso_kind(head)
    if head[4:8] in (b"moov", b"mdat", b"wide"):
        return "mov"
    if head.startswith(b"ID3"):
        return "mp3"
    if _SVG.match(_text(head)):
        return "svg"
    return _frame_kind(head)


def _iso_kind(head: bytes) -> str | None:
    length = min(int.from_bytes(head[:4], "big"), len(head))
    major = head[8:12]
    brands = {head[at : at + 4] for at in (8, *range(16, length - 3, 4))}
    if brands & {b"avif", b"avis"}:
        return "avif"
    if major in (b"heic", b"heix", b"mif1", b"msf1", b"hevc", b"heim", b"jxl ", b"jp2 ", b"crx "):
        return None
    if major in (b"M4A ", b"M4B ", b"M4P ", b"F4A "):
        return "m4a"
    return "mov" if major == b"qt  " else "mp4"


#: Up to the first element: an XML declaration, comments, other instructions, a document type.
_SVG = re.compile(
    r"\s*(?:<\?[^>]*>\s*|<!--(?:[^-]|-(?!->))*-->\s*|<!DOCTYPE\s+svg\b[^>\[]*(?:\[[^\]]*\]\s*)?>\s*)*<(?:svg:)?svg[\s/>]"
)
_SVG_EMPTY = re.compile(r"[^<>]*/>\s*")
_SVG_END = re.compile(r"</(?:svg:)?svg\s*>(?:\s|<!--(?:[^-]|-(?!->))*-->)*\Z")


def _text(data: bytes) -> str:
    """The beginning of a file as text; what is no text is replaced."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def _check_svg(file: IO[bytes], size: int) -> None:
    """Whether the last element is closed. The rest is not read.

    :raises TruncatedError: it is not.
    """
    file.seek(0)
    head = file.read(_HEAD)
    start = _SVG.match(_text(head))
    if size <= _HEAD and start and _SVG_EMPTY.fullmatch(_text(head), start.end() - 1):
        return
    tail = head
    if size > _HEAD:
        file.seek((size - _HEAD) // 2 * 2)
        wide = head[:2] if head[:2] in (b"\xff\xfe", b"\xfe\xff") else b""
        tail = wide + file.read()
    if not _SVG_END.search(_text(tail)):
        raise TruncatedError


_MP3_RATES = (44100, 48000, 32000)
_MP3_KBIT = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _frame_kind(head: bytes) -> str | None:
    """MP3 or AAC without a tag before it: two frames must follow each other, since two bytes prove little."""
    if len(head) < 7 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:  # ADTS
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        follows = head[length : length + 2]
        return "aac" if length >= 7 and (len(follows) < 2 or follows == head[:2]) else None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    kbit, rate = head[2] >> 4, head[2] >> 2 & 3
    if head[1] & 0xE0 != 0xE0 or version == 1 or layer != 1 or kbit in (0, 15) or rate == 3:
        return None
    first = version == 3
    hertz = _MP3_RATES[rate] // {3: 1, 2: 2, 0: 4}[version]
    bits = _MP3_KBIT[1 if first else 2][kbit] * 1000
    length = (144 if first else 72) * bits // hertz + (head[2] >> 1 & 1)
    follows = head[length : length + 2]
    return "mp3" if len(follows) < 2 or (follows[0] == 0xFF and follows[1] & 0xFE == head[1] & 0xFE) else None


def _described(head: bytes) -> str:
    """What an unrecognised file seems to be, for a message."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    names = (
        ((b"<!doctype html", b"<html", b"<head", b"<body"), "an HTML page"),
        ((b"{", b"["), "JSON"),
        ((b"%pdf",), "a PDF document"),
        ((b"pk\x03\x04",), "a ZIP archive"),
        ((b"\x1f\x8b",), "gzip data"),
        ((b"ii*\0", b"mm\0*"), "a TIFF image"),
    )
    for starts, name in names:
        if text.startswith(starts):
            return name
    if text.startswith(b"<"):
        return "an XML or HTML text"
    if head[4:8] == b"ftyp":
        return f"a file of the kind {head[8:12].decode('ascii', 'replace').strip()}"
    return f"something that begins with {head[:8].hex(' ')}"
