"""The first attempt: intent, POST, the job id; refusals; answers that never came."""

from __future__ import annotations

import pytest

from airflow_provider_orux.client import kept
from airflow_provider_orux.compat import COMMAND
from airflow_provider_orux.durable import stores
from airflow_provider_orux.durable.job import Finished
from airflow_provider_orux.gateways.orux import OruxGateway
from airflow_provider_orux.lifecycle.ledger import IDEMPOTENCY_MARGIN, Action
from airflow_provider_orux.lifecycle.polling import Wait
from airflow_provider_orux.lifecycle.record import RECORD_KEY, State
from airflow_provider_orux.models import orux
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    ConfigurationError,
    GatewayUnavailableError,
    IdempotencyKeyReusedError,
    InsufficientCreditsError,
    InvalidRequestError,
    LedgerError,
    OruxError,
    RateLimitedError,
)
from airflow_provider_orux.models.listed import InputFile, ListedModel, ListedRequest
from airflow_provider_orux.models.requests import CustomRequest
from tests.durable.fakes import (
    BAD_KEY,
    FULL,
    HTML,
    KEY,
    LOST,
    NO_CREDITS,
    OTHER,
    SILENCE,
    UNREACHED,
    World,
    answer,
    relay,
    relay_refusal,
    storage_away,
    synchronous,
)

PAID = ["write intent", "POST", "write submitted"]


def failed(world, kind):
    with pytest.raises(kind) as caught:
        world.start()
    return caught.value


# -- the order -------------------------------------------------------------------------------------------------
def test_the_intent_is_written_before_the_post_and_the_job_id_right_after_it():
    world = World()
    world.start()
    assert world.events == ["check destination", *PAID, "push task_1"]


def test_the_first_attempt_waits_for_its_job_from_the_moment_of_acceptance():
    world = World(timeout=600)
    step = world.start()
    assert isinstance(step, Wait)
    assert (step.job_id, step.kind) == ("task_1", "midjourney-v7:imagine")
    assert step.started == world.record.updated_at
    assert step.deadline == step.started + 600


def test_the_record_of_a_submission_holds_what_a_later_attempt_needs():
    world = World()
    world.start()
    record = world.record
    assert (record.state, record.job_id, record.max_tries) == (State.SUBMITTED, "task_1", 3)
    assert (record.conn_id, record.host) == ("orux_default", "https://orux.top")
    assert record.account == world.client.settings.account
    assert "lighthouse" not in str(world.rows.values)


def test_an_intent_that_cannot_be_written_sends_nothing():
    world = World()
    world.rows.away_for("intent")
    error = failed(world, LedgerError)
    assert (error.charged, error.final) == ("no", False)
    assert world.charges == 0
    assert "POST" not in world.events


def test_a_worker_that_was_given_up_sends_nothing():
    world = World()
    stale = world.attempt()
    stale.ledger.read()
    world.retry()
    with pytest.raises(LedgerError):
        stale._submit(stale.ledger.decide())
    assert world.charges == 0


def test_a_stale_worker_that_reads_after_the_retry_sends_nothing():
    world = World()
    stale = world.attempt()
    world.retry()
    with pytest.raises(LedgerError):
        stale.start()
    assert world.charges == 0


def test_the_whole_record_is_in_the_store_when_the_request_leaves():
    world = World()
    seen = []
    world.client._accept = lambda request: seen.append(world.state) or answer({"task_id": "task_9"})
    world.start()
    assert seen == [State.INTENT]


def test_a_record_that_the_first_read_does_not_show_is_found_before_anything_is_paid():
    world = World()
    world.start()
    world.retry()
    world.rows.hidden = 1
    world.start()
    assert world.charges == 1


def test_a_destination_that_cannot_be_used_is_met_before_the_intent():
    world = World()
    world.delivery.refuses = ConfigurationError("no such bucket")
    failed(world, ConfigurationError)
    assert world.events == ["check destination"]
    assert world.state is None


def test_warnings_of_the_request_are_logged():
    world = World(request=Warned(prompt="x"))
    world.start()
    assert world.log.said("a word to the wise")


