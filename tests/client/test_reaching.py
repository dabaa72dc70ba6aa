"""How a gateway is reached: settings, proxies, certificates; and that the key shows nowhere."""

from __future__ import annotations

import logging
import ssl
import traceback

import httpx
import pytest

from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.transport import client_arguments, tls_context
from airflow_provider_orux.gateways.orux import OruxGateway
from airflow_provider_orux.models import errors, orux
from airflow_provider_orux.models.errors import ConfigurationError, OruxError
from tests.client.conftest import KEY
from tests.client.servers import Proxy, RawServer, certificate, free_port

IMAGINE = orux.MidjourneyV7(prompt="a lighthouse")
ODD_KEY = "Zk9!odd~key%41.of-no+known/shape="


def good(peer, heard):
    peer.answer({"task_id": "task_1", "status": "RUNNING"})


# -- settings -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url",
    ["", "orux.top", "ftp://orux.top", "https://", "http://:80", "https://orux.top:99999", "https://orux.top:x",
     "https://orux..top", "https://.orux.top", "https://" + "a" * 64 + ".top", "https://[::1", "http://h:0",
     "file:///etc/passwd"],
)  # fmt: skip
def test_a_host_that_no_socket_takes_is_found_before_anything_is_sent(url):
    with pytest.raises(ConfigurationError) as caught:
        ClientSettings(url)
    assert caught.value.charged == "no"


@pytest.mark.parametrize("url", ["https://me:secret@orux.top", "https://secret@orux.top"])
def test_a_key_in_the_host_is_refused_and_not_shown(url):
    with pytest.raises(ConfigurationError) as caught:
        ClientSettings(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://orux.top",
        "http://127.0.0.1:8810",
        "https://[::1]:8810/x",
        "https://bücher.example",
        "HTTPS://Orux.Top",
    ],
)
def test_good_hosts(url):
    ClientSettings(url)


def test_host_is_what_a_record_is_tied_to():
    assert ClientSettings("HTTPS://Orux.Top:8443/prefix").host == "https://orux.top:8443"


@pytest.mark.parametrize("key", ["a b", "a\nb", "sk-app\r\nx: y", "ключ", "a\x00b", ""])
def test_a_key_that_cannot_be_a_header(key):
    with pytest.raises(ConfigurationError) as caught:
        ClientSettings("https://h", key=key)
    assert key == "" or key not in str(caught.value)


@pytest.mark.parametrize(
    "proxy",
    [
        "foo",
        "127.0.0.1:3128",
        "ftp://p",
        "http://",
        "http://user:secret@[x",
        "http://user:secret@p:99999",
        "",
    ],
)
def test_a_proxy_that_is_none(proxy):
    with pytest.raises(ConfigurationError) as caught:
        ClientSettings("https://h", proxy=proxy)
    assert caught.value.charged == "no"
    assert "secret" not in str(caught.value)


def test_a_proxy_of_a_kind_that_needs_another_package(speak):
    """The client is made at the moment of paying: what goes wrong there must not look like a lost answer."""
    client = speak("http://h.example", proxy="socks5://user:secret@127.0.0.1:1080")
    for call in (lambda: client.submit(IMAGINE), lambda: client.poll("task_1")):
        with pytest.raises(ConfigurationError) as caught:
            call()
        assert caught.value.charged == "no"
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("proxy", ["http://a..b:3128", "http://127.0.0.1:99999", "nonsense://user:secret@p"])
def test_a_proxy_of_the_environment_that_no_socket_takes(speak, monkeypatch, proxy):
    client = speak("http://h.example")
    monkeypatch.setenv("HTTP_PROXY", proxy)
    for call in (lambda: client.submit(IMAGINE), lambda: client.poll("task_1")):
        with pytest.raises(ConfigurationError, match="HTTP_PROXY") as caught:
            call()
        assert caught.value.charged == "no"
        assert "secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "odd", [ValueError("odd"), OSError("odd"), httpx.DecodingError("odd"), httpx.InvalidURL("x")]
)
def test_an_error_that_is_none_of_httpx_leaves_the_submission_unclear(speak, odd):
    """It came after the request was handed over: that it was not sent would be a guess."""

    def handle(request: httpx.Request) -> httpx.Response:
        raise odd

    client = speak(transport=httpx.MockTransport(handle))
    with pytest.raises(errors.AmbiguousSubmitError):
        client.submit(IMAGINE)
    with pytest.raises(errors.GatewayUnavailableError):
        client.poll("task_1", attempts=1)


