"""A gallery page of all product images, rewritten whenever the DAG `content_pipeline` has saved a new one.

It is scheduled on the asset alias of that DAG, so its runs have no logical date. It pays nothing.
"""

from __future__ import annotations

from html import escape

import pendulum
from airflow.sdk import DAG, AssetAlias, ObjectStoragePath, Variable, task

from airflow_provider_orux.storage import read_manifest

with DAG(
    "product_gallery",
    description="consumes the asset events of content_pipeline: one page with all its images",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    schedule=[AssetAlias("orux_product_images")],
    default_args={"owner": "content"},
    tags=["orux"],
    doc_md=__doc__,
) as dag:
    # [START howto_asset_events]
    @task
    def new_images(triggering_asset_events=None) -> list[str]:  # type: ignore[no-untyped-def]
        """The images whose events started this run; the event's extra names the manifest and the job."""
        events = [event for found in triggering_asset_events.values() for event in found]
        for event in events:
            print(event.asset.uri, event.extra["job_id"], event.extra["manifest"])
        return [event.asset.uri for event in events]

    # [END howto_asset_events]

    @task(retries=2)
    def write_page() -> str:
        """A page with every image that has a manifest; returns its URI."""
        folder = ObjectStoragePath(Variable.get("orux_save_to", default="/tmp/orux")) / "content_pipeline"  # noqa: S108
        figures = []
        for path in sorted(folder.glob("**/manifest.json")):
            manifest = read_manifest(str(path))
            for artifact in manifest["artifacts"]:
                image = f"{path.parent.parent.name}/{path.parent.name}/{artifact['name']}"
                figures.append(
                    f'<figure><img src="{escape(image)}" width="320">'
                    f"<figcaption>{escape(manifest['prompt'])}</figcaption></figure>"
                )
        page = folder / "gallery.html"
        page.write_text("<!doctype html><title>Product images</title>\n" + "\n".join(figures))
        return str(page)

    new_images() >> write_page()
