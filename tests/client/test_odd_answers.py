"""What hosts and proxies do to an answer on its way: pack it, drip it, fold it, echo the key. Over real sockets."""

from __future__ import annotations

import base64
import functools
import gzip
import json
import random
import time
import tracemalloc
import zlib
from email.utils import formatdate
from urllib.parse import quote

import pytest

from airflow_provider_orux.client.decoding import MOST_PACKED, SMALL, BoundedBody
from airflow_provider_orux.client.flow import LONGEST_PAUSE
from airflow_provider_orux.client.proxies import is_exempt, proxy_for
from airflow_provider_orux.client.settings import SUBMIT_LIMIT
from airflow_provider_orux.models import errors, orux
from airflow_provider_orux.models.errors import AmbiguousSubmitError, ConfigurationError, redact
from tests.client.conftest import KEY
from tests.client.servers import Proxy, RawServer


def gzipped(data: bytes, level: int = 9) -> bytes:
    """The same bytes each time: without the time of packing, which would be part of a test's name."""
    return gzip.compress(data, level, mtime=0)


IMAGINE = orux.MidjourneyV7(prompt="a lighthouse")
ACCEPTED = json.dumps({"task_id": "task_1", "status": "PENDING"}).encode()
DEFLATED = zlib.compress(ACCEPTED)
RAW_DEFLATED = DEFLATED[2:-4]
MIB = 2**20


def says(raw: bytes):
    def handler(peer, heard):
        peer.raw(raw)
        peer.close()

    return handler


def packed(body: bytes, coding: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        coding.encode(),
        len(body),
        body,
    )


# -- codings ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzipped(ACCEPTED), "gzip"),
        (gzipped(ACCEPTED), "X-GZIP"),
        (gzipped(gzipped(ACCEPTED)), "gzip, gzip"),
        (gzipped(ACCEPTED[:9]) + gzipped(ACCEPTED[9:]), "gzip"),
        (gzipped(ACCEPTED)[:-8], "gzip"),
        (gzipped(ACCEPTED) + b"\0\0padding", "gzip"),
        (DEFLATED, "deflate"),
        (RAW_DEFLATED, "deflate"),
        (gzipped(DEFLATED), "deflate, gzip"),
        (gzipped(ACCEPTED), "aws-chunked, gzip"),
        # Codings that the content does not have, and names that are no coding.
        (ACCEPTED, "gzip"),
        (ACCEPTED, "deflate"),
        (ACCEPTED, "gzip, gzip"),
        (ACCEPTED, "aws-chunked"),
        (ACCEPTED, "identity"),
        (ACCEPTED, "utf-8"),
        (ACCEPTED, "none, ,"),
        (ACCEPTED, "br"),
    ],
)
def test_the_content_decides_how_it_is_packed(speak, body, coding):
    with RawServer(says(packed(body, coding))) as server:
        client = speak(server.url)
        assert client.submit(IMAGINE).job_id == "task_1"
        assert client.poll("task_1", attempts=1).job_id == "task_1"
        assert {h.headers["accept-encoding"] for h in server.heard} == {"identity"}


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzipped(ACCEPTED)[:-8] + b"12345678", "gzip"),
        (gzipped(ACCEPTED)[:12] + b"\xff" * 40, "gzip"),
        (b"\x28\xb5\x2f\xfd" + b"\0" * 40, "zstd"),
    ],
)
def test_a_packed_answer_that_is_broken_says_nothing(speak, body, coding):
    with RawServer(says(packed(body, coding))) as server:
        with pytest.raises(AmbiguousSubmitError):
            speak(server.url).submit(IMAGINE)
        with pytest.raises((errors.GatewayUnavailableError, errors.UnexpectedResponseError)):
            speak(server.url).poll("task_1", attempts=1)


