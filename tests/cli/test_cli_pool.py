"""``airflow orux pool``: a pool in a real Airflow, with the slots that a real gateway tells."""

from __future__ import annotations

import json

import pytest

from airflow_provider_orux.cli.pool import limits_of


@pytest.mark.parametrize(
    ("usage", "limit"),
    [
        ({"concurrency": {"current": 1, "limit": 3}}, 3),
        ({"data": {"concurrency": {"used": 2, "max": 8}}}, 8),
        ({"max_concurrency": 5, "current_concurrency": 1}, 5),
        ({"concurrencyLimit": 4}, 4),
        ({"max_concurrent_requests": 6}, 6),
        ({"limits": {"max_in_flight": 7}}, 7),
        ({"concurrency": 2}, None),  # the present use, or the limit: it does not say
        ({"concurrency": {"current": 2}}, None),
        ({"credits": {"limit": 5000}, "monthly_limit": 100}, None),
        ({"concurrency": {"limit": None}}, None),
        ({"concurrency": {"limit": True}}, None),
        ([{"max_concurrency": 5}], None),
        ("nothing", None),
    ],
)
def test_a_limit_is_told_from_other_numbers(usage, limit):
    found = [value for _, value in limits_of(usage)]
    assert (found[0] if found else None) == limit


@pytest.mark.airflow
def test_a_pool_is_made_and_kept_up_to_date(sandbox, api, at_api):
    sandbox.configure(max_concurrency=7)
    made = at_api("pool", "orux_default", "--name", "orux pool/1")
    assert made.status == 0, made.err
    assert "Created pool 'orux pool/1': 7 slots, deferred tasks included." in made.out
    assert "concurrency.limit = 7" in made.out
    (pool,) = [p for p in api.request("GET", "/pools").json()["pools"] if p["name"] == "orux pool/1"]
    assert (pool["slots"], pool["include_deferred"]) == (7, True)
    assert "orux_default" in pool["description"]

    updated = at_api("pool", "orux_default", "--name", "orux pool/1", "--slots", "2", "-o", "json").json
    assert updated["created"] is False
    assert updated["pool"]["slots"] == 2
    as_csv = at_api(
        "pool", "orux_default", "--name", "orux pool/1", "--slots", "2", "-o", "csv"
    ).out.splitlines()
    assert as_csv[0] == "name,slots,include_deferred,description,created,source"
    assert as_csv[1].startswith("orux pool/1,2,True,")
    assert sandbox.charges() == []


@pytest.mark.airflow
def test_a_connection_that_lies_in_airflows_database_is_found(sandbox, api, at_api, monkeypatch):
    """As `airflow connections add` puts it there; a task would ask the API server for it."""
    sandbox.configure(max_concurrency=5)
    uri = json.loads(sandbox.connection())
    stored = {"connection_id": "beside", **uri, "extra": json.dumps(uri["extra"])}
    assert api.request("POST", "/connections", json=stored).status_code == 201
    made = at_api("pool", "beside", "--name", "stored")
    assert made.status == 0, made.err
    assert "concurrency.limit = 5" in made.out


@pytest.mark.airflow
def test_a_pool_of_a_persons_keeps_its_description(sandbox, api, at_api):
    api.request(
        "POST",
        "/pools",
        json={"name": "orux_default", "slots": 9, "description": "ours", "include_deferred": False},
    )
    done = at_api("pool", "orux_default", "--slots", "3")
    assert "It had 9 slots." in done.out
    pool = api.request("GET", "/pools/orux_default").json()
    assert (pool["slots"], pool["include_deferred"], pool["description"]) == (3, True, "ours")


@pytest.mark.airflow
def test_a_usage_without_a_limit_means_the_documented_default(sandbox, at_api, api):
    sandbox.configure(max_concurrency=0)
    made = at_api("pool", "orux_default", "--name", "by default")
    assert made.status == 0, made.err
    assert "3 slots" in made.out
    assert "documented default" in made.out
    assert "concurrency, credits" in made.err  # what the answer holds instead


@pytest.mark.airflow
def test_a_gateway_that_documents_nothing_needs_a_number(api, at_api, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_RELAY", json.dumps({"conn_type": "opengpu_relay"}))
    refused = at_api("pool", "relay")
    assert refused.status == 1
    assert "--slots" in refused.err
    nowhere = at_api("pool", "no_such_connection")
    assert nowhere.status == 1
    assert "is not readable here" in nowhere.err
    assert "--slots" in nowhere.err
    assert at_api("pool", "no_such_connection", "--slots", "2").status == 0
    monkeypatch.setenv("AIRFLOW_CONN_MAIL", json.dumps({"conn_type": "smtp"}))
    other = at_api("pool", "mail")
    assert other.status == 1
    assert "not a generation gateway" in other.err


@pytest.mark.airflow
def test_a_connection_of_airflow_is_seen_without_its_key(sandbox, api, at_api, monkeypatch):
    """Away from the metadata database: Airflow's API shows its connections, but never the key."""
    monkeypatch.setattr("airflow_provider_orux.cli.connections._PROCESS_CONTEXT", "NO_SUCH_VARIABLE")
    api.request(
        "POST",
        "/connections",
        json={
            "connection_id": "in_the_database",
            "conn_type": "orux",
            "host": sandbox.url,
            "password": sandbox.key,
        },
    )
    made = at_api("pool", "in_the_database")
    assert made.status == 0, made.err
    assert "3 slots" in made.out
    assert "needs the key" in made.err
