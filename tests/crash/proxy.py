"""A reverse proxy between the workers and Airflow's execution API that can be told to answer in its place."""

from __future__ import annotations

import re
import socket
import threading
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn

DROPPED = {b"host", b"content-length", b"transfer-encoding", b"connection", b"content-encoding"}


@dataclass
class Rule:
    """Answer ``status`` to what matches.

    :param times: how often; 0: until it is withdrawn.
    :param words: the body; the default is that of an ingress that has lost the service behind it.
    """

    method: str
    path: str
    status: int
    times: int = 0
    words: bytes = b"default backend\n"
    hits: int = 0

    def strikes(self, method: str, path: str) -> bool:
        if self.times and self.hits >= self.times:
            return False
        return bool(re.fullmatch(self.method, method) and re.search(self.path, path))


class Proxy:
    """Listens on a free port of this machine.

    :param upstream: ``http://host:port`` of the API server.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.rules: list[Rule] = []
        self._lock = threading.Lock()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._client: httpx.AsyncClient | None = None
        config = uvicorn.Config(
            self._app, interface="asgi3", lifespan="off", ws="none", log_level="warning", access_log=False
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True, name="proxy"
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)
        self._socket.close()

    def answer(self, status: int, *, path: str, method: str = ".*", times: int = 0, **more: Any) -> Rule:
        """Answer in the API server's place from now on."""
        rule = Rule(method, path, status, times, **more)
        with self._lock:
            self.rules.append(rule)
        return rule

    def withdraw(self, rule: Rule) -> None:
        with self._lock:
            self.rules.remove(rule)

    def _struck(self, method: str, path: str) -> Rule | None:
        with self._lock:
            for rule in self.rules:
                if rule.strikes(method, path):
                    rule.hits += 1
                    return rule
        return None

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        path = scope["path"]
        rule = self._struck(scope["method"], path)
        if rule is not None:
            kind = b"application/json" if rule.words.startswith(b"{") else b"text/plain"
            await _answer(send, rule.status, [(b"content-type", kind)], rule.words)
            return
        if self._client is None:
            self._client = httpx.AsyncClient(
                base_url=self.upstream, timeout=60, trust_env=False, verify=False
            )
        query = scope["query_string"].decode()
        raw = scope.get("raw_path", path.encode()).decode().partition("?")[0]
        headers = [(k, v) for k, v in scope["headers"] if k not in DROPPED]
        try:
            response = await self._client.request(
                scope["method"], raw + (f"?{query}" if query else ""), content=body, headers=headers
            )
        except httpx.HTTPError:
            # As the API server itself when it is away: no answer. (A 502 in plain text, as of an ingress, to the
            # supervisor of a task ends the scheduler with Airflow 3.3.2 and LocalExecutor: the exception that it
            # becomes cannot be unpickled.)
            send.__self__.transport.abort()
            return
        kept = [(k.lower(), v) for k, v in response.headers.raw if k.lower() not in DROPPED]
        await _answer(send, response.status_code, kept, response.content)


async def _answer(send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = [] if status == 204 else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": b"" if status == 204 else body})
