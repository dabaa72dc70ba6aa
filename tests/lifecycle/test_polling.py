"""When a job is asked for, and when asking ends: no clock but the one that the test turns."""

from __future__ import annotations

import pytest

from airflow_provider_orux.lifecycle.polling import (
    AUTH_GRACE,
    LONGEST_FAILURE_PAUSE,
    MAX_FAILURES,
    Continue,
    Done,
    GiveUp,
    PollTracker,
    timed_out,
)
from airflow_provider_orux.lifecycle.schedule import PollSchedule
from airflow_provider_orux.models import errors
from airflow_provider_orux.models.job import Job, JobStatus

T0 = 1_000_000.0
STEADY = PollSchedule(first=2.0, growth=0.1, shortest=2.0, longest=30.0, jitter=0.0)


def tracker(**changes):
    values = {"deadline": T0 + 3600, "started": T0, "schedule": STEADY, **changes}
    return PollTracker("task_1", "orux", **values)


def job(status: JobStatus = JobStatus.RUNNING) -> Job:
    return Job("task_1", status, "orux")


DOWN = errors.GatewayUnavailableError("down")
REFUSED = errors.AuthenticationError("key refused")
UNKNOWN = errors.JobNotFoundError("unknown", job_id="task_1")


# -- the schedule ---------------------------------------------------------------------------------------------
def test_pauses_grow_with_the_age_between_two_limits():
    assert STEADY.pause(age=0, polls=0) == 2.0
    ages = {1: 2.0, 20: 2.0, 21: 2.1, 100: 10.0, 299: 29.9, 300: 30.0, 86_400: 30.0}
    assert {a: pytest.approx(STEADY.pause(age=a, polls=1)) for a in ages} == ages


def test_jitter_spreads_jobs_that_were_submitted_together():
    schedule = PollSchedule(shortest=2.0, growth=0.1, jitter=0.2)
    seen = [schedule.pause(age=100, polls=1) for _ in range(500)]
    assert 8.0 <= min(seen) < 8.3
    assert 11.7 < max(seen) <= 12.0
    assert PollSchedule().jitter > 0


def test_the_shipped_schedule_neither_hurries_nor_sleeps():
    """The numbers may be tuned; that no job is asked for each second, or waits a minute, may not."""
    shipped = PollSchedule()
    for duration in (3, 10, 60, 240, 3000):
        at, polls = shipped.pause(age=0, polls=0), 1
        while at < duration:
            pause = shipped.pause(age=at, polls=polls)
            assert 1.0 < pause <= 33.0
            at += pause
            polls += 1
        assert at - duration <= max(6.0, min(0.15 * duration, 33.0))


def test_a_poll_interval_is_taken_at_its_word():
    fixed = PollSchedule(fixed=7.5)
    assert {fixed.pause(age=a, polls=p) for a in (0, 5, 5000) for p in (0, 1, 50)} == {7.5}
    assert PollSchedule().fixed is None


# -- seeing -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.EXPIRED])
def test_an_end_is_an_end_also_after_the_deadline(status):
    assert tracker().saw(job(status), now=T0 + 99_999) == Done(job(status))


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.RUNNING])
def test_going_on(status):
    t = tracker()
    assert t.first_pause() == 2.0
    assert t.saw(job(status), now=T0 + 100) == Continue(10.0)
    assert t.polls == 1


def test_the_last_look_is_at_the_deadline():
    t = tracker()
    assert t.saw(job(), now=T0 + 3595) == Continue(5.0)
    step = t.saw(job(), now=T0 + 3600)
    assert isinstance(step, GiveUp)
    assert isinstance(step.error, errors.JobTimeoutError)
    assert step.error.job_id == "task_1"
    assert step.error.final
    assert "continues at Orux AI and may be charged" in step.error.message
    assert t.saw(job(), now=T0 + 3599.99) == Continue(0.05), "never a busy loop"


def test_timed_out_of_an_unknown_gateway():
    assert "continues at x and" in timed_out("j", "x").message


# -- failing ------------------------------------------------------------------------------------------------------
def test_one_failed_poll_is_no_failed_job():
    t = tracker()
    step = t.failed(DOWN, now=T0 + 10)
    assert isinstance(step, Continue)
    assert step.warn == "A poll of job task_1 failed: down"
    assert not step.reload_connection


def test_pauses_between_failures_double_up_to_a_limit():
    t = tracker(deadline=T0 + 10**9)
    pauses = [t.failed(DOWN, now=T0 + 10).seconds for _ in range(MAX_FAILURES - 1)]
    assert pauses[:4] == [4.0, 8.0, 16.0, 32.0]
    assert set(pauses[4:]) == {LONGEST_FAILURE_PAUSE}
    assert 800 < sum(pauses) < 1200, "about a quarter of an hour"