@functools.cache
def bombs() -> dict[str, tuple[bytes, str]]:
    flat = gzipped(b'{"task_id": "' + b"a" * (100 * MIB), 6)
    return {
        "gzip": (flat, "gzip"),
        "gzip, gzip": (gzipped(flat, 9), "gzip, gzip"),
        "values": (gzipped(b"[" + b"[],[]," * MIB + b"[]]"), "gzip"),
    }


@pytest.mark.parametrize("bomb", ["gzip", "gzip, gzip", "values"])
def test_a_bomb_is_defused_in_little_memory_and_time(speak, bomb):
    body, coding = bombs()[bomb]
    with RawServer(says(packed(body, coding))) as server:
        client = speak(server.url)
        tracemalloc.start()
        try:
            for call in (
                lambda: client.submit(IMAGINE),
                lambda: client.generate(orux.GptImage2(prompt="a"), submission_id="g"),
                lambda: client.poll("task_1", attempts=1),
            ):
                began = time.process_time()
                with pytest.raises(errors.OruxError) as caught:
                    call()
                assert caught.value.charged != "no"
                assert time.process_time() - began < 2
            assert tracemalloc.get_traced_memory()[1] < 64 * MIB
        finally:
            tracemalloc.stop()


def test_an_unpacked_answer_has_a_size_in_proportion():
    for size in (SMALL // 2, 3 * MIB):
        text = random.Random(1).randbytes(size)
        body = BoundedBody("gzip", max_bytes=64 * MIB)
        assert body.add(gzipped(base64.b64encode(text)))
        assert not body.truncated
    body = BoundedBody("gzip", max_bytes=512 * MIB)
    flat = gzipped(b"a" * 16 * MIB)
    assert not body.add(flat)
    assert len(body.response(200, {}, secret=None).body) == max(SMALL, MOST_PACKED * len(flat))


def test_a_submission_reads_no_more_than_a_job_id_needs(speak):
    long = b'{"task_id": "task_1", "status": "RUNNING", "more": "' + b"x" * SUBMIT_LIMIT + b'"}'
    with RawServer(lambda p, h: p.answer(long, keep=False)) as server:
        with pytest.raises(AmbiguousSubmitError, match="longer than"):
            speak(server.url).submit(IMAGINE)
        assert speak(server.url).poll("task_1").job_id == "task_1"


def test_a_body_in_very_many_pieces_is_not_read_to_its_end(speak):
    def chunks(peer, heard):
        peer.raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 200_000 + b"0\r\n\r\n"
        )

    with RawServer(chunks) as server:
        began = time.process_time()
        with pytest.raises(AmbiguousSubmitError):
            speak(server.url).submit(IMAGINE)
        assert time.process_time() - began < 3


# -- time ---------------------------------------------------------------------------------------------------
def drips_body(peer, heard):
    peer.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n")
    peer.drip(b"x" * 9999, 0.05)


def drips_headers(peer, heard):
    peer.raw(b"HTTP/1.1 200 OK\r\nX: ")
    peer.drip(b"x" * 9999, 0.05)


def drips_interim(peer, heard):
    while not peer.stopping.wait(0.05):
        peer.raw(b"HTTP/1.1 102 Processing\r\n\r\n")


def drips_chunks(peer, heard):
    peer.raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while not peer.stopping.wait(0.05):
        peer.raw(b"1\r\nx\r\n")


@pytest.mark.parametrize("how", [drips_body, drips_headers, drips_interim, drips_chunks])
def test_an_exchange_has_a_total_time_whatever_drips(speak, how):
    with RawServer(how) as server:
        client = speak(server.url, read_timeout=0.4, connect_timeout=0.3)
        began = time.monotonic()
        with pytest.raises(AmbiguousSubmitError, match="did not end in time"):
            client.submit(IMAGINE)
        with pytest.raises(errors.GatewayUnavailableError, match="did not end in time"):
            client.poll("task_1", attempts=1)
        assert time.monotonic() - began < 3


