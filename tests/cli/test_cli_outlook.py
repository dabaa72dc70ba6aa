"""What ``ledger show`` says comes next agrees with what the decision table does."""

from __future__ import annotations

import pytest

from airflow_provider_orux.cli.ledger.instances import Instance
from airflow_provider_orux.cli.ledger.outlook import outlook
from airflow_provider_orux.lifecycle.ledger import RemoteState
from airflow_provider_orux.lifecycle.record import Record, State
from airflow_provider_orux.models.job import Artifact, Job, JobStatus

AT = 1_000_000.0
INTENT = Record(
    state=State.INTENT, max_tries=2, fingerprint="f" * 64, conn_id="orux_default", host="https://orux.top",
    updated_at=AT - 3600, submission_id="gen-1", account="a" * 32,
)  # fmt: skip
SUBMITTED = INTENT.changed(state=State.SUBMITTED, job_id="task_1")
FINISHED = SUBMITTED.changed(state=State.FINISHED, result={"artifacts": []})
DELIVERED = FINISHED.changed(delivered=True)
SETTLED = INTENT.changed(state=State.SETTLED, job_id="task_1")


def lines(record, state, *, max_tries=2, **facts):
    instance = Instance("d", "r", "t", facts={"state": state, "max_tries": max_tries})
    return outlook(record, instance, at=AT, **facts)


PAYS = "submits a new job, which is charged"
FREE = "continues with the recorded job and pays nothing"
RETURNS = "returns the recorded result and pays nothing"


@pytest.mark.parametrize(
    ("record", "state", "max_tries", "said"),
    [
        (
            INTENT,
            "failed",
            2,
            ["A clear fails and pays nothing, until the submission is settled or discarded."],
        ),
        (SETTLED, "failed", 2, [f"A clear {FREE}."]),
        (DELIVERED, "success", 2, [f"A clear {PAYS}."]),
        # Airflow calls it failed although it had succeeded.
        (FINISHED, "failed", 2, [f"A clear {RETURNS}."]),
        (FINISHED, "up_for_retry", 2, [f"The next execution {RETURNS}."]),
        (DELIVERED, "up_for_retry", 2, [f"The next execution {RETURNS}."]),
        (DELIVERED, None, 5, [f"The next execution (the task was cleared since) {PAYS}."]),
        (FINISHED, None, 5, [f"The next execution (the task was cleared since) {RETURNS}."]),
        (DELIVERED, "running", 2, [f"The task is running. A retry {RETURNS}.", f"A clear {PAYS}."]),
    ],
)
def test_what_comes_next(record, state, max_tries, said):
    assert lines(record, state, max_tries=max_tries) == said


def test_a_submitted_job_depends_on_how_it_is():
    (line,) = lines(SUBMITTED, "failed")
    assert line.startswith("A clear asks the gateway: ")
    assert f"if the job is running or has succeeded, it {FREE}" in line
    assert f"if the job has failed or has expired, it {PAYS}" in line
    assert "if the gateway cannot say, it fails and pays nothing" in line
    assert lines(SUBMITTED, "failed", remote=RemoteState.ALIVE) == [f"A clear {FREE}."]
    assert lines(SUBMITTED, "up_for_retry", remote=RemoteState.FAILED_FINALLY) == [
        "The next execution fails and pays nothing."
    ]


def test_a_synchronous_generation_has_nobody_to_ask():
    image = Job("gen-1", JobStatus.SUCCEEDED, "orux", artifacts=(Artifact(url="https://a/1.png"),))
    links = SUBMITTED.changed(synchronous=True, result=image.to_dict())
    assert lines(links, "failed") == [f"A clear {FREE}."]
    failed = Job("gen-1", JobStatus.FAILED, "yescale", retry_helps=False)
    assert lines(links.changed(result=failed.to_dict()), "failed") == [f"A clear {PAYS}."]
    assert lines(links.changed(result=None), "up_for_retry") == ["The next execution fails and pays nothing."]


def test_a_gateway_with_idempotency_keys_is_asked_again():
    (line,) = lines(INTENT, "failed", idempotency_seconds=86_400.0)
    assert line == (
        "A clear sends the same submission again under its idempotency key, which is not charged twice."
    )


def test_no_record_means_a_submission():
    assert lines(None, None) == ["The next execution submits a job, which is charged."]


@pytest.mark.parametrize(
    ("job", "remote"),
    [
        (Job("j", JobStatus.RUNNING, "orux"), RemoteState.ALIVE),
        (
            Job("j", JobStatus.SUCCEEDED, "orux", artifacts=(Artifact(url="https://a/1.png"),)),
            RemoteState.ALIVE,
        ),
        (Job("j", JobStatus.SUCCEEDED, "yescale", text="a fox"), RemoteState.ALIVE),
        (Job("j", JobStatus.SUCCEEDED, "orux"), RemoteState.FAILED_FINALLY),
        (Job("j", JobStatus.FAILED, "orux"), RemoteState.FAILED),
        (Job("j", JobStatus.FAILED, "orux", retry_helps=False), RemoteState.FAILED_FINALLY),
        (Job("j", JobStatus.EXPIRED, "orux"), RemoteState.EXPIRED),
    ],
)
def test_a_polled_job_is_read_as_the_operators_do(job, remote):
    assert RemoteState.of(job) is remote
