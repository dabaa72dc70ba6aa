"""What an error says that a retry and a clear will do is what the decision table does."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import pytest
from airflow_provider_orux.lifecycle.outlook import next_epoch
from airflow_provider_orux.operators.identity import TaskIdentity
from airflow_provider_orux.operators.next_steps import Standing, explain, recall, when_killed

from airflow_provider_orux.lifecycle.ledger import Action, Now, Policy, Record, Remote, State, decide
from airflow_provider_orux.lifecycle.polling import PollTracker
from airflow_provider_orux.models import errors

INTENT = Record(State.INTENT, 2, "f", "c", "https://orux.top", time.time(), "gen-1")
SUBMITTED = INTENT.with_state(State.SUBMITTED, job_id="task_1")
FINISHED = SUBMITTED.with_state(State.FINISHED, result={"artifacts": []})
PAYS = "it submits a new job, which is charged"
FREE = "it goes on with the recorded job and pays nothing"
FAILS = "it fails and pays nothing"


def standing(record=SUBMITTED, **changes):
    now = Now(2, "f", "c", "https://orux.top", "orux", time.time())
    facts = {
        "identity": TaskIdentity("d", "r", "t", -1, 1, 2), "gateway": "Orux AI", "now": now, "policy": Policy(),
        "record": record, "record_known": True, "job_id": record.job_id if record else None, "remote": None,
        "durable": True, "retries_left": True, "answer_patience": 160.0,
        "handle_form": "JOB_ID",
    }  # fmt: skip
    return Standing(**{**facts, **changes})


def told(error, where):
    explain(error, where)
    return error.next_step


def failed(**facts):
    return errors.JobFailedError("It failed", charged="unknown", **facts)


@pytest.mark.parametrize(
    ("error", "where", "said"),
    [
        # A job that failed and may succeed another time.
        (failed(), standing(remote=Remote.FAILED), f"A retry or a clear of the task: {PAYS}."),
        (failed(), standing(remote=Remote.FAILED, retries_left=False),
         f"No retry is left. A clear of the task: {PAYS}."),
        (failed(), standing(remote=Remote.FAILED, policy=Policy(on_clear="reattach")),
         f"A retry: {PAYS}. A clear of the task: {FAILS}."),
        # One that cannot.
        (failed(retry_helps=False), standing(remote=Remote.FAILED_FINALLY),
         f"No retry is used. A clear of the task: {PAYS}."),
        (failed(retry_helps=False), standing(remote=Remote.FAILED_FINALLY, policy=Policy(on_clear="reattach")),
         f"No retry is used. A clear of the task: {FAILS}."),
        # A failed save.
        (errors.ArtifactError("Not saved"), standing(remote=Remote.ALIVE),
         f"A retry or a clear of the task: {FREE}."),
        (errors.ArtifactError("Not saved"), standing(remote=Remote.ALIVE, policy=Policy(on_clear="resubmit")),
         f"A retry: {FREE}. A clear of the task: {PAYS}."),
        (errors.ArtifactRejectedError("Too large"), standing(remote=Remote.ALIVE),
         f"Mend the cause (the setting that is named), then clear this task. No retry is used. A clear of the task: {FREE}."),
        # A synchronous generation: with links in the record, and with its bytes gone with the process.
        (errors.ArtifactError("Not saved"), standing(replace(SUBMITTED, synchronous=True, result={
            "job_id": "g", "status": "succeeded", "gateway": "orux", "artifacts": [{"url": "https://a/1.png"}]})),
         f"A retry or a clear of the task: {FREE}."),
        (failed(retry_helps=False), standing(replace(SUBMITTED, synchronous=True)),
         f"No retry is used. A clear of the task: {PAYS}."),
        # Nothing was accepted.
        (errors.InsufficientCreditsError("No money", charged="no"), standing(None),
         "Top up the account or raise its budget, then clear the task. No retry is used. "
         f"A clear of the task: {PAYS}."),
        (errors.ContentRejectedError("No", charged="no"), standing(None),
         f"Change the prompt. No retry is used. A clear of the task: {PAYS}."),
        # No ledger.
        (errors.ArtifactError("Not saved", charged="yes", job_id="task_9"), standing(durable=False),
         f"A retry or a clear of the task: {PAYS}. "
         "(durable=False: OruxSaveArtifactsOperator saves job task_9 without a charge.)"),
        (errors.AmbiguousSubmitError("No answer"), standing(INTENT, durable=False),
         f"No retry is used. A clear of the task: {PAYS}. "
         "(durable=False: the earlier submission may be charged too.)"),
    ],
)  # fmt: skip
def test_what_comes_next(error, where, said):
    assert told(error, where) == said


def test_a_timeout_tells_each_case():
    text = told(errors.JobTimeoutError("Late"), standing())
    assert text.startswith(
        "No retry is used. A clear of the task: it asks the gateway: if the job runs or succeeded, "
    )
    assert FREE in text
    assert PAYS in text


def test_an_ambiguous_submission_names_the_commands_and_when():
    text = told(errors.AmbiguousSubmitError("No answer"), standing(INTENT, job_id=None))
    assert "`airflow orux ledger settle d r t --job-id JOB_ID`" in text
    assert "`airflow orux ledger discard d r t` (refused until " in text
    assert f"A clear of the task: {FAILS}, until the submission is settled or discarded." in text
    until = time.strftime("%H:%M:%S UTC", time.gmtime(INTENT.at + 160))
    assert until in text
    synchronous = told(errors.AmbiguousSubmitError("No answer"), standing(replace(INTENT, synchronous=True)))
    assert "--url LINK" in synchronous


def test_a_submission_that_a_retry_sends_again_is_no_riddle():
    error = errors.AmbiguousSubmitError("No answer")
    error.final = False
    where = standing(INTENT, policy=Policy(idempotency_seconds=86_400.0))
    assert told(error, where) == (
        "A retry or a clear of the task: it sends the same submission again under its idempotency key, "
        "which is not charged twice."
    )


def test_a_reused_key_names_what_to_undo_and_the_commands():
    error = errors.IdempotencyKeyReusedError("Reused", next_step="Undo the change and clear the task.")
    text = told(error, standing(INTENT, policy=Policy(idempotency_seconds=86_400.0)))
    assert text.startswith("No retry is used. Undo the change and clear the task.")
    assert "`airflow orux ledger discard d r t`" in text
    assert "not charged twice" not in text


def test_an_unread_ledger_promises_nothing():
    unread = standing(None, record_known=False)
    assert told(errors.LedgerError("Another shape", next_step="Look."), unread) == "Look. No retry is used."
    unreachable = errors.LedgerError("Away", next_step="Later.")
    unreachable.final = False
    assert told(unreachable, standing(None, job_id="task_1")) == "Later."
    assert (unreachable.gateway, unreachable.job_id) == ("orux", "task_1")


def test_the_exact_command_stands_in_the_text():
    error = errors.LedgerError("x", next_step="Run `airflow orux ledger discard` for this task instance.")
    assert "Run `airflow orux ledger discard d r t`." in told(error, standing())


@pytest.mark.parametrize(
    ("record", "remote", "on_clear"),
    list(itertools.product(
        (INTENT, SUBMITTED, FINISHED), (Remote.ALIVE, Remote.FAILED, Remote.FAILED_FINALLY, Remote.EXPIRED),
        ("auto", "resubmit", "reattach"),
    )),
)  # fmt: skip
def test_the_words_are_the_tables(record, remote, on_clear):
    """Whatever stands there: where it says that a clear pays, the table submits, and only there."""
    policy = Policy(on_clear=on_clear)
    where = standing(record, remote=remote, policy=policy)
    decision = decide(record, next_epoch(where.now), policy)
    if decision.action is Action.LOOK:
        decision = decide(record, next_epoch(where.now), policy, remote)
    assert (PAYS in where.clear()) is (decision.action is Action.SUBMIT)
    assert (FAILS in where.clear()) is (decision.action is Action.FAIL)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (standing(None), None),
        (standing(FINISHED, job_id=None), None),
        (standing(INTENT, job_id=None), f"A clear of the task: {FAILS}, until the submission is settled or discarded."),
        (standing(INTENT, job_id=None, policy=Policy(idempotency_seconds=86_400.0)), "which is not charged twice."),
        (standing(INTENT, job_id="task_1"), "`airflow orux ledger settle d r t --job-id task_1`"),
        (standing(), f"Job task_1 goes on at the gateway and will be charged. A clear of the task: {FREE}."),
        (standing(policy=Policy(on_clear="resubmit")), f"A clear of the task: {PAYS}."),
        (standing(replace(SUBMITTED, synchronous=True)), "is answered and charged"),
        (standing(durable=False), f"A clear of the task: {PAYS}."),
    ],
)  # fmt: skip
def test_a_killed_task_tells_the_truth(where, said):
    text = when_killed(where)
    assert text is None if said is None else (text is not None and said in text)


def test_an_error_before_the_ledger_was_read_names_the_job_that_is_in_it():
    error = errors.ConfigurationError("No such connection", charged="no")
    recall(error, SUBMITTED)
    assert (error.job_id, error.charged) == ("task_1", "unknown")
    assert "Nothing was sent now." in error.next_step
    assert "holds job task_1 of an earlier execution" in error.next_step
    error = errors.ConfigurationError("No such connection", charged="no")
    recall(error, INTENT)
    assert "a submission whose answer never came" in error.next_step


def test_a_timeout_names_the_error_of_the_polls():
    """A SUCCESS without links must not read as a job that takes too long."""
    tracker = PollTracker("task_1", "orux", deadline=100.0, started=0.0)
    tracker.failed(errors.UnexpectedResponseError("status SUCCESS without `result_urls`"), now=50.0)
    step = tracker.failed(errors.UnexpectedResponseError("status SUCCESS without `result_urls`"), now=101.0)
    assert "the last 2 polls failed: status SUCCESS without `result_urls`" in step.error.message
    assert "may have ended" in step.error.message
