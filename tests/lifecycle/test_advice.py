"""What an error says that a retry and a clear will do is what the decision table does."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import pytest

from airflow_provider_orux.lifecycle import advice
from airflow_provider_orux.lifecycle.advice import Situation, next_attempt
from airflow_provider_orux.lifecycle.ledger import Action, Attempt, Policy, RemoteState, decide
from airflow_provider_orux.lifecycle.polling import PollTracker
from airflow_provider_orux.lifecycle.record import Record, State
from airflow_provider_orux.models import errors
from airflow_provider_orux.models.errors import Remedy
from airflow_provider_orux.models.job import Artifact, Job, JobStatus

ONE, TWO = "f" * 64, "e" * 64
KEY = "a" * 32
SENT = time.time() - 5
INTENT = Record(
    state=State.INTENT, max_tries=2, fingerprint=ONE, conn_id="c", host="https://orux.top", updated_at=SENT,
    submission_id="gen-1", account=KEY,
)  # fmt: skip
SUBMITTED = INTENT.changed(state=State.SUBMITTED, job_id="task_1")
FINISHED = SUBMITTED.changed(state=State.FINISHED, result={"artifacts": []})
DELIVERED = FINISHED.changed(delivered=True)
SETTLED = SUBMITTED.changed(state=State.SETTLED)
SYNCHRONOUS = SUBMITTED.changed(synchronous=True)
WITH_URLS = SYNCHRONOUS.changed(
    result=Job("g", JobStatus.SUCCEEDED, "orux", artifacts=(Artifact(url="https://a/1.png"),)).to_dict()
)
RECORDS = (None, INTENT, SUBMITTED, FINISHED, DELIVERED, SETTLED, SYNCHRONOUS, WITH_URLS)

PAYS = "submits a new job, which is charged"
FREE = "continues with the recorded job and pays nothing"
CHANGED = "(A clear pays for a new job if the request has changed by then.)"
RETURNS = "returns the recorded result and pays nothing"
FAILS = "fails and pays nothing"
RESENDS = "sends the same submission again under its idempotency key, which is not charged twice"
WORDS = {
    Action.SUBMIT: PAYS, Action.REATTACH: FREE, Action.RETURN: RETURNS, Action.FAIL: FAILS, Action.RESEND: RESENDS,
}  # fmt: skip
KEYS = Policy(idempotency_seconds=86_400.0)
PAYING = Policy(paying_retries=True)
ASKED = RemoteState


def command(verb, *, job_id=None, urls=()):
    words = [verb, *(["--job-id", job_id] if job_id else []), *(w for url in urls for w in ("--url", url))]
    return "airflow orux ledger " + " ".join(words)


def situation(record=SUBMITTED, **changes):
    attempt = Attempt(2, ONE, "c", "https://orux.top", "orux", time.time(), account=KEY)
    facts = {
        "attempt": attempt, "policy": Policy(), "record": record, "record_known": True,
        "job_id": record.job_id if record else None, "remote": None, "not_withdrawn": None, "durable": True,
        "retries_left": True, "answer_patience": 160.0, "gateway_title": "Orux AI",
        "job_id_placeholder": "JOB_ID", "command": command,
    }  # fmt: skip
    return Situation(**{**facts, **changes})


def told(error, where):
    where.complete(error)
    return " ".join(f"{error.next_step} {error.outlook}".split())


def failed(**facts):
    return errors.JobFailedError("It failed", charged="unknown", **facts)


# -- what a retry and a clear do ------------------------------------------------------------------------------
ATTEMPTS = (
    situation().attempt,
    replace(situation().attempt, fingerprint=TWO),
    replace(situation().attempt, conn_id="d"),
    replace(situation().attempt, account="b" * 32),
)
POLICIES = [
    Policy(on_clear=on_clear, on_request_changed=on_changed, on_ambiguous_submit=ambiguous, paying_retries=paying,
           idempotency_seconds=seconds)
    for on_clear, on_changed, ambiguous, paying, seconds in itertools.product(
        ("auto", "resubmit", "reattach"), ("fail", "resubmit", "reattach"), ("fail", "resubmit"), (False, True),
        (0.0, 86_400.0),
    )
]  # fmt: skip


@pytest.mark.parametrize("remote", RemoteState)
@pytest.mark.parametrize("record", RECORDS, ids=lambda r: "none" if r is None else r.state.value)
def test_the_words_are_the_tables(record, remote):
    """Every record, answer, attempt and policy: the sentences say what the function does, and only that."""
    for attempt, policy in itertools.product(ATTEMPTS, POLICIES):
        where = situation(record, remote=remote, policy=policy, attempt=attempt)
        for words, comes in ((where.retry(), attempt), (where.clear(), attempt.after_clear())):
            decision = decide(record, comes, policy)
            if decision.action is Action.CHECK:
                if remote is RemoteState.UNKNOWN and not record.synchronous:
                    # What the gateway could not say once it may say the next time.
                    assert words.startswith("asks the gateway: if the job "), words
                    continue
                decision = decide(record, comes, policy, remote)
            assert words.startswith(WORDS[decision.action]), (policy, attempt)


def test_where_nobody_asked_the_gateway_each_case_is_told():
    assert situation(SUBMITTED).retry() == (
        f"asks the gateway: if the job is running or has succeeded, it {FREE}; if the job has failed or has expired or the gateway cannot "
        f"say, it {FAILS}"
    )
    assert situation(SUBMITTED, policy=PAYING).retry() == (
        f"asks the gateway: if the job is running or has succeeded, it {FREE}; if the job has failed and another try may help, it {PAYS}; "
        f"if the job has failed and another try cannot help or has expired or the gateway cannot say, it {FAILS}"
    )
    assert situation(SUBMITTED).clear() == (
        f"asks the gateway: if the job is running or has succeeded, it {FREE}; if the job has failed or has expired, it {PAYS}; "
        f"if the gateway cannot say, it {FAILS}"
    )


def test_the_cases_of_an_open_question_are_the_tables():
    for attempt, policy in itertools.product(ATTEMPTS, POLICIES):
        for comes in (attempt, attempt.after_clear()):
            if decide(SUBMITTED, comes, policy).action is not Action.CHECK:
                continue
            text = next_attempt(SUBMITTED, comes, policy)
            actions = {decide(SUBMITTED, comes, policy, remote).action for remote in RemoteState}
            assert {action for action, words in WORDS.items() if words in text} == actions


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (None, PAYS),
        (WITH_URLS.result, FREE),
        (Job("g", JobStatus.FAILED, "orux", retry_helps=False).to_dict(), PAYS),
        ({"job_id": "g", "status": "of tomorrow", "gateway": "orux"}, FAILS),
    ],
    ids=["its bytes are gone", "its URLs", "it failed", "unreadable"],
)
def test_of_a_synchronous_generation_the_record_tells(result, said):
    assert situation(SYNCHRONOUS.changed(result=result)).clear() == said


def test_without_a_ledger_each_pays():
    assert situation(SUBMITTED, durable=False).retry() == PAYS
    assert situation(SUBMITTED, durable=False).clear() == PAYS


def test_an_intent_waits_for_a_person():
    assert situation(INTENT).retry() == f"{FAILS}, until the submission is settled or discarded"
    assert situation(INTENT, policy=KEYS).retry() == RESENDS


def test_an_idempotency_key_is_as_old_as_it_is_now():
    """Asked at the end of a long attempt: the key's lifetime went on."""
    old = INTENT.changed(updated_at=time.time() - 3500)
    where = situation(old, policy=Policy(idempotency_seconds=3600.0))
    where = replace(where, attempt=replace(where.attempt, at=old.updated_at + 10))
    assert FAILS in where.retry()
    assert FAILS in where.clear()


