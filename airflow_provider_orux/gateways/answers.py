"""What an answer holds: job ids, status words, artifacts, reasons, numbers.

Total functions: whatever JSON value comes in, a right value or None comes out, never an exception. What is read here
may become part of an error, a ledger record or an XCom, so it is bounded, printable and free of keys.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_orux.models.errors import redact
from airflow_provider_orux.models.job import DETAILS, Artifact, JobStatus, is_job_id
from airflow_provider_orux.models.secrets import without_signatures

#: Every word with which a gateway, or the software before it, says how a job is. Read in any case; any other word
#: means that the job has not ended, since giving up a job that is paid for costs more than waiting for it.
STATUS_WORDS: Mapping[str, JobStatus] = {
    "": JobStatus.QUEUED,  # Midjourney at YEScale, until the gateway's first look at its upstream
    "NOT_START": JobStatus.QUEUED,
    "QUEUED": JobStatus.QUEUED,
    "SUBMITTED": JobStatus.QUEUED,
    "PENDING": JobStatus.QUEUED,
    "THROTTLED": JobStatus.RUNNING,  # Runway
    "PROCESSING": JobStatus.RUNNING,
    "IN_PROGRESS": JobStatus.RUNNING,
    "RUNNING": JobStatus.RUNNING,
    "MODAL": JobStatus.RUNNING,  # it waits for a click that nobody makes here; it is left to the deadline
    "SUCCESS": JobStatus.SUCCEEDED,
    "SUCCEED": JobStatus.SUCCEEDED,
    "SUCCEEDED": JobStatus.SUCCEEDED,
    "COMPLETE": JobStatus.SUCCEEDED,
    "COMPLETED": JobStatus.SUCCEEDED,
    "FINISHED": JobStatus.SUCCEEDED,
    "FAIL": JobStatus.FAILED,
    "FAILED": JobStatus.FAILED,
    "FAILURE": JobStatus.FAILED,
    "ERROR": JobStatus.FAILED,
    "CANCEL": JobStatus.FAILED,
    "CANCELED": JobStatus.FAILED,
    "CANCELLED": JobStatus.FAILED,
    "EXPIRED": JobStatus.EXPIRED,
}

#: Where answers name an artifact, the most certain place first.
PLACES = (
    "url", "urls", "images", "videos", "video_url", "audio_url", "output_url", "image_url", "image", "output", "data",
    "result", "b64_json", "audio_base64", "base64", "b64",
)  # fmt: skip
#: Those of them that hold bytes: any text there is base64.
_INLINE_PLACES = frozenset({"b64_json", "audio_base64", "base64", "b64"})
#: Where answers say why a job failed, the most certain place first.
_REASONS = (
    "err_reason", "fail_reason", "failReason", "error_message", "task_status_msg", "failure_reason", "failure", "error",
    "message", "description",
)  # fmt: skip

#: Names under which an answer repeats what was asked for: an image there is an input.
REPEATED = frozenset({"input", "inputs", "request", "media_request", "config", "params", "promptImage"})

#: Artifacts of one answer; no gateway documents more than 16.
_MOST_ARTIFACTS = 1000
#: Characters; presigned URLs have two or three thousand.
_LONGEST_URL = 16_384
#: A share of a job as a text; a text of any other form says nothing.
_PERCENT = re.compile(r"\s*(\d{1,3})(?:\.\d{0,9})?\s*%?\s*")
#: Characters of a prompt as the model rewrote it; the longest that a gateway documents for a prompt.
_LONGEST_PROMPT = 32_000
#: Characters of a text that a job made: an hour of speech has 60 000.
LONGEST_TEXT = 1_000_000
#: Levels of an answer in which artifacts are looked for.
_DEEPEST = 8

_SEPARATORS = re.compile(r"[\s-]+")
_URL = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_BREAKS = str.maketrans("", "", "\t\r\n")
#: Either alphabet of base64. Without spaces, so that a sentence is not taken for bytes.
_BASE64_START = re.compile(r"[A-Za-z0-9+/_=\r\n-]{16,}")
#: The same where nothing but base64 is to be expected.
_BASE64 = re.compile(r"[A-Za-z0-9+/_=\s-]{4,}")
#: Bytes where words should be: they are not recorded.
_LONG_BYTES = re.compile(r"\s*data:|[A-Za-z0-9+/_=-]{64}", re.IGNORECASE)
_SECONDS = re.compile(r"\s*([0-9]{1,6}(?:\.[0-9]{1,9})?)\s*s?\s*")
_NUMBER = re.compile(r"\s*([+-]?[0-9]{1,9})(?:\.0+)?\s*")


def status_of(word: str) -> JobStatus:
    """The status that a word of a gateway means, in any case."""
    return STATUS_WORDS.get(_word(word), JobStatus.RUNNING)


def first_status_of(word: Any) -> JobStatus:
    """The same in the answer to a submission: no more than accepted, since only a poll holds a result."""
    status = STATUS_WORDS.get(_word(word), JobStatus.QUEUED) if isinstance(word, str) else JobStatus.QUEUED
    return JobStatus.RUNNING if status.is_terminal else status


def _word(word: str) -> str:
    return _SEPARATORS.sub("_", word[:40].strip()).upper()


def job_id_of(value: Any) -> str | None:
    """A job id that can be polled; gateways also write numbers."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    text = text.strip() if isinstance(text, str) and len(text) < 10_000 else None
    return text if is_job_id(text) else None


