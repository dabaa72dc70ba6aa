"""Files that a gateway fetches itself: from an https URL, which a file in storage gets right before it is sent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from airflow_provider_orux.models.input_images import file_text, form_of, only_one
from airflow_provider_orux.models.requests import https_url

#: What such a file has to be.
FileKind = Literal["image", "video", "audio"]

#: Schemes of places that make no URLs for their files.
_NEVER_SIGNED = ("http", "ftp", "sftp", "ssh")
_LOCAL = ("file", "local")


def _fetched(value: str) -> str:
    value = value.strip()  # a cell of a table
    form = form_of(value)
    if form == "url":
        return https_url(value)
    scheme, marks, _ = value.partition("://")
    if form != "file" or scheme.lower() in _NEVER_SIGNED:
        raise ValueError(
            "must be an https:// URL, or the URI of a file in object storage, like s3://bucket/hero.png"
        )
    if not marks or scheme.lower() in _LOCAL:
        raise ValueError(
            "a file of this machine, which the gateway cannot fetch: save it to object storage, like s3://bucket/"
        )
    return value


#: An image that the gateway fetches. A file in storage becomes a presigned URL.
FetchedImage = Annotated[
    str,
    BeforeValidator(file_text),
    BeforeValidator(only_one),
    AfterValidator(_fetched),
    Field(json_schema_extra={"format": "image URL", "fetched": "image"}),
]

#: A clip that the gateway fetches. A file in storage becomes a presigned URL.
FetchedVideo = Annotated[
    str,
    BeforeValidator(file_text),
    BeforeValidator(only_one),
    AfterValidator(_fetched),
    Field(json_schema_extra={"format": "video URL", "fetched": "video"}),
]

#: A song that the gateway fetches. A file in storage becomes a presigned URL.
FetchedAudio = Annotated[
    str,
    BeforeValidator(file_text),
    BeforeValidator(only_one),
    AfterValidator(_fetched),
    Field(json_schema_extra={"format": "audio URL", "fetched": "audio"}),
]
