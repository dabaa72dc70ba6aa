"""A task that is cleared and pays again, run for real: what the gallery shows of both charges."""
# ruff: noqa: F401, F811

from __future__ import annotations

import re

import pytest

from tests.airflow.conftest import _sandbox, load_dag, run, sandbox, short_pauses

pytestmark = pytest.mark.airflow


@pytest.fixture
def settings(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__ORUX__GALLERY_ROOTS", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__ORUX__PRICES", '{"orux": {"currency": "credits", "midjourney-v7": 20}}')


def shown(viewer, result):
    answer = viewer().get(f"/dags/{result.dag.dag_id}/run", run_id=result.run_id)
    assert answer.status_code == 200
    return answer.text, re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_a_clear_that_pays_again_is_counted_twice(
    settings,
    viewer,
    sandbox,
    load_dag,
    run,
    tmp_path,
    short_pauses,
):
    result = run(
        load_dag(f"""
        import pendulum
        from airflow.sdk import DAG
        from airflow_provider_orux.operators.midjourney import OruxImagineOperator
        with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
            OruxImagineOperator(task_id="imagine", prompt="a fox", save_to="file://{tmp_path}/out")
    """)
    )
    assert result.states() == {"imagine": "success"}
    _, text = shown(viewer, result)
    assert "cost: 20 credits" in text
    assert result.again("imagine") == "success"
    assert len(sandbox.charges()) == 2
    page, text = shown(viewer, result)
    assert page.count("<article") == 1
    assert "1 job · cost: 40 credits" in text
    assert "Before 20 credits (superseded)" in text


def test_three_tasks_of_one_job_are_one_price(
    settings,
    viewer,
    sandbox,
    load_dag,
    run,
    tmp_path,
    short_pauses,
):
    """Only the task that submits knows the price: its own card is the one that is saved."""
    result = run(
        load_dag(f"""
        import pendulum
        from airflow.sdk import DAG
        from airflow_provider_orux.operators.jobs import OruxSaveArtifactsOperator, OruxSubmitJobOperator
        from airflow_provider_orux.sensors.jobs import OruxJobSensor
        with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
            grid = OruxSubmitJobOperator(task_id="grid", model="midjourney-v7", prompt="a fox", wait_for_completion=False)
            wait = OruxJobSensor(task_id="wait", job_id=grid.output["job_id"], poke_interval=0.1)
            save = OruxSaveArtifactsOperator(task_id="save", job_id=grid.output["job_id"], save_to="file://{tmp_path}/out")
            grid >> wait >> save
    """)
    )
    assert set(result.states().values()) == {"success"}
    page, text = shown(viewer, result)
    assert page.count("<article") == page.count("<img") == 1
    assert "1 job · cost: 20 credits" in text
    assert "not known to be charged" not in text
