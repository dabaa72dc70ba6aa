"""Waiting in the worker, for ``deferrable=False``."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from airflow_provider_orux.durable import waiting
from airflow_provider_orux.lifecycle.polling import Wait
from airflow_provider_orux.models.errors import (
    AuthenticationError,
    GatewayUnavailableError,
    JobTimeoutError,
    OruxError,
)
from airflow_provider_orux.models.job import Job, JobStatus
from tests.durable.fakes import Log, done

RUNNING = Job("task_1", JobStatus.RUNNING, "orux")


class Hook:
    """Polls answer in turn, the last one for ever; time passes only while the worker sleeps."""

    def __init__(self, monkeypatch, *answers, auth_grace=900.0):
        self.answers, self.polls, self.slept, self.reloads = list(answers), 0, 0.0, 0
        self.log = Log()
        gateway = SimpleNamespace(name="orux", not_found_grace=0.0)
        self.connection = SimpleNamespace(gateway=gateway, extra=SimpleNamespace(auth_grace=auth_grace))
        began = time.time()
        clock = SimpleNamespace(time=lambda: began + self.slept, sleep=self._sleep)
        monkeypatch.setattr(waiting, "time", clock)

    def _sleep(self, seconds):
        self.slept += seconds

    def get_conn(self):
        return self

    def reload(self):
        self.reloads += 1

    def poll(self, job_id, *, attempts):
        self.polls += 1
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(said, OruxError):
            raise said
        return said


def wait(hook, seconds=600.0):
    now = time.time()
    return waiting.wait_in_worker(
        hook, Wait("task_1", deadline=now + seconds, started=now, poll_interval=10.0)
    )


def test_a_job_is_polled_until_it_ended(monkeypatch):
    hook = Hook(monkeypatch, RUNNING, RUNNING, done("task_1"))
    assert wait(hook).status is JobStatus.SUCCEEDED
    assert hook.polls == 3
    assert hook.slept == pytest.approx(30, abs=1)


def test_each_quarter_is_told_once(monkeypatch):
    polls = [Job("task_1", JobStatus.RUNNING, "yescale", progress=p) for p in (10, 30, 30, 100, 100)]
    hook, told = Hook(monkeypatch, *polls, done("task_1")), []
    now = time.time()
    job = waiting.wait_in_worker(hook, Wait("task_1", now + 600, now, 1.0), lambda *it: told.append(it))
    assert job.status is JobStatus.SUCCEEDED
    assert told == [("task_1", 25), ("task_1", 100)]
    assert hook.log.lines == ["Job task_1: 25 % done", "Job task_1: 100 % done"]


def test_a_job_that_does_not_end_is_given_up_at_its_deadline(monkeypatch):
    hook = Hook(monkeypatch, RUNNING)
    with pytest.raises(JobTimeoutError):
        wait(hook, 100)
    assert hook.slept == pytest.approx(100, abs=1)


def test_a_poll_that_fails_is_told_once_and_tried_again(monkeypatch):
    away = GatewayUnavailableError("away")
    hook = Hook(monkeypatch, away, away, done("task_1"))
    wait(hook)
    assert sum("A poll of job task_1 failed" in line for line in hook.log.lines) == 1


def test_a_refused_key_makes_the_connection_be_looked_up_again(monkeypatch):
    hook = Hook(monkeypatch, AuthenticationError("no"), done("task_1"))
    wait(hook)
    assert hook.reloads == 1


def test_a_key_that_stays_refused_ends_the_wait_after_the_connections_grace(monkeypatch):
    hook = Hook(monkeypatch, AuthenticationError("no"), auth_grace=60.0)
    with pytest.raises(AuthenticationError) as caught:
        wait(hook)
    assert caught.value.charged == "unknown"


def test_a_job_that_runs_has_not_failed():
    with pytest.raises(GatewayUnavailableError, match="is running now") as caught:
        waiting.raise_unless_succeeded(RUNNING, retry_may_pay=True)
    assert not caught.value.final


def test_the_job_of_an_event_is_fetched_where_the_event_does_not_hold_it(monkeypatch):
    hook = Hook(monkeypatch, done("task_1"))
    event = {"v": 1, "kind": "fetch", "job_id": "task_1"}
    hook.poll = lambda job_id: done(job_id)
    assert waiting.job_of_event(hook, event, job_id="task_1", log=hook.log).status is JobStatus.SUCCEEDED
