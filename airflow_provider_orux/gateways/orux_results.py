"""What a finished task of Orux AI made: `result_urls`, and a `result` whose shape is not documented.

"`result` is populated" (page Tasks, once). A song has "lyrics + cover art" (page Audio), and no page says where: among
the URLs, or in `result`. Both are read. Total functions: whatever JSON value comes in, no exception comes out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_orux.gateways.answers import (
    LONGEST_TEXT,
    artifacts_anywhere,
    artifacts_in,
    details_of,
)
from airflow_provider_orux.models.job import Artifact

#: Where a `result` may hold the cover of a song, and its words.
_COVERS = ("cover_url", "cover", "cover_image_url")
_WORDS = ("lyrics", "text")
#: Where an entry of a `result` may name the file that it is about.
_FILES = ("audio_url", "video_url", "url", "image_url")
#: Entries of a `result` that are looked at.
_MOST = 1000


def results_of(task: Mapping[str, Any]) -> tuple[tuple[Artifact, ...], str | None]:
    """The artifacts of a task that succeeded, each with what the answer tells of it, and the words of a song."""
    artifacts, result = artifacts_in(task.get("result_urls")), task.get("result")
    if not artifacts:
        artifacts = artifacts_in(result) or artifacts_anywhere(result)
    else:
        # Only a cover besides: a result may repeat what was asked for.
        artifacts = list(dict.fromkeys([*artifacts, *artifacts_in(result, _COVERS)]))
    told = {url: entry for entry in _entries(result) if (url := _file_of(entry)) is not None}
    detailed = (replace(a, details=_details(told.get(a.url or "", {}))) for a in artifacts)
    return tuple(detailed), _words(result)


def _words(result: Any) -> str | None:
    if not isinstance(result, Mapping):
        return None
    words = (result.get(name) for name in _WORDS)
    return next((w[:LONGEST_TEXT] for w in words if isinstance(w, str) and w.strip()), None)


def _entries(result: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in a result, the inner ones last: they say more of their file."""
    todo, seen = deque([result]), 0
    while todo and seen < _MOST:
        item = todo.popleft()
        seen += 1
        if isinstance(item, Mapping):
            yield item
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item[:_MOST])


def _file_of(entry: Mapping[str, Any]) -> str | None:
    """The URL of the file that an entry is about; beside a song an image is its cover."""
    urls = (a.url for name in _FILES for a in artifacts_in(entry.get(name), ())[:1])
    return next((url for url in urls if url is not None), None)


def _details(entry: Mapping[str, Any]) -> dict[str, str | float]:
    return details_of(
        id=entry.get("clip_id") or entry.get("id"),
        title=entry.get("title"),
        duration=entry.get("duration"),
        seed=entry.get("seed"),
        cover=next((entry[name] for name in (*_COVERS, "image_url") if entry.get(name)), None),
    )
