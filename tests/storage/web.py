"""A web server on loopback that plays what a test tells it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

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
            if self.server.web.otherwise is not None:
                self.server.web.otherwise(self, unquote(path).lstrip("/"))
            else:
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


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Who hangs up in the middle of an answer is no news here.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Web:
    """The server; ``seen`` are the requests it got."""

    def __init__(self) -> None:
        self.plays: dict[str, list[Play]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        #: What answers a path without plays.
        self.otherwise: Callable[[Exchange, str], None] | None = None
        self._server = _Server(("127.0.0.1", 0), Exchange)
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
