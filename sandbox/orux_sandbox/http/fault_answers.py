"""What a request gets that a fault hits: an answer instead of the real one, or the real one altered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orux_sandbox.engine.context import RequestContext
from orux_sandbox.gateway import Gateway
from orux_sandbox.http import malformed, on_the_way, rewritten
from orux_sandbox.wire import Answer, Then


def early_answer(then: Then, context: RequestContext, gateway: Gateway) -> Answer | None:
    """The answer of a fault that hits before anything is accepted; None if the request goes through first."""
    if then.after_accepting:
        return None
    if then.malformed is not None:
        return malformed.body(then, None) if context.endpoint.submits else None
    instead = _instead(then, context, gateway)
    return rewritten.naming_a_job(instead, None) if then.names_job and instead is not None else instead


def altered(then: Then, real: Answer, context: RequestContext, gateway: Gateway) -> Answer:
    """The real answer, as the fault has it."""
    if then.malformed is not None:
        return malformed.body(then, real)
    instead = _instead(then, context, gateway)
    if instead is not None:
        return rewritten.naming_a_job(instead, real) if then.names_job else instead
    if then.rewrite is not None:
        return rewritten.answer(then, real)
    if then.content is not None:
        return malformed.file(then, real)
    if then.packed is not None:
        return on_the_way.packed(then, real)
    if then.truncate == "quietly":
        return Answer(real.status, real.headers, real.body[: len(real.body) // 2])
    if then.merge is not None:
        value = json.loads(real.body)
        if isinstance(value, dict):
            value = {name: item for name, item in {**value, **then.merge}.items() if item is not None}
        return Answer.of_json(real.status, value)
    return real


def _instead(then: Then, context: RequestContext, gateway: Gateway) -> Answer | None:
    if then.status is not None:
        return gateway.ordered_error(then, context)
    if then.answer is not None:
        return _written(then.answer)
    if then.redirect is not None:
        return Answer(302, {"location": then.redirect, "content-type": "text/plain"}, b"")
    return None


def _written(answer: Mapping[str, Any]) -> Answer:
    """An answer as somebody wrote it."""
    status = int(answer.get("status", 200))
    headers = {str(name).lower(): str(value) for name, value in (answer.get("headers") or {}).items()}
    body = answer.get("body", "")
    if isinstance(body, str):
        return Answer(status, {"content-type": "text/plain", **headers}, body.encode())
    return Answer.of_json(status, body, headers)
