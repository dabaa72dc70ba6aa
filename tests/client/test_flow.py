"""The exchanges without any network: what is sent how often, which pauses lie between, what is said in the end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_orux.client.flow import (
    IN_PROGRESS_ATTEMPTS,
    LONGEST_PAUSE,
    Calls,
    Pause,
    Send,
    TransportFailure,
    backoff,
)
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.gateways.orux import OruxGateway
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.models import errors, orux
from airflow_provider_orux.models.errors import AmbiguousSubmitError, OruxError

IMAGINE = orux.MidjourneyV7(prompt="a")
IMAGE = orux.GptImage2(prompt="a")
SETTINGS = ClientSettings("https://h", key="k-secret")


class WithKeys(OruxGateway):
    """A gateway that honours idempotency keys."""

    has_idempotency_keys = True
    idempotency_seconds = 3600.0


def answer(value: Any, status: int = 200, **headers: str) -> HttpResponse:
    return HttpResponse(status, headers, value if isinstance(value, bytes) else json.dumps(value).encode())


def refusal(status: int, code: str, kind: str = "api_error", **headers: str) -> HttpResponse:
    return answer({"error": {"type": kind, "code": code, "message": "words"}}, status, **headers)


ACCEPTED = answer({"task_id": "task_1", "status": "queued"})
ANSWER = answer({"data": [{"url": "https://a/u"}]})
DONE = answer({"status": "SUCCESS", "result_urls": ["https://a/u"]})
FULL = refusal(429, "concurrency_exceeded", "rate_limit_error")
NEVER_SENT = TransportFailure("refused", sent=False)
LOST = TransportFailure("no answer came", sent=True)


def drive(flow: Any, script: list[Any]) -> tuple[int, list[float], Any]:
    """Answer each Send with the next of the script (its last one for ever): sends, pauses, result or error."""
    sends, pauses = 0, []
    give: Any = None
    throw = False
    while True:
        try:
            step = flow.throw(give) if throw else flow.send(give)
        except StopIteration as e:
            return sends, pauses, e.value
        except OruxError as e:
            return sends, pauses, e
        give, throw = None, False
        if isinstance(step, Pause):
            pauses.append(step.seconds)
            continue
        assert isinstance(step, Send)
        give = script[min(sends, len(script) - 1)]
        throw = isinstance(give, Exception)
        sends += 1


def pay(
    script: list[Any], verb: str = "submit", gateway: Any = None, key: str | None = None, **settings: Any
):
    calls = Calls(gateway or OruxGateway(), ClientSettings("https://h", key="k-secret", **settings))
    if verb == "submit":
        return drive(calls.submit(IMAGINE, idempotency_key=key), script)
    return drive(
        calls.generate(IMAGE, submission_id="gen-1"), [ANSWER if s is ACCEPTED else s for s in script]
    )


VERBS = pytest.mark.parametrize("verb", ["submit", "generate"])


# -- pauses -------------------------------------------------------------------------------------------------
def test_backoff_is_the_vendors_formula():
    """base * 2**attempt + random(0, base), base 0.2 s."""
    for attempt in range(6):
        seen = [backoff(attempt, SETTINGS) for _ in range(300)]
        low, high = 0.2 * 2**attempt, 0.2 * 2**attempt + 0.2
        assert low <= min(seen) < low + 0.02
        assert high - 0.02 < max(seen) <= high


def test_backoff_honours_retry_after():
    assert backoff(0, SETTINGS, 7.0) == 7.0
    assert backoff(5, SETTINGS, 1.0) >= 6.4
    assert backoff(0, SETTINGS, 0.0) < 0.41


@VERBS
def test_five_tries_with_four_growing_pauses(verb):
    sends, pauses, error = pay([FULL], verb)
    assert sends == 5
    assert len(pauses) == 4
    for n, pause in enumerate(pauses):
        assert 0.2 * 2**n <= pause <= 0.2 * 2**n + 0.2
    assert isinstance(error, errors.RateLimitedError)
    assert error.charged == "no"


@VERBS
@pytest.mark.parametrize(("seconds", "sends"), [("0", 5), ("3", 5), ("30", 5), ("31", 1), ("3600", 1)])
def test_a_long_retry_after_is_left_to_the_caller(verb, seconds, sends):
    full = refusal(429, "rate_limit_exceeded", "rate_limit_error", **{"retry-after": seconds})
    count, pauses, error = pay([full], verb)
    assert count == sends
    assert error.retry_after == float(seconds)
    assert all(p >= float(seconds) for p in pauses)
    assert all(p <= LONGEST_PAUSE + 0.001 for p in pauses)


# -- paying -------------------------------------------------------------------------------------------------
@VERBS
@pytest.mark.parametrize("first", [FULL, NEVER_SENT], ids=["429", "refused"])
def test_proven_not_accepted_is_sent_again(verb, first):
    sends, pauses, job = pay([first, first, ACCEPTED], verb)
    assert sends == 3
    assert len(pauses) == 2
    assert job.job_id in ("task_1", "gen-1")


@VERBS
def test_never_reached(verb):
    sends, _, error = pay([NEVER_SENT], verb)
    assert sends == 5
    assert isinstance(error, errors.GatewayUnavailableError)
    assert (error.charged, error.final) == ("no", False)
    assert error.__cause__ is NEVER_SENT


@VERBS
@pytest.mark.parametrize(
    ("last", "cls"),
    [
        (refusal(401, "sk_expired", "auth_error"), errors.AuthenticationError),
        (refusal(402, "insufficient_balance"), errors.InsufficientCreditsError),
        (refusal(429, "quota_exceeded", "rate_limit_error"), errors.InsufficientCreditsError),
        (refusal(400, "invalid_param", "invalid_request_error"), errors.InvalidRequestError),
        (refusal(403, "ip_not_allowed", "auth_error"), errors.AuthenticationError),
        (refusal(404, "not_found", "invalid_request_error"), errors.InvalidRequestError),
        (refusal(400, "banned_prompt"), errors.ContentRejectedError),
        (answer(b"", 307, location="https://other"), errors.UnexpectedResponseError),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)
def test_a_refusal_is_not_sent_again(verb, last, cls):
    sends, pauses, error = pay([last], verb)
    assert (sends, pauses) == (1, [])
    assert type(error) is cls
    assert error.charged == "no"


UNCLEAR = {
    "302": answer(b"", 302, location="https://other"),
    "lost": LOST,
    "500": answer(b"oops", 500),
    "502": refusal(502, "upstream_error"),
    "503 full": refusal(503, "concurrency_exceeded", "rate_limit_error"),
    "504": answer(b"<html>", 504),
    "409": refusal(409, "busy"),
    "408": answer(b"", 408),
    "303": answer(b"", 303, location="/x"),
    "html": answer(b"<html>welcome"),
    "half": answer(b'{"task_id": "ta'),
    "other shape": answer({"ok": True}),
    "204": answer(b"", 204),
    "deep": answer(b"[" * 100_000),
    "cut off": HttpResponse(200, {}, b"<html>" * 100, truncated=True),
}


@VERBS
@pytest.mark.parametrize("kind", UNCLEAR)
def test_an_unclear_answer_is_never_sent_again(verb, kind):
    sends, pauses, error = pay([UNCLEAR[kind]], verb)
    assert (sends, pauses) == (1, [])
    assert type(error) is AmbiguousSubmitError
    assert (error.charged, error.final, error.gateway) == ("unknown", True, "orux")
    assert error.__cause__ is not None


def test_a_result_that_is_too_long_is_paid_for_and_not_sent_again():
    sends, pauses, error = pay([HttpResponse(200, {}, b'{"data": [', truncated=True)], "generate")
    assert (sends, pauses) == (1, [])
    assert type(error) is errors.ArtifactRejectedError
    assert (error.charged, error.final) == ("yes", True)
    _, _, error = pay([HttpResponse(200, {}, b'{"task_id": "task_1', truncated=True)], "submit")
    assert type(error) is AmbiguousSubmitError


@VERBS
@pytest.mark.parametrize("kind", UNCLEAR)
def test_unclear_after_a_refusal_is_unclear(verb, kind):
    sends, _, error = pay([FULL, UNCLEAR[kind]], verb)
    assert sends == 2
    assert type(error) is AmbiguousSubmitError


@VERBS
def test_without_a_key_nothing_is_sent(verb):
    calls = Calls(OruxGateway(), ClientSettings("https://h"))
    flow = calls.submit(IMAGINE) if verb == "submit" else calls.generate(IMAGE, submission_id="g")
    sends, _, error = drive(flow, [ACCEPTED])
    assert sends == 0
    assert type(error) is errors.AuthenticationError
    assert error.charged == "no"
    assert "password field" in error.message


def test_only_what_is_marked_as_paid_goes_the_paid_way():
    class Wrong(OruxGateway):
        def submit(self, request: Any, *, idempotency_key: str | None = None) -> HttpRequest:
            return HttpRequest("POST", "/x", Purpose.READ)

    with pytest.raises(RuntimeError, match="not marked as paid"):
        next(Calls(Wrong(), SETTINGS).submit(IMAGINE))


def test_timeouts_of_the_verbs():
    settings = ClientSettings("https://h", key="k", read_timeout=3, generate_timeout=9, max_answer_bytes=77)
    calls = Calls(OruxGateway(), settings)
    for flow, seconds in (
        (calls.submit(IMAGINE), 3), (calls.generate(IMAGE, submission_id="g"), 9), (calls.poll("t"), 3),
        (calls.poll("t", wait=20), 23),
    ):  # fmt: skip
        step = next(flow)
        assert isinstance(step, Send)
        assert (step.read_timeout, step.max_bytes) == (seconds, 77)


# -- idempotency keys -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["lost", "502", "504", "html"])
def test_with_a_key_an_unclear_answer_is_asked_for_again(kind):
    sends, _, job = pay([UNCLEAR[kind], UNCLEAR[kind], ACCEPTED], gateway=WithKeys(), key="k1")
    assert sends == 3
    assert job.job_id == "task_1"


def test_a_key_that_the_gateway_does_not_honour_is_no_protection():
    sends, _, error = pay([LOST], gateway=OruxGateway(), key="k1")
    assert sends == 1
    assert error.final
    sends, _, error = pay([LOST], gateway=WithKeys(), key=None)
    assert sends == 1
    assert error.final


def test_with_a_key_it_stays_unclear_and_a_retry_may_ask_again():
    sends, _, error = pay([LOST], gateway=WithKeys(), key="k1")
    assert sends == 5
    assert type(error) is AmbiguousSubmitError
    assert not error.final


@pytest.mark.parametrize(
    "second",
    [FULL, NEVER_SENT, refusal(401, "sk_expired", "auth_error"), refusal(400, "invalid_param"),
     refusal(429, "rate_limit_exceeded", "rate_limit_error", **{"retry-after": "600"}),
     refusal(402, "insufficient_balance")],
    ids=["429", "refused", "401", "400", "429 long", "402"],
)  # fmt: skip
def test_a_refusal_of_the_second_sending_says_nothing_of_the_first(second):
    """Else the caller would take the intent back, and pay again under a new key."""
    _, _, error = pay([LOST, second], gateway=WithKeys(), key="k1")
    assert type(error) is AmbiguousSubmitError
    assert error.charged == "unknown"
    assert not error.final
    assert "no answer came" in error.message
    assert error.retry_after == getattr(error.__cause__, "retry_after", None)


def test_a_final_refusal_of_the_second_sending_ends_the_asking():
    sends, _, _ = pay([LOST, refusal(401, "sk_expired", "auth_error")], gateway=WithKeys(), key="k1")
    assert sends == 2


def test_a_submission_still_in_progress_is_asked_for_patiently():
    busy = refusal(409, "in_progress")
    sends, pauses, job = pay([busy] * 8 + [ACCEPTED], gateway=WithKeys(), key="k1")
    assert sends == 9
    assert set(pauses) == {1.0}
    assert job.job_id == "task_1"
    sends, _, error = pay([busy], gateway=WithKeys(), key="k1")
    assert sends == IN_PROGRESS_ATTEMPTS
    assert type(error) is AmbiguousSubmitError


def test_the_gateways_own_word_of_ambiguity_is_kept():
    class Says(OruxGateway):
        def read_submit(self, request: Any, response: HttpResponse) -> Any:
            raise AmbiguousSubmitError("the gateway does not know", gateway="orux")

    sends, _, error = pay([ACCEPTED], gateway=Says())
    assert sends == 1
    assert error.message == "the gateway does not know"


# -- reading --------------------------------------------------------------------------------------------------
def read(script: list[Any], attempts: int | None = None):
    return drive(Calls(OruxGateway(), SETTINGS).poll("task_1", attempts=attempts), script)


@pytest.mark.parametrize(
    "first",
    [LOST, NEVER_SENT, FULL, refusal(502, "upstream_error"), answer(b"<html>", 503), answer(b"", 429)],
)
def test_a_read_is_tried_again(first):
    sends, pauses, job = read([first, first, DONE])
    assert sends == 3
    assert len(pauses) == 2
    assert job.urls == ["https://a/u"]
    sends, _, error = read([first])
    assert sends == 5
    assert isinstance(error, (errors.RateLimitedError, errors.GatewayUnavailableError))


@pytest.mark.parametrize(
    "last",
    [answer(b"<html>"), refusal(401, "sk_expired", "auth_error"), refusal(404, "task_not_found"), answer({})],
)
def test_a_read_that_tells_something_is_not_tried_again(last):
    sends, _, error = read([last])
    assert sends == 1
    assert isinstance(error, OruxError)


def test_a_read_can_be_tried_once_only():
    sends, pauses, error = read([LOST], attempts=1)
    assert (sends, pauses) == (1, [])
    assert type(error) is errors.GatewayUnavailableError
    assert error.__cause__ is LOST


def test_a_read_leaves_a_long_pause_to_the_caller():
    full = refusal(429, "rate_limit_exceeded", "rate_limit_error", **{"retry-after": "60"})
    sends, _, error = read([full])
    assert sends == 1
    assert error.retry_after == 60
