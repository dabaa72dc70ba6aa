"""The whole table of what an execution may do with the record that it finds, written out by hand."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest

from airflow_provider_orux.lifecycle.ledger import (
    Action,
    Decision,
    Now,
    Policy,
    Record,
    Remote,
    State,
    decide,
)
from airflow_provider_orux.models import errors
from airflow_provider_orux.models.errors import LedgerError

AT = 1_000_000.0
RECORD = Record(
    state=State.SUBMITTED, epoch=2, fingerprint="f1", conn_id="c", host="https://h", at=AT, local_id="gen-1",
    job_id="task_1", fields={"prompt": "d1", "size": "d2"},
)  # fmt: skip
NOW = Now(
    epoch=2, fingerprint="f1", conn_id="c", host="https://h", gateway="orux", at=AT + 60,
    fields={"prompt": "d1", "size": "d2"},
)  # fmt: skip
INTENT = replace(RECORD, state=State.INTENT, job_id=None)
FINISHED = replace(RECORD, state=State.FINISHED, result={"job_id": "task_1"})
SETTLED = replace(RECORD, state=State.SETTLED)

SAME, CHANGED = NOW, replace(NOW, fingerprint="f2", fields={"prompt": "d9", "size": "d2"})
EPOCHS = {"same": 2, "new": 3, "older": 1}
CLEAR = ("auto", "resubmit", "reattach")
ON_CHANGED = ("fail", "resubmit", "reattach")


def act(record, now, policy=None, remote=None) -> Decision:
    """As an operator does it: look when told to."""
    decision = decide(record, now, policy or Policy())
    if decision.action is Action.LOOK:
        assert remote is not None, "an unexpected look"
        decision = decide(record, now, policy or Policy(), remote)
        assert decision.action is not Action.LOOK
    assert (decision.error is not None) == (decision.action is Action.FAIL)
    assert decision.reason
    return decision


SUBMIT, REATTACH, RETURN, FAIL, RESEND = (
    Action.SUBMIT, Action.REATTACH, Action.RETURN, Action.FAIL, Action.RESEND,
)  # fmt: skip
ALIVE, FAILED, FINALLY, EXPIRED, UNKNOWN = (
    Remote.ALIVE, Remote.FAILED, Remote.FAILED_FINALLY, Remote.EXPIRED, Remote.UNKNOWN,
)  # fmt: skip


def expected_submitted(*, new: bool, changed: bool, remote: Remote, on_clear: str, on_changed: str) -> Action:
    """The rows `submitted` of the table in docs/decisions/ledger.md, said again in another order."""
    if new and on_clear == "resubmit":
        return SUBMIT
    if not new and changed and on_changed == "fail":
        return FAIL
    if remote is UNKNOWN:
        return FAIL
    if new:
        if on_clear == "auto":
            return SUBMIT if changed or remote is not ALIVE else REATTACH
        return REATTACH if remote is ALIVE else FAIL
    if changed and on_changed == "resubmit":
        return SUBMIT
    return {ALIVE: REATTACH, FAILED: SUBMIT, FINALLY: FAIL, EXPIRED: FAIL}[remote]


@pytest.mark.parametrize("remote", Remote)
@pytest.mark.parametrize("epoch", EPOCHS)
@pytest.mark.parametrize("changed", [False, True], ids=["same request", "changed request"])
def test_submitted(remote, epoch, changed):
    now = replace(CHANGED if changed else SAME, epoch=EPOCHS[epoch])
    for on_clear, on_changed, ambiguous in itertools.product(CLEAR, ON_CHANGED, ("fail", "resubmit")):
        policy = Policy(on_clear=on_clear, on_request_changed=on_changed, on_ambiguous_submit=ambiguous)
        want = expected_submitted(
            new=epoch != "same", changed=changed, remote=remote, on_clear=on_clear, on_changed=on_changed
        )
        assert act(RECORD, now, policy, remote).action is want, policy


# The same rows again as literals for the defaults, so that the function above cannot be wrong in the same way.
DEFAULTS = {
    # (epoch, changed): {remote: action}
    ("same", False): {ALIVE: REATTACH, FAILED: SUBMIT, FINALLY: FAIL, EXPIRED: FAIL, UNKNOWN: FAIL},
    ("new", False): {ALIVE: REATTACH, FAILED: SUBMIT, FINALLY: SUBMIT, EXPIRED: SUBMIT, UNKNOWN: FAIL},
    ("older", False): {ALIVE: REATTACH, FAILED: SUBMIT, FINALLY: SUBMIT, EXPIRED: SUBMIT, UNKNOWN: FAIL},
    ("same", True): {ALIVE: FAIL, FAILED: FAIL, FINALLY: FAIL, EXPIRED: FAIL, UNKNOWN: FAIL},
    ("new", True): {ALIVE: SUBMIT, FAILED: SUBMIT, FINALLY: SUBMIT, EXPIRED: SUBMIT, UNKNOWN: FAIL},
    ("older", True): {ALIVE: SUBMIT, FAILED: SUBMIT, FINALLY: SUBMIT, EXPIRED: SUBMIT, UNKNOWN: FAIL},
}


@pytest.mark.parametrize(("epoch", "changed"), DEFAULTS)
def test_submitted_with_the_defaults(epoch, changed):
    now = replace(CHANGED if changed else SAME, epoch=EPOCHS[epoch])
    for remote, action in DEFAULTS[epoch, changed].items():
        assert act(RECORD, now, Policy(), remote).action is action, remote


@pytest.mark.parametrize("epoch", EPOCHS)
@pytest.mark.parametrize("changed", [False, True], ids=["same request", "changed request"])
def test_finished(epoch, changed):
    now = replace(CHANGED if changed else SAME, epoch=EPOCHS[epoch])
    for on_clear, on_changed in itertools.product(CLEAR, ON_CHANGED):
        policy = Policy(on_clear=on_clear, on_request_changed=on_changed)
        if epoch != "same":
            want = RETURN if on_clear == "reattach" else SUBMIT
        elif changed:
            want = {"fail": FAIL, "resubmit": SUBMIT, "reattach": RETURN}[on_changed]
        else:
            want = RETURN
        assert act(FINISHED, now, policy).action is want, policy


def all_nows():
    for epoch, changed in itertools.product(EPOCHS.values(), (SAME, CHANGED)):
        yield replace(changed, epoch=epoch)


def all_policies(**fixed):
    for on_clear, on_changed in itertools.product(CLEAR, ON_CHANGED):
        yield Policy(on_clear=on_clear, on_request_changed=on_changed, **fixed)


def test_settled_is_adopted_whatever_the_epoch_the_request_and_the_policy():
    for now, policy in itertools.product(all_nows(), all_policies()):
        assert act(SETTLED, now, policy).action is REATTACH


def test_intent_is_ambiguous_whatever_the_epoch_the_request_and_the_policy():
    for now, policy in itertools.product(all_nows(), all_policies()):
        decision = act(INTENT, now, policy)
        assert decision.action is FAIL
        assert type(decision.error) is errors.AmbiguousSubmitError
        assert decision.error.final
        assert "60 s ago" in decision.error.message


def test_intent_with_the_word_to_send_again():
    for now, policy in itertools.product(all_nows(), all_policies(on_ambiguous_submit="resubmit")):
        decision = act(INTENT, now, policy)
        assert (decision.action, decision.resubmits) == (SUBMIT, 1)
        assert act(replace(INTENT, resubmits=1), now, policy).action is FAIL
    three = Policy(on_ambiguous_submit="resubmit", max_ambiguous_resubmits=3)
    assert [act(replace(INTENT, resubmits=n), NOW, three).action for n in range(5)] == [SUBMIT] * 3 + [
        FAIL
    ] * 2
    assert act(replace(INTENT, resubmits=2), NOW, three).resubmits == 3
    none = Policy(on_ambiguous_submit="resubmit", max_ambiguous_resubmits=0)
    assert act(INTENT, NOW, none).action is FAIL


@pytest.mark.parametrize(
    ("age", "action"), [(0, RESEND), (60, RESEND), (2999, RESEND), (3000, FAIL), (10**6, FAIL), (-1, FAIL)]
)
def test_intent_at_a_gateway_with_idempotency_keys(age, action):
    """Sent again under the same key while the gateway surely remembers it: ten minutes are left to be late."""
    for policy in all_policies(idempotency_seconds=3600.0):
        for now in all_nows():
            assert act(INTENT, replace(now, at=AT + age), policy).action is action
    assert act(replace(INTENT, resubmits=1), NOW, Policy(idempotency_seconds=3600.0)).resubmits == 1


def test_a_synchronous_generation_is_not_resent():
    """Its answer was the picture: there is no job that the key would lead to."""
    policy = Policy(idempotency_seconds=3600.0)
    assert act(replace(INTENT, synchronous=True), NOW, policy).action is FAIL
    assert act(INTENT, replace(NOW, synchronous=True), policy).action is FAIL


def test_a_key_comes_before_the_risk_of_a_second_charge():
    policy = Policy(idempotency_seconds=3600.0, on_ambiguous_submit="resubmit")
    assert act(INTENT, NOW, policy).action is RESEND


def test_no_record():
    for now, policy in itertools.product(all_nows(), all_policies()):
        assert act(None, now, policy).action is SUBMIT


@pytest.mark.parametrize(
    "other", [{"conn_id": "d"}, {"host": "https://other"}, {"conn_id": "d", "host": "x"}]
)
@pytest.mark.parametrize("record", [INTENT, RECORD, SETTLED], ids=lambda r: r.state.value)
def test_another_connection_or_host(record, other):
    for now, policy in itertools.product(
        all_nows(), all_policies(on_ambiguous_submit="resubmit", idempotency_seconds=3600.0)
    ):
        decision = act(record, replace(now, **other), policy)
        assert decision.action is FAIL
        assert type(decision.error) is LedgerError
        assert "'c'" in decision.error.message
        assert "https://h" in decision.error.message


@pytest.mark.parametrize("other", [{"conn_id": "d"}, {"host": "https://other"}])
def test_what_is_finished_does_not_mind_where(other):
    assert act(FINISHED, replace(NOW, **other)).action is RETURN


def test_a_colliding_epoch_errs_towards_the_job_that_is_paid_for():
    """A clear that the scheduler does not show as a new epoch must not pay for a job that runs or is done."""
    assert act(RECORD, NOW, remote=ALIVE).action is REATTACH
    assert act(FINISHED, NOW).action is RETURN
    assert act(SETTLED, NOW).action is REATTACH
    for record in (INTENT, RECORD, FINISHED):
        assert act(record, CHANGED, remote=ALIVE).action is FAIL


# -- words ----------------------------------------------------------------------------------------------------
def test_a_change_is_named_and_not_shown():
    error = act(RECORD, CHANGED).error
    assert error.message == "The request changed between two tries of one run: field prompt"
    assert error.job_id == "task_1"
    assert "fingerprint_exclude" in error.next_step
    both = replace(CHANGED, fields={"prompt": "x", "seed": "y"})
    assert "fields prompt, seed, size" in act(RECORD, both).error.message
    assert "model or kind of request" in act(RECORD, replace(CHANGED, fields=NOW.fields)).error.message


@pytest.mark.parametrize(
    ("remote", "cls"),
    [(FINALLY, errors.JobFailedError), (EXPIRED, errors.JobExpiredError), (UNKNOWN, errors.JobNotFoundError)],
)
def test_what_a_bad_end_says(remote, cls):
    error = act(RECORD, NOW, remote=remote).error
    assert type(error) is cls
    assert (error.job_id, error.gateway, error.final, error.charged) == ("task_1", "orux", True, "unknown")
    assert "ob task_1" in error.message
    assert act(replace(RECORD, synchronous=True), NOW, remote=remote).error.charged == "yes"


# -- the record -------------------------------------------------------------------------------------------------
RECORDS = [
    INTENT,
    RECORD,
    FINISHED,
    SETTLED,
    replace(RECORD, synchronous=True, result={"a": [1]}),
    replace(INTENT, resubmits=3),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.state.value)
def test_round_trip(record):
    value = json.loads(json.dumps(record.to_json()))
    assert Record.from_json(value) == record
    assert value["v"] == 1


def test_a_record_of_tomorrow_with_more_fields_is_read():
    assert Record.from_json({**RECORD.to_json(), "new": 1}) == RECORD


def broken(**changes):
    value = RECORD.to_json()
    for name, item in changes.items():
        if item is KeyError:
            del value[name]
        else:
            value[name] = item
    return value


INF, NAN = float("inf"), float("nan")
GARBAGE = [
    "s3://bucket/reference", "", 5, 5.0, True, [], [1], {}, b"x", {"v": 1}, None,
    broken(v=2), broken(v="1"), broken(v=None), broken(state="lost"), broken(state=None), broken(state=[]),
    *(broken(**{name: KeyError}) for name in ("v", "state", "epoch", "fingerprint")),
    *(broken(**{name: KeyError}) for name in ("conn_id", "host", "at", "local_id")),
    broken(epoch="x"), broken(epoch=None), broken(epoch=INF), broken(epoch=[]), broken(at="soon"), broken(at=None),
    broken(at=NAN), broken(at=INF), broken(job_id=KeyError), broken(job_id=None), broken(job_id=5),
    broken(job_id=["x"]),
    broken(state="settled", job_id=KeyError), broken(state="finished"), broken(state="finished", result="x"),
    broken(state="finished", result=[1]), broken(result=[1]), broken(result="x"), broken(fields=[1]),
    broken(fields="x"),
    broken(resubmits="x"), broken(resubmits=None), broken(state="finished", result={}, job_id=7),
]  # fmt: skip


@pytest.mark.parametrize("value", GARBAGE, ids=repr)
def test_garbage_is_an_error_and_never_no_record(value):
    with pytest.raises(LedgerError) as caught:
        Record.from_json(value)
    assert caught.value.final
    assert "Nothing was submitted" in caught.value.next_step


def test_a_record_holds_no_prompt():
    assert set(RECORD.to_json()) == {
        "v", "state", "epoch", "fingerprint", "conn_id", "host", "at", "local_id", "fields", "job_id",
    }  # fmt: skip
