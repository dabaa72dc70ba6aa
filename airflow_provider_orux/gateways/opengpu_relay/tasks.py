"""Relay's tasks: job ids to poll, and what a task made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from airflow_provider_orux.gateways.answers import artifacts_in, job_id_of
from airflow_provider_orux.gateways.base import not_a_job_id, require_id
from airflow_provider_orux.models.job import Artifact, is_job_id

TASKS = "/v2/tasks/"
#: Prefix of the job id of a task with a ``poll_url`` other than ``/v2/tasks/{task_id}``.
PATH_HANDLE = "path:"
#: Where a result holds what was made. The longest of the lists is taken: base64 and URLs of the same images may be both
#: there, and one of them incomplete.
_LISTS = ("urls", "images", "videos", "data")
_SINGLE = ("url", "video_url", "audio_url", "image_url", "image", "b64_json", "audio_base64")


def handle_of(value: Mapping[str, Any], *, host: str, address_first: bool = False) -> str | None:
    """The job id of a submission: the task id, or the path of another ``poll_url`` on the same origin.

    A ``poll_url`` on another origin is never followed; the task id is enough. None if there is neither.

    :param host: the vendor's own host, for a ``poll_url`` with one.
    :param address_first: whether to prefer the ``task_address`` (generation 1) if there are both.
    """
    names = ("task_address", "task_id") if address_first else ("task_id", "task_address")
    named = tuple(value.get(name) for name in names)
    task_id = next(filter(None, map(job_id_of, named)), None)
    usable = task_id if task_id is not None and not task_id.startswith(PATH_HANDLE) else None
    poll_url = value.get("poll_url")
    if not isinstance(poll_url, str) or not poll_url:
        return usable
    if poll_url.startswith(host + "/"):
        poll_url = poll_url.removeprefix(host)
    try:
        parts = urlsplit(poll_url)
        kept = urlencode([(k, v) for k, v in parse_qsl(parts.query) if k != "wait"])
    except ValueError:
        return usable
    path = own_path(parts.path)
    if parts.scheme or parts.netloc or path is None:
        return usable
    if usable is not None and unquote(path) == TASKS + usable and not parts.query:
        return usable
    handle = PATH_HANDLE + quote(f"{path}?{kept}" if kept else path, safe="")
    return handle if is_job_id(handle) else usable


def address_of(job_id: str, *, gateway: str) -> tuple[str, dict[str, str]]:
    """Path and query for polling a job.

    :raises InvalidRequestError: it is not a job id of this gateway.
    """
    raw = require_id(job_id, gateway=gateway)
    if not raw.startswith(PATH_HANDLE):
        return TASKS + quote(raw, safe=":"), {}
    try:
        parts = urlsplit(unquote(raw.removeprefix(PATH_HANDLE)))
        query = dict(parse_qsl(parts.query))
    except ValueError:
        raise not_a_job_id(job_id, gateway=gateway) from None
    path = own_path(parts.path)
    if path is None or parts.scheme or parts.netloc:
        raise not_a_job_id(job_id, gateway=gateway)
    return quote(path, safe="/%:@!$&'()*+,;=~"), query


def own_path(path: str) -> str | None:
    """A plain path on the same host; None otherwise."""
    plain = unquote(path)
    if not re.fullmatch(r"/(?!/)[^\s\\?#]{1,500}", plain) or ".." in plain.split("/"):
        return None
    return path


def artifacts_of(value: Mapping[str, Any]) -> list[Artifact]:
    """What a result holds. Tells URLs and base64 apart by their content, since routes and generations differ.

    An entry that is neither is missing; the others are paid for, so they are kept.
    """
    lists = [artifacts_in(value.get(name), inline=True) for name in _LISTS]
    return max(lists, key=len) or artifacts_in(value, _SINGLE, inline=True)
