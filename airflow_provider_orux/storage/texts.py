"""Texts among the artifacts: the words of a song. No byte says that a file is a text, so its URL has to."""

from __future__ import annotations

import json
from typing import IO
from urllib.parse import urlsplit

from airflow_provider_orux.storage.media import Media, recognise

#: Endings of a URL's path that announce a text.
_ENDINGS = (".txt", ".lrc")
#: Bytes of the longest text that is kept: an hour of speech has 60 000.
_LONGEST = 1_000_000


def announces_text(url: str | None) -> bool:
    """Whether a URL leads to a text, by the name of its file."""
    try:
        return urlsplit(url or "").path.lower().endswith(_ENDINGS)
    except ValueError:
        return False


def text_in(file: IO[bytes], size: int) -> Media | None:
    """The media of a plain text; None: it is something else, an error page in the text's place for one."""
    if not 0 < size <= _LONGEST:
        return None
    file.seek(0)
    content = file.read()
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return None
    if recognise(content) is not None or "\0" in text or text.startswith("<") or not text or _is_json(text):
        return None
    return Media("txt")


def _is_json(text: str) -> bool:
    """Whether it is an object or a list: words may begin with ``[Verse]``."""
    try:
        return text[0] in "{[" and isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        return False
