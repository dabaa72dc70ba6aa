"""Which poller a trigger joins: one per event loop and connection."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from weakref import WeakKeyDictionary

from airflow_provider_orux.lifecycle.durations import DurationBook
from airflow_provider_orux.poller.poller import Poller

#: Connections whose learned durations are kept.
BOOKS = 64

_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Poller]] = WeakKeyDictionary()
_books: OrderedDict[str, DurationBook] = OrderedDict()


def poller_for(conn_id: str) -> Poller:
    """The poller of the running event loop for a connection. It is forgotten when its last job leaves.

    :param conn_id: the Airflow connection.
    """
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    if conn_id not in pollers:
        pollers[conn_id] = Poller(conn_id, book=book_of(conn_id), forget=lambda: pollers.pop(conn_id, None))
    return pollers[conn_id]


def book_of(conn_id: str) -> DurationBook:
    """How long recent jobs of a connection took. It outlives the poller.

    :param conn_id: the Airflow connection.
    """
    book = _books.setdefault(conn_id, DurationBook())
    _books.move_to_end(conn_id)
    if len(_books) > BOOKS:
        _books.popitem(last=False)
    return book
