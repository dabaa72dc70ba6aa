"""The same prompt on three gateways, side by side, and a table of what each one took and made.

One mapped task: the connection is mapped with the model's name, since the vendors call the same model by different
names. A gateway that fails does not keep the others' images from being compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pendulum
from airflow.sdk import DAG, Param, task

from airflow_provider_orux.operators.images import OruxGenerateImageOperator

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"
# The same model at each vendor.
GATEWAYS = [
    {"conn_id": "orux_default", "model": "gpt-image-2"},
    {"conn_id": "yescale_default", "model": "gpt-image-2"},
    {"conn_id": "opengpu_relay_default", "model": "openai/gpt-image-2"},
]

with DAG(
    "three_gateways",
    description="one prompt on Orux AI, YEScale and OpenGPU Relay",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    params={"prompt": Param("a red fox in the snow, watercolour", type="string", minLength=1)},
    default_args={"owner": "content"},
    tags=["orux", "yescale", "opengpu-relay"],
    doc_md=__doc__,
) as dag:
    # [START howto_three_gateways]
    image = OruxGenerateImageOperator.partial(
        task_id="image",
        prompt="{{ params.prompt }}",
        options={"size": "1024x1024", "quality": "low"},
        save_to=SAVE_TO,
        map_index_template="{{ task.conn_id }}",
    ).expand_kwargs(GATEWAYS)

    @task(trigger_rule="all_done")
    def compare(results: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {
                "gateway": result["gateway"],
                "price": f"{result['price']} {result['currency']}"
                if result["price"] is not None
                else "not told",
                "uri": result["artifacts"][0]["uri"],
            }
            for result in results
        ]

    compare(image.output)
    # [END howto_three_gateways]
