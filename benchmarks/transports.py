"""CPU of one poll through each client that could carry the hot path: the measurement behind the choice.

``python -m benchmarks.transports '{"transport": "httpx", "polls": 5000, "slots": 64, "port": …, "ca": …}'``
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import time
from typing import Any

from benchmarks.client import cpu
from benchmarks.gateway import job_id


class Bare:
    """Bare asyncio streams: no library, nothing handled; the floor, not a candidate."""

    def __init__(self, port: int, ca: str, key: str) -> None:
        self.port, self.key = port, key
        self.context = ssl.create_default_context(cafile=ca)
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str) -> bytes:
        reader, writer = (
            self.idle.pop()
            if self.idle
            else await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context)
        )
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.key}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
        self.idle.append((reader, writer))
        return body


class Aiohttp:
    """aiohttp as a poller would use it."""

    def __init__(self, gateway: Any, settings: Any, slots: int) -> None:
        import aiohttp

        context = ssl.create_default_context(cafile=settings.ca_path)
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=slots, ssl=context, keepalive_timeout=75),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={**gateway.key_headers(settings.key), "Accept-Encoding": "identity"},
        )
        self.base = settings.base_url

    async def send(self, send: Any) -> Any:
        from airflow_provider_orux.gateways.wire import HttpResponse

        async with self.session.get(self.base + send.request.path, allow_redirects=False) as response:
            body = await response.read()
            return HttpResponse(response.status, {k.lower(): v for k, v in response.headers.items()}, body)

    async def aclose(self) -> None:
        await self.session.close()


async def measure(order: dict[str, Any]) -> dict[str, Any]:
    from airflow_provider_orux.client.asynchronous import AsyncGatewayClient
    from airflow_provider_orux.client.settings import ClientSettings
    from airflow_provider_orux.gateways.registry import gateway_for
    from airflow_provider_orux.hooks.connection import Extra, GatewayConnection
    from airflow_provider_orux.poller.client import PollClient
    from airflow_provider_orux.poller.transport import HttpxTransport, KeptConnections

    slots, name = order["slots"], order["transport"]
    settings = ClientSettings(f"https://127.0.0.1:{order['port']}", key="sk-app-x", ca_path=order["ca"])
    gateway = gateway_for("orux")
    jobs = [job_id(time.time(), 3600, i) for i in range(order["polls"])]
    if name == "bare":
        bare = Bare(order["port"], order["ca"], "sk-app-x")

        async def poll(job: str) -> None:
            json.loads(await bare.get(f"/api/v1/tasks/{job}"))
    else:
        transport: Any
        if name == "ours":
            transport = KeptConnections(gateway, settings)
        elif name == "aiohttp":
            transport = Aiohttp(gateway, settings, slots)
        elif name == "httpx":
            transport = AsyncGatewayClient(gateway, settings, connections=slots)
        elif name == "httpx pools":
            transport = HttpxTransport(gateway, settings, connections=slots)
        else:
            import httpx
            from httpx_aiohttp import AiohttpTransport as Bridge

            context = ssl.create_default_context(cafile=order["ca"])
            transport = AsyncGatewayClient(
                gateway,
                settings,
                transport=Bridge(verify=context, limits=httpx.Limits(max_connections=slots)),
            )
        client = PollClient(GatewayConnection("bench", gateway, settings, Extra()), transport)

        async def poll(job: str) -> None:
            await client.poll(job)

    queue = iter(jobs)

    async def worker() -> None:
        for job in queue:
            await poll(job)

    await asyncio.gather(*(poll(job) for job in jobs[:slots]))
    before, began = cpu(), time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(slots)))
    result = {"cpu_per_poll_ms": (cpu() - before) / len(jobs) * 1000, "wall": time.perf_counter() - began}
    if name != "bare":
        await transport.aclose()
    return result


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    os.environ["SSL_CERT_FILE"] = given["ca"]
    print("RESULT " + json.dumps(asyncio.run(measure(given))), flush=True)
