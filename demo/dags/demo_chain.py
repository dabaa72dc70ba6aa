"""The demo's DAG: a grid of four, and the second image of it at full resolution."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from airflow_provider_orux.operators.midjourney import OruxImagineOperator, OruxUpscaleOperator

SAVE_TO = "{{ var.value.orux_save_to }}"

with DAG("demo_chain", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), schedule=None) as dag:
    imagine = OruxImagineOperator(
        task_id="imagine", prompt="a lighthouse at dawn, calm sea", aspect_ratio="16:9", save_to=SAVE_TO
    )
    hero = OruxUpscaleOperator(
        task_id="hero", parent_job_id=imagine.output["job_id"], index=2, save_to=SAVE_TO
    )

if __name__ == "__main__":
    raise SystemExit(0 if str(dag.test().state) == "success" else 1)
