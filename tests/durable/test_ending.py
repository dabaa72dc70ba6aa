"""After the deferral: the trigger fired or crashed; the job ended; the result is recorded."""

from __future__ import annotations

import pytest

from airflow_provider_orux.durable.job import Finished
from airflow_provider_orux.lifecycle.event import JobEvent
from airflow_provider_orux.lifecycle.ledger import RemoteState
from airflow_provider_orux.lifecycle.polling import Wait
from airflow_provider_orux.lifecycle.record import State
from airflow_provider_orux.models.errors import (
    ArtifactError,
    AuthenticationError,
    GatewayUnavailableError,
    JobExpiredError,
    JobFailedError,
    JobNotFoundError,
    JobTimeoutError,
    LedgerError,
    OruxError,
)
from airflow_provider_orux.models.job import Job, JobStatus
from tests.durable.fakes import (
    BAD_KEY,
    FULL,
    SILENCE,
    UNKNOWN_JOB,
    World,
    answer,
    done,
    relay,
    storage_away,
    synchronous,
)


def submitted(**more):
    world = World(**more)
    world.start()
    return world


# -- the trigger fired -----------------------------------------------------------------------------------------
def test_the_result_is_recorded_after_it_was_saved_and_before_it_is_handed_over():
    world = submitted()
    del world.events[:]
    world.client.succeed()
    world.resume()
    assert world.events == ["poll", "save", "write finished", "hand over"]
    assert (world.state, world.record.delivered) == (State.FINISHED, False)


def test_an_event_that_says_fetch_makes_the_worker_fetch():
    world = submitted()
    world.client.succeed("https://files/a.png")
    step = world.resume({"v": 1, "kind": "fetch", "job_id": "task_1"})
    assert step.result["artifacts"] == [{"url": "https://files/a.png"}]


def test_a_job_that_runs_although_its_trigger_fired_is_waited_for_and_has_not_failed():
    world = submitted()
    assert isinstance(world.resume({"v": 1, "kind": "fetch", "job_id": "task_1"}), Wait)
    assert world.state is State.SUBMITTED


def test_a_key_that_is_refused_while_fetching_does_not_end_the_wait():
    world = submitted()
    world.client.polls = [BAD_KEY]
    assert isinstance(world.resume({"v": 1, "kind": "fetch", "job_id": "task_1"}), Wait)


def test_a_full_gateway_while_fetching_is_waited_for_and_runs_no_part_of_the_task_again():
    """A reschedule would begin the task anew: a decorated function would be called again, for another request."""
    world = submitted()
    world.client.polls = [FULL]
    assert isinstance(world.resume({"v": 1, "kind": "fetch", "job_id": "task_1"}), Wait)
    assert world.state is State.SUBMITTED


@pytest.mark.parametrize("tells", [True, False])
def test_whether_the_event_may_hold_urls_is_said_to_the_trigger(tells):
    world = World()
    world.delivery.tells_the_trigger = tells
    assert world.start().push_urls is tells


def test_a_key_that_was_refused_all_the_while_ends_it():
    world = submitted()
    event = JobEvent.of_error(AuthenticationError("refused"), job_id="task_1").model_dump(mode="json")
    with pytest.raises(AuthenticationError):
        world.resume(event)


@pytest.mark.parametrize(
    "event",
    [None, {}, {"v": 9}, {"v": 1, "kind": "job", "job_id": "task_1", "job": {"status": "?"}},
     {"v": 1, "kind": "job", "job_id": "other", "job": done("other").to_dict()}],
)  # fmt: skip
def test_an_event_that_is_not_about_our_job_makes_the_worker_fetch_ours(event):
    world = submitted()
    world.client.succeed("https://files/a.png")
    assert world.resume(event).result["artifacts"] == [{"url": "https://files/a.png"}]


def test_an_error_in_an_event_is_raised_as_what_it_is():
    world = submitted()
    event = JobEvent.of_error(JobTimeoutError("too late"), job_id="task_1").model_dump(mode="json")
    with pytest.raises(JobTimeoutError, match="too late"):
        world.resume(event)
    assert world.state is State.SUBMITTED


def test_without_a_ledger_the_event_says_which_job_it_is_about():
    world = submitted(durable=False)
    world.client.succeed()
    assert world.resume({"v": 1, "kind": "fetch", "job_id": "task_1"}).result["job_id"] == "task_1"


def test_without_a_ledger_and_without_a_usable_event_no_job_is_known():
    world = submitted(durable=False)
    with pytest.raises(OruxError, match="names no job"):
        world.resume({})


def test_a_ledger_record_that_is_gone_submits_nothing():
    world = submitted()
    world.rows.values.clear()
    with pytest.raises(LedgerError, match="gone since the task deferred"):
        world.resume({})
    assert world.charges == 1


# -- the trigger crashed ---------------------------------------------------------------------------------------
def test_a_job_that_runs_is_waited_for_again_with_the_same_deadline():
    world = submitted(timeout=600)
    world.clock.sleep(100)
    step = world.check()
    assert isinstance(step, Wait)
    assert step.deadline == world.record.updated_at + 600


def test_a_job_that_ended_meanwhile_is_taken():
    world = submitted()
    world.client.succeed()
    assert isinstance(world.check(), Finished)


def test_past_the_deadline_a_job_that_runs_is_given_up():
    world = submitted(timeout=600)
    world.clock.sleep(700)
    with pytest.raises(JobTimeoutError):
        world.check()


def test_a_job_that_is_not_indexed_yet_is_waited_for():
    world = submitted()
    world.gateway.not_found_grace = 60.0
    world.client.polls = [UNKNOWN_JOB]
    assert world.check().job_id == "task_1"


