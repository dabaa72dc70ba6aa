"""An image for each row of a table, on OpenGPU Relay.

One mapped task: each instance submits a job, waits in the triggerer and saves its image. `push_urls=False` keeps the
gateway's URLs, which anyone could open, out of XCom.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pendulum
from airflow.sdk import DAG, task

from airflow_provider_orux.operators.images import OruxGenerateImageOperator

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"
TABLE = Path(__file__).parent / "data" / "products.csv"

with DAG(
    "opengpu_relay_mapped",
    description="an image for each row of a table, on OpenGPU Relay",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    default_args={"owner": "content"},
    tags=["orux", "opengpu-relay"],
    doc_md=__doc__,
) as dag:
    # [START howto_relay_mapped]
    @task
    def prompts() -> list[str]:
        with TABLE.open(newline="", encoding="utf-8-sig") as rows:  # a spreadsheet may have written it
            return [f"product photo, {row['name']}, {row['scene']}" for row in csv.DictReader(rows)]

    OruxGenerateImageOperator.partial(
        task_id="image",
        conn_id="opengpu_relay_default",
        model="black-forest-labs/FLUX-2-pro",
        options={"width": 512, "height": 512},
        save_to=SAVE_TO,
        push_urls=False,
        map_index_template="{{ task.prompt[:80] }}",
    ).expand(prompt=prompts())
    # [END howto_relay_mapped]
