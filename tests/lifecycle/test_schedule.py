"""The schedule: when a job is asked for, what is learned from the jobs that ended, and what that may cost."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from airflow_provider_orux.lifecycle.durations import ENOUGH, DurationBook, Durations
from airflow_provider_orux.lifecycle.schedule import LEAP, PollSchedule


def ages(schedule: PollSchedule, duration: float) -> list[float]:
    """The ages at which a job of that duration is asked for; the last one finds it ended."""
    found, age = [], 0.0
    while age < duration:
        age += schedule.pause(age=age, polls=len(found))
        found.append(age)
    return found


def learned(values: list[float]) -> Durations:
    durations = Durations()
    for value in values:
        durations.saw(after=0.0, before=value + 1, exact=value)
    return durations


def test_an_interval_of_the_author_is_every_pause():
    schedule = PollSchedule(fixed=7.5, durations=learned([100.0] * 50), sure=True)
    assert [schedule.pause(age=a, polls=p) for a, p in ((0, 0), (3, 1), (900, 80))] == [7.5, 7.5, 7.5]


@pytest.mark.parametrize("duration", [1.0, 20.0, 45.0, 95.0, 300.0, 3600.0])
def test_without_knowledge_the_lag_is_bounded_by_5_s_or_a_share_of_the_age(duration):
    schedule = PollSchedule()
    for _ in range(50):
        lag = ages(schedule, duration)[-1] - duration
        assert lag <= max(5.26, 0.0526 * duration)
        assert lag <= 31.5


def test_long_jobs_are_asked_for_less_often_than_every_5_s():
    assert len(ages(PollSchedule(), 1800.0)) < 1800 / 5 / 2


def test_jobs_submitted_together_are_not_polled_together():
    firsts = [PollSchedule().pause(age=0.0, polls=0) for _ in range(100)]
    assert max(firsts) - min(firsts) > 0.2


def test_the_first_poll_waits_until_the_first_of_its_kind_can_be_done():
    durations = learned([random.Random(1).uniform(40, 60) for _ in range(200)])
    for _ in range(50):
        first = PollSchedule(durations=durations, sure=True).pause(age=0.0, polls=0)
        assert 35 < first < 45


def test_quick_jobs_are_asked_for_sooner_than_unknown_ones():
    first = PollSchedule(durations=learned([1.5] * 50), sure=True).pause(age=0.0, polls=0)
    assert first < 2.0


def test_too_few_jobs_teach_nothing():
    few = PollSchedule(durations=learned([100.0] * (ENOUGH - 1)), sure=True)
    assert few.pause(age=0.0, polls=0) < 6


def test_where_the_kind_is_not_sure_no_job_is_left_alone_for_long():
    """One upscale of 6 s among jobs of 300 s."""
    durations = learned([300.0] * 200)
    schedule = PollSchedule(durations=durations)
    lag = max(ages(schedule, 6.0)[-1] - 6.0 for _ in range(50))
    assert lag < (1 + LEAP) * 5
    polled = ages(schedule, 300.0)
    assert all(later <= (1 + LEAP) * 1.06 * earlier for earlier, later in pairwise(polled))


def test_two_kinds_in_one_history_are_told_apart_by_the_age():
    """After the upscales are done there is nothing to ask for until the first image can be there."""
    durations = learned([6.0] * 60 + [60.0] * 140)
    assert durations.earliest_end(0.0) == 6.0
    assert durations.earliest_end(6.5) == 60.0
    assert len(ages(PollSchedule(durations=durations, sure=True), 60.0)) <= 4


def test_learning_halves_the_requests_and_keeps_the_lag():
    """What the defaults were chosen by; the benchmark has more distributions."""
    chance = random.Random(7)
    jobs = [chance.lognormvariate(0, 0.25) * 90 for _ in range(800)]
    durations = learned(jobs[:300])
    schedule = PollSchedule(durations=durations, sure=True)
    runs = [(len(p), p[-1] - d) for d in jobs[300:] for p in [ages(schedule, d)]]
    fixed = [(len(p), p[-1] - d) for d in jobs[300:] for p in [ages(PollSchedule(fixed=5.0), d)]]
    assert sum(r[0] for r in runs) < 0.55 * sum(r[0] for r in fixed)
    lags = sorted(r[1] for r in runs)
    assert lags[int(0.95 * len(lags))] < 7.5


def test_durations_follow_a_gateway_that_became_slower_and_one_that_became_faster():
    durations = learned([20.0] * 300)
    for _ in range(300):
        durations.saw(after=79.0, before=81.0)
    assert len(durations) == 256
    assert durations.earliest_end(0.0) == 80.0
    # Every first poll finds the job ended: without a time of the gateway the truth is reached step by step.
    first = 80.0
    for _ in range(12):
        for _ in range(300):
            durations.saw(after=0.0, before=first)
        first = durations.earliest_end(0.0) or 0.0
    assert first < 1.0


def test_nonsense_of_a_gateways_clock_is_bounded_by_what_was_seen():
    durations = Durations()
    for _ in range(ENOUGH):
        durations.saw(after=0.0, before=30.0, exact=9e9)
        durations.saw(after=0.0, before=30.0, exact=-5.0)
        durations.saw(after=0.0, before=0.0)
    assert len(durations) == 2 * ENOUGH
    assert durations.earliest_end(0.0) == 30.0
    assert durations.earliest_end(30.0) is None


def test_a_book_keeps_a_bounded_number_of_kinds():
    book = DurationBook(kinds=3)
    first = book.of("a")
    first.saw(after=0, before=1)
    for kind in ("b", "c", "a", "d", "e"):
        book.of(kind)
    assert book.of("a") is first
    assert len(book.of("b")) == 0
