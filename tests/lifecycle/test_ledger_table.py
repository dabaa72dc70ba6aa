"""The whole table of what an attempt may do with the record that it finds, written out by hand."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest

from airflow_provider_orux.lifecycle.ledger import (
    Action,
    Attempt,
    Decision,
    Policy,
    RemoteState,
    decide,
)
from airflow_provider_orux.lifecycle.record import LARGEST_RESULT, Record, State, Superseded
from airflow_provider_orux.models import errors
from airflow_provider_orux.models.errors import LedgerError, Remedy

AT = 1_000_000.0
ONE, TWO, THREE = "1" * 64, "2" * 64, "3" * 64
KEY, OTHER_KEY = "a" * 32, "b" * 32
RECORD = Record(
    state=State.SUBMITTED, max_tries=2, fingerprint=ONE, conn_id="c", host="https://h", updated_at=AT,
    submission_id="gen-1", job_id="task_1", fields={"prompt": "d1", "size": "d2"}, account=KEY,
)  # fmt: skip
ATTEMPT = Attempt(
    max_tries=2, fingerprint=ONE, conn_id="c", host="https://h", gateway="orux", at=AT + 60,
    fields={"prompt": "d1", "size": "d2"}, account=KEY,
)  # fmt: skip
INTENT = RECORD.changed(state=State.INTENT, job_id=None)
FINISHED = RECORD.changed(state=State.FINISHED, result={"job_id": "task_1"})
DELIVERED = FINISHED.changed(delivered=True)
SETTLED = RECORD.changed(state=State.SETTLED)

SAME, CHANGED = ATTEMPT, replace(ATTEMPT, fingerprint=TWO, fields={"prompt": "d9", "size": "d2"})
MAX_TRIES = {"retry": 2, "clear": 3, "clear that lowers it": 1}
CLEAR = ("auto", "resubmit", "reattach")
ON_CHANGED = ("fail", "resubmit", "reattach")

SUBMIT, REATTACH, RETURN, FAIL, RESEND = (
    Action.SUBMIT, Action.REATTACH, Action.RETURN, Action.FAIL, Action.RESEND,
)  # fmt: skip
ALIVE, FAILED, FINALLY, EXPIRED, UNKNOWN = (
    RemoteState.ALIVE, RemoteState.FAILED, RemoteState.FAILED_FINALLY, RemoteState.EXPIRED, RemoteState.UNKNOWN,
)  # fmt: skip


def act(record, attempt, policy=None, remote=None) -> Decision:
    """As ``DurableJob`` does it: ask the gateway when told to."""
    policy = policy or Policy()
    decision = decide(record, attempt, policy)
    if decision.action is Action.CHECK:
        assert remote is not None, "the gateway is asked unexpectedly"
        decision = decide(record, attempt, policy, remote)
        assert decision.action is not Action.CHECK
    assert (decision.error is not None) == (decision.action is FAIL)
    assert decision.reason
    return decision


def attempt_of(when: str, *, changed: bool = False) -> Attempt:
    return replace(CHANGED if changed else SAME, max_tries=MAX_TRIES[when])


def all_attempts():
    for when, changed in itertools.product(MAX_TRIES, (False, True)):
        yield attempt_of(when, changed=changed)


def all_policies(**fixed):
    for on_clear, on_changed, paying in itertools.product(CLEAR, ON_CHANGED, (False, True)):
        yield Policy(on_clear=on_clear, on_request_changed=on_changed, paying_retries=paying, **fixed)


# -- submitted ------------------------------------------------------------------------------------------------
def expected_submitted(*, clear: bool, changed: bool, remote: RemoteState, policy: Policy) -> Action:
    """The rows `submitted` of the table in docs/decisions/ledger.md, said again in another order."""
    if clear and policy.on_clear == "resubmit":
        return SUBMIT
    if clear and policy.on_clear == "reattach":
        return REATTACH if remote is ALIVE else FAIL
    if clear:
        return FAIL if remote is UNKNOWN else REATTACH if remote is ALIVE and not changed else SUBMIT
    if remote is UNKNOWN or (changed and policy.on_request_changed == "fail"):
        return FAIL
    if changed and policy.on_request_changed == "resubmit":
        return SUBMIT
    if remote is ALIVE:
        return REATTACH
    return SUBMIT if remote is FAILED and policy.paying_retries else FAIL


@pytest.mark.parametrize("remote", RemoteState)
@pytest.mark.parametrize("when", MAX_TRIES)
@pytest.mark.parametrize("changed", [False, True], ids=["same request", "changed request"])
def test_submitted(remote, when, changed):
    attempt = attempt_of(when, changed=changed)
    for ambiguous in ("fail", "resubmit"):
        for policy in all_policies(on_ambiguous_submit=ambiguous, idempotency_seconds=3600.0):
            want = expected_submitted(clear=when != "retry", changed=changed, remote=remote, policy=policy)
            assert act(RECORD, attempt, policy, remote).action is want, policy


# The same rows again as literals for the defaults, so that the function above cannot be wrong in the same way.
DEFAULTS = {
    ("retry", False): {ALIVE: REATTACH, FAILED: FAIL, FINALLY: FAIL, EXPIRED: FAIL, UNKNOWN: FAIL},
    ("retry", True): {ALIVE: FAIL, FAILED: FAIL, FINALLY: FAIL, EXPIRED: FAIL, UNKNOWN: FAIL},
    ("clear", False): {ALIVE: REATTACH, FAILED: SUBMIT, FINALLY: SUBMIT, EXPIRED: SUBMIT, UNKNOWN: FAIL},
    ("clear", True): {ALIVE: SUBMIT, FAILED: SUBMIT, FINALLY: SUBMIT, EXPIRED: SUBMIT, UNKNOWN: FAIL},
}


@pytest.mark.parametrize(("when", "changed"), DEFAULTS)
def test_submitted_with_the_defaults(when, changed):
    for remote, action in DEFAULTS[when, changed].items():
        assert act(RECORD, attempt_of(when, changed=changed), Policy(), remote).action is action, remote


def test_only_the_authors_retries_pay_for_a_job_that_failed():
    paying = Policy(paying_retries=True)
    assert act(RECORD, SAME, paying, FAILED).action is SUBMIT
    assert [act(RECORD, SAME, paying, remote).action for remote in (FINALLY, EXPIRED, UNKNOWN)] == [FAIL] * 3
    assert act(RECORD, CHANGED, paying, FAILED).action is FAIL, "another request is no retry of this one"
    assert not Policy().paying_retries


def test_the_gateway_is_asked_only_where_its_answer_decides():
    def asks(attempt, **settings):
        return decide(RECORD, attempt, Policy(**settings)).action is Action.CHECK

    assert asks(SAME)
    assert asks(attempt_of("clear"))
    assert asks(attempt_of("clear", changed=True))
    assert not asks(CHANGED)
    assert asks(CHANGED, on_request_changed="resubmit")
    assert not asks(attempt_of("clear"), on_clear="resubmit")
    for record in (INTENT, FINISHED, DELIVERED, SETTLED):
        for attempt, policy in itertools.product(all_attempts(), all_policies()):
            assert decide(record, attempt, policy).action is not Action.CHECK


def test_a_form_that_was_reattached_is_no_change():
    """A clear with on_clear='reattach' took the job for another form of the request; then its retry comes."""
    record = RECORD.changed(reattached_fingerprint=TWO)
    assert act(record, CHANGED, remote=ALIVE).action is REATTACH
    assert act(record, SAME, remote=ALIVE).action is REATTACH
    assert act(record, replace(CHANGED, fingerprint=THREE), remote=ALIVE).action is FAIL
    assert act(FINISHED.changed(reattached_fingerprint=TWO), CHANGED).action is RETURN


# -- finished -------------------------------------------------------------------------------------------------
def expected_finished(*, delivered: bool, clear: bool, changed: bool, policy: Policy) -> Action:
    if clear and policy.on_clear != "auto":
        return SUBMIT if policy.on_clear == "resubmit" else RETURN
    if clear and delivered:
        return SUBMIT
    if not changed:
        return RETURN
    return {"fail": FAIL, "resubmit": SUBMIT, "reattach": RETURN}[policy.on_request_changed]


@pytest.mark.parametrize("delivered", [False, True], ids=["not delivered", "delivered"])
@pytest.mark.parametrize("when", MAX_TRIES)
@pytest.mark.parametrize("changed", [False, True], ids=["same request", "changed request"])
def test_finished(delivered, when, changed):
    record = FINISHED.changed(delivered=delivered)
    for policy in all_policies(on_ambiguous_submit="resubmit", idempotency_seconds=3600.0):
        want = expected_finished(delivered=delivered, clear=when != "retry", changed=changed, policy=policy)
        assert act(record, attempt_of(when, changed=changed), policy).action is want, policy


FINISHED_DEFAULTS = {
    # (delivered, when): (same request, changed request)
    (True, "retry"): (RETURN, FAIL),
    (True, "clear"): (SUBMIT, SUBMIT),
    (True, "clear that lowers it"): (SUBMIT, SUBMIT),
    (False, "retry"): (RETURN, FAIL),
    (False, "clear"): (RETURN, FAIL),
    (False, "clear that lowers it"): (RETURN, FAIL),
}


@pytest.mark.parametrize(("delivered", "when"), FINISHED_DEFAULTS)
def test_finished_with_the_defaults(delivered, when):
    record = FINISHED.changed(delivered=delivered)
    found = tuple(act(record, attempt_of(when, changed=changed)).action for changed in (False, True))
    assert found == FINISHED_DEFAULTS[delivered, when]


def test_a_task_that_airflow_calls_failed_although_it_succeeded_pays_nothing_when_it_is_cleared():
    decision = act(FINISHED, attempt_of("clear"))
    assert decision.action is RETURN
    assert "Airflow never recorded the task's success" in decision.reason
    # The prompt renders a now(): that must not pay twice either. A person is asked.
    error = act(FINISHED, attempt_of("clear", changed=True)).error
    assert type(error) is LedgerError
    assert error.remedy is Remedy.DISCARD, "a further clear would end the same way"
    assert act(DELIVERED, CHANGED).error.remedy is None, "a clear pays for a new one"
    assert act(RECORD, CHANGED).error.remedy is None


def test_delivered_counts_only_where_the_record_is_finished():
    for record, policy in itertools.product((RECORD, INTENT, SETTLED), all_policies()):
        for attempt, remote in itertools.product(all_attempts(), RemoteState):
            plain, marked = (
                act(r, attempt, policy, remote).action for r in (record, record.changed(delivered=True))
            )
            assert plain is marked


# -- settled, none --------------------------------------------------------------------------------------------
def test_settled_is_reattached_whatever_the_attempt_and_the_policy():
    for attempt, policy in itertools.product(all_attempts(), all_policies()):
        assert act(SETTLED, attempt, policy).action is REATTACH


def test_no_record():
    for attempt, policy in itertools.product(all_attempts(), all_policies()):
        assert act(None, attempt, policy).action is SUBMIT


# -- intent ---------------------------------------------------------------------------------------------------
def test_intent_is_ambiguous_whatever_the_attempt_and_the_policy():
    for attempt, policy in itertools.product(all_attempts(), all_policies()):
        decision = act(INTENT, attempt, policy)
        assert decision.action is FAIL
        assert type(decision.error) is errors.AmbiguousSubmitError
        assert decision.error.final
        assert "60 s ago" in decision.error.message


def test_intent_with_the_word_to_send_it_again_means_once():
    for attempt, policy in itertools.product(all_attempts(), all_policies(on_ambiguous_submit="resubmit")):
        decision = act(INTENT, attempt, policy)
        assert (decision.action, decision.resubmits) == (SUBMIT, 1)
        for resubmits in (1, 2, 10**6):
            assert act(INTENT.changed(resubmits=resubmits), attempt, policy).action is FAIL


@pytest.mark.parametrize(
    ("age", "action"),
    [
        (0, RESEND),
        (60, RESEND),
        (2999, RESEND),
        (3000, FAIL),
        (3600, FAIL),
        (10**6, FAIL),
        (-0.001, FAIL),
        (-60, FAIL),
    ],
)
def test_intent_at_a_gateway_with_idempotency_keys(age, action):
    """Sent again under the same key while the gateway surely remembers it: ten minutes are left to be late."""
    for policy in all_policies(idempotency_seconds=3600.0):
        for attempt in all_attempts():
            assert act(INTENT, replace(attempt, at=AT + age), policy).action is action
    assert act(INTENT.changed(resubmits=1), ATTEMPT, Policy(idempotency_seconds=3600.0)).resubmits == 1


@pytest.mark.parametrize("lifetime", [0.0, 1.0, 599.0, 600.0])
def test_a_lifetime_within_the_margin_is_none(lifetime):
    assert act(INTENT, replace(ATTEMPT, at=AT), Policy(idempotency_seconds=lifetime)).action is FAIL


@pytest.mark.parametrize(
    ("then", "today"),
    [(KEY, OTHER_KEY), (KEY, None), (None, KEY)],
    ids=["another key", "no key now", "no key then"],
)
def test_the_key_of_another_account_names_another_submission(then, today):
    policy = Policy(idempotency_seconds=3600.0)
    record, attempt = INTENT.changed(account=then), replace(ATTEMPT, account=today)
    decision = act(record, attempt, policy)
    assert decision.action is FAIL
    assert type(decision.error) is errors.AmbiguousSubmitError
    # What is known of its job does not depend on the key: the gateway is asked.
    assert (
        act(record.changed(state=State.SUBMITTED, job_id="task_1"), attempt, policy, ALIVE).action is REATTACH
    )


def test_a_clock_that_went_back_is_named():
    error = act(INTENT, replace(ATTEMPT, at=AT - 90), Policy(idempotency_seconds=3600.0)).error
    assert "still 90 s away by this worker's clock" in error.message
    assert "ago" not in error.message


def test_a_synchronous_generation_is_not_resent():
    """Its answer was the image: there is no job that the key would lead to."""
    policy = Policy(idempotency_seconds=3600.0)
    assert act(INTENT.changed(synchronous=True), ATTEMPT, policy).action is FAIL
    assert act(INTENT, replace(ATTEMPT, synchronous=True), policy).action is FAIL


def test_a_key_comes_before_the_risk_of_a_second_charge():
    policy = Policy(idempotency_seconds=3600.0, on_ambiguous_submit="resubmit")
    assert act(INTENT, ATTEMPT, policy).action is RESEND
    assert act(INTENT, replace(ATTEMPT, account=OTHER_KEY), policy).action is SUBMIT


# -- elsewhere ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "other", [{"conn_id": "d"}, {"host": "https://other"}, {"conn_id": "d", "host": "x"}]
)
@pytest.mark.parametrize("record", [INTENT, RECORD, SETTLED], ids=lambda r: r.state.value)
def test_another_connection_or_host(record, other):
    for attempt, policy in itertools.product(
        all_attempts(), all_policies(on_ambiguous_submit="resubmit", idempotency_seconds=3600.0)
    ):
        decision = act(record, replace(attempt, **other), policy)
        assert decision.action is FAIL
        assert type(decision.error) is LedgerError
        assert "'c'" in decision.error.message
        assert "https://h" in decision.error.message
        assert decision.error.remedy is Remedy.DISCARD


def test_a_result_is_returned_whatever_the_connection_is_called_today():
    assert act(FINISHED, replace(ATTEMPT, conn_id="d")).action is RETURN


def test_a_result_of_another_host_is_another_request_and_says_so():
    """The host is part of the fingerprint."""
    attempt = replace(ATTEMPT, host="https://other", fingerprint=TWO)
    error = act(FINISHED, attempt).error
    assert error.message == (
        "The request changed between two tries of one run: it went to https://h, now it would go to https://other"
    )


def test_max_tries_that_collide_err_towards_the_job_that_is_paid_for():
    """A clear that the scheduler does not show as other max_tries must not pay for a job that runs or is done."""
    assert act(RECORD, ATTEMPT, remote=ALIVE).action is REATTACH
    assert act(FINISHED, ATTEMPT).action is RETURN
    assert act(DELIVERED, ATTEMPT).action is RETURN
    assert act(SETTLED, ATTEMPT).action is REATTACH
    for record in (INTENT, RECORD, FINISHED, DELIVERED):
        assert act(record, CHANGED, remote=ALIVE).action is FAIL


# -- words ----------------------------------------------------------------------------------------------------
def test_a_change_is_named_and_not_shown():
    error = act(RECORD, CHANGED).error
    assert error.message == "The request changed between two tries of one run: field prompt"
    assert error.job_id == "task_1"
    assert "fingerprint_exclude" in error.next_step
    both = replace(CHANGED, fields={"prompt": "x", "seed": "y"})
    assert "fields prompt, seed, size" in act(RECORD, both).error.message
    assert "model or kind of request" in act(RECORD, replace(CHANGED, fields=ATTEMPT.fields)).error.message


@pytest.mark.parametrize(
    ("remote", "cls"),
    [
        (FAILED, errors.JobFailedError),
        (FINALLY, errors.JobFailedError),
        (EXPIRED, errors.JobExpiredError),
        (UNKNOWN, errors.JobNotFoundError),
    ],
)
def test_what_a_bad_end_says(remote, cls):
    error = act(RECORD, ATTEMPT, remote=remote).error
    assert type(error) is cls
    assert (error.job_id, error.gateway, error.final, error.charged) == ("task_1", "orux", True, "unknown")
    assert "ob task_1" in error.message
    assert act(RECORD.changed(synchronous=True), ATTEMPT, remote=remote).error.charged == "yes"
    cause = errors.OruxError("the vendor's words")
    said = decide(RECORD, ATTEMPT, Policy(), remote, cause=cause).error.message
    assert said.endswith(": the vendor's words")


# -- the record -------------------------------------------------------------------------------------------------
EARLIER = (
    Superseded(job_id="task_0", charged="yes", price=0.25, currency="USD", at=AT - 9),
    Superseded(at=AT - 5),
)
RECORDS = [
    INTENT,
    RECORD,
    FINISHED,
    DELIVERED,
    SETTLED,
    RECORD.changed(synchronous=True, result={"a": [1]}, reattached_fingerprint=TWO, reuse_key=THREE),
    INTENT.changed(resubmits=3, account=None),
    DELIVERED.changed(earlier=EARLIER),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.state.value)
def test_round_trip(record):
    value = json.loads(json.dumps(record.to_json(), allow_nan=False))
    assert Record.from_json(value) == record
    assert value["v"] == 2


def test_a_record_of_tomorrow_with_more_fields_is_read():
    assert Record.from_json({**RECORD.to_json(), "new": 1}) == RECORD


def test_the_smallest_and_the_largest_that_are_read():
    value = broken(result={"text": "x" * (LARGEST_RESULT - 12)}, max_tries=0, updated_at=0, resubmits=10**6)
    assert len(json.dumps(value["result"])) == LARGEST_RESULT
    assert Record.from_json(value).resubmits == 10**6
    assert len(Record.from_json(broken(earlier=[{"at": 1}] * 10_000)).earlier) == 10_000


def broken(**changes):
    value = FINISHED.to_json() if "state" not in changes else RECORD.to_json()
    for name, item in changes.items():
        if item is KeyError:
            value.pop(name, None)
        else:
            value[name] = item
    return value


def earlier(**changes):
    return broken(earlier=[{"at": 1.0}, {"job_id": "task_0", "at": 1.0, **changes}])


def nested(depth, make):
    value = 0
    for _ in range(depth):
        value = make(value)
    return value


CIRCLE: dict = {}
CIRCLE["itself"] = CIRCLE
INF, NAN = float("inf"), float("nan")
DIGITS = 10**5000
NO_IDS = (
    "",
    " ",
    "a b",
    "x\n",
    "\n",
    "\x00",
    "\x1b[31m",
    "\x7f",
    "\x85",
    "\u2028",
    "\ud800",
    "x" * 501,
    5,
    [],
    {},
    True,
)
NO_DIGESTS = (
    "",
    "f1",
    "F" * 64,
    "g" * 64,
    "f" * 63,
    "f" * 65,
    "f" * 64 + "\n",
    "٣" * 64,
    5,
    None,
    [],
    b"f" * 64,
)
GARBAGE = {
    "not an object": [
        "s3://bucket/reference", "", 5, 5.0, True, [], [1], {}, b"x", {"v": 2}, {"v": 1}, None, NAN, {1: 2},
        nested(100_000, lambda v: [v]), nested(100_000, lambda v: {"v": v}), json.dumps(RECORD.to_json()),
    ],
    "version": [broken(v=v) for v in (1, 3, "2", None, True, [], {}, INF, KeyError)],
    "state": [broken(state=s) for s in ("lost", "", None, [], {}, 1, True, "INTENT", KeyError)],
    "what is missing": [
        broken(**{n: KeyError})
        for n in ("max_tries", "fingerprint", "conn_id", "host", "updated_at", "submission_id")
    ],
    "max_tries": [broken(max_tries=n) for n in ("x", "2", None, INF, NAN, [], -1, 2.5, 2.0, True, 10**9 + 1, DIGITS)],
    "updated_at": [broken(updated_at=t) for t in ("soon", "1", None, NAN, INF, -INF, -1, 1e12, True, [], DIGITS)],
    "resubmits": [broken(resubmits=n) for n in ("x", None, -1, 1.5, True, 10**6 + 1, INF, DIGITS)],
    "fingerprint": [broken(fingerprint=d) for d in NO_DIGESTS],
    "reattached_fingerprint": [broken(reattached_fingerprint=d) for d in NO_DIGESTS if d is not None],
    "reuse_key": [broken(reuse_key=d) for d in NO_DIGESTS if d is not None],
    "account": [broken(account=a) for a in ("", "f", "F" * 32, "f" * 65, "sk-app-1234567890", 5, [], "f" * 32 + "\n")],
    "submission_id": [broken(submission_id=i) for i in (*NO_IDS, None)],
    "job_id": [broken(job_id=i) for i in NO_IDS],
    "no job id": [
        broken(state="submitted", job_id=KeyError), broken(state="submitted", job_id=None),
        broken(state="settled", job_id=KeyError),
    ],
    "conn_id": [broken(conn_id=i) for i in ("", None, 5, [], "a\nb", "\x1b[31m", "\x00", "\ud800", "x" * 501)],
    "host": [broken(host=i) for i in ("", None, 5, [], "https://h\r\nX: y", "\x1b[31m", "\ud800", "x" * 2001)],
    "result": [
        broken(result=r)
        for r in (
            "x", [1], 5, True, {1: 2}, {"a": {(1, 2): 3}}, {"a": b"x"}, {"a": {1}}, {"a": object()}, {"a": NAN},
            {"a": [-INF]}, {"a": DIGITS}, {"a": "x" * LARGEST_RESULT}, CIRCLE, {"a": nested(100_000, lambda v: [v])},
            nested(100_000, lambda v: {"v": v}),
        )
    ],
    "no result": [broken(state="finished", result=KeyError), broken(state="finished", result=None)],
    "fields": [
        broken(fields=f)
        for f in (
            None, [1], "x", 5, {"prompt": 1}, {"prompt": None}, {1: "x"}, {"prompt": "x" * 65}, {"x" * 1001: "d"},
            {"prompt": ["d"]}, {str(n): "d" for n in range(1001)},
        )
    ],
    "synchronous": [broken(synchronous=b) for b in (1, 0, "yes", None, [])],
    "delivered": [broken(delivered=b) for b in (1, 0, "yes", "true", None, [])],
    "earlier": [
        *(broken(earlier=e) for e in (None, "abc", 5, {"at": 1}, [1], [None], [[]], [{}], [{"job_id": "x"}])),
        broken(earlier=[{"at": 1}] * 10_001),
        broken(earlier=nested(100_000, lambda v: [v])),
        broken(earlier=[{"at": nested(100_000, lambda v: [v])}]),
    ],
    "earlier.at": [earlier(at=t) for t in ("x", None, NAN, INF, -1, True)],
    "earlier.job_id": [earlier(job_id=i) for i in NO_IDS],
    "earlier.charged": [earlier(charged=c) for c in ("maybe", "", None, True, [], {})],
    "earlier.price": [earlier(price=p) for p in ("1", -1, NAN, INF, True, [], 1e13, DIGITS)],
    "earlier.currency": [earlier(currency=c) for c in (5, [], "x" * 21, "US\nD", "\x1b[31m", "\ud800")],
}  # fmt: skip


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_is_an_error_and_never_no_record(what):
    for value in GARBAGE[what]:
        with pytest.raises(LedgerError) as caught:
            Record.from_json(value)
        error = caught.value
        assert error.final
        assert error.remedy is Remedy.DISCARD
        assert error.next_step.startswith("This attempt submitted nothing; an earlier one may have.")
        assert error.message.isprintable(), "what somebody else wrote does not reach the log as it is"
        assert len(error.message) < 1000


def test_every_field_is_among_the_garbage():
    assert set(Record.model_fields) - {"v"} <= {*GARBAGE}
    assert {f"earlier.{name}" for name in Superseded.model_fields} <= {*GARBAGE}


def test_a_record_that_cannot_be_read_shows_nothing_of_it():
    for value in (broken(conn_id="a secret\n", fingerprint="a secret"), broken(fields={"a\x1b[31mb": 1})):
        with pytest.raises(LedgerError) as caught:
            Record.from_json(value)
        assert "secret" not in caught.value.message
        assert caught.value.message.isprintable()


def test_a_record_holds_no_prompt():
    assert set(RECORD.to_json()) == {
        "v", "state", "max_tries", "fingerprint", "conn_id", "host", "updated_at", "submission_id", "fields", "job_id",
        "account",
    }  # fmt: skip


# -- what is superseded -------------------------------------------------------------------------------------------
def superseded(record, at=AT + 5):
    *before, last = record.superseded(at=at)
    assert tuple(before) == record.earlier
    assert last.at == at
    return last


def test_a_superseded_result_keeps_its_job_and_its_charge():
    record = FINISHED.changed(
        result={"job_id": "task_1", "charged": "yes", "price": 20, "currency": "credits"}
    )
    assert superseded(record) == Superseded(
        job_id="task_1", charged="yes", price=20.0, currency="credits", at=AT + 5
    )


@pytest.mark.parametrize(
    ("record", "job_id", "charged"),
    [
        (INTENT, None, "unknown"),
        (RECORD, "task_1", "unknown"),
        (SETTLED, "task_1", "unknown"),
        (RECORD.changed(synchronous=True), "task_1", "yes"),
        (INTENT.changed(synchronous=True), None, "unknown"),
        (FINISHED.changed(result={"charged": "no"}), "task_1", "no"),
        (FINISHED.changed(result={"charged": "perhaps"}), "task_1", "unknown"),
    ],
)
def test_what_is_kept_of_a_submission_without_a_price(record, job_id, charged):
    assert superseded(record) == Superseded(job_id=job_id, charged=charged, at=AT + 5)


@pytest.mark.parametrize("price", ["1", True, -1, NAN, INF, 10**13, [], {}])
@pytest.mark.parametrize("currency", ["", 5, [], "US\nD"])
def test_a_price_that_is_none_is_not_known_and_no_error(price, currency):
    """It is written right before a paid request and right after one: it must not fail for a decoration."""
    last = superseded(FINISHED.changed(result={"charged": [], "price": price, "currency": currency}))
    assert (last.charged, last.price, last.currency or "") == ("unknown", None, "")
    assert superseded(FINISHED.changed(result={"currency": "x" * 50})).currency == "x" * 20


def test_superseded_submissions_add_up():
    record = DELIVERED.changed(result={"charged": "yes", "price": 1.5})
    for n in range(5):
        record = record.changed(earlier=record.superseded(at=AT + n))
        record = Record.from_json(json.loads(json.dumps(record.to_json())))
    assert [e.at for e in record.earlier] == [AT + n for n in range(5)]
    assert sum(e.price for e in record.earlier) == 7.5
