"""What the privacy run executes: every way of a prompt, a URL and a key through the provider."""

from __future__ import annotations

import os
from datetime import timedelta

import pendulum
from airflow.sdk import DAG, AssetAlias, task

from airflow_provider_orux.models.requests import CustomRequest
from airflow_provider_orux.operators.images import OruxGenerateImageOperator
from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator
from airflow_provider_orux.operators.midjourney import OruxDescribeOperator, OruxImagineOperator

OUT = os.environ["ORUX_PRIVACY_OUT"]
PROMPT = "an umbrella of quokkas, confidential campaign"
NESTED = "a second text about marmosets"
# Airflow on a busy machine now and then calls a deferred task failed that is not.
RETRY = {"retries": 5, "retry_delay": timedelta(seconds=1)}
COMMON = {"record_prompt": "hash", "push_urls": False, "poll_interval": 0.5, **RETRY}
ODD = f"{OUT}/bücher #1?x=y/a b/100%"

with DAG("privacy", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
    grid = OruxImagineOperator(task_id="grid", prompt=PROMPT, save_to=f"{OUT}/grid", **COMMON)
    song = OruxSubmitJobOperator(
        task_id="song",
        model="suno-v5",
        prompt=PROMPT,
        options={"lyrics": NESTED, "duration": 30},
        deferrable=False,
        save_to=f"{OUT}/song",
        **COMMON,
    )
    body = {"prompt": PROMPT, "messages": [{"role": "user", "content": [{"text": NESTED}]}]}
    clip = OruxSubmitJobOperator(
        task_id="clip",
        request=CustomRequest(name="veo-3.1-fast", body=body),
        deferrable=False,
        save_to=f"{OUT}/clip",
        **COMMON,
    )

    @task.orux_image(model="gemini-3-pro-image", save_to=f"{OUT}/cover", **COMMON)
    def cover() -> str:
        return PROMPT

    cover()
    inside = OruxGenerateImageOperator(
        task_id="inside",
        model="gpt-image-2",
        prompt=PROMPT,
        options={"response_format": "b64_json"},
        save_to=f"{OUT}/inside",
        **COMMON,
    )
    quoted = OruxGenerateImageOperator(
        task_id="quoted",
        model="recraft-v3",
        prompt=PROMPT,
        save_to=f"{OUT}/quoted",
        **COMMON,
    )
    smuggled = OruxDescribeOperator(
        task_id="smuggled", conn_id="yescale_default", image="{{ '/etc/' ~ 'hostname' }}", **COMMON
    )

with DAG("assets", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as assets:
    two = OruxGenerateImageOperator(
        task_id="two",
        model="gpt-image-2",
        prompt="ok",
        options={"n": 2, "response_format": "url"},
        save_to=ODD,
        outlets=[AssetAlias("odd_folder")],
        poll_interval=0.5,
        **RETRY,
    )
