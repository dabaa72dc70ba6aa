"""What a person is told: by an error that leaves the task, and when the task is killed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_orux.compat import COMMAND
from airflow_provider_orux.durable.opening import complete_unread
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    ConfigurationError,
    GatewayUnavailableError,
    JobFailedError,
    LedgerError,
    OruxError,
)
from tests.durable.fakes import LOST, UNREACHED, World, relay, synchronous

PAYS = "submits a new job, which is charged"
FREE = "continues with the recorded job and pays nothing"


def told(world, step="start"):
    """What the error says once the task completed it."""
    with pytest.raises(OruxError) as caught:
        getattr(world, step)()
    world.job.complete(caught.value)
    return caught.value


def lost(world):
    world.client.answers = [LOST] * 5
    return told(world)


def test_an_ambiguous_end_names_both_commands():
    error = lost(World())
    assert f"{COMMAND} ledger settle dag run task --job-id JOB_ID" in error.next_step
    assert f"{COMMAND} ledger discard dag run task" in error.next_step
    assert error.outlook.count("No retry is used.") == 1


def test_an_ambiguous_end_under_a_key_says_that_a_retry_sends_again():
    assert "sends the same submission again under its idempotency key" in lost(relay()).outlook


def test_an_ambiguous_synchronous_end_asks_for_the_url():
    assert "settle dag run task --url URL" in lost(synchronous()).next_step


def test_the_commands_of_a_mapped_task_name_its_index():
    world = World()
    job = world.attempt()
    object.__setattr__(job.ledger.identity, "map_index", 4)
    assert "--map-index 4" in job.ledger.identity.command("discard")


def test_a_refusal_says_that_retry_and_clear_submit():
    world = World()
    world.client.answers = [UNREACHED] * 5
    error = told(world)
    assert f"A retry or a clear of the task then {PAYS}." in error.outlook


def test_a_failed_job_says_that_only_a_clear_pays():
    world = World()
    world.start()
    world.client.fail()
    error = told(world, "resume")
    assert type(error) is JobFailedError
    assert error.outlook.startswith("No retry is used")
    assert error.outlook.endswith(f"A clear of the task {PAYS}.")


def test_the_last_try_says_that_no_retry_is_left():
    world = World(retries=0)
    world.client.answers = [UNREACHED] * 5
    assert "No retry is left." in told(world).outlook


def test_a_ledger_that_is_away_promises_nothing_of_what_it_holds():
    world = World()
    world.rows.away()
    error = told(world)
    assert isinstance(error, LedgerError)
    assert "A clear of the task" not in error.outlook


def test_without_a_ledger_the_error_says_what_may_be_charged():
    world = World(durable=False)
    error = lost(world)
    assert "durable=False: the earlier submission may be charged too" in error.outlook


def test_the_error_names_gateway_and_job():
    world = World()
    world.start()
    world.client.polls = [UNREACHED] * 5
    error = told(world, "check")
    assert (error.gateway, error.job_id) == ("orux", "task_1")


# -- killed ----------------------------------------------------------------------------------------------------
def test_a_task_killed_before_anything_was_sent_says_nothing():
    assert World().attempt().on_kill() is None


def test_a_task_killed_while_it_waits_says_what_a_clear_does():
    world = World()
    world.start()
    said = world.job.on_kill()
    assert "Job task_1 continues at the gateway and will be charged" in said
    assert FREE in said


def test_a_task_killed_while_its_request_is_under_way_says_that_nothing_is_known():
    world = World()
    said = []
    world.client._accept = lambda request: said.append(world.job.on_kill()) or 1 / 0
    with pytest.raises(ZeroDivisionError):
        world.start()
    assert "killed while its request was under way" in said[0]


def test_a_task_killed_between_answer_and_ledger_names_the_job():
    world = World()
    said = []
    world.rows.fails = lambda verb, key, value: bool(
        verb == "set"
        and key == "orux_ledger"
        and value["state"] == "submitted"
        and said.append(world.job.on_kill())
    )
    world.start()
    assert f"`{COMMAND} ledger settle dag run task --job-id task_1`" in said[0]


# -- before the ledger was read --------------------------------------------------------------------------------
def unread(error, store=None, *, try_number=1, durable=True):
    ti = SimpleNamespace(
        dag_id="dag", run_id="run", task_id="task", map_index=-1, try_number=try_number, max_tries=3
    )
    context = {"ti": ti, **({} if store is None else {"task_state_store": store.rows.view()})}
    complete_unread(error, context, durable=durable, record_prompt="full")
    return error


def test_an_error_before_the_ledger_was_read_tells_what_the_ledger_holds():
    world = World()
    world.start()
    error = ConfigurationError("no such connection", charged="no")
    unread(error, world)
    assert (error.job_id, error.charged) == ("task_1", "unknown")


def test_an_error_before_the_ledger_was_read_with_nothing_in_it_says_what_comes_next():
    pays = "submits a new job, which is charged."
    for store, more in ((World(), {}), (None, {"durable": False})):
        error = unread(ConfigurationError("no such connection", charged="no"), store, **more)
        assert error.report().splitlines()[2] == "Correct the connection or the argument.", (
            "the cure comes first"
        )
        assert (error.charged, error.outlook) == ("no", f"No retry is used.\nA clear of the task then {pays}")
    error = unread(GatewayUnavailableError("away", charged="no"), World())
    assert error.outlook == f"A retry or a clear of the task {pays}"
    error = unread(GatewayUnavailableError("away", charged="no"), World(), try_number=4)
    assert error.outlook == f"No retry is left.\nA clear of the task {pays}"


def test_a_ledger_that_cannot_be_read_promises_nothing():
    assert unread(ConfigurationError("no such connection", charged="no")).outlook == ""


def test_an_ambiguous_submission_of_an_earlier_attempt_is_told_too():
    world = World()
    world.client.answers = [LOST]
    with pytest.raises(AmbiguousSubmitError):
        world.start()
    error = ConfigurationError("no such connection", charged="no")
    unread(error, world)
    assert "a submission without a known answer" in error.outlook
