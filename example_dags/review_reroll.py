"""A grid of four images that a person may reject: then the prompt runs once more, and they choose again.

Whoever switches on "Reject all" skips what follows, and the branch asks for a second grid. A reroll is a job of its own
and is paid for.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import DAG, task

from airflow_provider_orux.operators.midjourney import (
    OruxImagineOperator,
    OruxRerollOperator,
    OruxUpscaleOperator,
)
from airflow_provider_orux.operators.review import OruxReviewOperator

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"

with DAG(
    "review_reroll",
    description="Midjourney: imagine, choose or reject; rejected ones are rolled again",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    default_args={"owner": "content"},
    tags=["orux", "midjourney", "review"],
    doc_md=__doc__,
) as dag:
    # [START howto_operator_review_reroll]
    imagine = OruxImagineOperator(task_id="imagine", prompt="a lighthouse at dawn", save_to=SAVE_TO)
    pick = OruxReviewOperator(task_id="pick", result=imagine.output, retries=1)

    @task.branch(trigger_rule="none_failed")
    def chosen_or_rejected(ti: Any = None) -> str:
        return "hero" if ti.xcom_pull(task_ids="pick", key="index") else "reroll"

    way = chosen_or_rejected()
    hero = OruxUpscaleOperator(
        task_id="hero",
        parent_job_id=imagine.output["job_id"],
        index=pick.output["index"],
        save_to=SAVE_TO,
    )
    reroll = OruxRerollOperator(task_id="reroll", parent_job_id=imagine.output["job_id"], save_to=SAVE_TO)
    pick >> way >> [hero, reroll]

    pick_again = OruxReviewOperator(task_id="pick_again", result=reroll.output, retries=1)
    hero_again = OruxUpscaleOperator(
        task_id="hero_again",
        parent_job_id=reroll.output["job_id"],
        index=pick_again.output["index"],
        save_to=SAVE_TO,
    )
    # [END howto_operator_review_reroll]
