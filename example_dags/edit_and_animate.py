"""An image, an edit of it, and a clip that begins with the edit: each step uses the file of the step before.

The files lie in object storage. A gateway that takes only URLs gets a presigned one, made right before the request is
sent; it stands in no XCom, log or manifest. Two settings of Airflow belong to this: `[orux] input_roots` allows files
below a folder to be used as inputs whose names come from other tasks, and `[orux] signed_url_seconds` says how long
such a URL lives.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from airflow_provider_orux.operators.images import OruxGenerateImageOperator
from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator

#: In object storage that signs URLs: s3://, gs:// or abfs://. [orux] input_roots has to name it as well.
SAVE_TO = (
    "{{ var.value.get('orux_object_storage', 's3://content') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"
)

with DAG(
    "edit_and_animate",
    description="gpt-image-2, qwen-image-edit and runway-gen4 on one another's files",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    default_args={"owner": "content", "save_to": SAVE_TO},
    tags=["orux"],
    doc_md=__doc__,
) as dag:
    # [START howto_saved_image_as_input]
    hero = OruxGenerateImageOperator(
        task_id="hero", model="gpt-image-2", prompt="a lighthouse on a cliff at noon"
    )
    winter = OruxGenerateImageOperator(
        task_id="winter",
        model="qwen-image-edit",
        prompt="the same in deep snow, at dusk",
        options={"image_url": hero.output["artifacts"]},  # the one artifact of another task
    )
    clip = OruxSubmitJobOperator(
        task_id="clip",
        model="runway-gen4",
        prompt="slow push in, snow is falling",
        options={
            "image_url": "{{ ti.xcom_pull('winter')['artifacts'][0]['uri'] }}",  # the same, as a template
            "duration": 5,
        },
    )
    # [END howto_saved_image_as_input]
    winter >> clip  # a template does not tell Airflow which task it reads
