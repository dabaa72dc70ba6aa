"""An image for each row of a table, whose prompt a language model writes; it also writes the image's alt text.

The language model is reached through Airflow's official OpenAI provider (apache-airflow-providers-openai): a second
connection, `orux_chat`, with the same key and the address of the gateway's chat. The prompt is another task's XCom, so
a retry of the image does not ask for it again.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pendulum
from airflow.sdk import DAG, Param, task, task_group

from airflow_provider_orux.operators.images import OruxGenerateImageOperator

SAVE_TO = "{{ var.value.get('orux_save_to', '/tmp/orux') }}/{{ dag.dag_id }}/{{ dag_run.run_after | ds }}"
PRODUCTS = Path(__file__).parent / "data" / "products.csv"


# [START howto_chat_hook]
def ask(model: str, *content: str | dict[str, Any]) -> str:
    """One question, with images or without; the answer."""
    from airflow.providers.openai.hooks.openai import OpenAIHook

    parts = [{"type": "text", "text": part} if isinstance(part, str) else part for part in content]
    messages: list[Any] = [{"role": "user", "content": parts}]
    choices: Any = OpenAIHook("orux_chat").create_chat_completion(messages, model=model, temperature=0.7)
    return str(choices[0].message.content).strip()


# [END howto_chat_hook]


with DAG(
    "prompts_by_language_model",
    description="a language model writes a prompt for each row, Orux AI makes the image, the model describes it",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=None,
    params={
        "weekday": Param("thursday", type="string", description="whose products"),
        "model": Param("gpt-5-2", type="string", description="the language model"),
    },
    # None of the retries pays for a second image.
    default_args={"owner": "content", "retries": 2, "free_retries": True},
    tags=["orux", "openai"],
    doc_md=__doc__,
) as dag:
    # [START howto_prompts_by_language_model]
    @task
    def products(weekday: str) -> list[dict[str, str]]:
        with PRODUCTS.open(newline="", encoding="utf-8-sig") as file:
            return [row for row in csv.DictReader(file) if row["weekday"] == weekday]

    @task_group
    def product(row: dict[str, str]) -> None:
        @task
        def write_prompt(row: dict[str, str], model: str) -> str:
            return ask(model, f"One prompt for a product photo, a single line: {row['name']} {row['scene']}")

        image = OruxGenerateImageOperator(
            task_id="image",
            model="gpt-image-2",
            prompt=write_prompt(row=row, model="{{ params.model }}"),
            options={"quality": "low"},
            save_to=SAVE_TO,
        )

        @task
        def alt_text(result: dict[str, Any], model: str) -> dict[str, str]:
            made = result["artifacts"][0]
            seen = {"type": "image_url", "image_url": {"url": made["url"]}}
            return {
                "uri": made["uri"],
                "alt": ask(model, "Describe this image in one line, as alt text:", seen),
            }

        alt_text(result=image.output, model="{{ params.model }}")

    product.expand(row=products(weekday="{{ params.weekday }}"))
    # [END howto_prompts_by_language_model]
