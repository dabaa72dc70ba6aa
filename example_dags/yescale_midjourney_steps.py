"""Midjourney's further steps on YEScale: a described image as a prompt and a reference, and a button under an upscale.

`describe` and `again` read files that other tasks saved. Their names are templates, so the folder must be one of
[orux] input_roots: AIRFLOW__ORUX__INPUT_ROOTS=/tmp/orux.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator
from airflow_provider_orux.operators.midjourney import (
    OruxDescribeOperator,
    OruxImagineOperator,
    OruxUpscaleOperator,
)

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"
HERO = "{{ ti.xcom_pull('hero', key='uris')[0] }}"

with DAG(
    "yescale_midjourney_steps",
    description="Midjourney on YEScale: prompts of an image, reference images, buttons",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    default_args={"owner": "content", "conn_id": "yescale_default"},
    tags=["orux", "yescale", "midjourney"],
    doc_md=__doc__,
) as dag:
    imagine = OruxImagineOperator(task_id="imagine", prompt="a lighthouse at dawn --ar 3:2")
    hero = OruxUpscaleOperator(
        task_id="hero", parent_job_id=imagine.output["job_id"], index=1, save_to=SAVE_TO
    )

    # [START howto_operator_imagine_images]
    describe = OruxDescribeOperator(task_id="describe", image=HERO)
    again = OruxImagineOperator(
        task_id="again",
        prompt="{{ ti.xcom_pull('describe', key='prompts')[0] }}",
        reference_images=[HERO],
        save_to=SAVE_TO,
    )
    # [END howto_operator_imagine_images]

    # [START howto_yescale_button]
    wider = OruxSubmitJobOperator(
        task_id="wider",
        model="mj_action",
        options={
            "parent_job_id": hero.output["job_id"],
            "custom_id": "{{ ti.xcom_pull('hero', key='buttons')['zoom_out_2x'] }}",
        },
        save_to=SAVE_TO,
    )
    # [END howto_yescale_button]

    hero >> describe >> again
