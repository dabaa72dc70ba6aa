"""Three gateways in one sandbox: addresses, keys, connections, orders by name, the page, and what a restart keeps."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from orux_sandbox import RELAY_KEY, SANDBOX_KEY, YESCALE_KEY, SandboxServer
from orux_sandbox.http import app
from tests.sandbox.conftest import QUICK, data_url

QWEN = "/v2/image/qwen/generate"
NAMES = ["orux", "yescale", "opengpu_relay"]


def test_no_address_is_two_gateways():
    seen = {}
    for gateway in app.gateways():
        for endpoint in gateway.endpoints:
            path = re.sub(r"\{[^}]+\}", "x", endpoint.path)
            assert seen.setdefault((endpoint.method, path), gateway.name) == gateway.name
            assert any(path.startswith(f"{own}/") for own in gateway.paths)
            for other in app.gateways():
                for one in other.endpoints:
                    if one.method == endpoint.method and one.pattern.match(path):
                        assert other.name == gateway.name


def test_keys_and_connections(sandbox):
    assert [sandbox.key_of(name) for name in NAMES] == [SANDBOX_KEY, YESCALE_KEY, RELAY_KEY]
    assert re.fullmatch(r"sk-[A-Za-z0-9]{48}", YESCALE_KEY)
    assert RELAY_KEY.startswith("relay_sk_")
    for name in NAMES:
        connection = json.loads(sandbox.connection(name))
        assert (connection["conn_type"], connection["host"]) == (name, sandbox.url_of(name))
        assert connection["password"] == sandbox.key_of(name)
        assert connection["extra"]["allow_private_hosts"] is True
    assert json.loads(sandbox.connection())["conn_type"] == "orux"
    assert json.loads(sandbox.connection("opengpu_relay"))["extra"]["generation"] == 2
    sandbox.configure(relay_generation=1)
    assert json.loads(sandbox.connection("opengpu_relay"))["extra"]["generation"] == 1
    for ask in (sandbox.url_of, sandbox.key_of, sandbox.connection):
        with pytest.raises(ValueError, match="yescale"):
            ask("nobody")


def test_each_has_its_own_account_and_money(sandbox, anyone):
    accounts = sandbox.accounts()
    assert [account["account"] for account in accounts] == NAMES
    assert [(account["balance"], account["currency"]) for account in accounts] == [
        (20000, "Credits"),
        (100, "USD"),
        (100, "USD"),
    ]
    made = anyone.post("/_sandbox/accounts", json={"gateway": "opengpu_relay", "balance": 5}).json()
    assert made["key"].startswith("relay_sk_")
    assert made["currency"] == "USD"
    assert anyone.post("/_sandbox/accounts", json={"gateway": "nobody"}).status_code == 400


def test_orders_go_by_gateway_family_and_endpoint(api, yescale, relay, sandbox):
    def hit(pattern: str) -> list[int]:
        sandbox.clear_faults()
        sandbox.order_fault({"endpoint": pattern, "times": 0, "then": {"status": 418}})
        return [
            api.get("/api/v1/models").status_code,
            yescale.get("/v1/models").status_code,
            yescale.post("/mj/submit/imagine", json={"prompt": "x"}).status_code,
            yescale.get("/mj/task/77/fetch").status_code,
            relay.post(QWEN, json={"prompt": "x"}).status_code,
            relay.get("/v2/tasks/direct:0").status_code,
        ]

    fine = [200, 200, 200, 400, 200, 404]

    def only(*places: int) -> list[int]:
        return [418 if place in places else status for place, status in enumerate(fine)]

    assert hit("models") == hit("orux.models") == hit("orux") == only(0)
    assert hit("yescale.models") == only(1)
    assert hit("yescale.mj") == only(2, 3)
    assert hit("yescale.mj.submit") == hit("yescale.mj.submit.imagine") == only(2)
    assert hit("yescale.mj.fetch") == only(3)
    assert hit("relay.submit") == hit("relay.submit.qwen") == hit("relay.submit.*") == only(4)
    assert hit("relay.poll") == only(5)
    assert hit("relay") == hit("opengpu_relay") == only(4, 5)
    assert hit("*") == [418] * 6


def test_orders_go_by_model_and_job(yescale, relay, sandbox):
    sandbox.order_fault(
        [
            {"endpoint": "yescale", "for_model": "mj_upscale", "times": 0, "then": {"status": 500}},
            {"endpoint": "relay", "for_model": "Qwen/qwen-image", "times": 0, "then": {"status": 500}},
            {"endpoint": "yescale", "for_model": "ideogram-v3", "times": 0, "then": {"status": 500}},
        ]
    )
    parent = yescale.post("/mj/submit/imagine", json={"prompt": "x"}).json()["result"]
    change = {"taskId": parent, "index": 1}
    assert yescale.post("/mj/submit/change", json={**change, "action": "VARIATION"}).status_code == 200
    assert yescale.post("/mj/submit/change", json={**change, "action": "UPSCALE"}).status_code == 500
    assert yescale.post("/ideogram/v1/ideogram-v3/generate", files={"prompt": (None, "x")}).status_code == 500
    assert relay.post(QWEN, json={"prompt": "x"}).status_code == 500
    task = relay.post("/v2/image/flux/generate", json={"prompt": "x", "async": True}).json()
    sandbox.order_fault({"endpoint": "relay.poll", "for_job": task["task_id"], "then": {"status": 503}})
    assert relay.get(task["poll_url"]).status_code == 503
    assert relay.get(task["poll_url"]).status_code == 200


def test_files_of_all_gateways_are_hit_alike(yescale, relay, anyone, sandbox):
    urls = [
        yescale.post("/v1/images/generations", json={"prompt": "x"}).json()["data"][0]["url"],
        relay.post(QWEN, json={"prompt": "x"}).json()["urls"][0],
    ]
    for url in urls:
        sandbox.order_fault({"endpoint": "files", "then": {"truncate": "quietly"}})
        half = anyone.get(url)
        whole = anyone.get(url)
        assert len(half.content) == len(whole.content) // 2
        assert anyone.get(url, headers={"Range": "bytes=0-9"}).content == whole.content[:10]
        assert anyone.head(url).headers["content-length"] == str(len(whole.content))
        anyone.get(url, headers={"X-API-Key": RELAY_KEY})
    assert len(sandbox.leaks()) == 2
    assert anyone.get(f"{urls[1]}9").status_code == 404
    assert anyone.get(urls[1].rpartition(".")[0]).status_code == 404


def test_the_page_shows_all_of_them(api, yescale, relay, anyone, sandbox):
    api.post("/api/v1/tasks", json={"model": "recraft-v3", "prompt": "from orux"})
    yescale.post("/mj/submit/imagine", json={"prompt": "from yescale"})
    yescale.post("/mj/submit/describe", json={"base64": data_url()})
    sandbox.configure(run_seconds=60)
    relay.post(QWEN, json={"prompt": "from the relay", "async": True})
    text = anyone.get("/").text
    for wanted in ("Orux AI", "YEScale", "OpenGPU Relay", *NAMES, SANDBOX_KEY, YESCALE_KEY, RELAY_KEY):
        assert wanted in text
    for wanted in ("from orux", "from yescale", "from the relay", "8 Credits", "0.09 USD", "1 to come"):
        assert wanted in text
    told = anyone.get("/_sandbox/gateways").json()["gateways"]
    assert [one["gateway"] for one in told] == NAMES
    assert anyone.get("/_sandbox/health").json()["gateways"] == NAMES


def test_a_restart_keeps_everything(tmp_path):
    settings = {**QUICK, "run_seconds": 600}
    keyed = {"X-API-Key": RELAY_KEY, "Idempotency-Key": "k"}
    bearer = {"Authorization": f"Bearer {YESCALE_KEY}"}
    body = {"prompt": "x", "async": True}
    with SandboxServer(settings, data_dir=tmp_path) as server:
        task = httpx.post(server.url + QWEN, json=body, headers=keyed).json()
        blend = {"base64Array": [data_url("red"), data_url("blue")]}
        mj = httpx.post(f"{server.url}/mj/submit/blend", json=blend, headers=bearer).json()["result"]
        before = server.charges()
    with SandboxServer(settings, data_dir=tmp_path) as server:
        assert server.charges() == before
        again = httpx.post(server.url + QWEN, json=body, headers=keyed)
        assert (again.json(), again.headers["idempotency-replayed"]) == (task, "true")
        server.advance_clock(600)
        url = httpx.get(f"{server.url}/mj/task/{mj}/fetch", headers=bearer).json()["imageUrl"]
        assert httpx.get(url).status_code == 200  # drawn from images sent before the restart
        assert httpx.get(f"{server.url}{task['poll_url']}").json()["status"] == "completed"
        assert [charge["state"] for charge in server.charges()] == ["charged", "charged"]