def test_failures_in_a_row_end_the_asking_and_not_before():
    t = tracker(deadline=T0 + 10**9)
    for n in range(MAX_FAILURES - 1):
        step = t.failed(DOWN, now=T0 + n)
        assert isinstance(step, Continue)
        assert (step.warn is None) == (n > 0), "one warning for a row of failures"
    step = t.failed(errors.GatewayUnavailableError("down"), now=T0)
    assert isinstance(step, GiveUp)
    assert step.error.message == f"down; {MAX_FAILURES} polls in a row failed. The job may still end"
    assert (step.error.job_id, step.error.charged, step.error.final) == ("task_1", "unknown", False)
    assert step.error.next_step is None, "what a retry does is said where the ledger is known"


def test_a_success_between_starts_the_count_anew_and_says_so_once():
    t = tracker(deadline=T0 + 10**9)
    for _ in range(3 * MAX_FAILURES):
        assert isinstance(t.failed(DOWN, now=T0), Continue)
        step = t.saw(job(), now=T0)
        assert isinstance(step, Continue)
        assert step.warn == "Polling of job task_1 works again"
        assert t.saw(job(), now=T0).warn is None


def test_a_retry_after_is_honoured_up_to_ten_minutes():
    t = tracker()
    assert t.failed(errors.RateLimitedError("full", retry_after=120), now=T0).seconds == 120
    assert t.failed(errors.RateLimitedError("full", retry_after=99_999), now=T0).seconds == 600
    assert t.failed(errors.RateLimitedError("full", retry_after=0), now=T0).seconds == 16


def test_failures_do_not_outlive_the_deadline():
    t = tracker()
    assert t.failed(DOWN, now=T0 + 3599).seconds == pytest.approx(1.0)
    step = t.failed(DOWN, now=T0 + 3600)
    assert isinstance(step, GiveUp)
    assert isinstance(step.error, errors.JobTimeoutError)


# -- a refused key --------------------------------------------------------------------------------------------------
def test_a_refused_key_does_not_end_a_job_that_is_paid_for():
    t = tracker(deadline=T0 + 10**9)
    for n in range(200):
        step = t.failed(REFUSED, now=T0 + n)
        assert isinstance(step, Continue), "more failures than MAX_FAILURES: only the grace counts"
        assert step.reload_connection
        assert (step.warn is None) == (n > 0)
    assert "is paid for; the key is refused" in tracker().failed(REFUSED, now=T0).warn


def test_the_grace_ends():
    t = tracker(deadline=T0 + 10**9)
    t.failed(REFUSED, now=T0 + 50)
    assert isinstance(t.failed(REFUSED, now=T0 + 50 + AUTH_GRACE - 1), Continue)
    step = t.failed(errors.AuthenticationError("key refused."), now=T0 + 50 + AUTH_GRACE)
    assert isinstance(step, GiveUp)
    assert isinstance(step.error, errors.AuthenticationError)
    assert "key refused; the key was refused throughout" in step.error.message
    assert step.error.job_id == "task_1"


def test_a_grace_of_nothing():
    assert isinstance(tracker(auth_grace=0).failed(errors.AuthenticationError("no"), now=T0), GiveUp)


@pytest.mark.parametrize("between", ["success", "another failure"])
def test_the_grace_starts_anew_when_something_else_was_seen(between):
    t = tracker(deadline=T0 + 10**9)
    t.failed(REFUSED, now=T0)
    if between == "success":
        t.saw(job(), now=T0 + 800)
    else:
        t.failed(DOWN, now=T0 + 800)
    assert isinstance(t.failed(REFUSED, now=T0 + 1000), Continue)
    assert isinstance(t.failed(REFUSED, now=T0 + 1000 + AUTH_GRACE - 1), Continue)
    assert isinstance(t.failed(REFUSED, now=T0 + 1000 + AUTH_GRACE), GiveUp)


def test_the_deadline_comes_before_the_grace():
    t = tracker()
    t.failed(REFUSED, now=T0 + 3500)
    assert isinstance(t.failed(REFUSED, now=T0 + 3600).error, errors.JobTimeoutError)


# -- an unknown job ---------------------------------------------------------------------------------------------------
def test_an_unknown_job_ends_the_asking_at_once():
    assert tracker().failed(UNKNOWN, now=T0) == GiveUp(UNKNOWN)


def test_not_indexed_yet():
    t = tracker(not_found_grace=60)
    for seconds in (0, 30, 59.9):
        step = t.failed(UNKNOWN, now=T0 + seconds)
        assert isinstance(step, Continue)
        assert step.seconds <= 10.0
    assert t.failed(UNKNOWN, now=T0 + 60) == GiveUp(UNKNOWN)


def test_a_result_that_is_too_long_will_be_so_on_the_next_poll():
    t = tracker()
    error = errors.ArtifactRejectedError("too long", charged="yes")
    step = t.failed(error, now=T0)
    assert isinstance(step, GiveUp)
    assert step.error is error
    assert (error.job_id, error.charged) == (t.job_id, "yes")
