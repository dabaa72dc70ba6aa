"""Input images: paths, URIs and URLs become data URLs right before the request is sent."""

from __future__ import annotations

import base64
import tempfile
from typing import Any

from airflow_provider_orux.models.errors import ArtifactError, InvalidRequestError
from airflow_provider_orux.models.input_images import form_of
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.storage.download import Downloader
from airflow_provider_orux.storage.media import inspect
from airflow_provider_orux.storage.settings import StorageSettings
from airflow_provider_orux.storage.spool import Spool

#: MiB that one input image may have; as base64 it grows by a third.
MAX_INPUT_MIB = 32


def read_images(
    request: GenerationRequest, *, settings: StorageSettings, conn_id: str | None = None
) -> GenerationRequest:
    """The same request with image bytes instead of paths, and instead of URLs if the gateway does not fetch them.

    :param conn_id: the Airflow connection of the storage that paths and URIs name.
    :raises InvalidRequestError: an input cannot be read or is not an image; nothing was sent.
    """
    changes: dict[str, Any] = {}
    for name, takes_urls in request.image_fields().items():
        value = getattr(request, name, None)
        if value is None:
            continue
        items = value if isinstance(value, list) else [value]
        ready = [
            _data_url(request, name, item, settings=settings, conn_id=conn_id)
            if form_of(item) == "file" or (form_of(item) == "url" and not takes_urls)
            else item
            for item in items
        ]
        if ready != items:
            changes[name] = ready if isinstance(value, list) else ready[0]
    return request.model_copy(update=changes) if changes else request


def _data_url(
    request: GenerationRequest, name: str, value: str, *, settings: StorageSettings, conn_id: str | None
) -> str:
    limit = MAX_INPUT_MIB * 1024 * 1024
    with tempfile.TemporaryFile() as file:
        try:
            spool = Spool(file, max_bytes=limit)
            if form_of(value) == "url":
                with Downloader(settings) as downloader:
                    downloader.fetch(value, spool, lambda _: None)
            else:
                from airflow.sdk import ObjectStoragePath

                with ObjectStoragePath(value, conn_id=conn_id).open("rb") as source:
                    while chunk := source.read(1024 * 1024):
                        spool.write(chunk)
            spool.finish()
            media = inspect(file, spool.size, max_pixels=settings.max_pixels)
        except (ArtifactError, OSError, ValueError, ImportError) as e:
            why = e.message if isinstance(e, ArtifactError) else f"{type(e).__name__}: {e}"
            raise InvalidRequestError(
                f"The image `{name}` of {request.label()} cannot be read: {why}",
                gateway=request.gateway or None,
                param=name,
                charged="no",
                next_step="Nothing was sent. Correct the path or URL (a path needs storage_conn_id where its store "
                "needs a connection), then clear the task.",
            ) from e
        if not media.media_type.startswith("image/"):
            raise InvalidRequestError(
                f"`{name}` of {request.label()} is not an image but {media.media_type}",
                gateway=request.gateway or None,
                param=name,
                charged="no",
            )
        file.seek(0)
        return f"data:{media.media_type};base64,{base64.b64encode(file.read()).decode('ascii')}"
