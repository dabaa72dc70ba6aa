"""Plain HTTP values (``HttpRequest``, ``HttpResponse``), which gateways build and read and clients send."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_orux.gateways.times import http_date, retry_after
from airflow_provider_orux.models.errors import UnexpectedResponseError, redact
from airflow_provider_orux.models.secrets import SHORTEST, blank


class Purpose(enum.Enum):
    """What a request is for; decides whether it may be retried."""

    #: It may be charged: sent once, never again unless it is proven that nothing was accepted.
    PAY = "pay"
    #: It costs nothing to repeat.
    READ = "read"


#: Values that a JSON answer may have; images inside it are few and long.
_MOST_VALUES = 500_000
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
    :param with_key: whether the gateway wants the key with it.
    """

    method: str
    path: str
    purpose: Purpose
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: Mapping[str, Part | list[Part]] | None = field(default=None, repr=False)
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
        return repr(text[:limit] + ("…" if len(text) > limit else ""))

    def json(self, *, gateway: str) -> Any:
        """The body as JSON.

        :raises UnexpectedResponseError: the body is not JSON; the error quotes its first part.
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
        raise UnexpectedResponseError(
            f"The answer is not JSON ({kind}): {self.quote()}", gateway=gateway, http_status=self.status
        )

    def parsed(self) -> Any:
        """The body as JSON, complete or not.

        :raises ValueError: it is not JSON, or has more values than any answer does.
        :raises RecursionError: it is nested too deeply.
        """
        body = self.body
        # A list of empty lists takes thirty times its size in memory.
        if len(body) > _MOST_VALUES and sum(map(body.count, (b",", b"[", b"{"))) > _MOST_VALUES:
            raise ValueError("too many values")
        value = json.loads(body)
        if self.secret:
            value = _blanked(value, self.secret)
        # In UTF-16 and UTF-32 the escape of half a surrogate pair looks different.
        return _whole(value) if b"\0" in body[:4] or b"\\ud" in body.lower() else value

    @property
    def retry_after(self) -> float | None:
        """The seconds of a ``Retry-After`` header; None without one or for nonsense. A date counts from ``Date``."""
        return retry_after(self.headers.get("retry-after"), now=http_date(self.headers.get("date")))


#: Keys under which an answer names a job, on any of the gateways.
JOB_KEYS = ("task_id", "taskId", "job_id", "jobId", "run_id", "poll_url")


def named_job(response: HttpResponse) -> str | None:
    """The job that an answer names, whatever else it says; None when it names none.

    An answer to a paid request that names a job does not prove that nothing was accepted.
    """
    try:
        value = response.parsed()
    except (ValueError, RecursionError):
        return None
    return _named_job(value, depth=4)


def _named_job(value: Any, *, depth: int) -> str | None:
    if isinstance(value, dict):
        for key in JOB_KEYS:
            item = value.get(key)
            if isinstance(item, (str, int)) and not isinstance(item, bool) and item:
                return str(item)[:500]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if depth > 0:
        for item in list(inner)[:50]:
            if isinstance(item, (dict, list)) and (found := _named_job(item, depth=depth - 1)) is not None:
                return found
    return None


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
