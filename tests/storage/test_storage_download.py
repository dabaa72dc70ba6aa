"""Fetching links: what is sent, what is followed, what is tried again."""

from __future__ import annotations

import gzip
import io
import socket
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import httpx
import pytest

from airflow_provider_orux.client.decoding import Decoder
from airflow_provider_orux.models.errors import (
    ArtifactError,
    ArtifactRejectedError,
    ArtifactURLExpiredError,
    ConfigurationError,
)
from airflow_provider_orux.storage import StorageSettings
from airflow_provider_orux.storage.address import Resolve, addresses_of
from airflow_provider_orux.storage.download import Downloader
from airflow_provider_orux.storage.spool import DestinationError, Spool
from tests.storage.web import Exchange, Web


def packed(data: bytes, level: int = 9) -> bytes:
    """The same bytes each time: without the time of packing, which would be part of a test's name."""
    return gzip.compress(data, level, mtime=0)


BODY = b"0123456789" * 5000


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def fetch(
    url: str,
    settings: StorageSettings,
    *,
    accept: Callable[[Spool], Any] = lambda spool: None,
    resolve: Resolve = addresses_of,
    transport: httpx.BaseTransport | None = None,
) -> bytes:
    file = io.BytesIO()
    spool = Spool(file, max_bytes=settings.max_bytes)
    with Downloader(settings, resolve=resolve, transport=transport) as downloader:
        downloader.fetch(url, spool, accept)
    spool.finish()
    assert spool.size == len(file.getvalue())
    return file.getvalue()


def status(code: int, **headers: str) -> Callable[[Exchange], None]:
    return lambda e: e.send(code, b"sorry", **headers)


def ok(e: Exchange) -> None:
    e.send(200, BODY)


def cut(e: Exchange) -> None:
    e.send_response(200)
    e.send_header("Content-Length", str(len(BODY)))
    e.end_headers()
    e.wfile.write(BODY[:1000])
    e.wfile.flush()
    e.connection.shutdown(socket.SHUT_RDWR)
    e.close_connection = True


def cut_chunked(e: Exchange) -> None:
    e.send_response(200)
    e.send_header("Transfer-Encoding", "chunked")
    e.end_headers()
    e.wfile.write(b"5\r\n01234\r\n")
    e.wfile.flush()
    e.connection.shutdown(socket.SHUT_RDWR)
    e.close_connection = True


def hang_up(e: Exchange) -> None:
    e.connection.shutdown(socket.SHUT_RDWR)
    e.close_connection = True


def silent(e: Exchange) -> None:
    e.send_response(200)
    e.send_header("Content-Length", "100")
    e.end_headers()
    e.wfile.write(b"x")
    e.wfile.flush()
    time.sleep(1.5)
    e.close_connection = True


def trickle(e: Exchange) -> None:
    e.send_response(200)
    e.send_header("Content-Length", "1000")
    e.end_headers()
    try:
        for _ in range(100):
            e.wfile.write(b"x")
            e.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass
    e.close_connection = True


def test_nothing_that_identifies_us_is_sent(web: Web, settings: StorageSettings) -> None:
    web.play("/a", lambda e: e.send(302, Location="/b", Set_Cookie="session=1; Path=/"))
    web.file("/b", BODY, Set_Cookie="session=2; Path=/")
    with Downloader(settings) as downloader:
        for _ in range(2):
            downloader.fetch(web.url + "/a?sig=1", Spool(io.BytesIO(), max_bytes=10**6), lambda spool: None)
    assert [path for path, _ in web.seen] == ["/a?sig=1", "/b"] * 2
    for _, headers in web.seen:
        assert set(headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
        assert headers["user-agent"] == "airflow-provider-orux"
        assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "trouble",
    [status(500), status(502), status(503), status(408), status(429), status(425), cut, cut_chunked, hang_up],
)
def test_what_may_be_better_later_is_tried_again(
    web: Web, settings: StorageSettings, trouble: Callable[[Exchange], None]
) -> None:
    url = web.play("/a", trouble, trouble, ok)
    assert fetch(url, settings) == BODY
    assert web.count("/a") == 3


