"""The client of the hot path: aiohttp where it is installed and nothing stands in the way, else the httpx client.

A poll through httpx costs three to five times the CPU of one through aiohttp (page "Polling" of the documentation has
the numbers), and a triggerer has one event loop for all its jobs. Everything that is paid for stays with httpx.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

from airflow_provider_orux.client.flow import Send, TransportFailure
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.wire import HttpResponse, Purpose
from airflow_provider_orux.models.errors import redact

if TYPE_CHECKING:
    import aiohttp

USER_AGENT = "airflow-provider-orux"
KEEPALIVE_SECONDS = 75.0
"""Longer than any pause of the schedule, so that polling opens no connection but its first."""
DNS_SECONDS = 30
POOL = 8
"""Connections of one httpx client."""


class PollTransport(Protocol):
    """What the poller needs of a client."""

    async def send(self, send: Send) -> HttpResponse:
        """One exchange.

        :raises TransportFailure: no answer came.
        """

    async def aclose(self) -> None:
        """Close all connections."""


def prepare(settings: ClientSettings) -> None:
    """Do what takes long and needs no event loop: import the client, read the certificates. For a thread."""
    from airflow_provider_orux.client.transport import tls_context

    tls_context(settings.ca_path)
    if not through_proxy(settings):
        _aiohttp()


def poll_transport(gateway: Gateway, settings: ClientSettings, *, connections: int) -> PollTransport:
    """The client for the polls of one connection.

    A proxy, whether of the connection or of the environment, is left to httpx, so that it means the same to the
    polls as to everything else.

    :param connections: how many connections it may hold open.
    """
    if _aiohttp() is not None and not through_proxy(settings):
        return AiohttpTransport(gateway, settings, connections=connections)
    return HttpxTransport(gateway, settings, connections=connections)


def through_proxy(settings: ClientSettings) -> bool:
    """Whether a proxy stands between us and the gateway."""
    if settings.proxy:
        return True
    parts = urlsplit(settings.base_url)
    proxies = urllib.request.getproxies()
    if not (proxies.get(parts.scheme) or proxies.get("all")):
        return False
    return not urllib.request.proxy_bypass(parts.hostname or "")


class HttpxTransport:
    """Polls through httpx, with several small pools: httpx looks at every connection of a pool whenever it uses one,
    for each of them, so that one pool of 64 costs nine times the CPU of eight pools of 8.

    :param gateway: whose wire is spoken.
    :param settings: host, key, timeouts, proxy.
    :param connections: how many connections it may hold open.
    """

    def __init__(self, gateway: Gateway, settings: ClientSettings, *, connections: int) -> None:
        from airflow_provider_orux.client.asynchronous import AsyncGatewayClient

        full, rest = divmod(connections, POOL)
        sizes = [POOL] * full + ([rest] if rest else [])
        self._clients = [AsyncGatewayClient(gateway, settings, connections=size) for size in sizes]
        # Places in the pools, those of the first pool last: few polls use few connections.
        self._free = [client for client, size in zip(self._clients, sizes, strict=True) for _ in range(size)][
            ::-1
        ]

    async def send(self, send: Send) -> HttpResponse:
        """One exchange.

        :raises TransportFailure: no answer came.
        """
        if not self._free:
            raise TransportFailure("no connection is free", sent=False)
        client = self._free.pop()
        try:
            return await client.send(send)
        finally:
            self._free.append(client)

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._clients:
            await client.aclose()


class AiohttpTransport:
    """Polls through aiohttp: no redirects, no cookies, no environment, our certificates.

    :param gateway: whose wire is spoken.
    :param settings: host, key, timeouts.
    :param connections: how many connections it may hold open.
    """

    def __init__(self, gateway: Gateway, settings: ClientSettings, *, connections: int) -> None:
        self._gateway = gateway
        self._settings = settings
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._base = settings.base_url.rstrip("/")
        self._key = gateway.key_headers(settings.key) if settings.key else {}
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, send: Send) -> HttpResponse:
        """One exchange.

        :raises TransportFailure: no answer came.
        """
        import aiohttp
        from yarl import URL

        request, settings = send.request, self._settings
        if request.purpose is Purpose.PAY or request.files is not None:
            raise RuntimeError("the poller sends nothing that may be charged")
        url = f"{self._base}{request.path}"
        if request.query:
            url = f"{url}?{urlencode(request.query)}"
        headers = {**request.headers, **self._key} if request.with_key else dict(request.headers)
        data = None
        if request.body is not None:
            data = json.dumps(request.body, separators=(",", ":"), ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        deadline = time.monotonic() + max(settings.total_timeout, send.read_timeout)
        session = self._session or self._open()
        try:
            async with session.request(
                request.method,
                URL(url, encoded=True),
                headers=headers,
                data=data,
                allow_redirects=False,
                timeout=self._timeout(send.read_timeout),
            ) as response:
                body, truncated = await _read(response, send.max_bytes, deadline)
                if truncated:
                    response.close()
                names = {k.lower(): v for k, v in response.headers.items()}
                return HttpResponse(response.status, names, body, truncated).without(settings.key)
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError, OSError) as e:
            raise _failure(e, settings) from e

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        from airflow_provider_orux.client.transport import tls_context

        secure = self._base.startswith("https:")
        connector = aiohttp.TCPConnector(
            limit=self._connections,
            keepalive_timeout=KEEPALIVE_SECONDS,
            ttl_dns_cache=DNS_SECONDS,
            ssl=tls_context(self._settings.ca_path) if secure else True,
        )
        # Polls are small: an answer that is packed costs more than it saves, and could be made to unpack to anything.
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"},
        )
        return self._session

    def _timeout(self, read: float) -> aiohttp.ClientTimeout:
        import aiohttp

        known = self._timeouts.get(read)
        if known is None:
            if len(self._timeouts) > 64:
                self._timeouts.clear()
            known = self._timeouts[read] = aiohttp.ClientTimeout(
                total=None, connect=None, sock_connect=self._settings.connect_timeout, sock_read=read
            )
        return known


async def _read(response: aiohttp.ClientResponse, max_bytes: int, deadline: float) -> tuple[bytes, bool]:
    """The body, up to a number of bytes and a moment."""
    parts: list[bytes] = []
    size = 0
    content = response.content
    while chunk := await content.readany():
        if time.monotonic() > deadline:
            raise TransportFailure("the answer did not end in time", sent=True)
        if size + len(chunk) > max_bytes:
            parts.append(chunk[: max_bytes - size])
            return b"".join(parts), True
        parts.append(chunk)
        size += len(chunk)
    return (parts[0] if len(parts) == 1 else b"".join(parts)), False


def _failure(error: Exception, settings: ClientSettings) -> TransportFailure:
    """What a failure of aiohttp means, in words without secrets."""
    import aiohttp

    sent = not isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError))
    if isinstance(error, asyncio.TimeoutError):
        words = "no answer came in time" if sent else "it could not be reached in time"
        return TransportFailure(f"{words} ({type(error).__name__})", sent=sent)
    detail = redact(str(error), settings.key, settings.proxy)
    return TransportFailure(f"{type(error).__name__}: {detail}".rstrip(": "), sent=sent)


def _aiohttp() -> Any:
    """The library, or None: it is an extra."""
    try:
        import aiohttp
    except ImportError:
        return None
    return aiohttp