def test_what_every_client_asks_for():
    asked = client_arguments("https://h/prefix/")
    assert asked["base_url"] == "https://h/prefix"
    assert asked["headers"]["Accept-Encoding"] == "identity"
    assert asked["follow_redirects"] is asked["trust_env"] is False


def test_connections_of_a_paid_request_are_not_kept(speak):
    with RawServer(good) as server:
        client = speak(server.url)
        client.submit(IMAGINE)
        client.submit(IMAGINE)
        client.poll("task_1")
        client.poll("task_1")
        assert [h.connection for h in server.heard] == [1, 2, 3, 3]


# -- proxies ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["setting", "environment"])
def test_a_forward_proxy(speak, monkeypatch, how):
    with RawServer(good) as server, Proxy() as proxy:
        settings = {"proxy": proxy.url} if how == "setting" else {}
        if how == "environment":
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
        client = speak(server.url, **settings)
        assert client.submit(IMAGINE).job_id == "task_1"
        assert client.poll("task_1").status.value == "running"
        assert [h.method for h in proxy.heard] == ["POST", "GET"]
        assert proxy.heard[0].target == f"{server.url}/api/v1/tasks"
    assert len(server.heard) == 2


def test_a_proxy_with_a_password(speak):
    with RawServer(good) as server, Proxy() as proxy:
        url = proxy.url.replace("http://", "http://me:proxy-secret@")
        speak(server.url, proxy=url).submit(IMAGINE)
        assert proxy.heard[0].headers["proxy-authorization"].startswith("Basic ")
    assert "proxy-authorization" not in server.heard[0].headers
    assert "proxy-secret" not in repr(ClientSettings("https://h", proxy=url))


def test_a_tunnel(speak, tmp_path):
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with RawServer(good, tls=context) as server, Proxy() as proxy:
        client = speak(server.url, proxy=proxy.url, ca_path=str(cert))
        assert client.submit(IMAGINE).job_id == "task_1"
        assert client.poll("task_1").status.value == "running"
        assert {h.method for h in proxy.heard} == {"CONNECT"}
        assert proxy.heard[0].target == f"127.0.0.1:{server.port}"
        assert all("authorization" not in h.headers for h in proxy.heard), "the proxy saw the key"
    assert len(server.heard) == 2


def test_a_tunnel_that_is_refused_was_never_sent(speak):
    with Proxy(refuse=407) as proxy:
        with pytest.raises(errors.GatewayUnavailableError) as caught:
            speak("https://gateway.example", proxy=proxy.url, attempts=2).submit(IMAGINE)
        assert len(proxy.heard) == 2
    assert caught.value.charged == "no"


@pytest.mark.parametrize(
    ("status", "charged"), [(407, "no"), (403, "no"), (502, "unknown"), (504, "unknown")]
)
def test_a_forward_proxy_that_answers_itself(speak, status, charged):
    with Proxy(refuse=status) as proxy:
        with pytest.raises(OruxError) as caught:
            speak("http://gateway.example", proxy=proxy.url).submit(IMAGINE)
        assert len(proxy.heard) == 1
    assert caught.value.charged == charged


def test_a_proxy_that_is_down(speak):
    client = speak(
        "http://gateway.example", proxy=f"http://me:proxy-secret@127.0.0.1:{free_port()}", attempts=2
    )
    with pytest.raises(errors.GatewayUnavailableError) as caught:
        client.submit(IMAGINE)
    assert caught.value.charged == "no"
    assert "proxy-secret" not in "".join(traceback.format_exception(caught.value))


# -- certificates -------------------------------------------------------------------------------------------
def test_ca_path(speak, tmp_path):
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with RawServer(good, tls=context) as server:
        assert speak(server.url, ca_path=str(cert)).submit(IMAGINE).job_id == "task_1"
        assert len(server.heard) == 1
        for call in (lambda c: c.submit(IMAGINE), lambda c: c.poll("task_1")):
            with pytest.raises(ConfigurationError, match="certificate is not trusted: self-signed") as caught:
                call(speak(server.url))
            assert (caught.value.charged, caught.value.param) == ("no", "ca_path")
            assert caught.value.final, "a retry cannot help"
            assert "ca_path" in caught.value.advice
        assert server.connections == 3, "asked once each: another try cannot help"
    assert len(server.heard) == 1


