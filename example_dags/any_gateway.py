"""One DAG for every gateway: the connection is a parameter of the run.

The operators are the same for Orux AI, YEScale and OpenGPU Relay. The connection's type chooses the gateway, and here
also the model's name, since the vendors call the same model by different names.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_orux.operators.images import OruxGenerateImageOperator

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"

with DAG(
    "any_gateway",
    description="the same image on Orux AI, YEScale or OpenGPU Relay",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    params={
        "conn_id": Param("orux_default", type="string", description="a connection of any of the three types"),
        "prompt": Param("a red fox in the snow, watercolour", type="string", minLength=1),
    },
    user_defined_macros={
        # The vendors call the same model by different names.
        "model_on": {
            "orux": "gpt-image-2",
            "yescale": "gpt-image-2",
            "opengpu_relay": "openai/gpt-image-2",
        },
    },
    default_args={"owner": "content"},
    tags=["orux", "yescale", "opengpu-relay"],
    doc_md=__doc__,
) as dag:
    # [START howto_any_gateway]
    OruxGenerateImageOperator(
        task_id="image",
        conn_id="{{ params.conn_id }}",
        model="{{ model_on[conn.get(params.conn_id).conn_type] }}",
        prompt="{{ params.prompt }}",
        options={"quality": "low"},
        save_to=SAVE_TO,
    )
    # [END howto_any_gateway]
