"""The forms of an input image: a URL, a file to be read, or bytes as base64."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

Form = Literal["url", "data_url", "base64", "file"]

# Patterns are compiled when they are first used: a DAG file does without them.
_DATA_URL = r"data:(?P<type>[\w.+-]+/[\w.+-]+)(?:;[\w=.+-]+)*;base64,(?P<text>[A-Za-z0-9+/=\s]+)"
_BASE64 = r"[A-Za-z0-9+/]{32,}={0,2}"
_URL = r"(?i)https://[^\s/?#]\S*"
_FILE = r"(?i)(?:[a-z][a-z0-9+.-]*://\S.*|\.{0,2}/\S.*)"

_MAGIC = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


def form_of(value: str) -> Form | None:
    """The form of an image; None if it has none of them.

    Checks for base64 before a path: a JPEG in base64 begins with ``/9j/``.
    """
    if re.fullmatch(_URL, value):
        return "url"
    if value[:5].lower() == "data:":
        return "data_url" if re.fullmatch(_DATA_URL, value) else None
    if len(value) % 4 == 0 and re.fullmatch(_BASE64, value):
        return "base64"
    if value[:7].lower() in ("http://", "https:/"):
        return None
    return "file" if re.fullmatch(_FILE, value) else None


def file_text(value: Any) -> Any:
    """The text of a file: a path or URL as it is, an ``ObjectStoragePath``, or an artifact of a task's result, which is
    the file where it was saved, else at the gateway's URL.

    :raises ValueError: it is an artifact that is in neither place, or a list.
    """
    if isinstance(value, (list, tuple)):
        raise ValueError(f"a list of {len(value)}: choose one of them, like […][0]")
    if isinstance(value, Mapping):
        found = value.get("uri") or value.get("url")
        if not isinstance(found, str):
            raise ValueError("an artifact with neither `uri` nor `url`: it was not saved (save_to)")
        return found
    if not isinstance(value, str) and callable(getattr(value, "as_uri", None)):
        # Airflow's path: its text does not say which connection it uses.
        scheme, marks, rest = str(value).partition("://")
        used = getattr(value, "conn_id", None)
        return f"{scheme}://{used}@{rest.rpartition('@')[2]}" if marks and used else str(value)
    return value


def only_one(value: Any) -> Any:
    """The one in a list of one, for a field that takes one file: a result's ``artifacts`` is a list.

    :raises ValueError: it is a list of several, or of none.
    """
    if not isinstance(value, (list, tuple)):
        return value
    if len(value) != 1:
        raise ValueError(f"a list of {len(value)}: choose one of them, like […][0]")
    return value[0]


def unwrapped(given: Mapping[str, Any], described: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The fields, with the one in a list of one where a field takes one image.

    :param described: the fields, as ``describe_fields`` says them.
    """
    single = [name for name in given if described.get(name, {}).get("type") == "image"]
    ones = {n: v[0] for n in single if isinstance(v := given[n], (list, tuple)) and len(v) == 1}
    return {**given, **ones}


def _image(value: str) -> str:
    value = value.strip()  # a cell of a table
    if form_of(value) is None:
        raise ValueError("must be an https:// URL, a path or URI of a file, a data: URL of base64, or base64")
    return value


#: An image that may be sent as an https URL, which the gateway fetches itself, or as its bytes.
UrlImage = Annotated[
    str,
    BeforeValidator(file_text),
    AfterValidator(_image),
    Field(json_schema_extra={"format": "image", "takesUrls": True}),
]

#: An image that is sent as its bytes: what is given as a URL or a file is read before the request is sent.
InlineImage = Annotated[
    str,
    BeforeValidator(file_text),
    AfterValidator(_image),
    Field(json_schema_extra={"format": "image", "takesUrls": False}),
]


def _pixels(value: str) -> str:
    if not re.fullmatch(r"[1-9]\d{1,4}x[1-9]\d{1,4}", value):
        raise ValueError("must be width x height in pixels, like 1024x1024")
    return value


#: A free size in pixels.
PixelSize = Annotated[
    str,
    AfterValidator(_pixels),
    Field(description="Width x height in pixels.", json_schema_extra={"format": "width x height"}),
]


def read_inline(value: str) -> tuple[bytes, str]:
    """The bytes and media type of an inline image.

    :raises ValueError: it is a URL or a file, or the base64 is broken.
    """
    form = form_of(value)
    if form not in ("data_url", "base64"):
        raise ValueError("is not given as a data: URL or base64")
    match = re.fullmatch(_DATA_URL, value)
    text = "".join(match["text"].split()) if match else value
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as e:
        raise ValueError(f"is not valid base64 ({e})") from None
    return content, match["type"].lower() if match else _media_type(content)


def to_base64(value: str) -> str:
    """An inline image as base64 without a ``data:`` prefix.

    :raises ValueError: it is a URL or a file, or the base64 is broken.
    """
    return base64.b64encode(read_inline(value)[0]).decode("ascii")


def to_data_url(value: str) -> str:
    """An inline image as a data URL.

    :raises ValueError: it is a URL or a file, or the base64 is broken.
    """
    content, media_type = read_inline(value)
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _media_type(content: bytes) -> str:
    for magic, media_type in _MAGIC:
        if content.startswith(magic):
            return media_type
    return "image/webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else "image/png"
