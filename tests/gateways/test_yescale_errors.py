"""YEScale's four error shapes, as one tree, and what each proves about the charge."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.gateways.wire import HttpResponse
from airflow_provider_orux.models import yescale
from airflow_provider_orux.models.errors import (
    AuthenticationError,
    ContentRejectedError,
    GatewayUnavailableError,
    InsufficientCreditsError,
    InvalidRequestError,
    OruxError,
    RateLimitedError,
)

GATEWAY = gateway_for("yescale")
IMAGINE = yescale.MidjourneyImagine(prompt="a fox")


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, {k.replace("_", "-"): v for k, v in headers.items()}, raw)


@pytest.mark.parametrize(
    ("code", "description", "error"),
    [
        (23, "队列已满，请稍后尝试", RateLimitedError),
        (24, "可能包含敏感词", ContentRejectedError),
        (3, "关联任务不存在或已失效", GatewayUnavailableError),
        (3, "可用的账号实例不存在", GatewayUnavailableError),
        (4, "校验错误", InvalidRequestError),
        (4, "quota_not_enough ", InsufficientCreditsError),
        (9, "系统异常", GatewayUnavailableError),
    ],
)
def test_a_refusal_with_200_was_not_charged(code: int, description: str, error: type[OruxError]) -> None:
    with pytest.raises(OruxError) as e:
        GATEWAY.read_submit(
            IMAGINE,
            answer({"code": code, "description": description, "result": None, "properties": {}}),
        )
    assert type(e.value) is error
    assert (e.value.charged, e.value.code, e.value.gateway) == ("no", str(code), "yescale")


KLING = yescale.KlingImage(prompt="a fox")
SUNO = yescale.SunoMusic(gpt_description_prompt="rain")
MEDIA = yescale.FluxKontextMax(prompt="a fox")


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (MEDIA, {"code": "success", "message": "", "data": {"id": "task-1"}}),
        (MEDIA, {"code": 200, "message": "ok", "data": {"id": "task-1"}}),
        (MEDIA, {"code": 1200, "message": "of Kling's numbers, but not Kling"}),
        (MEDIA, {"error": {"message": "odd", "code": "new_code"}}),
        (SUNO, {"code": "ok", "message": "", "data": "task-1"}),
        (SUNO, {"code": 0, "message": "success", "data": "task-1"}),
        (SUNO, {"data": "task-1"}),
        (KLING, {"code": 200, "message": "SUCCEED", "data": {"task_id": "1"}}),
        (KLING, {"code": "success", "message": "SUCCEED", "data": {"task_id": "1"}}),
        (KLING, {"code": 5000, "message": "Kling failed"}),
        (IMAGINE, {"code": 77, "description": "new"}),
        (IMAGINE, {"code": 1200, "description": "of Kling's numbers, but not Kling"}),
        (IMAGINE, {"code": 5, "description": "do_request_failed timeout"}),
        (IMAGINE, {"code": 4, "description": "insert_midjourney_task_failed "}),
        (IMAGINE, {"code": 4, "description": "no", "cause": {"message": "do_request_failed"}}),
        (IMAGINE, {"code": [3], "description": "no"}),
        (MEDIA, {"code": "size", "message": ["VALIDATION_ERROR"], "data": None}),
    ],
)
def test_what_is_not_a_known_refusal_may_have_been_charged(
    request_: yescale.YEScaleRequest, body: dict[str, Any]
) -> None:
    with pytest.raises(OruxError) as e:
        GATEWAY.read_submit(request_, answer(body))
    assert e.value.charged == "unknown"


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (MEDIA, {"code": "VALIDATION_ERROR", "message": "size", "data": None}),
        (MEDIA, {"error": {"message": "odd", "code": "insufficient_user_quota"}}),
        (SUNO, {"code": "quota_not_enough", "message": "", "data": None}),
        (KLING, {"code": 1000, "message": "no"}),
        (KLING, {"code": "1303", "message": "no"}),
        (IMAGINE, {"code": "23", "description": "full"}),
    ],
)
def test_a_known_refusal_was_not_charged(request_: yescale.YEScaleRequest, body: dict[str, Any]) -> None:
    with pytest.raises(OruxError) as e:
        GATEWAY.read_submit(request_, answer(body))
    assert e.value.charged == "no"


def test_a_poll_that_is_refused_says_nothing_of_the_jobs_charge() -> None:
    with pytest.raises(InsufficientCreditsError) as e:
        GATEWAY.read_poll("suno:1", answer({"code": "quota_not_enough", "message": "", "data": None}))
    assert e.value.charged == "unknown"


def test_a_banned_word_is_named() -> None:
    with pytest.raises(ContentRejectedError, match="banned word: gore"):
        GATEWAY.read_submit(
            IMAGINE, answer({"code": 24, "description": "banned", "properties": {"bannedWord": "gore"}})
        )


SHAPES: list[tuple[Any, int, type[OruxError], str | None]] = [
    (
        {"error": {"message": "Incorrect key", "type": "x", "param": "", "code": "invalid_api_key"}},
        401,
        AuthenticationError,
        "invalid_api_key",
    ),
    (
        {"error": {"message": "no", "type": "new_api_error", "param": None, "code": None}},
        401,
        AuthenticationError,
        None,
    ),
    (
        {"error": {"message": "quota", "type": "new_api_error", "code": "insufficient_user_quota"}},
        403,
        InsufficientCreditsError,
        "insufficient_user_quota",
    ),
    (
        {"error": {"message": "your IP is not allowed", "type": "new_api_error"}},
        403,
        AuthenticationError,
        None,
    ),
    (
        {"error": {"message": "bad size", "param": "size", "code": "invalid"}},
        400,
        InvalidRequestError,
        "invalid",
    ),
    (
        {"error": {"message": "Your request was rejected by our safety system", "code": "x"}},
        400,
        ContentRejectedError,
        "x",
    ),
    ({"error": {"message": "busy", "code": "rate"}}, 429, RateLimitedError, "rate"),
    ({"error": "a text"}, 429, RateLimitedError, None),
    ({"description": "bad", "type": "upstream_error", "code": 4}, 400, InvalidRequestError, "4"),
    ({"description": "full", "type": "upstream_error", "code": 23}, 400, RateLimitedError, "23"),
    ({"description": "saturated", "type": "upstream_error", "code": 30}, 429, RateLimitedError, "30"),
    ({"description": "banned", "type": "upstream_error", "code": 24}, 400, ContentRejectedError, "24"),
    (
        {"code": "VALIDATION_ERROR", "message": "size", "data": None},
        400,
        InvalidRequestError,
        "VALIDATION_ERROR",
    ),
    ({"code": "new_code", "message": "later", "data": None}, 429, RateLimitedError, "new_code"),
    ({"code": 1102, "message": "empty", "request_id": "r"}, 429, InsufficientCreditsError, "1102"),
]


@pytest.mark.parametrize(("body", "status", "error", "code"), SHAPES)
def test_four_shapes(body: Any, status: int, error: type[OruxError], code: str | None) -> None:
    with pytest.raises(OruxError) as e:
        GATEWAY.read_submit(IMAGINE, answer(body, status))
    assert type(e.value) is error
    assert (e.value.charged, e.value.code, e.value.http_status) == ("no", code, status)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 524])
@pytest.mark.parametrize("body", [{"error": {"message": "upstream"}}, b"<html>bad gateway</html>"])
def test_an_upstream_failure_proves_nothing(status: int, body: Any) -> None:
    with pytest.raises(GatewayUnavailableError) as e:
        GATEWAY.read_submit(IMAGINE, answer(body, status))
    assert e.value.charged == "unknown"


@pytest.mark.parametrize(
    "words",
    [
        "do_request_failed Post https://upstream: timeout",
        "read_response_body_failed ",
        "empty_response_body",
        "unmarshal_response_body_failed",
        "insert_midjourney_task_failed",
    ],
)
def test_a_400_of_a_gateway_that_had_asked_its_upstream_proves_nothing(words: str) -> None:
    for status in (400, 429):
        with pytest.raises(GatewayUnavailableError) as e:
            GATEWAY.read_submit(
                IMAGINE, answer({"type": "upstream_error", "code": 5, "description": words}, status)
            )
        assert e.value.charged == "unknown"
    with pytest.raises(GatewayUnavailableError) as e:
        GATEWAY.read_submit(MEDIA, answer({"code": words.split()[0], "message": "x", "data": None}, 400))
    assert e.value.charged == "unknown"


@pytest.mark.parametrize("words", ["bind_request_body_failed", "create_request_failed", "parameter error"])
def test_any_other_400_is_a_refusal(words: str) -> None:
    with pytest.raises(OruxError) as e:
        GATEWAY.read_submit(IMAGINE, answer({"type": "upstream_error", "code": 4, "description": words}, 400))
    assert e.value.charged == "no"


def test_unless_the_connection_knows_better() -> None:
    gateway = gateway_for("yescale", {"definite_refusals": "503:get_channel_failed"})
    with pytest.raises(RateLimitedError) as e:
        gateway.read_submit(
            IMAGINE, answer({"error": {"message": "no channel", "code": "get_channel_failed"}}, 503)
        )
    assert e.value.charged == "no"


def test_a_model_outside_the_keys_groups() -> None:
    with pytest.raises(InvalidRequestError) as e:
        GATEWAY.read_generate(
            yescale.FluxPro(prompt="x"),
            answer(
                {"error": {"message": "model flux-pro is not available in any configured auto group"}}, 400
            ),
            submission_id="l",
        )
    assert e.value.param == "model"
    assert "token group" in e.value.next_step


def test_retry_after_and_secrets() -> None:
    with pytest.raises(RateLimitedError) as e:
        GATEWAY.read_submit(
            IMAGINE, answer({"error": {"message": "key sk-abcdefghijkl is busy"}}, 429, retry_after="7")
        )
    assert e.value.retry_after == 7.0
    assert "sk-abcdefghijkl" not in str(e.value)


def test_what_is_in_no_shape() -> None:
    for body in (b"<html>", [1], {"detail": "x"}, {"code": 1}):
        assert GATEWAY.read_error(answer(body, 400)) is None
