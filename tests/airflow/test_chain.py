"""The Midjourney chain through a real Airflow and a real gateway."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.airflow


def test_short_chain(sandbox, load_dag, run):
    dag = load_dag("""
        from airflow.sdk import DAG
        import pendulum
        from airflow_provider_orux.operators.midjourney import OruxImagineOperator, OruxUpscaleOperator
        with DAG("DAG_ID", start_date=pendulum.datetime(2026,1,1), schedule=None) as dag:
            imagine = OruxImagineOperator(task_id="imagine", prompt="a lighthouse at dawn", aspect_ratio="16:9")
            hero = OruxUpscaleOperator(task_id="hero", parent_job_id=imagine.output["job_id"], index=2)
    """)
    result = run(dag)
    assert result.state == "success", result.states()
    value = result.xcom("hero")
    assert value["status"] == "succeeded"
    assert len(sandbox.charges()) == 2
