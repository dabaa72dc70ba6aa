"""Idempotency keys of Relay [2], and its 422: what every submission shares."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from orux_sandbox.bodies.fields import Problem
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.records import Job
from orux_sandbox.wire import Refusal

#: How long an idempotency key is remembered [2].
_KEY_LIFE = 86_400.0


def unprocessable(found: list[Problem]) -> Refusal:
    """``detail`` is ``[{type,loc,msg}]`` for 422 [2]."""
    detail = [
        {"type": one.type, "loc": ["body", one.field] if one.field else ["body"], "msg": one.message}
        for one in found
    ]
    return Refusal("invalid", "; ".join(one.message for one in found), detail=detail)


def replay_key(context: RequestContext, sent: Mapping[str, Any]) -> tuple[str, str] | None:
    """The caller's idempotency key and a digest of its body, if it sent one.

    :raises Refusal: it is too long.
    """
    key = context.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= 255:
        raise unprocessable(
            [Problem(field="", type="value_error", message="Idempotency-Key has 1 to 255 characters")]
        )
    body = json.dumps([context.endpoint.name, sent], sort_keys=True, ensure_ascii=False)
    return key, hashlib.sha256(body.encode()).hexdigest()


def replayed(engine: Engine, context: RequestContext, key: str, body: str) -> Job | None:
    """The job that this key has made already, if it has.

    :raises Refusal: the key was used for another body, or its first request is not answered yet.
    """
    busy: dict[tuple[str, str], str] = engine.memory.setdefault("relay.keys_in_use", {})
    used = engine.store.replay(context.user.id, key, engine.clock.now() - _KEY_LIFE)
    before = used.body if used is not None else busy.get((context.user.id, key))
    if before is not None and before != body:
        raise Refusal("key_reused", "This Idempotency-Key was used with another request body.")
    if (context.user.id, key) in busy:
        raise Refusal("key_in_progress", "The first request with this Idempotency-Key is still in progress.")
    if used is not None:
        return engine.store.job(used.job_id)
    account = context.user.id
    busy[account, key] = body

    def answered() -> None:
        busy.pop((account, key), None)

    context.afterwards.append(answered)
    return None
