"""Jobs and artifacts as values."""

from __future__ import annotations

import json

import pytest

from airflow_provider_orux.models.job import Artifact, Job, JobStatus

FULL = Job(
    job_id="task_1", status=JobStatus.SUCCEEDED, gateway="orux", model="midjourney-v7",
    artifacts=(Artifact(url="https://a/1.png", revised_prompt="r"), Artifact(url="https://a/2.png")),
    text="t", error_code="c", error_message="m", submitted_at=1.5, finished_at=2.5, charged="yes", price=5.0,
    currency="credits", retry_helps=False,
)  # fmt: skip


@pytest.mark.parametrize(
    "job", [FULL, Job("j", JobStatus.QUEUED, "orux"), Job("j", JobStatus.FAILED, "orux", error_code="x")]
)
def test_round_trip(job):
    assert Job.from_dict(json.loads(json.dumps(job.to_dict()))) == job


@pytest.mark.parametrize(
    ("status", "ended"),
    [("queued", False), ("running", False), ("succeeded", True), ("failed", True), ("expired", True)],
)
def test_what_has_ended(status, ended):
    assert JobStatus(status).is_terminal is ended


def test_bytes_never_leave_in_a_dict_or_a_repr():
    job = Job("j", JobStatus.SUCCEEDED, "orux", artifacts=(Artifact(inline="QUJDREVG"),))
    assert job.has_inline
    assert job.urls == []
    assert "QUJDREVG" not in repr(job)
    assert "QUJDREVG" not in json.dumps(job.to_dict())
    with pytest.raises(ValueError, match="inline"):
        Job.from_dict(job.to_dict())


@pytest.mark.parametrize(
    "value",
    [{}, {"job_id": "j"}, {"job_id": "j", "status": "odd", "gateway": "orux"}, [], None, "text", 5,
     {"job_id": "j", "status": "failed", "gateway": "orux", "artifacts": [5]},
     {"job_id": "j", "status": "failed", "gateway": "orux", "artifacts": [{}]},
     {"job_id": "j", "status": "failed", "gateway": "orux", "artifacts": 5}],
)  # fmt: skip
def test_garbage_is_no_job(value):
    with pytest.raises(ValueError):
        Job.from_dict(value)


def test_small_facts():
    assert FULL.urls == ["https://a/1.png", "https://a/2.png"]
    assert not FULL.has_inline
    assert FULL.job_id == "task_1"


def test_a_data_url_is_an_inline_artifact_and_never_a_url():
    artifact = Artifact(url="DATA:image/png;base64,AAAA")
    assert (artifact.url, artifact.inline) == (None, "DATA:image/png;base64,AAAA")
    assert "AAAA" not in repr(artifact)


def test_a_number_that_json_does_not_have_is_left_out():
    job = Job("task_1", JobStatus.SUCCEEDED, "orux", price=float("inf"), submitted_at=float("nan"))
    assert {"price", "submitted_at"}.isdisjoint(job.to_dict())
