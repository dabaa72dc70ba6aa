"""One HTTP/1.1 connection of the poller, kept open: asyncio carries it, llhttp (``httptools``) parses the responses."""

from __future__ import annotations

import asyncio
import time
import zlib
from typing import Any, cast

import httptools

from airflow_provider_orux.client.flow import TransportFailure
from airflow_provider_orux.gateways.wire import HttpResponse

#: Statuses whose responses have no body.
NO_BODY = (204, 304)
#: Longest headers of a response, in bytes.
MAX_HEADERS = 64 * 1024


class Disconnected(TransportFailure):
    """The connection ended before a byte of the response came: on a kept one, perhaps the host's idle timeout."""


class HttpConnection(asyncio.Protocol):
    """Carries one exchange at a time. An exchange that does not reach its end closes the connection."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[HttpResponse] | None = None
        self._parser: Any = None
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._size = 0
        self._header_bytes = 0
        self._max_bytes = 0
        self._unpack: Any = None
        self._status = 0
        self._heard = False
        self._last_read = 0.0
        self._read_timeout = 0.0
        self._deadline = 0.0
        self._watch: asyncio.TimerHandle | None = None

    @property
    def usable(self) -> bool:
        """Whether another exchange may begin."""
        return (
            self._transport is not None
            and self._answer is None
            and not self.lost.done()
            and not self._transport.is_closing()
        )

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    async def exchange(
        self, request: bytes, *, max_bytes: int, read_timeout: float, total_timeout: float
    ) -> HttpResponse:
        """Send a request and read its response.

        :param request: the bytes to send.
        :param max_bytes: bytes of the body to read; of a longer one the beginning is returned.
        :param read_timeout: longest silence, in seconds.
        :param total_timeout: seconds for the whole exchange.
        :raises TransportFailure: no response came, or only part of one.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[HttpResponse] = loop.create_future()
        self._answer = answer
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._parts, self._size, self._unpack = {}, [], 0, None
        self._status, self._heard, self._max_bytes, self._header_bytes = 0, False, max_bytes, 0
        self._last_read = time.monotonic()
        self._read_timeout, self._deadline = read_timeout, self._last_read + total_timeout
        self._watch = loop.call_later(min(read_timeout, total_timeout), self._check_time)
        transport = cast(asyncio.Transport, self._transport)
        try:
            transport.write(request)
            return await answer
        except BaseException:
            self.abort()
            raise
        finally:
            self._watch.cancel()
            self._watch = self._answer = self._parser = None

    # -- asyncio ------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of the response arrived."""
        if self._answer is None or self._answer.done():
            self.abort()  # unsolicited
            return
        self._last_read = time.monotonic()
        self._heard = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, zlib.error) as e:
            self._fail(TransportFailure(f"the answer is not HTTP ({type(e).__name__})", sent=True))

    def eof_received(self) -> bool:
        """The host ended the connection, and with it a body without a length."""
        endless = (
            self._status >= 200
            and self._status not in NO_BODY
            and "content-length" not in self._headers
            and "chunked" not in self._headers.get("transfer-encoding", "")
        )
        if endless:
            self._finish(keep=False)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if not self.lost.done():
            self.lost.set_result(None)
        why = f"the connection was closed ({type(exc).__name__})" if exc else "the connection was closed"
        self._fail(
            (TransportFailure if self._heard else Disconnected)(f"{why} before the answer ended", sent=True)
        )

    # -- llhttp -------------------------------------------------------------------------------------------
    def on_header(self, name: bytes, value: bytes) -> None:
        """A header was parsed."""
        self._header_bytes += len(name) + len(value) + 4
        if self._header_bytes > MAX_HEADERS:
            raise ValueError("headers without an end")
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """All headers were parsed."""
        self._status = self._parser.get_status_code()
        if self._headers.get("content-encoding", "identity").lower() in ("gzip", "x-gzip", "deflate"):
            # We did not ask for compression; some hosts compress anyway.
            self._unpack = zlib.decompressobj(47)

    def on_body(self, body: bytes) -> None:
        """A piece of the body was parsed."""
        if self._answer is None or self._answer.done():
            return
        room = self._max_bytes - self._size
        if self._unpack is not None:
            body = self._unpack.decompress(body, room + 1)
        if len(body) > room:
            self._parts.append(body[:room])
            self._finish(keep=False, truncated=True)
            return
        self._parts.append(body)
        self._size += len(body)

    def on_message_complete(self) -> None:
        """The response is complete."""
        if 100 <= self._status < 200:
            self._headers = {}  # "Continue" and the like: the response is still to come
            return
        self._finish(keep=bool(self._parser.should_keep_alive()))

    # -- inside -------------------------------------------------------------------------------------------
    def _finish(self, *, keep: bool, truncated: bool = False) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(
                HttpResponse(self._status, self._headers, b"".join(self._parts), truncated)
            )
        if not keep:
            self.abort()

    def _fail(self, error: TransportFailure) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self.abort()

    def _check_time(self) -> None:
        now = time.monotonic()
        end = min(self._last_read + self._read_timeout, self._deadline)
        if now < end:
            self._watch = asyncio.get_running_loop().call_later(end - now + 0.001, self._check_time)
            return
        words = "the answer did not end in time" if now >= self._deadline else "no answer came in time"
        self._fail(TransportFailure(words, sent=True))
