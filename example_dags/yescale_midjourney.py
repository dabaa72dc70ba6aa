"""The Midjourney chain on YEScale, and what only YEScale has: describe an image, blend two.

The operators are those of Orux AI. The connection, `yescale_default`, makes the difference.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from airflow_provider_orux.operators.midjourney import (
    OruxBlendOperator,
    OruxDescribeOperator,
    OruxImagineOperator,
    OruxUpscaleOperator,
)

# `describe` and `blend` read files that other tasks saved. Their names are templates, so the folder must be one of
# [orux] input_roots: AIRFLOW__ORUX__INPUT_ROOTS=/tmp/orux.
SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"

with DAG(
    "yescale_midjourney",
    description="Midjourney on YEScale: imagine, upscale, describe and blend",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    default_args={"owner": "content", "conn_id": "yescale_default"},
    tags=["orux", "yescale", "midjourney"],
    doc_md=__doc__,
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
