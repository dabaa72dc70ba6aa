"""One HTTP/1.1 connection of the poller, kept open: asyncio carries it, llhttp (``httptools``) parses the responses."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import httptools

from airflow_provider_orux.client.allowance import Allowance
from airflow_provider_orux.client.decoding import BoundedBody
from airflow_provider_orux.client.flow import TransportFailure
from airflow_provider_orux.gateways.wire import HttpResponse

#: Statuses whose responses have no body.
NO_BODY = (204, 304)
#: Longest headers of a response, those of interim ones included, in bytes.
MAX_HEADERS = 64 * 1024


class Disconnected(TransportFailure):
    """The connection ended before a byte of the response came: on a kept one, perhaps the host's idle timeout."""


class NotStrictlyHttp(TransportFailure):
    """The parser refuses the response. A more tolerant one may read it."""


class HttpConnection(asyncio.Protocol):
    """Carries one exchange at a time. An exchange that does not reach its end closes the connection."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[HttpResponse] | None = None
        self._parser: Any = None
        self._headers: dict[str, str] = {}
        self._body: BoundedBody | None = None
        self._heads = self._header_bytes = 0
        self._max_bytes = 0
        self._status = 0
        self._heard = False
        self._last_read = 0.0
        self._read_timeout = 0.0
        self._allowance: Allowance | None = None
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
        self, request: bytes, *, max_bytes: int, read_timeout: float, allowance: Allowance
    ) -> HttpResponse:
        """Send a request and read its response.

        :param request: the bytes to send.
        :param max_bytes: bytes of the body to read; of a longer one the beginning is returned.
        :param read_timeout: longest silence, in seconds.
        :param allowance: of the whole exchange.
        :raises TransportFailure: no response came, or only part of one.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[HttpResponse] = loop.create_future()
        self._answer = answer
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._body = {}, None
        self._status, self._heard, self._max_bytes = 0, False, max_bytes
        self._heads = self._header_bytes = 0
        self._last_read = time.monotonic()
        self._read_timeout, self._allowance = read_timeout, allowance
        self._watch = loop.call_later(min(read_timeout, allowance.left()), self._check_time)
        transport = cast(asyncio.Transport, self._transport)
        try:
            transport.write(request)
            return await answer
        except BaseException:
            self.abort()
            raise
        finally:
            self._watch.cancel()
            self._watch = self._answer = self._parser = self._allowance = None

    # -- asyncio ------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of the response arrived."""
        if self._answer is None or self._answer.done() or self._allowance is None:
            self.abort()  # unsolicited
            return
        self._last_read = time.monotonic()
        self._heard = True
        if not self._allowance.received(len(data)):
            self._fail(TransportFailure("the answer has more bytes than its body could need", sent=True))
            return
        if self._body is None:
            self._heads += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as e:
            self._fail(TransportFailure(f"the answer cannot be read ({e.__context__ or e})", sent=True))
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as e:
            self._fail(NotStrictlyHttp(f"the answer is not HTTP ({type(e).__name__})", sent=True))
        else:
            if self._body is None and self._heads > MAX_HEADERS:  # interim answers, perhaps without an end
                self._fail(TransportFailure("its headers do not end", sent=True))

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
            raise ValueError("its headers do not end")
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """All headers were parsed."""
        self._status = self._parser.get_status_code()
        if self._status >= 200:
            # We did not ask for compression; some hosts compress anyway.
            coding = self._headers.get("content-encoding", "")
            if self._allowance is not None:
                self._allowance.head_arrived()
            self._body = BoundedBody(coding, max_bytes=self._max_bytes)

    def on_body(self, body: bytes) -> None:
        """A piece of the body was parsed."""
        if self._answer is None or self._answer.done() or self._body is None:
            return
        if not self._body.add(body):
            self._finish(keep=False)

    def on_message_complete(self) -> None:
        """The response is complete."""
        if 100 <= self._status < 200:
            self._headers = {}  # "Continue" and the like: the response is still to come
            return
        self._finish(keep=bool(self._parser.should_keep_alive()))

    # -- inside -------------------------------------------------------------------------------------------
    def _finish(self, *, keep: bool) -> None:
        if self._answer is not None and not self._answer.done() and self._body is not None:
            self._answer.set_result(self._body.response(self._status, self._headers, secret=None))
        if not keep:
            self.abort()

    def _fail(self, error: TransportFailure) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self.abort()

    def _check_time(self) -> None:
        if self._allowance is None:
            return
        silence, left = time.monotonic() - self._last_read, self._allowance.left()
        wait = min(self._read_timeout - silence, left)
        if wait > 0:
            self._watch = asyncio.get_running_loop().call_later(wait + 0.001, self._check_time)
            return
        words = "the answer did not end in time" if left <= 0 else "no answer came in time"
        self._fail(TransportFailure(words, sent=True))
