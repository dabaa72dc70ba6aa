"""The identity of a request by its content: two requests with one fingerprint ask for the same thing."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

#: Fields that do not change what is made.
NEVER_PART = frozenset({"webhook_url"})

#: A URL, also in the middle of a text: prompts begin with the URLs of their reference images. (With the query in the
#: pattern, its search would take quadratic time.)
_URL = re.compile(r"https?://\S+")

#: The query parameter that shows that a URL is presigned -> what presigning adds, which changes each time. Without
#: the first the others are somebody's own parameters (``?st=3``) and count.
_SIGNED_BY: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("x-amz-signature", re.compile(r"x-amz-.*")),
    ("x-goog-signature", re.compile(r"x-goog-.*")),
    # S3 (version 2), GCS (version 2), OSS, CloudFront, Cloud CDN
    (
        "signature",
        re.compile(
            r"signature|expires|awsaccesskeyid|googleaccessid|ossaccesskeyid|security-token"
            r"|x-amz-security-token|policy|key-pair-id|keyname"
        ),
    ),
    # Azure SAS
    ("sig", re.compile(r"sig|se|sp|sv|sr|st|spr|sip|skoid|sktid|skt|ske|sks|skv")),
)


def canonical(value: Any) -> Any:
    """A value without what changes from one rendering to the next: the signatures of presigned URLs."""
    if isinstance(value, str):
        return _URL.sub(lambda found: _unsigned(found[0]), value)
    if isinstance(value, Mapping):
        return {str(k): canonical(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(v) for v in value]
    return value


def is_presigned(names: Iterable[str]) -> bool:
    """Whether the names of a URL's query parameters show that it is presigned."""
    return bool(_added_by_signing(names))


def _added_by_signing(names: Iterable[str]) -> list[re.Pattern[str]]:
    there = {name.lower() for name in names}
    return [pattern for shows, pattern in _SIGNED_BY if shows in there]


def _unsigned(url: str) -> str:
    head, _, rest = url.partition("?")
    if not rest:
        return url
    query, hash_, fragment = rest.partition("#")
    given = parse_qsl(query, keep_blank_values=True)
    added = _added_by_signing(name for name, _ in given)
    if not added:
        return url
    kept = [(k, v) for k, v in given if not any(pattern.fullmatch(k.lower()) for pattern in added)]
    return f"{head}?{urlencode(kept)}{hash_}{fragment}"


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
