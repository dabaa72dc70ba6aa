"""Asset events: one for each saved artifact, for an ``AssetAlias`` among a task's outlets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

#: Characters of an asset's URI (and name) in Airflow's database.
LONGEST_ASSET_URI = 1500
#: What need not be encoded in a path (RFC 3986, 3.3).
_PATH = "/:@!$&'()*+,;=~"


def add_asset_events(context: Any, outlets: Sequence[Any], result: Mapping[str, Any], *, log: Any) -> None:
    """Add an event for each saved artifact of a result. A failure is only logged."""
    from airflow.sdk import Asset, AssetAlias

    for alias in outlets:
        if not isinstance(alias, AssetAlias):
            continue
        for artifact in result["artifacts"]:
            if not artifact.get("uri"):
                continue
            extra = {
                "job_id": result["job_id"],
                "sha256": artifact.get("sha256"),
                "manifest": result["manifest"],
            }
            try:
                context["outlet_events"][alias].add(Asset(asset_uri(artifact["uri"])), extra=extra)
            except Exception as e:
                # The result is paid for and saved: no event is worth failing the task.
                log.warning("No asset event for %s: %s: %s", artifact["uri"], type(e).__name__, e)


def asset_uri(uri: str) -> str:
    """The URI of an asset for an artifact: percent-encoded (RFC 3986), without the id of a connection.

    Airflow's API server refuses a task's success for a URI that is not ASCII or too long, and reads ``#`` and ``?`` as
    the end of the path.

    :raises ValueError: it is longer than Airflow takes.
    """
    scheme, _, rest = uri.partition("://")
    place, slash, path = rest.partition("/")
    place = quote(place.rpartition("@")[2], safe=":[]")
    encoded = f"{scheme}://{place}{slash}{quote(path, safe=_PATH)}"
    if len(encoded) > LONGEST_ASSET_URI:
        raise ValueError(f"its URI has {len(encoded)} characters, Airflow takes {LONGEST_ASSET_URI}")
    return encoded
