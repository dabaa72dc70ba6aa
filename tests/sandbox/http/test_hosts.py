"""Web pages cannot use the sandbox: not across origins, and not by a name that somebody points at this machine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn

from orux_sandbox import SANDBOX_KEY, SandboxServer, Settings, cli
from orux_sandbox.engine.engine import Engine
from orux_sandbox.http import app
from orux_sandbox.http.hosts import Host, HostCheck
from tests.client.servers import certificate

TASKS = "/api/v1/tasks"
FOX = {"model": "recraft-v3", "prompt": "a fox"}
KEYED = {"Authorization": f"Bearer {SANDBOX_KEY}"}


def port_of(url: str) -> int:
    return int(urlsplit(url).port or 0)


def asked_by(url: str, host: str, path: str = "/_sandbox/health") -> httpx.Response:
    return httpx.get(url + path, headers={"Host": host}, trust_env=False, verify=False)


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.2", "[::1]"])
def test_it_answers_to_this_machines_own_names(sandbox, name):
    assert asked_by(sandbox.url, f"{name}:{sandbox.port}").status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "localhost.evil.example:{port}",
        "localhost",
        "localhost:{other}",
        "127.0.0.1:",
        "127.0.0.1:{port}x",
        "0.0.0.0:{port}",
        "192.168.1.7:{port}",
        "user@127.0.0.1:{port}",
        "[::1:{port}",
        "[evil]:{port}",
        "{port}",
    ],
)
def test_it_answers_to_no_other_name(sandbox, anyone, host):
    named = {"Host": host.format(port=sandbox.port, other=sandbox.port + 1)}
    for path in ("/", "/_sandbox/accounts", "/api/v1/models", "/files/token/name", "/nowhere"):
        refused = anyone.get(path, headers=named)
        assert refused.status_code == 403
        assert refused.headers["content-type"].startswith("text/plain")
        assert "--allow-host" in refused.text
        assert SANDBOX_KEY not in refused.text


def test_a_rebound_name_changes_nothing(sandbox):
    """DNS rebinding: the page's own name leads here, so that its requests are of one origin, and anything goes."""
    page = {"Host": f"evil.example:{sandbox.port}", "Origin": f"http://evil.example:{sandbox.port}"}
    with httpx.Client(base_url=sandbox.url, headers=page, trust_env=False, verify=False) as evil:
        assert evil.get("/_sandbox/accounts").status_code == 403  # it has the keys
        assert evil.post("/_sandbox/accounts", json={"balance": 0}).status_code == 403
        assert evil.post("/_sandbox/reset").status_code == 403
        assert evil.post(TASKS, json=FOX, headers=KEYED).status_code == 403
        assert evil.head("/").content == b""
    assert len(sandbox.accounts()) == 3
    assert (sandbox.charges(), sandbox.requests()) == ([], [])


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://evil.example",
        "null",
        "http://localhost:{port}",  # its own name, but not the one it was called by
        "https://127.0.0.1:{port}",
        "http://127.0.0.1",
        "http://127.0.0.1:{other}",  # another program of this machine
        "http://127.0.0.1:{port}.evil.example",
        "",
    ],
)
def test_another_pages_requests_change_nothing(sandbox, origin):
    """CSRF: a form or a script of another page posts here; the browser says whose page it is."""
    header = {"Origin": origin.format(port=sandbox.port, other=sandbox.port + 1)}
    with httpx.Client(base_url=sandbox.url, headers=header, trust_env=False, verify=False) as evil:
        plain = {"Content-Type": "text/plain"}  # no preflight for this one
        order = '{"endpoint": "*", "then": {"status": 500}}'
        refused = evil.post("/_sandbox/faults", content=order, headers=plain)
        assert refused.status_code == 403
        assert "own pages only" in refused.text
        assert evil.post("/_sandbox/reset").status_code == 403
        assert evil.post(TASKS, json=FOX, headers=KEYED).status_code == 403
        assert evil.get("/_sandbox/accounts").status_code == 403
        preflight = evil.options("/_sandbox/settings", headers={"Access-Control-Request-Method": "PATCH"})
        assert preflight.status_code == 403
        assert "access-control-allow-origin" not in preflight.headers
    assert (sandbox.faults(), sandbox.charges()) == ([], [])


