"""A grid and an upscale, with submitting, waiting and saving as tasks of their own.

Clear a failed save on its own: it pays nothing. A task that only submits ends as soon as it has the job id, so clearing
*it* pays for a new job.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from airflow_provider_orux.operators.jobs import OruxSaveArtifactsOperator
from airflow_provider_orux.operators.midjourney import OruxImagineOperator, OruxUpscaleOperator
from airflow_provider_orux.sensors.jobs import OruxJobSensor

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"

with DAG(
    "midjourney_chain_sensors",
    description="Midjourney: submit, wait and save as tasks of their own",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    # Three retries for every task, and none of them pays a second time.
    default_args={"owner": "content", "retries": 3, "free_retries": True},
    tags=["orux", "midjourney"],
    doc_md=__doc__,
) as dag:
    # [START howto_sensor_job]
    imagine = OruxImagineOperator(
        task_id="imagine",
        prompt="a lighthouse at dawn",
        aspect_ratio="16:9",
        stylize=250,
        wait_for_completion=False,  # returns at once with the job id
    )
    grid_ready = OruxJobSensor(task_id="grid_ready", job_id=imagine.output["job_id"])  # deferrable
    # [END howto_sensor_job]

    # [START howto_operator_save_artifacts]
    save_grid = OruxSaveArtifactsOperator(
        task_id="save_grid",
        job_id=imagine.output["job_id"],
        conn_id=imagine.output["conn_id"],
        save_to=SAVE_TO,
    )
    # [END howto_operator_save_artifacts]

    upscale = OruxUpscaleOperator(
        task_id="upscale",
        parent_job_id=imagine.output["job_id"],
        index=2,
        wait_for_completion=False,
    )
    upscale_ready = OruxJobSensor(task_id="upscale_ready", job_id=upscale.output["job_id"])
    save_upscale = OruxSaveArtifactsOperator(
        task_id="save_upscale", job_id=upscale.output["job_id"], save_to=SAVE_TO
    )

    imagine >> grid_ready >> [save_grid, upscale]
    upscale >> upscale_ready >> save_upscale
