"""A backfill done twice is paid once: the content pipeline over a span of days with ``reuse="always"``.

Two days in the ordinary run; ``make backfill`` runs thirty.
"""

from __future__ import annotations

import os

import pendulum
import pytest

pytestmark = pytest.mark.airflow

DAYS = int(os.environ.get("ORUX_BACKFILL_DAYS", "2"))


@pytest.mark.timeout(240 + 60 * DAYS)
def test_a_backfill_done_twice_is_paid_once(sandbox, example_dag, run, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__ORUX__RESULTS_PATH", f"file://{tmp_path}/results")
    dag = example_dag("content_pipeline")
    dag.get_task("product_image.image").reuse = "always"
    days = [pendulum.datetime(2026, 3, 2, tz="UTC").add(days=n) for n in range(DAYS)]

    def backfill(name: str) -> int:
        # A table of its own: all rows are missing again, so each day asks for all its images.
        monkeypatch.setenv("AIRFLOW_VAR_ORUX_CONTENT_DB", f"{tmp_path}/{name}.sqlite")
        before = len(sandbox.charges())
        for day in days:
            result = run(dag, logical_date=day)
            assert result.state == "success", (day, result.states())
        return len(sandbox.charges()) - before

    first, second = backfill("first"), backfill("second")
    print(f"{DAYS} days: {first} charges, and again: {second}")
    assert first > 0
    assert second == 0
