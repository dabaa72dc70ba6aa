"""Answers of a gateway's catalogue, kept for a few minutes: many tasks of a worker ask for the same model."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse
from airflow_provider_orux.models.errors import GatewayUnavailableError, RateLimitedError

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds for which an answer is not asked for again; the vendor's own client has the same.
FRESH = 300.0
#: Answers of all connections of a process.
_MOST = 200

_kept: OrderedDict[tuple[Any, ...], tuple[float, HttpResponse]] = OrderedDict()
_lock = threading.Lock()


class KeptAnswers:
    """The kept answers of one connection.

    :param connection: what tells it from others: where it is, and whose key it has.
    """

    def __init__(self, connection: tuple[Any, ...], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._clock = clock

    def ask(
        self,
        send: Callable[[HttpRequest, Callable[[HttpResponse], T]], Generator[Any, Any, T]],
        question: HttpRequest,
        read: Callable[[HttpResponse], T],
    ) -> Generator[Any, Any, T]:
        """What ``read`` makes of the answer: of a kept one, as long as it is fresh, or if none comes now.

        An answer that ``read`` refuses is not kept.

        :param send: sends a free request, like :meth:`Calls.read`.
        """
        key = (*self._connection, question.path)
        with _lock:
            at, kept = _kept.get(key, (0.0, None))
        if kept is not None and self._clock() - at < FRESH:
            return read(kept)

        def keep(response: HttpResponse) -> T:
            value = read(response)
            with _lock:
                _kept[key] = (self._clock(), response)
                _kept.move_to_end(key)
                while len(_kept) > _MOST:
                    _kept.popitem(last=False)
            return value

        try:
            return (yield from send(question, keep))
        except (GatewayUnavailableError, RateLimitedError) as e:
            if kept is None:
                raise
            log.warning(
                "The catalogue does not answer (%s); its answer of %.0f minutes ago is used",
                e.message,
                (self._clock() - at) / 60,
            )
            return read(kept)


def forget() -> None:
    """Forget all kept answers."""
    with _lock:
        _kept.clear()
