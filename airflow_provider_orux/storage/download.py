"""Downloads one artifact into a spool: no key, no cookies, every hop checked, retried where that can help."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TypeVar

import httpx

from airflow_provider_orux.client.allowance import Allowance
from airflow_provider_orux.client.decoding import BrokenEncodingError, Decoder
from airflow_provider_orux.client.proxies import proxy_for
from airflow_provider_orux.client.timed import TimedTransport, keep_to
from airflow_provider_orux.client.transport import (
    begin_body,
    client_arguments,
    distrust,
    open_transport,
    tls_context,
)
from airflow_provider_orux.gateways.times import retry_after
from airflow_provider_orux.models.errors import (
    ArtifactError,
    ArtifactRejectedError,
    ArtifactURLExpiredError,
    redact,
)
from airflow_provider_orux.storage.address import (
    Resolve,
    addresses_of,
    check_unconnected,
    judged_addresses,
    parse_url,
    redacted_url,
    refuse_private,
)
from airflow_provider_orux.storage.connect import FAILURES, DirectTransport
from airflow_provider_orux.storage.settings import StorageSettings
from airflow_provider_orux.storage.spool import DestinationError, Spool, too_large

log = logging.getLogger(__name__)

T = TypeVar("T")

_REDIRECTS = (301, 302, 303, 307, 308)
_TRANSIENT = (408, 425, 429)
_DEAD = (401, 403, 404, 410)


class Downloader:
    """Fetches URLs; one connection pool for all artifacts of a job. Use it in a ``with`` block.

    :param transport: an httpx transport instead of the network. It resolves names itself, and it may have no peer
        address to check.
    :param resolve: how names are resolved.
    """

    def __init__(
        self,
        settings: StorageSettings,
        *,
        transport: httpx.BaseTransport | None = None,
        resolve: Resolve = addresses_of,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._resolve = resolve
        self._transports: dict[str | None, httpx.BaseTransport] = {}

    def __enter__(self) -> Downloader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()

    def fetch(self, url: str, spool: Spool, accept: Callable[[Spool], T], *, deadline: float = math.inf) -> T:
        """Fetch a URL into a spool, with retries.

        :param deadline: ``time.monotonic()`` at which it must have ended, pauses and retries included.
        :param accept: checks the complete content. If it raises a non-final ``ArtifactError``, the attempt failed:
            a truncated file may be complete the next time.
        :raises ArtifactRejectedError: another try cannot help.
        :raises ArtifactError: all tries failed.
        :raises DestinationError: the spool does not take it.
        """
        for attempt in range(1, self._settings.attempts + 1):
            spool.reset()
            coding = None
            try:
                coding = self._once(url, spool, deadline)
                return accept(spool)
            except DestinationError:
                raise
            except ArtifactError as e:
                dead = isinstance(e, ArtifactURLExpiredError) and e.http_status in _DEAD
                if e.final and not dead:
                    if coding is not None:
                        packed = f"it is packed as {coding}, which we did not ask for"
                        e.message = f"{e.message.rstrip('.')} ({packed})"
                    raise
                allowed = self._settings.dead_attempts if dead else self._settings.attempts
                pause = self._pause(attempt, e.retry_after)
                if attempt >= min(allowed, self._settings.attempts) or time.monotonic() + pause > deadline:
                    if attempt > 1:
                        e.message = f"{e.message.rstrip('.')} ({attempt} tries)"
                    raise
                log.info("%s; trying again in %.1f s", e.message, pause)
                time.sleep(pause)
        raise ArtifactError(f"The URL {redacted_url(url)} was not tried: the setting attempts is below 1")

    def _pause(self, attempt: int, asked: float | None) -> float:
        base: float = self._settings.backoff_base * 2 ** (attempt - 1)
        pause = base + random.uniform(0, base)  # noqa: S311 - spreads load, hides nothing
        return min(max(pause, asked or 0.0), self._settings.max_pause)

    def _once(self, url: str, spool: Spool, deadline: float) -> str | None:
        """One try. Returns the name of a coding that was not undone, if there is one."""
        settings = self._settings
        end = min(deadline, time.monotonic() + settings.total_timeout)
        here = parse_url(url)
        for _ in range(settings.max_redirects + 1):
            proxy = None if self._transport else proxy_for(str(here), settings.proxy)
            if (proxy or self._transport) and not settings.allow_private_hosts:
                check_unconnected(
                    here, resolve=None if self._transport else self._resolve, strict=settings.strict_proxy
                )
            # Until the headers are there, no byte of an artifact has come.
            allowance = Allowance(
                settings.connect_timeout + settings.read_timeout,
                longest=end - time.monotonic(),
                max_bytes=spool.max_bytes,
            )
            try:
                with keep_to(allowance), self._get(here, proxy) as response:
                    begin_body(allowance)
                    self._check_peer(response, here, proxied=proxy is not None)
                    if response.status_code in _REDIRECTS:
                        here = self._redirected(response, here)
                        continue
                    self._check_status(response, here)
                    allowance.let_go_on()
                    return self._read(response, here, spool, allowance)
            except FAILURES as e:
                raise self._failure(e, here, allowance) from e
        raise ArtifactRejectedError(
            f"The URL {redacted_url(url)} is redirected more than {settings.max_redirects} times"
        )

    @contextmanager
    def _get(self, url: httpx.URL, proxy: str | None) -> Iterator[httpx.Response]:
        # Not through an httpx client: that logs the whole URL, and some URLs are credentials.
        settings = self._settings
        timeout = httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout)
        headers = {**client_arguments()["headers"], "Accept": "*/*", "Connection": "keep-alive"}
        request = httpx.Request("GET", url, headers=headers, extensions={"timeout": timeout.as_dict()})
        if proxy not in self._transports:
            self._transports[proxy] = self._transport or (self._through(proxy) if proxy else self._direct())
        response = self._transports[proxy].handle_request(request)
        response.request = request
        try:
            yield response
        finally:
            response.close()

    def _through(self, proxy: str) -> httpx.BaseTransport:
        context = tls_context(self._settings.ca_path)
        return open_transport(TimedTransport, "", proxy=proxy, verify=context)

    def _direct(self) -> DirectTransport:
        def addresses(host: str, port: int) -> list[str]:
            return judged_addresses(
                host, port, resolve=self._resolve, allow_private=self._settings.allow_private_hosts
            )

        return DirectTransport(addresses, context=tls_context(self._settings.ca_path))

    def _check_peer(self, response: httpx.Response, url: httpx.URL, *, proxied: bool) -> None:
        # Check the real peer again, whoever opened the connection, before reading the body.
        if self._settings.allow_private_hosts or proxied:
            return
        stream = response.extensions.get("network_stream")
        try:
            address = stream.get_extra_info("server_addr") if stream is not None else None
        except OSError as e:
            raise ArtifactError(f"The connection to {redacted_url(url)} was lost") from e
        if not address:
            if self._transport is not None:
                return
            raise ArtifactError(f"Cannot tell where the connection to {redacted_url(url)} leads")
        refuse_private(str(address[0]), url.host)

    def _redirected(self, response: httpx.Response, url: httpx.URL) -> httpx.URL:
        location = response.headers.get("location")
        if not location:
            raise ArtifactError(
                f"{redacted_url(url)} redirects without a target", http_status=response.status_code
            )
        try:
            target = parse_url(url.join(location))
        except httpx.InvalidURL as e:
            raise ArtifactRejectedError(f"{redacted_url(url)} redirects to an invalid URL") from e
        if url.scheme == "https" and target.scheme == "http" and not self._settings.allow_private_hosts:
            raise ArtifactRejectedError(
                f"{redacted_url(url)} redirects from https to http ({redacted_url(target)}), which is not followed",
                next_step="The job is paid for. Ask the gateway's support.",
            )
        return target

    def _check_status(self, response: httpx.Response, url: httpx.URL) -> None:
        status = response.status_code
        if status == 200:
            return
        if status in _DEAD:
            raise ArtifactURLExpiredError(
                f"The URL {redacted_url(url)} is dead or has expired", http_status=status
            )
        if status in _TRANSIENT or status >= 500 or status < 400:
            raise ArtifactError(
                f"{redacted_url(url)} answered {status}",
                http_status=status,
                retry_after=retry_after(response.headers.get("retry-after"), now=time.time()),
            )
        raise ArtifactURLExpiredError(f"The URL {redacted_url(url)} is refused", http_status=status)

    def _read(
        self, response: httpx.Response, url: httpx.URL, spool: Spool, allowance: Allowance
    ) -> str | None:
        text = response.headers.get("content-length", "")
        declared = int(text[:20]) if text.isascii() and text.isdigit() else None
        if declared is not None and declared > spool.max_bytes:
            raise too_large(spool.max_bytes, declared)
        # We ask for no coding; object storages pass on what an upload named. Bombs end at the spool's limit.
        decoder, arrived = Decoder(response.headers.get("content-encoding", "")), 0
        try:
            # A transport of a test may hand out an answer that is read already.
            for chunk in [response.content] if response.is_stream_consumed else response.iter_raw():
                arrived += len(chunk)
                for piece in decoder.feed(chunk):
                    spool.write(piece)
                if allowance.left() <= 0:
                    raise ArtifactError(f"{redacted_url(url)} did not end in time")
            for piece in decoder.finish():
                spool.write(piece)
        except BrokenEncodingError as e:
            raise ArtifactError(f"{redacted_url(url)} cannot be unpacked: {e}") from e
        if declared is not None and arrived != declared:
            raise ArtifactError(f"{redacted_url(url)} ended after {arrived} of {declared} bytes")
        if spool.size == 0:
            raise ArtifactError(f"{redacted_url(url)} is empty")
        return decoder.undecoded

    def _failure(self, error: Exception, url: httpx.URL, allowance: Allowance) -> ArtifactError:
        detail = redact(str(error), self._settings.proxy)
        if (untrusted := distrust(error)) is not None:
            return ArtifactRejectedError(
                f"The certificate of {redacted_url(url)} is not trusted: {untrusted}; the setting ca_path of the "
                "connection names the file of certificates to trust"
            )
        if allowance.left() <= 0:
            return ArtifactError(f"{redacted_url(url)} did not end in time")
        words = f"{type(error).__name__}: {detail}".rstrip(": ")
        return ArtifactError(f"{redacted_url(url)} could not be fetched ({words})")
