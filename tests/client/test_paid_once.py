"""Over real connections: how often a paid request arrives when the network does what networks do."""

from __future__ import annotations

import time

import pytest

from airflow_provider_orux.models import errors, orux
from airflow_provider_orux.models.errors import AmbiguousSubmitError
from tests.client.servers import RawServer, free_port

IMAGINE = orux.MidjourneyV7(prompt="a lighthouse")
IMAGE = orux.GptImage2(prompt="a lighthouse")
ACCEPTED = {"task_id": "task_1", "status": "queued"}
ANSWER = {"data": [{"url": "https://a/1"}]}
FULL = {"error": {"type": "rate_limit_error", "code": "concurrency_exceeded", "message": "full"}}


def good(peer, heard):
    peer.answer(ANSWER if heard.target.endswith("generations") else ACCEPTED)


def send(client, verb):
    return client.submit(IMAGINE) if verb == "submit" else client.generate(IMAGE, submission_id="gen-1")


VERBS = pytest.mark.parametrize("verb", ["submit", "generate"])


def test_what_arrives(speak):
    with RawServer(good) as server:
        assert speak(server.url).submit(IMAGINE).job_id == "task_1"
        assert speak(server.url).generate(IMAGE, submission_id="gen-1").urls == ["https://a/1"]
    submit, generate = server.heard
    assert (submit.method, submit.target) == ("POST", "/api/v1/tasks")
    assert submit.json == {"model": "midjourney-v7", "prompt": "a lighthouse"}
    assert generate.target == "/api/v1/images/generations"
    for heard in server.heard:
        assert heard.headers["authorization"].startswith("Bearer sk-app-")
        assert heard.headers["content-type"] == "application/json"
        assert heard.headers["accept"] == "application/json"
        assert heard.headers["user-agent"] == "airflow-provider-orux"


def test_a_path_prefix_and_an_odd_id(speak):
    def poll(peer, heard):
        peer.answer({"status": "RUNNING"})

    with RawServer(poll) as server:
        for url in (f"{server.url}/prefix", f"{server.url}/prefix/"):
            speak(url).poll("a:b%é")
    assert [h.target for h in server.heard] == ["/prefix/api/v1/tasks/a%3Ab%25%C3%A9"] * 2


