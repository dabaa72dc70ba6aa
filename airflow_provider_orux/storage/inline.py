"""Artifacts inside an answer: base64 text, decoded piece by piece."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote, unquote_to_bytes

from airflow_provider_orux.models.errors import ArtifactError, ArtifactRejectedError
from airflow_provider_orux.storage.settings import CHUNK
from airflow_provider_orux.storage.spool import Spool

_PREFIX_LIMIT = 1024


#: The alphabet for URLs and file names, in the letters of the ordinary one.
_ORDINARY = str.maketrans("-_", "+/")


def decode(text: str, spool: Spool) -> None:
    """Decode base64, with or without a ``data:`` prefix, or a percent-encoded ``data:`` URL, into a spool.

    It is paid for, so whatever can be read is read: either alphabet, with or without padding, with white space
    between; after a ``data:`` prefix also the percent encoding of a URL.

    :raises ArtifactRejectedError: it is not base64, or too large.
    :raises ArtifactError: there is nothing in it.
    """
    text = text.strip() if text[:1].isspace() else text
    start = 0
    if text[:5].lower() == "data:":
        comma = text.find(",", 0, _PREFIX_LIMIT)
        if comma < 0:
            raise ArtifactRejectedError("The inline artifact has an invalid data: prefix")
        start = comma + 1
        if not unquote(text[:comma]).replace(" ", "").lower().endswith(";base64"):
            text, start = base64.b64encode(unquote_to_bytes(text[start:])).decode(), 0
        elif "%" in text[start:]:
            text, start = unquote(text[start:]), 0
    carry, padded = "", False
    for at in range(start, len(text), CHUNK):
        piece = carry + "".join(text[at : at + CHUNK].split()).translate(_ORDINARY)
        letters = piece.rstrip("=")
        if letters and padded:
            raise _not_base64()
        padded = padded or len(letters) < len(piece)
        ends = padded or at + CHUNK >= len(text)
        whole = len(letters) if ends else len(letters) - len(letters) % 4
        carry = letters[whole:]
        try:
            spool.write(base64.b64decode(letters[:whole] + "=" * (-whole % 4), validate=True))
        except (binascii.Error, ValueError) as e:
            raise _not_base64() from e
    if spool.size == 0:
        raise ArtifactError("The inline artifact is empty")


def _not_base64() -> ArtifactRejectedError:
    return ArtifactRejectedError("The inline artifact is not valid base64 text")
