"""Raw HTTP answers from a seed: a right one, and what hosts, proxies and attackers make of it on its way."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from airflow_provider_orux.client.decoding import MOST_LAYERS

#: A PNG of one pixel, for downloads.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@dataclass
class Spec:
    """One answer.

    :param steps: bytes to send, or seconds to wait.
    :param readable: it is right in substance: a reader that gives up on it loses what was paid for.
    :param refusal: the status that it was made with says that nothing was accepted.
    :param notes: what was done to it.
    """

    seed: int
    steps: list[bytes | float] = field(default_factory=list)
    readable: bool = True
    refusal: bool = False
    end: str = "close"
    notes: list[str] = field(default_factory=list)


def job_of(seed: int, *, poll: int = 0) -> str:
    """The id of the job that an answer is about; a right result names no other."""
    return f"task_{seed}_{poll}"


def content_of(seed: int, target: str, *, poll: int = 0) -> bytes:
    """The body of the right answer.

    :param target: ``submit``, ``poll``, ``file`` or ``cli``.
    """
    rng = random.Random(f"content {seed}")
    job = job_of(seed, poll=poll)
    if target == "file":
        return PIXEL + rng.randbytes(rng.choice((0, 10, 5000, 200_000)))
    if target == "cli":
        return json.dumps({"task_instances": [{"dag_id": job}], "total_entries": 1}).encode()
    value: dict[str, object] = {"task_id": job, "status": "PENDING"}
    if target == "poll":
        value = {"task_id": job, "status": "SUCCESS", "result_urls": [f"https://cdn.example/{job}.png"]}
    if rng.random() < 0.3:
        value["more"] = "x" * rng.choice((10, 2000, 60_000))
    return json.dumps(value).encode()


def wrong(seed: int, target: str) -> bytes:
    """An answer that nobody has asked for, about the very job that is asked for next: it must never be taken."""
    return content_of(-1, target).replace(b'"task_-1_0"', f'"{job_of(seed, poll=1)}"'.encode())


def make(seed: int, target: str) -> Spec:
    """The answer of a seed to the first request of a target."""
    rng = random.Random(f"{seed} {target}")
    spec = Spec(seed)
    body, headers = content_of(seed, target), [("content-type", "application/json")]
    status, reason = 200, "OK"
    for change in _pick(rng, _BODIES):
        body, more = change(rng, spec, body, target)
        headers += more
    if sum(value.count(",") + 1 for name, value in headers if name == "content-encoding") > MOST_LAYERS:
        spec.readable = False
    if rng.random() < 0.12:
        status = rng.choice((201, 204, 206, 301, 302, 304, 307, 400, 401, 402, 403, 404, 408, 409, 413, 422, 425, 429, 451, 500, 502, 503, 504, 520, 599))  # fmt: skip
        spec.readable = status == 201 and target in ("submit", "poll", "cli") and spec.readable
        spec.refusal = (400 <= status < 500 and status not in (408, 409, 425)) or status == 307
        spec.notes.append(f"status {status}")
        if rng.random() < 0.5:
            body = json.dumps({"error": {"code": "oops", "type": "api_error", "message": "no"}}).encode()
        if rng.random() < 0.5:
            headers.append(("retry-after", rng.choice(("0", "1", "-1", "9" * 400, "1e400", "nan", "soon", "Fri, 27 Nov 2026 14:00:00 GMT", "Fri, 99 Nov 99999 99:99:99 GMT", "\xb2"))))  # fmt: skip
        if status in (301, 302, 307):
            headers.append(("location", rng.choice(("/", "http://", "https://[::1", "\xff", "javascript:1", "http://127.0.0.1:1/x"))))  # fmt: skip
    head, framed = _framed(rng, spec, status, reason, headers, body)
    whole = head + framed
    for raw in _pick(rng, _WHOLE, share=0.25):
        whole = raw(rng, spec, whole, target)
    _time(rng, spec, whole)
    return spec


def good(seed: int, target: str, *, poll: int) -> bytes:
    """A right answer to a later request."""
    body = content_of(seed, target, poll=poll)
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _pick(rng: random.Random, among: list[Callable], *, share: float = 0.45) -> list[Callable]:  # type: ignore[type-arg]
    """None, one, or now and then two."""
    if rng.random() > share:
        return []
    return rng.sample(among, 2 if rng.random() < 0.2 else 1)


# -- bodies ---------------------------------------------------------------------------------------------------
def _named(name: str, pack: Callable[[bytes], bytes]) -> Callable:  # type: ignore[type-arg]
    def change(rng, spec, body, target):  # type: ignore[no-untyped-def]
        spec.notes.append(f"packed: {name}")
        return pack(body), [("content-encoding", name)]

    return change


def _frames(body: bytes) -> bytes:
    parts = [body[i : i + 1000] for i in range(0, len(body), 1000)]
    return b"".join(b"%x;chunk-signature=%b\r\n%b\r\n" % (len(p), b"0" * 64, p) for p in (*parts, b""))


def _broken_pack(rng, spec, body, target):  # type: ignore[no-untyped-def]
    packed = bytearray(gzip.compress(body))
    spec.readable = False
    spec.notes.append("packed, and broken")
    if rng.random() < 0.5:
        return bytes(packed[: rng.randrange(len(packed))]), [("content-encoding", "gzip")]
    for _ in range(rng.randrange(1, 5)):
        packed[rng.randrange(len(packed))] = rng.randrange(256)
    return bytes(packed), [("content-encoding", rng.choice(("gzip", "deflate", "gzip, gzip", "br", "zstd")))]


KINDS = (b"a", b"[],", b"{", b'{"a":')
LAYERS = (1, 2, 3)


@lru_cache(maxsize=len(KINDS) * len(LAYERS))
def bomb(layers: int, kind: bytes) -> bytes:
    """32 MiB in a few bytes; making one takes a while."""
    if layers == 0:
        return kind * (32 * 2**20 // len(kind))
    return gzip.compress(bomb(layers - 1, kind) if layers > 1 else bomb.__wrapped__(0, kind), 4)


def _bombs(rng, spec, body, target):  # type: ignore[no-untyped-def]
    layers = rng.choice(LAYERS)
    spec.readable = False
    spec.notes.append(f"bomb of {layers} layers")
    return bomb(layers, rng.choice(KINDS)), [("content-encoding", ", ".join(["gzip"] * layers))]


def _nonsense(rng, spec, body, target):  # type: ignore[no-untyped-def]
    spec.readable = False
    spec.notes.append("nonsense for a body")
    return rng.choice((
        b"", b"{", b"null", b"[" * 100_000, b'{"a":' * 50_000, b"<html>502</html>", rng.randbytes(5000), b"\xff\xfe{\0}\0",
        b"[],".join([b""] * 300_000), b'"' + b"x" * 3_000_000 + b'"', b"1" * 100_000, body[: len(body) // 2],
    )), []  # fmt: skip


_BODIES: list[Callable] = [  # type: ignore[type-arg]
    _named("gzip", gzip.compress),
    _named("x-gzip", gzip.compress),
    _named("gzip, gzip", lambda b: gzip.compress(gzip.compress(b))),
    _named("deflate", zlib.compress),
    _named("deflate", lambda b: zlib.compress(b)[2:-4]),
    _named("gzip", lambda b: b),
    _named("aws-chunked", lambda b: b),
    _named("aws-chunked", _frames),
    _named("aws-chunked, gzip", lambda b: gzip.compress(_frames(b))),
    _named("identity", lambda b: b),
    _named("utf-8", lambda b: b),
    _named("", lambda b: b),
    _named("gzip", lambda b: gzip.compress(b[:5]) + gzip.compress(b[5:])),
    _broken_pack,
    _bombs,
    _nonsense,
]


# -- framing --------------------------------------------------------------------------------------------------
def _framed(
    rng: random.Random, spec: Spec, status: int, reason: str, headers: list[tuple[str, str]], body: bytes
) -> tuple[bytes, bytes]:
    first = f"HTTP/1.1 {status} {reason}"
    how = rng.choices(
        ("length", "chunked", "close", "two lengths", "http 1.0", "no reason", "short", "long", "lengths differ", "bad length",
         "both", "bad chunks", "no last chunk", "te list"),
        (40, 15, 8, 3, 4, 2, 3, 3, 3, 4, 3, 4, 3, 3),
    )[0]  # fmt: skip
    if how != "length":
        spec.notes.append(how)
    lines, framed = [f"{n}: {v}" for n, v in headers], body
    length = f"content-length: {len(body)}"
    if how in ("chunked", "both", "bad chunks", "no last chunk", "te list"):
        lines.append(f"transfer-encoding: {rng.choice(('gzip, chunked', 'identity', 'Chunked', 'chunked, chunked')) if how == 'te list' else 'chunked'}")  # fmt: skip
        framed = _chunks(rng, body, broken=how == "bad chunks", last=how != "no last chunk")
    if how == "both" or how in ("length", "no reason", "http 1.0"):
        lines.append(length)
    elif how == "two lengths":
        lines += [length, length]
    elif how == "short":
        lines.append(f"content-length: {rng.randrange(max(len(body), 1))}")
    elif how == "long":
        lines.append(f"content-length: {len(body) + rng.choice((1, 100, 10**9, 10**30))}")
    elif how == "lengths differ":
        lines += [length, f"content-length: {len(body) + 1}"]
    elif how == "bad length":
        lines.append(f"content-length: {rng.choice(('-1', '+5', '0x10', '', '5, 5', '1e3', ' ', chr(0xB2)))}")
    if how == "http 1.0":
        first = f"HTTP/1.0 {status} {reason}"
    if how == "no reason":
        first = f"HTTP/1.1 {status}"
    if how not in ("length", "chunked", "close", "two lengths", "http 1.0", "no reason"):
        spec.readable = False
    return (
        "\r\n".join([first, *lines]).encode("latin-1") + b"\r\n\r\n",
        framed if status not in (204, 304) else b"",
    )


def _chunks(rng: random.Random, body: bytes, *, broken: bool, last: bool) -> bytes:
    framed, at = [], 0
    while at < len(body):
        size = rng.choice((1, 7, 100, 4096, 65536)) if len(body) < 10_000 else rng.choice((4096, 65536))
        part = body[at : at + size]
        at += size
        extension = b";ext=1" if rng.random() < 0.1 else b""
        framed.append(b"%x%b\r\n%b\r\n" % (len(part), extension, part))
    if broken and framed:
        framed[rng.randrange(len(framed))] = rng.choice((b"zz\r\n", b"-5\r\nhello\r\n", b"ffffffffffffffff\r\nx\r\n", b"5\r\nhellohello\r\n", b"5\nhello\n"))  # fmt: skip
    if last:
        framed.append(rng.choice((b"0\r\n\r\n", b"0\r\nx-trailer: 1\r\n\r\n", b"000\r\n\r\n")))
    return b"".join(framed)


# -- the whole ------------------------------------------------------------------------------------------------
def _interim(rng, spec, whole, target):  # type: ignore[no-untyped-def]
    spec.notes.append("interim answers")
    count = rng.choice((1, 2, 5, 3000, 300_000))
    spec.readable = spec.readable and count < 10
    one = rng.choice((b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", b"HTTP/1.1 102 Processing\r\nx: y\r\n\r\n"))  # fmt: skip
    return one * count + whole


def _line_feeds(rng, spec, whole, target):  # type: ignore[no-untyped-def]
    spec.notes.append("line feeds only")
    head, _, rest = whole.partition(b"\r\n\r\n")
    spec.readable = spec.readable and not head.startswith(b"HTTP/1.1 1")
    return head.replace(b"\r\n", b"\n") + b"\n\n" + rest


def _folded(rng, spec, whole, target):  # type: ignore[no-untyped-def]
    spec.notes.append("folded header")
    spec.readable = spec.readable and not whole.startswith(b"HTTP/1.1 1")
    first, _, rest = whole.partition(b"\r\n")
    return first + b"\r\nx-via: a,\r\n \tb\r\n" + rest


def _odd_header(rng, spec, whole, target):  # type: ignore[no-untyped-def]
    spec.notes.append("odd header")
    spec.readable = False
    first, _, rest = whole.partition(b"\r\n")
    odd = rng.choice((
        b"no colon", b": no name", b"x: \0", b"x : space", b"x\xff: y", b"x: " + b"y" * 200_000, b"x: y\r\n" * 5000,
        b"transfer-encoding: chunked", b"content-encoding: " + b"gzip," * 2000, b"\r\n", b"x: \r y", b"upgrade: h2c\r\nconnection: upgrade",
    ))  # fmt: skip
    return first + b"\r\n" + odd + b"\r\n" + rest


def _cut(rng, spec, whole, target):  # type: ignore[no-untyped-def]
    spec.notes.append("cut off")
    spec.readable = False
    spec.end = rng.choice(("close", "reset"))
    return whole[: rng.randrange(len(whole) + 1) - 1]


def _pipelined(rng, spec, whole, target):  # type: ignore[no-untyped-def]
    """A second answer behind the first, to a question that nobody has asked."""
    spec.notes.append("an answer behind it")
    spec.end = rng.choice(("keep", "close"))
    spec.readable = spec.readable and "close" not in spec.notes
    body = wrong(spec.seed, target)
    return whole + rng.choice(
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body),
            b"garbage" * 100,
            b"\r\n\r\n",
        )
    )


def _flipped(rng, spec, whole, target):  # type: ignore[no-untyped-def]
    spec.notes.append("bytes flipped in the head")
    spec.readable = False
    end = whole.find(b"\r\n\r\n") + 4
    head = bytearray(whole[:end])
    for _ in range(rng.randrange(1, 6)):
        if head:
            head[rng.randrange(len(head))] = rng.choice((0, 9, 10, 13, 32, 58, 127, 255, rng.randrange(256)))
    return bytes(head) + whole[end:]


def _not_http(rng, spec, whole, target):  # type: ignore[no-untyped-def]
    spec.notes.append("not HTTP")
    spec.readable = False
    return rng.choice((b"", b"SSH-2.0-x\r\n", b"HTTP/2 200\r\n\r\n", b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 99 x\r\n\r\n", b"HTTP/1.1 101 x\r\nupgrade: x\r\n\r\n", b"ICY 200 OK\r\n\r\n", rng.randbytes(3000), b"\r\n" * 1000 + whole, b"\x15\x03\x01\x00\x02\x02\x0a"))  # fmt: skip


_WHOLE: list[Callable] = [  # type: ignore[type-arg]
    _interim,
    _line_feeds,
    _folded,
    _odd_header,
    _cut,
    _pipelined,
    _pipelined,
    _flipped,
    _not_http,
]


# -- time -----------------------------------------------------------------------------------------------------
def _time(rng: random.Random, spec: Spec, whole: bytes) -> None:
    spec.end = spec.end if spec.end != "close" or rng.random() < 0.5 else "keep"
    if "close" in spec.notes:
        spec.end = "close" if spec.end == "keep" else spec.end
    draw = rng.random()
    if draw < 0.04:
        # A byte now and then from somewhere on; the limits of the readers are shorter than that takes.
        at = rng.randrange(len(whole) + 1)
        spec.notes.append(f"trickles from byte {at}")
        spec.steps = [whole[:at]]
        for i in range(at, min(at + 200, len(whole))):
            spec.steps += [0.02, whole[i : i + 1]]
        spec.steps.append(whole[at + 200 :])
        spec.readable = spec.readable and len(whole) - at < 5
    elif draw < 0.055:
        spec.notes.append("then silence")
        spec.steps = [whole[: rng.randrange(len(whole) + 1)], 5.0]
        spec.readable = False
    elif draw < 0.2 and len(whole) > 4:
        cuts = sorted(rng.sample(range(1, len(whole)), min(3, len(whole) - 1)))
        spec.steps = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    else:
        spec.steps = [whole]
