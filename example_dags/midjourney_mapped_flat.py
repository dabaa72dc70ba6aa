"""A grid for each prompt, then as many upscales as a task decides at run time.

Airflow refuses an `expand` inside a mapped group, so the follow-ups are one flat list of a grid's job id and an index.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import DAG, task

from airflow_provider_orux.operators.midjourney import OruxImagineOperator, OruxUpscaleOperator

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"

with DAG(
    "midjourney_mapped_flat",
    description="Midjourney: grids from a list, then one flat list of upscales",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    default_args={"owner": "content", "save_to": SAVE_TO},
    tags=["orux", "midjourney"],
    doc_md=__doc__,
) as dag:
    # [START howto_mapped_flat]
    imagine = OruxImagineOperator.partial(
        task_id="imagine", aspect_ratio="1:1", map_index_template="{{ task.prompt[:80] }}"
    ).expand(prompt=["a fox in a neon-lit alley", "a teapot on a slate table"])

    @task
    def chosen(job_ids: list[str]) -> list[dict[str, Any]]:
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
