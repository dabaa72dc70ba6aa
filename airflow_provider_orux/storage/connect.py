"""Connections to addresses that were checked just before, read in large pieces."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpcore
import httpx

from airflow_provider_orux.client.timed import TimedBackend, in_body
from airflow_provider_orux.models.errors import ArtifactError
from airflow_provider_orux.storage.settings import CHUNK

#: Bytes of a TLS record: the most that one read of TLS gives.
RECORD = 16 * 1024
#: What a connection may fail with, as httpx says it and as the layer below does.
FAILURES: tuple[type[Exception], ...] = (
    httpx.TransportError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)

#: The addresses that a host may be reached at; raises for a host that may not be.
Addresses = Callable[[str, int], Iterable[str]]


class DirectTransport(httpx.BaseTransport):
    """An httpx transport that connects only to the addresses it is given.

    :param addresses: called for each new connection, which goes to one of its results: so a name cannot lead
        elsewhere between the check and the connection (DNS rebinding).
    """

    def __init__(self, addresses: Addresses, *, context: ssl.SSLContext) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=context, max_connections=4, network_backend=_Backend(addresses)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the body is read while it is iterated over."""
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Backend(httpcore.NetworkBackend):
    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._inner = TimedBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception | None = None
        for address in self._addresses(host, port):
            try:
                return _WideStream(
                    self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as e:
                failure = e
        raise failure or ArtifactError(f"The host {host} has no address")


class _WideStream(httpcore.NetworkStream):
    """A stream that reads more at once than it is asked for.

    httpcore asks for 64 KiB, but TLS returns one record of 16 KiB at a time. The overhead of each piece makes a long
    clip take three times as long as with curl. So this also takes what has already arrived, without waiting.
    """

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._failure: Exception | None = None
        self._room: memoryview | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._failure is not None:
            # httpcore names what it catches itself; a failure while taking more along comes with the next read.
            raise httpcore.ReadError(str(self._failure)) from self._failure
        if not in_body():
            return self._inner.read(max_bytes, timeout)
        # An SSLObject (TLS within TLS, at a proxy) is not read past its stream.
        tls = self._inner.get_extra_info("ssl_object")
        if not isinstance(tls, ssl.SSLSocket):
            return self._inner.read(max(max_bytes, CHUNK), timeout)
        first = self._inner.read(RECORD, timeout)
        return self._with_arrived(first, tls) if first else first

    def _with_arrived(self, first: bytes, tls: ssl.SSLSocket) -> bytes:
        """A piece, plus the records that have already arrived."""
        if self._room is None:
            self._room = memoryview(bytearray(CHUNK))
        room, size = self._room, len(first)
        room[:size] = first
        waits = tls.gettimeout()
        tls.settimeout(0.0)
        try:
            while size < CHUNK and (more := tls.recv_into(room[size:])):
                size += more
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as e:
            self._failure = e
        finally:
            tls.settimeout(waits)
        return bytes(room[:size])

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _WideStream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
