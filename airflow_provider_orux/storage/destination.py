"""Where artifacts go: an ObjectStoragePath, checked before paying, that never shows half a file."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import os
import re
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_orux.compat import lineage_collector, storage_path
from airflow_provider_orux.models.errors import ArtifactError, ArtifactRejectedError, redact
from airflow_provider_orux.storage.file_systems import (
    PACKAGES,
    checked_uri,
    file_system,
    no_file_system,
    open_regular,
    scheme_of,
    unusable,
)
from airflow_provider_orux.storage.settings import CHUNK, MIB
from airflow_provider_orux.storage.spool import DestinationError, Spool, sha256_of

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

log = logging.getLogger(__name__)

#: Bytes of one part of an upload, and of one read ahead. s3fs takes 50 MiB unless told, several times over.
BLOCK = 8 * MIB

#: Age at which a temporary file is a leftover of a process that was killed.
LEFTOVER_SECONDS = 24 * 3600.0

_PROBE = "probe"
_S3 = ("s3", "s3a")
#: Schemes where a file is there as a whole or not at all, so that what is found there is complete. Their folders need
#: no making: making one may create a bucket.
_WHOLE_PUTS = frozenset({"file", "memory", "oci", "oss", "obs", "r2", "tos", *PACKAGES})

_SAFE = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_ID = 120


def check_destination(save_to: str, *, conn_id: str | None = None) -> None:
    """Find problems with a destination before anything is paid for.

    Creates a local folder, and writes and removes a file in it. Asks an object store what is at the path, which reveals
    wrong credentials and missing packages and leaves nothing behind.

    :param save_to: URI or absolute path of a folder, rendered.
    :param conn_id: the Airflow connection of the store; None: the one in the URI (``s3://conn_id@bucket/…``), if any.
    :raises ConfigurationError: the destination is unusable.
    :raises DestinationError: the store did not answer; it may answer later.
    """
    folder = Folder.at(save_to, conn_id=conn_id)
    if folder.is_local:
        _try_local(folder)
    else:
        _ask_store(folder)


def safe_job_id(job_id: str) -> str:
    """A job id as a folder name: letters, digits, ``.``, ``_`` and ``-``; with a short hash if it had to be changed."""
    name = _SAFE.sub("_", job_id)[:_LONGEST_ID].lstrip(".")
    if name == job_id and name:
        return name
    return f"{name or '_'}-{hashlib.sha256(job_id.encode()).hexdigest()[:8]}"


class Folder:
    """One folder of a destination.

    :param uri: its URI, without a slash at the end, with the connection id where the author wrote one.
    :param path: the same as an ObjectStoragePath.
    :param fs: the file system of it.
    """

    def __init__(self, uri: str, path: ObjectStoragePath, fs: AbstractFileSystem) -> None:
        self.uri = uri
        self.path = path
        self.fs = fs

    @classmethod
    def at(cls, save_to: str, *, conn_id: str | None = None) -> Folder:
        """The folder that a text names. Nothing is read or written.

        :raises ConfigurationError: the text is no URI or absolute path, or there is no file system for it.
        """
        uri = checked_uri(str(save_to))
        scheme = uri.partition("://")[0]
        try:
            path = storage_path(uri, conn_id)
        except (ValueError, ImportError, TypeError) as e:
            raise no_file_system(scheme, e) from e
        return cls(uri, path, file_system(path, scheme))

    def under(self, name: str) -> Folder:
        """A folder in this folder."""
        return Folder(f"{self.uri}/{name}", self.path / name, self.fs)

    def refuse_symlink(self) -> None:
        """Refuse a folder that is a symlink: what is written there would lie elsewhere.

        :raises ArtifactRejectedError: it is one.
        """
        if self.is_local and os.path.islink(str(self.path.path)):
            raise ArtifactRejectedError(
                f"{self.uri} is a symlink, not a folder; artifacts are not written through it",
                next_step="The job is paid for. Remove the symlink or choose another save_to, then clear the task.",
            )

    @property
    def is_local(self) -> bool:
        """Whether it lies in the file system of this machine."""
        from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

        return isinstance(self.fs, LocalFileSystem)

    @property
    def keeps_only_whole_files(self) -> bool:
        """Whether every file that exists is complete."""
        return self.is_local or scheme_of(self.uri) in _WHOLE_PUTS

    def uri_of(self, name: str) -> str:
        """The URI of a file in it."""
        return f"{self.uri}/{name}"

    def path_of(self, name: str) -> str:
        """The path of a file in it, as its file system wants it."""
        return str((self.path / name).path)

    # Reading

    def names(self) -> list[str]:
        """The names of what lies in it, sorted; none when it does not exist or may not be listed.

        :raises DestinationError: it cannot be read at the moment.
        """
        folder = str(self.path.path)
        try:
            self.fs.invalidate_cache(folder)
            return sorted(str(p).rstrip("/").rpartition("/")[2] for p in self.fs.ls(folder, detail=False))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except PermissionError as e:
            log.warning("%s cannot be listed (%s): files already saved there will not be found", self.uri, e)
            return []
        except Exception as e:
            raise self._failed("listed", e) from e

    def open(self, name: str) -> IO[bytes]:
        """A file in it, for reading.

        :raises FileNotFoundError: there is none.
        :raises ArtifactRejectedError: it is no regular file.
        :raises DestinationError: it cannot be read at the moment.
        """
        try:
            if self.is_local:
                return open_regular(self.path_of(name))
            file: IO[bytes] = self.fs.open(self.path_of(name), "rb", block_size=BLOCK // 2)
        except (FileNotFoundError, ArtifactError):
            raise
        except Exception as e:
            raise self._failed("read", e) from e
        return file

    def read(self, name: str, limit: int) -> bytes:
        """The first bytes of a file in it, as it is now.

        :raises FileNotFoundError: there is none.
        :raises DestinationError: it cannot be read at the moment.
        """
        if not self.is_local:
            # A listing that was kept from earlier would deny a file that is new.
            self.fs.invalidate_cache(str(self.path.path))
        with self.open(name) as file:
            try:
                return file.read(limit)
            except FileNotFoundError:
                raise
            except Exception as e:
                raise self._failed("read", e) from e

    def digest(self, name: str, limit: float = math.inf) -> tuple[str, int] | None:
        """SHA-256 and size of a file in it, read back in chunks; None when there is none.

        :param limit: bytes; of a larger file no more is read, and its digest is that of the part.
        :raises ArtifactRejectedError: it is no regular file.
        :raises DestinationError: it cannot be read at the moment.
        """
        try:
            with self.open(name) as file:
                return sha256_of(file, limit)
        except FileNotFoundError:
            return None
        except ArtifactError:
            raise
        except Exception as e:
            raise self._failed("read", e) from e

    def copy_into(self, name: str, spool: Spool) -> None:
        """Read a file of it into a spool.

        :raises FileNotFoundError: there is none.
        :raises ArtifactRejectedError: it is larger than the spool takes.
        :raises DestinationError: it cannot be read at the moment.
        """
        try:
            with self.open(name) as file:
                while chunk := file.read(CHUNK):
                    spool.write(chunk)
        except (FileNotFoundError, ArtifactError):
            raise
        except Exception as e:
            raise self._failed("read", e) from e

    def _digest_if_readable(self, name: str, limit: int) -> tuple[str, int] | None:
        try:
            return self.digest(name, limit)
        except ArtifactRejectedError:
            return None
        except DestinationError as e:
            if isinstance(
                e.__cause__, PermissionError
            ):  # the right to write does not include the right to read
                return None
            raise

    # Writing

    @contextlib.contextmanager
    def spool(self, label: str, *, max_bytes: int) -> Iterator[Spool]:
        """A place to collect a file: next to its final name if local, else in the temporary folder.

        :raises DestinationError: there is no such place.
        """
        if not self.is_local:
            # It has no name from the start, so that a kill leaves nothing behind.
            try:
                nameless: IO[bytes] = tempfile.TemporaryFile(prefix="orux-", buffering=CHUNK)  # noqa: SIM115
            except OSError as e:
                raise DestinationError(f"The temporary folder cannot be written to: {e.strerror or e}") from e
            with contextlib.closing(Spool(nameless, max_bytes=max_bytes)) as spool:
                yield spool
            return
        folder = Path(str(self.path.path))
        part = folder / f".orux-{label}-{uuid.uuid4().hex[:12]}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            opened = part.open("x+b", buffering=CHUNK)
        except OSError as e:
            raise self._failed("written to", e) from e
        try:
            with contextlib.closing(Spool(opened, max_bytes=max_bytes, path=str(part))) as spool:
                yield spool
        finally:
            with contextlib.suppress(OSError):
                part.unlink()  # it is there only if it was not published

    def publish(self, spool: Spool, name: str) -> bool:
        """Give a spool its final name. If the file already has this content, leave it alone.

        :returns: whether it was written.
        :raises DestinationError: writing failed; then no file has that name.
        """
        spool.finish()
        if self._digest_if_readable(name, spool.size) == (spool.sha256, spool.size):
            return False
        try:
            if spool.path is not None:
                os.replace(spool.path, self.path_of(name))
            else:
                self._put(spool.file, self.path_of(name))
        except Exception as e:
            raise self._failed("written to", e) from e
        self._tell_lineage(name)
        return True

    def publish_bytes(self, content: bytes, name: str) -> None:
        """Write a small file, as a whole.

        :raises DestinationError: the destination does not take it.
        """
        with self.spool(Path(name).stem, max_bytes=len(content)) as spool:
            spool.write(content)
            self.publish(spool, name)

    def sweep(self, *, now: float | None = None) -> None:
        """Remove temporary files that killed processes left a day ago or longer; local only."""
        if not self.is_local:
            return
        before = (time.time() if now is None else now) - LEFTOVER_SECONDS
        for part in Path(str(self.path.path)).glob(".orux-*.part"):
            with contextlib.suppress(OSError):
                if part.stat().st_mtime < before:
                    part.unlink()

    def _put(self, source: IO[bytes], target: str) -> None:
        if not self.keeps_only_whole_files:
            self.fs.makedirs(str(self.path.path), exist_ok=True)
        source.seek(0)
        file: Any = self.fs.open(target, "wb", block_size=BLOCK)
        try:
            while chunk := source.read(CHUNK):
                file.write(chunk)
            file.close()
        except BaseException:
            self._discard(file, target)
            raise

    def _discard(self, file: Any, target: str) -> None:
        """Discard what was written so far. Closing the file would publish it, and so would garbage collection."""
        from fsspec.spec import AbstractBufferedFile  # type: ignore[import-untyped]

        try:
            if hasattr(file, "discard"):
                file.discard()
        except Exception as e:
            log.warning("The interrupted upload of %s could not be withdrawn: %s", target, redact(str(e)))
        if isinstance(file, AbstractBufferedFile):
            file.closed = True
            return
        # A file of another kind was visible from its first byte.
        with contextlib.suppress(Exception):
            file.close()
        with contextlib.suppress(Exception):
            self.fs.rm_file(target)

    def _tell_lineage(self, name: str) -> None:
        """What ``ObjectStoragePath.open("wb")`` tells Airflow at each write, told once and of complete files only."""
        path = self.path / name
        lineage_collector().add_output_asset(context=path, uri=str(path))

    def _failed(self, what: str, error: Exception) -> DestinationError:
        detail = getattr(error, "strerror", None) or redact(str(error))
        return DestinationError(f"{self.uri} cannot be {what}: {type(error).__name__}: {detail}".rstrip(": "))


def _try_local(folder: Folder) -> None:
    path = Path(str(folder.path.path))
    try:
        if path.exists() and not path.is_dir():
            raise unusable(f"{path} is a file, not a folder")
        with folder.spool(_PROBE, max_bytes=1) as spool:
            spool.write(b"x")
            spool.finish()
    except DestinationError as e:
        raise unusable(e.message) from e
    except (OSError, ValueError) as e:  # a name of more than 255 bytes, say
        raise unusable(f"{folder.uri[:200]}: {getattr(e, 'strerror', None) or e}") from e


def _ask_store(folder: Folder) -> None:
    path = str(folder.path.path)
    try:
        try:
            info = folder.fs.info(path)
        except FileNotFoundError:
            # A folder need not exist in a store, a bucket must.
            if scheme_of(folder.uri) in _S3:
                folder.fs.info(path.lstrip("/").partition("/")[0])
            return
    except FileNotFoundError as e:
        raise unusable(f"the bucket of {folder.uri} does not exist") from e
    except PermissionError as e:
        # The right to write does not include the right to look: this proves nothing.
        log.warning("%s cannot be checked (%s); a problem will show only when it is written", folder.uri, e)
        return
    except Exception as e:
        words = f"{type(e).__name__}: {redact(str(e))}"
        # The libraries of the stores do not all derive theirs from OSError.
        if isinstance(e, OSError) or "Timeout" in type(e).__name__ or "Connection" in type(e).__name__:
            raise DestinationError(
                f"{folder.uri} cannot be reached: {words}",
                charged="no",
                next_step="Nothing was sent; a retry looks again.",
            ) from e
        raise unusable(f"{folder.uri}: {words}") from e
    # A store says "file" of an empty marker object that stands for a folder; that one is in nobody's way.
    if info.get("type") == "file" and info.get("size"):
        raise unusable(f"{folder.uri} is a file, not a folder")
