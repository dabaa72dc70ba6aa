"""How a manifest records inputs: enough to recognise them, without credentials and without their bytes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from airflow_provider_orux.lifecycle.fingerprint import is_presigned
from airflow_provider_orux.storage.address import digest_of, has_file_name

# Inputs also occur inside text: prompts begin with the URLs of their reference images.
_URL = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_DATA_URL = re.compile(
    r"data:(?P<type>[\w.+-]+/[\w.+-]+)(?P<more>(?:;[\w=.+-]+)*),(?P<text>\S*)", re.IGNORECASE
)
#: Base64 without a prefix. Ids and digests are shorter, texts have spaces.
_BYTES = re.compile(r"[A-Za-z0-9+/]{256,}={0,2}")
#: Query parameters that act as credentials, besides those of presigned URLs.
_KEYS = re.compile(
    r"(access|auth|api|id)?[_-]?(token|key)|auth|authorization|secret|sig|signature|sas|hmac|hm|jwt|password|pwd",
    re.IGNORECASE,
)


def redact_inputs(value: Any, *, keep_urls: bool) -> Any:
    """Prepare a JSON value for the manifest.

    Bytes (``data:`` URLs, base64) become their SHA-256, media type and size. A URL always loses its user info, and its
    query if that acts as a credential.

    :param keep_urls: False: every URL loses its query, and its path if that may be a token.
    """
    if isinstance(value, str):
        if _BYTES.fullmatch(value):
            return _bytes(value, "base64")
        if value[:5].lower() == "data:":
            value = "".join(value.split()) if "," in value[:1024] else value
        if ":" not in value:
            return value
        value = _DATA_URL.sub(_data_url, value)
        return _URL.sub(lambda found: _redacted(found[0], keep_urls=keep_urls), value)
    if isinstance(value, Mapping):
        return {k: redact_inputs(v, keep_urls=keep_urls) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_inputs(v, keep_urls=keep_urls) for v in value]
    return value


def _data_url(found: re.Match[str]) -> str:
    if ";base64" in found["more"].lower():
        return _bytes(found["text"], found["type"].lower())
    return _digest(unquote_to_bytes(found["text"]), found["type"].lower())


def _bytes(text: str, media_type: str) -> str:
    try:
        return _digest(base64.b64decode(text, validate=True), media_type)
    except binascii.Error:
        return _digest(text.encode(), f"broken {media_type}")


def _digest(content: bytes, media_type: str) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()} ({media_type}, {len(content)} bytes)"


def _redacted(url: str, *, keep_urls: bool) -> str:
    try:
        parts = urlsplit(url)
        names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    except ValueError:
        return "(an invalid URL)"
    host = parts.netloc.rpartition("@")[2]
    bare = f"{parts.scheme}://{host}"
    if not keep_urls and parts.path.strip("/") and not has_file_name(parts.path):
        return f"{bare}/…{digest_of(parts.path)}"
    if not keep_urls or is_presigned(names) or any(_KEYS.fullmatch(name) for name in names):
        return bare + parts.path
    return parts._replace(netloc=host).geturl()
