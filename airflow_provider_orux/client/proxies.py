"""Which proxy a URL is reached through: the connection's, or the environment's with its exceptions (``NO_PROXY``).

httpx reads the environment itself, but refuses an IPv6 address or a network in ``NO_PROXY``. And we must know who
connects: behind a proxy, the address of an artifact is checked in another way.
"""

from __future__ import annotations

import os
import urllib.request
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from airflow_provider_orux.client.settings import PROXY_SCHEMES, is_reachable
from airflow_provider_orux.models.errors import ConfigurationError


def proxy_for(url: str, proxy: str | None = None) -> str | None:
    """The URL of the proxy to reach a URL through; None: none.

    :param proxy: the connection's own; None: ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` decide.
    :raises ConfigurationError: the environment names one that is no URL of a proxy.
    """
    if proxy:
        return proxy
    parts = urlsplit(url)
    known = urllib.request.getproxies()
    kind = parts.scheme if known.get(parts.scheme) else "all"
    found = known.get(kind)
    host = parts.hostname or ""
    if not found or is_exempt(host, parts.port, known.get("no", "")) or _system_exempts(host):
        return None
    found = found if "://" in found else f"http://{found}"
    if not is_reachable(found, schemes=PROXY_SCHEMES):
        raise ConfigurationError(
            f"The environment variable {kind.upper()}_PROXY is not the URL of a proxy, like http://host:3128",
            param="proxy",
            charged="no",
        )
    return found


def is_exempt(host: str, port: int | None, no_proxy: str) -> bool:
    """Whether ``NO_PROXY`` exempts a host.

    :param host: a name, or an address without brackets.
    :param port: the port of the URL, where it names one.
    :param no_proxy: entries separated by commas or spaces: ``*``; a name, which includes those below it; an address,
        also in brackets; a network (``10.0.0.0/8``, ``fd00::/8``); each with or without a port.
    """
    host = host.rstrip(".").lower()
    return any(_matches(entry.lower(), host, port) for entry in no_proxy.replace(",", " ").split())


def _matches(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    address, _, rest = entry[1:].partition("]") if entry.startswith("[") else (entry, "", "")
    if rest.startswith(":"):
        return rest[1:] == str(port) and _matches(address, host, port)
    try:
        network = ip_network(address + rest, strict=False)
    except ValueError:
        pass
    else:
        return _is_within(host, network)
    name, colon, number = address.rpartition(":")
    if colon:
        return number == str(port) and _matches(name, host, port)
    name = address.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _is_within(host: str, network: object) -> bool:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any(one is not None and one in network for one in (address, inner))  # type: ignore[operator]


def _system_exempts(host: str) -> bool:
    """Whether the settings of macOS or Windows exempt it; they are read only where the environment says nothing."""
    from_environment = any(name.lower().endswith("_proxy") for name in os.environ)
    return not from_environment and bool(urllib.request.proxy_bypass(host))
