"""An image becomes words, and the words become a new grid: describe, choose one of four prompts, imagine.

YEScale has both. The image is the first one of another Midjourney job, so the example needs no file of yours.
"""

from __future__ import annotations

import re
from typing import Any

import pendulum
from airflow.sdk import DAG, Param, task

from airflow_provider_orux.operators.images import OruxGenerateImageOperator
from airflow_provider_orux.operators.midjourney import OruxDescribeOperator

# `describe` reads a file that another task saved. Its name is a template, so the folder must be one of
# [orux] input_roots: AIRFLOW__ORUX__INPUT_ROOTS=/tmp/orux.
SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"

with DAG(
    "describe_and_imagine",
    description="an image, four prompts that would make one like it, a grid from one of them",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    params={"style": Param("as a linocut, two colours", type="string", description="is added to the prompt")},
    default_args={"owner": "content", "conn_id": "yescale_default", "save_to": SAVE_TO},
    tags=["orux", "yescale", "midjourney"],
    doc_md=__doc__,
) as dag:
    original = OruxGenerateImageOperator(
        task_id="original", model="flux-pro", prompt="a lighthouse at dawn", options={"size": "1024x768"}
    )

    # [START howto_describe_and_imagine]
    describe = OruxDescribeOperator(
        task_id="describe", image="{{ ti.xcom_pull('original', key='uris')[0] }}", save_to=None
    )

    @task.orux_imagine(stylize=250)
    def again(described: dict[str, Any], style: str) -> dict[str, Any]:
        """The second of the four prompts, with its `--ar` as the aspect ratio."""
        lines = [line for line in described["text"].splitlines() if line.strip()]
        words = re.sub(r"^\W*\d\W*", "", lines[1])
        prompt, _, ratio = words.partition(" --ar ")
        return {"prompt": f"{prompt.strip()}, {style}", "aspect_ratio": ratio.strip() or "1:1"}

    original >> describe
    again(describe.output, style="{{ params.style }}")
    # [END howto_describe_and_imagine]
