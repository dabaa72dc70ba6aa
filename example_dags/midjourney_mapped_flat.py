"""Mapped prompts without a task group: the number of follow-ups is decided at run time."""

from __future__ import annotations

import os

import pendulum
from airflow.sdk import DAG, task

from airflow_provider_orux.operators.midjourney import OruxImagineOperator, OruxUpscaleOperator

SAVE_TO = "{{ var.value.get('orux_save_to', 'file:///tmp/orux') }}/{{ dag.dag_id }}/{{ ds }}"

# How many jobs the account may have at once: a pool that also counts tasks that wait in the triggerer.
#   airflow orux pool orux_default --name orux
POOL = os.environ.get("ORUX_POOL", "default_pool")

with DAG(
    "midjourney_mapped_flat",
    description="grids from a list, then one flat list of upscales",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    catchup=False,
    default_args={"save_to": SAVE_TO, "pool": POOL},
    tags=["orux", "midjourney"],
) as dag:
    # [START howto_mapped_flat]
    imagine = OruxImagineOperator.partial(
        task_id="imagine", aspect_ratio="1:1", map_index_template="{{ task.prompt[:80] }}"
    ).expand(prompt=["a fox in a neon-lit alley", "a teapot on a slate table"])

    @task(pool="default_pool")
    def chosen(job_ids: list[str]) -> list[dict]:
        """The first grid gives images 1 and 4, every other one image 2."""
        wanted = [(1, 4), *([(2,)] * (len(job_ids) - 1))]
        return [
            {"parent_job_id": job_id, "index": index}
            for job_id, indexes in zip(job_ids, wanted, strict=True)
            for index in indexes
        ]

    OruxUpscaleOperator.partial(
        task_id="upscale", map_index_template="{{ task.parent_job_id }} U{{ task.index }}"
    ).expand_kwargs(chosen(imagine.output["job_id"]))
    # [END howto_mapped_flat]