# -- errors of a paying task ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "where", "said"),
    [
        # A job that failed and may succeed another time: a retry pays only where the author set retries.
        (failed(), situation(remote=ASKED.FAILED, policy=PAYING), f"A retry or a clear of the task {PAYS}."),
        (failed(), situation(remote=ASKED.FAILED, policy=PAYING, retries_left=False),
         f"No retry is left. A clear of the task {PAYS}."),
        (failed(), situation(remote=ASKED.FAILED, policy=Policy(on_clear="reattach", paying_retries=True)),
         f"A retry {PAYS}. A clear of the task {FAILS}."),
        (failed(retry_helps=False), situation(remote=ASKED.FAILED),
         f"{advice.NO_RETRY_PAYS} A clear of the task {PAYS}."),
        (failed(retry_helps=False), situation(remote=ASKED.FAILED, retries_left=False),
         f"No retry is used. A clear of the task {PAYS}."),
        # One that cannot.
        (failed(retry_helps=False), situation(remote=ASKED.FAILED_FINALLY),
         f"No retry is used. A clear of the task {PAYS}."),
        (failed(retry_helps=False), situation(remote=ASKED.FAILED_FINALLY, policy=Policy(on_clear="reattach")),
         f"No retry is used. A clear of the task {FAILS}."),
        (errors.JobExpiredError("Gone", retry_helps=False), situation(remote=ASKED.EXPIRED),
         f"No retry is used. A clear of the task {PAYS}."),
        # A failed save.
        (errors.ArtifactError("Not saved"), situation(remote=ASKED.ALIVE),
         f"A retry or a clear of the task {FREE}. {CHANGED}"),
        (errors.ArtifactError("Not saved"), situation(remote=ASKED.ALIVE, policy=Policy(on_clear="resubmit")),
         f"A retry {FREE}. A clear of the task {PAYS}."),
        (errors.ArtifactRejectedError("Too large"), situation(remote=ASKED.ALIVE),
         f"Fix the setting named above. No retry is used. A clear of the task {FREE}. {CHANGED}"),
        # Something broke after the result was recorded: it is not lost, and not delivered.
        (errors.ArtifactError("Not pushed"), situation(FINISHED), f"A retry or a clear of the task {RETURNS}."),
        # A synchronous generation: with URLs in the record, and with its bytes gone with the process.
        (errors.ArtifactError("Not saved"), situation(WITH_URLS),
         f"A retry or a clear of the task {FREE}. {CHANGED}"),
        (failed(retry_helps=False), situation(SYNCHRONOUS), f"No retry is used. A clear of the task {PAYS}."),
        # Nothing was accepted.
        (errors.InsufficientCreditsError("No money", charged="no"), situation(None),
         f"Top up the account or raise its budget. No retry is used. A clear of the task then {PAYS}."),
        (errors.ContentRejectedError("No", charged="no"), situation(None),
         f"Change the prompt. No retry is used. A clear of the task then {PAYS}."),
        (errors.GatewayUnavailableError("Away", charged="no"), situation(None),
         f"A retry or a clear of the task {PAYS}."),
        # No ledger.
        (errors.ArtifactError("Not saved", charged="yes", job_id="task_9"), situation(durable=False),
         f"A retry or a clear of the task {PAYS}. "
         "(durable=False: OruxSaveArtifactsOperator saves job task_9 without a charge.)"),
        (errors.AmbiguousSubmitError("No answer"), situation(INTENT, durable=False),
         f"No retry is used. A clear of the task {PAYS}. "
         "(durable=False: the earlier submission may be charged too.)"),
        (failed(retry_helps=False), situation(durable=False, remote=ASKED.FAILED),
         f"No retry is used. A clear of the task {PAYS}."),
        (errors.ContentRejectedError("No", charged="no"), situation(None, durable=False),
         f"Change the prompt. No retry is used. A clear of the task {PAYS}."),
    ],
)  # fmt: skip
def test_what_comes_next(error, where, said):
    assert told(error, where) == said


