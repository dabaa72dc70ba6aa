"""Shared by both httpx clients: how they are built, what their failures prove, how answers are read."""

from __future__ import annotations

import functools
import http.cookiejar
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

from airflow_provider_orux.client.allowance import Allowance
from airflow_provider_orux.client.decoding import BoundedBody
from airflow_provider_orux.client.flow import Send, TransportFailure, UntrustedCertificate
from airflow_provider_orux.client.proxies import proxy_for
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.timed import keep_to
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.wire import HttpResponse
from airflow_provider_orux.models.errors import ConfigurationError, InvalidRequestError, redact

AnyTransport = TypeVar("AnyTransport", httpx.BaseTransport, httpx.AsyncBaseTransport)

USER_AGENT = "airflow-provider-orux"

#: httpx drops an idle connection after 5 s by default, which is less than the pause between two polls.
KEEPALIVE_SECONDS = 60.0

#: Failures before the first byte of the request left: the gateway never saw it.
NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Overdue(httpx.ReadTimeout):
    """The answer came, and did not end in the time that it may take as a whole."""


#: OpenSSL's code for a certificate that has expired.
_EXPIRED = 10

#: What httpx may raise instead of answering. The last two are not its own: they come from the operating system or from
#: reading an answer, and must not turn a paid request into an untyped error.
UNANSWERED = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, ValueError)


@functools.lru_cache(maxsize=8)
def tls_context(ca_path: str | None) -> ssl.SSLContext:
    """One context per set of certificates: building one costs tens of milliseconds.

    :raises ConfigurationError: the file cannot be read as certificates.
    """
    try:
        if ca_path:
            return ssl.create_default_context(cafile=ca_path)
        context: ssl.SSLContext = httpx.create_ssl_context()
    except OSError as e:
        raise ConfigurationError(f"The CA file {ca_path!r} cannot be used: {e}", charged="no") from e
    return context


def client_arguments(base_url: str = "") -> dict[str, Any]:
    """The arguments of an httpx client: no redirects, no cookies, nothing packed, nothing from the environment."""
    return {
        "base_url": base_url.rstrip("/"),
        "headers": {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"},
        "follow_redirects": False,
        # A jar that stays empty: no cookie of an answer reaches another request.
        "cookies": http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[])),
        "trust_env": False,  # proxy_for() reads its proxies
    }


def open_transport(
    make: Callable[..., AnyTransport],
    url: str,
    *,
    proxy: str | None = None,
    verify: ssl.SSLContext,
    keep_alive: bool = True,
    connections: int | None = None,
) -> AnyTransport:
    """An httpx transport.

    :param make: its class.
    :param url: what it reaches: decides whether a proxy of the environment is used.
    :param proxy: the connection's own proxy; None: the environment decides.
    :param keep_alive: whether connections are used more than once.
    :param connections: how many may be open; None: no limit.
    :raises ConfigurationError: httpx does not accept the settings (a proxy that needs another package, say).
    """
    limits = httpx.Limits(
        max_connections=connections,
        max_keepalive_connections=connections if keep_alive else 0,
        keepalive_expiry=KEEPALIVE_SECONDS,
    )
    try:
        return make(verify=verify, limits=limits, proxy=proxy_for(url, proxy), trust_env=False)
    except (httpx.InvalidURL, ValueError, ImportError) as e:
        # The text may hold the URL of a proxy, and that a password.
        raise ConfigurationError(
            f"The HTTP client cannot be set up with this host and proxy ({type(e).__name__}); look at the "
            "connection's host and proxy, and at HTTP_PROXY, HTTPS_PROXY and ALL_PROXY",
            charged="no",
        ) from (e if isinstance(e, ImportError) else None)


def build_request(
    client: httpx.Client | httpx.AsyncClient, gateway: Gateway, settings: ClientSettings, send: Send
) -> httpx.Request:
    """Build the httpx request. Separate from sending, so that a failure here proves that nothing was sent.

    :raises InvalidRequestError: a value cannot be written as JSON (NaN, half a surrogate pair) or into a URL.
    """
    try:
        return client.build_request(**request_arguments(gateway, settings, send))
    except (httpx.InvalidURL, ValueError, TypeError) as e:
        raise InvalidRequestError(
            f"The request cannot be written: {redact(str(e), settings.key)[:200]}",
            gateway=gateway.name,
            charged="no",
        ) from None


