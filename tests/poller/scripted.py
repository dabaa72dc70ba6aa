"""A scripted gateway on a socket, and the poller that polls it."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from airflow_provider_orux.hooks.connection import GatewayConnection, read_connection
from airflow_provider_orux.lifecycle.event import JobEvent
from airflow_provider_orux.lifecycle.polling import Wait
from airflow_provider_orux.poller import client
from airflow_provider_orux.poller.poller import Poller

Answer = tuple[int, Any, dict[str, str]] | Callable[[asyncio.StreamWriter], Awaitable[None]]


class Server:
    """An HTTP/1.1 server; ``script`` says what to answer: (status, JSON or bytes, headers), what has the writer,
    or None to cut."""

    def __init__(self) -> None:
        self.requests: list[tuple[float, str, str, bytes, str]] = []
        self.connections = self.in_flight = self.most_in_flight = 0
        self.script: Callable[[str, str, bytes], Awaitable[Answer | None]] = self.nothing
        self.port = 9  # until it listens

    async def nothing(self, method: str, target: str, body: bytes) -> Answer | None:
        return 404, {"error": {"code": "x", "type": "invalid_request_error", "message": "?"}}, {}

    def count(self, target: str) -> int:
        return sum(1 for request in self.requests if target in request[2])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, target, _ = head.split(" ", 2)
                length = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1])) if length else b""
                key = re.search(r"authorization: *(.+)\r", head, re.IGNORECASE)
                self.requests.append((time.monotonic(), method, target, body, key[1] if key else ""))
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                try:
                    answer = await self.script(method, target, body)
                finally:
                    self.in_flight -= 1
                if answer is None:
                    return
                if callable(answer):
                    await answer(writer)
                    return
                status, value, headers = answer
                payload = value if isinstance(value, bytes) else json.dumps(value).encode()
                extra = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}"
                    f"Content-Length: {len(payload)}\r\n\r\n".encode()
                    + payload
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def scripted() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, backlog=1024)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


def connection(server: Server, conn_type: str = "orux", key: str = "k-1", **extra: Any) -> GatewayConnection:
    return read_connection(
        conn_id="c", conn_type=conn_type, host=f"http://127.0.0.1:{server.port}", port=None, schema=None,
        password=key, extra={"max_in_flight_polls": 8, **extra},
    )  # fmt: skip


def poller_of(found: GatewayConnection | Callable[[], GatewayConnection]) -> Poller:
    async def read(conn_id: str) -> GatewayConnection:
        return found() if callable(found) else found

    return Poller("c", read=read)


def running(job: str) -> dict[str, Any]:
    return {"task_id": job, "status": "RUNNING"}


def done(job: str) -> dict[str, Any]:
    return {"task_id": job, "status": "SUCCESS", "result_urls": [f"https://cdn.example/{job}.png"]}


def orux_job(target: str) -> str:
    return target.rpartition("/")[2]


async def wait(
    poller: Poller,
    job: str,
    interval: float | None = 0.05,
    seconds: float = 60.0,
    started: float | None = None,
    kind: str | None = None,
) -> JobEvent:
    now = time.time()
    return await poller.wait(Wait(job, now + seconds, now if started is None else started, interval, kind))


def run(story: Callable[[], Awaitable[None]]) -> None:
    """A story, after which nothing may be left on the loop."""

    async def whole() -> None:
        await asyncio.wait_for(story(), 60)
        for _ in range(20):
            if not client._closing:
                break
            await asyncio.sleep(0.05)
        assert not client._closing

    asyncio.run(whole())
