"""``multipart/form-data``, read with the standard library: forms are small, and there is no further dependency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email import message_from_string
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Part:
    """One field of a form; a file if it has a file name."""

    name: str
    content: bytes
    filename: str | None = None

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode("utf-8", "replace")


def parts(content_type: str, body: bytes) -> list[Part]:
    """The fields of a form in their order; none if it is not one."""
    boundary = message_from_string(f"Content-Type: {content_type}\n\n").get_param("boundary")
    if not isinstance(boundary, str):
        return []
    found = []
    # Between two boundaries stand headers, an empty line and the content, byte for byte.
    for piece in (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))[1:-1]:
        head, _, content = piece.lstrip(b"\r\n").partition(b"\r\n\r\n")
        headers = message_from_string(head.decode("utf-8", "replace"))
        name = headers.get_param("name", header="content-disposition")
        if isinstance(name, str):
            found.append(Part(name=name, content=content, filename=headers.get_filename()))
    return found


def summary(form: Sequence[Part]) -> Mapping[str, Any]:
    """A form for the log: texts as they are, files by their size, a repeated field as a list."""
    shown: dict[str, Any] = {}
    for part in form:
        value = part.text if part.filename is None else f"({len(part.content)} bytes)"
        if part.name in shown:
            before = shown[part.name]
            shown[part.name] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            shown[part.name] = value
    return shown
