"""An image that is refused as a job, with proof, is asked for once from the documented endpoint. Paid once all the same."""

from __future__ import annotations

import pytest

from airflow_provider_orux.durable.job import Finished
from airflow_provider_orux.gateways.orux import OruxGateway
from airflow_provider_orux.lifecycle.record import RECORD_KEY, State
from airflow_provider_orux.models import orux
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    InvalidRequestError,
    LedgerError,
    OruxError,
    UnexpectedResponseError,
)
from airflow_provider_orux.models.requests import CustomRequest
from tests.durable.fakes import (
    BAD_KEY,
    FULL,
    HTML,
    IMAGE,
    IMAGINE,
    LOST,
    NO_CREDITS,
    SILENCE,
    UNREACHED,
    World,
    answer,
    refusal,
)

REFUSED = refusal(400, "invalid_param", "invalid_request_error")
NO_SUCH_PATH = answer(b"<html>Not found</html>", 404)
TASKS, IMAGES = "/api/v1/tasks", "/api/v1/images/generations"


def world(*answers, **more) -> World:
    """An image of a task that waits deferred, through a connection on which nobody chose the route."""
    found = World(**{"request": IMAGE, "may_fall_back": True, **more})
    found.client.answers = list(answers)
    return found


def paths(found: World) -> list[str]:
    return [request.path for request in found.client.sent]


@pytest.mark.parametrize("refused", [REFUSED, NO_SUCH_PATH, refusal(404, "not_found"), refusal(422, "odd")])
def test_a_refused_job_is_withdrawn_and_the_image_paid_for_under_an_intent_of_its_own(refused):
    found = world(refused)
    step = found.start()
    assert found.events[:8] == [
        "check destination", "write intent", "POST", "remove",
        "check destination", "write intent", "POST", "write submitted",
    ]  # fmt: skip
    assert isinstance(step, Finished)
    assert paths(found) == [TASKS, IMAGES]
    assert found.client.sent[0].body == found.client.sent[1].body
    assert (found.charges, found.state, found.record.synchronous) == (1, State.FINISHED, True)
    assert found.log.said("Asking the synchronous endpoint once")


def test_the_intent_of_the_second_request_says_that_it_is_synchronous():
    found = world(REFUSED)
    seen = []
    accept = found.client._accept
    found.client._accept = lambda request: (
        seen.append((found.state, found.record.synchronous)) or accept(request)
    )
    found.start()
    assert seen == [(State.INTENT, True)]


@pytest.mark.parametrize("said", [NO_CREDITS, FULL, BAD_KEY, UNREACHED, refusal(400, "banned_prompt")])
def test_a_refusal_that_the_other_endpoint_would_repeat_is_final(said):
    found = world(*[said] * 5)
    with pytest.raises(OruxError) as caught:
        found.start()
    assert caught.value.charged == "no"
    assert set(paths(found)) == {TASKS}
    assert found.state is None


@pytest.mark.parametrize("said", [
    SILENCE, LOST, HTML, refusal(500, "upstream_error"), refusal(409, "invalid_param"), answer({}, 302),
    answer({"error": {"code": "invalid_param", "message": "words"}, "task_id": "task_77"}, 400),
])  # fmt: skip
def test_without_proof_nothing_else_is_sent(said):
    found = world(said)
    with pytest.raises(AmbiguousSubmitError):
        found.start()
    assert paths(found) == [TASKS]
    assert (found.state, found.record.synchronous) == (State.INTENT, False)


@pytest.mark.parametrize("more", [
    {"may_fall_back": False},  # an operator that submits jobs
    {"gateway": OruxGateway({"route": "async"})},
    {"request": IMAGINE},
    {"request": orux.Sora2(prompt="waves")},
    {"request": orux.SunoCoverImg(parent_job_id="task_9")},
    {"request": CustomRequest(name="new-model", body={"prompt": "x"})},
])  # fmt: skip
def test_where_somebody_chose_or_there_is_no_other_endpoint(more):
    found = world(REFUSED, **more)
    with pytest.raises(InvalidRequestError):
        found.start()
    assert paths(found) == [TASKS]
    assert found.state is None


def test_what_both_endpoints_refuse_is_refused_and_a_retry_begins_again():
    found = world(REFUSED, REFUSED)
    with pytest.raises(InvalidRequestError) as caught:
        found.start()
    assert caught.value.charged == "no"
    assert (paths(found), found.state, found.charges) == ([TASKS, IMAGES], None, 0)
    found.retry()
    found.start()
    assert paths(found) == [TASKS, IMAGES, TASKS]
    assert found.charges == 1


@pytest.mark.parametrize("later", ["retry", "clear"])
def test_a_lost_answer_to_the_second_request_is_ambiguous_and_sent_again_by_nobody(later):
    found = world(REFUSED, LOST)
    with pytest.raises(AmbiguousSubmitError):
        found.start()
    assert (found.state, found.record.synchronous, found.charges) == (State.INTENT, True, 1)
    getattr(found, later)()
    with pytest.raises(AmbiguousSubmitError):
        found.start()
    assert (paths(found), found.charges) == ([TASKS, IMAGES], 1)


def test_an_intent_that_cannot_be_taken_back_forbids_a_second_one():
    found = world(REFUSED)
    found.rows.away("delete")
    with pytest.raises(InvalidRequestError):
        found.start()
    assert (paths(found), found.state, found.charges) == ([TASKS], State.INTENT, 0)


def test_an_intent_that_cannot_be_written_the_second_time_sends_nothing():
    found = world(REFUSED)
    found.rows.fails = lambda verb, key, value: (
        verb == "set" and key == RECORD_KEY and bool(value.get("synchronous"))
    )
    with pytest.raises(LedgerError) as caught:
        found.start()
    assert (caught.value.charged, paths(found), found.state) == ("no", [TASKS], None)
    found.rows.back()
    found.retry()
    found.client.answers = [REFUSED]
    found.start()
    assert found.charges == 1


def test_a_worker_that_was_given_up_in_between_sends_nothing():
    found = world(REFUSED)
    stale = found.attempt()
    exchange = stale.client._exchange

    def refused_while_a_retry_begins(request):
        said = exchange(request)
        found.rows.owner += 1
        return said

    stale.client._exchange = refused_while_a_retry_begins
    with pytest.raises(OruxError):
        stale.start()
    assert (paths(found), found.charges) == ([TASKS], 0)


def test_what_a_paid_clear_supersedes_is_still_kept():
    found = world()
    found.finish()
    found.delivered()
    found.clear()
    found.client.answers = [REFUSED]
    assert isinstance(found.start(), Finished)
    assert [earlier.job_id for earlier in found.record.earlier] == ["task_1"]
    assert (paths(found), found.charges) == ([TASKS, TASKS, IMAGES], 2)


def test_without_a_ledger_it_is_the_same():
    found = world(REFUSED, durable=False)
    assert isinstance(found.start(), Finished)
    assert (paths(found), found.charges) == ([TASKS, IMAGES], 1)


def test_the_gateway_asks_for_a_status_that_refuses():
    gateway = OruxGateway()
    error = InvalidRequestError("checked here, before anything was sent", charged="no")
    assert not gateway.falls_back(IMAGE, error)
    error.http_status = 400
    assert gateway.falls_back(IMAGE, error)
    moved = UnexpectedResponseError("moved", charged="no", http_status=308)
    assert not gateway.falls_back(IMAGE, moved)
