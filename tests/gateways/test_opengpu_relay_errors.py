"""Relay's errors: every code of the table, statuses where there is none, and what each proves about the charge."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.gateways.wire import HttpResponse
from airflow_provider_orux.models import opengpu_relay as relay
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    AuthenticationError,
    ContentRejectedError,
    GatewayUnavailableError,
    IdempotencyKeyReusedError,
    InsufficientCreditsError,
    InvalidRequestError,
    JobNotFoundError,
    OruxError,
    RateLimitedError,
    UnexpectedResponseError,
    UnsupportedByGatewayError,
)

NEW = gateway_for("opengpu_relay")
OLD = gateway_for("opengpu_relay", {"generation": 1})
QWEN = relay.QwenImage(prompt="a fox")


def answer(body: Any, status: int, **headers: str) -> HttpResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, {k.replace("_", "-"): v for k, v in headers.items()}, raw)


def envelope(code: str | None, message: str = "no", detail: Any = "no") -> dict[str, Any]:
    return {
        "detail": detail,
        "error": {"code": code, "type": "t", "source": "relay", "message": message, "request_id": "req_1"},
    }


TABLE: list[tuple[int, str, type[OruxError], str]] = [
    (400, "UPSTREAM_INVALID_REQUEST", InvalidRequestError, "no"),
    (400, "VALIDATION_ERROR", InvalidRequestError, "no"),
    (401, "INVALID_API_KEY", AuthenticationError, "no"),
    (401, "KEY_REVOKED", AuthenticationError, "no"),
    (401, "MISSING_CREDENTIALS", AuthenticationError, "no"),
    (402, "INSUFFICIENT_CREDITS", InsufficientCreditsError, "no"),
    (402, "KEY_BUDGET_EXHAUSTED", InsufficientCreditsError, "no"),
    (403, "SCOPE_DENIED", AuthenticationError, "no"),
    (403, "MODEL_NOT_AVAILABLE", UnsupportedByGatewayError, "no"),
    (403, "MODEL_RETIRED", UnsupportedByGatewayError, "no"),
    (403, "TIER_FEATURE_UNAVAILABLE", UnsupportedByGatewayError, "no"),
    (403, "ACCOUNT_INACTIVE", AuthenticationError, "no"),
    (404, "TASK_NOT_FOUND", JobNotFoundError, "no"),
    (404, "MODEL_NOT_FOUND", UnsupportedByGatewayError, "no"),
    (409, "IDEMPOTENCY_IN_PROGRESS", RateLimitedError, "unknown"),
    (422, "VALIDATION_ERROR", InvalidRequestError, "no"),
    (422, "CONTENT_POLICY_DECLINED", ContentRejectedError, "no"),
    (422, "IMAGE_TEXT_RESPONSE", ContentRejectedError, "no"),
    (422, "IDEMPOTENCY_KEY_REUSED", IdempotencyKeyReusedError, "unknown"),
    (429, "RATE_LIMITED", RateLimitedError, "no"),
    (500, "INTERNAL_ERROR", GatewayUnavailableError, "unknown"),
    (502, "UPSTREAM_ERROR", GatewayUnavailableError, "unknown"),
    (502, "PROVIDER_UNAVAILABLE", GatewayUnavailableError, "unknown"),
    (502, "IMAGE_NO_OUTPUT", GatewayUnavailableError, "unknown"),
    (503, "CAPACITY_EXHAUSTED", GatewayUnavailableError, "unknown"),
    (504, "UPSTREAM_TIMEOUT", GatewayUnavailableError, "unknown"),
]


@pytest.mark.parametrize(("status", "code", "error", "charged"), TABLE)
def test_every_code_of_the_table(status: int, code: str, error: type[OruxError], charged: str) -> None:
    with pytest.raises(OruxError) as e:
        NEW.read_submit(QWEN, answer(envelope(code), status))
    assert type(e.value) is error
    assert (e.value.charged, e.value.code, e.value.http_status) == (charged, code, status)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (402, InsufficientCreditsError),
        (403, AuthenticationError),
        (404, UnsupportedByGatewayError),
        (422, InvalidRequestError),
        (429, RateLimitedError),
        (500, GatewayUnavailableError),
    ],
)
def test_without_a_code_the_status_decides(status: int, error: type[OruxError]) -> None:
    old_request = relay.Gen1QwenImage(prompt="x")
    for gateway, request, body in (
        (NEW, QWEN, envelope(None)),
        (OLD, old_request, {"detail": "no"}),
        (OLD, old_request, {"error": "no"}),
        (OLD, old_request, b"plain words"),
    ):
        with pytest.raises(OruxError) as e:
            gateway.read_generate(request, answer(body, status), submission_id="l")
        assert type(e.value) is error
        assert e.value.charged == ("no" if status < 500 else "unknown")


def test_generation_2_has_a_shape_so_another_is_a_proxys() -> None:
    with pytest.raises(UnexpectedResponseError):
        NEW.read_generate(QWEN, answer(b"<html>teapot</html>", 422), submission_id="l")


def test_the_details_of_a_422() -> None:
    detail = [
        {"type": "missing", "loc": ["body", "prompt"], "msg": "Field required"},
        {"type": "less_than_equal", "loc": ["body", "n"], "msg": "Input should be less than or equal to 4"},
    ]
    with pytest.raises(InvalidRequestError) as e:
        NEW.read_submit(QWEN, answer(envelope("VALIDATION_ERROR", detail=detail), 422))
    assert "prompt: Field required; n: Input should be" in e.value.message
    assert "req_1" in e.value.message
    assert e.value.param == "prompt"


def test_request_id_and_retry_after_of_the_headers() -> None:
    with pytest.raises(RateLimitedError) as e:
        NEW.read_submit(QWEN, answer({"detail": "slow down"}, 429, retry_after="60", x_request_id="req_9"))
    assert e.value.retry_after == 60.0
    assert "req_9" in e.value.message


def test_a_reused_key_explains_itself() -> None:
    with pytest.raises(IdempotencyKeyReusedError) as e:
        NEW.read_submit(QWEN, answer(envelope("IDEMPOTENCY_KEY_REUSED"), 422))
    assert isinstance(e.value, AmbiguousSubmitError)
    assert "another request" in e.value.message
    assert "changed between the two tries" in str(e.value)


def test_what_a_tier_has_not() -> None:
    with pytest.raises(UnsupportedByGatewayError) as e:
        NEW.read_submit(QWEN, answer(envelope("TIER_FEATURE_UNAVAILABLE"), 403))
    assert "store_output" in e.value.next_step
    with pytest.raises(UnsupportedByGatewayError) as e:
        NEW.read_submit(QWEN, answer({"detail": "Not Found"}, 404))
    assert "generation" in e.value.next_step


def refusal(code: str = "TIER_FEATURE_UNAVAILABLE", status: int = 403) -> OruxError:
    with pytest.raises(OruxError) as e:
        NEW.read_submit(QWEN, answer(envelope(code), status))
    return e.value


def test_what_retention_added() -> None:
    sent = NEW.with_retention(QWEN)
    assert NEW.submit(sent).body == {"prompt": "a fox", "store_output": "relay1d", "async": True}
    assert NEW.submit(QWEN).body == {"prompt": "a fox", "async": True}
    assert NEW.refuses_retention(refusal())


def test_a_route_that_stores_no_longer() -> None:
    body = {
        **envelope("VALIDATION_ERROR"),
        "detail": [{"type": "x", "loc": ["body", "store_output"], "msg": "no"}],
    }
    with pytest.raises(OruxError) as e:
        NEW.read_submit(QWEN, answer(body, 422))
    assert NEW.refuses_retention(e.value)


@pytest.mark.parametrize(
    "error",
    [
        refusal("MODEL_NOT_AVAILABLE"),
        refusal("VALIDATION_ERROR", 422),
        refusal("TIER_FEATURE_UNAVAILABLE", 500),
    ],
    ids=lambda e: f"{e.http_status}-{e.code}",
)
def test_another_refusal_is_not_about_retention(error: OruxError) -> None:
    assert not NEW.refuses_retention(error)


def test_a_choice_of_the_author_or_the_connection_is_kept() -> None:
    for gateway, request in (
        (NEW, relay.QwenImage(prompt="x", store_output="relay1d")),
        (gateway_for("opengpu_relay", {"store_output": "relay1d"}), QWEN),
        (OLD, relay.Gen1QwenImage(prompt="x")),
        (gateway_for("yescale"), QWEN),
    ):
        assert gateway.with_retention(request) is request
    assert not gateway_for("yescale").refuses_retention(refusal())


def test_the_url_of_a_file_that_the_vendor_quotes_is_not_repeated() -> None:
    url = "https://cdn.relaygpu.com/content/AbCdEfGhIjKlMnOpQrStUv"
    body = {
        "detail": f"video_url: {url} cannot be fetched",
        "error": {"code": "UPSTREAM_INVALID_REQUEST", "message": "x"},
    }
    error = NEW.read_error(HttpResponse(400, {}, json.dumps(body).encode()))
    assert error is not None
    assert "AbCdEf" not in str(error)
    assert "video_url: (the URL of a file) cannot be fetched" in error.message
    task = {"task_id": "direct:1", "status": "failed", "error": f"{url} is dead"}
    job = NEW.read_poll("direct:1", HttpResponse(200, {}, json.dumps(task).encode()))
    assert job.error_message == "(the URL of a file) is dead"
