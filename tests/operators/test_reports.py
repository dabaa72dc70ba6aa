"""An error at the edge to Airflow: its report in the task's log, once; a short exception, without what led to it."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_orux.exceptions import (
    OruxTaskFailedException,
    OruxTaskRetryException,
    raise_for_airflow,
)
from airflow_provider_orux.models.errors import ArtifactError, ContentRejectedError, OruxError


def at_the_edge(error: OruxError) -> None:
    try:
        raise error
    except OruxError as e:
        raise_for_airflow(e, logging.getLogger("task"))


@pytest.mark.parametrize(
    ("error", "raised", "said"),
    [
        (
            ContentRejectedError("Refused", job_id="task_1", charged="no"),
            OruxTaskFailedException,
            "ContentRejectedError, not charged, job task_1",
        ),
        (ArtifactError("Cut off"), OruxTaskRetryException, "ArtifactError, charged: unknown"),
    ],
)
def test_the_log_has_the_report_and_the_exception_is_short(error, raised, said, caplog):
    caplog.set_level("DEBUG", "task")
    with pytest.raises(raised) as caught:
        at_the_edge(error)
    assert str(caught.value) == said
    assert caught.value.error is error
    assert caught.value.__suppress_context__
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == [error.report()]
    assert [r.exc_info[1] for r in caplog.records if r.levelname == "DEBUG"] == [error]
