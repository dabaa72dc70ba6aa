"""What a trigger tells the worker: small, without bytes, and checked when it arrives."""

from __future__ import annotations

import json

import pytest

from airflow_provider_orux.lifecycle.event import LARGEST_EVENT, JobEvent
from airflow_provider_orux.models import errors
from airflow_provider_orux.models.errors import OruxError
from airflow_provider_orux.models.job import Artifact, Job, JobStatus

ERRORS = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, OruxError)]


def over_the_wire(event: JobEvent) -> JobEvent:
    return JobEvent.read(json.loads(json.dumps(event.model_dump(mode="json", exclude_none=True))))


@pytest.mark.parametrize("status", [JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.EXPIRED])
def test_a_job(status):
    job = Job(
        "task_1", status, "orux", artifacts=(Artifact(url="https://a/1"),), error_code="c", retry_helps=False
    )
    again = over_the_wire(JobEvent.of_job(job))
    assert again.kind == "job"
    assert Job.from_dict(again.job) == job


def test_a_job_that_is_too_long_is_fetched_by_the_worker():
    def with_links(total: int) -> JobEvent:
        links = tuple(Artifact(url="https://a/" + "x" * 990) for _ in range(total))
        return JobEvent.of_job(Job("task_1", JobStatus.SUCCEEDED, "orux", artifacts=links))

    assert with_links(31).kind == "job"
    event = with_links(34)
    assert event == JobEvent(kind="fetch", job_id="task_1")
    assert len(json.dumps(with_links(31).job)) <= LARGEST_EVENT


def test_bytes_are_never_part_of_an_event():
    job = Job("task_1", JobStatus.SUCCEEDED, "orux", artifacts=(Artifact(inline="QUJD"),))
    assert over_the_wire(JobEvent.of_job(job)) == JobEvent(kind="fetch", job_id="task_1")


@pytest.mark.parametrize(
    "told",
    [
        {"artifacts": (Artifact(url="https://a/1"),)},
        {"text": "a fox"},
        {"error_message": "a fox is not allowed"},
    ],
)
def test_what_is_private_is_fetched_by_the_worker(told):
    job = Job("task_1", JobStatus.FAILED, "orux", **told)
    assert JobEvent.of_job(job).kind == "job"
    assert JobEvent.of_job(job, push_urls=False) == JobEvent(kind="fetch", job_id="task_1")
    assert JobEvent.of_job(Job("task_1", JobStatus.EXPIRED, "orux"), push_urls=False).kind == "job"


@pytest.mark.parametrize("cls", ERRORS, ids=lambda c: c.__name__)
def test_an_error_is_of_its_own_class_again(cls):
    error = cls(
        "It broke", gateway="orux", code="c", job_id="task_1", charged="yes", http_status=500, next_step="Do."
    )
    again = over_the_wire(JobEvent.of_error(error, job_id="task_1")).to_error()
    assert type(again) is cls
    assert str(again) == str(error)


@pytest.mark.parametrize(
    "kind", ["", "object", "GATEWAY_TITLES", "redact", "re", "__name__", "Any", "Nothing", None, 5]
)
def test_an_error_of_an_unknown_class_is_an_error_all_the_same(kind):
    event = JobEvent(kind="error", job_id="task_1", error={"type": kind, "message": "m", "odd": 1})
    assert type(event.to_error()) is OruxError
    assert event.to_error().message == "m"
    assert type(JobEvent(kind="error", job_id="t").to_error()) is OruxError


@pytest.mark.parametrize(
    "event",
    [None, "x", 5, [], {}, {"kind": "job"}, {"kind": "odd", "job_id": "t"}, {"kind": "job", "job_id": None},
     {"v": 2, "kind": "job", "job_id": "t"}, {"kind": "job", "job_id": "t", "job": "x"},
     {"kind": "error", "job_id": "t", "error": [1]}, {"status": "success"}],
)  # fmt: skip
def test_what_is_no_event_of_ours(event):
    with pytest.raises(ValueError, match="not an event"):
        JobEvent.read(event)


def test_an_event_of_tomorrow_with_more_in_it():
    assert JobEvent.read({"kind": "fetch", "job_id": "t", "new": 1}).job_id == "t"
