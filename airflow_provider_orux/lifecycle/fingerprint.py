"""The identity of a request by its content: two requests with one fingerprint ask for the same thing."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

NEVER_PART = frozenset({"webhook_url"})
"""Fields that do not change what is made."""

_SIGNATURE = re.compile(
    r"x-amz-.*|x-goog-.*|awsaccesskeyid|googleaccessid|signature|expires|key-pair-id|policy"
    r"|sig|se|sp|sv|sr|st|spr|skoid|sktid|skt|ske|sks|skv",
    re.IGNORECASE,
)
"""Query parameters that presigned URLs change from one signing to the next (S3, GCS, CloudFront, Azure SAS)."""


def canonical(value: Any) -> Any:
    """A value without what changes from one rendering to the next: the signatures of presigned URLs."""
    if isinstance(value, str) and value.startswith(("http://", "https://")) and "?" in value:
        parts = urlsplit(value)
        query = [
            (k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not _SIGNATURE.fullmatch(k)
        ]
        return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))
    if isinstance(value, Mapping):
        return {str(k): canonical(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(v) for v in value]
    return value


def digest(value: Any) -> str:
    """A SHA-256 of a JSON value, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def field_digests(fields: Mapping[str, Any], *, exclude: Iterable[str] = ()) -> dict[str, str]:
    """A short digest of each field that counts, so that a difference can be named without keeping the values."""
    left_out = NEVER_PART | set(exclude)
    return {
        name: digest(canonical(value))[:12] for name, value in sorted(fields.items()) if name not in left_out
    }


def fingerprint(
    *, gateway: str, host: str, model: str, verb: str, fields: Mapping[str, Any], exclude: Iterable[str] = ()
) -> str:
    """The fingerprint of a request.

    :param fields: every field of the request, the parent and index of a follow-up and ``extra_body`` included.
    :param exclude: names of fields that the user says do not matter (``fingerprint_exclude``).
    """
    left_out = NEVER_PART | set(exclude)
    kept = {name: canonical(value) for name, value in fields.items() if name not in left_out}
    return digest({"gateway": gateway, "host": host, "model": model, "verb": verb, "fields": kept})


def changed_fields(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The names whose digests differ, or that only one side has."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
