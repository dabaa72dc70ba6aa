"""How the jobs that are due are polled: singly, in a batch, or by a long poll."""

from __future__ import annotations

import pytest

from airflow_provider_orux.lifecycle.plan import (
    LOOKAHEAD,
    PollLimits,
    PollPlan,
)

ORUX = PollLimits(slots=1)
YESCALE = PollLimits(slots=1, batch_size=50)
RELAY = PollLimits(slots=8, long_poll_seconds=30.0)


@pytest.mark.parametrize(
    ("limits", "facts", "expected"),
    [
        (ORUX, {"waiting": 1}, PollPlan()),
        (ORUX, {"waiting": 5000, "batchable": True}, PollPlan()),
        (YESCALE, {"waiting": 1, "batchable": True}, PollPlan()),
        (YESCALE, {"waiting": 2, "batchable": True}, PollPlan("batch", max_jobs=50, lookahead=LOOKAHEAD)),
        (YESCALE, {"waiting": 2, "batchable": False}, PollPlan()),
        (
            YESCALE,
            {"waiting": 2, "batchable": True, "fixed": True},
            PollPlan("batch", max_jobs=50, lookahead=LOOKAHEAD),
        ),
        (RELAY, {"waiting": 1}, PollPlan("long_poll", wait=30.0)),
        (RELAY, {"waiting": 8}, PollPlan("long_poll", wait=30.0)),
        (RELAY, {"waiting": 9}, PollPlan()),
        (RELAY, {"waiting": 1, "fixed": True}, PollPlan()),
        (RELAY, {"waiting": 1, "left": 12.0}, PollPlan("long_poll", wait=12.0)),
        (RELAY, {"waiting": 1, "left": 0.5}, PollPlan()),
        (RELAY, {"waiting": 1, "left": -3.0}, PollPlan()),
    ],
)
def test_the_plan_of_a_poll(limits, facts, expected):
    assert limits.plan(**facts) == expected


def test_a_request_is_held_only_while_there_is_a_slot_for_every_job():
    assert [RELAY.can_long_poll(waiting=n) for n in (1, 8, 9)] == [True, True, False]
    assert not ORUX.can_long_poll(waiting=1)


def test_a_gateway_that_does_not_hold_is_not_asked_all_the_time():
    assert PollPlan("long_poll", wait=30.0).pause_after(4.8, held=29.9) == 0.0
    assert PollPlan("long_poll", wait=30.0).pause_after(4.8, held=0.05) == 4.8
