"""What the gallery is told: the facts of a job and the first line of an error, and nothing that is to be kept out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_orux.durable import shown
from airflow_provider_orux.lifecycle.record import Record, State, Superseded
from airflow_provider_orux.models.errors import ContentRejectedError, JobFailedError
from airflow_provider_orux.models.orux import MidjourneyUpscale, MidjourneyV7

RECORD = Record(
    state=State.SUBMITTED,
    max_tries=3,
    fingerprint="0" * 64,
    conn_id="orux_default",
    host="https://orux.top",
    updated_at=1700000000.0,
    submission_id="gen-1",
    job_id="job-2",
    earlier=(Superseded(job_id="job-1", charged="yes", price=20.0, currency="credits", at=1690000000.0),),
)
JOB = {"job_id": "job-2", "conn_id": "orux_default", "gateway": "orux"}
RESULT = {
    **JOB,
    "model": "midjourney-v7",
    "charged": "yes",
    "price": 5.0,
    "currency": "credits",
    "artifacts": [{}],
}


@dataclass
class Ti:
    pushed: dict[str, Any] = field(default_factory=dict)
    fails: bool = False

    def xcom_push(self, key, value):
        if self.fails:
            raise RuntimeError("the API server is away")
        self.pushed[key] = value


def told(push, *args, **more):
    ti = Ti()
    push({"ti": ti}, *args, **more)
    ((_, value),) = ti.pushed.items()
    return value


def test_an_accepted_job():
    request = MidjourneyUpscale(parent_job_id="job-0", index=2)
    assert told(shown.push_job, **JOB, request=request, record=RECORD) == {
        **JOB,
        "model": request.model_id,
        "verb": "upscale",
        "parent_job_id": "job-0",
        "index": 2,
        "at": 1700000000.0,
        "earlier": [
            {"job_id": "job-1", "charged": "yes", "price": 20.0, "currency": "credits", "at": 1690000000.0}
        ],
    }


def test_a_prompt_is_never_told():
    request = MidjourneyV7(prompt="a secret lighthouse")
    assert "secret" not in str(told(shown.push_job, **JOB, request=request, record=RECORD))


def test_an_ended_job_keeps_when_it_was_accepted():
    value = told(shown.push_job, **JOB, record=RECORD, result=RESULT)
    assert (value["at"], value["charged"], value["price"], value["currency"]) == (
        1700000000.0, "yes", 5.0, "credits",
    )  # fmt: skip
    assert value["ended_at"] > value["at"]
    assert value["artifacts"] == 1


def test_the_time_in_a_finished_record_is_not_when_the_job_was_accepted():
    finished = RECORD.changed(state=State.FINISHED, result={})
    assert "at" not in told(shown.push_job, **JOB, record=finished, result=RESULT)


def test_a_reused_result_says_so():
    assert told(shown.push_job, **JOB, result={**RESULT, "reused_from": "x"})["reused"] is True


def test_the_first_line_of_an_error():
    error = JobFailedError("It broke\nand more", job_id="job-2", charged="yes")
    value = told(shown.push_error, error, record=RECORD)
    assert value.pop("at") > 1e9
    assert value.pop("earlier")[0]["job_id"] == "job-1"
    assert value == {"error": "JobFailedError", "line": "It broke", "charged": "yes", "job_id": "job-2"}
    assert len(told(shown.push_error, JobFailedError("x" * 5000))["line"]) == 300
    assert told(shown.push_error, JobFailedError(""))["line"] == ""


def test_what_the_author_keeps_out_stays_out():
    error = ContentRejectedError("'a lion, a lion cub' was refused, see https://f.example/x?sig=1 (a lion)")
    value = told(shown.push_error, error, keep_urls=False)
    assert value["line"] == "'a lion, a lion cub' was refused, see (a URL) (a lion)"
    assert told(shown.push_error, error, keep_line=False)["line"] == ""


@pytest.mark.parametrize(
    "push", [lambda c: shown.push_job(c, **JOB), lambda c: shown.push_error(c, JobFailedError("x"))]
)
def test_a_push_that_fails_changes_nothing(push, caplog):
    push({"ti": Ti(fails=True)})
    assert "The gallery will not show this task" in caplog.text