class Warned(orux.MidjourneyV7):
    def warnings(self):
        return ["a word to the wise"]


# -- nothing may come between the answer and the ledger (M3) ---------------------------------------------------
def test_a_log_handler_that_raises_does_not_lose_the_job_id():
    world = World()
    world.log.breaks_at = "accepted"
    failed(world, OSError)
    assert (world.state, world.record.job_id) == (State.SUBMITTED, "task_1")


def test_a_metrics_client_that_raises_does_not_lose_the_job_id(monkeypatch):
    from airflow_provider_orux import metrics

    monkeypatch.setattr(metrics, "incr", lambda *args, **kwargs: 1 / 0)
    world = World()
    world.start()
    assert (world.state, world.record.job_id) == (State.SUBMITTED, "task_1")


def test_an_xcom_that_cannot_be_pushed_does_not_lose_the_job_id():
    world = World()
    world.delivery.push_fails = True
    failed(world, RuntimeError)
    world.retry()
    world.delivery.push_fails = False
    assert world.start().job_id == "task_1"
    assert world.charges == 1


def test_a_job_id_that_the_ledger_does_not_take_is_in_the_error_with_the_command_to_paste():
    world = World()
    world.rows.away_for("submitted")
    error = failed(world, LedgerError)
    assert (error.job_id, error.final, error.gateway) == ("task_1", True, "orux")
    assert f"`{COMMAND} ledger settle dag run task --job-id task_1`" in error.next_step
    assert world.state is State.INTENT


def test_the_job_id_is_written_again_for_a_minute():
    world = World()
    failed_writes = []

    def fails(verb, key, value):
        away = (
            verb == "set"
            and key == "orux_ledger"
            and value["state"] == "submitted"
            and len(failed_writes) < 5
        )
        failed_writes.extend([value] * away)
        return away

    world.rows.fails = fails
    world.start()
    assert world.record.job_id == "task_1"
    assert 10 < world.clock.skipped < stores.WRITE_PATIENCE
    assert world.log.said("job task_1 was accepted; trying again")


def test_the_urls_of_a_synchronous_generation_that_the_ledger_does_not_take_are_in_the_command():
    world = synchronous()
    world.rows.away_for("submitted")
    error = failed(world, LedgerError)
    assert "--url https://files/task_1.png" in error.next_step


INLINE = answer({"data": [{"b64_json": "aGVsbG8="}]})


def test_images_inside_an_answer_are_saved_when_the_ledger_is_away():
    world = synchronous()
    world.client.answers = [INLINE]
    world.rows.away_for("submitted")
    error = failed(world, LedgerError)
    assert "They are saved: s3://content/gen-" in error.message
    assert error.charged == "yes"
    assert "mark the task as a success" in error.next_step
    assert "ledger discard dag run task" in error.next_step
    assert world.delivery.saved[0]["repeatable"] is False


def test_images_inside_an_answer_that_can_neither_be_noted_nor_saved_are_said_to_be_lost():
    world = synchronous()
    world.client.answers = [INLINE]
    world.rows.away_for("submitted")
    world.delivery.fails = [storage_away()]
    error = failed(world, LedgerError)
    assert "could not be saved either" in error.message
    assert "mark the task" not in error.next_step


def test_images_inside_an_answer_without_save_to_have_nowhere_to_go():
    world = synchronous(save_to=None)
    world.client.answers = [INLINE]
    world.rows.away_for("submitted")
    assert "nowhere to go" in failed(world, LedgerError).message


# -- refusals --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        (NO_CREDITS, InsufficientCreditsError),
        (UNREACHED, GatewayUnavailableError),
        (FULL, RateLimitedError),
        (BAD_KEY, Exception),
    ],
)
def test_what_is_proven_not_to_be_accepted_leaves_no_record(refused, kind):
    world = World()
    world.client.answers = [refused] * 5
    assert failed(world, kind).charged == "no"
    assert world.state is None
    assert world.events[-1] == "remove"


