"""YEScale's errors: four shapes, one tree.

``{"error": {"message", "type", "param", "code"}}``, ``{"description", "type", "code"}`` (Midjourney),
``{"code": "<string>", "message", "data"}`` (Media, Suno; Kling has a number), and HTTP 200 with a Midjourney code.
The codes are those of the open-source gateway that YEScale appears to be built on (new-api) and of the upstream
projects: inferred, so HTTP statuses decide if a code is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

from airflow_provider_orux.gateways.wire import HttpResponse
from airflow_provider_orux.models.errors import (
    AuthenticationError,
    ContentRejectedError,
    GatewayUnavailableError,
    InsufficientCreditsError,
    InvalidRequestError,
    JobNotFoundError,
    OruxError,
    RateLimitedError,
    UnexpectedResponseError,
    redact,
)

#: Codes in words; the Midjourney shape has them at the beginning of ``description``.
WORDS: Mapping[str, type[OruxError]] = {
    "invalid_api_key": AuthenticationError,
    "access_denied": AuthenticationError,
    "insufficient_user_quota": InsufficientCreditsError,
    "insufficient_quota": InsufficientCreditsError,
    "pre_consume_token_quota_failed": InsufficientCreditsError,
    "quota_not_enough": InsufficientCreditsError,
    "content_policy_violation": ContentRejectedError,
    "sensitive_words_detected": ContentRejectedError,
    "prompt_blocked": ContentRejectedError,
    "moderation_blocked": ContentRejectedError,
    "validation_error": InvalidRequestError,
    "invalid_request": InvalidRequestError,
    "model_not_found": InvalidRequestError,
    "rate_limit_exceeded": RateLimitedError,
    "task_no_found": JobNotFoundError,
    "task_not_exist": JobNotFoundError,
}

#: novicezk/midjourney-proxy; 30 is new-api's own (saturated).
MIDJOURNEY: Mapping[int, type[OruxError]] = {
    3: JobNotFoundError,
    4: InvalidRequestError,
    9: GatewayUnavailableError,
    23: RateLimitedError,
    24: ContentRejectedError,
    30: RateLimitedError,
}

STATUSES: Mapping[int, type[OruxError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: AuthenticationError,
    404: InvalidRequestError,
    413: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitedError,
}

#: new-api's words for a failure of its own once its upstream was asked: that may have accepted. It sends them as
#: HTTP 400 to Midjourney's callers.
ASKED_UPSTREAM = frozenset(
    {
        "do_request_failed",
        "close_request_body_failed",
        "read_response_body_failed",
        "empty_response_body",
        "unmarshal_response_body_failed",
        "close_response_body_failed",
        "insert_midjourney_task_failed",
        "copy_response_body_failed",
    }
)

#: Observed: the key's token groups do not include the model.
NOT_IN_GROUPS = "not available in any configured auto group"

#: How upstreams say that they refused a prompt or image, where there is no code for it.
REFUSED_CONTENT = re.compile(
    r"banned|moderat|content.{0,3}polic|sensitive.word|nsfw|safety (?:system|filter)|敏感|违规|违禁|审核",
    re.IGNORECASE,
)


def read_error(response: HttpResponse, *, gateway: str) -> OruxError | None:
    """The typed error of an answer in one of the four shapes; None for any other."""
    try:
        value = response.json(gateway=gateway)
    except OruxError:
        return None
    error = error_of(value, gateway=gateway, status=response.status)
    if error is not None:
        error.retry_after = response.retry_after
    return error


def asked_upstream(error: OruxError) -> bool:
    """Whether the gateway failed after it had forwarded the request, according to this error."""
    return _first_word(error.message) in ASKED_UPSTREAM or (error.code or "").lower() in ASKED_UPSTREAM


def is_refusal(error: OruxError, *, codes: Container[int] = ()) -> bool:
    """Whether the body of an answer is a known refusal, whatever its HTTP status.

    :param codes: the numeric codes that mean a refusal in this family of jobs.
    """
    if asked_upstream(error):
        return False
    code = (error.code or "").lower()
    if code in WORDS or _first_word(error.message) in WORDS or NOT_IN_GROUPS in error.message:
        return True
    return code.isdecimal() and int(code) in codes


def error_of(value: Any, *, gateway: str, status: int) -> OruxError | None:
    """The typed error of a body in one of the four shapes; None for any other."""
    if not isinstance(value, dict):
        return None
    inner = value.get("error")
    if isinstance(inner, dict):
        facts, text = inner, inner.get("message")
    elif isinstance(inner, str):
        facts, text = {}, inner
    elif "code" in value and ("description" in value or "message" in value):
        facts, text = value, value.get("description") or value.get("message")
    else:
        return None
    code = facts.get("code")
    message = str(text).strip() if text else "The gateway gave no message"
    cls = _class_of(code, message, midjourney="description" in facts, status=status)
    banned = facts["properties"].get("bannedWord") if isinstance(facts.get("properties"), Mapping) else None
    if cls is ContentRejectedError and banned:
        message = f"{message.rstrip('.')} (banned word: {banned})"
    param = facts.get("param")
    if NOT_IN_GROUPS in message:
        param = "model"
    error = cls(
        redact(message)[:500],
        gateway=gateway,
        code=None if code in (None, "") else redact(str(code))[:100],
        http_status=status,
        param=param if isinstance(param, str) and param else None,
    )
    if NOT_IN_GROUPS in message:
        error.next_step = "Give the key a token group that has the model, or use another model."
    return error


def _class_of(code: Any, message: str, *, midjourney: bool, status: int) -> type[OruxError]:
    for word in (code.lower() if isinstance(code, str) else "", _first_word(message)):
        if word in ASKED_UPSTREAM:
            return GatewayUnavailableError
        if word in WORDS:
            return WORDS[word]
    if NOT_IN_GROUPS in message:
        return InvalidRequestError
    number = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdigit()) else None
    if midjourney and number is not None and number in MIDJOURNEY:
        cls = MIDJOURNEY[number]
        if cls is JobNotFoundError and re.search(r"account|instance|账号|实例", message, re.IGNORECASE):
            # The upstream says "not found" of its own accounts too: none is free to take the job.
            return GatewayUnavailableError
        return ContentRejectedError if REFUSED_CONTENT.search(message) else cls
    if not midjourney and number is not None and number >= 1000:
        return _kling(number)
    if status in (400, 403, 422) and REFUSED_CONTENT.search(message):
        return ContentRejectedError
    if status >= 500:
        return GatewayUnavailableError
    return STATUSES.get(status, UnexpectedResponseError)


def _first_word(message: str) -> str:
    """The first word, without a trailing colon."""
    return message.split()[0].lower().rstrip(":,.") if message.split() else ""


def _kling(code: int) -> type[OruxError]:
    """Kling's own numbers, as its public documentation groups them."""
    if code in (1101, 1102):
        return InsufficientCreditsError
    if code in (1302, 1303):
        return RateLimitedError
    if code == 1203:
        return JobNotFoundError
    if code in (1300, 1301):
        return ContentRejectedError
    if code >= 5000:
        return GatewayUnavailableError
    return AuthenticationError if code < 1200 or code == 1304 else InvalidRequestError
