"""Which store holds the ledger, and when a folder is refused."""

from __future__ import annotations

import json
import logging
import os
import uuid
from types import SimpleNamespace

import airflow.sdk
import pytest

from airflow_provider_orux.durable import open_store
from airflow_provider_orux.durable.log_store import LogStore
from airflow_provider_orux.durable.open_store import MARKER, VARIABLE, ledger_path, record_store
from airflow_provider_orux.durable.stores import TaskStateStore
from airflow_provider_orux.models.errors import ConfigurationError, LedgerError
from tests.durable.fakes import Rows, World

TI = uuid.UUID("019ac588-0000-7000-8000-000000000000")


class Variables:
    """Airflow's, in memory."""

    def __init__(self):
        self.values = {}
        self.away = False

    def get(self, key, default=None):
        if self.away:
            raise RuntimeError("the API server does not answer")
        return self.values.get(key, default)

    def set(self, key, value, description=None):
        self.values[key] = value


@pytest.fixture
def variables(monkeypatch):
    found = Variables()
    monkeypatch.setattr(airflow.sdk, "Variable", found)
    return found


@pytest.fixture
def home(monkeypatch, tmp_path, variables):
    """A machine, whose ledger is a folder of its own."""
    open_store._checked_root.cache_clear()
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__ORUX__LEDGER_PATH", "local")
    yield tmp_path / "orux-ledger"
    open_store._checked_root.cache_clear()


def context(*, own=True, try_number=1, map_index=None):
    ti = SimpleNamespace(
        id=TI, dag_id="d", run_id="r", task_id="t", map_index=map_index, try_number=try_number, max_tries=3
    )
    return {"ti": ti, **({"task_state_store": Rows([]).view()} if own else {})}


def opened(**more):
    return record_store(context(**more), log=logging.getLogger("t"))


def another_process():
    open_store._checked_root.cache_clear()


def test_airflows_own_store_where_it_has_one():
    assert isinstance(opened(), TaskStateStore)


def test_an_error_where_it_has_none():
    with pytest.raises(LedgerError, match="no state store") as caught:
        opened(own=False)
    assert caught.value.charged == "no"
    assert "ledger_path" in caught.value.next_step


@pytest.mark.parametrize("own", [True, False])
def test_the_configured_one_wherever_it_is_configured(home, own):
    store = opened(own=own)
    assert isinstance(store, LogStore)
    assert store.read() is None
    store.write(record())
    assert [p.relative_to(home).as_posix() for p in home.rglob("*.json") if p.name != MARKER] == [
        "d/r/t/-1/00000001.json"
    ]


def record():
    world = World()
    world.start()
    return world.record


def test_whose_turn_it_is_comes_from_the_context(home):
    opened(try_number=2, map_index=7).write(record())
    entry = json.loads((home / "d/r/t/7/00000001.json").read_text())
    assert entry["turn"] == {"ti_id": str(TI), "try_number": 2}
    assert entry["map_index"] == 7


@pytest.mark.parametrize(
    ("configured", "path"),
    [("", None), (" ", None), ("s3://bucket/x/", "s3://bucket/x"), ("/mnt/ledger", "/mnt/ledger")],
)
def test_what_is_configured(monkeypatch, configured, path):
    monkeypatch.setenv("AIRFLOW__ORUX__LEDGER_PATH", configured)
    assert ledger_path() == path


# -- a folder ----------------------------------------------------------------------------------------------------------
def test_the_first_process_marks_the_folder_and_the_others_find_it(home, variables):
    opened()
    assert variables.values == {VARIABLE: json.loads((home / MARKER).read_text())["id"]}
    another_process()
    opened()


def test_the_folder_of_another_machine_is_refused(home, variables, monkeypatch, tmp_path):
    opened().write(record())
    another_process()
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "other"))
    with pytest.raises(ConfigurationError, match="is empty, and not the one") as caught:
        opened()
    assert caught.value.charged == "no"
    assert not (tmp_path / "other" / "orux-ledger" / MARKER).exists()


def test_a_lost_folder_is_refused(home, variables):
    opened()
    (home / MARKER).unlink()
    another_process()
    with pytest.raises(ConfigurationError, match=VARIABLE):
        opened()


def test_a_folder_of_another_airflow_is_refused(home, variables):
    opened()
    (home / MARKER).write_text('{"id": "0"}')
    another_process()
    with pytest.raises(ConfigurationError, match="another folder"):
        opened()


def test_a_new_database_takes_the_folder_that_is_there(home, variables):
    """``airflow db reset``: no run of it is under way."""
    opened()
    variables.values.clear()
    another_process()
    opened()
    assert variables.values == {VARIABLE: json.loads((home / MARKER).read_text())["id"]}


def test_nothing_is_sent_while_the_variable_cannot_be_read(home, variables):
    variables.away = True
    with pytest.raises(LedgerError, match="cannot be read") as caught:
        opened()
    assert not caught.value.final


def test_a_damaged_marker_is_an_error(home, variables):
    opened()
    (home / MARKER).write_text("{")
    another_process()
    with pytest.raises(ConfigurationError, match="damaged"):
        opened()


def test_a_folder_that_cannot_be_made_is_an_error(home, variables, tmp_path):
    (tmp_path / "orux-ledger").write_text("a file")
    with pytest.raises(ConfigurationError, match="ledger_path cannot be used"):
        opened()


def test_a_folder_without_hard_links_is_refused_and_not_marked(home, variables, monkeypatch):
    def link(source, target):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(ConfigurationError, match="hard links"):
        opened()
    assert variables.values == {}
    assert list(home.iterdir()) == []


def test_an_explicit_path_is_marked_too(home, variables, monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__ORUX__LEDGER_PATH", f"file://{tmp_path}/shared")
    opened()
    assert (tmp_path / "shared" / MARKER).exists()
    assert list(variables.values) == [VARIABLE]