def test_a_certificate_that_has_expired_is_the_hosts_to_renew(speak, tmp_path):
    cert, key = certificate(tmp_path, days=(-3, -1))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with RawServer(good, tls=context) as server:
        with pytest.raises(errors.GatewayUnavailableError, match="expired") as caught:
            speak(server.url, ca_path=str(cert), attempts=1).submit(IMAGINE)
        assert (caught.value.charged, caught.value.final) == ("no", False)


@pytest.mark.parametrize("content", [None, b"not a certificate", b""])
def test_a_ca_file_that_is_none(speak, tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="CA file") as caught:
        speak("https://127.0.0.1:1", ca_path=str(path)).submit(IMAGINE)
    assert caught.value.charged == "no"


def test_one_tls_context_for_all_clients():
    assert tls_context(None) is tls_context(None)


# -- the key ------------------------------------------------------------------------------------------------
def all_text(error: BaseException) -> str:
    """Everything that a log or a person could get to see of an error."""
    text = "".join(traceback.format_exception(error))
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        e = todo.pop()
        if e is None or e in seen:
            continue
        seen.append(e)
        text += f"{e!s}{e!r}{e.args!r}{vars(e) if not isinstance(e, httpx.HTTPError) else ''!r}"
        todo += [e.__cause__, e.__context__]
    return text


ECHOES = {
    "401 envelope": lambda k, p, h: p.answer(
        {"error": {"type": "auth_error", "code": "sk_expired", "message": f"bad {k}", "param": k, "channel": k}}, 401
    ),
    "500 page": lambda k, p, h: p.answer(f"<pre>{h.headers}</pre>".encode(), 500),
    "200 page": lambda k, p, h: p.answer(f"<pre>{h.headers}</pre>".encode()),
    "200 json": lambda k, p, h: p.answer({"headers": h.headers, "k": k}),
    "redirect": lambda k, p, h: p.answer(b"", 302, location=f"https://other/?key={k}"),
    "failed job": lambda k, p, h: p.answer(
        {"status": "FAILED", "task_id": "t", "error_code": k, "error_message": f"key {k} ran dry"}
    ),
    "cut": lambda k, p, h: p.close(),
    "content type": lambda k, p, h: p.raw(
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-type: " + k.encode() + b"\r\n\r\nx"
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", [KEY, ODD_KEY], ids=["documented shape", "odd shape"])
@pytest.mark.parametrize("echo", ECHOES)
def test_the_key_is_not_repeated_even_if_the_gateway_repeats_it(speak, echo, key, caplog):
    caplog.set_level(logging.INFO)  # at DEBUG, httpcore shows the headers of an answer as they came
    texts = []
    with RawServer(lambda p, h: ECHOES[echo](key, p, h)) as server:
        client = speak(server.url, key=key, attempts=1)
        for call in (
            lambda: client.submit(IMAGINE),
            lambda: client.generate(orux.GptImage2(prompt="a"), submission_id="g"),
            lambda: client.poll("task_1"),
        ):
            try:
                texts.append(repr(call()))
            except OruxError as e:
                texts.append(all_text(e))
        assert server.heard[0].headers["authorization"] == f"Bearer {key}"
    said = "".join(texts) + caplog.text
    assert key not in said
    assert key[8:30] not in said


@pytest.mark.parametrize("key", [KEY, ODD_KEY])
def test_the_key_is_in_no_repr(speak, key):
    client = speak("https://h", key=key)
    shown = (
        repr(client.client.settings)
        + repr(vars(client.client))
        + repr(client.client.calls)
        + repr(OruxGateway())
    )
    step = next(client.client.calls.submit(IMAGINE))
    assert key not in shown + repr(step)


def test_mock_transport_sees_the_same(speak):
    """The clients take any httpx transport: what a user's own tests replace the network with."""
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"task_id": "task_1", "status": "RUNNING"})

    client = speak(transport=httpx.MockTransport(handle))
    client.submit(IMAGINE)
    client.poll("task_1")
    assert [(r.method, str(r.url)) for r in seen] == [
        ("POST", "http://gateway.example/api/v1/tasks"),
        ("GET", "http://gateway.example/api/v1/tasks/task_1"),
    ]
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert seen[0].extensions["timeout"] == {"connect": 10.0, "read": 5.0, "write": 5.0, "pool": 5.0}