def test_gateway_and_job_are_filled_in_and_never_replaced():
    error = errors.ArtifactError("x")
    situation().complete(error)
    assert (error.gateway, error.job_id) == ("orux", "task_1")
    error = errors.ArtifactError("x", gateway="yescale", job_id="task_7")
    situation().complete(error)
    assert (error.gateway, error.job_id) == ("yescale", "task_7")


def test_a_timeout_tells_each_case():
    text = told(errors.JobTimeoutError("Late"), situation())
    assert text.startswith(
        "Raise `timeout` if such jobs take longer. No retry is used. A clear of the task asks the gateway: if the "
        "job is running or has succeeded, "
    )
    assert FREE in text
    assert PAYS in text


def test_an_ambiguous_submission_names_the_commands_and_when():
    text = told(errors.AmbiguousSubmitError("No answer"), situation(INTENT))
    assert text.startswith("Look at the gateway. If it has the job, settle the submission; if not, ")
    assert "`airflow orux ledger settle --job-id JOB_ID`" in text
    until = time.strftime("%H:%M:%S UTC", time.gmtime(SENT + 160))
    assert f"discard it (refused until {until}, " in text
    assert "` `airflow orux ledger discard`" in text
    assert text.endswith(f"A clear of the task {FAILS}, until the submission is settled or discarded.")
    synchronous = told(errors.AmbiguousSubmitError("No answer"), situation(INTENT.changed(synchronous=True)))
    assert "If it shows the image, settle" in synchronous
    assert "`airflow orux ledger settle --url URL`" in synchronous


