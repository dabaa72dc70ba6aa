"""A scheduled pipeline: a table of products, a prompt and an image for each, a table of what was made.

Each day has its own products and its own rows, so you can backfill a month. A day that runs again pays only for what is
missing in the table. A run that was triggered without a date counts for the day on which it was due.
"""

from __future__ import annotations

import csv
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pendulum
from airflow.sdk import DAG, AssetAlias, Variable, task, task_group

from airflow_provider_orux.operators.images import OruxGenerateImageOperator
from airflow_provider_orux.storage import read_manifest

PRODUCTS = Path(__file__).parent / "data" / "products.csv"
DAY = "{{ (dag_run.logical_date or dag_run.run_after) | ds }}"  # a run may have no logical date, and then no `ds`
SAVE_TO = f"{{{{ var.value.get('orux_save_to', '/tmp/orux') }}}}/{{{{ dag.dag_id }}}}/{DAY}"

# The slots of an account: a pool that also counts tasks that wait in the triggerer.
#   airflow orux pool orux_default --name orux
POOL = os.environ.get("ORUX_POOL", "default_pool")


# [START howto_content_table]
def table() -> sqlite3.Connection:
    """The table of what was made: one row a day and product."""
    path = Path(Variable.get("orux_content_db", default="/tmp/orux/content.sqlite"))  # noqa: S108
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=60)
    database.execute(
        "CREATE TABLE IF NOT EXISTS images (day TEXT, sku TEXT, prompt TEXT, model TEXT, job_id TEXT, uri TEXT,"
        " sha256 TEXT, width INTEGER, height INTEGER, manifest TEXT, PRIMARY KEY (day, sku))"
    )
    return database


# [END howto_content_table]


with DAG(
    "content_pipeline",
    description="products of the day: prompts, images, a table",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule="@daily",
    catchup=False,  # a person asks for the past: airflow backfill create --dag-id content_pipeline …
    is_paused_upon_creation=True,  # it spends money by itself: a person starts it
    max_active_runs=2,
    # Two retries for every task, and none of them pays a second time.
    default_args={"owner": "content", "retries": 2, "free_retries": True},
    tags=["orux"],
    doc_md=__doc__,
) as dag:
    # [START howto_content_pipeline]
    @task
    def missing_products(day: str) -> list[dict[str, str]]:
        """The day's products that have no row yet."""
        weekday = pendulum.from_format(day, "YYYY-MM-DD").format("dddd", locale="en").lower()
        with PRODUCTS.open(newline="", encoding="utf-8-sig") as file:  # a spreadsheet may have written it
            products = [row for row in csv.DictReader(file) if row["weekday"] == weekday]
        with closing(table()) as database:
            there = {sku for (sku,) in database.execute("SELECT sku FROM images WHERE day = ?", (day,))}
        return [product for product in products if product["sku"] not in there]

    @task_group
    def product_image(product: dict[str, str]) -> None:
        @task(map_index_template="{{ product['sku'] }}")
        def write_prompt(product: dict[str, str]) -> str:
            return f"{product['name']} {product['scene']}, product photo, soft light"

        image = OruxGenerateImageOperator(
            task_id="image",
            model="gpt-image-2",
            prompt=write_prompt(product=product),
            options={"size": "1024x1024", "quality": "medium"},
            save_to=SAVE_TO,
            pool=POOL,
            outlets=[AssetAlias("orux_product_images")],
            map_index_template="{{ task.prompt[:80] }}",
        )

        @task(map_index_template="{{ product['sku'] }}")
        def record(product: dict[str, str], result: dict[str, Any], day: str) -> None:
            """One row; written again, it replaces itself."""
            artifact = result["artifacts"][0]
            manifest = read_manifest(result["manifest"])
            row = (
                day, product["sku"], manifest["prompt"], result["model"], result["job_id"], artifact["uri"],
                artifact["sha256"], artifact["width"], artifact["height"], result["manifest"],
            )  # fmt: skip
            with closing(table()) as database, database:
                database.execute(
                    "INSERT INTO images VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (day, sku) DO UPDATE SET"
                    " prompt=excluded.prompt, model=excluded.model, job_id=excluded.job_id, uri=excluded.uri,"
                    " sha256=excluded.sha256, width=excluded.width, height=excluded.height,"
                    " manifest=excluded.manifest",
                    row,
                )

        record(product=product, result=image.output, day=DAY)

    product_image.expand(product=missing_products(day=DAY))
    # [END howto_content_pipeline]
