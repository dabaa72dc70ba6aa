"""Artifacts inside an answer: base64 text, decoded piece by piece."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote, unquote_to_bytes

from airflow_provider_orux.models.errors import ArtifactError, ArtifactRejectedError
from airflow_provider_orux.storage.settings import CHUNK
from airflow_provider_orux.storage.spool import Spool

_PREFIX_LIMIT = 1024


def decode(text: str, spool: Spool) -> None:
    """Decode base64, with or without a ``data:`` prefix, or a percent-encoded ``data:`` URL, into a spool.

    :raises ArtifactRejectedError: it is not base64, or too large.
    :raises ArtifactError: there is nothing in it.
    """
    start = 0
    if text[:5].lower() == "data:":
        comma = text.find(",", 0, _PREFIX_LIMIT)
        if comma < 0:
            raise ArtifactRejectedError("The inline artifact has an invalid data: prefix")
        start = comma + 1
        if not unquote(text[:comma]).lower().endswith(";base64"):
            # As drawings come, for one: data:image/svg+xml,%3Csvg…
            spool.write(unquote_to_bytes(text[start:]))
            start = len(text)
    carry, padded = "", False
    for at in range(start, len(text), CHUNK):
        piece = carry + "".join(text[at : at + CHUNK].split())
        whole = len(piece) - len(piece) % 4
        carry, piece = piece[whole:], piece[:whole]
        if piece and padded:
            raise _not_base64()
        padded = padded or piece.endswith("=")
        try:
            spool.write(base64.b64decode(piece, validate=True))
        except (binascii.Error, ValueError) as e:
            raise _not_base64() from e
    if carry:
        raise _not_base64()
    if spool.size == 0:
        raise ArtifactError("The inline artifact is empty")


def _not_base64() -> ArtifactRejectedError:
    return ArtifactRejectedError("The inline artifact is not valid base64 text")
