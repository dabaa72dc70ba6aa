"""The breaker that all polls of a connection share, in time the test turns."""

from __future__ import annotations

import pytest

from airflow_provider_orux.lifecycle.breaker import LONGEST_PROBE_PAUSE, LONGEST_RETRY_AFTER, CircuitBreaker


def failing(breaker: CircuitBreaker, now: float, *, job: str | None = None, **facts: object) -> str | None:
    """A poll fails; of another job each time, unless the test names it."""
    breaker.started(now)
    jobs = [f"{job or len(breaker.failed_jobs)}"]
    return breaker.failed(now, began=now, job_ids=jobs, base_pause=2.0, **facts)  # type: ignore[arg-type]


def opened(slots: int = 8) -> CircuitBreaker:
    breaker = CircuitBreaker(slots)
    assert [failing(breaker, 100.0) for _ in range(3)] == [None, None, "opened"]
    return breaker


def test_one_blip_changes_nothing():
    breaker = CircuitBreaker(8)
    for now in range(100):
        assert failing(breaker, now) is None
        assert breaker.answered(began=now) is None
    assert breaker.is_closed
    assert breaker.ready_at(7) == 0.0


def test_slots_bound_what_is_under_way():
    breaker = CircuitBreaker(2)
    assert breaker.ready_at(1) == 0.0
    assert breaker.ready_at(2) is None


def test_while_open_one_probe_at_a_time_goes_out_ever_less_often():
    breaker, now, pauses = opened(), 100.0, []
    for _ in range(8):
        ready = breaker.ready_at(0)
        assert ready is not None
        pauses.append(ready - now)
        now = ready
        breaker.started(now)
        assert breaker.ready_at(0) is None, "a second probe beside the first"
        assert breaker.failed(now, began=now, job_ids=["a"], base_pause=2.0) is None
    assert pauses[0] <= 2.0
    assert pauses[3] > 2 * pauses[0]
    assert max(pauses) <= LONGEST_PROBE_PAUSE
    assert min(pauses[-3:]) >= 0.8 * LONGEST_PROBE_PAUSE


def test_it_recovers_by_itself_and_starts_slowly():
    breaker = opened(slots=64)
    now = breaker.ready_at(0)
    assert now is not None
    breaker.started(now)
    assert breaker.answered(began=now) == "closed"
    windows = []
    for _ in range(7):
        windows.append(breaker.window)
        assert breaker.answered(began=now) is None
    assert windows == [2, 4, 8, 16, 32, 64, 64]


def test_an_answer_from_before_the_failures_proves_nothing():
    breaker = opened()
    assert breaker.answered(began=99.0) is None
    assert breaker.state == "open"


def test_failures_of_polls_from_before_the_opening_are_not_counted_again():
    breaker = opened()
    until = breaker.next_probe_at
    for _ in range(60):
        assert breaker.failed(101.0, began=99.5, job_ids=["a"], base_pause=2.0) is None
    assert breaker.next_probe_at == until
    assert breaker.probes == 0


def test_retry_after_holds_for_all_polls_at_once():
    breaker = CircuitBreaker(8)
    assert failing(breaker, 10.0, retry_after=30.0, too_many=True) == "opened"
    assert breaker.ready_at(0) == pytest.approx(40.0)
    # One that was under way asks for longer.
    breaker.failed(11.0, began=9.0, job_ids=["a"], base_pause=2.0, retry_after=60.0, too_many=True)
    assert breaker.ready_at(0) == pytest.approx(71.0)


def test_the_failures_of_one_job_are_no_evidence_about_the_gateway():
    breaker = CircuitBreaker(8)
    for now in range(20):
        assert failing(breaker, now, job="a", retry_after=600.0 if now % 2 else None) is None
    assert breaker.ready_at(0) == 0.0
    assert failing(breaker, 20.0, job="b") == "opened", "two jobs, and three failures in a row"
    assert breaker.ready_at(0) <= 22.0


