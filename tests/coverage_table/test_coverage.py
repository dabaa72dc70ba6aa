"""docs/coverage.md is what the package can do, and what is said to work does."""

from __future__ import annotations

import pytest

from airflow_provider_orux.models.catalogue import requests_of
from airflow_provider_orux.operators.images import OruxGenerateImageOperator
from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator
from tests.coverage_table.entries import TABLES, Entry
from tests.coverage_table.table import (
    NOT_YET,
    OPERATORS,
    PAGE,
    check_title,
    looks_up,
    operator_of,
    page,
    takes_custom,
    typed,
    way,
)

JOBS = [
    pytest.param(table.gateway, entry, id=f"{table.gateway}-{entry.name}")
    for table in TABLES
    for entry in table.entries
    if entry.status == "job"
]


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make coverage"


@pytest.mark.parametrize(("gateway", "entry"), JOBS)
def test_what_is_said_to_work_does(gateway: str, entry: Entry):
    said = way(gateway, entry)
    if said == NOT_YET:
        return  # counted, and held below
    cls = typed(gateway, str(entry.model), entry.verb)
    if cls is not None:
        from airflow_provider_orux.operators import midjourney

        name = operator_of(cls)
        operator = {
            "OruxGenerateImageOperator": OruxGenerateImageOperator,
            "OruxSubmitJobOperator": OruxSubmitJobOperator,
        }.get(name) or getattr(midjourney, name)
        assert name in said
        assert operator.verb == entry.verb
        assert entry.verb in ("generate", *OPERATORS)
    else:
        assert looks_up(gateway) or takes_custom(gateway, str(entry.model))


def test_every_typed_model_is_on_the_page():
    named = {(t.gateway, e.model, e.verb) for t in TABLES for e in t.entries}
    missing = {
        (cls.gateway, cls.model, cls.verb)
        for cls in requests_of()
        if (cls.gateway, cls.model, cls.verb) not in named
    }
    assert not missing


def test_the_tables_are_whole():
    for table in TABLES:
        assert check_title(table)
        names = [entry.name for entry in table.entries]
        assert len(names) == len(set(names)), table.title
        for entry in table.entries:
            assert (entry.model is not None) == (entry.status == "job"), entry
            assert entry.note or entry.status not in ("out", "gone"), f"{entry.name}: why?"
    by_title = {table.title: len(table.entries) for table in TABLES}
    # Counted by hand in the documents: their entries must not get fewer unnoticed.
    assert by_title["YEScale: the navigation of its documentation"] == 72
    assert by_title["OpenGPU Relay: the page Image Generation"] == 10
    assert by_title["Orux AI: the page Images"] == 15
    assert set(OPERATORS) <= {cls.verb for cls in requests_of()}
