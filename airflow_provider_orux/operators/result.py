"""The small JSON value that every generating task returns, and the XComs its parts are pushed under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_orux.models.job import Job


def build_result(
    *,
    job: Job,
    conn_id: str,
    artifacts: Sequence[Mapping[str, Any]] | None = None,
    manifest: str | None = None,
    requested: int | None = None,
    push_urls: bool = True,
    charged: str | None = None,
    model: str | None = None,
) -> dict[str, Any]:
    """The result: ids, links and facts, never bytes.

    :param artifacts: what was saved; None when nothing was saved: then the links of the job stand in.
    :param push_urls: False keeps links out of it (some links are capabilities) once the artifacts are saved.
    :param charged: what is known of the charge, where the job itself does not say.
    """
    if artifacts is None:
        items: list[dict[str, Any]] = [{"uri": None, "url": a.url} for a in job.artifacts]
    else:
        items = [dict(a) for a in artifacts]
        if not push_urls:
            items = [{**item, "url": None} for item in items]
    result: dict[str, Any] = {
        "job_id": job.job_id,
        "conn_id": conn_id,
        "status": job.status.value,
        "model": job.model or model,
        "gateway": job.gateway,
        "charged": charged if charged is not None and job.charged == "unknown" else job.charged,
        "price": job.price,
        "currency": job.currency,
        "requested": requested,
        "returned": len(items),
        "artifacts": items,
        "manifest": manifest,
    }
    if job.text is not None:
        result["text"] = job.text
    return result


def push_result(ti: Any, result: Mapping[str, Any]) -> None:
    """Push the parts of a result under their own keys, since ``op.output["urls"]`` reads the XCom key ``urls``."""
    items = result["artifacts"]
    ti.xcom_push("job_id", result["job_id"])
    ti.xcom_push("conn_id", result["conn_id"])
    ti.xcom_push("urls", [i["url"] for i in items if i.get("url")])
    ti.xcom_push("uris", [i["uri"] for i in items if i.get("uri")])
    if result.get("text") is not None:
        ti.xcom_push("text", result["text"])


def push_job(ti: Any, *, job_id: str, conn_id: str) -> None:
    """Push what a follow-up needs, before the task defers: the XComs of an earlier try are gone."""
    ti.xcom_push("job_id", job_id)
    ti.xcom_push("conn_id", conn_id)


def first_link(result: Mapping[str, Any]) -> str | None:
    """What the task's link opens: the first artifact's link at the gateway, else where it was saved."""
    for key in ("url", "uri"):
        for item in result["artifacts"]:
            if item.get(key):
                return str(item[key])
    return None