def test_a_submission_that_a_retry_sends_again_is_no_riddle():
    error = errors.AmbiguousSubmitError("No answer")
    error.final = False
    assert told(error, situation(INTENT, policy=KEYS)) == f"A retry or a clear of the task {RESENDS}."
    error = errors.AmbiguousSubmitError("No answer")
    error.final = False
    text = told(error, situation(INTENT, policy=Policy(on_ambiguous_submit="resubmit")))
    assert text == f"A retry or a clear of the task {PAYS}."


def test_no_error_says_both_that_it_is_sent_again_and_that_it_is_not():
    """A resend that was refused for good: no retry is used, and a clear would send it again."""
    text = told(
        errors.AmbiguousSubmitError("Refused; an earlier sending may be accepted"),
        situation(INTENT, policy=KEYS),
    )
    assert "`airflow orux ledger settle --job-id JOB_ID`" in text
    assert text.endswith(f"No retry is used. A clear of the task {RESENDS}.")


def test_a_reused_key_names_what_to_undo_and_the_commands():
    error = errors.IdempotencyKeyReusedError("Reused", next_step="Undo the change and clear the task.")
    text = told(error, situation(INTENT, policy=KEYS))
    assert text.startswith(
        "Undo the change and clear the task. If that is not possible, look at the gateway."
    )
    assert "\n`airflow orux ledger settle --job-id JOB_ID`\n`airflow orux ledger discard`" in error.next_step


def test_dead_urls_of_a_synchronous_generation_name_the_way_to_settle():
    text = told(errors.ArtifactURLExpiredError("Dead"), situation(WITH_URLS))
    assert "`airflow orux ledger settle --url URL --force` `airflow orux ledger discard`" in text
    of_a_job = told(errors.ArtifactURLExpiredError("Dead"), situation(remote=ASKED.ALIVE))
    assert of_a_job == f"No retry is used. A clear of the task {FREE}. {CHANGED}"


def test_what_stands_in_the_way_can_be_given_up():
    error = errors.LedgerError("x", next_step="Set it back.", remedy=Remedy.DISCARD)
    text = told(error, situation(attempt=replace(situation().attempt, conn_id="d")))
    assert text == (
        "Set it back. To give that submission up, discard it, then clear the task: it submits a new job, which is "
        f"charged. `airflow orux ledger discard` No retry is used. A clear of the task {FAILS}."
    )
    error = errors.LedgerError("x", next_step="Set it back.", remedy=Remedy.DISCARD)
    assert "discard" not in told(error, situation(durable=False)), "there is nothing to discard"


def test_a_changed_request_of_a_result_that_nobody_received_names_every_way_out():
    where = situation(FINISHED, attempt=replace(situation().attempt, fingerprint=TWO).after_clear())
    error = decide(where.record, where.attempt, where.policy).error
    text = told(error, where)
    for way in (
        "fingerprint_exclude",
        "on_request_changed='reattach'",
        "'resubmit'",
        "`airflow orux ledger discard`",
    ):
        assert way in text
    assert text.endswith(f"A clear of the task {FAILS}.")


