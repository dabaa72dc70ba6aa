"""Files of a request by name: bytes where a field takes them, else read for the gateway's own store.

Right before the request is sent: its fingerprint, manifest and log hold the path that the author wrote.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Collection, Sequence
from typing import IO, Any

from airflow_provider_orux.models.errors import ArtifactError, InvalidRequestError, redact
from airflow_provider_orux.models.input_images import form_of
from airflow_provider_orux.models.listed import InputFile, ListedRequest, Takes
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.storage.download import Downloader
from airflow_provider_orux.storage.inputs import MAX_INPUT_MIB, is_below, open_input
from airflow_provider_orux.storage.media import IMAGES, Media, inspect
from airflow_provider_orux.storage.settings import CHUNK, StorageSettings
from airflow_provider_orux.storage.spool import Spool

#: Bytes of a file that OpenGPU Relay takes ("100 MB a file").
MAX_FILE = 100_000_000
_MIB = 1024 * 1024


def read_files(
    request: GenerationRequest,
    *,
    settings: StorageSettings,
    conn_id: str | None = None,
    roots: Sequence[str] = (),
    written: Collection[str] = (),
) -> GenerationRequest:
    """The same request with its files read: those that are uploaded later stand in ``uploads``.

    :param conn_id: the Airflow connection of the storage that paths and URIs name.
    :param roots: folders below which any file may be read (``[orux] input_roots``).
    :param written: values that the author wrote into the DAG file; such a file may lie anywhere.
    :raises InvalidRequestError: a file may not be read, cannot be read, or is of no known kind; nothing was sent.
    """
    if not isinstance(request, ListedRequest):
        return request
    uploads: dict[str, InputFile] = {}
    changes: dict[str, Any] = {}

    def ready(name: str, takes: Takes, value: Any) -> Any:
        form = form_of(value) if isinstance(value, str) else None
        if form == "file" and value not in written and not is_below(value, roots, conn_id):
            raise _refused(
                request,
                name,
                f"may not be read: {ascii(redact(value))[:200]} comes from a template, another task or a function, "
                "and is not below a folder of [orux] input_roots",
                "Nothing was sent. Add its folder to [orux] input_roots, then clear the task.",
            )
        if form == "file" or (form == "url" and takes.inline and not takes.url):
            content, media = _read(request, name, value, settings=settings, conn_id=conn_id)
            if (
                takes.inline
                and (not takes.url or media.extension in IMAGES)
                and len(content) <= MAX_INPUT_MIB * _MIB
            ):
                return f"data:{media.media_type};base64,{base64.b64encode(content).decode('ascii')}"
            if not takes.url:
                raise _refused(request, name, f"is larger than {MAX_INPUT_MIB} MiB", None)
            sha256 = hashlib.sha256(content).hexdigest()
            file = InputFile(content, media.media_type, f"input.{media.extension}", sha256)
            uploads[file.mark] = file
            return file.mark
        return value

    for name, takes in request.entry.files().items():
        value = request.body.get(name)
        if isinstance(value, list):
            changes[name] = [ready(name, takes, item) for item in value]
        elif value is not None:
            changes[name] = ready(name, takes, value)
    return request.with_body(uploads=tuple(uploads.values()), **changes)


def _read(
    request: ListedRequest, name: str, value: str, *, settings: StorageSettings, conn_id: str | None
) -> tuple[bytes, Media]:
    with tempfile.TemporaryFile() as file:
        spool = Spool(file, max_bytes=MAX_FILE)
        try:
            _fill(spool, value, settings=settings, conn_id=conn_id)
        except Exception as e:
            # Each store fails in its own way.
            why = e.message if isinstance(e, ArtifactError) else f"{type(e).__name__}: {redact(str(e))[:300]}"
            if spool.size > spool.max_bytes:
                why = f"it is larger than the {MAX_FILE // 10**6} MB that the gateway takes"
            raise _refused(
                request,
                name,
                f"cannot be read: {why}",
                "Nothing was sent. Correct the path or URL (a path needs storage_conn_id where its store "
                "needs a connection), then clear the task.",
            ) from e
        return _known(request, name, file, spool.size, settings)


def _fill(spool: Spool, value: str, *, settings: StorageSettings, conn_id: str | None) -> None:
    if form_of(value) == "url":
        with Downloader(settings) as downloader:
            downloader.fetch(value, spool, lambda _: None)
    else:
        with open_input(value, conn_id) as source:
            while chunk := source.read(CHUNK):
                spool.write(chunk)
    spool.finish()


def _known(
    request: ListedRequest, name: str, file: IO[bytes], size: int, settings: StorageSettings
) -> tuple[bytes, Media]:
    try:
        media = inspect(file, size, max_pixels=settings.max_pixels)
    except ArtifactError:
        # No word on what it is instead: the file may be anything that the worker can read.
        raise _refused(request, name, "is not a whole image, clip or song of a known kind", None) from None
    file.seek(0)
    return file.read(), media


def _refused(request: ListedRequest, name: str, why: str, next_step: str | None) -> InvalidRequestError:
    return InvalidRequestError(
        f"The file `{name}` of {request.name} {why}",
        param=name,
        charged="no",
        next_step=next_step,
    )
