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

from airflow_provider_orux.gateways.answers import code_of, number_of, words_of
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

_ASKED_UPSTREAM = re.compile("|".join(sorted(ASKED_UPSTREAM)).encode(), re.IGNORECASE)
#: Bytes of an answer in which these words are looked for.
_SEARCHED = 2**16

#: Observed: the key's token groups do not include the model.
NOT_IN_GROUPS = "not available in any configured auto group"

#: How upstreams say that they refused a prompt or image, where there is no code for it.
REFUSED_CONTENT = re.compile(
    r"banned|moderat|content.{0,3}polic|sensitive.word|nsfw|safety (?:system|filter)|敏感|违规|违禁|审核",
    re.IGNORECASE,
)
_INVALID = re.compile(r"invalid (?:param|argument|link|request)|参数", re.IGNORECASE)
_FINAL = (AuthenticationError, ContentRejectedError, InsufficientCreditsError, InvalidRequestError)


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


def asked_upstream(response: HttpResponse) -> bool:
    """Whether the gateway failed after it had forwarded the request: says so anywhere in its answer."""
    # Without the zeros of UTF-16.
    return _ASKED_UPSTREAM.search(response.body[:_SEARCHED].replace(b"\0", b"")) is not None


def is_refusal(error: OruxError, *, codes: Container[int] = ()) -> bool:
    """Whether the body of an answer is a known refusal, whatever its HTTP status.

    :param codes: the numeric codes that mean a refusal in this family of jobs.
    """
    if _word_class(error.code, error.message) is not None or NOT_IN_GROUPS in error.message:
        return True
    return number_of(error.code) in codes


def fails_again(code: str | None, reason: str | None) -> bool:
    """Whether a job that failed for this reason would fail again."""
    known = _word_class(code, reason or "")
    if known is not None and issubclass(known, _FINAL):
        return True
    return bool(reason and (REFUSED_CONTENT.search(reason) or _INVALID.search(reason)))


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
    code = code_of(facts.get("code"))
    # Its first word may be a code, and decide whether anything is charged: a list of words says nothing.
    message = (words_of(text) if isinstance(text, str) else None) or "The gateway gave no message"
    cls = _class_of(code, message, midjourney="description" in facts, status=status)
    properties = facts.get("properties")
    banned = words_of(properties.get("bannedWord"), 100) if isinstance(properties, Mapping) else None
    if cls is ContentRejectedError and banned:
        message = f"{message.rstrip('.')} (banned word: {banned})"
    param = facts.get("param")
    error = cls(
        message,
        gateway=gateway,
        code=code,
        http_status=status,
        param="model"
        if NOT_IN_GROUPS in message
        else words_of(param, 100)
        if isinstance(param, str)
        else None,
    )
    if NOT_IN_GROUPS in message:
        error.next_step = "Give the key a token group that has the model, or use another model."
    return error


def _word_class(code: str | None, message: str) -> type[OruxError] | None:
    """What a code in words means; the Midjourney shape has it at the beginning of its message."""
    for word in ((code or "").lower(), _first_word(message)):
        if word in ASKED_UPSTREAM:
            return GatewayUnavailableError
        if word in WORDS:
            return WORDS[word]
    return None


def _class_of(code: str | None, message: str, *, midjourney: bool, status: int) -> type[OruxError]:
    if (known := _word_class(code, message)) is not None:
        return known
    if NOT_IN_GROUPS in message:
        return InvalidRequestError
    number = number_of(code)
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