def test_an_unread_ledger_promises_nothing():
    unread = situation(None, record_known=False)
    assert told(errors.LedgerError("Another shape", next_step="Look."), unread) == "Look. No retry is used."
    passing = errors.GatewayUnavailableError("Away", next_step="Wait.")
    assert told(passing, unread) == "Wait."
    unreachable = errors.LedgerError("Away", next_step="Later.")
    unreachable.final = False
    assert told(unreachable, situation(None, job_id="task_1")) == "Later."
    assert (unreachable.gateway, unreachable.job_id) == ("orux", "task_1")


# -- before the ledger was read ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("record", "charged", "holds"),
    [
        (SUBMITTED, "unknown", "job task_1"),
        (INTENT, "unknown", "a submission without a known answer"),
        (SYNCHRONOUS, "yes", "job task_1"),
        (INTENT.changed(synchronous=True), "unknown", "a submission without a known answer"),
    ],
)
def test_an_error_before_the_ledger_was_read_names_what_is_in_it(record, charged, holds):
    error = errors.ConfigurationError("No such connection", charged="no")
    advice.complete_unread(error, record, retries_left=True)
    assert (error.job_id, error.charged) == (record.job_id, charged)
    assert error.outlook == f"This attempt sent nothing; the ledger holds {holds} of an earlier attempt."
    assert error.next_step == (
        "Correct the connection or the argument. Then clear the task: that record decides what it does."
    )
    silent = errors.GatewayUnavailableError("Away")
    advice.complete_unread(silent, record, retries_left=True)
    assert silent.next_step == "Fix the problem, then clear the task: that record decides what it does."


def test_that_a_clear_of_a_changed_request_pays_is_said_where_it_is_so():
    """Asked from the table: for every record, policy and state of the job."""
    for record, remote, policy in itertools.product(RECORDS, (None, *RemoteState), POLICIES):
        where = situation(record, remote=remote, policy=policy)
        same = where.attempt.after_clear()
        seen = remote or (RemoteState.EXPIRED if record == SYNCHRONOUS else RemoteState.ALIVE)
        pays = [
            decide(record, a, policy, seen).action is Action.SUBMIT
            for a in (same, replace(same, fingerprint=TWO))
        ]
        assert bool(where.clear_of_changed()) is (pays == [False, True])
    assert situation(durable=False).clear_of_changed() == []


# -- a task that is killed ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("where", "said"),
    [
        (situation(None), None),
        (situation(FINISHED, job_id=None), None),
        (situation(SUBMITTED, job_id=None), None),
        (situation(INTENT),
         "The task was killed while its request was under way. Whether Orux AI accepted it, and charges it, is not "
         f"known. A clear of the task {FAILS}, until the submission is settled or discarded."),
        (situation(INTENT, policy=KEYS),
         "The task was killed while its request was under way. Whether Orux AI accepted it, and charges it, is not "
         f"known. A clear of the task {RESENDS}."),
        (situation(INTENT, job_id="task_1"),
         "The task was killed. Job task_1 was accepted and will be charged, but its id is not in the ledger yet. If it "
         "never gets there, run `airflow orux ledger settle --job-id task_1`, then clear the task: it continues with "
         "that job and pays nothing."),
        (situation(),
         f"The task was killed. Job task_1 continues at the gateway and will be charged. A clear of the task {FREE}. "
         f"{CHANGED}"),
        (situation(policy=Policy(on_clear="resubmit")),
         f"The task was killed. Job task_1 continues at the gateway and will be charged. A clear of the task {PAYS}."),
        (situation(remote=ASKED.ALIVE),
         f"The task was killed. Job task_1 is paid for. A clear of the task {FREE}. {CHANGED}"),
        (situation(remote=ASKED.FAILED),
         f"The task was killed. Job task_1 had ended at the gateway. A clear of the task {PAYS}."),
        (situation(FINISHED),
         f"The task was killed. The result of job task_1 is recorded. A clear of the task {RETURNS}."),
        (situation(SYNCHRONOUS),
         f"The task was killed. Submission task_1 was answered and is charged. A clear of the task {FREE}. "
         f"{CHANGED}"),
        (situation(durable=False),
         f"The task was killed. Job task_1 continues at the gateway and will be charged. A clear of the task {PAYS}."),
    ],
)  # fmt: skip
def test_a_killed_task_tells_the_truth(where, said):
    assert where.on_kill() == said


