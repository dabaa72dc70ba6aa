"""What carries polls: connections of our own, kept open, or httpx where a proxy is in the way.

A triggerer has one event loop for all its jobs, and a poll through httpx costs five to eight times the CPU (page
"Benchmarks" of the documentation). Our own connections do what a poll needs and nothing else: no redirects, no cookies,
one response of bounded size. Everything paid for, and everything saved, goes through httpx.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import ssl
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode, urlsplit

from airflow_provider_orux.client.allowance import Allowance
from airflow_provider_orux.client.flow import Send, TransportFailure
from airflow_provider_orux.client.proxies import proxy_for
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.models.errors import redact

if TYPE_CHECKING:
    from airflow_provider_orux.poller.http_connection import HttpConnection

log = logging.getLogger(__name__)

USER_AGENT = "airflow-provider-orux"
#: Seconds an idle connection is kept: longer than any pause of the schedule, so that polling opens only its first one.
KEEPALIVE_SECONDS = 75.0
#: Connections of one httpx client.
POOL = 8
_PRINTABLE = re.compile(r"[!-~]+")
_HEADER = re.compile(r"[\t -~]*")


class PollTransport(Protocol):
    """What the poller needs of an HTTP client."""

    async def send(self, send: Send) -> HttpResponse:
        """Send one request and return its response.

        :param send: the request, how long to wait and how much to read.
        :raises TransportFailure: no response came.
        """

    async def aclose(self) -> None:
        """Close all connections."""


def prepare(settings: ClientSettings) -> None:
    """Do what takes long and needs no event loop (imports, certificates); to be called in a thread.

    :param settings: where the gateway is.
    """
    from airflow_provider_orux.client.transport import tls_context

    tls_context(settings.ca_path)
    _has_parser()


def poll_transport(gateway: Gateway, settings: ClientSettings, *, connections: int) -> PollTransport:
    """The transport for the polls of one connection.

    httpx carries them when there is a proxy (of the connection or the environment), so that it means the same to polls
    as to everything else; when the host is not plain ASCII; and when ``httptools`` is missing.

    :param gateway: whose wire is spoken.
    :param settings: where the gateway is.
    :param connections: how many connections may be open.
    """
    plain = _PRINTABLE.fullmatch(settings.base_url) is not None
    if plain and _has_parser() and proxy_for(settings.base_url, settings.proxy) is None:
        return KeptConnections(gateway, settings, connections=connections)
    return HttpxTransport(gateway, settings, connections=connections)


class KeptConnections:
    """Polls over connections of our own, kept open. There are never more of them than polls in flight at once.

    :param gateway: whose wire is spoken.
    :param settings: host, key, timeouts, certificates.
    :param connections: how many may be open, for httpx: it takes over when it can read what our parser refuses, as of
        a proxy that folds headers or sends a length twice.
    """

    def __init__(self, gateway: Gateway, settings: ClientSettings, *, connections: int = POOL) -> None:
        from airflow_provider_orux.poller.http_connection import HttpConnection

        self._settings = settings
        self._tolerant = partial(HttpxTransport, gateway, settings, connections=connections)
        self._successor: HttpxTransport | None = None
        self._kind = HttpConnection
        self._idle: list[HttpConnection] = []
        parts = urlsplit(settings.base_url)
        self._host = parts.hostname or ""
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        common = {"Host": parts.netloc, "User-Agent": USER_AGENT, "Accept": "application/json"}
        # Polls are small: compressing the response would cost more than it saves.
        self._common = " HTTP/1.1\r\n" + _lines({**common, "Accept-Encoding": "identity"})
        self._key = _lines(gateway.key_headers(settings.key)) if settings.key else ""

    async def aclose(self) -> None:
        """Close the idle connections; those in use close when their poll ends."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.abort()
        if idle:
            await asyncio.wait([connection.lost for connection in idle], timeout=1)
        if self._successor is not None:
            await self._successor.aclose()

    async def send(self, send: Send) -> HttpResponse:
        """Send one request and return its response.

        :param send: the request, how long to wait and how much to read.
        :raises TransportFailure: no response came.
        """
        from airflow_provider_orux.poller.http_connection import NotStrictlyHttp

        if self._successor is not None:
            return await self._successor.send(send)
        try:
            return await self._send(send)
        except NotStrictlyHttp as e:
            tolerant = self._tolerant()
            try:
                answer = await tolerant.send(send)
            except BaseException as other:
                await tolerant.aclose()
                if isinstance(other, TransportFailure):
                    raise e from None  # it is not HTTP, whoever reads it
                raise
        if self._successor is None:
            self._successor = tolerant
            log.info("The answers of %s are not strictly HTTP; polling it through httpx.", self._host)
        else:
            await tolerant.aclose()
        return answer

    async def _send(self, send: Send) -> HttpResponse:
        from airflow_provider_orux.poller.http_connection import Disconnected

        message = self._message(send.request)
        while True:
            connection = self._kept()
            fresh = connection is None
            if connection is None:
                connection = await self._open()
            allowance = Allowance.of(self._settings, read_timeout=send.read_timeout, max_bytes=send.max_bytes)
            try:
                answer = await connection.exchange(
                    message, max_bytes=send.max_bytes, read_timeout=send.read_timeout, allowance=allowance
                )
            except Disconnected:
                if fresh:
                    raise
                continue  # the host closed an idle connection; repeating the request costs nothing
            if connection.usable:
                connection.idle_since = time.monotonic()
                self._idle.append(connection)
            return answer.without(self._settings.key)

    def _kept(self) -> HttpConnection | None:
        """The connection used last, so that those no longer needed age."""
        oldest = time.monotonic() - KEEPALIVE_SECONDS
        while self._idle and (self._idle[0].idle_since < oldest or not self._idle[0].usable):
            self._idle.pop(0).abort()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def _open(self) -> HttpConnection:
        from airflow_provider_orux.client.transport import distrust, tls_context

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
            if (untrusted := distrust(e)) is not None:
                raise untrusted from e
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
    """Polls through httpx, in several small pools.

    httpx walks all connections of a pool whenever it uses one, so a pool of 64 costs nine times the CPU of eight of 8.

    :param gateway: whose wire is spoken.
    :param settings: host, key, timeouts, proxy.
    :param connections: how many connections may be open.
    """

    def __init__(self, gateway: Gateway, settings: ClientSettings, *, connections: int) -> None:
        from airflow_provider_orux.client.asynchronous import AsyncGatewayClient

        full, rest = divmod(connections, POOL)
        sizes = [POOL] * full + ([rest] if rest else [])
        self._clients = [AsyncGatewayClient(gateway, settings, connections=size) for size in sizes]
        # Places in the pools, the first pool's at the end: few polls use few connections.
        self._free = [client for client, size in zip(self._clients, sizes, strict=True) for _ in range(size)][
            ::-1
        ]

    async def send(self, send: Send) -> HttpResponse:
        """Send one request and return its response.

        :param send: the request, how long to wait and how much to read.
        :raises TransportFailure: no response came.
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
            raise TransportFailure(f"the header {name!r} contains a forbidden character", sent=False)
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines)


def _has_parser() -> bool:
    """Whether ``httptools`` is installed: Airflow's API server brings it, but not everywhere."""
    try:
        import httptools  # noqa: F401
    except ImportError:
        return False
    return True
