"""Relay's tasks: job ids to poll, and what a task made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from airflow_provider_orux.gateways.base import require_id
from airflow_provider_orux.models.job import Artifact, JobStatus

STATUSES = {
    "queued": JobStatus.QUEUED,
    "running": JobStatus.RUNNING,
    "completed": JobStatus.SUCCEEDED,
    "failed": JobStatus.FAILED,
}

TASKS = "/v2/tasks/"
#: Prefix of the job id of a task with a ``poll_url`` other than ``/v2/tasks/{task_id}``.
PATH_HANDLE = "path:"

_TASK_ID = re.compile(r"[^\s/?#\\]{1,300}")
_BASE64_START = re.compile(r"[A-Za-z0-9+/=\r\n]{16,}")


def handle_of(value: Mapping[str, Any], *, host: str, address_first: bool = False) -> str | None:
    """The job id of a submission: the task id, or the path of another ``poll_url`` on the same origin.

    A ``poll_url`` on another origin is never followed; the task id is enough. None if there is neither.

    :param host: the vendor's own host, for a ``poll_url`` with one.
    :param address_first: whether to prefer the ``task_address`` (generation 1) if there are both.
    """
    names = ("task_address", "task_id") if address_first else ("task_id", "task_address")
    named = tuple(value.get(name) for name in names)
    task_id = next((v for v in named if isinstance(v, str) and _TASK_ID.fullmatch(v)), None)
    usable = task_id if task_id is not None and not task_id.startswith(PATH_HANDLE) else None
    poll_url = value.get("poll_url")
    if not isinstance(poll_url, str) or not poll_url:
        return usable
    if poll_url.startswith(host + "/"):
        poll_url = poll_url.removeprefix(host)
    parts = urlsplit(poll_url)
    path = own_path(parts.path)
    if parts.scheme or parts.netloc or path is None:
        return usable
    if usable is not None and unquote(path) == TASKS + usable and not parts.query:
        return usable
    kept = urlencode([(k, v) for k, v in parse_qsl(parts.query) if k != "wait"])
    return PATH_HANDLE + quote(f"{path}?{kept}" if kept else path, safe="")


def address_of(job_id: str, *, gateway: str) -> tuple[str, dict[str, str]]:
    """Path and query for polling a job.

    :raises InvalidRequestError: it is not a job id of this gateway.
    """
    raw = require_id(job_id, gateway=gateway)
    if not raw.startswith(PATH_HANDLE):
        return TASKS + quote(raw, safe=":"), {}
    parts = urlsplit(unquote(raw.removeprefix(PATH_HANDLE)))
    path = own_path(parts.path)
    if path is None or parts.scheme or parts.netloc:
        require_id(job_id, gateway=gateway, pattern="(?!)")
    return str(path), dict(parse_qsl(parts.query))


def own_path(path: str) -> str | None:
    """A plain path on the same host; None otherwise."""
    plain = unquote(path)
    if not re.fullmatch(r"/(?!/)[^\s\\?#]{1,500}", plain) or ".." in plain.split("/"):
        return None
    return path


def artifacts_of(value: Mapping[str, Any]) -> tuple[Artifact, ...]:
    """Tells URLs and base64 apart by their content, since routes and generations differ.

    An entry that is neither is a missing image; the others are paid for, so they are kept.

    :raises ValueError: there is no image.
    """
    lists = [value.get("urls"), value.get("images")]
    read = [
        [artifact for artifact in map(_artifact, [items] if isinstance(items, str) else items) if artifact]
        for items in lists
        if isinstance(items, (str, list))
    ]
    artifacts = max(read, key=len, default=[])
    if not artifacts:
        given = any(lists)
        raise ValueError(
            "no image that is a URL or base64" if given else "a result without `images` and `urls`"
        )
    return tuple(artifacts)


def _artifact(item: Any) -> Artifact | None:
    text = (item.get("url") or item.get("b64_json")) if isinstance(item, Mapping) else item
    if not isinstance(text, str):
        return None
    if text.startswith(("https://", "http://")):
        return Artifact(url=text)
    return (
        Artifact(inline=text)
        if text.startswith("data:image/") or _BASE64_START.fullmatch(text[:256])
        else None
    )


def words(value: Any) -> str:
    """An error as text, as in generation 2."""
    if isinstance(value, Mapping):
        return str(value.get("message") or value.get("code") or value)
    return str(value)