def test_a_retry_after_a_refusal_submits():
    world = World()
    world.client.answers = [NO_CREDITS]
    failed(world, InsufficientCreditsError)
    world.retry()
    world.start()
    assert world.charges == 1


def test_a_refusal_after_a_clear_restores_what_stood_before():
    world = World()
    world.finish()
    world.delivered()
    before = world.record
    world.clear()
    world.client.answers = [NO_CREDITS]
    failed(world, InsufficientCreditsError)
    assert world.record == before


def test_a_refused_second_sending_of_an_ambiguous_submission_leaves_the_first_ambiguous():
    world = World(on_ambiguous_submit="resubmit")
    world.client.answers = [LOST]
    failed(world, AmbiguousSubmitError)
    world.retry()
    world.client.answers = [NO_CREDITS]
    failed(world, InsufficientCreditsError)
    assert (world.state, world.record.resubmits) == (State.INTENT, 0)


def test_a_proven_refusal_is_not_charged_even_if_its_intent_cannot_be_taken_back():
    """The charge is what the answer proved. That the ledger says otherwise is told beside it."""
    world = World()
    world.client.answers = [NO_CREDITS]
    world.rows.away("delete")
    error = failed(world, InsufficientCreditsError)
    world.job.complete(error)
    assert (error.charged, world.state) == ("no", State.INTENT)
    assert "still holds this submission as sent" in error.next_step
    assert f"{COMMAND} ledger discard dag run task" in error.next_step
    assert "until the submission is settled or discarded" in error.outlook
    assert world.log.said("The intent could not be taken back")
    world.rows.back()
    world.retry()
    failed(world, AmbiguousSubmitError)


def test_with_a_key_that_intent_is_sent_again_and_nobody_is_asked():
    world = relay()
    world.client.answers = [relay_refusal(402, "INSUFFICIENT_CREDITS")]
    world.rows.away("delete")
    error = failed(world, InsufficientCreditsError)
    world.job.complete(error)
    assert (error.charged, world.state) == ("no", State.INTENT)
    assert "ledger discard" not in error.next_step
    world.rows.back()
    world.retry()
    world.start()
    assert world.charges == 1


def test_a_refusal_proves_nothing_of_the_submission_before_it():
    """Neither taken back nor proven: the first sending may have been accepted."""
    world = World(on_ambiguous_submit="resubmit")
    world.client.answers = [LOST]
    failed(world, AmbiguousSubmitError)
    world.retry()
    world.client.answers = [NO_CREDITS]
    world.rows.fails = lambda verb, key, value: (
        verb == "set" and isinstance(value, dict) and not value["resubmits"]
    )
    error = failed(world, InsufficientCreditsError)
    world.job.complete(error)
    assert (error.charged, world.state) == ("unknown", State.INTENT)


# -- an answer that never came ---------------------------------------------------------------------------------
@pytest.mark.parametrize("said", [SILENCE, LOST, HTML, answer({}), answer({"task_id": 7.5})])
def test_an_answer_that_proves_nothing_leaves_the_intent(said):
    world = World()
    world.client.answers = [said]
    error = failed(world, AmbiguousSubmitError)
    assert (world.state, error.final, error.charged) == (State.INTENT, True, "unknown")


def test_a_5xx_proves_nothing():
    world = World()
    world.client.answers = [answer({"error": {"type": "api_error", "code": "x", "message": "y"}}, 502)]
    failed(world, AmbiguousSubmitError)
    assert world.state is State.INTENT


def test_a_lost_answer_is_not_asked_for_again_by_the_client():
    world = World()
    world.client.answers = [LOST]
    failed(world, AmbiguousSubmitError)
    assert world.events.count("POST") == 1


@pytest.mark.parametrize("then", ["retry", "clear"])
def test_an_ambiguous_submission_is_sent_again_by_nobody(then):
    world = World()
    world.client.answers = [LOST]
    failed(world, AmbiguousSubmitError)
    getattr(world, then)()
    failed(world, AmbiguousSubmitError)
    assert world.charges == 1


