"""A clip, a voice and a transcript on OpenGPU Relay: models by their names, a file of the worker as input.

The transcript is made from the voice that was saved before: its folder has to be one of `[orux] input_roots`, since a
template names the file.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"

with DAG(
    "opengpu_relay_media",
    description="a clip, a voice and a transcript on OpenGPU Relay",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    default_args={"owner": "content"},
    tags=["orux", "opengpu-relay"],
    doc_md=__doc__,
) as dag:
    # [START howto_relay_media]
    clip = OruxSubmitJobOperator(
        task_id="clip",
        conn_id="opengpu_relay_default",
        model="KlingTeam/v3-T2V",
        prompt="waves roll onto a pebble beach, early light",
        options={"duration": 5, "aspect_ratio": "16:9"},
        save_to=SAVE_TO,
    )
    voice = OruxSubmitJobOperator(
        task_id="voice",
        conn_id="opengpu_relay_default",
        model="relay/tts-1",
        options={"text": "Good morning from the lighthouse.", "voice": "nova"},
        save_to=SAVE_TO,
    )
    transcript = OruxSubmitJobOperator(
        task_id="transcript",
        conn_id="opengpu_relay_default",
        model="openai/whisper-1",
        options={"audio_url": "{{ ti.xcom_pull(task_ids='voice', key='uris')[0] }}"},
        save_to=SAVE_TO,
    )
    # [END howto_relay_media]
    voice >> transcript
