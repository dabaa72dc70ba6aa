"""Each step of the protocol is held by named tests: without the step they fail, and as tests do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.chaos.mutations import MUTATIONS
from tests.durable import fakes
from tests.durable import test_client as client
from tests.durable import test_continuing as continuing
from tests.durable import test_delivered as delivered
from tests.durable import test_edge as edge
from tests.durable import test_ending as ending
from tests.durable import test_submitting as submitting
from tests.durable import test_yescale as yescale

KILLED_BY: dict[str, tuple[Callable[[], Any], ...]] = {
    "no-intent": (
        submitting.test_the_intent_is_written_before_the_post_and_the_job_id_right_after_it,
        submitting.test_an_intent_that_cannot_be_written_sends_nothing,
        submitting.test_the_whole_record_is_in_the_store_when_the_request_leaves,
    ),
    "post-before-intent": (
        submitting.test_the_intent_is_written_before_the_post_and_the_job_id_right_after_it,
        submitting.test_the_whole_record_is_in_the_store_when_the_request_leaves,
    ),
    "intent-swallowed": (submitting.test_an_intent_that_cannot_be_written_sends_nothing,),
    "fence-gone": (submitting.test_a_worker_that_was_given_up_sends_nothing,),
    "first-none-believed": (
        submitting.test_a_record_that_the_first_read_does_not_show_is_found_before_anything_is_paid,
    ),
    "intent-resubmitted": (
        partial(submitting.test_an_ambiguous_submission_is_sent_again_by_nobody, "retry"),
        partial(submitting.test_an_ambiguous_submission_is_sent_again_by_nobody, "clear"),
    ),
    "resent-under-a-fresh-key": (
        submitting.test_a_submission_under_a_key_is_sent_again_by_a_retry_and_charged_once,
    ),
    "other-account-resent": (submitting.test_a_key_of_another_account_is_no_protection,),
    "resend-forgotten": (client.test_a_resend_may_find_that_the_form_without_retention_was_accepted,),
    "id-not-written": (
        submitting.test_the_intent_is_written_before_the_post_and_the_job_id_right_after_it,
        submitting.test_the_record_of_a_submission_holds_what_a_later_attempt_needs,
    ),
    "id-written-once": (
        submitting.test_a_job_id_that_the_ledger_does_not_take_is_in_the_error_with_the_command_to_paste,
        submitting.test_images_inside_an_answer_are_saved_when_the_ledger_is_away,
    ),
    "other-job-written": (submitting.test_the_record_of_a_submission_holds_what_a_later_attempt_needs,),
    "answer-resent": (submitting.test_a_lost_answer_is_not_asked_for_again_by_the_client,),
    "withdrawn-without-proof": (
        partial(submitting.test_an_answer_that_proves_nothing_leaves_the_intent, fakes.LOST),
        partial(submitting.test_an_answer_that_proves_nothing_leaves_the_intent, fakes.HTML),
    ),
    "failure-is-refusal": (submitting.test_a_5xx_proves_nothing,),
    "refusal-ambiguous": (yescale.test_a_code_that_accepts_nothing_is_a_refusal,),
    "withdrawn-to-nothing": (submitting.test_a_refusal_after_a_clear_restores_what_stood_before,),
    "clear-does-not-look": (partial(continuing.test_a_running_job_is_continued_with, "clear"),),
    "unknown-is-failed": (continuing.test_a_job_the_gateway_does_not_know_is_never_paid_for_again,),
    "modal-is-failed": (yescale.test_a_job_that_waits_for_a_click_is_continued_with,),
    "default-retry-pays": (
        continuing.test_a_free_retry_does_not_pay_for_a_job_that_failed,
        partial(ending.test_a_job_that_failed_uses_retries_only_where_they_may_pay, False, True),
    ),
    "elsewhere-ignored": (continuing.test_a_record_of_another_connection_is_an_error,),
    "deadline-not-renewed": (partial(continuing.test_a_clear_that_reattaches_has_a_fresh_deadline, 300),),
    "earlier-forgotten": (
        continuing.test_a_paid_clear_keeps_the_job_it_supersedes,
        continuing.test_a_submission_without_a_known_answer_is_kept_when_it_is_sent_again,
    ),
    "finished-not-written": (
        ending.test_the_result_is_recorded_after_it_was_saved_and_before_it_is_handed_over,
    ),
    "finished-is-delivered": (
        ending.test_the_result_is_recorded_after_it_was_saved_and_before_it_is_handed_over,
        continuing.test_a_clear_of_a_result_airflow_knew_nothing_of_returns_it_and_says_so_last,
    ),
    "airflow-not-asked": (
        partial(delivered.test_a_success_that_airflow_did_not_record_is_no_delivery, "failed"),
    ),
    "never-delivered": (
        delivered.test_a_recorded_success_is_a_delivery,
        continuing.test_the_success_of_a_returned_result_lets_the_next_clear_pay,
    ),
    "undelivered-is-paid-again": (
        continuing.test_a_clear_of_a_result_airflow_knew_nothing_of_returns_it_and_says_so_last,
    ),
    "delivered-is-returned": (continuing.test_a_clear_of_a_delivered_result_pays_for_a_new_one,),
    "error-untyped": (edge.test_an_error_leaves_the_task_as_one_that_airflow_knows,),
}


def name_of(test: Any) -> str:
    return str(getattr(test, "func", test).__name__)


CASES = [
    pytest.param(mutation, test, id=f"{mutation}-{name_of(test)}")
    for mutation, tests in KILLED_BY.items()
    for test in tests
]


def test_every_mutation_has_a_test_that_kills_it():
    assert set(KILLED_BY) == set(MUTATIONS)


@pytest.mark.parametrize(("mutation", "test"), CASES)
def test_without_this_step_a_named_test_fails(mutation, test):
    with pytest.MonkeyPatch.context() as patch:
        MUTATIONS[mutation](patch)
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            test()
    test()
