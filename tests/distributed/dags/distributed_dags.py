"""imagine, then upscale, variation and reroll, as in ``example_dags/midjourney_chain.py``, with retries."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG

from airflow_provider_orux.operators.midjourney import (
    OruxImagineOperator,
    OruxRerollOperator,
    OruxUpscaleOperator,
    OruxVariationOperator,
)
from tests.crash import failpoints

failpoints.arm()

with DAG(
    "distributed_chain",
    start_date=pendulum.datetime(2026, 1, 1),
    schedule=None,
    max_active_runs=64,
    default_args={
        "conn_id": "{{ dag_run.conf['conn_id'] }}",
        "save_to": "{{ dag_run.conf['save_to'] }}",
        "poll_interval": 1.0,
        "retries": 2,
        "retry_delay": timedelta(seconds=1),
    },
):
    imagine = OruxImagineOperator(task_id="imagine", prompt="a lighthouse at dawn", aspect_ratio="16:9")
    OruxUpscaleOperator(task_id="hero", parent_job_id=imagine.output["job_id"], index=2)
    OruxVariationOperator(task_id="variation", parent_job_id=imagine.output["job_id"], index=3)
    OruxRerollOperator(task_id="reroll", parent_job_id=imagine.output["job_id"])