@pytest.mark.parametrize("flood", [b"HTTP/1.1 100 Continue\r\n\r\n", b"X: y\r\n", b"x"])
def test_a_flood_before_the_answer_ends_soon(speak, flood):
    def floods(peer, heard):
        if not flood.startswith(b"HTTP"):
            peer.raw(b"HTTP/1.1 200 OK\r\n")
        while not peer.stopping.is_set():
            peer.raw(flood * 1000)

    with RawServer(floods) as server:
        began = time.process_time()
        with pytest.raises(AmbiguousSubmitError):
            speak(server.url).submit(IMAGINE)
        assert time.process_time() - began < 5


def test_an_answer_that_moves_has_time(speak):
    def slow(peer, heard):
        peer.raw(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(ACCEPTED) + 20 * 16384))
        for _ in range(20):
            peer.raw(b" " * 16384)
            time.sleep(0.05)
        peer.raw(ACCEPTED)

    with RawServer(slow) as server:
        assert speak(server.url, read_timeout=0.3, connect_timeout=0.1).submit(IMAGINE).job_id == "task_1"


# -- framing ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Length: %d\r\n\r\n"
        % (len(ACCEPTED), len(ACCEPTED)),
        b"HTTP/1.1 200 OK\nContent-Length: %d\n\n" % len(ACCEPTED),
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: %d\r\n\r\n" % len(ACCEPTED),
        b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200\r\n\r\n",
    ],
)
def test_odd_framing_is_read(speak, head):
    with RawServer(says(head + ACCEPTED)) as server:
        assert speak(server.url).submit(IMAGINE).job_id == "task_1"
        assert speak(server.url).poll("task_1").job_id == "task_1"


# -- Retry-After --------------------------------------------------------------------------------------------
def test_retry_after_as_a_date_counts_from_the_answers_own_clock(speak):
    """The gateway's clock may be wrong: its two dates are compared with each other."""
    then = 1_700_000_000

    def refuses(peer, heard):
        peer.answer(b"busy", 429, keep=False, date=formatdate(then, usegmt=True), retry_after=formatdate(then + 90, usegmt=True))  # fmt: skip

    with RawServer(refuses) as server:
        with pytest.raises(errors.RateLimitedError) as caught:
            speak(server.url).poll("task_1")
        assert caught.value.retry_after == 90 > LONGEST_PAUSE
        assert len(server.heard) == 1


def test_without_a_date_of_the_answer_our_clock_counts(speak):
    def refuses(peer, heard):
        peer.answer(b"busy", 429, keep=False, retry_after=formatdate(time.time() + 90, usegmt=True))

    with RawServer(refuses) as server:
        with pytest.raises(errors.RateLimitedError) as caught:
            speak(server.url).poll("task_1")
        assert 85 < caught.value.retry_after < 95


# -- the key ------------------------------------------------------------------------------------------------
SPELLINGS = {
    "plain": lambda k: k,
    "percent": lambda k: quote(k, safe="").replace("-", "%2d"),
    "every byte percent": lambda k: "".join(f"%{b:02x}" for b in k.encode()),
    "percent twice": lambda k: "".join(f"%25{b:02X}" for b in k.encode()),
    "json": lambda k: "".join(f"\\u{ord(c):04X}" for c in k),
    "html": lambda k: "".join(f"&#{ord(c)};" for c in k),
    "hexadecimal": lambda k: k.encode().hex(),
    "base64": lambda k: base64.b64encode(k.encode()).decode(),
    "base64 of the header": lambda k: base64.b64encode(f"Bearer {k}".encode()).decode(),
    "base64url of a pair": lambda k: base64.urlsafe_b64encode(f"user:{k}".encode()).decode().rstrip("="),
}
ODD_KEY = "Zk9!odd~key%41.of-no+known/shape="