def test_an_ambiguous_submission_is_sent_again_once_where_the_author_accepts_the_risk():
    world = World(on_ambiguous_submit="resubmit")
    world.client.answers = [LOST, LOST]
    assert not failed(world, AmbiguousSubmitError).final
    world.retry()
    assert failed(world, AmbiguousSubmitError).final
    world.retry()
    failed(world, AmbiguousSubmitError)
    assert world.charges == 2
    assert world.record.resubmits == 1


@pytest.mark.parametrize("resubmits", ["fail", "resubmit"])
@pytest.mark.parametrize("make", [World, relay])
def test_an_ambiguous_end_is_final_exactly_where_a_retry_could_only_fail(make, resubmits):
    world = make(on_ambiguous_submit=resubmits)
    world.client.answers = [SILENCE] * 5
    error = failed(world, AmbiguousSubmitError)
    world.retry()
    ledger = world.attempt().ledger
    ledger.read()
    assert error.final is (ledger.decide().action is Action.FAIL)


def test_without_a_ledger_an_ambiguous_end_is_final():
    world = World(durable=False)
    world.client.answers = [LOST]
    assert failed(world, AmbiguousSubmitError).final


def test_another_request_does_not_make_an_ambiguous_submission_unambiguous():
    world = World()
    world.client.answers = [LOST]
    failed(world, AmbiguousSubmitError)
    world.request = OTHER
    world.clear()
    failed(world, AmbiguousSubmitError)
    assert world.charges == 1


# -- idempotency keys ------------------------------------------------------------------------------------------
def ambiguous(world):
    world.client.answers = [LOST] * 5
    error = failed(world, AmbiguousSubmitError)
    world.client.answers = []
    return error


def test_a_submission_under_a_key_is_sent_again_by_a_retry_and_charged_once():
    world = relay()
    ambiguous(world)
    world.clock.sleep(1)
    world.retry()
    world.start()
    assert world.charges == 1
    assert len({r.headers["Idempotency-Key"] for r in world.client.sent}) == 1


def test_a_resend_keeps_the_age_of_the_intent():
    world = relay()
    ambiguous(world)
    sent = world.record.updated_at
    world.clock.sleep(3600)
    world.retry()
    ambiguous(world)
    assert world.record.updated_at == sent
    assert world.record.max_tries == 3


def test_a_key_of_another_account_is_no_protection():
    world = relay(key="relay_sk_one")
    ambiguous(world)
    world.key = "relay_sk_two"
    world.retry()
    failed(world, AmbiguousSubmitError)
    assert world.charges == 1


def test_a_key_that_the_gateway_forgot_is_no_protection():
    world = relay()
    ambiguous(world)
    world.clock.sleep(86_400)
    world.retry()
    failed(world, AmbiguousSubmitError)
    assert world.charges == 1


def test_a_key_that_became_too_old_while_the_store_was_slow_is_no_protection():
    """The age counts when the request leaves, not when the attempt began: stores and inputs take their time."""
    world = relay()
    ambiguous(world)
    world.clock.sleep(world.gateway.idempotency_seconds - IDEMPOTENCY_MARGIN - 60)
    world.retry()
    plain = world.delivery.read_inputs

    def slow(request):
        world.clock.sleep(120)
        return plain(request)

    world.delivery.read_inputs = slow
    failed(world, AmbiguousSubmitError)
    assert world.charges == 1
    assert world.state is State.INTENT


def test_a_clock_that_went_back_is_no_protection():
    world = relay()
    ambiguous(world)
    world.clock.sleep(-60)
    world.retry()
    failed(world, AmbiguousSubmitError)
    assert world.charges == 1


def test_a_refused_resend_leaves_the_intent_and_is_ambiguous():
    world = relay()
    ambiguous(world)
    world.retry()
    world.client.answers = [relay_refusal(402, "INSUFFICIENT_CREDITS")]
    error = failed(world, AmbiguousSubmitError)
    assert world.state is State.INTENT
    assert (error.charged, error.http_status) == ("unknown", 402)
    assert "it is unknown whether an earlier attempt was accepted" in error.message