def number_of(value: Any) -> int | None:
    """A small whole number, also as a text (``"code": "23"``)."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    match = _NUMBER.fullmatch(value[:40] if isinstance(value, str) else str(value))
    return int(match[1]) if match else None


def code_of(value: Any) -> str | None:
    """A gateway's own code, a number or a text; a list of codes is none."""
    return words_of(value, 100) if isinstance(value, (str, int, float)) else None


def words_of(value: Any, limit: int = 500) -> str | None:
    """What a gateway says, on one line: printable, without keys, at most this many characters.

    :param value: a text, an object with a ``message``, or a list of these.
    """
    if isinstance(value, list):
        parts = [words_of(_said(item), limit) for item in value[:5]]
        value = "; ".join(part for part in parts if part)
    value = _said(value)
    if value is None or isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    text = str(value)[: 4 * limit + 200]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    text = " ".join(text.split())
    return without_signatures(redact(text))[:limit] or None


def _said(value: Any, *, depth: int = 3) -> Any:
    """The text or number in an object that says something."""
    while isinstance(value, dict) and depth:
        value, depth = (
            next((value[n] for n in ("message", "text", "msg", "code") if value.get(n)), None),
            depth - 1,
        )
    return None if isinstance(value, (dict, list)) else value


def reason_of(*places: Any) -> tuple[str | None, str | None]:
    """Why a job failed: the code and the words, from the first of these objects that have them."""
    code = words = None
    for place in places:
        if not isinstance(place, Mapping):
            continue
        error = place.get("error")
        code = code or code_of(place.get("error_code"))
        code = code or (code_of(error.get("code")) if isinstance(error, Mapping) else None)
        words = words or next(filter(None, (words_of(place.get(name)) for name in _REASONS)), None)
    return code, words


def progress_of(*places: Any) -> int | None:
    """How much of a job is done in percent, from the first of these objects that says it: ``"45%"`` or ``45``.

    Some say it as a share, 0.0 to 1.0: a number with a decimal point that is not above 1 is one.
    """
    for place in places:
        value = place.get("progress") if isinstance(place, Mapping) else None
        if isinstance(value, str) and (digits := _PERCENT.fullmatch(value)):
            value = int(digits[1])
        if isinstance(value, float) and 0 <= value <= 1:
            value *= 100
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 100:
            return int(value)
    return None


