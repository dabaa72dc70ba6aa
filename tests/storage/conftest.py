"""A web server on loopback that plays what a test tells it, files of every kind, and jobs that link to them."""

from __future__ import annotations

import io
import struct
import threading
import uuid
import wave
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import fsspec
import pytest
from PIL import Image

from airflow_provider_orux.models.job import Artifact, Job, JobStatus
from airflow_provider_orux.storage import StorageSettings

Play = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """One request. ``send`` answers it; a play may also write to ``wfile`` what it likes."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.web.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        plays = self.server.web.plays.get(path)
        if not plays:
            self.send(404, b"not found")
            return
        play = plays.pop(0) if len(plays) > 1 else plays[0]
        play(self)

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content_Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


class Web:
    """The server; ``seen`` are the requests it got."""

    def __init__(self) -> None:
        self.plays: dict[str, list[Play]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
        self._server.daemon_threads = True
        self._server.web = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def file(self, path: str, body: bytes, **headers: str) -> str:
        return self.play(path, lambda e: e.send(200, body, **headers))

    def play(self, path: str, *plays: Play) -> str:
        """Answer the requests to a path with these plays, the last one again and again."""
        self.plays[path] = list(plays)
        return self.url + path

    def count(self, path: str) -> int:
        return sum(1 for seen, _ in self.seen if seen.partition("?")[0] == path)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.stop()


@pytest.fixture
def settings() -> StorageSettings:
    """The sandbox's kind of settings, with short pauses."""
    return StorageSettings(allow_private_hosts=True, backoff_base=0.005, read_timeout=5, connect_timeout=5)


@pytest.fixture
def memory() -> Iterator[str]:
    """A folder of its own in the memory file system."""
    folder = f"memory://orux-{uuid.uuid4().hex}"
    yield folder
    fs = fsspec.filesystem("memory")
    if fs.exists(folder):
        fs.rm(folder, recursive=True)


def job_of(*urls: str, job_id: str = "job-1", **facts: Any) -> Job:
    return Job(
        job_id,
        JobStatus.SUCCEEDED,
        "orux",
        artifacts=tuple(Artifact(url=url) for url in urls),
        **{"charged": "yes", **facts},
    )


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), color: int = 0, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 40 + color).convert("RGB").save(file, kind, **options)
    return file.getvalue()


def song(frames: int = 4000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"\1\2" * frames)
    return file.getvalue()


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def clip(brand: bytes = b"isom", length: int = 5000) -> bytes:
    return (
        box(b"ftyp", brand + b"\0\0\2\0" + brand) + box(b"moov", b"\0" * 100) + box(b"mdat", b"\7" * length)
    )
