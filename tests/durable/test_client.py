"""What the client makes of answers to a paid request: no answer may lose what was paid for."""

from __future__ import annotations

import pytest

from airflow_provider_orux.client import flow
from airflow_provider_orux.gateways.orux import OruxGateway
from airflow_provider_orux.lifecycle.record import State
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    ArtifactRejectedError,
    IdempotencyKeyReusedError,
    UnsupportedByGatewayError,
)
from airflow_provider_orux.models.job import Job, JobStatus
from tests.durable.fakes import LOST, QWEN, World, answer, relay, relay_refusal, synchronous

NO_RETENTION = relay_refusal(403, "TIER_FEATURE_UNAVAILABLE")
REUSED = relay_refusal(422, "IDEMPOTENCY_KEY_REUSED")


class Unreadable(OruxGateway):
    """Reading an answer of it ends with an error of no type of ours."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def read_submit(self, request, response):
        raise self.error

    def read_generate(self, request, response, *, submission_id):
        raise self.error


ODD = [ValueError("x"), TypeError(), KeyError("k"), RecursionError(), OverflowError(), UnicodeError()]


def failed(world, kind=AmbiguousSubmitError):
    with pytest.raises(kind) as caught:
        world.start()
    return caught.value


@pytest.mark.parametrize("make", [World, synchronous])
@pytest.mark.parametrize("odd", ODD, ids=lambda e: type(e).__name__)
def test_an_answer_that_cannot_be_read_is_ambiguous_whatever_is_raised(make, odd):
    world = make(gateway=Unreadable(odd))
    error = failed(world)
    assert error.__cause__ is odd
    assert (world.state, error.charged) == (State.INTENT, "unknown")


def test_an_error_that_does_not_prove_a_refusal_is_ambiguous():
    world = World(gateway=Unreadable(UnsupportedByGatewayError("who knows")))
    assert "who knows" in failed(world).message


def test_a_result_that_is_longer_than_we_read_is_paid_for_and_said():
    world = synchronous(gateway=Unreadable(ArtifactRejectedError("too long", charged="yes")))
    assert failed(world, ArtifactRejectedError).charged == "yes"
    assert world.state is State.INTENT


class Names(OruxGateway):
    """It accepts under an odd job id."""

    def __init__(self, job_id):
        super().__init__()
        self.job_id = job_id

    def read_submit(self, request, response):
        return Job(self.job_id, JobStatus.QUEUED, "orux")


@pytest.mark.parametrize("job_id", ["", " ", "a b", "a\n", "x" * 501, "\x00", 7, None, "\ud800"])
def test_a_job_id_that_cannot_be_polled_is_ambiguous(job_id):
    world = World(gateway=Names(job_id))
    failed(world)
    assert world.state is State.INTENT


def test_a_job_id_of_the_longest_kind_is_taken():
    world = World(gateway=Names("x" * 500))
    world.start()
    assert world.record.job_id == "x" * 500


# -- retention -------------------------------------------------------------------------------------------------
def sent(world):
    return [(r.body.get("store_output"), r.headers.get("Idempotency-Key")) for r in world.client.sent]


def test_what_will_be_saved_is_asked_to_be_kept():
    world = relay()
    world.start()
    assert sent(world) == [("relay1d", world.record.submission_id)]


def test_what_will_not_be_saved_is_not_asked_to_be_kept():
    world = relay(save_to=None)
    world.start()
    assert [kept for kept, _ in sent(world)] == [None]


def test_refused_retention_is_sent_once_more_without_it_under_the_same_key(monkeypatch):
    warned = []
    monkeypatch.setattr(flow.log, "warning", lambda text, *args: warned.append(text % args))
    world = relay()
    world.client.answers = [NO_RETENTION]
    world.start()
    key = world.record.submission_id
    assert sent(world) == [("relay1d", key), (None, key)]
    assert world.charges == 1
    assert ["Sent without it: save what it makes" in text for text in warned] == [True]


def test_a_key_that_the_refusal_used_up_is_a_refusal_and_nothing_is_sent_under_another():
    """The ledger names one key: a job under another could not be found again."""
    world = relay()
    world.client.answers = [NO_RETENTION, REUSED]
    with pytest.raises(UnsupportedByGatewayError) as caught:
        world.start()
    assert caught.value.charged == "no"
    assert [kept for kept, _ in sent(world)] == ["relay1d", None]
    assert len({key for _, key in sent(world)}) == 1
    assert (world.record, world.charges) == (None, 0)


def test_any_other_refusal_is_no_reason_to_send_without_retention():
    world = relay()
    world.client.answers = [relay_refusal(403, "SCOPE_DENIED")]
    failed(world, Exception)
    assert len(sent(world)) == 1


def test_a_request_that_says_how_long_is_refused_as_it_is():
    world = relay(save_to="s3://content/")
    world.request = QWEN.model_copy(update={"store_output": "relay7d"})
    world.client.answers = [NO_RETENTION]
    failed(world, UnsupportedByGatewayError)
    assert len(sent(world)) == 1
    assert world.state is None


def resent(world, *answers):
    """A lost answer, and the retry that sends again."""
    world.client.answers = [LOST] * 5
    failed(world)
    world.retry()
    del world.client.sent[:]
    world.client.answers = list(answers)
    return world


def test_a_resend_may_find_that_the_form_without_retention_was_accepted():
    world = resent(relay(), REUSED)
    try:
        world.start()
    except IdempotencyKeyReusedError:
        pytest.fail("the form without retention was not tried")
    assert [kept for kept, _ in sent(world)] == ["relay1d", None]
    assert world.charges == 1


def test_a_resend_never_uses_a_fresh_key():
    world = resent(relay(), REUSED, REUSED)
    failed(world, IdempotencyKeyReusedError)
    assert {key for _, key in sent(world)} == {world.record.submission_id}
    assert world.charges == 1


def test_a_resend_whose_retention_is_refused_never_uses_a_fresh_key():
    world = resent(relay(), NO_RETENTION, REUSED)
    failed(world, IdempotencyKeyReusedError)
    assert {key for _, key in sent(world)} == {world.record.submission_id}


def test_a_guest_has_no_key_to_be_remembered_by():
    world = relay(key=None)
    world.client.answers = [NO_RETENTION, REUSED]
    failed(world, IdempotencyKeyReusedError)
    assert len(sent(world)) == 2


def test_a_synchronous_generation_is_sent_once_more_without_retention():
    world = relay(synchronous=True)
    world.client.answers = [NO_RETENTION, answer({"urls": ["https://files/1.png"]})]
    world.start()
    assert [kept for kept, _ in sent(world)] == ["relay1d", None]


def test_a_synchronous_generation_that_is_refused_for_another_reason_is_sent_once():
    world = relay(synchronous=True)
    world.client.answers = [relay_refusal(402, "INSUFFICIENT_CREDITS")]
    failed(world, Exception)
    assert len(sent(world)) == 1


@pytest.mark.parametrize("status", [400, 402, 429, 301, 302, 303])
def test_a_refusal_that_names_a_job_proves_nothing(status):
    """What it names may have been accepted: nobody says "not charged", and nobody sends it again."""
    world = World()
    body = {"error": {"code": "channel_queue_full", "message": "full"}, "data": {"task_id": "task_7"}}
    world.client.answers = [answer(body, status)]
    with pytest.raises(AmbiguousSubmitError) as caught:
        world.start()
    assert (caught.value.job_id, caught.value.charged) == ("task_7", "unknown")
    assert (world.record.state, len(world.client.sent)) == (State.INTENT, 1)


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_may_have_followed_the_work_proves_nothing(status):
    world = World()
    world.client.answers = [answer({}, status)]
    with pytest.raises(AmbiguousSubmitError):
        world.start()
    assert world.record.state is State.INTENT


def test_a_resend_of_another_form_is_recorded_as_the_form_that_was_sent():
    """The gateway takes one body under a key: what it accepts now is the form of this attempt."""
    world = resent(relay())
    before = world.record.fingerprint
    world.request = world.request.model_copy(update={"prompt": "a windmill"})
    world.start()
    assert (world.record.state, world.record.fingerprint != before) == (State.SUBMITTED, True)
    world.retry()
    world.start()  # the accepted form, again: it is no change
    assert len(world.client.sent) == 1
