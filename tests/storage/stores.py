"""Stores that a test can break: an object store as fsspec knows them, and one that writes in place."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import io
import json
import os
import time
import uuid
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from airflow.sdk.io import attach
from fsspec import AbstractFileSystem
from fsspec.spec import AbstractBufferedFile

#: The environment variable that describes a :class:`SharedStore`.
SHARED = "ORUX_TEST_STORE"


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


class SigningStore(Store):
    """An object store with a web server in front of it, which serves a file to whoever has a signature for it.

    It signs as S3 does: the path, the time and the lifetime, with a secret that nobody else knows.
    """

    def __init__(self, web: Any) -> None:
        super().__init__()
        self._web = web
        self._secret = uuid.uuid4().bytes
        #: Every URL that was signed, and how long it lives.
        self.signed: list[tuple[str, int]] = []
        #: The paths that were fetched by URL, in order.
        self.fetched: list[str] = []
        web.otherwise = self._serve

    def sign(self, path: str, expiration: int = 100, **options: Any) -> str:
        path = self._strip_protocol(path)
        until = int(time.time()) + expiration
        url = f"{self._web.url}/{quote(path)}?X-Amz-Expires={expiration}&until={until}&X-Amz-Credential=AKIDEXAMPLE"
        url += f"&X-Amz-Signature={self._signature(path, until)}"
        self.signed.append((url, expiration))
        return url

    def _signature(self, path: str, until: int) -> str:
        return hmac.new(self._secret, f"{path}:{until}".encode(), hashlib.sha256).hexdigest()

    def _serve(self, exchange: Any, path: str) -> None:
        query = {k: v[0] for k, v in parse_qs(urlsplit(exchange.path).query).items()}
        until = int(query.get("until", 0))
        right = hmac.compare_digest(query.get("X-Amz-Signature", ""), self._signature(path, until))
        if not right or until < time.time() or path not in self.files:
            exchange.send(403, b"<Error>AccessDenied</Error>")
            return
        self.fetched.append(path)
        exchange.send(200, self.files[path])


@contextlib.contextmanager
def attached_as_default(store: Store, scheme: str = "s3") -> Iterator[None]:
    """The store is what URIs of this scheme mean, without a connection."""
    from airflow.sdk.io.store import _STORE_CACHE

    attach(scheme, fs=store)
    try:
        yield
    finally:
        _STORE_CACHE.pop(scheme, None)


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


class OnDisk(MutableMapping[str, bytes]):
    """Files of a store that several processes share."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __getitem__(self, name: str) -> bytes:
        try:
            return (self._root / name).read_bytes()
        except OSError:
            raise KeyError(name) from None

    def __setitem__(self, name: str, content: bytes) -> None:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        part.write_bytes(content)
        part.replace(path)

    def __delitem__(self, name: str) -> None:
        (self._root / name).unlink()

    def __iter__(self) -> Iterator[str]:
        return (str(p.relative_to(self._root)) for p in self._root.rglob("*") if p.is_file())

    def __len__(self) -> int:
        return len(list(iter(self)))


class SharedStore(SigningStore):
    """The same store in each process of an Airflow: its files lie in a folder, and one process serves them.

    :param secret: what it signs with.
    """

    def __init__(self, root: Path, web: Any, secret: str) -> None:
        super().__init__(web)
        self.files = OnDisk(root)  # type: ignore[assignment]
        self._secret = secret.encode()


def shared(root: Path, *, url: str, secret: str) -> dict[str, str]:
    """The environment in which :func:`attach_shared` finds such a store."""
    return {SHARED: json.dumps({"root": str(root), "url": url, "secret": secret})}


def attach_shared() -> None:
    """What ``s3://`` means in this process; for the last line of a DAG file."""
    spec = json.loads(os.environ[SHARED])
    attach("s3", fs=SharedStore(Path(spec["root"]), SimpleNamespace(url=spec["url"]), spec["secret"]))
