"""Later attempts: reattach, return, resubmit or fail; clears, settlements, changed requests."""

from __future__ import annotations

import pytest

from airflow_provider_orux.durable.job import Finished
from airflow_provider_orux.lifecycle.polling import Wait
from airflow_provider_orux.lifecycle.record import State
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    ArtifactError,
    GatewayUnavailableError,
    JobExpiredError,
    JobFailedError,
    JobNotFoundError,
    JobTimeoutError,
    LedgerError,
    UnexpectedResponseError,
)
from airflow_provider_orux.models.job import Job, JobStatus
from tests.durable.fakes import (
    BAD_KEY,
    HTML,
    LOST,
    NO_CREDITS,
    OTHER,
    SILENCE,
    UNKNOWN_JOB,
    World,
    answer,
    done,
    job_of,
    relay,
    storage_away,
    synchronous,
)


def failed(world, kind):
    with pytest.raises(kind) as caught:
        world.start()
    return caught.value


def submitted(**more):
    world = World(**more)
    world.start()
    return world


# -- reattaching -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("then", ["retry", "clear"])
def test_a_running_job_is_continued_with(then):
    world = submitted()
    getattr(world, then)()
    assert job_of(world.start()) == "task_1"
    assert world.charges == 1
    assert world.delivery.xcoms["job_id"] == "task_1"


@pytest.mark.parametrize("then", ["retry", "clear"])
def test_a_job_that_succeeded_meanwhile_is_saved_at_once(then):
    world = submitted()
    getattr(world, then)()
    world.client.succeed()
    assert isinstance(world.start(), Finished)
    assert world.state is State.FINISHED
    assert world.charges == 1


def test_a_retry_keeps_the_deadline():
    world = submitted(timeout=600)
    began = world.record.updated_at
    world.clock.sleep(300)
    world.retry()
    assert world.start().deadline == began + 600


@pytest.mark.parametrize("later", [300, 3000])
def test_a_clear_that_reattaches_has_a_fresh_deadline(later):
    world = submitted(timeout=600)
    world.clock.sleep(later)
    world.clear()
    assert world.start().deadline == pytest.approx(world.clock.now() + 600, abs=5)


def test_a_retry_past_the_deadline_looks_once_and_gives_up():
    world = submitted(timeout=600)
    world.clock.sleep(700)
    world.retry()
    error = failed(world, JobTimeoutError)
    assert (error.job_id, error.final) == ("task_1", True)


def test_a_retry_past_the_deadline_takes_a_success():
    world = submitted(timeout=600)
    world.clock.sleep(700)
    world.client.succeed()
    world.retry()
    assert isinstance(world.start(), Finished)


def test_a_retry_that_changes_nothing_in_the_record_does_not_write_it():
    world = submitted()
    world.retry()
    world.rows.away_for("submitted")
    assert isinstance(world.start(), Wait)


def test_a_reattachment_that_cannot_be_written_pays_nothing():
    world = submitted()
    world.clear()
    world.rows.away_for("submitted")
    failed(world, LedgerError)
    assert world.charges == 1


def test_a_job_the_gateway_has_not_indexed_yet_is_waited_for():
    world = submitted()
    world.gateway.not_found_grace = 60.0
    world.client.polls = [UNKNOWN_JOB]
    world.retry()
    assert job_of(world.start()) == "task_1"


def test_a_job_the_gateway_does_not_know_is_never_paid_for_again():
    world = submitted(paying_retries=True)
    world.client.polls = [UNKNOWN_JOB] * 2
    world.retry()
    error = failed(world, JobNotFoundError)
    assert (error.job_id, error.charged) == ("task_1", "unknown")
    world.clear()
    failed(world, JobNotFoundError)
    assert world.charges == 1


def test_an_answer_that_cannot_be_read_says_nothing_about_the_job():
    world = submitted(paying_retries=True)
    world.client.polls = [HTML]
    world.retry()
    failed(world, UnexpectedResponseError)
    assert world.charges == 1


