"""How much of a job is done, as its gateway says it."""

from __future__ import annotations

import json

import pytest

from airflow_provider_orux.gateways.answers import progress_of
from airflow_provider_orux.gateways.registry import gateway_class
from airflow_provider_orux.gateways.wire import HttpResponse


@pytest.mark.parametrize(
    ("said", "percent"),
    [
        ("0%", 0), ("45%", 45), (" 45.9 % ", 45), ("100%", 100), (45, 45), (45.7, 45), (0.5, 50), (1.0, 100), (0, 0),
        ("1000%", None), (-1, None), (101, None), ("Waiting to start", None), ("", None), (None, None), (True, None),
        (float("nan"), None), (float("inf"), None), ("9" * 10_000, None), (["45%"], None), ({"percent": 45}, None),
    ],
)  # fmt: skip
def test_percent_from_whatever_is_said(said, percent):
    assert progress_of(None, {"id": "x"}, {"progress": said}) == percent


@pytest.mark.parametrize(
    ("job_id", "answer"),
    [
        ("mj:1", {"id": "1", "status": "IN_PROGRESS", "progress": "45%"}),
        (
            "suno:1",
            {
                "code": "success",
                "data": {"task_id": "1", "status": "IN_PROGRESS", "progress": "45%", "data": []},
            },
        ),
        ("media:1", {"task_id": "1", "status": "IN_PROGRESS", "progress": "45%"}),
    ],
)
def test_yescales_families_report_it_while_a_job_runs(job_id, answer):
    gateway = gateway_class("yescale")()

    def job(value):
        return gateway.read_poll(job_id, HttpResponse(200, {}, json.dumps(value).encode()))

    assert job(answer).progress == 45
    failed = json.loads(json.dumps(answer).replace("IN_PROGRESS", "FAILURE"))
    assert job(failed).progress is None, "a failed one says 100%, too"


@pytest.mark.parametrize(
    ("job_id", "answer"),
    [
        ("runway:1", {"id": "1", "status": "RUNNING", "progress": 0.45, "output": []}),
        (
            "pika:1",
            {"id": "1", "videos": [{"id": "1", "status": "generating", "progress": 45, "resultUrl": ""}]},
        ),
        (
            "kling-text2video:1",
            {"code": "success", "data": {"task_id": "1", "status": "IN_PROGRESS", "progress": "45%"}},
        ),
    ],
)
def test_so_do_its_video_pages(job_id, answer):
    job = gateway_class("yescale")().read_poll(job_id, HttpResponse(200, {}, json.dumps(answer).encode()))
    assert (job.status.is_terminal, job.progress) == (False, 45)
