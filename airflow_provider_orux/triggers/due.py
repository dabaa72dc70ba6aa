"""The queue of the poller: its jobs, by the time at which they are due."""

from __future__ import annotations

import heapq
import itertools

from airflow_provider_orux.triggers.waiter import Waiter


class DueQueue:
    """A heap of due times. An entry whose job was moved or taken out is passed over when it comes up."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Waiter]] = []
        self._numbers = itertools.count()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def entries(self) -> int:
        """Entries held, those to be passed over among them."""
        return len(self._heap)

    def put(self, waiter: Waiter, due: float) -> None:
        """(Re)place a job."""
        if waiter.place < 0:
            self._size += 1
        waiter.due, waiter.place = due, next(self._numbers)
        heapq.heappush(self._heap, (due, waiter.place, waiter))
        self._tidy()

    def drop(self, waiter: Waiter) -> None:
        """Take a job out, if it is in."""
        if waiter.place >= 0:
            waiter.place = -1
            self._size -= 1
            self._tidy()

    def head(self) -> Waiter | None:
        """The job that is due first."""
        while self._heap:
            _, place, waiter = self._heap[0]
            if place == waiter.place:
                return waiter
            heapq.heappop(self._heap)
        return None

    def _tidy(self) -> None:
        if len(self._heap) > 64 and len(self._heap) > 2 * self._size:
            self._heap = [entry for entry in self._heap if entry[1] == entry[2].place]
            heapq.heapify(self._heap)