@pytest.mark.parametrize("trouble", [status(503), cut, cut_chunked, hang_up, status(204), status(304)])
def test_after_all_tries_it_is_an_error_that_a_retry_may_cure(
    web: Web, settings: StorageSettings, trouble: Callable[[Exchange], None]
) -> None:
    url = web.play("/a", trouble)
    with pytest.raises(ArtifactError, match="4 tries") as caught:
        fetch(url + "?sig=secret", settings)
    assert not caught.value.final
    assert web.count("/a") == 4
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_dead_url_is_final_and_has_a_type_of_its_own(
    web: Web, settings: StorageSettings, code: int
) -> None:
    url = web.play("/a", status(code))
    with pytest.raises(ArtifactURLExpiredError, match=r"^The URL http\S+ is dead or has expired") as caught:
        fetch(url + "?sig=secret", settings)
    assert caught.value.http_status == code
    assert "secret" not in str(caught.value)
    assert web.count("/a") == settings.dead_attempts == 3


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_url_that_is_not_there_yet_is_tried_again(web: Web, settings: StorageSettings, code: int) -> None:
    # Right after the end of a job.
    url = web.play("/a", status(code), status(code), ok)
    assert fetch(url, settings) == BODY


def test_nothing_is_tried_past_the_deadline(web: Web, settings: StorageSettings) -> None:
    url = web.play("/a", status(503))
    spool = Spool(io.BytesIO(), max_bytes=100)
    with (
        Downloader(replace(settings, backoff_base=10)) as downloader,
        pytest.raises(ArtifactError, match="503"),
    ):
        downloader.fetch(url, spool, lambda spool: None, deadline=time.monotonic() + 1)
    assert web.count("/a") == 1


def test_a_refusal_of_another_kind_is_final_too(web: Web, settings: StorageSettings) -> None:
    url = web.play("/a", status(451))
    with pytest.raises(ArtifactRejectedError, match="451"):
        fetch(url, settings)


def test_a_silent_server_is_given_up(web: Web, settings: StorageSettings) -> None:
    url = web.play("/a", silent, ok)
    assert fetch(url, replace(settings, read_timeout=0.2)) == BODY


def test_a_trickle_is_given_up(web: Web, settings: StorageSettings) -> None:
    url = web.play("/a", trickle)
    began = time.monotonic()
    with pytest.raises(ArtifactError, match=r"did not end in time"):
        fetch(url, replace(settings, total_timeout=0.3, attempts=2))
    assert time.monotonic() - began < 3


def test_nobody_listens(settings: StorageSettings) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(ArtifactError, match=r"could not be fetched \(ConnectError") as caught:
        fetch(f"http://127.0.0.1:{port}/a", settings)
    assert not caught.value.final


@pytest.mark.parametrize(
    "value", ["1", lambda: formatdate(time.time() + 2, usegmt=True)], ids=["seconds", "date"]
)
def test_a_server_says_when_to_come_back(web: Web, settings: StorageSettings, value: Any) -> None:
    text = value if isinstance(value, str) else value()
    url = web.play("/a", status(429, Retry_After=text), ok)
    began = time.monotonic()
    assert fetch(url, settings) == BODY
    assert time.monotonic() - began > 0.9


@pytest.mark.parametrize("value", ["3600", "soon", "-1", "", "Mon, 99 Foo"])
def test_a_pause_has_an_end(web: Web, settings: StorageSettings, value: str) -> None:
    url = web.play("/a", status(503, Retry_After=value), ok)
    began = time.monotonic()
    assert fetch(url, replace(settings, max_pause=0.1)) == BODY
    assert time.monotonic() - began < 2


def test_content_that_is_judged_to_be_cut_is_fetched_again(web: Web, settings: StorageSettings) -> None:
    url = web.play("/a", lambda e: e.send(200, b"half"), ok)
    judged: list[int] = []

    def accept(spool: Spool) -> None:
        judged.append(spool.size)
        if spool.size < 10:
            raise ArtifactError("cut")

    assert fetch(url, settings, accept=accept) == BODY
    assert judged == [4, len(BODY)]


def test_what_is_judged_wrong_for_good_is_not_fetched_again(web: Web, settings: StorageSettings) -> None:
    url = web.file("/a", BODY)

    def accept(spool: Spool) -> None:
        raise ArtifactRejectedError("HTML")

    with pytest.raises(ArtifactRejectedError, match="HTML"):
        fetch(url, settings, accept=accept)
    assert web.count("/a") == 1


