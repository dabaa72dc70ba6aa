"""The real answer with one kind of value changed: what a gateway may well send, and a careless reader trips over."""

from __future__ import annotations

import base64
import json
import textwrap
from collections.abc import Callable
from typing import Any

from orux_sandbox.http.malformed import tiny_png
from orux_sandbox.wire import Answer, Then

#: Where the gateways name a job: ``result`` and ``data`` as texts in answers of YEScale's Midjourney and Suno.
_ID_FIELDS = ("task_id", "id", "task_address", "result", "data")
_STATUS_FIELDS = ("status", "task_status")
#: A status in another gateway's words and another case.
_OTHER_WORDS = {
    "SUCCESS": "Succeeded",
    "SUCCEED": "COMPLETED",
    "COMPLETED": "finished",
    "FAILED": "Failure",
    "FAILURE": "error",
    "QUEUED": "Pending",
    "SUBMITTED": "pending",
    "RUNNING": "in progress",
    "IN_PROGRESS": "Processing",
    "PROCESSING": "Throttled",
}


def answer(then: Then, real: Answer) -> Answer:
    """The answer as the fault has it; unchanged where it is not JSON."""
    try:
        value = json.loads(real.body)
    except ValueError:
        return real
    # Escaped: half an emoji cannot be written otherwise.
    return Answer(real.status, real.headers, json.dumps(_KINDS[str(then.rewrite)](value)).encode())


def naming_a_job(refusal: Answer, real: Answer | None) -> Answer:
    """A refusal that holds a job's id: that of the job that was accepted after all, if one was."""
    try:
        value, made = json.loads(refusal.body), json.loads(real.body) if real is not None else None
    except ValueError:
        return refusal
    found = _first_id(made)
    return Answer.of_json(
        refusal.status, {**value, "task_id": "job-0" if found is None else found}, refusal.headers
    )


def _first_id(value: Any) -> Any:
    if isinstance(value, dict):
        for name in _ID_FIELDS:
            found = _first_id(value[name]) if isinstance(value.get(name), dict) else value.get(name)
            if isinstance(found, (str, int)) and found:
                return found
    return None


def _mapped(value: Any, change: Callable[[str, Any], Any], name: str = "") -> Any:
    """Every text and number of a JSON value, changed with the name of its field."""
    if isinstance(value, dict):
        return {key: _mapped(item, change, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_mapped(item, change, name) for item in value]
    return change(name, value)


def _ids(make: Callable[[str], Any]) -> Callable[[Any], Any]:
    def change(name: str, value: Any) -> Any:
        is_id = name in (*_ID_FIELDS, "poll_url") and isinstance(value, (str, int)) and not _is_url(value)
        return make(str(value)) if is_id and not _is_base64(value) else value

    return lambda value: _mapped(value, change)


def _base64(spell: Callable[[str], str]) -> Callable[[Any], Any]:
    return lambda value: _mapped(value, lambda _, item: spell(item) if _is_base64(item) else item)


def _urls(make: Callable[[str], str]) -> Callable[[Any], Any]:
    return lambda value: _mapped(value, lambda _, item: make(item) if _is_url(item) else item)


def _other_words(value: Any) -> Any:
    def change(name: str, item: Any) -> Any:
        known = name in _STATUS_FIELDS and isinstance(item, str)
        return _OTHER_WORDS.get(item.upper(), item) if known else item

    return _mapped(value, change)


def _broken_entries(value: Any) -> Any:
    """Every second entry of a list is broken, each in another way."""
    if not isinstance(value, list):
        return value
    ways: tuple[Callable[[Any], Any], ...] = (
        lambda entry: {**entry, "status": 5},
        lambda entry: {**entry, "status": "SUCCESS", "imageUrl": 10**400},
        lambda entry: entry.get("id"),
        lambda entry: [entry],
    )
    return [
        ways[at // 2 % len(ways)](entry) if at % 2 and isinstance(entry, dict) else entry
        for at, entry in enumerate(value)
    ]


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _is_base64(value: Any) -> bool:
    return isinstance(value, str) and len(value) > 500 and " " not in value[:500] and not _is_url(value)


def _data_url(_: str) -> str:
    return f"data:image/png;base64,{base64.b64encode(tiny_png()).decode()}"


_KINDS: dict[str, Callable[[Any], Any]] = {
    "another_id": _ids(lambda given: f"another-{given[-8:]}"),
    "unusable_id": _ids(lambda given: f"a/b {given}"),
    "data_urls": _urls(_data_url),
    "spaced_urls": _urls(lambda url: f" {url}\n"),
    "script_urls": _urls(lambda _: "javascript:alert(1)"),
    "unpadded_base64": _base64(lambda text: text.rstrip("=")),
    "url_safe_base64": _base64(lambda text: text.replace("+", "-").replace("/", "_").rstrip("=")),
    "wrapped_base64": _base64(lambda text: "\r\n".join(textwrap.wrap(text, 76))),
    "other_words": _other_words,
    "broken_entries": _broken_entries,
    "huge_numbers": lambda value: (
        {**value, "created": 10**400, "zz": "\ud83d"} if isinstance(value, dict) else value
    ),
}
