"""Which addresses artifacts may come from: a gateway's URL must not reach into the private network."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import httpx

from airflow_provider_orux.models.errors import ArtifactError, ArtifactRejectedError

#: The addresses of a host name, as texts. ``OSError`` when there are none.
Resolve = Callable[[str, int], Iterable[str]]

_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
# Refused by name too: what ipaddress calls private differs between Python versions.
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in ("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "fec0::/10")
)


#: Characters of a host and its port: more is no name of the DNS (RFC 1035, 2.3.4).
_LONGEST_HOST = 262
#: A name that people give to files. A longer one may be a token.
_FILE_NAME = re.compile(r"[\w%.-]{1,24}\.[A-Za-z][A-Za-z0-9]{1,4}", re.ASCII)


def redacted_url(url: httpx.URL | str) -> str:
    """A URL for messages: enough to recognise it, never enough to open it.

    Leaves out user, query and fragment, and all of the path but a file name: any of them may act as a credential.
    """
    try:
        parts = urlsplit(str(url))
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "an invalid URL"
    if len(host) > _LONGEST_HOST or not host.isprintable():
        return f"a URL with an invalid host ({host[:40]!a}…)"
    folders, _, name = parts.path.rpartition("/")
    if folders and has_file_name(parts.path):
        return f"{parts.scheme}://{host}/…/{name}"
    return f"{parts.scheme}://{host}" + (f"/…{digest_of(parts.path)}" if parts.path.strip("/") else "")


def has_file_name(path: str) -> bool:
    """Whether a path ends with something like a file name, and not with a token."""
    return _FILE_NAME.fullmatch(path.rpartition("/")[2]) is not None


def digest_of(path: str) -> str:
    """A few hexadecimal digits that identify a path."""
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def is_public(address: str) -> bool:
    """Whether an IP address is on the open internet, also if it is wrapped in an IPv6 address."""
    try:
        ip: _IPAddress = ipaddress.ip_address(address)
    except ValueError:
        return False
    inner = _wrapped(ip)
    if inner is not None:
        return is_public(str(inner))
    if any(ip.version == network.version and ip in network for network in _REFUSED):
        return False
    return ip.is_global and not (
        ip.is_private
        or ip.is_loopback
        or ip.is_link_local
        or ip.is_multicast
        or ip.is_reserved
        or ip.is_unspecified
    )


def _wrapped(ip: _IPAddress) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside an IPv6 address: mapped, 6to4, Teredo, NAT64 or "compatible"."""
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip.teredo is not None:
        return ip.teredo[1]
    if any(ip in network for network in _NAT64) or 1 < int(ip) < 1 << 32:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None


def parse_url(url: httpx.URL | str) -> httpx.URL:
    """Parse a URL and check its form.

    :raises ArtifactRejectedError: it is not http(s), has no host, or carries a user name or password.
    """
    try:
        parsed = httpx.URL(url)
        # Its parts are read here once: httpx takes the URL and decodes a host only when it is asked for (xn--).
        host, port = parsed.host, port_of(parsed)
        parsed.raw_host.decode("ascii")
    except (httpx.InvalidURL, TypeError, ValueError) as e:
        raise ArtifactRejectedError(f"{redacted_url(str(url))} is not a valid URL") from e
    if parsed.scheme not in ("http", "https") or not host or not 0 < port < 65536:
        raise ArtifactRejectedError(f"{redacted_url(parsed)} is not an http(s) URL")
    if parsed.userinfo:
        raise ArtifactRejectedError(
            f"The URL {redacted_url(parsed)} carries a user name or password; it is not followed"
        )
    return parsed.copy_with(fragment=None)


def judged_addresses(host: str, port: int, *, resolve: Resolve, allow_private: bool) -> list[str]:
    """The addresses of a host, if we may connect to it.

    :raises ArtifactRejectedError: one of them is not public.
    :raises ArtifactError: the name cannot be resolved at the moment.
    """
    try:
        addresses = list(resolve(host, port))
    except (OSError, UnicodeError) as e:
        raise ArtifactError(f"The host {host} cannot be found: {e}") from e
    if not addresses:
        raise ArtifactError(f"The host {host} has no address")
    if not allow_private:
        for address in addresses:
            refuse_private(address, host)
    return addresses


def check_unconnected(url: httpx.URL, *, resolve: Resolve | None, strict: bool = False) -> None:
    """Check the host of a URL when a proxy opens the connection.

    The proxy may know names that we cannot resolve; those pass, unless the check is strict.

    :param resolve: None: check addresses only, resolve no names.
    :param strict: refuse names that we cannot resolve.
    :raises ArtifactRejectedError: one of its addresses is not public.
    """
    if _is_address(url.host):
        refuse_private(url.host, url.host)
    elif resolve is not None:
        try:
            addresses = list(resolve(url.raw_host.decode("ascii"), port_of(url)))
        except (OSError, UnicodeError):
            addresses = []
        if strict and not addresses:
            raise ArtifactRejectedError(
                f"The URL's host {url.host} cannot be resolved here, so the proxy may know it as a name of its private "
                "network; strict_proxy of the connection refuses such names"
            )
        for address in addresses:
            refuse_private(address, url.host)


def port_of(url: httpx.URL) -> int:
    """The port of a URL, explicit or by its scheme."""
    return url.port if url.port is not None else (443 if url.scheme == "https" else 80)


def refuse_private(address: str, host: str) -> None:
    """Refuse an address that is not public.

    :param host: the host of the URL, for the message.
    :raises ArtifactRejectedError: it is not.
    """
    if not is_public(address):
        leads = "" if host == address else f" leads to {address}, which"
        raise ArtifactRejectedError(
            f"The URL's host {host}{leads} is not an address of the open internet; the setting "
            "allow_private_hosts of the connection would allow it"
        )


def addresses_of(host: str, port: int) -> list[str]:
    """All addresses of a host name, as the system resolves it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
