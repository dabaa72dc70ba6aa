"""Files in storage that a gateway fetches itself: looked at, then given a presigned URL before the request is sent.

Such a URL lets anyone read the file while it lives. It stands in the request on the wire and nowhere else: fingerprint,
ledger, manifest and log hold the URI.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from typing import Any

from airflow_provider_orux.compat import storage_path
from airflow_provider_orux.models.errors import ArtifactError, ConfigurationError, InvalidRequestError, redact
from airflow_provider_orux.models.input_images import form_of
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.storage.file_systems import file_system, scheme_of
from airflow_provider_orux.storage.inputs import MAX_INPUT_MIB, is_below, open_input
from airflow_provider_orux.storage.media import MEDIA_TYPES, inspect
from airflow_provider_orux.storage.settings import CHUNK, MIB, StorageSettings
from airflow_provider_orux.storage.spool import Spool

#: What gateways fetch as an image: "a publicly accessible JPG/PNG/WEBP" (Orux AI, page Images).
IMAGES = ("jpg", "png", "webp")
#: Stores that sign URLs.
_SIGNING = "s3://, gs:// and abfs:// do, with credentials that may"


def sign_files(
    request: GenerationRequest,
    *,
    settings: StorageSettings,
    seconds: int,
    conn_id: str | None = None,
    roots: Sequence[str] = (),
    written: Collection[str] = (),
) -> GenerationRequest:
    """The same request with presigned URLs in place of the files in storage that the gateway fetches.

    :param seconds: how long the URLs live.
    :param conn_id: the Airflow connection of the storage that URIs name.
    :param roots: folders below which any file may be handed out (``[orux] input_roots``).
    :param written: values that the author wrote into the DAG file; such a file may lie anywhere.
    :raises InvalidRequestError: a file may not be handed out, cannot be read, is of another kind, or its store signs no
        URLs; nothing was sent.
    """
    sent: dict[str, Any] = {}
    contents: dict[str, Any] = {}
    for name, kind in request.fetched_fields().items():
        value = getattr(request, name, None)
        items: list[str] = [] if value is None else value if isinstance(value, list) else [value]
        if not any(form_of(item) == "file" for item in items):
            continue
        urls, digests = [], []
        for item in items:
            if form_of(item) != "file":
                urls.append(item)
                digests.append(item)
                continue
            file = _StoredFile(request, name, item, conn_id)
            if item not in written and not is_below(item, roots, conn_id):
                raise file.refused(
                    f"may not be handed out: {ascii(redact(item))[:200]} comes from a template, another task or a "
                    "function, and is not below a folder of [orux] input_roots",
                    "Add its folder to [orux] input_roots, then clear the task.",
                )
            digests.append(f"sha256:{file.check(kind, settings)}")
            urls.append(file.sign(seconds, plain=settings.allow_private_hosts))
        sent[name], contents[name] = (urls, digests) if isinstance(value, list) else (urls[0], digests[0])
    return request.with_inputs(sent, contents)


class _StoredFile:
    """One file of a request."""

    def __init__(self, request: GenerationRequest, name: str, uri: str, conn_id: str | None) -> None:
        self._request = request
        self._name = name
        self._uri = uri
        self._conn_id = conn_id

    def check(self, kind: str, settings: StorageSettings) -> str:
        """Check that it is whole, and of the right kind; its SHA-256."""
        largest = MAX_INPUT_MIB * MIB if kind == "image" else settings.max_bytes
        with tempfile.TemporaryFile() as file:
            spool = Spool(file, max_bytes=largest)
            try:
                with open_input(self._uri, self._conn_id) as source:
                    while chunk := source.read(CHUNK):
                        spool.write(chunk)
                spool.finish()
            except Exception as e:
                # Each store fails in its own way.
                why = e.message if isinstance(e, ArtifactError) else _said(e)
                if spool.size > largest:
                    why = f"it is larger than {largest / MIB:g} MiB"
                raise self.refused(
                    f"cannot be read: {why}",
                    "Correct the URI (storage_conn_id names the connection of the store), then clear the task.",
                ) from e
            try:
                found = inspect(file, spool.size, max_pixels=settings.max_pixels).extension
            except ArtifactError:
                found = ""
            wanted = (
                IMAGES
                if kind == "image"
                else tuple(x for x, t in MEDIA_TYPES.items() if t.startswith(f"{kind}/"))
            )
            if found not in wanted:
                # No word on what it is instead: the file may be anything that the worker can read.
                raise self.refused(f"is not a whole {kind} ({', '.join(wanted)})", None)
            return spool.sha256

    def sign(self, seconds: int, *, plain: bool) -> str:
        """A URL under which anyone can fetch it for a while.

        :param plain: whether it may be http: at a gateway that reaches private hosts, as the sandbox does.
        """
        scheme = scheme_of(self._uri)
        try:
            path = storage_path(self._uri, self._conn_id)
            url = file_system(path, scheme).sign(str(path.path), expiration=seconds)
        except NotImplementedError as e:
            raise self._unsigned(f"{scheme}:// makes no URLs for its files") from e
        except ConfigurationError as e:
            raise self._unsigned(e.message.rpartition("cannot be used: ")[2]) from e
        except Exception as e:
            raise self._unsigned(_said(e)) from e
        if not isinstance(url, str) or not url.startswith(("https://", "http://") if plain else "https://"):
            raise self._unsigned("its store makes URLs that are not https")
        return url

    def _unsigned(self, why: str) -> InvalidRequestError:
        return self.refused(
            f"cannot be given a URL that the gateway can fetch: {why}",
            f"Save it to a store that signs URLs ({_SIGNING}), or pass an https URL.",
        )

    def refused(self, why: str, next_step: str | None) -> InvalidRequestError:
        """The error of a file that is not handed out."""
        return InvalidRequestError(
            f"The file `{self._name}` of {self._request.label()} {why}",
            gateway=self._request.gateway or None,
            param=self._name,
            charged="no",
            next_step=None if next_step is None else f"Nothing was sent. {next_step}",
        )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {redact(str(error))[:300]}"
