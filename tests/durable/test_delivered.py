"""The mark "delivered": only where Airflow itself says that the task succeeded."""

from __future__ import annotations

import pytest

from airflow_provider_orux.durable import delivered
from airflow_provider_orux.models.errors import LedgerError
from tests.durable.fakes import World, context


def finished():
    world = World()
    world.finish()
    return world


def told(world, state, **more):
    """Airflow runs the success callback while its database says ``state``."""
    delivered.on_success(context(world.rows.view(), state, **more))
    return world.record


def test_a_recorded_success_is_a_delivery():
    assert told(finished(), "success").delivered


def test_an_enum_is_read_as_its_value():
    class State(str):
        pass

    assert told(finished(), State("success")).delivered


@pytest.mark.parametrize("state", ["failed", "up_for_retry", "running", "deferred", "queued", None])
def test_a_success_that_airflow_did_not_record_is_no_delivery(state):
    assert not told(finished(), state).delivered


def test_a_mapped_instance_is_asked_for_by_its_own_key():
    assert told(finished(), "success", map_index=1).delivered


def test_the_mark_takes_over_the_max_tries_of_the_success():
    assert told(finished(), "success", max_tries=7).max_tries == 7


def test_a_record_the_store_erased_on_success_is_not_made_anew():
    world = finished()
    world.rows.values.clear()
    assert told(world, "success") is None
    assert world.rows.values == {}


def test_a_worker_that_was_given_up_marks_nothing():
    world = finished()
    view = world.rows.view()
    world.clear()
    delivered.on_success(context(view, "success"))
    assert not world.record.delivered


def test_a_submission_that_is_not_finished_is_not_marked():
    world = World()
    world.start()
    assert not told(world, "success").delivered


def test_a_delivered_record_is_not_written_again():
    world = finished()
    told(world, "success")
    world.rows.away("set")
    assert delivered.mark(world.store(), max_tries=3) is False


def test_a_mark_that_cannot_be_written_is_tried_for_a_few_seconds_and_the_caller_told():
    world = finished()
    world.rows.away("set")
    with pytest.raises(LedgerError):
        delivered.mark(world.store(), max_tries=3)
    assert 0 < world.clock.skipped <= delivered.PATIENCE


@pytest.mark.parametrize("state", [RuntimeError("the supervisor is gone"), "success"])
def test_nothing_that_goes_wrong_leaves_the_callback(state, caplog, monkeypatch):
    monkeypatch.setattr(delivered, "PATIENCE", 0.0)
    world = finished()
    world.rows.away("set")
    delivered.on_success(context(world.rows.view(), state))
    assert "could not note that the result was delivered" in caplog.text


def test_without_a_store_or_a_ledger_there_is_nothing_to_mark():
    world = finished()
    delivered.on_success(context(None, "success"))
    assert not told(world, "success", durable=False).delivered
