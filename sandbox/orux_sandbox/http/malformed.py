"""Bodies that are not what was promised: malformed answers and hostile files, for faults."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache

from orux_sandbox.wire import Answer, Then

#: A proxy's error page.
_HTML = (
    b"<!doctype html><html><head><title>502 Bad Gateway</title></head>"
    b"<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>\n"
)
#: An SVG with a script in it.
_SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><script>alert(1)</script>'
    b'<rect width="10" height="10"/></svg>'
)


def body(then: Then, real: Answer | None) -> Answer:
    """A malformed API answer. ``real`` is the answer it replaces, if there is one."""
    status = then.status or 200
    headers = {"content-type": "application/json", **{k.lower(): v for k, v in then.headers.items()}}
    if then.malformed == "html":
        return Answer(status, {**headers, "content-type": "text/html; charset=utf-8"}, _HTML)
    if then.malformed == "not_json":
        return Answer(status, headers, b"upstream says: ok, see you later")
    if then.malformed == "other_shape":
        return Answer(status, headers, json.dumps({"result": {"state": "fine"}, "items": [1, 2, 3]}).encode())
    if then.malformed == "empty":
        return Answer(status, headers, b"")
    whole = real.body if real is not None else json.dumps({"task_id": "task_0", "status": "queued"}).encode()
    return Answer(
        real.status if real is not None and then.status is None else status, headers, whole[: len(whole) // 2]
    )


def file(then: Then, real: Answer) -> Answer:
    """A file that is not the image its URL promises."""
    if then.content == "html":
        return Answer(200, {"content-type": "image/png"}, _HTML)
    if then.content == "svg":
        return Answer(200, {"content-type": "image/svg+xml"}, _SVG)
    if then.content == "bomb":
        return Answer(200, {"content-type": "image/png"}, png_bomb())
    return Answer(200, {"content-type": real.headers.get("content-type", "image/png")}, b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def tiny_png(side: int = 16) -> bytes:
    """A small PNG: grey, and whole."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * side) * side)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


@lru_cache(maxsize=1)
def png_bomb(side: int = 20_000) -> bytes:
    """A small and well-formed PNG of 400 million black pixels: 50 KB here, 1.2 GB as RGB."""
    row = b"\0" * (1 + side // 8)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row * 100) for _ in range(side // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def endless_png(mib: int) -> tuple[int, Iterator[bytes]]:
    """A PNG that begins well and holds ``mib`` MiB of a private chunk: (length, pieces)."""
    start = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    block = b"\x55" * (1 << 20)

    def pieces() -> Iterator[bytes]:
        yield start + struct.pack(">I", min(mib << 20, 0x7FFFFFFF)) + b"prVt"
        for _ in range(mib):
            yield block

    return len(start) + 8 + (mib << 20), pieces()