def test_a_key_that_is_refused_does_not_give_up_a_job_that_is_paid_for():
    world = submitted()
    world.client.polls = [BAD_KEY]
    world.retry()
    assert job_of(world.start()) == "task_1"
    assert world.log.said("Job task_1 is paid for; the key is refused")


def test_a_gateway_that_is_away_is_asked_again_by_the_next_retry():
    world = submitted()
    world.client.polls = [SILENCE] * 5
    world.retry()
    assert not failed(world, GatewayUnavailableError).final
    assert world.state is State.SUBMITTED


# -- jobs that failed ------------------------------------------------------------------------------------------
def test_a_free_retry_does_not_pay_for_a_job_that_failed():
    world = submitted()
    world.client.fail()
    world.retry()
    assert failed(world, JobFailedError).final
    assert world.charges == 1


def test_a_retry_the_author_asked_for_pays_for_a_job_that_failed():
    world = submitted(paying_retries=True)
    world.client.fail()
    world.retry()
    assert job_of(world.start()) == "task_2"


def test_no_retry_pays_for_a_job_that_would_fail_again():
    world = submitted(paying_retries=True)
    world.client.fail("content_policy_violation")
    world.retry()
    failed(world, JobFailedError)
    assert world.charges == 1


def test_no_retry_pays_for_a_job_that_expired():
    world = submitted(paying_retries=True)
    world.client.job_is = {"status": "EXPIRED"}
    world.retry()
    failed(world, JobExpiredError)
    assert world.charges == 1


@pytest.mark.parametrize("code", ["upstream_error", "content_policy_violation"])
def test_a_clear_pays_for_a_job_that_failed(code):
    world = submitted()
    world.client.fail(code)
    world.clear()
    assert job_of(world.start()) == "task_2"


def test_a_clear_that_may_only_reattach_fails_with_a_failed_job_and_names_discard():
    world = submitted(on_clear="reattach")
    world.client.fail()
    world.clear()
    error = failed(world, JobFailedError)
    world.job.complete(error)
    assert "ledger discard dag run task" in error.next_step


def test_a_clear_that_always_pays_does_not_even_look():
    world = submitted(on_clear="resubmit")
    world.clear()
    assert job_of(world.start()) == "task_2"
    assert "poll" not in world.events


# -- results ---------------------------------------------------------------------------------------------------
def finished(**more):
    world = World(**more)
    world.finish()
    return world


def test_a_finished_result_is_returned_and_nothing_is_paid():
    world = finished()
    world.retry()
    step = world.start()
    assert step.result["job_id"] == "task_1"
    assert world.charges == 1
    assert world.events[-1] == "hand over"


def test_a_clear_of_a_result_airflow_knew_nothing_of_returns_it_and_says_so_last():
    world = finished()
    world.clear()
    assert job_of(world.start()) == "task_1"
    assert world.charges == 1
    assert world.log.lines[-1].startswith("Nothing was paid: this is the result of job task_1")
    assert world.log.lines[-1].endswith("clear the task once it has succeeded.")


def test_a_clear_of_a_delivered_result_pays_for_a_new_one():
    world = finished()
    world.delivered()
    world.clear()
    assert job_of(world.start()) == "task_2"


def test_the_success_of_a_returned_result_lets_the_next_clear_pay():
    world = finished()
    world.clear()
    world.start()
    world.delivered()
    world.clear()
    assert job_of(world.start()) == "task_2"


def test_a_retry_of_a_delivered_result_returns_it_without_a_word():
    world = finished()
    world.delivered()
    world.retry()
    world.start()
    assert not world.log.said("Nothing was paid")


def test_a_result_that_is_not_of_our_shape_is_an_error_and_no_instruction():
    world = finished()
    world.write(result={"job_id": "task_1"})
    world.retry()
    error = failed(world, LedgerError)
    assert error.job_id == "task_1"
    assert world.charges == 1


def test_a_record_that_cannot_be_read_submits_nothing():
    world = submitted()
    world.rows.values["orux_ledger"] = '{"state": "gone"}'
    world.retry()
    failed(world, LedgerError)
    assert world.charges == 1


