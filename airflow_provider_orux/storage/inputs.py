"""Input images: paths, URIs and URLs become data URLs right before the request is sent."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Collection, Sequence
from typing import IO, Any

from airflow_provider_orux.compat import storage_path
from airflow_provider_orux.models.errors import ArtifactError, InvalidRequestError, redact
from airflow_provider_orux.models.input_images import form_of
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.storage.download import Downloader
from airflow_provider_orux.storage.file_systems import open_regular
from airflow_provider_orux.storage.media import IMAGES, inspect
from airflow_provider_orux.storage.settings import CHUNK, MIB, StorageSettings
from airflow_provider_orux.storage.spool import Spool

#: MiB that one input image may have; as base64 it grows by a third.
MAX_INPUT_MIB = 32
_LOCAL = ("", "file", "local")


def read_images(
    request: GenerationRequest,
    *,
    settings: StorageSettings,
    conn_id: str | None = None,
    roots: Sequence[str] = (),
    written: Collection[str] = (),
) -> GenerationRequest:
    """The same request with image bytes instead of paths, and instead of URLs if the gateway does not fetch them.

    :param conn_id: the Airflow connection of the storage that paths and URIs name.
    :param roots: folders, as paths or URIs, below which any file may be read (``[orux] input_roots``).
    :param written: values that the author wrote into the DAG file; such a file may lie anywhere. Any other value may
        come from a row of a table, and could name whatever the worker can read.
    :raises InvalidRequestError: an input may not be read, cannot be read or is not an image; nothing was sent.
    """
    changes: dict[str, Any] = {}
    for name, takes_urls in request.image_fields().items():
        value = getattr(request, name, None)
        if value is None:
            continue
        ready = []
        for item in value if isinstance(value, list) else [value]:
            form = form_of(item)
            if form == "file" and item not in written and not is_below(item, roots, conn_id):
                raise _refused(
                    request,
                    name,
                    f"may not be read: {ascii(redact(item))[:200]} comes from a template, another task or a function, "
                    "and is not below a folder of [orux] input_roots",
                    "Nothing was sent. Add its folder to [orux] input_roots, then clear the task.",
                )
            if form == "file" or (form == "url" and not takes_urls):
                item = _data_url(request, name, item, settings=settings, conn_id=conn_id)
            ready.append(item)
        if ready != (value if isinstance(value, list) else [value]):
            changes[name] = ready if isinstance(value, list) else ready[0]
    return request.with_inputs(changes, {})


def is_below(value: str, roots: Sequence[str], conn_id: str | None) -> bool:
    """Whether a file lies below one of the folders, symlinks followed."""
    scheme, place, path = _split(value)
    if "\0" in value:
        return False
    for root in roots:
        root_scheme, root_place, root_path = _split(root.rstrip("/") or "/")
        if scheme in _LOCAL and root_scheme in _LOCAL:
            folder = os.path.realpath(root_path)
            real = os.path.realpath(path)
            if not place and real != folder and os.path.commonpath((folder, real)) == folder:
                return True
        elif scheme == root_scheme:
            # conn@bucket: a row must not choose the connection whose rights are used.
            used, _, bucket = place.rpartition("@")
            root_used, _, root_bucket = root_place.rpartition("@")
            inside = path.startswith(root_path.rstrip("/") + "/") and not {"..", "."} & set(path.split("/"))
            if bucket == root_bucket and inside and used in ("", root_used, conn_id):
                return True
    return False


def _split(value: str) -> tuple[str, str, str]:
    """Scheme (empty for a path), what stands before the path, and the path."""
    scheme, marks, rest = value.partition("://")
    if not marks:
        return "", "", value
    place, slash, path = rest.partition("/")
    return scheme.lower(), place, slash + path


def open_input(value: str, conn_id: str | None) -> IO[bytes]:
    """A file that a path or URI names, for reading."""
    scheme, _, path = _split(value)
    if scheme in _LOCAL:
        return open_regular(os.path.realpath(path))
    opened: IO[bytes] = storage_path(value, conn_id).open("rb")
    return opened


def _data_url(
    request: GenerationRequest, name: str, value: str, *, settings: StorageSettings, conn_id: str | None
) -> str:
    with tempfile.TemporaryFile() as file:
        spool = Spool(file, max_bytes=MAX_INPUT_MIB * MIB)
        try:
            if form_of(value) == "url":
                with Downloader(settings) as downloader:
                    downloader.fetch(value, spool, lambda _: None)
            else:
                with open_input(value, conn_id) as source:
                    while chunk := source.read(CHUNK):
                        spool.write(chunk)
            spool.finish()
        except Exception as e:
            # Each store fails in its own way.
            why = e.message if isinstance(e, ArtifactError) else f"{type(e).__name__}: {redact(str(e))[:300]}"
            if spool.size > spool.max_bytes:
                why = f"it is larger than {MAX_INPUT_MIB} MiB"
            raise _refused(
                request,
                name,
                f"cannot be read: {why}",
                "Nothing was sent. Correct the path or URL (a path needs storage_conn_id where its store "
                "needs a connection), then clear the task.",
            ) from e
        try:
            media = inspect(file, spool.size, max_pixels=settings.max_pixels)
        except ArtifactError:
            media = None
        if media is None or media.extension not in IMAGES:
            # No word on what it is instead: the file may be anything that the worker can read.
            raise _refused(request, name, f"is not a whole image ({', '.join(sorted(IMAGES))})", None)
        file.seek(0)
        return f"data:{media.media_type};base64,{base64.b64encode(file.read()).decode('ascii')}"


def _refused(request: GenerationRequest, name: str, why: str, next_step: str | None) -> InvalidRequestError:
    return InvalidRequestError(
        f"The image `{name}` of {request.label()} {why}",
        gateway=request.gateway or None,
        param=name,
        charged="no",
        next_step=next_step,
    )
