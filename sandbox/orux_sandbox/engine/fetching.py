"""Files the caller names by URL, fetched as a gateway would: only where the setting ``fetch_inputs`` says so."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urlsplit

#: Seconds without a byte.
_TIMEOUT = 10.0
#: Bytes of the largest file.
_LARGEST = 64 << 20
#: A JPEG's first bytes: the frames of a Motion-JPEG clip begin with them.
_JPEG = b"\xff\xd8\xff"


class NotFetchedError(ValueError):
    """The URL leads nowhere. Its text may be shown: it holds no query."""


def fetch(url: str) -> bytes:
    """The bytes of a file.

    :raises NotFetchedError: it cannot be fetched.
    """
    place = f"{urlsplit(url).scheme}://{urlsplit(url).hostname}{urlsplit(url).path}"
    try:
        # http and https only: the tables let no other scheme in.
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310
            content: bytes = answer.read(_LARGEST + 1)
    except urllib.error.HTTPError as e:
        raise NotFetchedError(f"{place} cannot be fetched: HTTP {e.code}.") from None
    except (OSError, ValueError, HTTPException) as e:
        raise NotFetchedError(f"{place} cannot be fetched: {type(e).__name__}.") from None
    if not content or len(content) > _LARGEST:
        raise NotFetchedError(f"{place} is empty or too large.")
    return content


def frame_of(content: bytes) -> bytes | None:
    """An image out of a clip: the first JPEG in it; None: it holds none (another codec)."""
    start = content.find(_JPEG)
    end = content.find(b"\xff\xd9", start)
    return content[start : end + 2] if 0 <= start < end else None


def is_clip(content: bytes) -> bool:
    """Whether a file begins as an AVI or an MP4 does."""
    head = io.BytesIO(content).read(12)
    return (head[:4] == b"RIFF" and head[8:] == b"AVI ") or head[4:8] == b"ftyp"


def is_song(content: bytes) -> bool:
    """Whether a file begins as a WAV, MP3, OGG or FLAC does."""
    wave = content[:4] == b"RIFF" and content[8:12] == b"WAVE"
    return wave or content.startswith((b"ID3", b"OggS", b"fLaC", b"\xff\xfb"))
