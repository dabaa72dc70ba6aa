"""httpx transports whose reads and writes keep to the allowance of the exchange."""

from __future__ import annotations

import math
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

from airflow_provider_orux.client.allowance import Allowance

#: Bytes that are written at once.
_SLICE = 64 * 1024

_current: ContextVar[Allowance | None] = ContextVar("orux_allowance", default=None)


@contextmanager
def keep_to(allowance: Allowance) -> Iterator[None]:
    """Make what a :class:`TimedTransport` does in this thread keep to an allowance."""
    token = _current.set(allowance)
    try:
        yield
    finally:
        _current.reset(token)


def in_body() -> bool:
    """Whether what is read now is a body: it may be read in larger pieces than a head, which has to be parsed."""
    allowance = _current.get()
    return allowance is None or allowance.in_body


class TimedTransport(httpx.HTTPTransport):
    """httpx's own transport; what it reads and writes keeps to the allowance of the exchange (:func:`keep_to`)."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        # httpx hands no network backend on to its pool.
        self._pool._network_backend = TimedBackend()


class AsyncTimedTransport(httpx.AsyncHTTPTransport):
    """The same for an event loop."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._pool._network_backend = _AsyncBackend(self._pool._network_backend)


class TimedBackend(httpcore.NetworkBackend):
    """Opens connections that keep to the allowance of the exchange."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect, within the allowance."""
        seconds = _within(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.connect_tcp(host, port, seconds, local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return _counted(self._inner.read(max_bytes, _within(timeout, httpcore.ReadTimeout)))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for begin in range(0, len(buffer), _SLICE):
            self._inner.write(buffer[begin : begin + _SLICE], _within(timeout, httpcore.WriteTimeout))
        _note_asked()

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = _within(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, inner: httpcore.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        seconds = _within(timeout, httpcore.ConnectTimeout)
        return _AsyncStream(await self._inner.connect_tcp(host, port, seconds, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return _counted(await self._inner.read(max_bytes, _within(timeout, httpcore.ReadTimeout)))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for begin in range(0, len(buffer), _SLICE):
            await self._inner.write(buffer[begin : begin + _SLICE], _within(timeout, httpcore.WriteTimeout))
        _note_asked()

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        seconds = _within(timeout, httpcore.ConnectTimeout)
        return _AsyncStream(await self._inner.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _note_asked() -> None:
    if (allowance := _current.get()) is not None:
        allowance.asked()


def _counted(data: bytes) -> bytes:
    allowance = _current.get()
    if allowance is not None and not allowance.received(len(data)):
        raise httpcore.RemoteProtocolError("the answer has more bytes than its body could need")
    return data


def _within(timeout: float | None, error: type[Exception]) -> float | None:
    """A timeout that is not longer than the allowance of the exchange."""
    allowance = _current.get()
    if allowance is None:
        return timeout
    left = allowance.left()
    if left <= 0:
        raise error("the exchange did not end in time")
    return min(math.inf if timeout is None else timeout, left)