@pytest.mark.parametrize("key", [KEY, ODD_KEY], ids=["documented", "odd"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_key_is_blanked_in_every_spelling(spelling, key):
    spelled = SPELLINGS[spelling](key)
    left = redact(f"The header {spelled} is wrong", key)
    assert "***" in left
    # Of base64 at most the characters remain that the neighbours have a part in.
    assert not any(spelled[i : i + 8] in left for i in range(4, len(spelled) - 8))


@pytest.mark.parametrize("key", [KEY, ODD_KEY], ids=["documented", "odd"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32"])
def test_a_key_in_an_answer_is_blanked_after_decoding(speak, key, encoding):
    escaped = "".join(f"\\u{ord(c):04x}" for c in key)
    text = '{"task_id": "task_1", "status": "SUCCESS", "model": "a KEY", "result_urls": ["https://cdn.example/KEY.png"]}'
    text = text.replace("KEY", escaped)
    with RawServer(lambda p, h: p.answer(text.encode(encoding), keep=False)) as server:
        job = speak(server.url, key=key).poll("task_1")
    assert key not in repr(job)
    assert job.urls == ("https://cdn.example/***.png",) or list(job.urls) == ["https://cdn.example/***.png"]
    with RawServer(lambda p, h: p.answer(f"<b>{key}</b>".encode(encoding), 502, keep=False)) as server:
        with pytest.raises(errors.GatewayUnavailableError) as caught:
            speak(server.url, key=key).poll("task_1", attempts=1)
        assert key not in str(caught.value).replace("\\x00", "").replace("\0", "")


# -- which proxy --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "exempt"),
    [
        ("*", "orux.top", None, True),
        ("orux.top", "orux.top", None, True),
        ("orux.top", "api.orux.top", None, True),
        ("orux.top", "notorux.top", None, False),
        (".orux.top", "api.orux.top", None, True),
        ("*.orux.top", "api.orux.top", None, True),
        ("ORUX.top.", "orux.TOP", None, True),
        ("orux.top:8443", "orux.top", 8443, True),
        ("orux.top:8443", "orux.top", None, False),
        ("[::1]", "::1", None, True),
        ("::1", "0:0:0:0:0:0:0:1", 80, True),
        ("[::1]:8810", "::1", 8810, True),
        ("[::1]:8810", "::1", 8811, False),
        ("fd00::/8", "fd12::5", None, True),
        ("[fd00::]/8", "fd12::5", None, True),
        ("fd00::/8", "fe80::5", None, False),
        ("10.0.0.0/8,192.168.0.0/16", "192.168.3.4", None, True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", None, True),
        ("10.0.0.0/8", "11.0.0.1", None, False),
        ("a.example, b.example c.example", "c.example", None, True),
        (",,  ,", "orux.top", None, False),
        ("[", "orux.top", None, False),
        ("999.1.1.1/99", "orux.top", None, False),
        ("", "orux.top", None, False),
    ],
)
def test_no_proxy(no_proxy, host, port, exempt):
    assert is_exempt(host, port, no_proxy) is exempt


@pytest.mark.parametrize("no_proxy", ["[::1]", "[::1],127.0.0.0/8", "fd00::/8, 127.0.0.1"])
def test_an_ipv6_address_in_no_proxy_stops_nothing(speak, monkeypatch, no_proxy):
    with RawServer(lambda p, h: p.answer(ACCEPTED)) as server, Proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", no_proxy)
        assert speak(server.url).submit(IMAGINE).job_id == "task_1"
        assert len(proxy.heard) == (0 if "127" in no_proxy else 1)


def test_the_proxy_of_a_url(monkeypatch, speak):
    assert proxy_for("https://orux.top") is None
    monkeypatch.setenv("ALL_PROXY", "proxy.example:3128")
    assert proxy_for("https://orux.top") == "http://proxy.example:3128"
    assert proxy_for("https://orux.top", "http://mine:1") == "http://mine:1"
    monkeypatch.setenv("HTTPS_PROXY", "http://other:1")
    assert proxy_for("https://orux.top") == "http://other:1"
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://user:secret@p")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        proxy_for("https://orux.top")
    assert "secret" not in str(caught.value)
    assert proxy_for("http://orux.top") == "http://proxy.example:3128"
