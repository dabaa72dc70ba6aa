"""Stores that a test can break: an object store as fsspec knows them, and one that writes in place."""

from __future__ import annotations

import io
import uuid
from typing import Any

from airflow.sdk.io import attach
from fsspec import AbstractFileSystem
from fsspec.spec import AbstractBufferedFile


class Upload(AbstractBufferedFile):
    """What s3fs does: parts go up while it is written, the last flush publishes.

    ``discard`` is inherited, and does nothing.
    """

    fs: Store

    def _initiate_upload(self) -> None:
        self.parts: list[bytes] = []
        self.fs.uploads += 1

    def _upload_chunk(self, final: bool = False) -> bool:
        self.fs.part_sizes.append(self.buffer.tell())
        if self.fs.fail_at_part is not None and len(self.parts) >= self.fs.fail_at_part:
            raise OSError("the store hung up")
        self.parts.append(self.buffer.getvalue())
        if final:
            if self.fs.fail_at_end:
                raise OSError("the store hung up at the end")
            self.fs.published.append(self.path)
            self.fs.files[self.path] = b"".join(self.parts)
        return True

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self.fs.files[self.path][start:end]


class Store(AbstractFileSystem):
    """An object store in memory."""

    cachable = False
    protocol = "orux"

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.published: list[str] = []
        self.part_sizes: list[int] = []
        self.uploads = 0
        self.fail_at_part: int | None = None
        self.fail_at_end = False
        self.refuse: type[Exception] | None = None
        self.may_look = True

    @classmethod
    def _strip_protocol(cls, path: Any) -> str:
        return str(path).rpartition("://")[2].strip("/")

    def _open(self, path: str, mode: str = "rb", block_size: Any = None, **options: Any) -> Any:
        path = self._strip_protocol(path)
        if mode == "rb":
            self._look(path)
            if path not in self.files:
                raise FileNotFoundError(path)
            return Upload(self, path, mode, block_size, size=len(self.files[path]))
        return Upload(self, path, mode, block_size)

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        self._look(path)
        if path in self.files:
            return {"name": path, "size": len(self.files[path]), "type": "file"}
        if any(name.startswith(path + "/") for name in self.files):
            return {"name": path, "size": 0, "type": "directory"}
        raise FileNotFoundError(path)

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        path = self._strip_protocol(path)
        self._look(path)
        names = [name for name in self.files if name.rpartition("/")[0] == path]
        if not names:
            raise FileNotFoundError(path)
        return [self.info(name) for name in names] if detail else names

    def rm_file(self, path: str) -> None:
        self.files.pop(self._strip_protocol(path), None)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        raise AssertionError("making a folder in an object store may make a bucket")

    def mv(self, *args: Any, **options: Any) -> None:
        raise AssertionError("a rename in an object store is a copy and a deletion")

    def _look(self, path: str) -> None:
        if self.refuse is not None:
            raise self.refuse("no")
        if not self.may_look:
            raise PermissionError(path)


class InPlaceFile(io.BytesIO):
    """A file of SFTP or SMB: what is written is there at once."""

    def __init__(self, fs: InPlaceStore, path: str) -> None:
        super().__init__()
        self._fs, self._path = fs, path
        fs.files[path] = b""

    def write(self, data: Any) -> int:
        if self._fs.fail_after is not None and len(self._fs.files[self._path]) >= self._fs.fail_after:
            raise OSError("the line is dead")
        self._fs.files[self._path] += bytes(data)
        return len(data)


class InPlaceStore(Store):
    """A remote file system without all-or-nothing puts."""

    fail_after: int | None = None
    folders: tuple[str, ...] = ()

    def _open(self, path: str, mode: str = "rb", block_size: Any = None, **options: Any) -> Any:
        if mode == "rb":
            return super()._open(path, mode, block_size, **options)
        return InPlaceFile(self, self._strip_protocol(path))

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        self.folders += (self._strip_protocol(path),)


def attached(store: Store, scheme: str = "s3") -> str:
    """A connection id under which Airflow finds the store."""
    conn_id = f"store_{uuid.uuid4().hex}"
    attach(scheme, conn_id, fs=store)
    return conn_id
