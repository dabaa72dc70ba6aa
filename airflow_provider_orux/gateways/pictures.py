"""The fields of a request as the wire takes them: pictures in the form that the gateway wants, never a path."""

from __future__ import annotations

from typing import Any, Literal

from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.pictures import form_of, picture_fields, read_inline, to_base64, to_data_url
from airflow_provider_orux.models.requests import GenerationRequest


def wire_fields(request: GenerationRequest, *, form: Literal["data_url", "base64"]) -> dict[str, Any]:
    """The fields that were given, their pictures as links (where the gateway follows them) or in this form.

    :raises InvalidRequestError: a picture is still a path or a link that the gateway does not follow.
    """
    fields = request.fields()
    for name, marker in picture_fields(type(request)).items():
        value = fields.get(name)
        if isinstance(value, list):
            fields[name] = [_wire(request, name, item, links=marker.links, form=form) for item in value]
        elif value is not None:
            fields[name] = _wire(request, name, value, links=marker.links, form=form)
    return fields


def picture_bytes(request: GenerationRequest, name: str, value: str) -> tuple[bytes, str]:
    """The bytes of a picture of a request, and their media type.

    :raises InvalidRequestError: it is still a path or a link.
    """
    try:
        return read_inline(value)
    except ValueError as e:
        raise _unread(request, name, value, e) from None


def _wire(
    request: GenerationRequest, name: str, value: str, *, links: bool, form: Literal["data_url", "base64"]
) -> str:
    if links and form_of(value) == "link":
        return value
    try:
        return to_data_url(value) if form == "data_url" else to_base64(value)
    except ValueError as e:
        raise _unread(request, name, value, e) from None


def _unread(request: GenerationRequest, name: str, value: str, why: ValueError) -> InvalidRequestError:
    where = form_of(value)
    if where in ("file", "link"):
        reason = f"`{name}` of {request.label()} is a {where} that was not read; the gateway takes its bytes"
        step = "Give the picture as a data: URL or base64, or use an operator that reads it."
    else:
        reason, step = f"`{name}` of {request.label()} {why}", "Correct the picture."
    return InvalidRequestError(
        reason,
        gateway=request.gateway or None,
        param=name,
        charged="no",
        next_step=f"Nothing was sent. {step}",
    )