def request_arguments(gateway: Gateway, settings: ClientSettings, send: Send) -> dict[str, Any]:
    """The arguments of one httpx request, the key among its headers."""
    request = send.request
    headers = dict(request.headers)
    if request.with_key and settings.key:
        headers.update(gateway.key_headers(settings.key))
    arguments: dict[str, Any] = {
        "method": request.method,
        "url": request.path,
        "headers": headers,
        "timeout": httpx.Timeout(
            connect=settings.connect_timeout,
            read=send.read_timeout,
            write=send.read_timeout,
            pool=send.read_timeout,
        ),
    }
    if request.query:
        arguments["params"] = dict(request.query)
    if request.content is not None:
        arguments["content"] = request.content
    elif request.files is not None:
        arguments["files"] = [
            (name, part)
            for name, parts in request.files.items()
            for part in (parts if isinstance(parts, list) else [parts])
        ]
        arguments["data"] = {k: str(v) for k, v in (request.body or {}).items()}
    elif request.body is not None:
        arguments["json"] = request.body
    return arguments


def failure(error: Exception, settings: ClientSettings) -> TransportFailure:
    """What an httpx failure proves, without secrets."""
    if (untrusted := distrust(error)) is not None:
        return untrusted
    sent = not isinstance(error, NEVER_SENT)
    reasons: dict[type[Exception], str] = {
        Overdue: "the answer did not end in time",
        httpx.ReadTimeout: "no answer came in time",
        httpx.ConnectTimeout: "it could not be reached in time",
        httpx.WriteTimeout: "it stopped reading the request",
        httpx.PoolTimeout: "no connection became free in time",
    }
    words = reasons.get(type(error), "")
    detail = redact(str(error), settings.key, settings.proxy)
    text = f"{words} ({type(error).__name__})" if words else f"{type(error).__name__}: {detail}".rstrip(": ")
    return TransportFailure(text, sent=sent)


def distrust(error: BaseException) -> UntrustedCertificate | None:
    """The failure of a host whose certificate is not trusted; None for any other error.

    A certificate that has expired is the host's to renew: nothing in the connection can help.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            expired = cause.verify_code == _EXPIRED
            return None if expired else UntrustedCertificate(cause.verify_message or "it cannot be verified")
        cause = cause.__cause__ or cause.__context__
    return None


def exchange(
    client: httpx.Client, request: httpx.Request, allowance: Allowance, *, max_bytes: int, secret: str | None
) -> HttpResponse:
    """One exchange through a client that :func:`open_transport` made the transport of.

    :param max_bytes: longest body; of a longer one the first part is returned.
    :param secret: the key, which is blanked out of the answer.
    :raises httpx.HTTPError: and the others of ``UNANSWERED``: no answer came, or only part of one.
    """
    with in_time(allowance):
        response = client.send(request, stream=True)
        try:
            begin_body(allowance)
            body = BoundedBody(response.headers.get("content-encoding", ""), max_bytes=max_bytes)
            # A transport of a test may hand out an answer that is read already.
            for chunk in [response.content] if response.is_stream_consumed else response.iter_raw():
                if not goes_on(body, chunk, allowance):
                    break
            return body.response(response.status_code, response.headers, secret=secret)
        finally:
            response.close()


@contextmanager
def in_time(allowance: Allowance) -> Iterator[None]:
    """Keep to an allowance.

    :raises Overdue: the time is over.
    """
    with keep_to(allowance):
        try:
            yield
        except httpx.ReadTimeout as e:
            if allowance.left() > 0.01:
                raise
            raise Overdue("") from e


def begin_body(allowance: Allowance) -> None:
    """The head of an answer is there: allow the bytes of its body.

    :raises httpx.RemoteProtocolError: it was there before its request. Whatever it answers, it is not that.
    """
    if allowance.is_unasked:
        raise httpx.RemoteProtocolError("an answer was there before its request")
    allowance.head_arrived()


def goes_on(body: BoundedBody, chunk: bytes, allowance: Allowance) -> bool:
    """Add a piece to a body; False if no more is wanted.

    :raises Overdue: the time is over.
    """
    if allowance.left() <= 0:
        raise Overdue("")
    return body.add(chunk)
