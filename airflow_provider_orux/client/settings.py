"""How to reach a gateway: host, key, timeouts, proxy and certificates, as one plain value."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from airflow_provider_orux.models.errors import ConfigurationError

MIB = 1024 * 1024
#: Bytes that a poll in a trigger reads at most; a larger body is a finished job with its images inside.
POLL_LIMIT = 256 * 1024
#: Bytes of the answer to an asynchronous submission, which is a job id, that are read at most.
SUBMIT_LIMIT = MIB
#: Bytes a second that buy an answer more time: one that comes more slowly ends as one that never came.
SLOWEST_RATE = 16 * 1024

#: Seconds after a request's timeouts in which its worker may still write what became of it.
ANSWER_MARGIN = 120.0
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True)
class ClientSettings:
    """Where a gateway is, and how long to wait for it.

    :param base_url: scheme, host, port and an optional path prefix.
    :param key: the API key; never shown by ``repr``.
    :param connect_timeout: seconds to reach the host.
    :param read_timeout: seconds between two bytes of an answer to a poll or a submission.
    :param generate_timeout: the same for a synchronous generation, which answers when the image is made.
    :param total_timeout: seconds after which a whole exchange ends in any case. One whose answer hardly moves ends
        sooner, after ``connect_timeout`` and ``read_timeout`` together; see ``Allowance``.
    :param proxy: URL of a proxy for every request; None: the environment decides.
    :param ca_path: file of trusted certificates, instead of the system's.
    :param attempts: how often to try a request that was provably not accepted (Orux advises "up to about 5
        times").
    :param backoff_base: seconds; the n-th pause is ``base * 2**n + random(0, base)`` (Orux's advice, 0.2 s).
    :param max_answer_bytes: longer answers are refused.
    """

    base_url: str
    key: str | None = field(default=None, repr=False)
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    generate_timeout: float = 300.0
    total_timeout: float = 900.0
    proxy: str | None = field(default=None, repr=False)
    ca_path: str | None = None
    attempts: int = 5
    backoff_base: float = 0.2
    max_answer_bytes: int = 512 * MIB

    def __post_init__(self) -> None:
        if not is_reachable(self.base_url, schemes=("http", "https")):
            raise ConfigurationError(
                "The connection's host must look like https://host or http://127.0.0.1:8810", charged="no"
            )
        if self.proxy is not None and not is_reachable(self.proxy, schemes=PROXY_SCHEMES):
            raise ConfigurationError(
                "The proxy of the connection must look like http://host:3128", param="proxy", charged="no"
            )
        parts = urlsplit(self.base_url)
        if parts.username or parts.password:
            raise ConfigurationError(
                "The connection's host contains a user name or password; the key belongs in the password field",
                charged="no",
            )
        if self.key is not None and not re.fullmatch(r"[!-~]+", self.key):
            raise ConfigurationError(
                "The API key of the connection contains a space, a line break or a character that no key has",
                charged="no",
            )

    def answer_patience(self, *, synchronous: bool) -> float:
        """Seconds after which the answer to a paid request can no longer arrive or be recorded.

        :param synchronous: whether the request was a synchronous generation.
        """
        timeout = self.generate_timeout if synchronous else self.read_timeout
        size = self.max_answer_bytes if synchronous else SUBMIT_LIMIT
        longest = self.connect_timeout + timeout + size / SLOWEST_RATE
        return min(longest, max(self.total_timeout, timeout)) + ANSWER_MARGIN

    @property
    def account(self) -> str | None:
        """A salted digest of the key, by which the ledger sees whether the key changed. None: no key."""
        if self.key is None:
            return None
        salted = f"airflow-provider-orux account\n{self.host}\n{self.key}"
        return hashlib.sha256(salted.encode()).hexdigest()[:32]

    @property
    def host(self) -> str:
        """Scheme, host and port; a ledger record is tied to them."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}".lower()


def is_reachable(url: str, *, schemes: tuple[str, ...]) -> bool:
    """Whether a socket accepts the host and port of a URL; otherwise it would raise an untyped error."""
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        host.encode("idna")
        return parts.scheme in schemes and bool(host) and parts.port != 0
    except ValueError:  # a port of 99999, a host like "orux..top", half an IPv6 address
        return False