def test_an_empty_answer(web: Web, settings: StorageSettings) -> None:
    url = web.file("/a", b"")
    with pytest.raises(ArtifactError, match=r"is empty \(4 tries\)") as caught:
        fetch(url, settings)
    assert not caught.value.final


def test_too_large_by_its_own_word(web: Web, settings: StorageSettings) -> None:
    url = web.file("/a", BODY)
    with pytest.raises(ArtifactRejectedError, match=r"0\.01 MiB.*max_artifact_mib"):
        fetch(url, replace(settings, max_artifact_mib=0.01))
    assert web.count("/a") == 1


def test_too_large_without_a_word(web: Web, settings: StorageSettings) -> None:
    sent = []

    def endless(e: Exchange) -> None:
        e.send_response(200)
        e.send_header("Connection", "close")
        e.end_headers()
        try:
            for _ in range(10_000):
                e.wfile.write(BODY)
                sent.append(len(BODY))
        except OSError:
            pass
        e.close_connection = True

    url = web.play("/a", endless)
    with pytest.raises(ArtifactRejectedError, match="max_artifact_mib"):
        fetch(url, replace(settings, max_artifact_mib=1))
    assert sum(sent) < 100 * 2**20


FRAMED = b"".join(
    b"%x;chunk-signature=%b\r\n%b\r\n" % (len(part), b"0" * 64, part)
    for part in (BODY[:1000], BODY[1000:], b"")
)
UNSIGNED = b"%x\r\n%b\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (BODY, "aws-chunked"),
        (FRAMED, "aws-chunked"),
        (UNSIGNED, "aws-chunked"),
        (BODY, "aws-chunked,gzip"),
        (BODY, "gzip"),
        (BODY, "deflate"),
        (BODY, "br"),
        (BODY, "UTF-8"),
        (BODY, "image/png"),
        (packed(BODY), "gzip"),
        (packed(FRAMED), "aws-chunked, gzip"),
        (packed(packed(BODY)), "gzip, gzip"),
        (zlib.compress(BODY), "deflate"),
    ],
)
def test_the_content_decides_how_a_stored_object_is_packed(
    web: Web, settings: StorageSettings, content: bytes, encoding: str
) -> None:
    assert fetch(web.file("/a", content, Content_Encoding=encoding), settings) == BODY


def test_frames_are_found_wherever_a_read_ends() -> None:
    for data, whole in ((FRAMED, BODY), (UNSIGNED, BODY), (b"ab", b"ab"), (b"abcdefgh\r", b"abcdefgh\r")):
        for step in (1, 2, 7, 65, 66, 90, 1001):
            decoder = Decoder("aws-chunked")
            pieces = [data[i : i + step] for i in range(0, len(data), step)]
            found = b"".join(b"".join(decoder.feed(piece)) for piece in pieces) + b"".join(decoder.finish())
            assert found == whole


def test_a_packed_bomb_ends_at_the_limit(web: Web, settings: StorageSettings) -> None:
    bomb = packed(packed(bytes(2**26)))
    url = web.file("/a", bomb, Content_Encoding="gzip, gzip")
    with pytest.raises(ArtifactRejectedError, match="max_artifact_mib"):
        fetch(url, replace(settings, max_artifact_mib=1))
    assert web.count("/a") == 1


def test_a_coding_that_we_cannot_undo_is_named(web: Web, settings: StorageSettings) -> None:
    def refuse(spool: Spool) -> None:
        raise ArtifactRejectedError("It is not an image")

    url = web.file("/a", b"\x28\xb5\x2f\xfd" + bytes(50), Content_Encoding="zstd")
    with Downloader(settings) as downloader, pytest.raises(ArtifactRejectedError, match="packed as zstd"):
        downloader.fetch(url, Spool(io.BytesIO(), max_bytes=10**6), refuse)


