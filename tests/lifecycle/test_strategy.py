"""How a gateway is asked: one, many, or held; and the breaker that all polls of a connection share."""

from __future__ import annotations

import pytest

from airflow_provider_orux.lifecycle.circuit import LONGEST_PROBE_PAUSE, LONGEST_RETRY_AFTER, Circuit
from airflow_provider_orux.lifecycle.strategy import AHEAD, Ask, Offer, ask_for, can_hold, pause_after_hold

ORUX = Offer(slots=1)
YESCALE = Offer(slots=1, batch_size=50)
RELAY = Offer(slots=8, long_poll_seconds=30.0)


# -- the way to ask -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("offer", "facts", "expected"),
    [
        (ORUX, {"waiting": 1}, Ask()),
        (ORUX, {"waiting": 5000, "batchable": True}, Ask()),
        (YESCALE, {"waiting": 1, "batchable": True}, Ask()),
        (YESCALE, {"waiting": 2, "batchable": True}, Ask("many", at_most=50, ahead=AHEAD)),
        (YESCALE, {"waiting": 2, "batchable": False}, Ask()),
        (YESCALE, {"waiting": 2, "batchable": True, "fixed": True}, Ask("many", at_most=50, ahead=AHEAD)),
        (RELAY, {"waiting": 1}, Ask("hold", wait=30.0)),
        (RELAY, {"waiting": 8}, Ask("hold", wait=30.0)),
        (RELAY, {"waiting": 9}, Ask()),
        (RELAY, {"waiting": 1, "fixed": True}, Ask()),
        (RELAY, {"waiting": 1, "left": 12.0}, Ask("hold", wait=12.0)),
        (RELAY, {"waiting": 1, "left": 0.5}, Ask()),
        (RELAY, {"waiting": 1, "left": -3.0}, Ask()),
    ],
)
def test_the_way_to_ask(offer, facts, expected):
    assert ask_for(offer, **facts) == expected


def test_a_request_is_held_only_while_there_is_a_slot_for_every_job():
    assert [can_hold(RELAY, waiting=n) for n in (1, 8, 9)] == [True, True, False]
    assert not can_hold(ORUX, waiting=1)


def test_a_gateway_that_does_not_hold_is_not_asked_all_the_time():
    assert pause_after_hold(4.8, held=29.9, asked=30.0) == 0.0
    assert pause_after_hold(4.8, held=0.05, asked=30.0) == 4.8


# -- the breaker --------------------------------------------------------------------------------------------
def failing(circuit: Circuit, now: float, **facts: object) -> str | None:
    circuit.started(now)
    return circuit.failed(now, began=now, pause=2.0, **facts)  # type: ignore[arg-type]


def opened(slots: int = 8) -> Circuit:
    circuit = Circuit(slots)
    assert [failing(circuit, 100.0) for _ in range(3)] == [None, None, "opened"]
    return circuit


def test_one_blip_changes_nothing():
    circuit = Circuit(8)
    for now in range(100):
        assert failing(circuit, now) is None
        assert circuit.worked(began=now) is None
    assert not circuit.is_open
    assert circuit.ready_at(7) == 0.0


def test_slots_bound_what_is_under_way():
    circuit = Circuit(2)
    assert circuit.ready_at(1) == 0.0
    assert circuit.ready_at(2) is None


def test_while_open_one_probe_at_a_time_goes_out_ever_less_often():
    circuit, now, pauses = opened(), 100.0, []
    for _ in range(8):
        ready = circuit.ready_at(0)
        assert ready is not None
        pauses.append(ready - now)
        now = ready
        circuit.started(now)
        assert circuit.ready_at(0) is None, "a second probe beside the first"
        assert circuit.failed(now, began=now, pause=2.0) is None
    assert pauses[0] <= 2.0
    assert pauses[3] > 2 * pauses[0]
    assert max(pauses) <= LONGEST_PROBE_PAUSE
    assert min(pauses[-3:]) >= 0.8 * LONGEST_PROBE_PAUSE


def test_it_recovers_by_itself_and_starts_slowly():
    circuit = opened(slots=64)
    now = circuit.ready_at(0)
    assert now is not None
    circuit.started(now)
    assert circuit.worked(began=now) == "closed"
    windows = []
    for _ in range(7):
        windows.append(circuit.window)
        assert circuit.worked(began=now) is None
    assert windows == [2, 4, 8, 16, 32, 64, 64]


def test_an_answer_from_before_the_failures_proves_nothing():
    circuit = opened()
    assert circuit.worked(began=99.0) is None
    assert circuit.is_open


def test_failures_of_polls_from_before_the_opening_are_not_counted_again():
    circuit = opened()
    until = circuit.closed_until
    for _ in range(60):
        assert circuit.failed(101.0, began=99.5, pause=2.0) is None
    assert circuit.closed_until == until
    assert circuit.probes == 0


def test_retry_after_holds_for_all_polls_at_once():
    circuit = Circuit(8)
    assert failing(circuit, 10.0, retry_after=30.0, too_many=True) == "opened"
    assert circuit.ready_at(0) == pytest.approx(40.0)
    # One that was under way asks for longer.
    circuit.failed(11.0, began=9.0, pause=2.0, retry_after=60.0, too_many=True)
    assert circuit.ready_at(0) == pytest.approx(71.0)


def test_an_absurd_retry_after_is_bounded():
    circuit = Circuit(8)
    failing(circuit, 10.0, retry_after=1e9, too_many=True)
    assert circuit.closed_until == 10.0 + LONGEST_RETRY_AFTER


def test_too_many_requests_halves_the_rate_and_answers_bring_it_back():
    circuit = Circuit(8)
    for i in range(101):
        circuit.started(i * 0.05)
        circuit.worked(began=i * 0.05)
    assert circuit.gap == 0.0
    failing(circuit, 5.05, too_many=True)
    rate = 1 / circuit.gap
    assert 8 < rate < 12, "20 a second were asked"
    now = circuit.closed_until
    circuit.started(now)
    assert circuit.worked(began=now) == "closed"
    circuit.started(now)
    ready = circuit.ready_at(1)
    assert ready is not None
    assert ready >= now + 0.9 * circuit.gap
    for _ in range(300):
        circuit.worked(began=now)
    assert circuit.gap == 0.0


def test_a_long_storm_of_429_does_not_leave_a_crawl_behind():
    circuit = Circuit(8)
    for i in range(101):
        circuit.started(i * 0.01)
        circuit.worked(began=i * 0.01)
    now = 1.01
    failing(circuit, now, too_many=True)
    gap = circuit.gap
    for _ in range(10):
        now = circuit.closed_until
        failing(circuit, now, too_many=True)
    assert circuit.gap == gap


def test_a_probe_that_was_given_up_makes_room_for_the_next():
    circuit = opened()
    now = circuit.ready_at(0)
    assert now is not None
    circuit.started(now)
    circuit.lost(began=now)
    assert circuit.ready_at(0) == now