def test_a_job_the_gateway_does_not_know_after_a_while_is_given_up():
    world = submitted()
    world.gateway.not_found_grace = 60.0
    world.clock.sleep(61)
    world.client.polls = [UNKNOWN_JOB]
    with pytest.raises(JobNotFoundError):
        world.check()


def test_a_key_that_is_refused_while_checking_does_not_end_the_wait():
    world = submitted()
    world.client.polls = [BAD_KEY]
    assert world.check().job_id == "task_1"
    assert world.log.said("task_1 is paid for and waited for again")


def test_a_key_that_is_refused_past_the_deadline_ends_it():
    world = submitted(timeout=600)
    world.clock.sleep(700)
    world.client.polls = [BAD_KEY]
    with pytest.raises(AuthenticationError):
        world.check()


def test_a_gateway_that_is_away_while_checking_leaves_the_record_to_a_retry():
    world = submitted()
    world.client.polls = [SILENCE] * 5
    with pytest.raises(GatewayUnavailableError) as caught:
        world.check()
    assert not caught.value.final
    assert world.state is State.SUBMITTED


def test_without_a_ledger_the_pushed_job_id_is_checked():
    world = submitted(durable=False)
    world.client.succeed()
    assert world.check().result["job_id"] == "task_1"


def test_without_a_ledger_a_job_that_runs_is_given_up():
    world = submitted(durable=False)
    with pytest.raises(JobTimeoutError):
        world.check()


def test_without_a_ledger_an_unknown_job_is_an_error():
    world = submitted(durable=False)
    world.client.polls = [UNKNOWN_JOB]
    with pytest.raises(JobNotFoundError):
        world.check()


def test_without_a_ledger_and_a_pushed_job_id_nothing_can_be_checked():
    world = submitted(durable=False)
    world.delivery.xcoms.clear()
    with pytest.raises(LedgerError, match="no job id is known"):
        world.check()


# -- the job ended ---------------------------------------------------------------------------------------------
def ends(world, **facts):
    with pytest.raises(OruxError) as caught:
        world.resume()
    return caught.value


@pytest.mark.parametrize(("paying", "final"), [(False, True), (True, False)])
def test_a_job_that_failed_uses_retries_only_where_they_may_pay(paying, final):
    world = submitted(paying_retries=paying)
    world.client.fail()
    error = ends(world)
    assert type(error) is JobFailedError
    assert (error.final, error.code, error.job_id) == (final, "upstream_error", "task_1")
    assert "it broke" in error.message


def test_a_job_that_failed_for_good_uses_no_retry():
    world = submitted(paying_retries=True)
    world.client.fail("content_policy_violation")
    assert ends(world).final


def test_a_job_that_expired_uses_no_retry():
    world = submitted(paying_retries=True)
    world.client.job_is = {"status": "EXPIRED"}
    error = ends(world)
    assert type(error) is JobExpiredError
    assert error.final


def test_what_could_not_be_saved_is_saved_by_a_retry_from_a_new_poll():
    world = submitted()
    world.client.succeed()
    world.delivery.fails = [storage_away()]
    with pytest.raises(ArtifactError):
        world.resume()
    world.retry()
    assert world.start().result["manifest"]
    assert world.charges == 1


def test_images_that_are_lost_while_saving_make_the_job_expired():
    world = synchronous()
    world.delivery.fails = [JobExpiredError("lost", charged="yes", retry_helps=False)]
    with pytest.raises(JobExpiredError):
        world.start()
    assert world.job.remote is RemoteState.EXPIRED


def test_a_result_that_cannot_be_recorded_is_recorded_by_a_retry():
    world = submitted()
    world.client.succeed()
    world.rows.away_for("finished")
    with pytest.raises(LedgerError) as caught:
        world.resume()
    assert not caught.value.final
    world.rows.back()
    world.retry()
    assert isinstance(world.start(), Finished)
    assert (world.state, world.charges) == (State.FINISHED, 1)


def test_images_that_are_saved_and_cannot_be_recorded_are_not_lost_without_a_word():
    world = synchronous()
    world.client.answers = [answer({"data": [{"b64_json": "aGVsbG8="}]})]
    world.rows.away_for("finished")
    with pytest.raises(LedgerError) as caught:
        world.start()
    assert "They are saved: s3://content/gen-" in caught.value.message
    assert (caught.value.charged, caught.value.final) == ("yes", True)


def test_without_waiting_a_job_that_ended_is_not_saved_by_its_own_task():
    world = submitted(wait=False)
    world.write(state=State.SUBMITTED, result=None)
    world.client.succeed()
    world.retry()
    assert world.start().result["manifest"] is None
    assert world.delivery.saved == []


def test_a_gateway_that_forgets_nothing_needs_no_note():
    world = submitted()
    world.client.succeed()
    world.rows.away_for("submitted")
    assert isinstance(world.resume(), Finished)
    assert not world.log.said("could not be noted")


def test_images_inside_an_answer_are_never_noted():
    world = relay()
    world.start()
    world.client.job_is = {"status": "completed", "result": {"images": ["data:image/png;base64,aGVsbG8="]}}
    world.resume()
    assert "inline" not in str(world.rows.values)


def test_the_job_that_ended_is_known_to_on_kill():
    world = submitted()
    world.client.succeed()
    world.resume()
    assert world.job.job_id == "task_1"


def test_a_queued_job_is_no_end():
    world = submitted(wait=False)
    assert world.record.result["job_id"] == Job("task_1", JobStatus.QUEUED, "orux").job_id
