"""A grid for each prompt of a list, and all four images of each grid at full size.

The list is a parameter of the run: trigger the DAG with your own prompts.
"""

from __future__ import annotations

import os
from typing import Any

import pendulum
from airflow.sdk import DAG, Param, task, task_group

from airflow_provider_orux.operators.midjourney import OruxImagineOperator, OruxUpscaleOperator

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"

# [START howto_pool]
# The slots of an account: a pool that also counts tasks that wait in the triggerer.
#   airflow orux pool orux_default --name orux
# This example runs without one; `export ORUX_POOL=orux` uses it.
POOL = os.environ.get("ORUX_POOL", "default_pool")
# [END howto_pool]

with DAG(
    "midjourney_mapped",
    description="Midjourney: a mapped task group for each prompt",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    params={
        "prompts": Param(
            ["a lighthouse at dawn", "a paper boat in the rain"],
            type="array",
            items={"type": "string", "minLength": 1},
        )
    },
    default_args={"owner": "content", "save_to": SAVE_TO, "pool": POOL},
    tags=["orux", "midjourney"],
    doc_md=__doc__,
) as dag:

    @task(pool="default_pool")
    def prompts(params: dict[str, Any] | None = None) -> list[str]:
        return list((params or {})["prompts"])

    # [START howto_mapped_group]
    @task_group
    def grid_and_upscales(prompt: str) -> None:
        imagine = OruxImagineOperator(
            task_id="imagine",
            prompt=prompt,
            aspect_ratio="4:3",
            # The column of this label holds 250 characters; a longer one would fail a task that has paid.
            map_index_template="{{ task.prompt[:80] }}",
        )
        for index in (1, 2, 3, 4):
            OruxUpscaleOperator(
                task_id=f"upscale_{index}", parent_job_id=imagine.output["job_id"], index=index
            )

    grid_and_upscales.expand(prompt=prompts())
    # [END howto_mapped_group]
