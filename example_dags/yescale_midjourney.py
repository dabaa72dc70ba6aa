"""The Midjourney chain on YEScale: the same operators, another connection; and what only YEScale has."""

from __future__ import annotations

import os

import pendulum
from airflow.sdk import DAG

from airflow_provider_orux.operators.midjourney import (
    OruxBlendOperator,
    OruxDescribeOperator,
    OruxImagineOperator,
    OruxUpscaleOperator,
)

# `describe` and `blend` read files that other tasks saved. Their names are templates, so the folder must be one of
# [orux] input_roots: AIRFLOW__ORUX__INPUT_ROOTS=file:///tmp/orux.

# A pool with as many slots as the account runs at once; see the page "Pools".
POOL = os.environ.get("ORUX_POOL", "default_pool")
SAVE_TO = "{{ var.value.get('orux_save_to', 'file:///tmp/orux') }}/{{ dag.dag_id }}/{{ ds }}"

with DAG(
    "yescale_midjourney",
    description="imagine, upscale, describe and blend on YEScale",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    catchup=False,
    default_args={"conn_id": "yescale_default", "pool": POOL},
    tags=["orux", "yescale", "midjourney"],
) as dag:
    # [START howto_yescale_chain]
    imagine = OruxImagineOperator(
        task_id="imagine", prompt="a lighthouse at dawn", aspect_ratio="16:9", stylize=250, save_to=SAVE_TO
    )
    first = OruxUpscaleOperator(
        task_id="first", parent_job_id=imagine.output["job_id"], index=1, save_to=SAVE_TO
    )
    third = OruxUpscaleOperator(
        task_id="third", parent_job_id=imagine.output["job_id"], index=3, save_to=SAVE_TO
    )
    # [END howto_yescale_chain]

    # [START howto_operator_describe]
    describe = OruxDescribeOperator(task_id="describe", image="{{ ti.xcom_pull('first', key='uris')[0] }}")
    # [END howto_operator_describe]

    # [START howto_operator_blend]
    blend = OruxBlendOperator(
        task_id="blend",
        images=[
            "{{ ti.xcom_pull('first', key='uris')[0] }}",
            "{{ ti.xcom_pull('third', key='uris')[0] }}",
        ],
        dimensions="LANDSCAPE",
        save_to=SAVE_TO,
    )
    # [END howto_operator_blend]

    first >> describe
    [first, third] >> blend
