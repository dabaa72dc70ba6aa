"""Relay's errors: the codes of generation 2, else HTTP statuses (generation 1, undocumented)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_orux.gateways.answers import words_of
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
    UnsupportedByGatewayError,
)

NAME = "opengpu_relay"
#: ``https://cdn.relaygpu.com/content/{token}``.
_FILE_URL = re.compile(r"https?://[^\s/'\"]+/content/[\w.-]+", re.IGNORECASE)

#: Generation 2.
CODES: Mapping[str, type[OruxError]] = {
    "UPSTREAM_INVALID_REQUEST": InvalidRequestError,
    "VALIDATION_ERROR": InvalidRequestError,
    "INVALID_API_KEY": AuthenticationError,
    "KEY_REVOKED": AuthenticationError,
    "MISSING_CREDENTIALS": AuthenticationError,
    "INSUFFICIENT_CREDITS": InsufficientCreditsError,
    "KEY_BUDGET_EXHAUSTED": InsufficientCreditsError,
    "SCOPE_DENIED": AuthenticationError,
    "ACCOUNT_INACTIVE": AuthenticationError,
    "MODEL_NOT_AVAILABLE": UnsupportedByGatewayError,
    "MODEL_RETIRED": UnsupportedByGatewayError,
    "MODEL_NOT_FOUND": UnsupportedByGatewayError,
    "TIER_FEATURE_UNAVAILABLE": UnsupportedByGatewayError,
    "TASK_NOT_FOUND": JobNotFoundError,
    "IDEMPOTENCY_IN_PROGRESS": RateLimitedError,
    "IDEMPOTENCY_KEY_REUSED": InvalidRequestError,
    "INVALID_TOKEN": AuthenticationError,
    "CREDENTIAL_NOT_PERMITTED": AuthenticationError,
    "KEY_NOT_OWNED": AuthenticationError,
    "KEY_LIMIT_REACHED": UnsupportedByGatewayError,
    "ROUTING_MODEL_RESTRICTED": UnsupportedByGatewayError,
    "FILE_NOT_FOUND": InvalidRequestError,
    "FILE_TOO_LARGE": InvalidRequestError,
    "FILE_TYPE_UNSUPPORTED": InvalidRequestError,
    "WORKFLOW_NOT_FOUND": UnsupportedByGatewayError,
    "WORKFLOW_RUN_NOT_FOUND": JobNotFoundError,
    "WORKFLOW_RUN_NOT_CANCELLABLE": UnsupportedByGatewayError,
    "SUPERKEY_CONFLICT": AuthenticationError,
    # Until midnight UTC: its Retry-After is hours, which no call waits out.
    "FILE_QUOTA_EXCEEDED": RateLimitedError,
    "WORKFLOW_RUN_LIMIT_REACHED": RateLimitedError,
    "CONTENT_POLICY_DECLINED": ContentRejectedError,
    # The model answered with words: mostly a refusal in other clothes, or a prompt that asks for no image.
    "IMAGE_TEXT_RESPONSE": ContentRejectedError,
    "RATE_LIMITED": RateLimitedError,
    "INTERNAL_ERROR": GatewayUnavailableError,
    "UPSTREAM_ERROR": GatewayUnavailableError,
    "PROVIDER_UNAVAILABLE": GatewayUnavailableError,
    "IMAGE_NO_OUTPUT": GatewayUnavailableError,
    "CAPACITY_EXHAUSTED": GatewayUnavailableError,
    "UPSTREAM_TIMEOUT": GatewayUnavailableError,
    "PROVIDER_SCHEMA_MISMATCH": GatewayUnavailableError,
    "SERVICE_UNAVAILABLE": GatewayUnavailableError,
}

#: Where there is no code: ``code`` may be null, and generation 1's errors are not documented.
BY_STATUS: Mapping[int, type[OruxError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: AuthenticationError,
    404: UnsupportedByGatewayError,
    405: UnsupportedByGatewayError,
    409: RateLimitedError,
    410: UnsupportedByGatewayError,
    413: InvalidRequestError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitedError,
}

#: A job that failed for one of these fails again.
FINAL = (
    AuthenticationError,
    ContentRejectedError,
    InsufficientCreditsError,
    InvalidRequestError,
    UnsupportedByGatewayError,
)


def read_error(response: HttpResponse) -> OruxError | None:
    """``{"detail": …, "error": {"code", "type", "source", "message", "request_id"}}`` (generation 2).

    ``detail`` is a text or, for 422, a list of ``{type, loc, msg}``. A ``detail`` alone is read too.
    """
    try:
        value = response.json(gateway=NAME)
    except OruxError:
        return None
    if not isinstance(value, dict):
        return None
    error, detail = value.get("error"), value.get("detail")
    facts: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
    if not facts and detail is None and not isinstance(error, str):
        return None
    code = facts.get("code")
    code = words_of(code, 100) if isinstance(code, str) else None
    cls = CODES.get(code or "") or _class_of_status(response.status, code)
    message, param = _message(detail)
    message = message or words_of(facts) or words_of(error) or "The gateway gave no message"
    message = without_file_urls(message)
    request_id = words_of(facts.get("request_id") or response.headers.get("x-request-id"), 80)
    result = cls(
        message + (f" (request {request_id})" if request_id else ""),
        gateway=NAME,
        code=code,
        http_status=response.status,
        param=param,
        retry_after=response.retry_after,
    )
    if code == "TIER_FEATURE_UNAVAILABLE":
        result.next_step = (
            "The account's tier does not include this feature. If it was retention, set the "
            "connection's store_output to 'provider'."
        )
    elif cls is UnsupportedByGatewayError:
        result.next_step = "Use another model; GET /v2/models lists those of the key. " + (
            "Check the connection's generation as well." if code is None else ""
        )
    return result


def without_file_urls(text: str) -> str:
    """What the vendor says, without URLs of files that it keeps: whoever has one can fetch the file."""
    return _FILE_URL.sub("(the URL of a file)", text)


def fails_again(code: str | None, detail: Any) -> bool:
    """Whether a job that failed with this code would fail again.

    What was made may have been declined, and not what was asked for: then another try can succeed.

    :param detail: the task's ``error_detail``; ``filtered`` says which of the two it was.
    """
    if CODES.get(code or "") is ContentRejectedError:
        return not isinstance(detail, Mapping) or detail.get("filtered", "input") == "input"
    return issubclass(CODES.get(code or "", OruxError), FINAL)


def _class_of_status(status: int, code: str | None) -> type[OruxError]:
    if status >= 500:
        return GatewayUnavailableError
    if status == 409 and code is not None:
        return InvalidRequestError  # a conflict that is not about the first sending: no retry heals it
    return BY_STATUS.get(status, UnexpectedResponseError)


def _message(detail: Any) -> tuple[str, str | None]:
    """The words of ``detail`` and the field it is about."""
    if not isinstance(detail, list):
        return words_of(detail) or "", None
    parts: list[str] = []
    param: str | None = None
    for problem in detail[:20]:
        if not isinstance(problem, Mapping):
            continue
        where = problem.get("loc")
        names = [words_of(p, 60) or "" for p in where[:6] if p != "body"] if isinstance(where, list) else []
        param = param or (names[0] if names else None)
        said = words_of(problem.get("msg")) or ""
        parts.append(f"{'.'.join(names)}: {said}" if names else said)
    return "; ".join(parts)[:500], param
