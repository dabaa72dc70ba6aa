"""A list of prompts, a grid for each, and all four images of each grid at full size.

The list is a parameter of the run: trigger the DAG with your own prompts.
"""

from __future__ import annotations

import os

import pendulum
from airflow.sdk import DAG, Param, task, task_group

from airflow_provider_orux.operators.midjourney import OruxImagineOperator, OruxUpscaleOperator

SAVE_TO = "{{ var.value.get('orux_save_to', 'file:///tmp/orux') }}/{{ dag.dag_id }}/{{ ds }}"

# How many jobs the account may have at once: a pool that also counts tasks that wait in the triggerer.
#   airflow orux pool orux_default --name orux
POOL = os.environ.get("ORUX_POOL", "default_pool")

with DAG(
    "midjourney_mapped",
    description="a list of prompts: a grid each, all four images of each grid",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    catchup=False,
    params={
        "prompts": Param(
            ["a lighthouse at dawn", "a paper boat in the rain"],
            type="array",
            items={"type": "string", "minLength": 1},
        )
    },
    default_args={"save_to": SAVE_TO, "pool": POOL},
    tags=["orux", "midjourney"],
) as dag:

    @task(pool="default_pool")
    def prompts(params: dict) -> list[str]:
        return list(params["prompts"])

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
