"""Every way to fail that can be ordered, seen from the other end of the wire."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image

#: A client without a key; one for all, since each would read the machine's certificates anew.
web = httpx.Client(trust_env=False, verify=False, timeout=10)
TASKS = "/api/v1/tasks"
IMAGES = "/api/v1/images/generations"
FOX = {"model": "recraft-v3", "prompt": "a fox"}


def raw(sandbox: Any, method: str, path: str, body: Any = None) -> bytes:
    """Every byte that comes back on a socket of our own until the other side ends it."""
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost:{sandbox.port}\r\n"
    head += (
        f"Authorization: Bearer {sandbox.key}\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as wire:
        wire.sendall(head.encode() + content)
        received = b""
        while piece := wire.recv(65536):
            received += piece
    return received


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_skip_times_and_counts(api, sandbox, anyone):
    sandbox.order_fault({"endpoint": "models", "skip": 1, "times": 2, "then": {"status": 503}})
    assert [api.get("/api/v1/models").status_code for _ in range(5)] == [200, 503, 503, 200, 200]
    (fault,) = anyone.get("/_sandbox/faults").json()["faults"]
    assert (fault["hits"], fault["left"], fault["then"]) == (2, 0, {"status": 503})
    sandbox.clear_faults()
    sandbox.order_fault({"endpoint": "*", "times": 0, "then": {"status": 500}})
    assert [api.get("/api/v1/models").status_code for _ in range(3)] == [500] * 3
    assert anyone.delete("/_sandbox/faults").status_code == 204
    assert api.get("/api/v1/models").status_code == 200


# -- what happens to a good answer on its way ------------------------------------------------------------------
@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        ("gzip", "gzip"), ("gzip_twice", "gzip, gzip"), ("deflate", "deflate"), ("aws_chunked", "aws-chunked"),
        ("unknown_name", "none"),
    ],
)  # fmt: skip
def test_packed(api, sandbox, packed, encoding):
    sandbox.order_fault({"endpoint": "models", "then": {"packed": packed}})
    answer = api.get("/api/v1/models", headers={"accept-encoding": "identity"})
    assert answer.headers["content-encoding"] == encoding
    assert "data" in answer.json()


def test_packed_in_name_only_a_bomb_and_frames(sandbox):
    sandbox.order_fault({"endpoint": "models", "then": {"packed": "gzip_in_name_only"}})
    head, _, body = raw(sandbox, "GET", "/api/v1/models").partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head
    assert json.loads(body)
    sandbox.order_fault({"endpoint": "models", "then": {"packed": "bomb"}})
    assert len(raw(sandbox, "GET", "/api/v1/models")) < 4096
    sandbox.order_fault({"endpoint": "models", "then": {"packed": "aws_frames"}})
    assert b";chunk-signature=" in raw(sandbox, "GET", "/api/v1/models")


@pytest.mark.parametrize(
    ("framing", "seen"),
    [
        ("two_lengths", b"\r\ncontent-length: %d\r\ncontent-length: %d\r\n"),
        ("folded_header", b"x-served-by: cache-1,\r\n  cache-2\r\n"),
        ("early_hints", b"HTTP/1.1 103 Early Hints\r\n"),
        ("line_feeds", b"OK\n"),
        ("single_bytes", b"\r\n1\r\n{\r\n1\r\n"),
    ],
)
def test_framing(sandbox, framing, seen):
    sandbox.order_fault({"endpoint": "models", "then": {"framing": framing}})
    said = raw(sandbox, "GET", "/api/v1/models")
    if framing == "two_lengths":
        seen = seen.replace(b"%d", str(len(said.partition(b"\r\n\r\n")[2])).encode())
    assert (seen if framing != "line_feeds" else b"\n\n") in said
    if framing == "line_feeds":
        assert b"\r" not in said


@pytest.mark.parametrize("drip", ["head", "body"])
def test_drip(sandbox, drip):
    sandbox.order_fault({"endpoint": "models", "then": {"drip": drip, "slow": 5000}})
    began = time.monotonic()
    said = raw(sandbox, "GET", "/api/v1/models")
    assert time.monotonic() - began > 0.2
    assert json.loads(said.partition(b"\r\n\r\n")[2])


def test_drip_interim(sandbox):
    sandbox.order_fault({"endpoint": "models", "then": {"drip": "interim", "slow": 100_000}})
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as wire:
        wire.sendall(b"GET /api/v1/models HTTP/1.1\r\nHost: localhost:%d\r\nAuthorization: Bearer %b\r\n\r\n" % (sandbox.port, sandbox.key.encode()))  # fmt: skip
        assert wire.recv(65536).startswith(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102")


@pytest.mark.parametrize("spelling", ["plain", "json", "utf16", "percent", "base64"])
def test_echo_key(api, sandbox, spelling):
    sandbox.order_fault({"endpoint": "models", "times": 2, "then": {"echo_key": spelling}})
    value = json.loads(api.get("/api/v1/models").content)
    assert len(value["alias"]) >= len(sandbox.key)
    if spelling in ("plain", "json", "utf16"):
        assert value["alias"] == sandbox.key
    said = raw(sandbox, "GET", "/api/v1/models")
    assert (sandbox.key.encode() in said) is (spelling == "plain")
    sandbox.order_fault(
        {"endpoint": "models", "then": {"echo_key": spelling, "status": 500, "message": "oops"}}
    )
    answer = api.get("/api/v1/models")
    assert answer.status_code == 500
    assert json.loads(answer.content)["error"]["message"].startswith("oops ")


def test_orders_go_by_endpoint_model_and_job(api, sandbox, imagine):
    first, second = imagine(), imagine()
    sandbox.order_fault(
        [
            {"endpoint": "tasks.get", "for_job": second, "times": 0, "then": {"status": 500}},
            {"endpoint": "tasks.submit", "for_model": "recraft-v3", "times": 0, "then": {"status": 503}},
            {"endpoint": "files", "for_job": first, "times": 0, "then": {"status": 502}},
        ]
    )
    assert [api.get(f"{TASKS}/{task}").status_code for task in (first, second)] == [200, 500]
    assert api.post(TASKS, json=FOX).status_code == 503
    assert imagine()
    urls = {job["id"]: job["urls"][0] for job in sandbox.jobs()}
    assert web.get(urls[first]).status_code == 502
    assert web.get(urls[second]).status_code == 200


@pytest.mark.parametrize(
    "order",
    [
        {"then": {}},
        {"then": {"delay": -1}},
        {"then": {"cut": "sometimes"}},
        {"then": {"status": 500, "cut": "before"}},
        {"then": {"statsu": 500}},
        {"endpoint": "tasks.submit"},
        {"hits": 3, "then": {"status": 500}},
        [{"then": {"status": 500}}, {"then": {"job": "dance"}}],
        "fail",
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused(anyone, order):
    answer = anyone.post("/_sandbox/faults", json=order)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert anyone.get("/_sandbox/faults").json()["faults"] == []


def test_an_error_in_the_documented_envelope(api, sandbox):
    then = {"status": 429, "code": "channel_queue_full", "headers": {"Retry-After": "2"}, "channel": "mj-1"}
    sandbox.order_fault({"endpoint": "tasks.submit", "then": then})
    answer = api.post(TASKS, json=FOX)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["channel"]) == (
        "rate_limit_error",
        "channel_queue_full",
        "mj-1",
    )
    assert sandbox.charges() == []
    for status, kind in ((401, "auth_error"), (402, "invalid_request_error"), (500, "api_error")):
        sandbox.order_fault({"then": {"status": status}})
        answer = api.get("/api/v1/models")
        assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)


def test_an_error_after_the_job_was_accepted(api, sandbox):
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"status": 502, "after_accepting": True}})
    assert api.post(TASKS, json={**FOX, "no": 1}).status_code == 400  # not accepted: the order waits
    assert sandbox.charges() == []
    assert api.post(TASKS, json=FOX).status_code == 502
    assert len(sandbox.charges()) == len(sandbox.jobs()) == 1
    assert api.post(TASKS, json=FOX).status_code == 200


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("path", [TASKS, IMAGES])
@pytest.mark.parametrize(("cut", "charges"), [("before", 0), ("after", 1)])
def test_a_cut_connection_has_no_answer(sandbox, path, cut, charges, reset):
    sandbox.order_fault({"then": {"cut": cut, "reset": reset}})
    if reset:
        with pytest.raises(ConnectionResetError):
            raw(sandbox, "POST", path, FOX)
    else:
        assert raw(sandbox, "POST", path, FOX) == b""
    assert len(sandbox.charges()) == charges
    line = sandbox.requests()[-1]
    assert (line["status"], line["cut"]) == (None, cut)


def test_a_cut_in_the_middle_of_the_body(sandbox):
    sandbox.order_fault({"then": {"cut": "mid_body"}})
    head, _, body = raw(sandbox, "POST", TASKS, FOX).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert len(body) == promised // 2
    assert body.startswith(b'{"task_id":"task_')
    assert len(sandbox.charges()) == 1


def test_a_cut_poll_and_a_client_that_notices(api, sandbox, imagine):
    task_id = imagine()
    sandbox.order_fault({"endpoint": "tasks.get", "then": {"cut": "before"}})
    with pytest.raises(httpx.RemoteProtocolError):
        api.get(f"{TASKS}/{task_id}")
    assert api.get(f"{TASKS}/{task_id}").status_code == 200


@pytest.mark.parametrize(("when", "charges"), [("before", 0), ("after", 1)])
def test_a_delay_and_a_caller_that_does_not_wait(api, sandbox, when, charges):
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"delay": 30, "when": when}})
    with pytest.raises(httpx.ReadTimeout):
        api.post(TASKS, json=FOX, timeout=0.3)
    assert len(sandbox.charges()) == charges
    wait_until(lambda: sandbox.accounts()[0]["in_flight"] == 0)  # who has left holds no slot


def test_a_delay_is_a_delay(api, sandbox):
    sandbox.order_fault({"endpoint": "models", "then": {"delay": 0.3}})
    begin = time.monotonic()
    assert api.get("/api/v1/models").status_code == 200
    assert 0.3 <= time.monotonic() - begin < 2


def test_a_delayed_request_holds_its_slot(api, sandbox):
    sandbox.configure(max_concurrency=1)
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"delay": 0.5}})
    thread = threading.Thread(target=api.post, args=(TASKS,), kwargs={"json": FOX})
    thread.start()
    time.sleep(0.2)
    assert api.get("/api/v1/models").status_code == 429
    thread.join()
    assert api.get("/api/v1/models").status_code == 200


@pytest.mark.parametrize("accepting", [False, True])
@pytest.mark.parametrize("kind", ["html", "not_json", "other_shape", "empty", "truncated_json"])
def test_malformed_answers(api, sandbox, kind, accepting):
    sandbox.order_fault(
        {"endpoint": "tasks.submit", "then": {"malformed": kind, "after_accepting": accepting}}
    )
    answer = api.post(TASKS, json=FOX)
    assert answer.status_code == 200
    assert len(sandbox.charges()) == int(accepting)
    if kind == "other_shape":
        assert "task_id" not in answer.json()
    else:
        with pytest.raises(ValueError):
            answer.json()
    assert ("text/html" in answer.headers["content-type"]) == (kind == "html")
    assert (answer.content == b"") == (kind == "empty")


def test_a_malformed_poll(api, sandbox, imagine):
    task_id = imagine()
    sandbox.order_fault({"endpoint": "tasks.get", "then": {"malformed": "truncated_json", "status": 206}})
    answer = api.get(f"{TASKS}/{task_id}")
    assert answer.status_code == 206
    assert answer.content.startswith(b'{"task_id":"' + task_id.encode())


def test_an_answer_as_you_write_it_and_one_with_fields_laid_over(api, sandbox, imagine):
    task_id = imagine()
    sandbox.order_fault(
        [
            {
                "endpoint": "tasks.get",
                "then": {"answer": {"status": 418, "body": [1], "headers": {"X-A": "b"}}},
            },
            {"endpoint": "tasks.get", "then": {"merge": {"status": "PONDERING", "finish_time": None}}},
            {"endpoint": "tasks.submit", "then": {"answer": {"body": "thanks"}, "after_accepting": True}},
        ]
    )
    answer = api.get(f"{TASKS}/{task_id}")
    assert (answer.status_code, answer.json(), answer.headers["x-a"]) == (418, [1], "b")
    merged = api.get(f"{TASKS}/{task_id}").json()
    assert merged["status"] == "PONDERING"
    assert "finish_time" not in merged
    assert merged["task_id"] == task_id
    assert api.post(TASKS, json=FOX).text == "thanks"
    assert len(sandbox.charges()) == 2


def test_a_synchronous_call_that_fails_upstream_is_charged(api, sandbox):
    sandbox.order_fault({"endpoint": "images.generate", "then": {"job": "fail", "error_code": "moderated"}})
    answer = api.post(IMAGES, json=FOX)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "moderated")
    assert len(sandbox.charges()) == 1


def test_a_synchronous_call_that_never_comes_back(api, sandbox):
    sandbox.order_fault({"endpoint": "images.generate", "then": {"job": "never_finish"}})
    with pytest.raises(httpx.ReadTimeout):
        api.post(IMAGES, json=FOX, timeout=0.3)
    assert len(sandbox.charges()) == 1
    wait_until(lambda: sandbox.accounts()[0]["in_flight"] == 0)  # who has left holds no slot


# Files


@pytest.fixture
def url(sandbox, imagine) -> str:
    imagine()
    return str(sandbox.jobs()[0]["urls"][0])


def order_file(sandbox: Any, **then: Any) -> None:
    sandbox.order_fault({"endpoint": "files", "then": then})


def test_a_file_with_a_status(sandbox, url):
    order_file(sandbox, status=404)
    assert web.get(url).status_code == 404
    assert web.get(url).status_code == 200


def test_a_truncated_file(sandbox, url):
    whole = web.get(url).content
    order_file(sandbox, truncate=True)
    with web.stream("GET", url) as answer:
        assert int(answer.headers["content-length"]) == len(whole)
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    order_file(sandbox, truncate="quietly")
    answer = web.get(url)
    assert answer.content == whole[: len(whole) // 2]
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_files_that_are_not_images(sandbox, url):
    order_file(sandbox, content="html")
    answer = web.get(url)
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"<!doctype html>")
    order_file(sandbox, content="svg")
    answer = web.get(url)
    assert answer.headers["content-type"] == "image/svg+xml"
    assert b"<script>" in answer.content
    order_file(sandbox, content="empty")
    answer = web.get(url)
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_decompression_bomb(sandbox, url):
    order_file(sandbox, content="bomb")
    answer = web.get(url)
    assert answer.headers["content-type"] == "image/png"
    assert len(answer.content) < 1 << 20
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(answer.content))


@pytest.mark.parametrize("declared", [True, False])
def test_a_file_that_is_far_too_big(sandbox, url, declared):
    order_file(sandbox, big_mib=20, declare_length=declared)
    with web.stream("GET", url) as answer:
        assert ("content-length" in answer.headers) == declared
        length, first = 0, b""
        for piece in answer.iter_raw():
            first = first or piece
            length += len(piece)
    assert first.startswith(b"\x89PNG\r\n\x1a\n")
    assert length == int(answer.headers.get("content-length", length))
    assert 20 << 20 < length < 21 << 20


def test_a_caller_who_has_enough_of_a_big_file(sandbox, url):
    order_file(sandbox, big_mib=4000)
    with web.stream("GET", url) as answer:
        next(answer.iter_raw())
    wait_until(lambda: sandbox.requests("files")[-1]["seconds"] is not None)


def test_a_slow_file(sandbox, url):
    whole = web.get(url).content
    order_file(sandbox, slow=len(whole) * 2)
    begin = time.monotonic()
    assert web.get(url).content == whole
    assert 0.4 < time.monotonic() - begin < 3


def test_a_file_that_is_elsewhere_and_a_key_that_goes_there(sandbox, url, anyone):
    order_file(sandbox, redirect=f"{sandbox.url}/elsewhere/a.png")
    answer = web.get(url)
    assert (answer.status_code, answer.headers["location"]) == (302, f"{sandbox.url}/elsewhere/a.png")
    assert anyone.get("/_sandbox/leaks").json()["leaks"] == []
    web.get(url, headers={"Authorization": f"Bearer {sandbox.key}"})
    web.get(f"{sandbox.url}/elsewhere/a.png", headers={"X-API-Key": sandbox.key})
    first, second = anyone.get("/_sandbox/leaks").json()["leaks"]
    assert (first["path"], first["headers"]) == (httpx.URL(url).path, ["authorization"])
    assert (second["path"], second["headers"]) == ("/elsewhere/a.png", ["x-api-key"])
    assert sandbox.key not in anyone.get("/_sandbox/leaks").text
