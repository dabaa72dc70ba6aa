"""One poster for each product: a grid, a person who chooses from it, and the chosen image at full size.

The products are a parameter of the run, and what they will cost is looked up first. Each product is chosen for on its
own, and none holds up another. After two days the first image is taken.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Param, task, task_group

from airflow_provider_orux.operators.budget import OruxBudgetOperator
from airflow_provider_orux.operators.midjourney import OruxImagineOperator, OruxUpscaleOperator
from airflow_provider_orux.operators.review import OruxReviewOperator

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"

with DAG(
    "review_mapped",
    description="Midjourney: a poster for each product, chosen by a person",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    params={
        "products": Param(
            ["a red bicycle", "a tea pot"], type="array", items={"type": "string", "minLength": 1}
        )
    },
    default_args={"owner": "content"},
    tags=["orux", "midjourney", "review"],
    doc_md=__doc__,
) as dag:

    @task
    def products(params: dict[str, Any] | None = None) -> list[str]:
        return list((params or {})["products"])

    wanted = products()
    # [START howto_operator_budget]
    budget = OruxBudgetOperator(
        task_id="budget",
        model="midjourney-v7",
        verb="imagine",
        count="{{ ti.xcom_pull('products') | length }}",
        limit=500,
        on_exceeded="ask",
        retries=1,
    )
    # [END howto_operator_budget]

    # [START howto_operator_review_mapped]
    @task_group
    def poster(product: str) -> None:
        imagine = OruxImagineOperator(
            task_id="imagine",
            prompt=product,
            save_to=SAVE_TO,
            map_index_template="{{ task.prompt[:80] }}",
        )
        pick = OruxReviewOperator(
            task_id="pick",
            result=imagine.output,
            response_timeout=timedelta(days=2),
            defaults="U1",
            retries=1,
        )
        OruxUpscaleOperator(
            task_id="hero",
            parent_job_id=imagine.output["job_id"],
            index=pick.output["index"],
            save_to=SAVE_TO,
        )

    wanted >> budget >> poster.expand(product=wanted)
    # [END howto_operator_review_mapped]
