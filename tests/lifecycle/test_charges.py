"""What jobs cost: added up where it is known, said where it is not, each job once."""

from __future__ import annotations

import pytest

from airflow_provider_orux.lifecycle.charges import Charge, Total, once_each


def charge(job_id="a", charged="yes", price=None, currency="credits", model=None):
    return Charge("orux", job_id, model, charged, price, currency)


def test_a_total_is_kept_by_currency_and_says_what_it_does_not_know():
    total = Total.of(
        [
            charge(price=20.0),
            charge(price=0.25),
            charge(price=0.04, currency="USD"),
            charge(),
            charge(charged="unknown"),
            charge(charged="no"),
        ]
    )
    assert total.amounts == {"credits": 20.25, "USD": 0.04}
    assert (total.jobs, total.unpriced, total.unsure) == (5, 2, 1)
    assert total.text == "0.04 USD + 20.25 credits + 2 of unknown price"
    assert Total().text == "nothing"


def test_an_unknown_price_is_never_free():
    assert Total.of([charge()]).text == "1 of unknown price"


def test_a_job_that_several_tasks_know_counts_once_with_all_that_is_known():
    submitted, waited, saved = (
        charge(charged="unknown", model="m"),
        charge(charged="yes"),
        charge(charged="unknown", price=5.0),
    )
    (one,) = once_each([submitted, waited, saved])
    assert one == charge(charged="yes", price=5.0, model="m")
    assert once_each([saved, waited, submitted]) == [one]


def test_not_charged_is_believed_over_unknown_but_not_over_charged():
    assert once_each([charge(charged="unknown"), charge(charged="no")])[0].charged == "no"
    assert once_each([charge(charged="no"), charge(charged="yes")])[0].charged == "yes"


def test_submissions_whose_answer_never_came_are_all_counted():
    assert len(once_each([charge(None), charge(None)])) == 2


def test_the_same_id_at_two_gateways_is_two_jobs():
    assert len(once_each([charge(), Charge("yescale", "a")])) == 2


@pytest.mark.parametrize("price", [True, "5", -1, float("nan"), float("inf"), 1e13, None, [5]])
def test_what_is_no_price_is_not_known(price):
    read = Charge.read({"price": price, "charged": "maybe", "job_id": 5}, gateway="orux", model=None)
    assert read == Charge("orux", None)


def test_a_price_of_zero_is_a_price():
    assert Total.of([Charge.read({"price": 0, "charged": "yes"}, gateway="g", model=None)]).unpriced == 0
