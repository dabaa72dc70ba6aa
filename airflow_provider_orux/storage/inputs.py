"""Input files of a request: paths, URIs and URLs become what the gateway takes, right before the request is sent.

That is bytes in a data URL, a presigned URL, or a file that is uploaded to the gateway's own store. It stands in the
request on the wire and nowhere else: fingerprint, ledger, manifest and log hold the path or URI that the author wrote.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import IO, Any

from airflow_provider_orux.compat import storage_path
from airflow_provider_orux.models.errors import ArtifactError, ConfigurationError, InvalidRequestError, redact
from airflow_provider_orux.models.input_images import form_of
from airflow_provider_orux.models.listed import InputFile, ListedRequest, Takes
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.storage.download import Downloader
from airflow_provider_orux.storage.file_systems import file_system, open_regular, scheme_of
from airflow_provider_orux.storage.media import IMAGES, MEDIA_TYPES, Media, inspect
from airflow_provider_orux.storage.settings import CHUNK, MIB, StorageSettings
from airflow_provider_orux.storage.spool import Spool

#: Bytes that one image may have where it is sent as bytes or fetched; as base64 it grows by a third.
MAX_IMAGE = 32 * MIB
#: Bytes of a file that OpenGPU Relay takes ("100 MB a file").
MAX_UPLOAD = 100_000_000
#: What gateways fetch as an image: "a publicly accessible JPG/PNG/WEBP" (Orux AI, page Images).
FETCHED_IMAGES = ("jpg", "png", "webp")
#: Seconds that a presigned URL of an input lives: as long as Orux AI keeps a job that waits (page Tasks: 24 h).
SIGNED_URL_SECONDS = 86_400
_LOCAL = ("", "file", "local")
#: Stores that sign URLs.
_SIGNING = "s3://, gs:// and abfs:// do, with credentials that may"


@dataclass(frozen=True, kw_only=True)
class InputFiles:
    """Which files may be inputs of a request, and how they are read.

    :param conn_id: the Airflow connection of the storage that paths and URIs name.
    :param roots: folders, as paths or URIs, below which any file may be used (``[orux] input_roots``).
    :param written: values that the author wrote into the DAG file; such a file may lie anywhere. Any other value may
        come from a row of a table, and could name whatever the worker can read.
    :param url_seconds: how long presigned URLs live.
    """

    settings: StorageSettings
    conn_id: str | None = None
    roots: Sequence[str] = ()
    written: Collection[str] = ()
    url_seconds: int = SIGNED_URL_SECONDS

    def ready(self, request: GenerationRequest) -> GenerationRequest:
        """The same request with what the gateway takes in place of its files; what is to be uploaded is in ``uploads``.

        :raises InvalidRequestError: a file may not be used, cannot be read, is of another kind, or its store signs no
            URLs; nothing was sent.
        """
        sent: dict[str, Any] = {}
        if isinstance(request, ListedRequest):
            uploads: dict[str, InputFile] = {}
            for name, takes in request.entry.files().items():
                if (value := request.body.get(name)) is not None:
                    inputs = self._inputs(request, name, value)
                    sent[name] = _like(value, [one.listed(takes, uploads) for one in inputs])
            return request.with_body(uploads=tuple(uploads.values()), **sent)
        contents: dict[str, Any] = {}
        for name, takes_urls in request.image_fields().items():
            if (value := getattr(request, name, None)) is not None:
                read = _like(value, [one.image(takes_urls) for one in self._inputs(request, name, value)])
                if read != value:
                    sent[name] = read
        for name, kind in request.fetched_fields().items():
            if (value := getattr(request, name, None)) is not None:
                digests: list[str] = []
                urls = _like(
                    value, [one.fetched(kind, digests) for one in self._inputs(request, name, value)]
                )
                if urls != value:
                    sent[name], contents[name] = urls, _like(value, digests)
        return request.with_inputs(sent, contents)

    def _inputs(self, request: GenerationRequest, name: str, value: Any) -> list[_Input]:
        return [_Input(self, request, name, item) for item in (value if isinstance(value, list) else [value])]

    def may_use(self, value: str) -> bool:
        """Whether a file was named by the author, or lies below one of the folders, symlinks followed."""
        return value in self.written or is_below(value, self.roots, self.conn_id)


class _Input:
    """One value of a field that takes files.

    :raises InvalidRequestError: it is a file that nobody allowed.
    """

    def __init__(self, files: InputFiles, request: GenerationRequest, name: str, value: Any) -> None:
        self._files = files
        self._request = request
        self._name = name
        self._value = value
        self._form = form_of(value) if isinstance(value, str) else None
        if self._form == "file" and not files.may_use(value):
            raise self._refused(
                f"may not be used: {ascii(redact(value))[:200]} comes from a template, another task or a function, "
                "and is not below a folder of [orux] input_roots",
                "Add its folder to [orux] input_roots, then clear the task.",
            )

    def image(self, takes_urls: bool) -> Any:
        """An image as a data URL, unless it is bytes already, or a URL that the gateway fetches itself."""
        if self._form != "file" and (self._form != "url" or takes_urls):
            return self._value
        with self._read(MAX_IMAGE) as (spool, media):
            if media is None or media.extension not in IMAGES:
                raise self._not_whole("image", sorted(IMAGES))
            return _data_url(_content(spool), media)

    def fetched(self, kind: str, digests: list[str]) -> Any:
        """A presigned URL of a file, once it is looked at; other values as they are.

        :param digests: takes what the value is called where requests are compared.
        """
        if self._form != "file":
            digests.append(self._value)
            return self._value
        is_image = kind == "image"
        kinds = (
            FETCHED_IMAGES if is_image else [x for x, t in MEDIA_TYPES.items() if t.startswith(f"{kind}/")]
        )
        with self._read(MAX_IMAGE if is_image else self._files.settings.max_bytes) as (spool, media):
            if media is None or media.extension not in kinds:
                raise self._not_whole(kind, kinds)
            digests.append(f"sha256:{spool.sha256}")
        return self._sign()

    def listed(self, takes: Takes, uploads: dict[str, InputFile]) -> Any:
        """A file as a data URL where the field takes one, else the mark of a file to upload; other values as they are.

        :param uploads: takes the file, by its mark.
        """
        if self._form != "file" and (self._form != "url" or takes.url or not takes.inline):
            return self._value
        with self._read(MAX_UPLOAD) as (spool, media):
            if media is None:
                raise self._not_whole("image, clip or song", ())
            content = _content(spool)
            inline = takes.inline and (not takes.url or media.extension in IMAGES)
            if inline and len(content) <= MAX_IMAGE:
                return _data_url(content, media)
            if not takes.url:
                raise self._refused(f"is larger than {MAX_IMAGE / MIB:g} MiB", "Use a smaller one.")
            file = InputFile(content, media.media_type, f"input.{media.extension}", spool.sha256)
            return uploads.setdefault(file.mark, file).mark

    @contextmanager
    def _read(self, largest: int) -> Iterator[tuple[Spool, Media | None]]:
        """The file, and what it is; None: nothing that is known, or not whole."""
        files = self._files
        with closing(Spool(tempfile.TemporaryFile(), max_bytes=largest)) as spool:
            try:
                if self._form == "url":
                    with Downloader(files.settings) as downloader:
                        downloader.fetch(self._value, spool, lambda _: None)
                else:
                    with open_input(self._value, files.conn_id) as source:
                        while chunk := source.read(CHUNK):
                            spool.write(chunk)
                spool.finish()
            except Exception as e:
                # Each store fails in its own way.
                why = e.message if isinstance(e, ArtifactError) else _said(e)
                if spool.size > largest:
                    why = f"it is larger than {round(largest / MIB, 1):g} MiB"
                raise self._refused(
                    f"cannot be read: {why}",
                    "Correct the path or URL (a path needs storage_conn_id where its store needs a connection), then "
                    "clear the task.",
                ) from e
            try:
                media = inspect(spool.file, spool.size, max_pixels=files.settings.max_pixels)
            except ArtifactError:
                media = None
            yield spool, media

    def _sign(self) -> str:
        """A URL under which anyone can fetch the file for a while."""
        scheme = scheme_of(self._value)
        try:
            path = storage_path(self._value, self._files.conn_id)
            url = file_system(path, scheme).sign(str(path.path), expiration=self._files.url_seconds)
        except NotImplementedError as e:
            raise self._unsigned(f"{scheme}:// makes no URLs for its files") from e
        except ConfigurationError as e:
            raise self._unsigned(e.message.rpartition("cannot be used: ")[2]) from e
        except Exception as e:
            raise self._unsigned(_said(e)) from e
        # http at a gateway that reaches private hosts, as the sandbox does.
        plain = self._files.settings.allow_private_hosts
        if not isinstance(url, str) or not url.startswith(("https://", "http://") if plain else "https://"):
            raise self._unsigned("its store makes URLs that are not https")
        return url

    def _unsigned(self, why: str) -> InvalidRequestError:
        return self._refused(
            f"cannot be given a URL that the gateway can fetch: {why}",
            f"Save it to a store that signs URLs ({_SIGNING}), or pass an https URL.",
        )

    def _not_whole(self, kind: str, extensions: Collection[str]) -> InvalidRequestError:
        # No word on what it is instead: the file may be anything that the worker can read.
        known = f" ({', '.join(extensions)})" if extensions else " of a known kind"
        return self._refused(f"is not a whole {kind}{known}", "Use another file.")

    def _refused(self, why: str, next_step: str) -> InvalidRequestError:
        return InvalidRequestError(
            f"The file `{self._name}` of {self._request.display_name} {why}",
            gateway=self._request.gateway or None,
            param=self._name,
            charged="no",
            next_step=f"Nothing was sent. {next_step}",
        )


def _like(value: Any, made: list[Any]) -> Any:
    """What was made of a field's values, as a list where the field has one."""
    return made if isinstance(value, list) else made[0]


def _content(spool: Spool) -> bytes:
    spool.file.seek(0)
    return spool.file.read()


def _data_url(content: bytes, media: Media) -> str:
    return f"data:{media.media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {redact(str(error))[:300]}"


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