def artifacts_in(value: Any, places: Sequence[str] = PLACES, *, inline: bool = False) -> list[Artifact]:
    """The artifacts in a part of an answer: a text, a list, or an object with one of the places.

    Only ``http(s)`` URLs are URLs. A ``data:`` text is inline wherever a URL may be. What is neither is missing: the
    others are paid for, so they are kept.

    :param inline: whether a text may be base64 without a prefix.
    """
    found: list[Artifact] = []
    _collect(value, places, _BASE64_START if inline else None, _DEEPEST, found)
    return found


def artifacts_anywhere(value: Any, *, skip: Container[str] = ()) -> list[Artifact]:
    """Every URL or ``data:`` text in an answer of an unknown shape, each once.

    :param skip: names that are not looked under.
    """
    found: dict[Artifact, None] = {}
    todo = [value]
    while todo and len(found) < _MOST_ARTIFACTS:
        item = todo.pop()
        if isinstance(item, Mapping):
            todo.extend(reversed([inner for name, inner in item.items() if name not in skip]))
        elif isinstance(item, list):
            todo.extend(reversed(item))
        elif artifact := _artifact(item, None):
            found[artifact] = None
    return list(found)


def details_of(**said: Any) -> dict[str, str | float]:
    """The details of an artifact: texts on one line, a length in seconds and a seed as numbers, a cover as a URL."""
    found: dict[str, str | float | None] = {name: words_of(said.get(name), 300) for name in ("id", "title")}
    found["duration"] = seconds_of(said.get("duration"))
    found["seed"] = number_of(said.get("seed"))
    cover = _artifact(said.get("cover"), None)
    found["cover"] = cover.url if cover is not None else None
    return {name: value for name in DETAILS if (value := found.get(name)) is not None}


def seconds_of(value: Any) -> float | None:
    """A length in seconds, also as a text (``"5.1"``, ``"5s"``); None for nonsense."""
    match = _SECONDS.fullmatch(str(value)[:40]) if isinstance(value, (int, float, str)) else None
    return float(match[1]) if match else None


def at(value: Any, *names: str) -> Any:
    """What lies in an answer under these names, one inside the other; None where something else is on the way."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def images_of(data: Any) -> list[Artifact]:
    """``data: [{"url" | "b64_json", "revised_prompt"}]``, OpenAI's shape; nulls are tolerated."""
    found: list[Artifact] = []
    for item in data if isinstance(data, list) else ():
        revised = item.get("revised_prompt") if isinstance(item, Mapping) else None
        for artifact in artifacts_in(item, ("url", "b64_json", "image_url"))[:1]:
            if isinstance(revised, str) and revised and not _LONG_BYTES.match(revised):
                artifact = Artifact(artifact.url, artifact.inline, revised[:_LONGEST_PROMPT])
            found.append(artifact)
    return found[:_MOST_ARTIFACTS]


def _collect(
    value: Any, places: Iterable[str], base64: re.Pattern[str] | None, depth: int, found: list[Artifact]
) -> None:
    if depth == 0 or len(found) >= _MOST_ARTIFACTS:
        return
    if isinstance(value, list):
        for item in value:
            _collect(item, places, base64, depth - 1, found)
    elif isinstance(value, dict):
        before = len(found)
        for name in places:
            if inner := value.get(name):
                _collect(inner, places, _BASE64 if name in _INLINE_PLACES else base64, depth - 1, found)
            if len(found) > before:
                return
    elif (artifact := _artifact(value, base64)) is not None:
        found.append(artifact)


def _artifact(value: Any, base64: re.Pattern[str] | None) -> Artifact | None:
    text = value.strip() if isinstance(value, str) else ""
    if text[:5].lower() == "data:":
        return Artifact(inline=text) if "," in text[:1024] else None
    if _URL.match(text):
        # A browser drops line breaks inside a URL as well, and writes a space like this.
        url = text[: _LONGEST_URL + 1].translate(_BREAKS).replace(" ", "%20")
        return Artifact(url=url) if len(text) <= _LONGEST_URL and url.isprintable() else None
    return Artifact(inline=text) if base64 is not None and base64.fullmatch(text[:256]) else None
