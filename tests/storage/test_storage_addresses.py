"""Which links may be followed."""

from __future__ import annotations

import re

import httpx
import pytest

from airflow_provider_orux.models.errors import ArtifactError, ArtifactRejectedError
from airflow_provider_orux.storage.address import (
    addresses_of,
    check_unconnected,
    is_public,
    judged_addresses,
    parse_url,
    redacted_url,
)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "100.127.255.255", "198.18.0.1", "192.0.0.8", "192.0.2.1", "224.0.0.1",
        "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1",
        "fec0::1", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1", "2002:7f00:1::",
        "2002:0a00:0001::1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::10.0.0.1", "100::1", "nonsense", "",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_private_addresses_in_every_disguise(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "8.8.8.8",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "64:ff9b::8.8.8.8",
        "::ffff:8.8.8.8",
    ],
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://cdn.example.com/a.png", "file:///etc/passwd", "gopher://x/", "data:image/png;base64,AAAA", "a.png", "",
        "//cdn.example.com/a.png", "https://", "https:///a.png", "http://user:secret@cdn.example.com/a",
        "http://user@cdn.example.com/a", "http://exa mple.com:99999/",
    ],
)  # fmt: skip
def test_links_that_are_not_followed(url: str) -> None:
    with pytest.raises(ArtifactRejectedError) as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://u:p@cdn.example.com:8443/a/b.png?sig=abc#x", "https://cdn.example.com:8443/…/b.png"),
        ("https://relay.example.com/v2/content/4fJ9sKq2LmT8", "https://relay.example.com/…"),
        ("https://cdn.example.com/1.png", "https://cdn.example.com/…"),  # the name is all of it
        ("https://cdn.example.com/f/0f9a1b2c3d4e5f60718293a4b5c6d7e8.png", "https://cdn.example.com/…"),
        ("https://cdn.example.com/", "https://cdn.example.com"),
        ("http://[::1", "an invalid URL"),
    ],
)
def test_a_message_shows_a_link_so_that_it_cannot_be_followed(url: str, told: str) -> None:
    said = redacted_url(url)
    assert said.partition("…")[0] == told.partition("…")[0]
    if "/…/" in told or "…" not in told:
        assert said == told
    else:
        assert re.fullmatch(r"[0-9a-f]{8}", said.partition("…")[2])
    for secret in ("u:p", "sig", "4fJ9sKq2LmT8", "1.png", "0f9a1b2c3d4e5f60"):
        assert secret not in said


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(ArtifactRejectedError, match=r"10\.0\.0\.1.*allow_private_hosts"):
        judged_addresses(
            "cdn.example.com", 443, resolve=lambda h, p: ["8.8.8.8", "10.0.0.1"], allow_private=False
        )


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1"])
def test_names_and_odd_spellings_of_loopback(host: str) -> None:
    with pytest.raises(ArtifactRejectedError, match=r"127\.0\.0\.1|::1"):
        judged_addresses(host, 80, resolve=addresses_of, allow_private=False)


def test_a_name_that_is_not_found_may_be_found_later() -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(ArtifactError) as caught:
        judged_addresses("cdn.example.com", 80, resolve=nowhere, allow_private=True)
    assert not caught.value.final
    # A proxy may know it.
    check_unconnected(httpx.URL("http://cdn.example.com/a"), resolve=nowhere)


def test_a_proxy_is_not_asked_for_a_private_address() -> None:
    for link in ("http://10.0.0.1/a", "http://inside.example.com/a", "http://[::ffff:10.0.0.1]/"):
        with pytest.raises(ArtifactRejectedError):
            check_unconnected(httpx.URL(link), resolve=lambda h, p: ["192.168.0.9"])
