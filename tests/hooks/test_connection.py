"""An Airflow connection, in all the forms in which Airflow hands one over, read and checked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_provider_orux.hooks.base import GatewayHook, read_airflow_connection
from airflow_provider_orux.hooks.connection import Extra, base_url
from airflow_provider_orux.hooks.orux import OruxHook
from airflow_provider_orux.models.errors import ConfigurationError

KEY = "sk-app-Ab3dEf9h_" + "0123456789abcdefghijABCDEFGHIJ0123456789abcdefgh"


def of(extra: Any = None, **parts: Any):
    values = {"conn_type": "orux", "host": None, "password": KEY, **parts}
    extra = json.dumps(extra) if isinstance(extra, dict) else extra
    return read_airflow_connection(Connection(conn_id="c", extra=extra, **values), "c")


@pytest.fixture
def given(monkeypatch):
    """Sets ``AIRFLOW_CONN_C`` and gives the hook that Airflow would make of it."""

    def make(value: str, hook: type[GatewayHook] = OruxHook) -> GatewayHook:
        monkeypatch.setenv("AIRFLOW_CONN_C", value)
        return hook("c")

    return make


# -- forms ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("orux://:{key}@", "https://orux.top"),
        ("orux://:{key}@orux.top", "https://orux.top"),
        ("orux://:{key}@orux.top:8443", "https://orux.top:8443"),
        ("orux://:{key}@127.0.0.1:8810", "http://127.0.0.1:8810"),
        ("orux://:{key}@localhost:8810", "http://localhost:8810"),
        ("orux://:{key}@[::1]:8810", "http://[::1]:8810"),
        ("orux://:{key}@gateway.example/http", "http://gateway.example"),
        ("orux://:{key}@gateway.example:99/https", "https://gateway.example:99"),
        ("orux://:{key}@https%3A%2F%2Fgateway.example%3A99", "https://gateway.example:99"),
        ("orux://http://:{key}@gateway.example:99", "http://gateway.example:99"),
    ],
)
def test_uri_forms(given, uri, host):
    connection = given(uri.format(key=KEY)).connection
    assert connection.client.host == host
    assert connection.client.key == KEY


def test_uri_extras(given):
    uri = f"orux://:{KEY}@127.0.0.1:8810/?allow_private_hosts=true&read_timeout=7.5&route=async&max_in_flight_polls=4"
    connection = given(uri).connection
    assert connection.extra.allow_private_hosts is True
    assert connection.client.read_timeout == 7.5
    assert connection.gateway.options["route"] == "async"
    assert connection.max_in_flight_polls == 4


def test_json_form(given):
    value = {
        "conn_type": "orux",
        "password": KEY,
        "host": "https://h/prefix/",
        "extra": {"connect_timeout": 3},
    }
    connection = given(json.dumps(value)).connection
    assert connection.client.base_url == "https://h/prefix"
    assert connection.client.connect_timeout == 3
    assert connection.conn_id == "c"


def test_the_sandboxs_own_connection(given, sandbox):
    connection = given(sandbox.connection()).connection
    assert connection.client.host == sandbox.url
    assert connection.extra.allow_private_hosts


@pytest.mark.parametrize(
    ("host", "port", "schema", "url"),
    [
        ("orux.top", None, None, "https://orux.top"),
        (" orux.top/ ", None, "", "https://orux.top"),
        ("orux.top", 443, None, "https://orux.top:443"),
        ("orux.top:8443", 99, None, "https://orux.top:8443"),
        ("https://orux.top", 8443, "http", "https://orux.top:8443"),
        ("http://orux.top/a/b/", 80, None, "http://orux.top:80/a/b"),
        ("orux.top/a", 80, None, "https://orux.top:80/a"),
        ("localhost", 80, None, "http://localhost:80"),
        ("127.1.2.3:5", None, None, "http://127.1.2.3:5"),
        ("127.0.0.1", None, "https", "https://127.0.0.1"),
        ("[::1]", 5, None, "http://[::1]:5"),
        ("[::1]:7", 5, None, "http://[::1]:7"),
        ("::1", 5, None, "http://[::1]:5"),
        ("fe80::2", None, None, "https://[fe80::2]"),
        ("10.0.0.1", None, None, "https://10.0.0.1"),
        ("localhost.evil.example", None, None, "https://localhost.evil.example"),
        ("127.0.0.1.evil.example", None, None, "https://127.0.0.1.evil.example"),
        ("h", None, "HTTP", "http://h"),
        # The path of a connection's URI: Airflow calls it the schema.
        ("h", None, "prefix", "https://h/prefix"),
        ("https://h/a", 5, "b/c/", "https://h:5/a/b/c"),
    ],
)
def test_base_url(host, port, schema, url):
    assert base_url(host, port=port, schema=schema) == url


@pytest.mark.parametrize(
    ("conn_type", "host", "url"),
    [
        ("orux", "https://orux.top/api/v1", "https://orux.top"),
        ("orux", "https://orux.top/api/v1/", "https://orux.top"),
        ("orux", "https://orux.top/api", "https://orux.top"),
        ("orux", "https://gateways.example/orux/api/v1/tasks", "https://gateways.example/orux"),
        ("orux", "https://gateways.example/api/v2", "https://gateways.example/api/v2"),
        ("orux", "https://gateways.example/v1", "https://gateways.example/v1"),
        ("yescale", "api.yescale.io/v1", "https://api.yescale.io"),
        ("opengpu_relay", "https://relay.example/v2", "https://relay.example"),
    ],
)
def test_a_host_with_the_gateways_own_path_is_meant_without(conn_type, host, url):
    assert of(conn_type=conn_type, host=host).client.base_url == url


def test_the_path_of_a_uri_is_kept_so_the_key_goes_nowhere_else(given):
    connection = given(f"orux://:{KEY}@gateways.example/orux/eu?route=async").connection
    assert connection.client.base_url == "https://gateways.example/orux/eu"
    assert connection.client.host == "https://gateways.example"


def test_an_empty_host_is_the_vendors():
    for host in (None, ""):
        assert of(host=host).client.base_url == "https://orux.top"


# -- extras -----------------------------------------------------------------------------------------------------
def test_defaults():
    connection = of()
    client = connection.client
    assert (client.connect_timeout, client.read_timeout, client.generate_timeout) == (10, 30, 300)
    assert (client.proxy, client.ca_path) == (None, None)
    assert connection.extra.allow_private_hosts is False
    assert connection.extra.max_artifact_mib == 256
    assert client.max_answer_bytes == 256 * 2**20
    assert connection.max_in_flight_polls == 1, "Orux: a poll counts against the account's concurrency"
    assert connection.unknown == ()


def test_the_form_sends_texts_and_empty_texts():
    """What the web form stores: strings for numbers, empty strings for what was left out."""
    names = [
        *Extra.model_fields,
        "route",
        "midjourney_path",
        "imagine_action",
        "reroll_index",
        "follow_up_model",
    ]
    empty = of(dict.fromkeys(names, ""))
    assert empty.client == of().client
    assert empty.extra == of().extra
    assert empty.gateway.options == of().gateway.options
    assert of(dict.fromkeys(names)).client == of().client
    filled = of(
        {
            "max_artifact_mib": "32",
            "max_inline_mib": "64",
            "read_timeout": "5",
            "max_in_flight_polls": "2",
            "allow_private_hosts": "true",
        }
    )
    assert filled.client.read_timeout == 5
    assert filled.client.max_answer_bytes == 64 * 2**20
    assert filled.extra.max_artifact_mib == 32
    assert filled.max_in_flight_polls == 2
    assert filled.extra.allow_private_hosts is True
    assert of({"allow_private_hosts": "false"}).extra.allow_private_hosts is False


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_artifact_mib", 0), ("max_artifact_mib", -1), ("max_artifact_mib", 65537), ("connect_timeout", 0),
     ("connect_timeout", "soon"), ("connect_timeout", 601), ("read_timeout", -1), ("read_timeout", 3601),
     ("generate_timeout", 7201), ("generate_timeout", "nan"), ("max_in_flight_polls", 0), ("max_in_flight_polls", 1.5),
     ("max_in_flight_polls", 1001), ("allow_private_hosts", "perhaps"), ("proxy", 5), ("ca_path", ["x"]),
     ("definite_refusals", 503), ("definite_refusals", "odd"), ("route", "both"), ("imagine_action", True),
     ("midjourney_path", "no-slash"), ("proxy", "127.0.0.1:3128")],
)  # fmt: skip
def test_a_wrong_extra_names_itself(name, value):
    with pytest.raises(ConfigurationError) as caught:
        of({name: value})
    assert caught.value.param == name
    assert name in caught.value.message
    assert caught.value.charged == "no"


def test_a_wrong_extra_is_not_repeated():
    with pytest.raises(ConfigurationError) as caught:
        of({"connect_timeout": KEY, "proxy": {"password": KEY}})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("extra", ["not json", "[1]", '"text"', "{", "[]", "5", "{'route': 'async'}"])
def test_an_extra_that_is_no_json_object(extra):
    """Airflow reads it as no extra at all: the requests would go out without the proxy, say."""
    with pytest.raises(ConfigurationError) as caught:
        of(extra)
    assert caught.value.param == "extra"
    assert "The extra of connection 'c' is not a JSON object" in caught.value.message


@pytest.mark.parametrize("extra", [None, "", "{}", " { } ", "null"])
def test_no_extra(extra):
    assert of(extra).extra == of().extra


def test_unknown_extras_are_named_with_the_nearest_right_name():
    connection = of({"read_timout": 5, "zzzz": 1, "route": "sync"})
    assert connection.unknown == ("read_timout", "zzzz")
    text = connection.unknown_extras()
    assert "'read_timout' (did you mean 'read_timeout'?)" in text
    assert "'zzzz'" in text
    assert "'zzzz' (did" not in text
    assert of().unknown_extras() is None


@pytest.mark.parametrize("how", ["hook", "for_conn"])
def test_unknown_extras_are_warned_about_once(given, capfd, how):
    value = json.dumps({"conn_type": "orux", "password": KEY, "extra": {"rout": "sync"}})
    hook = given(value)
    if how == "for_conn":
        hook = GatewayHook.for_conn("c")
    for _ in range(3):
        assert hook.connection.unknown == ("rout",)
    assert "".join(capfd.readouterr()).count("did you mean 'route'?") == 1


# -- what is no gateway -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("conn_type", ["http", "openai", "", None, "Orux", "orux_ai"])
def test_a_connection_of_another_type_names_type_and_argument(conn_type):
    connection = Connection(conn_id="c", conn_type=conn_type, password=KEY)
    with pytest.raises(ConfigurationError) as caught:
        read_airflow_connection(connection, "c", argument="conn_id")
    error = caught.value
    assert error.param == "conn_id"
    assert repr(conn_type or "none") in error.message
    assert "argument 'conn_id' (or by default_args)" in error.message
    assert "orux, yescale, opengpu_relay" in error.message
    assert KEY not in str(error)


def test_for_conn(given):
    given(json.dumps({"conn_type": "orux", "password": KEY}))
    hook = GatewayHook.for_conn("c")
    assert type(hook) is OruxHook
    assert hook.conn_id == "c"


def test_for_conn_names_the_argument(given):
    given(json.dumps({"conn_type": "http"}))
    with pytest.raises(ConfigurationError, match="argument 'other_conn'"):
        GatewayHook.for_conn("c", argument="other_conn")


def test_the_hook_of_one_gateway_with_the_connection_of_another(given):
    hook = given(json.dumps({"conn_type": "yescale", "password": "sk-abcdefgh12345678"}))
    with pytest.raises(ConfigurationError) as caught:
        hook.connection  # noqa: B018
    assert "is of type 'yescale'; OruxHook needs 'orux'" in caught.value.message


def test_no_such_connection():
    with pytest.raises(Exception, match="nobody_has_this"):
        OruxHook("nobody_has_this").get_conn()


# -- the key ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("password", "key"), [(None, None), ("", None), ("  ", None), (f" {KEY}\n", KEY)])
def test_the_key_is_the_password(password, key):
    assert of(password=password).client.key == key


@pytest.mark.parametrize("password", ["two words", "tab\there", "ключ"])
def test_a_key_that_no_key_is(password):
    with pytest.raises(ConfigurationError) as caught:
        of(password=password)
    assert "Connection 'c'" in str(caught.value)
    assert password not in str(caught.value)


def test_a_key_in_the_host_is_refused():
    with pytest.raises(ConfigurationError, match="the key belongs in the password field") as caught:
        of(host=f"https://user:{KEY}@orux.top")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["orux..top", "https://orux.top:99999", "https://", "https:///", "ftp://orux.top", "a b", "a\tb"]
)
def test_a_host_that_is_none(host):
    with pytest.raises(ConfigurationError) as caught:
        of(host=host)
    assert "Connection 'c'" in str(caught.value)


def test_nothing_shows_the_key():
    connection = of({"proxy": "http://me:proxy-secret@h:3128"})
    shown = repr(connection) + str(connection.client) + repr(connection.gateway)
    assert KEY not in shown
