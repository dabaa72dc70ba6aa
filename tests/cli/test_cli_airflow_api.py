"""Airflow's API on a bad day: every refusal in words, and "no record" only on Airflow's own word."""

from __future__ import annotations

import json
from argparse import Namespace

import httpx
import pytest

from airflow_provider_orux.cli.airflow_api import AirflowApi, NotFoundError, segment
from airflow_provider_orux.cli.errors import CommandError, UsageError
from airflow_provider_orux.cli.ledger.instances import Instance, LedgerRecords
from airflow_provider_orux.lifecycle.record import Record, State

INSTANCE = Instance("d", "manual__2026-01-01T00:00:00+00:00", "group.task", 3, {"state": "failed"})
RECORD = Record(
    state=State.INTENT, max_tries=1, fingerprint="f" * 64, conn_id="orux_default", host="https://orux.top",
    updated_at=1.0, submission_id="gen-1",
)  # fmt: skip


def api(answer, **arguments):
    arguments = {"token": "a-token"} | arguments
    return AirflowApi("https://airflow.example.com/base/", transport=httpx.MockTransport(answer), **arguments)


def json_answer(status, value):
    return lambda request: httpx.Response(status, json=value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (json_answer(401, {"detail": "Not authenticated"}), "rejects the token"),
        (json_answer(403, {"detail": "Token Expired"}), "rejects the token"),
        (json_answer(403, {"detail": "Forbidden"}), "may not read the state of this DAG's task instances"),
        (json_answer(404, {"detail": "Not Found"}), "Airflow 3.3 or newer"),
        (lambda r: httpx.Response(404, text="<html>no backend</html>"), "Airflow 3.3 or newer"),
        (json_answer(404, {"detail": "default backend - 404"}), "default backend - 404"),
        (json_answer(503, {"detail": "try later"}), "HTTP 503"),
        (lambda r: httpx.Response(200, text="<html>log in</html>"), "is not Airflow's API"),
        (lambda r: httpx.Response(302, headers={"location": "https://sso.example.com/?x"}), "redirects to"),
        (
            json_answer(422, {"detail": [{"loc": ["query", "map_index"], "msg": "too small"}]}),
            "map_index: too small",
        ),
    ],
)
def test_a_record_that_cannot_be_read_is_an_error_and_never_no_record(answer, words):
    with pytest.raises(CommandError) as caught:
        LedgerRecords(api(answer)).read(INSTANCE)
    assert words in str(caught.value)
    assert "a-token" not in str(caught.value)


def test_only_airflows_word_on_the_key_means_no_record():
    seen = []

    def answer(request):
        seen.append(request)
        return httpx.Response(404, json={"detail": "Task state store key 'orux_ledger' not found"})

    assert LedgerRecords(api(answer)).read(INSTANCE) is None
    (request,) = seen
    assert request.url.raw_path.decode() == (
        "/base/api/v2/dags/d/dagRuns/manual__2026-01-01T00%3A00%3A00%2B00%3A00/taskInstances/group.task"
        "/state-store/orux_ledger?map_index=3"
    )
    assert request.headers["authorization"] == "Bearer a-token"


def test_a_record_is_written_for_ever_and_read_back():
    stored = {}

    def answer(request):
        if request.method == "PUT":
            stored.update(json.loads(request.content))
            return httpx.Response(204)
        return httpx.Response(200, json={"key": "orux_ledger", **stored})

    LedgerRecords(api(answer)).write(INSTANCE, RECORD)
    assert stored == {"value": RECORD.to_json(), "expires_at": None}


def test_a_write_that_did_not_last_is_an_error():
    def answer(request):
        if request.method == "PUT":
            return httpx.Response(204)
        return httpx.Response(200, json={"value": {**RECORD.to_json(), "state": "finished", "result": {}}})

    with pytest.raises(CommandError, match="does not return it as written"):
        LedgerRecords(api(answer)).write(INSTANCE, RECORD)


def test_a_user_and_password_become_a_token():
    def answer(request):
        if request.url.path == "/base/auth/token":
            if json.loads(request.content) == {"username": "ann", "password": "right"}:
                return httpx.Response(201, json={"access_token": "fresh"})
            return httpx.Response(401, json={"detail": "Invalid credentials"})
        assert request.headers["authorization"] == "Bearer fresh"
        return httpx.Response(200, json={"ok": True})

    client = api(answer, token=None)
    client.log_in("ann", "right")
    assert client.get("/version") == {"ok": True}
    with pytest.raises(CommandError, match="rejects this user name") as caught:
        client.log_in("ann", "wrong-secret")
    assert "wrong-secret" not in str(caught.value)


def test_without_a_token_it_is_said_how_to_give_one():
    def answer(request):
        return httpx.Response(403 if request.url.path.endswith("/token") else 401, json={"detail": "no"})

    with pytest.raises(CommandError, match="--token"):
        api(answer, token=None).get("/version")


def test_lists_are_read_page_by_page():
    def answer(request):
        offset, limit = (int(request.url.params[n]) for n in ("offset", "limit"))
        rows = [
            {"n": n} for n in range(offset, min(offset + min(limit, 40), 90))
        ]  # the server's own limit is 40
        return httpx.Response(200, json={"things": rows, "total_entries": 90})

    assert [r["n"] for r in api(answer).rows("/things", "things")] == list(range(90))
    assert [r["n"] for r in api(answer).rows("/things", "things", limit=3)] == [0, 1, 2]


def test_the_address_comes_from_the_arguments_or_the_configuration(monkeypatch):
    nothing = {"token": None, "user": None, "password": None}
    monkeypatch.delenv("AIRFLOW_API_TOKEN", raising=False)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/team")
    assert AirflowApi.of(Namespace(api_url=None, **nothing)).base_url == "https://airflow.example.com/team"
    given = AirflowApi.of(Namespace(api_url="http://127.0.0.1:1/api/v2/", **nothing))
    assert given.base_url == "http://127.0.0.1:1"
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "/team")
    monkeypatch.setenv("AIRFLOW__API__PORT", "8793")
    assert AirflowApi.of(Namespace(api_url=None, **nothing)).base_url == "http://localhost:8793/team"
    with pytest.raises(UsageError, match="not both"):
        AirflowApi.of(Namespace(api_url="http://x", token="t", user="u", password="p"))


def test_mapped_tasks_need_an_index():
    def answer(request):
        return httpx.Response(
            404, json={"detail": "Task instance is mapped, add the map_index value to the URL"}
        )

    with pytest.raises(CommandError, match="--map-index"):
        LedgerRecords(api(answer)).instance("d", "r", "t", -1)
    assert issubclass(NotFoundError, CommandError)
    assert segment("a/b c+d") == "a%2Fb%20c%2Bd"
