"""The files of the append-only ledger: where they lie, and how one is created only if it is not there yet.

``{root}/{dag}/{run}/{task}/{map}/{n}.json``. Nothing is ever overwritten: whoever creates entry ``n`` first wins.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from airflow_provider_orux.compat import connection_of, storage_path
from airflow_provider_orux.lifecycle.entry import LARGEST_ENTRY
from airflow_provider_orux.models.errors import ConfigurationError, LedgerError, redact
from airflow_provider_orux.storage.file_systems import PACKAGES

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

_ENTRY = re.compile(r"(\d{8})\.json")
#: Characters of a part of a path; a longer one is cut, with a digest behind it. (File systems take 255 bytes.)
_LONGEST = 200
#: Schemes of Azure, whose file system has a word of its own for "only if it is not there".
_AZURE = frozenset({"abfs", "abfss", "az", "adl"})


class Entries(Protocol):
    """The entries of one task instance."""

    def numbers(self) -> list[int]:
        """Their numbers, in order."""

    def load(self, number: int) -> bytes:
        """An entry, or as much of it as shows that it is too large to be one.

        :raises FileNotFoundError: there is none of this number.
        """

    def create(self, number: int, content: bytes) -> None:
        """Create an entry, whole, if there is none of this number.

        :raises Exception: there is one, or the store did not do it, or its answer was lost.
        """

    def remove(self, number: int) -> None:
        """Remove an entry. Only what prunes the ledger does."""


class LocalEntries:
    """Entries in a folder of a local (or mounted) file system that has hard links."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def numbers(self) -> list[int]:
        """Their numbers, in order."""
        try:
            return sorted(_numbers(os.listdir(self.folder)))
        except FileNotFoundError:
            return []

    def load(self, number: int) -> bytes:
        """An entry."""
        with self._path(number).open("rb") as file:
            return file.read(LARGEST_ENTRY + 1)

    def create(self, number: int, content: bytes) -> None:
        """Write it under another name first: a hard link makes it visible as a whole, and only if the name is free."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".{uuid.uuid4().hex}.part"
        try:
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(part, self._path(number))
        finally:
            with contextlib.suppress(OSError):
                part.unlink()
        with contextlib.suppress(OSError):  # not every mounted file system has this
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def remove(self, number: int) -> None:
        """Remove an entry, and the folders that are empty then."""
        with contextlib.suppress(FileNotFoundError):
            self._path(number).unlink()
        with contextlib.suppress(OSError):
            for folder in (self.folder, *self.folder.parents[:3]):
                folder.rmdir()

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:08d}.json"


class LocalRoot:
    """A ledger in a folder that every worker has, such as one of a machine of its own, or a mounted one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = folder.as_uri()

    def entries(self, *parts: str) -> LocalEntries:
        """The entries of a task instance."""
        return LocalEntries(self.folder.joinpath(*map(_part, parts)))

    def find(self, *parts: str) -> Iterator[LocalEntries]:
        """The entries of every task instance below these parts."""
        top = self.folder.joinpath(*map(_part, parts))
        for path, _, names in sorted(os.walk(top)):
            if any(True for _ in _numbers(names)):
                yield LocalEntries(Path(path))


class ObjectEntries:
    """Entries in an object store that can create an object only if there is none of its name."""

    def __init__(self, fs: AbstractFileSystem, folder: str, *, scheme: str) -> None:
        self.fs = fs
        self.folder = folder
        self._exclusively: dict[str, Any] = {"overwrite": False} if scheme in _AZURE else {"mode": "create"}

    def numbers(self) -> list[int]:
        """Their numbers, in order."""
        # A listing that was kept from earlier would deny an entry that is new.
        self.fs.invalidate_cache()
        try:
            return sorted(_numbers(self.fs.ls(self.folder, detail=False)))
        except FileNotFoundError:
            return []

    def load(self, number: int) -> bytes:
        """An entry."""
        content: bytes = self.fs.cat_file(self._path(number), start=0, end=LARGEST_ENTRY + 1)
        return content

    def create(self, number: int, content: bytes) -> None:
        """One request with a condition: the store decides who was first."""
        self.fs.pipe_file(self._path(number), content, **self._exclusively)

    def remove(self, number: int) -> None:
        """Remove an entry."""
        with contextlib.suppress(FileNotFoundError):
            self.fs.rm_file(self._path(number))

    def _path(self, number: int) -> str:
        return f"{self.folder}/{number:08d}.json"


class ObjectRoot:
    """A ledger in an object store."""

    def __init__(self, uri: str, fs: AbstractFileSystem, folder: str) -> None:
        self.uri = uri
        self.fs = fs
        self.folder = folder.rstrip("/")
        self._scheme = uri.partition("://")[0]

    def entries(self, *parts: str) -> ObjectEntries:
        """The entries of a task instance."""
        return self._at("/".join([self.folder, *map(_part, parts)]))

    def find(self, *parts: str) -> Iterator[ObjectEntries]:
        """The entries of every task instance below these parts."""
        self.fs.invalidate_cache()
        try:
            paths = self.fs.find("/".join([self.folder, *map(_part, parts)]))
        except FileNotFoundError:
            return
        for folder in sorted({path.rpartition("/")[0] for path in paths if any(_numbers([path]))}):
            yield self._at(folder)

    def _at(self, folder: str) -> ObjectEntries:
        return ObjectEntries(self.fs, folder, scheme=self._scheme)


