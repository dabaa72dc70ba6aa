"""What hosts, proxies and storages do to a good answer: they pack it, drip it, frame it oddly, echo the key."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import quote

from orux_sandbox.wire import Answer, Then

#: Bytes a second at which an answer drips when the fault does not say.
DRIP = 10
#: Bytes in a frame of ``aws-chunked``.
_FRAME = 4096


def packed(then: Then, real: Answer) -> Answer:
    """The answer as ``then.packed`` has it, though the caller asked for ``identity``."""
    body = real.body
    ways: dict[str, Callable[[], tuple[str, bytes]]] = {
        "gzip": lambda: ("gzip", gzip.compress(body)),
        "gzip_twice": lambda: ("gzip, gzip", gzip.compress(gzip.compress(body))),
        "deflate": lambda: ("deflate", zlib.compress(body)),
        "bomb": lambda: ("gzip, gzip", bomb()),
        "aws_chunked": lambda: ("aws-chunked", body),
        "aws_frames": lambda: ("aws-chunked", _frames(body)),
        "gzip_in_name_only": lambda: ("gzip", body),
        "unknown_name": lambda: ("none", body),
    }
    encoding, body = ways[str(then.packed)]()
    return Answer(real.status, {**real.headers, "content-encoding": encoding}, body)


@lru_cache(maxsize=1)
def bomb() -> bytes:
    """A JSON text of 64 MiB in a few hundred bytes."""
    zeros = b"0" * (1 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    once = packer.compress(b'{"task_id": "') + b"".join(packer.compress(zeros) for _ in range(64))
    return gzip.compress(once + packer.compress(b'"}') + packer.flush(), 9)


def _frames(body: bytes) -> bytes:
    parts = [body[i : i + _FRAME] for i in range(0, len(body), _FRAME)]
    return b"".join(
        b"%x;chunk-signature=%b\r\n%b\r\n" % (len(part), b"0" * 64, part) for part in (*parts, b"")
    )


def with_key(then: Then, real: Answer, headers: Mapping[str, str]) -> Answer:
    """The answer with the caller's key in it, spelled as ``then.echo_key`` has it.

    It stands in a field of its own, in ``model``, in every message and behind every URL.
    """
    key = headers.get("authorization", "").partition(" ")[2] or headers.get("x-api-key", "")
    ways = {
        "percent": lambda: "".join(f"%{b:02X}" for b in key.encode()),
        "base64": lambda: base64.b64encode(f"Bearer {key}".encode()).decode(),
    }
    spelled = ways.get(str(then.echo_key), lambda: key)()
    try:
        value = _echoed(json.loads(real.body), spelled)
    except ValueError:
        return Answer(real.status, real.headers, real.body + f"\n{spelled}\n".encode())
    if isinstance(value, dict):
        value["alias"] = spelled
    text = json.dumps(value)
    if then.echo_key == "json":
        text = text.replace(key, "".join(f"\\u{ord(character):04x}" for character in key))
    return Answer(real.status, real.headers, text.encode("utf-16" if then.echo_key == "utf16" else "utf-8"))


def _echoed(value: object, spelled: str, name: str = "") -> object:
    if isinstance(value, dict):
        return {n: _echoed(v, spelled, n) for n, v in value.items()}
    if isinstance(value, list):
        return [_echoed(v, spelled, name) for v in value]
    if isinstance(value, str) and value.startswith("http"):
        return f"{value}?key={quote(spelled)}"
    if isinstance(value, str) and name in ("model", "message", "error_message"):
        return f"{value} {spelled}"
    return value


def raw(then: Then, real: Answer) -> bytes:
    """The bytes of the answer, framed as ``then.framing`` has it."""
    lines = [f"HTTP/1.1 {real.status} Reason"]
    lines += [f"{name}: {value}" for name, value in real.headers.items() if name.lower() != "content-length"]
    lines += ["connection: close", f"content-length: {len(real.body)}"]
    if then.framing == "two_lengths":
        lines.append(lines[-1])
    elif then.framing == "folded_header":
        lines.insert(1, "x-served-by: cache-1,\r\n  cache-2")
    elif then.framing == "early_hints":
        lines.insert(0, "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n")
    elif then.framing == "single_bytes":
        head = "\r\n".join([*lines[:-1], "transfer-encoding: chunked"]).encode("latin-1") + b"\r\n\r\n"
        return head + b"".join(b"1\r\n%c\r\n" % byte for byte in real.body) + b"0\r\n\r\n"
    end = "\n" if then.framing == "line_feeds" else "\r\n"
    return (end.join(lines) + 2 * end).encode("latin-1") + real.body


def dripping(then: Then, real: Answer) -> tuple[bytes, bytes]:
    """The part of the answer that comes at once, and the part that drips."""
    whole = raw(then, real)
    if then.drip == "interim":
        return b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 10_000
    at = whole.index(b"\r\n") + 2 if then.drip == "head" else whole.index(b"\r\n\r\n") + 4
    return whole[:at], whole[at:]
