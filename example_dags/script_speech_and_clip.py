"""A script by a language model, spoken by a voice, and a clip for it, as long as the speech will take.

The clip is ordered when the speech is there: what could fail cheaply comes first. The language model is reached through
Airflow's official OpenAI provider (apache-airflow-providers-openai) and the connection `orux_chat`.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import DAG, Param, task

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"

with DAG(
    "script_speech_and_clip",
    description="gpt-5-2 writes, elevenlabs-v3 speaks, kling-v21-master-t2v films",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    params={
        "topic": Param("a stoneware mug in morning light", type="string"),
        "voice_id": Param("voice_demo", type="string", description="the voice, by ElevenLabs' own id"),
    },
    # None of the retries pays for a second job.
    default_args={"owner": "content", "retries": 2, "free_retries": True},
    tags=["orux", "openai", "audio", "video"],
    doc_md=__doc__,
) as dag:
    # [START howto_script_speech_and_clip]
    @task
    def write(topic: str) -> str:
        from airflow.providers.openai.hooks.openai import OpenAIHook

        question = f"A script for a voice-over, two sentences, about: {topic}"
        messages: list[Any] = [{"role": "user", "content": question}]
        choices: Any = OpenAIHook("orux_chat").create_chat_completion(messages, model="gpt-5-2")
        return str(choices[0].message.content).strip()

    @task.orux_job(model="elevenlabs-v3", save_to=SAVE_TO)
    def speech(script: str, voice_id: str) -> dict[str, Any]:
        return {"text": script, "voice_id": voice_id}

    @task.orux_job(model="kling-v21-master-t2v", save_to=SAVE_TO)
    def clip(script: str) -> dict[str, Any]:
        seconds = len(script.split()) / 2.5  # a calm voice
        return {"prompt": script, "duration": 10 if seconds > 5 else 5}

    script: Any = write("{{ params.topic }}")
    speech(script, voice_id="{{ params.voice_id }}") >> clip(script)
    # [END howto_script_speech_and_clip]