# -- a result that nobody received --------------------------------------------------------------------------------
@pytest.mark.parametrize("on_clear", ["auto", "resubmit", "reattach"])
def test_a_result_that_is_returned_again_says_so(on_clear):
    text = advice.returned_undelivered(FINISHED, Policy(on_clear=on_clear))
    assert text.startswith(
        "Nothing was paid: this is the result of job task_1. An earlier attempt of this task paid"
    )
    assert ("To pay for a new one, clear the task once it has succeeded." in text) is (on_clear == "auto")


# -- tasks that pay nothing ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (failed(), "Clear the task 'imagine' to pay for a new job."),
        (errors.JobExpiredError("Gone"), "Clear the task 'imagine' to pay for a new job."),
        (errors.JobTimeoutError("Late"),
         "Raise `timeout` if such jobs take longer. No retry is used. A clear of this task asks the gateway again and "
         "pays nothing."),
        (errors.ArtifactRejectedError("Too large"),
         "Fix the setting named above. No retry is used. A clear of this task asks the gateway again and pays nothing."),
        (errors.ArtifactError("Not saved"),
         "A retry or a clear of this task asks the gateway again and pays nothing."),
    ],
)  # fmt: skip
def test_a_free_task_names_the_one_that_pays(error, said):
    advice.complete_free(error, submitter="the task 'imagine'")
    assert " ".join(f"{error.advice} {error.outlook}".split()) == said


# -- all of it ----------------------------------------------------------------------------------------------------
def every_sentence():
    kinds = [
        errors.AmbiguousSubmitError, errors.IdempotencyKeyReusedError, errors.ArtifactURLExpiredError, errors.LedgerError,
        errors.JobFailedError, errors.ArtifactError, errors.JobTimeoutError, errors.GatewayUnavailableError,
    ]  # fmt: skip
    for record, kind, remedy, left, durable in itertools.product(
        RECORDS, kinds, (None, *Remedy), (True, False), (True, False)
    ):
        error = kind("x", remedy=remedy)
        yield told(error, situation(record, retries_left=left, durable=durable))
    for record, job_id, remote in itertools.product(RECORDS, (None, "task_1"), (None, *RemoteState)):
        yield situation(record, job_id=job_id, remote=remote).on_kill() or ""


def test_every_sentence_is_whole():
    for text in every_sentence():
        assert text == text.strip()
        assert not text or text.endswith((".", ".)")), text
        for wrong in ("  ", "..", ". .", "None", " ,", ": .", ":."):
            assert wrong not in text, text
        assert "that that" not in text


def test_a_timeout_names_the_error_of_the_polls():
    """A SUCCESS without URLs must not read as a job that takes too long."""
    tracker = PollTracker("task_1", "orux", deadline=100.0, started=0.0)
    tracker.failed(errors.UnexpectedResponseError("status SUCCESS without `result_urls`"), now=50.0)
    step = tracker.failed(errors.UnexpectedResponseError("status SUCCESS without `result_urls`"), now=101.0)
    assert "the last 2 polls failed: status SUCCESS without `result_urls`" in step.error.message
    assert "may have ended" in step.error.message


@pytest.mark.parametrize("size", range(1, 6))
def test_every_case_is_told_exactly_once(size):
    for seen in itertools.combinations(RemoteState, size):
        told = advice._cases(list(seen))
        for state, words in {
            RemoteState.ALIVE: "is running or has succeeded", RemoteState.EXPIRED: "has expired",
            RemoteState.UNKNOWN: "the gateway cannot say",
        }.items():  # fmt: skip
            assert told.count(words) == (state in seen), (seen, told)
        failed = {RemoteState.FAILED, RemoteState.FAILED_FINALLY} & {*seen}
        assert ("failed" in told) is bool(failed), (seen, told)