def test_the_failures_of_the_only_job_open_it_and_its_retry_after_is_its_own():
    breaker = CircuitBreaker(8)
    assert [failing(breaker, 1.0, job="a", alone=True) for _ in range(3)] == [None, None, "opened"]
    breaker = CircuitBreaker(8)
    assert [failing(breaker, 1.0, job="a", alone=True, retry_after=600.0) for _ in range(5)] == [None] * 5


def test_a_retry_after_that_two_jobs_got_holds_for_all():
    breaker = CircuitBreaker(8)
    assert failing(breaker, 10.0, job="a", retry_after=30.0) is None
    assert failing(breaker, 11.0, job="b", retry_after=20.0) == "opened"
    assert breaker.ready_at(0) == pytest.approx(31.0)
    breaker.started(31.0)
    breaker.answered(began=31.0)
    assert failing(breaker, 32.0, job="c", retry_after=20.0) is None, (
        "an answer in between clears the gateway"
    )


def test_the_retry_after_of_one_probe_does_not_hold_for_all():
    breaker = opened()
    now = breaker.ready_at(0)
    assert now is not None
    assert failing(breaker, now, job="a", retry_after=600.0) is None
    assert breaker.ready_at(0) <= now + LONGEST_PROBE_PAUSE


def test_an_absurd_retry_after_is_bounded():
    breaker = CircuitBreaker(8)
    failing(breaker, 10.0, retry_after=1e9, too_many=True)
    assert breaker.next_probe_at == 10.0 + LONGEST_RETRY_AFTER


def test_too_many_requests_halves_the_rate_and_answers_bring_it_back():
    breaker = CircuitBreaker(8)
    for i in range(101):
        breaker.started(i * 0.05)
        breaker.answered(began=i * 0.05)
    assert breaker.gap == 0.0
    failing(breaker, 5.05, too_many=True)
    rate = 1 / breaker.gap
    assert 8 < rate < 12, "20 a second were asked"
    now = breaker.next_probe_at
    breaker.started(now)
    assert breaker.answered(began=now) == "closed"
    breaker.started(now)
    ready = breaker.ready_at(1)
    assert ready is not None
    assert ready >= now + 0.9 * breaker.gap
    for _ in range(300):
        breaker.answered(began=now)
    assert breaker.gap == 0.0


def test_a_long_storm_of_429_does_not_leave_a_crawl_behind():
    breaker = CircuitBreaker(8)
    for i in range(101):
        breaker.started(i * 0.01)
        breaker.answered(began=i * 0.01)
    now = 1.01
    failing(breaker, now, too_many=True)
    gap = breaker.gap
    for _ in range(10):
        now = breaker.next_probe_at
        failing(breaker, now, too_many=True)
    assert breaker.gap == gap


def test_a_probe_that_was_given_up_makes_room_for_the_next():
    breaker = opened()
    now = breaker.ready_at(0)
    assert now is not None
    breaker.started(now)
    breaker.abandoned(began=now)
    assert breaker.ready_at(0) == now


def test_the_states_of_a_breaker():
    breaker = opened()
    assert (breaker.state, breaker.is_closed) == ("open", False)
    now = breaker.next_probe_at
    breaker.started(now)
    assert (breaker.state, breaker.ready_at(0)) == ("half_open", None)
    breaker.failed(now, began=now, job_ids=["a"], base_pause=2.0)
    assert (breaker.state, breaker.ready_at(0)) == ("open", breaker.next_probe_at)
    breaker.started(breaker.next_probe_at)
    assert breaker.answered(began=breaker.next_probe_at) == "closed"
    assert (breaker.state, breaker.is_closed) == ("closed", True)


def test_a_poll_from_before_the_opening_does_not_end_the_probe():
    breaker = opened()
    breaker.started(breaker.next_probe_at)
    breaker.abandoned(began=99.0)
    assert breaker.state == "half_open"
    assert breaker.failed(110.0, began=99.0, job_ids=["a"], base_pause=2.0) is None
    assert breaker.state == "half_open"
