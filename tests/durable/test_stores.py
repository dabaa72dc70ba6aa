"""Airflow's task state store: what may be believed of it, and for how long a write is tried."""

from __future__ import annotations

import pytest

from airflow_provider_orux.compat import never_expire
from airflow_provider_orux.durable.stores import WRITE_PATIENCE
from airflow_provider_orux.lifecycle.record import PROBE_KEY, RECORD_KEY
from airflow_provider_orux.models.errors import LedgerError
from tests.durable.fakes import World


def submitted():
    world = World()
    world.start()
    return world


def test_no_record_is_believed_after_a_second_key_was_read_back():
    world = World()
    assert world.store().read() is None
    assert PROBE_KEY in world.rows.values


def test_a_record_is_read_without_writing_anything():
    world = submitted()
    world.rows.away("set")
    assert world.store().read() == world.record


@pytest.mark.parametrize(("hidden", "found"), [(1, True), (2, None), (3, None)])
def test_a_record_that_reads_hide_is_found_or_is_an_error(hidden, found):
    world = submitted()
    world.rows.hidden = hidden
    if found:
        assert world.store().read() == world.record
    else:
        with pytest.raises(LedgerError, match="does not return"):
            world.store().read()


def test_a_store_that_takes_no_probe_proves_nothing():
    world = World()
    world.rows.away("set")
    with pytest.raises(LedgerError, match="cannot be written"):
        world.store().read()


def test_a_store_that_does_not_answer_is_an_error_a_retry_may_outlive():
    world = World()
    world.rows.away()
    with pytest.raises(LedgerError, match="cannot be read") as caught:
        world.store().read()
    assert not caught.value.final


def test_a_glance_proves_nothing_and_raises_nothing():
    world = submitted()
    assert world.store().glance() == world.record
    world.rows.away()
    assert world.store().glance() is None


def test_an_intent_is_tried_once():
    world = submitted()
    world.rows.away("set")
    with pytest.raises(LedgerError) as caught:
        world.store().write_intent(world.record.changed(max_tries=9))
    assert caught.value.charged == "no"
    assert world.clock.skipped == 0


def test_an_intent_whose_answer_was_lost_is_written():
    """Else an intent that nobody sent would need a person."""
    world = submitted()
    world.rows.away("set")
    world.store().write_intent(world.record)


def test_what_was_there_before_is_no_sign_of_a_write():
    """A resend writes the intent that it found: only an acknowledged write is the fence."""
    world = submitted()
    store = world.store()
    found = store.read()
    world.rows.away("set")
    with pytest.raises(LedgerError):
        store.write_intent(found)


@pytest.mark.parametrize(("patience", "tried"), [(None, WRITE_PATIENCE), (5.0, 5.0), (0.0, 0.0)])
def test_a_write_that_must_not_be_lost_is_tried_for_its_patience(patience, tried):
    world = submitted()
    world.rows.away("set")
    with pytest.raises(LedgerError):
        world.store().write(world.record, patience=patience)
    assert tried * 0.6 - 1 <= world.clock.skipped <= tried


def test_records_are_kept_for_ever():
    kept = []
    world = submitted()
    store = world.store()
    store._store.set = lambda key, value, *, retention: kept.append((key, retention))
    store.write(world.record)
    assert kept == [(RECORD_KEY, never_expire())]


def test_a_removal_is_tried_again():
    world = submitted()
    calls = []
    world.rows.fails = lambda verb, key, value: verb == "delete" and not calls.append(verb) and len(calls) < 3
    world.store().remove()
    assert world.record is None