@pytest.mark.parametrize("drip", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 103 Early\r\n\r\n"])
def test_headers_that_drip_end(settings: StorageSettings, drip: bytes) -> None:
    from tests.client.servers import RawServer

    def dripping(peer: Any, heard: Any) -> None:
        peer.raw(drip)
        while not peer.stopping.wait(0.05):
            peer.raw(b"x" if drip.endswith(b" ") else drip)

    hasty = replace(settings, connect_timeout=0.2, read_timeout=0.3, attempts=1)
    with RawServer(dripping) as server:
        began = time.monotonic()
        with pytest.raises(ArtifactError, match="did not end"):
            fetch(server.url + "/a", hasty)
        assert time.monotonic() - began < 2


def test_a_full_disk_is_not_tried_again(web: Web, settings: StorageSettings) -> None:
    url = web.file("/a", BODY)

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    with Downloader(settings) as downloader, pytest.raises(DestinationError, match="No space left"):
        downloader.fetch(url, Spool(Full(), max_bytes=10**6), lambda spool: spool.finish())
    assert web.count("/a") == 1


# Redirects


def test_redirects_are_followed(web: Web, settings: StorageSettings) -> None:
    for n, code in enumerate((301, 302, 303, 307, 308)):
        web.play(f"/{n}", lambda e, n=n, code=code: e.send(code, Location=f"{web.url}/{n + 1}"))
    web.file("/5", BODY)
    assert fetch(web.url + "/0", settings) == BODY
    with pytest.raises(ArtifactRejectedError, match="more than 4 times"):
        fetch(web.url + "/0", replace(settings, max_redirects=4))


def test_redirects_in_a_circle(web: Web, settings: StorageSettings) -> None:
    url = web.play("/a", lambda e: e.send(302, Location="/a"))
    with pytest.raises(ArtifactRejectedError, match="more than 5 times"):
        fetch(url, settings)
    assert web.count("/a") == 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://x/y", "http://u:p@127.0.0.1/x"])
def test_redirects_to_what_is_not_followed(web: Web, settings: StorageSettings, target: str) -> None:
    url = web.play("/a", lambda e: e.send(302, Location=target))
    with pytest.raises(ArtifactRejectedError):
        fetch(url, settings)


def test_a_redirect_to_nowhere(web: Web, settings: StorageSettings) -> None:
    url = web.play("/a", lambda e: e.send(302))
    with pytest.raises(ArtifactError, match="redirects without a target"):
        fetch(url, settings)


def public(request: httpx.Request) -> httpx.Response:
    """An internet of three hosts."""
    answers = {
        "https://cdn.example.com/down": httpx.Response(302, headers={"Location": "http://cdn.example.com/a"}),
        "https://cdn.example.com/inside": httpx.Response(
            302, headers={"Location": "https://169.254.169.254/latest"}
        ),
        "https://cdn.example.com/wrapped": httpx.Response(
            302, headers={"Location": "https://[::ffff:10.0.0.1]/a"}
        ),
        "http://cdn.example.com/a": httpx.Response(200, content=BODY),
        "https://169.254.169.254/latest": httpx.Response(200, content=b"credentials"),
    }
    return answers[str(request.url)]


def test_a_redirect_does_not_lead_inside() -> None:
    strict = StorageSettings(backoff_base=0.005)
    for path in ("inside", "wrapped"):
        with pytest.raises(ArtifactRejectedError, match=r"169\.254|10\.0\.0\.1"):
            fetch(f"https://cdn.example.com/{path}", strict, transport=httpx.MockTransport(public))


def test_a_redirect_does_not_lead_from_https_to_http(settings: StorageSettings) -> None:
    strict = StorageSettings(backoff_base=0.005)
    with pytest.raises(ArtifactRejectedError, match="from https to http"):
        fetch("https://cdn.example.com/down", strict, transport=httpx.MockTransport(public))
    # A machine of one's own may have no certificates.
    assert fetch("https://cdn.example.com/down", settings, transport=httpx.MockTransport(public)) == BODY


# Addresses


def test_a_private_host_is_not_connected_to(web: Web) -> None:
    strict = StorageSettings(backoff_base=0.005)
    url = web.file("/a", BODY)
    for link in (url, url.replace("127.0.0.1", "localhost"), url.replace("127.0.0.1", "2130706433")):
        with pytest.raises(ArtifactRejectedError, match="allow_private_hosts") as caught:
            fetch(link, strict)
        assert caught.value.final
    assert web.seen == []


def test_a_name_cannot_lead_elsewhere_between_judgement_and_connection(
    web: Web, settings: StorageSettings
) -> None:
    # DNS rebinding: there is one look-up a connection; what it found is judged and is what is connected to.
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.2", "127.0.0.1"]  # nobody listens at the first one

    web.file("/a", BODY)
    link = f"http://cdn.example.com:{web.port}/a"
    with pytest.raises(ArtifactRejectedError, match=r"cdn\.example\.com leads to 127\.0\.0\.2"):
        fetch(link, StorageSettings(backoff_base=0.005), resolve=resolve)
    assert web.seen == []
    assert asked == [("cdn.example.com", web.port)]
    assert fetch(link, settings, resolve=resolve) == BODY
    assert len(asked) == 2
    assert web.seen[0][1]["host"] == f"cdn.example.com:{web.port}"


def test_the_peer_is_looked_at_whoever_connected(web: Web) -> None:
    # A transport that goes elsewhere than its name says.
    class Elsewhere(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            request.url = request.url.copy_with(host="127.0.0.1", port=web.port, scheme="http")
            return super().handle_request(request)

    web.file("/a", BODY)
    strict = StorageSettings(backoff_base=0.005)
    with pytest.raises(ArtifactRejectedError, match=r"cdn\.example\.com leads to 127\.0\.0\.1"):
        fetch("https://cdn.example.com/a", strict, transport=Elsewhere())


def test_a_proxy_is_used_and_is_not_taken_for_the_peer(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    # A proxy on loopback, and a name that only the proxy knows; private hosts are not allowed.
    strict = StorageSettings(backoff_base=0.005, proxy=web.url)

    def unknown(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    seen: list[str] = []

    def answer(e: Exchange) -> None:
        seen.append(e.path)
        e.send(200, BODY)

    web.plays["http://cdn.example.com/a"] = [answer]
    assert fetch("http://cdn.example.com/a", strict, resolve=unknown) == BODY
    with pytest.raises(ArtifactRejectedError, match=r"cdn\.example\.com cannot be resolved here"):
        fetch("http://cdn.example.com/a", replace(strict, strict_proxy=True), resolve=unknown)
    with pytest.raises(ArtifactRejectedError, match=r"leads to 10\.0\.0\.7"):
        fetch("http://cdn.example.com/a", strict, resolve=lambda host, port: ["10.0.0.7"])
    public = replace(strict, strict_proxy=True)
    assert fetch("http://cdn.example.com/a", public, resolve=lambda host, port: ["1.1.1.1"]) == BODY
    monkeypatch.setenv("http_proxy", web.url)
    assert fetch("http://cdn.example.com/a", replace(strict, proxy=None), resolve=unknown) == BODY
    assert len(seen) == 3
    with pytest.raises(ArtifactRejectedError):
        fetch("http://10.0.0.1/a", strict)
    monkeypatch.setenv("no_proxy", "cdn.example.com")
    with pytest.raises(ArtifactError, match="cannot be found"):
        fetch("http://cdn.example.com/a", replace(strict, proxy=None), resolve=unknown)
    assert len(seen) == 3


def test_a_proxy_that_is_none() -> None:
    with pytest.raises(ConfigurationError, match="proxy") as caught:
        fetch(
            "http://cdn.example.com/a",
            StorageSettings(proxy="nonsense://:secretsecret@x"),
            resolve=lambda h, p: [],
        )
    assert "secretsecret" not in str(caught.value)


def test_a_certificate_that_is_not_trusted_is_final(settings: StorageSettings, tmp_path: Any) -> None:
    import ssl
    import subprocess

    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", tmp_path / "key", "-out", tmp_path / "cert"],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl cannot make a certificate here")
    secure = Web()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    secure._server.socket = context.wrap_socket(secure._server.socket, server_side=True)
    try:
        secure.file("/a", BODY)
        url = f"https://localhost:{secure.port}/a"
        with pytest.raises(ArtifactRejectedError, match="ca_path"):
            fetch(url, settings)
        # The name is checked although the connection was made to its address.
        assert fetch(url, replace(settings, ca_path=str(tmp_path / "cert"))) == BODY
    finally:
        secure.stop()


def test_no_thread_is_left(web: Web, settings: StorageSettings) -> None:
    url = web.file("/a", b"x" * 5_000_000)
    before = {t.name for t in threading.enumerate()}
    spool = Spool(io.BytesIO(), max_bytes=10**8)
    with Downloader(settings) as downloader:
        downloader.fetch(url, spool, lambda s: s.finish())
    spool.close()
    assert {t.name for t in threading.enumerate() if t.name.startswith("orux")} <= before
