"""Sending a saved file to a browser: its type from its bytes, and headers that let it do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO
from urllib.parse import quote

from fastapi import HTTPException
from starlette.responses import Response, StreamingResponse

from airflow_provider_orux.storage.media import MEDIA_TYPES, recognise
from airflow_provider_orux.storage.served import NotServedError, ServedFolder

#: Bytes that are sent at once.
CHUNK = 256 * 1024
#: On everything: a file is what its type says, and belongs to this site alone.
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
_FILE_CSP = "default-src 'none'; sandbox"


def send_file(folder: ServedFolder, name: str, *, download: bool, range_header: str | None) -> Response:
    """A file of a folder, whole or in part.

    :param download: as an attachment, whatever it is; what is no known image, song or clip is sent only so.
    :param range_header: of the request: players ask for parts.
    :raises HTTPException: it may not be shown (404), or its type is none that is shown (415).
    """
    try:
        file = folder.open(name)
    except NotServedError as e:
        raise HTTPException(404, e.message) from e
    try:
        file.seek(0, 2)
        size = file.tell()
        file.seek(0)
        kind = recognise(file.read(4096))
        if kind == "svg":
            kind = None  # a text that anybody may have written: a browser would run it
        if kind is None and not download:
            raise HTTPException(415, "This is no image, clip or song of a known kind.")
        first, last = _range(range_header, size)
        file.seek(first)
    except Exception:
        file.close()
        raise
    disposition = f"attachment; filename*=UTF-8''{quote(name)}" if download else "inline"
    part = range_header is not None and (first, last) != (0, size - 1)
    return StreamingResponse(
        _chunks(file, last - first + 1),
        status_code=206 if part else 200,
        media_type=MEDIA_TYPES[kind] if kind is not None else "application/octet-stream",
        headers={
            **SAFE_HEADERS,
            "Content-Security-Policy": _FILE_CSP,
            "Content-Disposition": disposition,
            "Cache-Control": "private, max-age=300",
            "Accept-Ranges": "bytes",
            "Content-Length": str(last - first + 1),
            **({"Content-Range": f"bytes {first}-{last}/{size}"} if part else {}),
        },
    )


def _range(header: str | None, size: int) -> tuple[int, int]:
    """The first and last byte that are asked for; of what is not understood, all of them (RFC 9110, 14.2)."""
    whole = (0, size - 1)
    unit, _, text = (header or "").partition("=")
    if unit.strip() != "bytes" or "," in text or size == 0:
        return whole
    start, dash, end = text.strip().partition("-")
    if not dash or not (start + end).isascii() or not (start + end).isdigit():
        return whole
    first = int(start) if start else max(size - int(end), 0)
    last = min(int(end), size - 1) if start and end else size - 1
    if first > last:
        raise HTTPException(416, headers={"Content-Range": f"bytes */{size}"})
    return first, last


def _chunks(file: IO[bytes], left: int) -> Iterator[bytes]:
    with file:
        while left > 0 and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
