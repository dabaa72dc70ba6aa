"""Plain HTTP values (``HttpRequest``, ``HttpResponse``), which gateways build and read and clients send."""

from __future__ import annotations

import enum
import json
import re
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_orux.gateways.answers import job_id_of
from airflow_provider_orux.gateways.times import http_date, retry_after
from airflow_provider_orux.models.errors import UnexpectedResponseError, redact
from airflow_provider_orux.models.secrets import SHORTEST, blank, without_signatures

#: Commas and brackets of an answer: a few bytes each on the wire, and about 150 in memory. A long image is one value.
MOST_VALUES = 300_000


class Purpose(enum.Enum):
    """What a request is for; decides whether it may be retried."""

    #: It may be charged: sent once, never again unless it is proven that nothing was accepted.
    PAY = "pay"
    #: It costs nothing to repeat.
    READ = "read"


#: Bytes of a key in its longest spelling.
_LONGEST_SPELLING = 4096

#: One part of a multipart form: file name, bytes, media type.
Part = tuple[str, bytes, str]


@dataclass(frozen=True)
class HttpRequest:
    """A request as a plain value. Without the key: the client adds it when sending.

    :param path: below the connection's host, already percent-encoded.
    :param body: sent as JSON unless ``files`` is given; never shown by ``repr``.
    :param files: multipart parts: name -> (file name, bytes, media type), or a list of them under one name. A part
        without a file name (``""``) is a plain field, so that a form without files is still multipart.
    :param content: bytes to send as they are, instead of a body; their media type stands in the headers.
    :param content: bytes that are sent as they are, instead of ``body``; ``headers`` name their media type.
    :param with_key: whether the gateway wants the key with it.
    """

    method: str
    path: str
    purpose: Purpose
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: Mapping[str, Part | list[Part]] | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    with_key: bool = True


@dataclass(frozen=True)
class HttpResponse:
    """An answer as a plain value.

    :param headers: names in lower case.
    :param truncated: the body was longer than the client may read; ``body`` holds the first part.
    :param secret: the key: a gateway or proxy may echo it, in any spelling. It is blanked out of everything that is
        read from the body, after decoding.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    truncated: bool = False
    secret: str | None = field(default=None, repr=False)

    def without(self, secret: str | None) -> HttpResponse:
        """The answer with this secret blanked out."""
        if not secret:
            return self
        headers = {name: blank(value, secret) for name, value in self.headers.items()}
        body = self.body.replace(secret.encode(), b"***") if len(secret) >= SHORTEST else self.body
        return replace(self, headers=headers, body=body, secret=secret)

    def quote(self, limit: int = 200) -> str:
        """The start of the body on one line, without anything like a key."""
        # Blanked before it is cut: half a key is still half a key.
        start = redact(self.body[: limit * 4 + _LONGEST_SPELLING].decode("utf-8", "replace"), self.secret)
        text = redact(" ".join(start.replace("\0", "").split()), self.secret)
        text = without_signatures(text)
        return repr(text[:limit] + ("…" if len(text) > limit else ""))

    def json(self, *, gateway: str) -> Any:
        """The body as JSON.

        What is only odd is read: letters in another encoding, a number of a thousand digits, half an emoji.

        :raises UnexpectedResponseError: the body is not JSON, or would take too much memory; the error quotes its
            first part.
        """
        if self.truncated:
            raise UnexpectedResponseError(
                f"The answer is longer than the {len(self.body)} bytes that we read (max_inline_mib)",
                gateway=gateway,
                http_status=self.status,
            )
        with suppress(ValueError, RecursionError):
            return self.parsed()
        # Not inside an `except`: the parser's error holds the whole body, and would travel with this one.
        kind = redact(self.headers.get("content-type", "no content type"))[:100]
        what = (
            f"has more values than are read ({MOST_VALUES:,})"
            if self._is_crowded
            else f"is not JSON ({kind})"
        )
        raise UnexpectedResponseError(
            f"The answer {what}: {self.quote()}", gateway=gateway, http_status=self.status
        )

    @property
    def _is_crowded(self) -> bool:
        return len(self.body) > MOST_VALUES and sum(map(self.body.count, (b",", b"[", b"{"))) > MOST_VALUES

    def parsed(self) -> Any:
        """The body as JSON, complete or not.

        :raises ValueError: it is not JSON, or has more values than any answer does.
        :raises RecursionError: it is nested too deeply.
        """
        if self._is_crowded:
            raise ValueError("too many values")
        text = _decoded(self.body)
        value = _DECODER.decode(text)
        if self.secret:
            value = _blanked(value, self.secret)
        return _whole(value) if "\\ud" in text or "\\uD" in text else value

    @property
    def request_id(self) -> str | None:
        """The gateway's own id of this exchange (``x-request-id``), for its support; None without a usable one."""
        given = redact(self.headers.get("x-request-id", "").strip(), self.secret)
        return given if _REQUEST_ID.fullmatch(given) else None

    @property
    def retry_after(self) -> float | None:
        """The seconds of a ``Retry-After`` header; None without one or for nonsense. A date counts from ``Date``."""
        return retry_after(self.headers.get("retry-after"), now=http_date(self.headers.get("date")))


