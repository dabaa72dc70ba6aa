"""The hook's verbs against the sandbox over HTTP."""

from __future__ import annotations

import asyncio
import json

import pytest

from airflow_provider_orux.hooks.base import GatewayHook
from airflow_provider_orux.hooks.orux import OruxHook
from airflow_provider_orux.models import errors, orux
from orux_sandbox import SANDBOX_KEY

OTHER_KEY = "sk-app-Ab3dEf9h_" + "0123456789abcdefghijABCDEFGHIJ0123456789abcdefgh"


@pytest.fixture
def connect(sandbox, monkeypatch):
    """Changes the connection ``orux_default``."""

    def change(**changes):
        value = {**json.loads(sandbox.connection()), **changes}
        monkeypatch.setenv("AIRFLOW_CONN_ORUX_DEFAULT", json.dumps(value))
        return OruxHook()

    return change


# -- test_connection ----------------------------------------------------------------------------------------------
def test_a_good_connection(connect, sandbox):
    assert connect().test_connection() == (True, f"Orux AI answered at {sandbox.url} and took the key.")
    assert [r["endpoint"] for r in sandbox.requests()] == ["usage"]
    assert sandbox.charges() == []


def test_a_wrong_key(connect):
    ok, text = connect(password=OTHER_KEY).test_connection()
    assert not ok
    assert "AuthenticationError" not in text
    assert "HTTP 401" in text
    assert "code invalid_api_key" in text
    assert OTHER_KEY not in text


def test_a_disabled_key(connect, sandbox):
    sandbox.save_account(key=OTHER_KEY, disabled=True)
    ok, text = connect(password=OTHER_KEY).test_connection()
    assert not ok
    assert "code sk_disabled" in text


def test_no_key(connect, sandbox):
    ok, text = connect(password="").test_connection()
    assert not ok
    assert text == "The connection has no API key: put it into the password field (Orux AI)."
    assert sandbox.requests() == []


def test_a_key_of_another_shape_that_works(connect, sandbox):
    sandbox.save_account(key="my-own-key")
    ok, text = connect(password="my-own-key").test_connection()
    assert ok
    assert text.endswith("(The key does not look like a key of this gateway.)")


def test_nobody_there(connect):
    ok, text = connect(host="http://127.0.0.1:9").test_connection()
    assert not ok
    assert "ConnectError" in text
    assert "HTTP" not in text.partition("[")[2].partition("]")[0]


def test_a_page_in_the_gateways_place(connect, sandbox):
    sandbox.order_fault({"endpoint": "usage", "then": {"malformed": "html"}})
    ok, text = connect().test_connection()
    assert not ok
    assert "not JSON (text/html" in text
    assert "proxy answers in the gateway's place" in text


def test_a_gateway_that_is_down_is_asked_once(connect, sandbox):
    sandbox.order_fault({"endpoint": "usage", "times": 0, "then": {"status": 503, "code": "upstream_error"}})
    ok, text = connect().test_connection()
    assert not ok
    assert "HTTP 503" in text
    assert len(sandbox.requests("usage")) == 1


@pytest.mark.parametrize(
    "changes",
    [{"extra": {"route": "both"}}, {"host": "ftp://x"}, {"conn_type": "http"}, {"password": "two words"},
     {"extra": {"proxy": "nonsense"}}, {"extra": {"ca_path": "/does/not/exist"}},
     {"extra": {"proxy": "socks5://127.0.0.1:1"}}],
)  # fmt: skip
def test_a_connection_that_is_not_usable_is_a_sentence_and_no_crash(connect, changes):
    ok, text = connect(**changes).test_connection()
    assert not ok
    assert "not charged" in text
    assert "Correct the connection" in text


def test_a_wrong_extra_is_told_even_if_all_is_well(connect):
    ok, text = connect(extra={"read_timout": 3}).test_connection()
    assert ok
    assert "did you mean 'read_timeout'?" in text


def test_test_connection_leaves_no_connection_open(connect):
    hook = connect()
    hook.test_connection()
    assert hook._client is None


# -- free reads ---------------------------------------------------------------------------------------------------
def test_usage_and_models(connect, sandbox):
    hook = connect()
    assert isinstance(hook.usage(period="30d"), dict)
    assert hook.list_models()
    assert [r["path"] for r in sandbox.requests()] == ["/api/user/v1/usage?period=30d", "/api/v1/models"]
    assert sandbox.charges() == []


def test_a_free_read_is_tried_again(connect, sandbox):
    sandbox.order_fault({"endpoint": "usage", "times": 2, "then": {"status": 502}})
    assert connect().usage()
    assert len(sandbox.requests("usage")) == 3


# -- verbs ----------------------------------------------------------------------------------------------------------
def test_submit_and_get_job(connect, sandbox):
    with connect() as hook:
        job = hook.submit(hook.build_request(model="midjourney-v7", verb="imagine", prompt="a lighthouse"))
        ended = hook.get_job(job.job_id)
    assert ended.status.value == "succeeded"
    assert len(ended.urls) == 1
    assert len(sandbox.charges(job.job_id)) == 1
    assert hook._client is None


def test_generate(connect, sandbox):
    job = connect().generate(orux.GptImage2(prompt="a", n=2, response_format="b64_json"))
    assert len(job.artifacts) == 2
    assert job.has_inline
    assert len(sandbox.charges()) == 1


def test_build_request_is_for_the_connections_gateway(connect):
    hook = connect()
    with pytest.raises(errors.InvalidRequestError) as caught:
        hook.build_request(model="gpt-image-2", prompt="a", quallity="low")
    assert "did you mean `quality`" in caught.value.message
    with pytest.raises(errors.UnsupportedByGatewayError):
        hook.build_request(model=None, verb="blend", images=["https://a/1", "https://a/2"])


def test_an_unknown_job(connect):
    with pytest.raises(errors.JobNotFoundError):
        connect().get_job("task_nobody")


def test_the_connection_is_looked_up_once_and_after_reload_again(connect, monkeypatch):
    hook = connect()
    first = hook.connection
    assert hook.connection is first
    client = hook.get_conn()
    assert hook.get_conn() is client
    connect(password=OTHER_KEY)
    assert hook.connection.client.key == SANDBOX_KEY
    hook.reload()
    assert hook.connection.client.key == OTHER_KEY
    assert hook.get_conn() is not client


def test_async_client(connect):
    hook = connect()

    async def go():
        async with await hook.get_async_conn() as client:
            job = await client.submit(orux.MidjourneyV7(prompt="a"))
            return await client.poll(job.job_id)

    assert asyncio.run(go()).status.value == "succeeded"


def test_names_of_the_hook():
    assert (OruxHook.conn_type, OruxHook.hook_name, OruxHook.default_conn_name) == (
        "orux",
        "Orux AI",
        "orux_default",
    )
    assert GatewayHook.conn_name_attr == "conn_id"
    assert OruxHook().conn_id == "orux_default"
    assert OruxHook("x").conn_id == "x"
