"""From a finished job to saved artifacts: the settings, what the manifest says, the asset events."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_orux import __version__
from airflow_provider_orux.hooks.connection import GatewayConnection
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.operators.identity import TaskIdentity

if TYPE_CHECKING:
    from airflow_provider_orux.storage import StorageSettings

RecordPrompt = Literal["full", "hash"]


def storage_settings(connection: GatewayConnection) -> StorageSettings:
    """How artifacts are fetched over a connection: its limits, its proxy and certificates, never its key."""
    from airflow_provider_orux.storage import StorageSettings

    extra = connection.extra
    return StorageSettings(
        allow_private_hosts=extra.allow_private_hosts,
        max_artifact_mib=extra.max_artifact_mib,
        max_pixels=extra.max_pixels,
        connect_timeout=extra.connect_timeout,
        read_timeout=max(extra.read_timeout, 60.0),
        proxy=extra.proxy,
        ca_path=extra.ca_path,
    )


def provenance(
    *,
    job: Job,
    conn_id: str,
    host: str,
    identity: TaskIdentity,
    request: GenerationRequest | None = None,
    record_prompt: RecordPrompt = "full",
    requested: int | None = None,
    charged: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the manifest says of how the artifacts came to be.

    :param record_prompt: ``hash``: the manifest holds the prompt's SHA-256 instead of the prompt.
    """
    value: dict[str, Any] = {
        "gateway": job.gateway,
        "host": host,
        "conn_id": conn_id,
        "job_id": job.job_id,
        "model": job.model,
    }
    if request is not None:
        fields = {**request.fields(), **request.extra_body}
        parent, index = fields.pop("parent_job_id", None), fields.pop("index", None)
        if record_prompt == "hash":
            for name in [n for n, v in fields.items() if isinstance(v, str) and _is_prompt(n)]:
                text = str(fields.pop(name))
                value[f"{name}_sha256"] = hashlib.sha256(text.encode()).hexdigest()
        elif "prompt" in fields:
            value["prompt"] = fields.pop("prompt")
        value |= {"model": request.model_id or job.model, "verb": request.verb, "parameters": fields}
        if parent is not None:
            value["parent_job_id"] = parent
        if index is not None:
            value["index"] = index
    value |= {
        "dag_id": identity.dag_id,
        "run_id": identity.run_id,
        "task_id": identity.task_id,
        "map_index": identity.map_index,
        "submitted_at": job.submitted_at,
        "finished_at": job.finished_at,
        "charged": charged if charged is not None and job.charged == "unknown" else job.charged,
        "price": job.price,
        "currency": job.currency,
        "requested": requested,
        "returned": len(job.artifacts),
        "provider_version": __version__,
    }
    return value | dict(extra or {})


def announce(outlets: Sequence[Any], context: Any, result: Mapping[str, Any]) -> None:
    """Add an asset event for each saved artifact of a result to the task's ``AssetAlias`` outlets."""
    from airflow.sdk import Asset, AssetAlias

    for alias in outlets:
        if isinstance(alias, AssetAlias):
            for artifact in result["artifacts"]:
                if artifact.get("uri"):
                    context["outlet_events"][alias].add(
                        Asset(artifact["uri"]),
                        extra={
                            "job_id": result["job_id"],
                            "sha256": artifact.get("sha256"),
                            "manifest": result["manifest"],
                        },
                    )


def _is_prompt(name: str) -> bool:
    return name in ("prompt", "negative_prompt", "lyrics")