# -- another request -------------------------------------------------------------------------------------------
def test_a_retry_that_renders_another_request_fails_and_names_the_field():
    world = submitted()
    world.request = OTHER
    world.retry()
    assert "field prompt" in failed(world, LedgerError).message


def test_a_retry_may_take_the_job_of_the_first_form():
    world = submitted(on_request_changed="reattach")
    world.request = OTHER
    world.retry()
    assert job_of(world.start()) == "task_1"
    assert world.record.reattached_fingerprint == world.job.ledger.attempt.fingerprint


def test_a_retry_may_pay_for_the_new_form():
    world = submitted(on_request_changed="resubmit")
    world.request = OTHER
    world.retry()
    assert job_of(world.start()) == "task_2"


def test_a_clear_with_another_request_pays_for_it():
    world = submitted()
    world.request = OTHER
    world.clear()
    assert job_of(world.start()) == "task_2"


def test_the_manifest_is_told_which_fields_changed_since_the_submission():
    world = submitted(on_request_changed="reattach")
    world.request = OTHER
    world.retry()
    world.client.succeed()
    world.start()
    assert world.delivery.saved[0]["facts"]["changed_since_submission"] == ["prompt"]


def test_a_record_of_another_connection_is_an_error():
    world = submitted()
    world.conn_id = "orux_other"
    world.retry()
    assert "through connection 'orux_default'" in failed(world, LedgerError).message
    assert world.charges == 1


# -- what a person says ----------------------------------------------------------------------------------------
def lost(**more):
    world = World(**more)
    world.client.answers = [LOST]
    failed(world, AmbiguousSubmitError)
    return world


def test_a_settled_job_is_taken_up_with_a_fresh_deadline():
    world = lost(timeout=600)
    world.settle("task_1")
    world.clock.sleep(3000)
    world.retry()
    assert world.start().deadline == pytest.approx(world.clock.now() + 600, abs=5)
    assert (world.state, world.charges) == (State.SUBMITTED, 1)


def test_a_settled_job_is_todays_request_for_the_tries_that_follow():
    world = lost()
    world.settle("task_1")
    world.request = OTHER
    world.retry()
    world.start()
    world.retry()
    assert job_of(world.start()) == "task_1"


def test_a_settled_synchronous_generation_is_saved_from_its_urls():
    world = synchronous()
    world.client.answers = [LOST]
    failed(world, AmbiguousSubmitError)
    job = done(world.record.submission_id)
    world.settle(job.job_id, job.to_dict())
    world.clear()
    assert world.start().result["artifacts"] == [{"url": "https://files/1.png"}]
    assert world.charges == 1


def test_a_discarded_submission_is_submitted_anew():
    world = lost()
    world.rows.values.clear()
    world.clear()
    world.start()
    assert world.charges == 2


# -- synchronous generations -----------------------------------------------------------------------------------
def unsaved(*answers):
    """A synchronous generation whose artifacts could not be saved."""
    world = synchronous()
    world.client.answers = list(answers)
    world.delivery.fails = [storage_away()]
    failed(world, ArtifactError)
    world.retry()
    return world


def test_what_is_missing_of_a_synchronous_generation_is_saved_from_the_record():
    world = unsaved()
    assert world.start().result["manifest"]
    assert world.charges == 1
    assert "poll" not in world.events


def test_images_that_went_with_the_process_are_expired():
    world = unsaved(answer({"data": [{"b64_json": "aGVsbG8="}]}))
    error = failed(world, JobExpiredError)
    assert error.charged == "yes"
    assert "died with the process" in error.message


def test_a_job_in_the_record_that_cannot_be_read_is_an_error():
    world = unsaved()
    world.write(result={"job_id": 7})
    assert "cannot be read" in failed(world, LedgerError).message
    assert world.charges == 1


# -- a gateway that forgets ------------------------------------------------------------------------------------
def ended_at_relay():
    world = relay()
    world.start()
    world.client.succeed("https://files/1.png")
    world.delivery.fails = [storage_away()]
    with pytest.raises(ArtifactError):
        world.resume()
    return world


