"""Clips and a song on YEScale: an image that moves, a clip through Media, an edited image, a song that is continued.

The connection is `yescale_default`. `moves` and `at_night` read a file that another task saved. Its name is a template,
so its folder must be one of [orux] input_roots: AIRFLOW__ORUX__INPUT_ROOTS=/tmp/orux.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from airflow_provider_orux.models.requests import CustomRequest
from airflow_provider_orux.operators.images import OruxGenerateImageOperator
from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"
STILL = "{{ ti.xcom_pull('still', key='uris')[0] }}"

with DAG(
    "yescale_video_and_song",
    description="Clips by Kling and Grok, an edited image, a song and its continuation, on YEScale",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    default_args={"owner": "content", "conn_id": "yescale_default", "save_to": SAVE_TO},
    tags=["orux", "yescale"],
    doc_md=__doc__,
) as dag:
    still = OruxGenerateImageOperator(task_id="still", model="flux-pro", prompt="a heron on a misty lake")

    # [START howto_yescale_video]
    moves = OruxSubmitJobOperator(
        task_id="moves",
        model="kling-image2video",
        prompt="the heron takes off",
        options={"image": STILL, "model_name": "kling-v1-6", "mode": "std", "duration": 5},
    )
    # [END howto_yescale_video]

    # [START howto_yescale_media_video]
    clip = OruxSubmitJobOperator(
        task_id="clip",
        model="grok-video",
        prompt="waves below a lighthouse",
        options={"aspect_ratio": "16:9", "duration": 6},
    )
    # [END howto_yescale_media_video]

    # [START howto_yescale_media_custom]
    new_model = OruxSubmitJobOperator(
        task_id="new_model",
        request=CustomRequest(
            name="hailuo-2.3", body={"prompt": "waves below a lighthouse", "config": {"duration": 6}}
        ),
    )
    # [END howto_yescale_media_custom]

    # [START howto_yescale_edit]
    at_night = OruxGenerateImageOperator(
        task_id="at_night",
        model="gpt-image-1-edit",
        prompt="the same lake at night, under the Milky Way",
        options={"images": [STILL], "size": "1536x1024"},
    )
    # [END howto_yescale_edit]

    # [START howto_yescale_song]
    song = OruxSubmitJobOperator(
        task_id="song",
        model="suno_music",
        prompt="[Verse]\nRain on the night bus\n[Chorus]\nHome by two",
        options={"title": "Night bus", "tags": "synthwave", "mv": "chirp-v4"},
    )
    longer = OruxSubmitJobOperator(
        task_id="longer",
        model="suno_music",
        prompt="[Verse 2]\nThe last stop is the sea",
        options={
            "title": "Night bus II",
            "mv": "chirp-v4",  # that of the song
            "task_id": song.output["job_id"],
            "continue_clip_id": "{{ ti.xcom_pull('song')['artifacts'][0]['id'] }}",
            "continue_at": 45,
        },
    )
    # [END howto_yescale_song]

    still >> [moves, at_night]