def test_a_resend_refused_for_a_while_stays_what_it_is_and_is_not_called_free():
    world = relay()
    ambiguous(world)
    world.retry()
    world.client.answers = [relay_refusal(429, "RATE_LIMITED")] * 5
    error = failed(world, RateLimitedError)
    assert (error.charged, error.final, world.state) == ("unknown", False, State.INTENT)
    assert "it is unknown whether" in error.message


def test_a_key_that_meets_another_request_asks_a_person():
    world = relay()
    ambiguous(world)
    world.retry()
    world.client.answers = [relay_refusal(422, "IDEMPOTENCY_KEY_REUSED")] * 2
    error = failed(world, IdempotencyKeyReusedError)
    assert error.final
    assert world.state is State.INTENT
    assert world.charges == 1


# -- a model that is looked up -----------------------------------------------------------------------------------
KLING = CustomRequest(name="KlingTeam/v3-T2V", body={"prompt": "waves"})
ENTRY = {
    "endpoint": {"method": "POST", "path": "/v2/video/kling-3/t2v", "async_default": True},
    "request_schema": {"properties": {"prompt": {"type": "string"}}, "additionalProperties": False},
    "response_schema": {"properties": {"urls": {}}},
}


def looked_up(request=KLING, *answers):
    kept.forget()
    world = relay()
    world.request = request
    world.client.polls = list(answers or [answer(ENTRY)])
    return world


def test_a_model_is_looked_up_before_the_intent():
    world = looked_up()
    world.start()
    events = world.events
    assert events.index("poll") < events.index("write intent") < events.index("POST")
    assert world.client.sent[0].path == "/v2/video/kling-3/t2v"
    assert world.charges == 1


def test_a_field_that_the_catalogue_does_not_have_leaves_no_trace():
    world = looked_up(CustomRequest(name="KlingTeam/v3-T2V", body={"promt": "waves"}))
    error = failed(world, InvalidRequestError)
    assert (error.charged, world.charges, world.record) == ("no", 0, None)
    assert "POST" not in world.events


def test_a_catalogue_that_is_away_is_no_charge_and_a_retry_is_free():
    world = looked_up(KLING, *[relay_refusal(503, "SERVICE_UNAVAILABLE")] * 5)
    error = failed(world, GatewayUnavailableError)
    assert (error.charged, error.final, world.record) == ("no", False, None)
    world.client.polls = [answer(ENTRY)]
    world.retry()
    world.start()
    assert world.charges == 1


def test_a_catalogue_that_is_away_before_a_resend_does_not_say_that_nothing_was_charged():
    world = looked_up()
    ambiguous(world)
    world.retry()
    kept.forget()
    world.client.polls = [relay_refusal(503, "SERVICE_UNAVAILABLE")] * 5
    error = failed(world, GatewayUnavailableError)
    world.job.complete(error)
    assert (error.charged, world.state) == ("unknown", State.INTENT)
    world.retry()
    world.client.polls = [answer(ENTRY)]
    world.start()
    assert world.charges == 1
    assert len({r.headers["Idempotency-Key"] for r in world.client.sent}) == 1


# -- a file that is uploaded --------------------------------------------------------------------------------------
FILE = InputFile(b"clip", "video/mp4", "input.mp4", "ab" * 32)
QUOTA = relay_refusal(429, "FILE_QUOTA_EXCEEDED")
TOO_LARGE = relay_refusal(413, "FILE_TOO_LARGE")


def with_file(**more):
    entry = ListedModel(
        name="m", path="/v2/video/m", schema={"properties": {"video_url": {"type": "string"}}}
    )
    world = relay(**more)
    world.request = ListedRequest(name="m", body={"video_url": FILE.mark}, entry=entry, uploads=(FILE,))
    return world


