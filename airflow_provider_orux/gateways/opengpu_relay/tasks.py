"""Relay's tasks: job ids to poll, and what a task made."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from airflow_provider_orux.gateways.answers import LONGEST_TEXT, artifacts_in, job_id_of, words_of
from airflow_provider_orux.gateways.job_ids import not_a_job_id, require_id
from airflow_provider_orux.models.job import FACTS_OF_A_RESULT, Artifact, is_job_id

TASKS = "/v2/tasks/"
#: Where the runs of workflows are; their ids begin with ``wf:``.
RUNS = "/v2/workflows/runs/"
RUN = "wf:"
#: Prefix of the job id of a task with a ``poll_url`` other than ``/v2/tasks/{task_id}``.
PATH_HANDLE = "path:"
#: Where a result holds what was made. The longest of the lists is taken: base64 and URLs of the same images may be both
#: there, and one of them incomplete.
_LISTS = ("urls", "images", "videos", "data")
#: Larger numbers are none that a result has.
_LARGEST = 1e15
#: Media types of a transcript's further forms.
_FORMATS = {"srt": "application/x-subrip", "txt": "text/plain", "segmented_json": "application/json"}
_MOST_FORMATS = 20
#: Parts of a chat model's answer.
_MOST_PARTS = 1000
_SINGLE = ("url", "video_url", "audio_url", "image_url", "image", "b64_json", "audio_base64")


def handle_of(value: Mapping[str, Any], *, host: str, address_first: bool = False) -> str | None:
    """The job id of a submission: the task id, or the path of another ``poll_url`` on the same origin.

    A ``poll_url`` on another origin is never followed; the task id is enough. None if there is neither.

    :param host: the vendor's own host, for a ``poll_url`` with one.
    :param address_first: whether to prefer the ``task_address`` (generation 1) if there are both.
    """
    names = ("task_address", "task_id") if address_first else ("task_id", "task_address")
    named = tuple(value.get(name) for name in (*names, "run_id"))
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
    if usable is not None and unquote(path) in (_place(usable), TASKS + usable) and not parts.query:
        return usable
    handle = PATH_HANDLE + quote(f"{path}?{kept}" if kept else path, safe="")
    return handle if is_job_id(handle) else usable


def address_of(job_id: str, *, gateway: str) -> tuple[str, dict[str, str]]:
    """Path and query for polling a job.

    :raises InvalidRequestError: it is not a job id of this gateway.
    """
    raw = require_id(job_id, gateway=gateway)
    if not raw.startswith(PATH_HANDLE):
        return quote(_place(raw), safe="/:"), {}
    try:
        parts = urlsplit(unquote(raw.removeprefix(PATH_HANDLE)))
        query = dict(parse_qsl(parts.query))
    except ValueError:
        raise not_a_job_id(job_id, gateway=gateway) from None
    path = own_path(parts.path)
    if path is None or parts.scheme or parts.netloc:
        raise not_a_job_id(job_id, gateway=gateway)
    return quote(path, safe="/%:@!$&'()*+,;=~"), query


def is_run(job_id: str) -> bool:
    """Whether a job is the run of a workflow."""
    return job_id.startswith(RUN)


def _place(raw: str) -> str:
    return (RUNS if is_run(raw) else TASKS) + raw


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
    found = max(lists, key=len) or artifacts_in(value, _SINGLE, inline=True)
    declared = value.get("content_type")
    declared = declared.strip().lower()[:100] if isinstance(declared, str) else None
    details = details_of(value)
    found = [replace(one, media_type=declared if one.inline else None, details=details) for one in found]
    return found + _formats_of(value.get("additional_formats"))


def text_of(value: Mapping[str, Any]) -> str | None:
    """The words of a result: a transcript, or the answer of a chat model in OpenAI's or Anthropic's shape."""
    said = value.get("text")
    choices = value.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        message = choices[0].get("message")
        said = message.get("content") if isinstance(message, Mapping) else None
    elif value.get("type") == "message":
        said = value.get("content")
    if isinstance(said, list):
        parts = [part.get("text") for part in said[:_MOST_PARTS] if isinstance(part, Mapping)]
        said = "".join(part for part in parts if isinstance(part, str))
    return said[:LONGEST_TEXT] if isinstance(said, str) else None  # that of silence is empty


def details_of(value: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """What a result says of what was made: numbers and short words, under the vendor's own names."""
    found: dict[str, str | int | float | bool] = {}
    for name in FACTS_OF_A_RESULT:
        item = value.get(name)
        if isinstance(item, str):
            item = words_of(item, 100)
        if isinstance(item, (str, bool)) or (isinstance(item, (int, float)) and abs(item) < _LARGEST):
            found[name] = item
    return found


def cost_of_run(value: Mapping[str, Any]) -> float | None:
    """USD of a workflow's run; None: not settled. A step's cost comes a second or two after its end; 0 till then."""
    steps = value.get("steps")
    total = 0.0
    for step in steps if isinstance(steps, list) else ():
        cost = step.get("cost_usd") if isinstance(step, Mapping) else None
        if isinstance(cost, bool) or not isinstance(cost, (int, float)) or not 0 < cost < _LARGEST:
            return None
        total += cost
    return round(total, 9) or None


def _formats_of(value: Any) -> list[Artifact]:
    """A transcript's further forms, as subtitles: ``[{content, content_type, is_base64_encoded}]`` (inferred)."""
    found = []
    for item in value[:_MOST_FORMATS] if isinstance(value, list) else ():
        content = item.get("content") if isinstance(item, Mapping) else None
        if not isinstance(content, str) or not content:
            continue
        wanted = words_of(item.get("requested_format") or item.get("format"), 40) or ""
        media_type = _FORMATS.get(wanted, "text/plain")
        if item.get("is_base64_encoded") is not True:
            content = base64.b64encode(content.encode("utf-8", "replace")).decode()
        elif wanted not in _FORMATS:
            media_type = "application/octet-stream"  # docx, pdf
        found.append(
            Artifact(
                inline=f"data:{media_type};base64,{content}",
                media_type=media_type,
                details={"format": wanted},
            )
        )
    return found
