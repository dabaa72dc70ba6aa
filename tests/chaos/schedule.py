"""What a seed decides: how the task is set, and a die for what happens on the way."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

SUBMITTING = (
    "at_execute",
    "before_intent",
    "after_intent",
    "before_post",
    "answer_arrived",
    "before_submitted",
    "after_submitted",
    "before_defer",
)
ENDING = (
    "before_artifact_1",
    "after_artifact_1",
    "after_artifact_2",
    "before_manifest.json",
    "after_manifest.json",
    "before_finished",
    "after_finished",
)
"""Where an execution can die or be held; see ``tests/crash/points.py``."""

BLIND = ("after_intent", "before_post", "answer_arrived", "before_submitted")
"""Dead here, nobody can know whether the request was sent."""

SUBMIT_FAULTS: tuple[dict[str, Any], ...] = (
    {"cut": "before"},
    {"cut": "after"},
    {"cut": "after", "reset": True},
    {"cut": "mid_body"},
    {"status": 429, "code": "concurrency_exceeded"},
    {"status": 429, "code": "rate_limited", "headers": {"Retry-After": "0"}},
    {"status": 402, "code": "insufficient_balance"},
    {"status": 400, "code": "invalid_param", "param": "prompt"},
    {"status": 401, "code": "invalid_api_key"},
    {"status": 500, "code": "internal_error"},
    {"status": 502, "after_accepting": True},
    {"status": 503, "after_accepting": True},
    {"malformed": "html"},
    {"malformed": "not_json"},
    {"malformed": "other_shape"},
    {"malformed": "empty"},
    {"delay": 1.2, "when": "before"},
    {"delay": 1.2, "when": "after"},
)
RELAY_SUBMIT_FAULTS: tuple[dict[str, Any], ...] = (
    {"cut": "before"},
    {"cut": "after"},
    {"cut": "after"},
    {"cut": "mid_body"},
    {"status": 429},
    {"status": 500},
    {"status": 502, "after_accepting": True},
    {"malformed": "not_json"},
    {"malformed": "empty"},
    {"delay": 1.2, "when": "before"},
    {"delay": 1.2, "when": "after"},
)
"""OpenGPU Relay remembers a submission by its idempotency key: a lost answer is asked for again."""
RELAY_POLL_FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 500},
    {"malformed": "html"},
    {"cut": "before"},
    {"delay": 1.2, "when": "after"},
)
FATES: tuple[dict[str, Any], ...] = (
    {"job": "fail", "error_code": "upstream_error"},
    {"job": "fail", "error_code": "content_policy_violation"},
    {"job": "expire"},
    {"job": "never_finish"},
    {"job": "fewer", "count": 1},
)
POLL_FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 500},
    {"status": 503},
    {"status": 429, "code": "rate_limited"},
    {"status": 401, "code": "invalid_api_key"},
    {"status": 404, "code": "task_not_found"},
    {"malformed": "html"},
    {"malformed": "truncated_json"},
    {"cut": "before"},
    {"cut": "mid_body"},
    {"delay": 1.2, "when": "after"},
    {"merge": {"status": None}},
)
FILE_FAULTS: tuple[dict[str, Any], ...] = (
    {"truncate": True},
    {"truncate": "quietly"},
    {"content": "html"},
    {"content": "empty"},
    {"status": 404},
    {"status": 500},
    {"cut": "mid_body"},
)


@dataclass(frozen=True)
class Task:
    """How the paying task is set. Most schedules keep what the provider ships."""

    deferrable: bool
    wait_for_completion: bool
    synchronous: bool
    four: bool
    retries: int
    on_clear: str
    on_request_changed: str
    on_ambiguous_submit: str
    on_partial: str
    gateway: str = "orux"

    @classmethod
    def of(cls, dice: random.Random) -> Task:
        gateway = "opengpu_relay" if dice.random() < 0.2 else "orux"
        synchronous = dice.random() < 0.2 and gateway == "orux"
        shipped = dice.random() < 0.6
        return cls(
            deferrable=dice.random() < 0.7,
            wait_for_completion=synchronous or dice.random() < 0.85,
            synchronous=synchronous,
            four=dice.random() < 0.4 and gateway == "orux",
            retries=dice.choice((0, 1, 2, 3)),
            on_clear="auto" if shipped else dice.choice(("auto", "resubmit", "reattach")),
            on_request_changed="fail" if shipped else dice.choice(("fail", "resubmit", "reattach")),
            on_ambiguous_submit="fail" if shipped else dice.choice(("fail", "resubmit")),
            on_partial="fail",
            gateway=gateway,
        )


@dataclass
class Step:
    """What befalls one execution."""

    die_at: str | None = None
    hold_at: str | None = None
    """The worker freezes here, is given up, and goes on while (or after) the next execution runs."""
    held_until_after: bool = False
    cleared_while_held: bool = False
    store_away: tuple[str, int] | None = None
    """(place, how many calls fail from there on)"""
    hidden_reads: int = 0
    request_changes: bool = False
    faults: tuple[dict[str, Any], ...] = ()
    trigger: str = "runs"
    """runs | dies first | crashes | times out | cleared meanwhile | cleared, no triggerer"""

    @classmethod
    def of(cls, dice: random.Random, *, resuming: bool, relay: bool) -> Step:
        step = cls()
        submit_faults = RELAY_SUBMIT_FAULTS if relay else SUBMIT_FAULTS
        places = ("at_resume", *ENDING) if resuming else (*SUBMITTING, *SUBMITTING, *ENDING)
        chance = dice.random()
        if chance < 0.4:
            step.die_at = dice.choice(places)
        elif chance < 0.52:
            step.hold_at = dice.choice(places)
            step.held_until_after = dice.random() < 0.5
            step.cleared_while_held = dice.random() < 0.3
        if dice.random() < 0.12:
            step.store_away = (dice.choice(places), dice.choice((1, 2, 4, 30)))
        if dice.random() < 0.07:
            step.hidden_reads = dice.choice((1, 2, 3))
        step.request_changes = dice.random() < 0.06
        faults: list[dict[str, Any]] = []
        if dice.random() < 0.3:
            faults.append(_order("submit", dice.choice(submit_faults), dice))
        elif not relay and dice.random() < 0.2:
            faults.append({"endpoint": "submit", "times": 1, "then": dice.choice(FATES)})
        if dice.random() < 0.25:
            faults.append(_order("poll", dice.choice(RELAY_POLL_FAULTS if relay else POLL_FAULTS), dice))
        if dice.random() < 0.25:
            faults.append(_order("files", dice.choice(FILE_FAULTS), dice))
        step.faults = tuple(faults)
        if dice.random() < 0.3:
            step.trigger = dice.choice(
                ("dies first", "crashes", "times out", "cleared meanwhile", "cleared, no triggerer")
            )
        return step


def _order(endpoint: str, then: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    return {
        "endpoint": endpoint,
        "times": dice.choice((1, 1, 2)),
        "skip": dice.choice((0, 0, 1)),
        "then": then,
    }
