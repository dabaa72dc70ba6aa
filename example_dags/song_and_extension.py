"""A song from a few words, and more of the same song: Suno on Orux AI, one job after the other.

The second job names the first as its parent. Both are jobs of some minutes; no worker waits for them.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import DAG, Param, task

from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"

with DAG(
    "song_and_extension",
    description="words, a song, a longer song",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    params={
        "style": Param("calm piano, rain, a low voice", type="string"),
        "lyrics": Param("[Verse]\nThe light comes round, the light comes round", type="string"),
    },
    default_args={"owner": "content", "save_to": SAVE_TO, "timeout": 1800},
    tags=["orux", "audio"],
    doc_md=__doc__,
) as dag:
    # [START howto_song_and_extension]
    song = OruxSubmitJobOperator(
        task_id="song",
        model="suno-v5",
        prompt="{{ params.style }}",
        options={"lyrics": "{{ params.lyrics }}", "duration": 60},
    )

    @task.orux_job(model="suno-extend")
    def longer(song: dict[str, Any], style: str) -> dict[str, Any]:
        return {"parent_job_id": song["job_id"], "prompt": f"{style}, a bigger chorus", "duration": 120}

    longer(song.output, style="{{ params.style }}")
    # [END howto_song_and_extension]
