"""The links from a task in the Airflow UI: its gallery, its first artifact, the manifest, the job at the gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from airflow.sdk import BaseOperatorLink

from airflow_provider_orux.compat import conf

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class OruxArtifactLink(BaseOperatorLink):
    """Opens the first artifact: in the console of the store it was saved to, else at the gateway's URL.

    Never a presigned address: Airflow keeps links as XComs. Only http(s) addresses become links.
    """

    name = "Artifact"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The link; empty if there is nothing to show.

        Airflow asks on the worker, after each run of the task (a deferral included), and keeps the answer as an XCom.
        The operator notes the facts itself: reading them back from an XCom that is not there yet would log an error.
        """
        items = [item for item in _facts(operator).get("artifacts") or () if isinstance(item, Mapping)]
        found = [console_url(str(item.get("uri") or "")) for item in items]
        return next(filter(None, [*found, *(_web(item.get("url")) for item in items)]), "")


class OruxGalleryLink(BaseOperatorLink):
    """Opens the gallery of the task."""

    name = "Gallery"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The link to the task's tab in the Airflow UI; empty where the gallery is switched off."""
        if not conf.getboolean("orux", "gallery", fallback=True):
            return ""
        mapped = f"/mapped/{ti_key.map_index}" if ti_key.map_index >= 0 else ""
        path = (
            f"dags/{_part(ti_key.dag_id)}/runs/{_part(ti_key.run_id)}/tasks/{_part(ti_key.task_id)}{mapped}"
        )
        return f"{_airflow()}/{path}/plugin/orux-task-instance"


class OruxManifestLink(BaseOperatorLink):
    """Opens the manifest of what was saved, as the gallery shows it."""

    name = "Manifest"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The link; empty if nothing was saved, or the gallery shows no files."""
        shown = conf.getboolean("orux", "gallery", fallback=True) and conf.get(
            "orux", "gallery_roots", fallback=""
        )
        facts = _facts(operator)
        if not facts.get("manifest") or facts.get("reused_from") or not shown:
            return ""
        query = {"run_id": ti_key.run_id, "task_id": ti_key.task_id, "map_index": ti_key.map_index}
        return f"{_airflow()}/orux/dags/{_part(ti_key.dag_id)}/manifest?{urlencode(query)}"


class OruxJobLink(BaseOperatorLink):
    """Opens the job in the gateway's own pages, where ``[orux] job_pages`` says what their addresses are.

    No gateway documents such an address.
    """

    name = "Job"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The link; empty if the address is not known."""
        facts = _facts(operator)
        try:
            pages = json.loads(conf.get("orux", "job_pages", fallback="") or "{}")
            page = pages.get(facts.get("conn_id")) or pages.get(facts.get("gateway")) or ""
        except (ValueError, AttributeError, TypeError):
            return ""
        if not facts.get("job_id") or "{job_id}" not in str(page):
            return ""
        return _web(str(page).replace("{job_id}", _part(str(facts["job_id"]))))


#: The links of every task that has to do with a job.
LINKS = (OruxGalleryLink(), OruxArtifactLink(), OruxManifestLink(), OruxJobLink())


def console_url(uri: str) -> str:
    """Where the owner of a bucket looks at an object in a browser, after a login; empty for other places.

    The addresses are those that the consoles of AWS and Google show (inferred), and a blob's own address at Azure.
    """
    scheme, _, rest = uri.partition("://")
    place, _, path = rest.partition("/")
    before, _, place = place.rpartition("@")
    if not place or not path:
        return ""
    if scheme in ("s3", "s3a"):
        return f"https://console.aws.amazon.com/s3/object/{_part(place)}?{urlencode({'prefix': path})}"
    if scheme in ("gs", "gcs"):
        return f"https://console.cloud.google.com/storage/browser/_details/{_part(place)}/{quote(path)}"
    if scheme in ("abfs", "abfss", "wasb", "wasbs") and "." in place and before:
        account = place.partition(".")[0]
        return f"https://{_part(account)}.blob.core.windows.net/{_part(before)}/{quote(path)}"
    return ""


def _facts(operator: Any) -> Mapping[str, Any]:
    return getattr(operator, "link_facts", None) or {}


def _web(value: Any) -> str:
    return value if isinstance(value, str) and value.lower().startswith(("http://", "https://")) else ""


def _airflow() -> str:
    """Airflow's own address, so far as a worker knows it: else the links begin at the server's root."""
    return str(conf.get("api", "base_url", fallback="") or "").rstrip("/")


def _part(text: str) -> str:
    return quote(text, safe="")
