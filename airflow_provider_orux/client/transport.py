"""Shared by both httpx clients: how they are built, what their failures prove, how answers are read."""

from __future__ import annotations

import functools
import ssl
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from airflow_provider_orux.client.flow import Send, TransportFailure
from airflow_provider_orux.client.settings import PROXY_SCHEMES, ClientSettings, is_reachable
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.wire import HttpResponse
from airflow_provider_orux.models.errors import ConfigurationError, InvalidRequestError, redact

AnyClient = TypeVar("AnyClient", httpx.Client, httpx.AsyncClient)

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


def client_arguments(
    settings: ClientSettings, *, keep_alive: bool, connections: int | None = None
) -> dict[str, Any]:
    """The arguments of an httpx client: no redirects, our timeouts, our proxy and certificates."""
    arguments: dict[str, Any] = {
        "base_url": settings.base_url.rstrip("/"),
        "headers": {"User-Agent": USER_AGENT, "Accept": "application/json"},
        "follow_redirects": False,
        "verify": tls_context(settings.ca_path),
        "limits": httpx.Limits(
            max_connections=connections,
            max_keepalive_connections=connections if keep_alive else 0,
            keepalive_expiry=KEEPALIVE_SECONDS,
        ),
    }
    if settings.proxy:
        arguments["proxy"] = settings.proxy
    return arguments


def open_client(make: Callable[..., AnyClient], arguments: dict[str, Any]) -> AnyClient:
    """An httpx client.

    :raises ConfigurationError: httpx does not accept the settings (a proxy that needs another package, say).
    """
    if "proxy" not in arguments:
        _check_environment()
    try:
        return make(**arguments)
    except (httpx.InvalidURL, ValueError, ImportError) as e:
        # The text may hold the URL of a proxy, and that a password.
        raise ConfigurationError(
            f"The HTTP client cannot be set up with this host and proxy ({type(e).__name__}); look at the "
            "connection's host and proxy, and at HTTP_PROXY, HTTPS_PROXY and ALL_PROXY",
            charged="no",
        ) from (e if isinstance(e, ImportError) else None)


def _check_environment() -> None:
    for kind, proxy in urllib.request.getproxies().items():
        url = proxy if "://" in proxy else f"http://{proxy}"
        if kind in ("http", "https", "all") and not is_reachable(url, schemes=PROXY_SCHEMES):
            raise ConfigurationError(
                f"The environment variable {kind.upper()}_PROXY is not the URL of a proxy, like http://host:3128",
                charged="no",
            )


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
    if request.files is not None:
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
    sent = not isinstance(error, NEVER_SENT)
    reasons: dict[type[Exception], str] = {
        httpx.ReadTimeout: "no answer came in time",
        httpx.ConnectTimeout: "it could not be reached in time",
        httpx.WriteTimeout: "it stopped reading the request",
        httpx.PoolTimeout: "no connection became free in time",
    }
    words = reasons.get(type(error), "")
    detail = redact(str(error), settings.key, settings.proxy)
    text = f"{words} ({type(error).__name__})" if words else f"{type(error).__name__}: {detail}".rstrip(": ")
    return TransportFailure(text, sent=sent)


class BodyReader:
    """Collects an answer up to a size and a deadline.

    :param key: blanked out of the answer: a gateway or proxy that echoes it must not get it into a log.
    """

    def __init__(
        self, response: httpx.Response, *, max_bytes: int, deadline: float, key: str | None = None
    ) -> None:
        self.response = response
        self.key = key
        self.max_bytes = max_bytes
        self.deadline = deadline
        self.parts: list[bytes] = []
        self.size = 0
        self.truncated = False

    def feed(self, chunk: bytes, *, now: float) -> bool:
        """Add a chunk; False if no more is wanted.

        :raises TransportFailure: the whole exchange took too long.
        """
        if now > self.deadline:
            raise TransportFailure("the answer did not end in time", sent=True)
        room = self.max_bytes - self.size
        if len(chunk) > room:
            self.parts.append(chunk[:room])
            self.size += room
            self.truncated = True
            return False
        self.parts.append(chunk)
        self.size += len(chunk)
        return True

    def result(self) -> HttpResponse:
        """The answer as a plain value."""
        headers = {k.lower(): v for k, v in self.response.headers.items()}
        body = b"".join(self.parts)
        return HttpResponse(self.response.status_code, headers, body, self.truncated).without(self.key)