_REQUEST_ID = re.compile(r"[A-Za-z0-9._:=+-]{1,200}")

#: Keys under which an answer names a job, on any of the gateways.
JOB_KEYS = ("task_id", "taskId", "job_id", "jobId", "run_id", "poll_url")
#: Keys that hold a job id in some answers of YEScale, and other things elsewhere.
_MAYBE_JOB_KEYS = ("result", "data")
_JOB_KEY = re.compile(rb'"(?:task_?id|job_?id|run_id|poll_url)"', re.IGNORECASE)
#: Bytes of an answer that is not JSON in which a job's name is looked for.
_SEARCHED = 2**20


def named_job(response: HttpResponse) -> str | None:
    """The job that an answer names, whatever else it says; None when it names none.

    An answer to a paid request that names a job does not prove that nothing was accepted.

    :returns: "" for one that is named by something else than a usable id.
    """
    if not response.body.strip():
        return None
    try:
        value = response.parsed()
    except (ValueError, RecursionError):
        return "" if _JOB_KEY.search(response.body[:_SEARCHED].replace(b"\0", b"")) else None
    named: str | None = None
    todo: deque[Any] = deque([value])
    while todo:
        item = todo.popleft()
        inner = list(item) if isinstance(item, list) else []
        if isinstance(item, dict):
            if job_id := _job_id_in(item):
                return job_id
            named = "" if any(item.get(key) for key in JOB_KEYS) else named
            inner = list(item.values())
        todo.extend(part for part in inner if isinstance(part, (dict, list)))
    return named


def _job_id_in(item: Mapping[str, Any]) -> str | None:
    for key in JOB_KEYS:
        if item.get(key) and (job_id := job_id_of(item[key])):
            return job_id
    for key in _MAYBE_JOB_KEYS:
        job_id = job_id_of(item.get(key))
        if job_id and len(job_id) >= 8 and any(map(str.isdecimal, job_id)):
            return job_id
    return None


def _decoded(body: bytes) -> str:
    encoding = json.detect_encoding(body)
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        return body.decode(encoding, "replace")


def _integer(digits: str) -> int | float:
    """A whole number; Python refuses those of thousands of digits, and none of them decides anything here."""
    return int(digits) if len(digits) <= 100 else float(digits)


#: Made once: ``json.loads`` makes one for each answer.
_DECODER = json.JSONDecoder(strict=False, parse_int=_integer)


def _blanked(value: Any, secret: str) -> Any:
    if isinstance(value, str):
        return blank(value, secret)
    if isinstance(value, dict):
        return {blank(k, secret): _blanked(v, secret) for k, v in value.items()}
    if isinstance(value, list):
        return [_blanked(v, secret) for v in value]
    return value


def _whole(value: Any) -> Any:
    """The value with half surrogate pairs replaced: text cut inside an emoji cannot be stored, sent or logged."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(k): _whole(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_whole(v) for v in value]
    return value
