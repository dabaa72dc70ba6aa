"""``airflow orux cost``: what the ledger knows of money, added up."""

from __future__ import annotations

import argparse
import csv
import io
import json

import pytest

from airflow_provider_orux.cli import cost
from airflow_provider_orux.cli.airflow_api import AirflowApi
from airflow_provider_orux.cli.ledger.instances import Instance, LedgerEntry
from airflow_provider_orux.cli.output import Output
from airflow_provider_orux.lifecycle.record import Record, State, Superseded

DAY = 1772409600.0  # 2026-03-02


def record(job_id="a", *, state=State.FINISHED, at=DAY, earlier=(), **result):
    facts = {
        "job_id": job_id,
        "conn_id": "c",
        "gateway": "orux",
        "model": "m",
        "artifacts": [],
        "manifest": None,
    }
    return Record(
        state=state,
        max_tries=3,
        fingerprint="0" * 64,
        conn_id="c",
        host="https://orux.top",
        updated_at=at,
        submission_id="gen-1",
        job_id=job_id,
        result={**facts, **result} if state is State.FINISHED else None,
        earlier=earlier,
    )


def entry(found, *, dag="d", task="t", index=-1):
    return LedgerEntry(Instance(dag, "r", task, index), found)


@pytest.fixture
def printed(monkeypatch):
    def run(*entries, output="json"):
        monkeypatch.setattr(AirflowApi, "of", classmethod(lambda cls, args: _Api()))
        monkeypatch.setattr(cost.LedgerRecords, "find", lambda self, **narrow: iter(entries))
        out, args = io.StringIO(), argparse.Namespace(dag=None, from_=None, to=None, output=output)
        status = cost.cost(args, Output(out, io.StringIO()))
        text = out.getvalue()
        return status, json.loads(text) if output == "json" else text

    return run


class _Api:
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


PAID = {"charged": "yes", "price": 20.0, "currency": "credits"}


def test_a_clear_that_paid_again_counts_both(printed):
    old = Superseded(job_id="old", charged="yes", price=5.0, currency="credits", at=DAY - 86400)
    status, found = printed(entry(record(earlier=(old,), **PAID)))
    assert status == 0
    assert found["total"]["amounts"] == {"credits": 25.0}
    assert [(j["job_id"], j["superseded"], j["day"]) for j in found["jobs"]] == [
        ("old", True, "2026-03-01"),
        ("a", False, "2026-03-02"),
    ]
    days = {t["name"]: t["amounts"] for t in found["totals"] if t["by"] == "day"}
    assert days == {"2026-03-01": {"credits": 5.0}, "2026-03-02": {"credits": 20.0}}


def test_what_is_not_known_is_said(printed):
    _, found = printed(
        entry(record("a", charged="yes")),
        entry(record("b", state=State.SUBMITTED)),
        entry(record("c", charged="no")),
    )
    assert found["total"] == {
        "jobs": 2, "amounts": {}, "unpriced": 2, "unsure": 1, "text": "2 of unknown price",
    }  # fmt: skip


def test_a_reused_result_and_a_job_of_two_records_cost_once(printed):
    _, found = printed(
        entry(record("a", **PAID)),
        entry(record("a", **PAID), task="again"),
        entry(record("b", reused_from="x", charged="no")),
    )
    assert found["total"]["amounts"] == {"credits": 20.0}


def test_a_record_that_cannot_be_read_is_no_zero(printed):
    status, found = printed(LedgerEntry(Instance("d", "r", "t"), None, "not readable"))
    assert (status, found["unreadable_records"]) == (1, 1)


def test_csv_and_table(printed):
    _, text = printed(entry(record(**PAID), index=3), output="csv")
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["map_index"], row["price"], row["currency"], row["model"]) == ("3", "20.0", "credits", "m")
    _, text = printed(entry(record(**PAID)), output="table")
    assert "1 job that cost: 20 credits." in text