def test_a_file_is_uploaded_before_the_intent():
    world = with_file()
    world.start()
    assert world.events == ["check destination", "upload", *PAID, "push task_1"]
    (sent,) = world.client.sent
    assert sent.body["video_url"] == f"https://files/{world.client.uploads[0]}"
    assert FILE.mark not in str(sent.body)
    assert "https://files/" not in str(world.rows.values)


@pytest.mark.parametrize("said", [[SILENCE] * 9, [QUOTA] * 9, [TOO_LARGE], [HTML]])
def test_an_upload_that_fails_leaves_no_trace_and_a_retry_pays_once(said):
    world = with_file()
    world.client.polls = list(said)
    error = failed(world, OruxError)
    world.job.complete(error)
    assert (error.charged, world.record, world.charges) == ("no", None, 0)
    assert "write intent" not in world.events
    world.client.polls = []
    world.retry()
    world.start()
    assert (world.state, world.charges) == (State.SUBMITTED, 1)


class Killed(BaseException):
    """The process is gone: nothing that comes after it runs."""


@pytest.mark.parametrize("key", [KEY, None])
def test_a_worker_that_dies_between_upload_and_intent_pays_once(key):
    """A guest too, whose submission could not be sent again: there was none."""
    world = with_file(key=key)

    def dies(verb, name, value):
        if verb == "set" and name == RECORD_KEY:
            raise Killed
        return False

    world.rows.fails = dies
    failed(world, Killed)
    assert (len(world.client.uploads), world.record, world.charges) == (1, None, 0)
    world.rows.back()
    world.retry()
    world.start()
    assert (world.state, world.charges) == (State.SUBMITTED, 1)


def test_an_attempt_that_continues_uploads_nothing_and_one_that_sends_again_the_same():
    world = with_file()
    world.client.answers = [LOST] * 9
    failed(world, AmbiguousSubmitError)
    world.client.answers = []
    world.retry()
    world.start()
    assert (world.charges, len(world.client.uploads), len(set(world.client.uploads))) == (1, 2, 1)
    assert len({str(r.body) for r in world.client.sent}) == 1
    world.retry()
    world.start()
    assert (world.charges, len(world.client.uploads)) == (1, 2)


def test_an_upload_that_fails_before_a_resend_does_not_say_that_nothing_was_charged():
    world = with_file()
    world.client.answers = [LOST] * 9
    failed(world, AmbiguousSubmitError)
    world.retry()
    world.client.polls = [TOO_LARGE]
    error = failed(world, OruxError)
    world.job.complete(error)
    assert (error.charged, world.state) == ("unknown", State.INTENT)


# -- other ends ------------------------------------------------------------------------------------------------
def test_without_waiting_the_result_is_the_job_id():
    world = World(wait=False)
    step = world.start()
    assert isinstance(step, Finished)
    assert step.result["job_id"] == "task_1"
    assert world.state is State.FINISHED


def test_a_synchronous_generation_is_saved_at_once():
    world = synchronous()
    step = world.start()
    assert step.result["manifest"]
    assert world.events == [
        "check destination",
        *PAID,
        step_pushed(world),
        "save",
        "write finished",
        "hand over",
    ]
    assert world.delivery.saved[0]["repeatable"] is False


def step_pushed(world):
    return f"push {world.record.submission_id}"


def test_the_urls_of_a_synchronous_generation_are_in_the_ledger_before_anything_is_saved():
    world = synchronous()
    world.delivery.fails = [storage_away()]
    with pytest.raises(Exception, match="storage"):
        world.start()
    assert world.record.result["artifacts"] == [{"url": "https://files/task_1.png"}]


def test_without_a_ledger_a_job_is_submitted_and_waited_for_all_the_same():
    world = World(durable=False)
    step = world.start()
    assert step.job_id == "task_1"
    assert world.rows.values == {}


def test_a_refusal_without_a_ledger_is_just_raised():
    world = World(durable=False)
    world.client.answers = [NO_CREDITS]
    assert failed(world, InsufficientCreditsError).charged == "no"


def test_the_gateway_may_have_no_idempotency_keys():
    world = World(gateway=OruxGateway())
    world.start()
    assert world.client.sent[0].headers == {}
