"""A grid of four images, then one of them at full size, a variation of another, and a second grid.

Each task pays once, waits in the triggerer and saves its images. The follow-ups need only the job id of the grid. The
operators retry three times by default, and such a retry never pays a second time.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from airflow_provider_orux.operators.midjourney import (
    OruxImagineOperator,
    OruxRerollOperator,
    OruxUpscaleOperator,
    OruxVariationOperator,
)

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"

with DAG(
    "midjourney_chain",
    description="Midjourney: imagine, then upscale, variation and reroll",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    default_args={"owner": "content", "save_to": SAVE_TO},
    tags=["orux", "midjourney"],
    doc_md=__doc__,
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
