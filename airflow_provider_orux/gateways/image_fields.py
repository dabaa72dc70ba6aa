"""The fields of a request for the wire, with images in the gateway's form."""

from __future__ import annotations

from typing import Any, Literal

from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.input_images import (
    form_of,
    read_inline,
    to_base64,
    to_data_url,
)
from airflow_provider_orux.models.requests import GenerationRequest


def wire_fields(request: GenerationRequest, *, form: Literal["data_url", "base64"]) -> dict[str, Any]:
    """The given fields, with images as URLs (if the gateway fetches them) or in this form.

    :raises InvalidRequestError: a file is still a path, or an image a URL the gateway does not fetch.
    """
    fields = request.fields()
    for name in request.fetched_fields():
        value = fields.get(name)
        if any(form_of(item) == "file" for item in (value if isinstance(value, list) else [value or ""])):
            raise InvalidRequestError(
                f"`{name}` of {request.label()} is a file that has no URL yet; the gateway takes only URLs",
                gateway=request.gateway or None,
                param=name,
                charged="no",
                next_step="Nothing was sent. Pass an https URL, or use an operator: it makes one.",
            )
    for name, takes_urls in request.image_fields().items():
        value = fields.get(name)
        if isinstance(value, list):
            fields[name] = [_wire(request, name, item, takes_urls=takes_urls, form=form) for item in value]
        elif value is not None:
            fields[name] = _wire(request, name, value, takes_urls=takes_urls, form=form)
    return fields


def image_bytes(request: GenerationRequest, name: str, value: str) -> tuple[bytes, str]:
    """The bytes of an image of a request, and their media type.

    :raises InvalidRequestError: it is still a path or a URL.
    """
    try:
        return read_inline(value)
    except ValueError as e:
        raise _unread(request, name, value, e) from None


def _wire(
    request: GenerationRequest,
    name: str,
    value: str,
    *,
    takes_urls: bool,
    form: Literal["data_url", "base64"],
) -> str:
    if takes_urls and form_of(value) == "url":
        return value
    try:
        return to_data_url(value) if form == "data_url" else to_base64(value)
    except ValueError as e:
        raise _unread(request, name, value, e) from None


def _unread(request: GenerationRequest, name: str, value: str, why: ValueError) -> InvalidRequestError:
    where = {"file": "a file", "url": "a URL"}.get(form_of(value) or "")
    if where is not None:
        reason = (
            f"`{name}` of {request.label()} is {where} that was not read; the gateway takes only its bytes"
        )
        step = "Pass the image as a data: URL or base64, or use an operator that reads it."
    else:
        reason, step = f"`{name}` of {request.label()} {why}", "Correct the image."
    return InvalidRequestError(
        reason,
        gateway=request.gateway or None,
        param=name,
        charged="no",
        next_step=f"Nothing was sent. {step}",
    )