def test_the_urls_of_a_job_that_will_be_forgotten_are_noted_before_it_is_saved():
    world = ended_at_relay()
    assert world.record.result["artifacts"] == [{"url": "https://files/1.png"}]
    assert world.state is State.SUBMITTED


def test_a_job_the_gateway_forgot_is_saved_from_the_noted_urls():
    world = ended_at_relay()
    world.client.polls = [answer({"error": {"code": "TASK_NOT_FOUND", "message": "gone"}}, 404)]
    world.retry()
    assert world.start().result["artifacts"] == [{"url": "https://files/1.png"}]
    assert world.charges == 1


def test_urls_that_cannot_be_noted_are_only_logged():
    world = relay()
    world.start()
    world.client.succeed()
    world.rows.away_for("submitted")
    assert isinstance(world.resume(), Finished)
    assert world.log.said("could not be noted")


def test_urls_are_noted_once():
    world = ended_at_relay()
    noted = world.events.count("write submitted")
    world.retry()
    world.start()
    assert world.events.count("write submitted") == noted


# -- what was superseded stays ---------------------------------------------------------------------------------
def jobs_of(world):
    return [e.job_id for e in world.record.earlier]


def test_a_paid_clear_keeps_the_job_it_supersedes():
    world = finished()
    world.delivered()
    world.clear()
    world.start()
    assert jobs_of(world) == ["task_1"]
    assert world.record.earlier[0].charged == "yes"


@pytest.mark.parametrize(("charged", "price"), [("yes", 8.0), ("no", None), ("unknown", None)])
def test_what_a_superseded_failed_job_cost_is_kept(charged, price, monkeypatch):
    world = submitted(paying_retries=True)
    failed = Job("task_1", JobStatus.FAILED, "orux", charged=charged, price=price)
    monkeypatch.setattr(world.client, "poll", lambda job_id, **more: failed)
    world.retry()
    world.start()
    (earlier,) = world.record.earlier
    assert (earlier.job_id, earlier.charged, earlier.price) == ("task_1", charged, price)


def test_a_repeated_failed_job_is_kept_through_clears_and_retries():
    world = submitted(paying_retries=True)
    world.client.fail()
    world.retry()
    world.start()
    world.clear()
    world.start()
    assert jobs_of(world) == ["task_1", "task_2"]


def test_a_submission_without_a_known_answer_is_kept_when_it_is_sent_again():
    world = lost(on_ambiguous_submit="resubmit")
    world.retry()
    world.start()
    assert [(e.job_id, e.charged) for e in world.record.earlier] == [(None, "unknown")]


def test_what_was_superseded_survives_a_refusal():
    world = submitted(paying_retries=True)
    world.client.fail()
    world.retry()
    world.start()
    world.retry()
    world.client.answers = [NO_CREDITS]
    with pytest.raises(Exception, match="words"):
        world.start()
    assert (world.record.job_id, jobs_of(world)) == ("task_2", ["task_1"])


def test_what_was_superseded_survives_reattaching_and_finishing():
    world = finished()
    world.delivered()
    world.clear()
    world.client.job_is = {"status": "RUNNING"}
    world.start()
    world.retry()
    world.start()
    world.client.succeed()
    world.resume()
    assert world.state is State.FINISHED
    assert jobs_of(world) == ["task_1"]


def test_the_price_of_a_superseded_result_is_kept():
    world = finished()
    world.write(result={**world.record.result, "price": 20, "currency": "credits"})
    world.delivered()
    world.clear()
    world.start()
    (earlier,) = world.record.earlier
    assert (earlier.price, earlier.currency) == (20.0, "credits")


def test_a_job_in_an_event_is_taken_as_it_is():
    world = submitted()
    job: Job = done("task_1")
    step = world.resume({"v": 1, "kind": "job", "job_id": "task_1", "job": job.to_dict()})
    assert isinstance(step, Finished)
    assert "poll" not in world.events
