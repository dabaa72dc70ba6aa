"""A Midjourney chain on Orux AI: each task submits, waits in the triggerer, and saves."""

from __future__ import annotations

import os

import pendulum
from airflow.sdk import DAG

from airflow_provider_orux.operators.midjourney import (
    OruxImagineOperator,
    OruxRerollOperator,
    OruxUpscaleOperator,
    OruxVariationOperator,
)

SAVE_TO = "{{ var.value.get('orux_save_to', 'file:///tmp/orux') }}/{{ dag.dag_id }}/{{ ds }}"

# [START howto_pool]
# How many jobs the account may have at once: a pool that also counts tasks that wait in the triggerer.
#   airflow orux pool orux_default --name orux
# The examples run without it; `export ORUX_POOL=orux` (or pool="orux" in a DAG of your own) uses it.
POOL = os.environ.get("ORUX_POOL", "default_pool")
# [END howto_pool]

with DAG(
    "midjourney_chain",
    description="imagine, then upscale, variation and reroll",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    catchup=False,
    default_args={"save_to": SAVE_TO, "pool": POOL},
    tags=["orux", "midjourney"],
) as dag:
    # [START howto_operator_imagine]
    imagine = OruxImagineOperator(
        task_id="imagine", prompt="a lighthouse at dawn", aspect_ratio="16:9", stylize=250
    )
    # [END howto_operator_imagine]

    # [START howto_operator_upscale]
    hero = OruxUpscaleOperator(task_id="hero", parent_job_id=imagine.output["job_id"], index=2)
    # [END howto_operator_upscale]

    # [START howto_operator_variation]
    variation = OruxVariationOperator(task_id="variation", parent_job_id=imagine.output["job_id"], index=3)
    # [END howto_operator_variation]

    # [START howto_operator_reroll]
    reroll = OruxRerollOperator(task_id="reroll", parent_job_id=imagine.output["job_id"])
    # [END howto_operator_reroll]
