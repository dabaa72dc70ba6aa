"""The DAGs of the crash tests: one paid task each, told by the run's conf which gateway it meets."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG

from airflow_provider_orux.operators.images import OruxGenerateImageOperator
from airflow_provider_orux.operators.jobs import OruxSaveArtifactsOperator, OruxSubmitJobOperator
from airflow_provider_orux.operators.midjourney import OruxImagineOperator, OruxUpscaleOperator
from airflow_provider_orux.sensors.jobs import OruxJobSensor
from tests.crash import failpoints

failpoints.arm()

PAID = {
    "conn_id": "{{ dag_run.conf['conn_id'] }}",
    "save_to": "{{ dag_run.conf['save_to'] }}",
    "poll_interval": 1.0,
}
RETRY = {"retries": 2, "retry_delay": timedelta(seconds=1)}
PROMPT = "{{ dag_run.conf.get('prompt', 'a lighthouse at dawn') }}"


def dag(name: str, *, max_active_tasks: int = 64) -> DAG:
    return DAG(
        name,
        start_date=pendulum.datetime(2026, 1, 1),
        schedule=None,
        max_active_runs=64,
        max_active_tasks=max_active_tasks,
    )


with dag("crash_deferrable"):
    OruxImagineOperator(task_id="pay", prompt=PROMPT, **PAID, **RETRY)

with dag("crash_worker"):
    OruxImagineOperator(task_id="pay", prompt=PROMPT, deferrable=False, **PAID, **RETRY)

with dag("crash_impatient"):
    # It gives up soon: on a refused key (with `auth_grace` of the connection), and (no retries) after a failed save.
    OruxImagineOperator(task_id="pay", prompt=PROMPT, retries=0, **PAID)

with dag("crash_no_retries"):
    OruxImagineOperator(task_id="pay", prompt=PROMPT, retries=0, **PAID)

with dag("crash_three_retries"):
    OruxImagineOperator(task_id="pay", prompt=PROMPT, retries=3, retry_delay=timedelta(seconds=1), **PAID)

with dag("crash_late_retry"):
    # Its retry comes so late that a person clears first.
    OruxImagineOperator(task_id="pay", prompt=PROMPT, retries=3, retry_delay=timedelta(hours=1), **PAID)

with dag("crash_hundred", max_active_tasks=4):
    # As many retries as Airflow's own late reports may use up on a busy machine.
    OruxImagineOperator.partial(task_id="pay", retries=10, retry_delay=timedelta(seconds=1), **PAID).expand(
        prompt=[f"lighthouse {n} at dawn" for n in range(100)]
    )

with dag("crash_sync"):
    OruxGenerateImageOperator(
        task_id="pay", model="gpt-image-2", prompt=PROMPT, deferrable=False, **PAID, **RETRY
    )

with dag("crash_image"):
    OruxGenerateImageOperator(
        task_id="pay", model="{{ dag_run.conf['model'] }}", prompt=PROMPT, **PAID, **RETRY
    )

for worker in (False, True):
    with dag("crash_workflow_worker" if worker else "crash_workflow"):
        OruxSubmitJobOperator(
            task_id="pay",
            model="workflow/gen-edit",
            options={"prompt": PROMPT, "edit": "at night"},
            deferrable=not worker,
            **PAID,
            **RETRY,
        )

with dag("crash_four_images"):
    OruxGenerateImageOperator(
        task_id="pay", model="kling-image", prompt=PROMPT, options={"n": 4}, **PAID, **RETRY
    )

with dag("crash_chain"):
    submit = OruxImagineOperator(task_id="pay", prompt=PROMPT, wait_for_completion=False, **PAID, **RETRY)
    ready = OruxJobSensor(
        task_id="ready", job_id=submit.output["job_id"], conn_id=PAID["conn_id"], poke_interval=1.0, **RETRY
    )
    saved = OruxSaveArtifactsOperator(
        task_id="save",
        job_id=submit.output["job_id"],
        conn_id=PAID["conn_id"],
        save_to=PAID["save_to"],
        **RETRY,
    )
    hero = OruxUpscaleOperator(
        task_id="hero", parent_job_id=submit.output["job_id"], index=2, **PAID, **RETRY
    )
    ready >> [saved, hero]
