"""The poller's own connections, against a socket that says byte for byte what an answer is."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_orux.client.flow import Send, TransportFailure, UntrustedCertificate
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.poller import transport as transport_module
from airflow_provider_orux.poller.transport import HttpxTransport, KeptConnections, poll_transport

KEY = "sk-app-abcdefgh_secret"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Peer:
    """Answers the n-th request of a connection with ``answers(n)``: bytes, or a coroutine that has the writer."""

    def __init__(self, answers: Callable[..., Any]) -> None:
        self.answers = answers
        self.requests: list[bytes] = []
        self.connections = 0
        self.gone = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = 0
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                body = await reader.readexactly(int(length)) if length else b""
                self.requests.append(head + body)
                answer = self.answers(self.connections, number)
                number += 1
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                elif answer is None:
                    return
                else:
                    await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
        finally:
            writer.close()


def answer(body: bytes = b"{}", status: int = 200, *headers: str) -> bytes:
    lines = "".join(f"{h}\r\n" for h in headers)
    return f"HTTP/1.1 {status} X\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def peer(answers: Callable[..., Any], **settings: Any):  # type: ignore[no-untyped-def]
    serving = Peer(answers)
    server = await asyncio.start_server(serving.serve, "127.0.0.1", 0, ssl=settings.pop("ssl", None))
    scheme = settings.pop("scheme", "http")
    port = server.sockets[0].getsockname()[1]
    prefix = settings.pop("prefix", "")
    transport = KeptConnections(
        gateway_for("orux"),
        ClientSettings(f"{scheme}://127.0.0.1:{port}{prefix}", key=KEY, **settings),
    )
    try:
        yield serving, transport
    finally:
        await transport.aclose()
        server.close()


def get(path: str = "/x", *, read_timeout: float = 5.0, max_bytes: int = 1000, **more: Any) -> Send:
    return Send(HttpRequest("GET", path, Purpose.READ, **more), read_timeout, max_bytes)


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await asyncio.wait_for(story(), 30)

    asyncio.run(whole())


def test_one_connection_for_many_polls_and_what_is_said_on_it():
    async def story() -> None:
        async with peer(lambda c, n: answer(b'{"n":%d}' % n, 200, "X-Two: a", "X-Two: b"), prefix="/pre") as (
            p,
            t,
        ):
            for n in range(5):
                found = await t.send(get("/tasks/a%20b", query={"wait": "3", "q": "ä"}))
                assert (found.status, json.loads(found.body), found.truncated) == (200, {"n": n}, False)
                assert found.headers["x-two"] == "a, b"
            assert p.connections == 1
            head = p.requests[0].decode()
            assert head.startswith("GET /pre/tasks/a%20b?wait=3&q=%C3%A4 HTTP/1.1\r\nHost: 127.0.0.1:")
            assert f"Authorization: Bearer {KEY}\r\n" in head

    run(story)


def test_the_key_goes_only_where_it_is_wanted_and_a_body_is_json():
    async def story() -> None:
        async with peer(lambda c, n: answer()) as (p, t):
            await t.send(get(with_key=False))
            assert b"uthorization" not in p.requests[0]
            await t.send(Send(HttpRequest("POST", "/b", Purpose.READ, body={"ids": ["é"]}), 5, 100))
            head, _, body = p.requests[1].partition(b"\r\n\r\n")
            assert json.loads(body) == {"ids": ["é"]}
            assert b"Content-Type: application/json" in head

    run(story)


def chunked(*parts: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in parts)
        + b"0\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("raw", "body", "kept"),
    [
        (answer(b"hello"), b"hello", True),
        (chunked(b"hel", b"lo"), b"hello", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"hello"), b"hello", True),
        (answer(b"hello", 200, "Connection: close"), b"hello", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
        (answer(gzip.compress(b"hello", mtime=0), 200, "Content-Encoding: gzip"), b"hello", True),
        (answer(b"hello", 200, "Content-Encoding: gzip"), b"hello", True),
        (answer(b"hello", 200, "Content-Encoding: aws-chunked"), b"hello", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (answer(b""), b"", True),
    ],
)
def test_every_way_to_end_a_body(raw, body, kept):
    async def story() -> None:
        async with peer(lambda c, n: raw) as (p, t):
            for _ in range(2):
                assert (await t.send(get())).body == body
            assert p.connections == (1 if kept else 2)

    run(story)


def test_a_body_without_a_length_ends_with_the_connection():
    async def story() -> None:
        async def endless(reader: Any, writer: Any) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\nhel")
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.write(b"lo")
            writer.close()

        async with peer(lambda c, n: endless) as (_, t):
            assert (await t.send(get())).body == b"hello"

    run(story)


def test_an_answer_in_single_bytes():
    async def story() -> None:
        async def slow(reader: Any, writer: Any) -> None:
            for byte in chunked(b"hello"):
                writer.write(bytes([byte]))
                await writer.drain()

        async with peer(lambda c, n: slow) as (_, t):
            assert (await t.send(get())).body == b"hello"

    run(story)


@pytest.mark.parametrize("packed", [False, True])
def test_a_long_body_is_cut_and_its_connection_closed(packed):
    async def story() -> None:
        body = b"A" * 50_000_000
        raw = answer(gzip.compress(body, 1), 200, "Content-Encoding: gzip") if packed else answer(body)
        async with peer(lambda c, n: raw) as (p, t):
            found = await t.send(get(max_bytes=1000))
            assert (len(found.body), found.truncated, found.status) == (1000, True, 200)
            assert (await t.send(get(max_bytes=1000))).truncated
            assert p.connections == 2

    run(story)


def test_no_redirect_is_followed():
    async def story() -> None:
        async with peer(lambda c, n: answer(b"", 302, "Location: http://127.0.0.1:1/")) as (p, t):
            assert (await t.send(get())).status == 302
            assert len(p.requests) == 1

    run(story)


def test_a_connection_that_the_host_closed_in_between_is_not_a_failed_poll():
    async def story() -> None:
        async with peer(lambda c, n: answer() if n == 0 else None) as (p, t):
            for _ in range(4):
                assert (await t.send(get())).status == 200
            assert p.connections == 4

    run(story)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        answer(gzip.compress(b"hello", mtime=0)[:-8] + b"87654321", 200, "Content-Encoding: gzip"),
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
    ],
)
def test_half_an_answer_and_nonsense_are_failures_and_never_a_job(raw):
    async def story() -> None:
        async def say(reader: Any, writer: Any) -> None:
            writer.write(raw)
            await writer.drain()
            writer.close()

        async with peer(lambda c, n: say) as (p, t):
            with pytest.raises(TransportFailure) as failed:
                await t.send(get())
            assert failed.value.sent
            assert KEY not in str(failed.value)
            # What the parser refuses is tried once more, by a tolerant one, and then left to ours again.
            assert p.connections == (2 if raw.startswith(b"SSH") else 1)
            assert t._idle == []
            assert t._successor is None

    run(story)


TWO_LENGTHS = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"
FOLDED = b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nhello"
LINE_FEEDS = b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"


@pytest.mark.parametrize("raw", [TWO_LENGTHS, FOLDED, LINE_FEEDS])
def test_what_a_strict_parser_refuses_is_read_through_httpx_from_then_on(raw):
    async def story() -> None:
        async with peer(lambda c, n: raw) as (p, t):
            assert (await t.send(get())).body == b"hello"
            used = len(p.requests)
            assert used == 2
            for _ in range(3):
                assert (await t.send(get())).body == b"hello"
            assert len(p.requests) == used + 3, "our own connections are not tried again"
            assert p.connections == 2, "httpx keeps its connection"

    run(story)


def test_one_odd_answer_among_good_ones_does_not_fail():
    async def story() -> None:
        async with peer(lambda c, n: TWO_LENGTHS if c == 1 and n == 1 else answer(b"hello")) as (_, t):
            found = [await t.send(get()) for _ in range(4)]
            assert {f.body for f in found} == {b"hello"}

    run(story)


@pytest.mark.parametrize("trickle", [False, True])
def test_time_outs_close_the_connection(trickle):
    async def story() -> None:
        async def hang(reader: Any, writer: Any) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
            while True:
                if trickle:
                    writer.write(b"A")
                    await writer.drain()
                await asyncio.sleep(0.05)
                if reader.at_eof():
                    raise ConnectionError

        async with peer(lambda c, n: hang, total_timeout=1.0) as (p, t):
            began = time.monotonic()
            with pytest.raises(TransportFailure, match=r"in time"):
                await t.send(get(read_timeout=1.0 if trickle else 0.4))
            assert 0.3 < time.monotonic() - began < (2.0 if trickle else 0.9)
            await asyncio.wait_for(p.gone.wait(), 5)

    run(story)


def test_a_poll_that_is_cancelled_closes_its_connection():
    async def story() -> None:
        async def hang(reader: Any, writer: Any) -> None:
            await reader.read()
            raise ConnectionError

        async with peer(lambda c, n: hang) as (p, t):
            task = asyncio.create_task(t.send(get()))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(p.gone.wait(), 5)
            assert t._idle == []

    run(story)


def test_words_that_nobody_asked_for_close_the_connection():
    async def story() -> None:
        async def twice(reader: Any, writer: Any) -> None:
            writer.write(answer(b"first"))
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.write(answer(b"of another"))

        async with peer(lambda c, n: twice) as (p, t):
            assert (await t.send(get())).body == b"first"
            await asyncio.sleep(0.15)
            assert (await t.send(get())).body == b"first"
            assert p.connections == 2

    run(story)


def test_a_host_that_refuses_or_cannot_be_found_was_never_sent_anything():
    async def story() -> None:
        for host in ("http://127.0.0.1:1", "http://does-not-exist.invalid"):
            transport = KeptConnections(gateway_for("orux"), ClientSettings(host, key=KEY))
            with pytest.raises(TransportFailure) as failed:
                await transport.send(get())
            assert not failed.value.sent

    run(story)


def test_nothing_that_is_paid_for_and_no_smuggled_line():
    async def story() -> None:
        async with peer(lambda c, n: answer()) as (p, t):
            with pytest.raises(RuntimeError):
                await t.send(Send(HttpRequest("POST", "/x", Purpose.PAY, body={}), 5, 100))
            for path, headers in (("/x\r\nEvil: 1", {}), ("/x y", {}), ("/x", {"A": "b\r\nEvil: 1"})):
                with pytest.raises(TransportFailure):
                    await t.send(get(path, headers=headers))
            assert p.requests == []

    run(story)


def test_the_certificate_is_checked(tmp_path: Path):
    import ssl

    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def story() -> None:
        async with peer(lambda c, n: answer(b"ok"), ssl=context, scheme="https", ca_path=certificate) as (
            _,
            t,
        ):
            assert (await t.send(get())).body == b"ok"
            assert (await t.send(get())).body == b"ok"
        async with peer(lambda c, n: answer(b"ok"), ssl=context, scheme="https") as (p, t):
            with pytest.raises(UntrustedCertificate, match="self-signed") as failed:
                await t.send(get())
            assert not failed.value.sent
            assert failed.value.error("orux", host="orux.top").param == "ca_path"
            assert p.requests == []

    run(story)


@pytest.mark.parametrize(
    ("settings", "environment", "kept"),
    [
        ({}, {}, True),
        ({"proxy": "http://127.0.0.1:3128"}, {}, False),
        ({}, {"https_proxy": "http://127.0.0.1:3128"}, False),
        ({}, {"https_proxy": "http://127.0.0.1:3128", "no_proxy": "gateway.example"}, True),
        ({}, {"http_proxy": "http://127.0.0.1:3128"}, True),
        ({"base_url": "https://gäteway.example"}, {}, False),
    ],
)
def test_proxies_and_odd_hosts_are_left_to_httpx(settings, environment, kept, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    given = ClientSettings(**{"base_url": "https://gateway.example", "key": KEY, **settings})
    found = poll_transport(gateway_for("orux"), given, connections=20)
    assert isinstance(found, KeptConnections if kept else HttpxTransport)


def test_without_the_parser_httpx_polls_in_small_pools(monkeypatch):
    monkeypatch.setattr(transport_module, "_has_parser", lambda: False)

    async def story() -> None:
        most = 0
        now = 0

        async def hold(reader: Any, writer: Any) -> None:
            nonlocal most, now
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.05)
            now -= 1
            writer.write(answer())
            await writer.drain()

        async with peer(lambda c, n: hold) as (p, kept):
            transport = poll_transport(gateway_for("orux"), kept._settings, connections=20)
            assert isinstance(transport, HttpxTransport)
            found: list[HttpResponse] = await asyncio.gather(*(transport.send(get()) for _ in range(20)))
            assert {f.status for f in found} == {200}
            assert most == 20
            await asyncio.gather(*(transport.send(get()) for _ in range(3)))
            assert p.connections <= 23
            await transport.aclose()

    run(story)


def self_signed(folder: Path) -> tuple[str, str]:
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=7))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")