CUTS = {
    "no answer in time": lambda peer, heard: peer.hang(),
    "closed": lambda peer, heard: peer.close(),
    "reset": lambda peer, heard: peer.reset(),
    "cut in the headers": lambda peer, heard: (peer.raw(b"HTTP/1.1 200 OK\r\ncontent-le"), peer.close()),
    "cut in the body": lambda peer, heard: (
        peer.raw(b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"task_id": "ta'), peer.close(),
    ),
    "hangs in the body": lambda peer, heard: (
        peer.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"), peer.hang(),
    ),
    "not http": lambda peer, heard: (peer.raw(b"SSH-2.0-OpenSSH_9.9\r\n"), peer.close()),
    "broken chunks": lambda peer, heard: (
        peer.raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n"), peer.close(),
    ),
    "broken gzip": lambda peer, heard: peer.answer(b"not gzip", content_encoding="gzip"),
    "endless headers": lambda peer, heard: (peer.raw(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000), peer.close()),
    "500": lambda peer, heard: peer.answer({}, 500),
    "502 html": lambda peer, heard: peer.answer(b"<html>Bad Gateway</html>", 502),
    "504": lambda peer, heard: peer.answer(b"", 504, retry_after="1"),
    "200 html": lambda peer, heard: peer.answer(b"<html>Welcome</html>"),
    "200 other shape": lambda peer, heard: peer.answer({"hello": "world"}),
    "200 half": lambda peer, heard: peer.answer(b'{"task_id": "ta'),
}  # fmt: skip


@VERBS
@pytest.mark.parametrize("cut", CUTS)
def test_a_lost_answer_is_not_asked_for_again(speak, verb, cut):
    with RawServer(CUTS[cut]) as server:
        client = speak(server.url, read_timeout=0.1, generate_timeout=0.1)
        with pytest.raises(AmbiguousSubmitError) as caught:
            send(client, verb)
        time.sleep(0.02)
    assert len(server.heard) == 1
    assert server.connections == 1
    assert caught.value.charged == "unknown"
    assert caught.value.final


@VERBS
def test_refused_connections_are_tried_again(speak, verb):
    client = speak(f"http://127.0.0.1:{free_port()}", attempts=3)
    with pytest.raises(errors.GatewayUnavailableError) as caught:
        send(client, verb)
    assert caught.value.charged == "no"
    assert "cannot be reached" in caught.value.message


@VERBS
def test_a_connection_that_is_cut_before_the_request_is_read_is_unclear(speak, verb):
    """Closed after the handshake: bytes of the request may have been read, so nobody can tell."""
    with RawServer(good, on_connect=lambda peer: peer.reset()) as server:
        with pytest.raises((AmbiguousSubmitError, errors.GatewayUnavailableError)) as caught:
            send(speak(server.url, attempts=1), verb)
        assert (caught.value.charged == "no") == isinstance(caught.value, errors.GatewayUnavailableError)
    assert server.heard == []


@VERBS
def test_a_full_gateway_is_tried_again(speak, verb):
    def busy(peer, heard):
        peer.answer(FULL, 429) if len(server.heard) < 3 else good(peer, heard)

    with RawServer(busy) as server:
        assert send(speak(server.url), verb).job_id in ("task_1", "gen-1")
    assert len(server.heard) == 3
    assert len({h.body for h in server.heard}) == 1


@VERBS
def test_retry_after_is_waited_for(speak, verb):
    def busy(peer, heard):
        peer.answer(FULL, 429, retry_after="0.3") if len(server.heard) < 2 else good(peer, heard)

    with RawServer(busy) as server:
        begin = time.monotonic()
        send(speak(server.url), verb)
        assert 0.3 <= time.monotonic() - begin < 2


@VERBS
def test_each_paid_request_has_a_connection_of_its_own(speak, verb):
    """A kept connection may be closed by the other side at the moment when the next request leaves."""

    def closes_idle(peer, heard):
        good(peer, heard)
        peer.close()  # right after the answer, which promised to keep the connection

    with RawServer(closes_idle) as server:
        client = speak(server.url)
        for _ in range(10):
            send(client, verb)
    assert server.connections == 10
    with RawServer(good) as server:
        client = speak(server.url)
        for _ in range(3):
            send(client, verb)
    assert server.connections == 3, "also where the other side would have kept it"


def test_polls_share_a_connection(speak):
    with RawServer(lambda peer, heard: peer.answer({"status": "RUNNING"})) as server:
        client = speak(server.url)
        for _ in range(5):
            client.poll("task_1")
    assert server.connections == 1


def test_polls_do_not_mind_a_peer_that_closes_idle_connections(speak):
    def closes_idle(peer, heard):
        peer.answer({"status": "RUNNING"})
        peer.close()

    with RawServer(closes_idle) as server:
        client = speak(server.url)
        for _ in range(5):
            client.poll("task_1")
        time.sleep(0.05)
        client.poll("task_1")


@pytest.mark.parametrize("cut", ["closed", "reset", "cut in the body", "502 html", "no answer in time"])
def test_a_poll_is_tried_again(speak, cut):
    def once(peer, heard):
        CUTS[cut](peer, heard) if len(server.heard) < 2 else peer.answer({"status": "RUNNING"})

    with RawServer(once) as server:
        assert speak(server.url, read_timeout=0.2).poll("task_1").status.value == "running"
    assert len(server.heard) == 2


def test_redirects_are_not_followed(speak):
    with RawServer(good) as other:
        with RawServer(lambda p, h: p.answer(b"", 307, location=f"{other.url}/api/v1/tasks")) as server:
            with pytest.raises(errors.UnexpectedResponseError, match="redirects to"):
                speak(server.url).submit(IMAGINE)
            with pytest.raises(errors.UnexpectedResponseError, match="redirects to"):
                speak(server.url).poll("task_1")
        assert len(server.heard) == 2
    assert other.heard == [], "the key would have gone to another host"


# -- patience -----------------------------------------------------------------------------------------------
@VERBS
def test_an_answer_that_drips_ends(speak, verb):
    """Each byte comes in time, the whole never: the exchange as a whole has a limit."""

    def drips(peer, heard):
        peer.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n")
        peer.drip(b"x" * 9999, 0.05)

    with RawServer(drips) as server:
        client = speak(server.url, read_timeout=0.3, generate_timeout=0.3, total_timeout=0.5)
        begin = time.monotonic()
        with pytest.raises(AmbiguousSubmitError, match="did not end in time"):
            send(client, verb)
        assert time.monotonic() - begin < 2
        with pytest.raises(errors.GatewayUnavailableError, match="did not end in time"):
            client.poll("task_1", attempts=1)


def test_the_total_is_never_shorter_than_the_read_timeout(speak):
    def slow(peer, heard):
        time.sleep(0.3)
        good(peer, heard)

    with RawServer(slow) as server:
        client = speak(server.url, generate_timeout=3, total_timeout=0.1)
        assert client.generate(IMAGE, submission_id="g").urls


def test_a_synchronous_generation_has_a_patience_of_its_own(speak):
    def slow(peer, heard):
        time.sleep(0.5)
        good(peer, heard)

    with RawServer(slow) as server:
        client = speak(server.url, read_timeout=0.1, generate_timeout=5)
        client.generate(IMAGE, submission_id="g")
        with pytest.raises(AmbiguousSubmitError, match="no answer came in time"):
            client.submit(IMAGINE)


@VERBS
def test_a_long_answer_is_not_read(speak, verb):
    def long(peer, heard):
        peer.raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(2000):
            peer.raw(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        peer.close()

    with RawServer(long) as server:
        client = speak(server.url, max_answer_bytes=100_000)
        with pytest.raises(AmbiguousSubmitError, match="longer than the 100000 bytes"):
            send(client, verb)


def test_an_answer_as_long_as_the_limit_is_read(speak):
    body = b'{"status": "RUNNING"' + b" " * 1000 + b"}"
    with RawServer(lambda peer, heard: peer.answer(body)) as server:
        assert speak(server.url, max_answer_bytes=len(body)).poll("t").status.value == "running"
        with pytest.raises(errors.OruxError, match="longer than"):
            speak(server.url, max_answer_bytes=len(body) - 1).poll("t")


def test_a_bomb_of_gzip_is_cut(speak):
    import gzip

    bomb = gzip.compress(b"0" * 50_000_000)
    with (
        RawServer(lambda peer, heard: peer.answer(bomb, content_encoding="gzip")) as server,
        pytest.raises(errors.UnexpectedResponseError, match="longer than the 1000 bytes"),
    ):
        speak(server.url, max_answer_bytes=1000).poll("t")


# -- what cannot be sent --------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_say_is_refused_before_it_is_sent(speak, value):
    """Python's JSON takes NaN and half pairs, HTTP does not: found before the connection, so nothing is unclear."""
    request = orux.MidjourneyV7(prompt="a", extra_body={"x": value})
    with RawServer(good) as server, pytest.raises(errors.InvalidRequestError) as caught:
        speak(server.url).submit(request)
    assert caught.value.charged == "no"
    assert server.connections == 0


def test_a_client_can_be_used_after_any_failure(speak):
    def first_bad(peer, heard):
        peer.close() if len(server.heard) == 1 else good(peer, heard)

    with RawServer(first_bad) as server:
        client = speak(server.url)
        with pytest.raises(AmbiguousSubmitError):
            client.submit(IMAGINE)
        assert client.submit(IMAGINE).job_id == "task_1"
        client.close()
        assert client.submit(IMAGINE).job_id == "task_1"
