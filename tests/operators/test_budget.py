"""The operator that stands before a fan-out: what it lets through, and that an unknown price is never free."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from airflow_provider_orux.compat import AirflowFailException, AirflowSkipException
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.operators.budget import OruxBudgetOperator
from tests.airflow.conftest import _sandbox, sandbox  # noqa: F401

PRICES = {
    "orux": {
        "currency": "credits",
        "midjourney-v7": 20,
        "midjourney-v7:upscale": 5,
        "gpt-image-2": {"per_image": 10},
    }
}


@pytest.fixture(autouse=True)
def prices(sandbox, monkeypatch):  # noqa: F811
    monkeypatch.setenv("AIRFLOW__ORUX__PRICES", json.dumps(PRICES))
    return sandbox


def budget(**more):
    return OruxBudgetOperator(
        task_id="budget", **{"limit": 100, "model": "midjourney-v7", "count": 4, **more}
    )


def test_within_the_limit():
    found = budget().execute({})
    balance = found.pop("balance")
    assert found == {"count": 4, "model": "midjourney-v7", "cost": 80, "currency": "credits"}
    assert balance > 0


def test_templates_make_texts():
    assert budget(limit="100", count="5").execute({})["cost"] == 100


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"count": 6}, "6 submissions to midjourney-v7 cost up to 120 credits; the limit is 100 credits"),
        ({"model": "gpt-image-2", "count": 3, "images": 4}, "cost up to 120 credits"),
        ({"model": "seedream-4"}, "The price of seedream-4 is not known"),
        ({"model": "seedream-4", "count": 0}, "not known"),
        ({"limit": 10**9, "count": 10**7}, "the account holds"),
    ],
)
def test_beyond_it_the_task_fails(more, words):
    with pytest.raises(AirflowFailException) as raised:
        budget(**more).execute({})
    assert words in raised.value.error.message


def test_a_verb_has_its_own_price():
    assert budget(verb="upscale").execute({})["cost"] == 20


def test_nothing_is_charged(prices):
    budget().execute({})
    assert not prices.charges()


def test_or_it_skips_what_follows():
    with pytest.raises(AirflowSkipException, match="the limit is"):
        budget(count=6, on_exceeded="skip").execute({})


def test_or_it_asks_a_person(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.HITLOperator.execute",
        lambda self, context: asked.append((self.body, self.options)),
    )
    operator = budget(count=6, on_exceeded="ask")
    operator.execute({})
    ((body, options),) = asked
    assert "120 credits" in body
    assert options == ["Go ahead", "Stop"]

    def answer(option):
        event = {
            "chosen_options": [option],
            "params_input": {},
            "responded_at": datetime(2026, 3, 2, tzinfo=timezone.utc),
            "responded_by_user": None,
        }
        return operator.execute_complete({}, event)

    assert answer("Go ahead") == {"approved": True}
    with pytest.raises(AirflowSkipException):
        answer("Stop")


@pytest.mark.parametrize("count", ["many", -1, None])
def test_a_count_that_is_none(count):
    with pytest.raises(AirflowFailException) as raised:
        budget(count=count).execute({})
    assert "count" in raised.value.error.message


def test_a_word_that_is_none():
    with pytest.raises(InvalidRequestError, match="on_exceeded"):
        budget(on_exceeded="shrug")


def test_prices_that_cannot_be_read(monkeypatch):
    monkeypatch.setenv("AIRFLOW__ORUX__PRICES", "[]")
    with pytest.raises(AirflowFailException) as raised:
        budget().execute({})
    assert "prices cannot be read" in raised.value.error.message


def test_the_gateways_own_list(prices, monkeypatch):
    monkeypatch.setenv("AIRFLOW__ORUX__PRICES", "{}")
    monkeypatch.setenv("AIRFLOW_CONN_RELAY", prices.connection("opengpu_relay"))
    found = budget(conn_id="relay", model="Qwen/qwen-image", limit=100).execute({})
    assert found["currency"] == "USD"
    assert found["cost"] > 0


@pytest.mark.parametrize(("balance", "enough"), [(5.0, True), (1.0, False)])
def test_the_balance_of_an_account_with_a_key_of_its_own(prices, monkeypatch, balance, enough):
    monkeypatch.setenv("AIRFLOW__ORUX__PRICES", json.dumps({"yescale": {"currency": "USD", "flux-pro": 0.5}}))
    connection = json.loads(prices.connection("yescale"))
    connection["extra"] |= {"access_key": "sandbox-account-access-key", "account_host": prices.url}
    monkeypatch.setenv("AIRFLOW_CONN_YESCALE", json.dumps(connection))
    prices.save_account(account="yescale", balance=balance)
    asked = budget(conn_id="yescale", model="flux-pro", count=4)
    if enough:
        assert asked.execute({})["balance"] == 5.0
    else:
        with pytest.raises(AirflowFailException) as raised:
            asked.execute({})
        assert "the account holds" in raised.value.error.message