def test_its_own_page_and_clients_without_a_page_work(sandbox, api):
    task_id = api.post(TASKS, json=FOX).json()["task_id"]
    url = api.get(f"{TASKS}/{task_id}").json()["result_urls"][0]
    with httpx.Client(base_url=sandbox.url, trust_env=False, verify=False) as browser:
        page = browser.get("/")
        assert page.status_code == 200
        thumb = page.text.split('src="')[1].split('"')[0]
        assert browser.get(thumb, headers={"Referer": sandbox.url}).headers["content-type"] == "image/png"
        own = {"Origin": sandbox.url}
        assert browser.get(url, headers=own).status_code == 200
        assert browser.post("/_sandbox/clock", json={"advance": 1}, headers=own).status_code == 200
        named = {"Host": f"LocalHost:{sandbox.port}", "Origin": f"http://localhost:{sandbox.port}"}
        assert browser.post("/_sandbox/clock", json={"advance": 1}, headers=named).status_code == 200


def test_names_can_be_allowed():
    with SandboxServer(allow_hosts=["Sandbox.Example", "proxy:9000", "[fd00::7]"]) as server:
        for host in (
            "sandbox.example",
            f"SANDBOX.example:{server.port}",
            "sandbox.example:1",
            "proxy:9000",
            "[fd00::7]:80",
        ):
            assert asked_by(server.url, host).status_code == 200
            origin = {"Host": host, "Origin": "http://evil.example"}
            assert httpx.get(server.url, headers=origin, trust_env=False, verify=False).status_code == 403
        for host in ("proxy", f"proxy:{server.port}", "evil.example"):
            assert asked_by(server.url, host).status_code == 403


def test_the_address_it_listens_on_is_its_own():
    with SandboxServer(host="localhost") as server:
        assert asked_by(server.url, f"localhost:{server.port}").status_code == 200
    with SandboxServer(host="0.0.0.0") as server:
        assert httpx.get(f"{server.url}/_sandbox/health", trust_env=False, verify=False).status_code == 200
        assert asked_by(server.url, f"0.0.0.0:{server.port}").status_code == 403


@pytest.mark.parametrize(
    "wrong", ["", "a b", "http://sandbox", "sandbox:port", "sandbox:70000", "[::1", "[x]", "[:::]", "1:2:3"]
)
def test_a_name_that_is_none_is_refused_at_the_start(capsys, wrong):
    assert cli.main(["--port", "0", "--allow-host", wrong]) == 2
    assert wrong in capsys.readouterr().err


@pytest.mark.parametrize(
    "hosts", [[], ["127.0.0.1:{port}", "127.0.0.1:{port}"], ["127.0.0.1:{port}", "evil"]]
)
def test_a_request_names_one_host(sandbox, hosts):
    lines = ["GET /_sandbox/accounts HTTP/1.0", *(f"Host: {one.format(port=sandbox.port)}" for one in hosts)]
    with socket.create_connection(("127.0.0.1", sandbox.port), 5) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.split()[1] in (b"400", b"403")
    assert SANDBOX_KEY.encode() not in answer


@contextmanager
def served_with_tls(folder) -> Iterator[str]:
    gateways = app.gateways()
    engine = Engine(gateways=gateways, settings=Settings())
    cert, key = certificate(folder)
    checked = HostCheck(
        app.build(engine, gateways), listens_on="127.0.0.1", allowed=[Host.parse("proxy.example")]
    )
    config = uvicorn.Config(
        checked, port=0, lifespan="off", log_level="warning", ssl_certfile=cert, ssl_keyfile=key
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"https://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        engine.close()


def test_tls_makes_no_difference(tmp_path):
    with (
        served_with_tls(tmp_path) as url,
        httpx.Client(base_url=url, verify=False, trust_env=False) as client,
    ):
        port = port_of(url)
        assert client.get("/").status_code == 200
        assert client.post("/_sandbox/reset", headers={"Origin": url}).status_code == 204
        for wrong in (
            {"Host": "evil.example"},
            {"Host": f"evil.example:{port}"},
            {"Origin": "https://evil.example"},
            {"Origin": f"http://127.0.0.1:{port}"},
        ):
            assert client.post("/_sandbox/reset", headers=wrong).status_code == 403
        # A port that a Host header leaves out is the scheme's.
        assert client.get("/", headers={"Host": "proxy.example"}).status_code == 200


def test_hosts_are_read():
    assert Host.parse("[::1]:443") == Host("::1", 443)
    assert Host.parse("::1") == Host.parse("[::1]") == Host("::1")
    assert Host.parse(" Name-1.example:1 ") == Host("name-1.example", 1)
    assert Host.parse("127.0.0.1") == Host("127.0.0.1")
