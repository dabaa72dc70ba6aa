"""Images from one call and from jobs, an image from an image, a task that is only a prompt, a song and clips.

The tasks are independent of each other; each shows one operator or one way to say what to make.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param, task

from airflow_provider_orux.models.orux import RecraftV3
from airflow_provider_orux.models.requests import CustomRequest
from airflow_provider_orux.operators.images import OruxGenerateImageOperator
from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"

with DAG(
    "images_song_and_clip",
    description="gpt-image-2, flux-kontext-pro, recraft-v3, @task.orux_image, suno-v5, veo-3.1-fast and sora2",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    params={
        "reference_image_url": Param(
            "https://www.python.org/static/img/python-logo.png",
            type="string",
            pattern="^https://",
            description="a JPG, PNG or WEBP that the gateway can fetch",
        )
    },
    default_args={"owner": "content", "save_to": SAVE_TO},
    tags=["orux"],
    doc_md=__doc__,
) as dag:
    # [START howto_operator_generate_image]
    poster = OruxGenerateImageOperator(
        task_id="poster",
        model="gpt-image-2",
        prompt="Cinematic neon-lit Tokyo alley in the rain",
        options={"size": "1536x1024", "quality": "high", "n": 2},
        deferrable=False,  # one synchronous call, which holds the worker; without this line it is a job, and none waits
    )
    # [END howto_operator_generate_image]

    # [START howto_operator_generate_image_reference]
    bicycle = OruxGenerateImageOperator(
        task_id="bicycle",
        model="flux-kontext-pro",
        prompt="a photo of the subject riding a bicycle, golden hour",
        options={
            "reference_image_url": "{{ params.reference_image_url }}",
            "aspect_ratio": "3:4",
            "prompt_upsampling": True,
            "seed": 42,
        },
        deferrable=False,
    )
    # [END howto_operator_generate_image_reference]

    # [START howto_operator_generate_image_request]
    icon = OruxGenerateImageOperator(
        task_id="icon", request=RecraftV3(prompt="a flat icon of a lighthouse", style="vector_illustration")
    )
    # [END howto_operator_generate_image_request]

    # [START howto_decorator_orux_image]
    @task.orux_image(model="gemini-3-pro-image", options={"aspect_ratio": "16:9"})
    def cover(season: str, day: str) -> str:
        return f"a magazine cover about {season} in the mountains, dated {day}"

    cover("autumn", day="{{ dag_run.run_after | ds }}")
    # [END howto_decorator_orux_image]

    # [START howto_operator_submit_job]
    song = OruxSubmitJobOperator(
        task_id="song",
        model="suno-v5",
        prompt="a calm piano piece about the sea",
        options={"duration": 30, "instrumental": True},
    )
    # [END howto_operator_submit_job]

    # [START howto_operator_submit_job_video]
    clip = OruxSubmitJobOperator(
        task_id="clip",
        model="veo-3.1-fast",
        prompt="waves below a lighthouse",
        options={"aspect_ratio": "16:9", "audio": True},
    )
    # [END howto_operator_submit_job_video]

    # [START howto_operator_submit_job_custom]
    tram = OruxSubmitJobOperator(
        task_id="tram",
        request=CustomRequest(name="sora2", body={"prompt": "a tram in the fog", "duration": 5}),
    )
    # [END howto_operator_submit_job_custom]
