"""Keeps web pages out. The sandbox needs no key on its control routes, so a page in the user's browser could use it:
by sending requests across origins, or by a name of its own that it points at this machine (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from orux_sandbox.http.asgi import App, Receive, Scope, Send

#: A host as a header or a flag has it: an IPv6 address, in brackets where a port follows, or a name or IPv4 address.
_HOST = re.compile(
    r"(?:\[(?P<bracketed>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?|(?P<address>[0-9a-f:.]+)"
)
#: Ports that a Host header leaves out.
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: Addresses to listen on that are no address to call.
_ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 not binding


@dataclass(frozen=True)
class Host:
    """A name or address, and a port; None: whichever."""

    name: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Host:
        """``name``, ``name:port``, ``[::1]:port``, or an IPv6 address alone.

        :raises ValueError: it is none of them.
        """
        found = _HOST.fullmatch(text.strip().lower())
        try:
            if found is None:
                raise ValueError
            if address := found["bracketed"] or found["address"]:
                ipaddress.IPv6Address(address)
            port = None if found["port"] is None else int(found["port"])
            if port is not None and port > 65535:
                raise ValueError
        except ValueError:
            raise ValueError(f"not a host: {text!r}") from None
        return cls(address or found["name"], port)

    @property
    def loopback(self) -> bool:
        """Whether it can only be this machine."""
        try:
            return ipaddress.ip_address(self.name).is_loopback
        except ValueError:
            return self.name == "localhost"


class HostCheck:
    """ASGI application that refuses requests for other hosts, and those of pages that are not its own.

    :param listens_on: the address or name it listens on.
    :param allowed: further hosts.
    """

    def __init__(self, app: App, *, listens_on: str, allowed: Collection[Host] = ()) -> None:
        self._app = app
        self._listens_on = listens_on.lower()
        self._allowed = tuple(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        body = f"{refusal}\n".encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _refusal(self, scope: Scope) -> str | None:
        """Why the request is refused, for a person; None if it is not."""
        hosts, origins = list(_values(scope, b"host")), list(_values(scope, b"origin"))
        if len(hosts) != 1 or not self._serves(hosts[0], scope):
            called = " and ".join(map(repr, hosts)) or "no host"
            return (
                f"This sandbox is not {called}. It answers to localhost, 127.0.0.1 and [::1] with its port;"
                " start it with --allow-host NAME to add another name."
            )
        own = f"{scope.get('scheme', 'http')}://{hosts[0]}".lower()
        strange = [origin for origin in origins if origin.lower() != own]
        if strange:
            return f"This sandbox serves its own pages only, not those of {strange[0]!r}."
        return None

    def _serves(self, text: str, scope: Scope) -> bool:
        try:
            host = Host.parse(text)
        except ValueError:
            return False
        scheme = scope.get("scheme", "http")
        port = _DEFAULT_PORTS.get(scheme) if host.port is None else host.port
        if any(host.name == one.name and one.port in (None, port) for one in self._allowed):
            return True
        server = scope.get("server") or (None, None)
        own = host.loopback or (host.name == self._listens_on and host.name not in _ANY_ADDRESS)
        return own and port == server[1]


def _values(scope: Scope, wanted: bytes) -> Iterator[str]:
    for name, value in scope["headers"]:
        if name == wanted:
            yield value.decode("latin-1").strip()
