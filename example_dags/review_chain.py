"""A grid of four images, a person who chooses one in the Airflow UI, and that one at full size.

Run it, open the task `pick` and its tab "Required Actions", and press U1, U2, U3 or U4. No worker waits meanwhile. The
images lie below a folder of `[orux] gallery_roots`, or nobody could see them: `make ui` sets it.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from airflow_provider_orux.operators.midjourney import OruxImagineOperator, OruxUpscaleOperator
from airflow_provider_orux.operators.review import OruxReviewOperator

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"

with DAG(
    "review_chain",
    description="Midjourney: imagine, a person chooses, upscale",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    default_args={"owner": "content"},
    tags=["orux", "midjourney", "review"],
    doc_md=__doc__,
) as dag:
    imagine = OruxImagineOperator(
        task_id="imagine", prompt="a lighthouse at dawn", aspect_ratio="16:9", save_to=SAVE_TO
    )

    # [START howto_operator_review]
    pick = OruxReviewOperator(
        task_id="pick", result=imagine.output, subject="Which lighthouse goes on the cover?", retries=1
    )
    # [END howto_operator_review]

    hero = OruxUpscaleOperator(
        task_id="hero",
        parent_job_id=imagine.output["job_id"],
        index=pick.output["index"],
        save_to=SAVE_TO,
    )
