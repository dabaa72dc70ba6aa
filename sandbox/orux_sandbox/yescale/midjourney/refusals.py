"""The two layers that refuse here, each in its own way [P][G].

The gateway: HTTP 400 and ``{"description", "type", "code"}``. The upstream behind it: HTTP 200 and a submit code
other than 1, 21 and 22.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orux_sandbox.engine.engine import Engine
from orux_sandbox.wire import Answer, Refusal

#: What the upstream says about a submission [P]. 1 and 22 accept it; 21 names a job that exists already.
DESCRIPTIONS = {
    1: "Submitted successfully",
    3: "Task not found",
    4: "Validation error",
    9: "Failure",
    21: "Task already exists",
    22: "In queue, there are 1 tasks ahead",
    23: "The queue is full, please try again later",
    24: "The prompt may contain a banned word",
}


@dataclass
class UpstreamRefusal(Exception):  # noqa: N818 an answer, not a defect
    """HTTP 200 with a code that accepts nothing."""

    code: int
    description: str
    properties: dict[str, Any]
    result: str | None = None


def gateway_refusal(description: str) -> Refusal:
    """The gateway's own refusal: HTTP 400 ``{"description", "type": "upstream_error", "code": 4}`` [G]."""
    return Refusal("invalid", description)


def refused(refusal: Refusal, status: int, engine: Engine) -> Answer:
    """A refusal in the gateway layer's shape."""
    description = refusal.message
    if refusal.reason == "balance":
        status, description = engine.settings.yescale_mj_quota_status, "quota_not_enough"
    if refusal.reason == "failed":
        status = 400
    return Answer.of_json(status, {"description": description, "type": "upstream_error", "code": 4})
