"""The time and the bytes that one exchange may take: connecting, headers, interim answers and body together.

The timeouts of an HTTP client hold for one read each: an answer of one byte a minute never ends. This clock runs on.
"""

from __future__ import annotations

import time

from airflow_provider_orux.client.settings import SLOWEST_RATE, ClientSettings

#: Bytes that headers and interim answers may have; the read that goes beyond them is the last.
OVERHEAD = 256 * 1024
#: Bytes on the wire for each byte of a body that comes in the smallest chunks.
_CHUNKED = 8


class Allowance:
    """The time and the bytes of one exchange.

    :param seconds: the time that an answer of a few bytes may take; each byte that arrives adds a little.
    :param longest: seconds after which it is over in any case.
    :param max_bytes: longest body.
    """

    def __init__(self, seconds: float, *, longest: float, max_bytes: int) -> None:
        now = time.monotonic()
        self._at = now + min(seconds, longest)
        self._last = now + longest
        #: Whether the head of the answer is there.
        self.in_body = False
        self._bytes = OVERHEAD
        self._body_bytes = max_bytes * _CHUNKED
        self._asked = self._answered = False

    @classmethod
    def of(cls, settings: ClientSettings, *, read_timeout: float, max_bytes: int) -> Allowance:
        """That of one exchange with a gateway.

        :param read_timeout: seconds between two bytes; together with ``connect_timeout``, the time that it begins with.
        """
        longest = max(settings.total_timeout, read_timeout)
        seconds = min(settings.connect_timeout + read_timeout, longest)
        return cls(seconds, longest=longest, max_bytes=max_bytes)

    def left(self) -> float:
        """Seconds left, at most 0 when the time is over."""
        return self._at - time.monotonic()

    def let_go_on(self) -> None:
        """Allow all of the time: what comes is wanted, however slowly it comes."""
        self._at = self._last

    @property
    def is_unasked(self) -> bool:
        """Whether an answer that is there now was there before its request: it came behind the answer to another."""
        return self._asked and not self._answered

    def head_arrived(self) -> None:
        """Allow the bytes of the body."""
        self.in_body = True
        self._bytes += self._body_bytes
        self._body_bytes = 0

    def asked(self) -> None:
        """Note that the request, or a part of it, was sent."""
        self._asked = True

    def received(self, size: int) -> bool:
        """Note bytes that arrived; False when they are too many."""
        self._at = min(self._at + size / SLOWEST_RATE, self._last)
        self._answered = self._answered or size > 0
        is_allowed = self._bytes > 0
        self._bytes -= size
        return is_allowed
