"""What a seed decides: how the task is set, and a die for what happens on the way."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.chaos.gateway_profiles import BATCH, FILES, GATEWAY_PROFILES, GatewayProfile

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
#: Where an execution can die or be held; see ``tests/crash/failpoints.py``.
ENDING = (
    "before_artifact_1",
    "after_artifact_1",
    "after_artifact_2",
    "before_manifest.json",
    "after_manifest.json",
    "before_finished",
    "after_finished",
    "before_delivered",
    "after_delivered",
)

#: Here Airflow has recorded the success: nobody gives such a worker up.
SUCCEEDED = ("before_delivered", "after_delivered")

#: Dead here, nobody can know whether the request was sent.
BLIND = ("after_intent", "before_post", "answer_arrived", "before_submitted")

#: Accidents that meet: either of a pair alone is harmless with a protocol that is weaker than ours, and
#: single dice would throw both at the same place too seldom.
CONSPIRACIES: tuple[Mapping[str, Any], ...] = (
    {"store_away": ("before_intent", 1), "die_at": "answer_arrived"},
    {"store_away": ("before_intent", 1), "die_at": "before_submitted"},
    {"store_away": ("before_intent", 2)},
    {"store_away": ("before_submitted", 30)},
    {"store_away": ("before_submitted", 2), "die_at": "after_submitted"},
    {"hold_at": "before_intent", "held_until_after": True},
    {"hold_at": "before_intent", "held_until_after": True},
    {"hold_at": "before_intent", "held_until_after": True, "cleared_while_held": True},
    {"hold_at": "before_post", "held_until_after": True},
    {"hold_at": "answer_arrived", "held_until_after": True},
)
#: And those that meet a record which is there.
HIDDEN: tuple[Mapping[str, Any], ...] = ({"hidden_reads": 1}, {"hidden_reads": 2}) * 4


@dataclass(frozen=True)
class Task:
    """How the paying task is set. Most schedules keep what the provider ships."""

    way: GatewayProfile
    deferrable: bool = True
    wait_for_completion: bool = True
    several: bool = False
    #: Another job of the account is polled beside it, in one request where the gateway takes that.
    batch: bool = False
    #: What the author set; None: nothing, and the operator's own retries are free.
    retries: int | None = None
    #: What the author said of paying retries; None: nothing.
    free_retries: bool | None = None
    on_clear: str = "auto"
    on_request_changed: str = "fail"
    on_ambiguous_submit: str = "fail"
    on_partial: str = "fail"

    @classmethod
    def of(cls, dice: random.Random, *, seed: int) -> Task:
        way = _way_of(seed)
        shipped = dice.random() < 0.6
        return cls(
            way=way,
            deferrable=dice.random() < 0.7,
            wait_for_completion=way.synchronous or dice.random() < 0.85,
            several=way.several is not None and dice.random() < 0.4,
            batch=way.name == "yescale.mj" and dice.random() < 0.5,
            retries=dice.choice((None, None, 0, 0, 1, 2, 3)),
            free_retries=None if dice.random() < 0.8 else dice.random() < 0.5,
            on_clear="auto" if shipped else dice.choice(("auto", "resubmit", "reattach")),
            on_request_changed="fail" if shipped else dice.choice(("fail", "resubmit", "reattach")),
            on_ambiguous_submit="fail" if shipped else dice.choice(("fail", "resubmit")),
        )

    @property
    def gateway(self) -> str:
        return self.way.gateway

    @property
    def synchronous(self) -> bool:
        return self.way.synchronous

    @property
    def paying_retries(self) -> bool:
        """Whether a retry may pay for a new job after one failed: what the author says, else that he set retries."""
        return self.retries is not None if self.free_retries is None else not self.free_retries


@dataclass
class Step:
    """What befalls one execution."""

    die_at: str | None = None
    #: The worker freezes here, is given up, and goes on while (or after) the next execution runs.
    hold_at: str | None = None
    held_until_after: bool = False
    cleared_while_held: bool = False
    #: (place, how many calls fail from there on)
    store_away: tuple[str, int] | None = None
    hidden_reads: int = 0
    request_changes: bool = False
    faults: tuple[dict[str, Any], ...] = ()
    #: It succeeds, and by then Airflow has taken it for failed (a late executor event).
    false_failure: bool = False
    #: runs | dies first | crashes | times out | cleared meanwhile | cleared, no triggerer
    trigger: str = "runs"

    @classmethod
    def of(cls, dice: random.Random, *, task: Task, resuming: bool, recorded: bool) -> Step:
        step = cls()
        way = task.way
        places = ("at_resume", *ENDING) if resuming else (*SUBMITTING, *SUBMITTING, *ENDING)
        chance = dice.random()
        if chance < 0.4:
            step.die_at = dice.choice(places)
        elif chance < 0.52:
            step.hold_at = dice.choice([p for p in places if p not in SUCCEEDED])
            step.held_until_after = dice.random() < 0.5
            step.cleared_while_held = dice.random() < 0.3
        if dice.random() < 0.12:
            step.store_away = (dice.choice(places), dice.choice((1, 2, 4, 30)))
        if dice.random() < 0.07:
            step.hidden_reads = dice.choice((1, 2, 3))
        if not resuming and dice.random() < (0.25 if recorded else 0.35):
            step = replace(cls(), **dice.choice(CONSPIRACIES + HIDDEN * recorded))
        step.request_changes = dice.random() < 0.06
        step.false_failure = resuming and dice.random() < 0.3
        faults: list[dict[str, Any]] = []
        if dice.random() < 0.3:
            faults.append(_order(way.submits, dice.choice(way.strikes_submissions), dice))
        elif dice.random() < 0.25:
            faults.append({"endpoint": way.submits, "times": 1, "then": dict(dice.choice(way.fates))})
        looks = recorded and not resuming
        if dice.random() < (0.4 if looks else 0.25) and way.strikes_polls:
            order = _order(way.polls, dice.choice(way.strikes_polls), dice)
            # The first question after a retry or a clear decides whether a job is taken up or paid again.
            faults.append({**order, "skip": 0} if looks else order)
        if dice.random() < 0.25:
            faults.append(_order("files", dice.choice(FILES), dice))
        if task.batch and dice.random() < 0.25:
            faults.append(_order("yescale.mj.list", dice.choice(BATCH), dice))
        step.faults = tuple(faults)
        if dice.random() < 0.3:
            step.trigger = dice.choice(
                ("dies first", "crashes", "times out", "cleared meanwhile", "cleared, no triggerer")
            )
        return step


def _way_of(seed: int) -> GatewayProfile:
    """Multiples of the golden ratio lie evenly, so that a few seeds in a row have all ways in about their shares."""
    place = seed * 0.618033988749895 % 1 * sum(way.share for way in GATEWAY_PROFILES.values())
    for way in GATEWAY_PROFILES.values():
        if place < way.share:
            break
        place -= way.share
    return way


def _order(endpoint: str, then: Mapping[str, Any], dice: random.Random) -> dict[str, Any]:
    return {
        "endpoint": endpoint,
        "times": dice.choice((1, 1, 2)),
        "skip": dice.choice((0, 0, 1)),
        "then": dict(then),
    }
