"""Relay's errors: the codes of generation 2, else HTTP statuses (generation 1, undocumented)."""

from __future__ import annotations

from collections.abc import Mapping
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
    UnsupportedByGatewayError,
    redact,
)

NAME = "opengpu_relay"

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
}

#: Where there is no code: ``code`` may be null, and generation 1's errors are not documented.
BY_STATUS: Mapping[int, type[OruxError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: AuthenticationError,
    404: UnsupportedByGatewayError,
    409: RateLimitedError,
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
    code = facts.get("code") if isinstance(facts.get("code"), str) else None
    cls = CODES.get(code or "") or _class_of_status(response.status)
    message, param = _message(detail)
    message = message or str(facts.get("message") or (error if isinstance(error, str) else ""))
    request_id = facts.get("request_id") or response.headers.get("x-request-id")
    result = cls(
        redact(message or "The gateway gave no message")[:500]
        + (f" (request {redact(str(request_id))[:80]})" if request_id else ""),
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


def fails_again(code: Any) -> bool:
    """Whether a job that failed with this code would fail again."""
    return issubclass(CODES.get(str(code), OruxError), FINAL)


def _class_of_status(status: int) -> type[OruxError]:
    if status >= 500:
        return GatewayUnavailableError
    return BY_STATUS.get(status, UnexpectedResponseError)


def _message(detail: Any) -> tuple[str, str | None]:
    """The words of ``detail`` and the field it is about."""
    if isinstance(detail, str):
        return detail, None
    parts: list[str] = []
    param: str | None = None
    for problem in detail if isinstance(detail, list) else ():
        if not isinstance(problem, Mapping):
            continue
        where = problem.get("loc")
        names = [str(p) for p in where if p != "body"] if isinstance(where, (list, tuple)) else []
        param = param or (names[0] if names else None)
        parts.append(f"{'.'.join(names)}: {problem.get('msg')}" if names else str(problem.get("msg")))
    return "; ".join(parts), param