#: The folder of a whole ledger.
Root = LocalRoot | ObjectRoot


def open_root(path: str, *, conn_id: str | None = None) -> Root:
    """The ledger that ``[orux] ledger_path`` names. Nothing is read or written.

    :param path: a URI that Airflow's ObjectStoragePath takes, or an absolute path.
    :param conn_id: the Airflow connection of the store; None: the one in the URI, if any.
    :raises ConfigurationError: there is no such place.
    """
    uri = f"file://{path}" if path.startswith("/") else path.strip()
    scheme, marks, rest = uri.partition("://")
    if not (scheme and marks and rest):
        raise unusable(f"{path!r} is neither an absolute path nor a URI such as s3://bucket/ledger")
    if scheme in ("file", "local"):
        if not rest.startswith("/"):
            raise unusable(f"{path!r} is relative; a folder is written file:///with/three/slashes")
        return LocalRoot(Path(rest))
    try:
        where = storage_path(uri, conn_id)
        fs = _file_system(where, scheme)
    except ImportError as e:
        package = PACKAGES.get(scheme, str(e))
        raise unusable(f"{scheme}:// needs a package that is not installed: {package}") from e
    except Exception as e:
        raise unusable(f"{uri} cannot be opened: {type(e).__name__}: {redact(str(e))}") from e
    return ObjectRoot(uri, fs, str(where.path))


def check_root(root: Root) -> None:
    """Try whether the store creates an entry only once: a condition that it ignored would pay twice.

    :raises ConfigurationError: it does not keep to the condition.
    :raises LedgerError: it does not answer.
    """
    entries = root.entries(".probe", uuid.uuid4().hex)
    try:
        try:
            entries.create(1, b'"first"')
        except Exception as e:
            raise _not_taken(root, e) from e
        try:
            entries.create(1, b'"second"')
        except Exception:
            kept = entries.load(1) == b'"first"'
        else:
            kept = False
    except (ConfigurationError, LedgerError):
        raise
    except Exception as e:
        raise away("read", e) from e
    finally:
        with contextlib.suppress(Exception):
            entries.remove(1)
    if not kept:
        raise unusable(
            f"{root.uri} lets one entry be created twice, so it could not keep two attempts apart. Use a store with "
            "conditional writes: Amazon S3, Google Cloud Storage, Azure Blob Storage, or a folder with hard links"
        )


def away(verb: str, cause: Exception) -> LedgerError:
    """The error of a ledger that does not answer; it may answer later."""
    error = LedgerError(
        f"The ledger cannot be {verb} ({type(cause).__name__}: {redact(str(cause))[:200]})",
        next_step="Nothing is submitted while the ledger cannot be read and written. Once it answers again, a retry or "
        "a clear does what the record then says.",
    )
    error.final = False
    return error


def unusable(why: str) -> ConfigurationError:
    """The error of a ledger that cannot be used as it is."""
    return ConfigurationError(
        f"[orux] ledger_path cannot be used: {why}",
        param="ledger_path",
        charged="no",
        next_step="Correct ledger_path in the section orux of Airflow's configuration.",
    )


def _not_taken(root: Root, cause: Exception) -> ConfigurationError | LedgerError:
    if isinstance(cause, OSError) and not isinstance(cause, (TimeoutError, ConnectionError)):
        hint = ""
        if isinstance(root, LocalRoot):
            hint = (
                ". A folder needs hard links, which many mounts of object stores lack: name the store itself, such as "
                "gs://bucket/ledger"
            )
        return unusable(f"{root.uri} takes no entry: {type(cause).__name__}: {redact(str(cause))}{hint}")
    error = away("written", cause)
    error.charged = "no"
    return error


def _file_system(where: Any, scheme: str) -> AbstractFileSystem:
    """Airflow's file system for a path, with its connection; else fsspec's own."""
    import fsspec

    try:
        return where.fs
    except ValueError:
        # Airflow knows only the schemes of its providers; fsspec knows more, but no connections.
        if connection_of(where) is not None:
            raise
    return fsspec.filesystem(scheme)


def _part(name: str) -> str:
    """An id as one part of a path."""
    part = quote(name, safe=":+")
    if part.strip(".") == "" or part == ".probe":
        part = part.replace(".", "%2E")
    if len(part) > _LONGEST:
        part = f"{part[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    return part


def _numbers(names: list[str]) -> Iterator[int]:
    for name in names:
        if match := _ENTRY.fullmatch(str(name).rpartition("/")[2]):
            yield int(match[1])
