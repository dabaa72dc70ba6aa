"""The client of the hot path: a few kept connections, or httpx where a proxy stands in the way.

A triggerer has one event loop for all its jobs, and httpx costs five to eight times the CPU of this client for one poll
(page "Benchmarks" of the documentation). It does what a poll needs and nothing else: no redirects, no cookies, one
answer of bounded size. Everything that is paid for, and everything that is saved, stays with httpx.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import time
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode, urlsplit

from airflow_provider_orux.client.flow import Send, TransportFailure
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.models.errors import redact

if TYPE_CHECKING:
    from airflow_provider_orux.client.polling_connection import PollConnection

USER_AGENT = "airflow-provider-orux"
KEEPALIVE_SECONDS = 75.0
"""Longer than any pause of the schedule, so that polling opens no connection but its first."""
POOL = 8
"""Connections of one httpx client."""
_PRINTABLE = re.compile(r"[!-~]+")
_HEADER = re.compile(r"[\t -~]*")


class PollTransport(Protocol):
    """What the poller needs of a client."""

    async def send(self, send: Send) -> HttpResponse:
        """One exchange.

        :raises TransportFailure: no answer came.
        """

    async def aclose(self) -> None:
        """Close all connections."""


def prepare(settings: ClientSettings) -> None:
    """Do what takes long and needs no event loop: imports, certificates. For a thread."""
    from airflow_provider_orux.client.transport import tls_context

    tls_context(settings.ca_path)
    _has_parser()


def poll_transport(gateway: Gateway, settings: ClientSettings, *, connections: int) -> PollTransport:
    """The client for the polls of one connection.

    A proxy, whether of the connection or of the environment, is left to httpx, so that it means the same to the polls
    as to everything else. So is a host that is not plain ASCII, and all of it where ``httptools`` is missing.

    :param connections: how many connections it may hold open.
    """
    plain = _PRINTABLE.fullmatch(settings.base_url) is not None
    if plain and _has_parser() and not through_proxy(settings):
        return KeptConnections(gateway, settings)
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


class KeptConnections:
    """Polls over connections of its own. How many there are is bounded by how many polls are under way at once.

    :param gateway: whose wire is spoken.
    :param settings: host, key, timeouts, certificates.
    """

    def __init__(self, gateway: Gateway, settings: ClientSettings) -> None:
        from airflow_provider_orux.client.polling_connection import PollConnection

        self._settings = settings
        self._kind = PollConnection
        self._idle: list[PollConnection] = []
        parts = urlsplit(settings.base_url)
        self._host = parts.hostname or ""
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        common = {"Host": parts.netloc, "User-Agent": USER_AGENT, "Accept": "application/json"}
        # Polls are small: an answer that is packed costs more than it saves.
        self._common = " HTTP/1.1\r\n" + _lines({**common, "Accept-Encoding": "identity"})
        self._key = _lines(gateway.key_headers(settings.key)) if settings.key else ""

    async def aclose(self) -> None:
        """Close the connections that are not in use; those in use close when their poll ends."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.abort()
        if idle:
            await asyncio.wait([connection.lost for connection in idle], timeout=1)

    async def send(self, send: Send) -> HttpResponse:
        """One exchange.

        :raises TransportFailure: no answer came.
        """
        from airflow_provider_orux.client.polling_connection import Disconnected

        message = self._message(send.request)
        timeouts = {
            "read_timeout": send.read_timeout,
            "total_timeout": max(self._settings.total_timeout, send.read_timeout),
        }
        while True:
            connection = self._kept()
            fresh = connection is None
            if connection is None:
                connection = await self._open()
            try:
                answer = await connection.exchange(message, max_bytes=send.max_bytes, **timeouts)
            except Disconnected:
                if fresh:
                    raise
                continue  # the host had enough of an idle connection; the request costs nothing to repeat
            if connection.usable:
                connection.idle_since = time.monotonic()
                self._idle.append(connection)
            return answer.without(self._settings.key)

    def _kept(self) -> PollConnection | None:
        """The connection that was used last, so that those that are not needed grow old."""
        oldest = time.monotonic() - KEEPALIVE_SECONDS
        while self._idle and (self._idle[0].idle_since < oldest or not self._idle[0].usable):
            self._idle.pop(0).abort()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def _open(self) -> PollConnection:
        from airflow_provider_orux.client.transport import tls_context

        seconds = self._settings.connect_timeout
        context = tls_context(self._settings.ca_path) if self._secure else None
        try:
            transport, connection = await asyncio.wait_for(
                asyncio.get_running_loop().create_connection(
                    self._kind, self._host, self._port, ssl=context,
                    server_hostname=self._host if context else None, happy_eyeballs_delay=0.25,
                ),
                seconds,
            )  # fmt: skip
        except asyncio.TimeoutError as e:
            raise TransportFailure("it could not be reached in time", sent=False) from e
        except (OSError, ssl.SSLError) as e:
            words = redact(str(e), self._settings.key)
            raise TransportFailure(f"{type(e).__name__}: {words}", sent=False) from e
        plain = transport.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return connection

    def _message(self, request: HttpRequest) -> bytes:
        if request.purpose is Purpose.PAY or request.files is not None:
            raise RuntimeError("the poller sends nothing that may be charged")
        target = self._prefix + request.path
        if request.query:
            target = f"{target}?{urlencode(request.query)}"
        if not _PRINTABLE.fullmatch(target):
            raise TransportFailure("the address is not percent-encoded", sent=False)
        headers = _lines(request.headers) + (self._key if request.with_key else "")
        body = b""
        if request.body is not None:
            body = json.dumps(request.body, separators=(",", ":"), ensure_ascii=False).encode()
            headers += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"{request.method} {target}{self._common}{headers}\r\n".encode("ascii") + body


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


def _lines(headers: Mapping[str, str]) -> str:
    lines = []
    for name, value in headers.items():
        if not (_PRINTABLE.fullmatch(name) and _HEADER.fullmatch(value)):
            raise TransportFailure(f"the header {name!r} holds what no header may", sent=False)
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines)


def _has_parser() -> bool:
    """Whether ``httptools`` is there: Airflow's own API server brings it, but does not need it everywhere."""
    try:
        import httptools  # noqa: F401
    except ImportError:
        return False
    return True
