"""When the poller runs: its turns and tasks on the event loop, outside the context of any trigger.

The context of a trigger holds the logger of its task. What the poller does for all jobs must not be logged there.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def spawn(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a task of the poller's own.

    :param coroutine: what it runs.
    """
    return contextvars.Context().run(asyncio.get_running_loop().create_task, coroutine)


class Clock:
    """Calls for turns of the poller, at most one in a round of the event loop.

    :param turn: what to call.
    """

    def __init__(self, turn: Callable[[], None]) -> None:
        self._turn = turn
        self._handle: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    @property
    def is_stopped(self) -> bool:
        """Whether no turn will come."""
        return self._handle is None and self._timer is None

    def turn_soon(self) -> None:
        """A turn in the next round of the event loop, however many callers ask for it."""
        if self._handle is None:
            loop = asyncio.get_running_loop()
            self._handle = loop.call_soon(self._on_round, context=contextvars.Context())

    def turn_at(self, moment: float, *, now: float) -> None:
        """A turn at a moment, or earlier.

        :param moment: seconds of the monotonic clock.
        :param now: the same clock's current value.
        """
        moment = max(moment, now + 0.001)
        if self._timer is not None:
            if self._timer_at <= moment:
                return  # early enough: that turn sets the clock again
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer_at = moment
        self._timer = loop.call_later(moment - now, self._on_timer, context=contextvars.Context())

    def stop(self) -> None:
        """Cancel the turns that were to come."""
        for handle in (self._handle, self._timer):
            if handle is not None:
                handle.cancel()
        self._handle = self._timer = None

    def _on_round(self) -> None:
        self._handle = None
        self._turn()

    def _on_timer(self) -> None:
        self._timer = None
        self.turn_soon()
