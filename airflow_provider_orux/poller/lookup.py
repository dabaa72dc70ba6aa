"""The Airflow connection of a poller: looked up when needed, kept for a while, renewed when its key is refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from airflow_provider_orux.hooks.connection import GatewayConnection
from airflow_provider_orux.models.errors import GatewayUnavailableError, OruxError
from airflow_provider_orux.poller.clock import spawn
from airflow_provider_orux.poller.transport import prepare

#: Seconds a connection that was looked up is kept.
KEEP_SECONDS = 60.0
#: Seconds after a look-up before a refused key causes another.
RENEWAL_PAUSE = 5.0
#: Longest pause between two failed look-ups, in seconds.
LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class Found:
    """The connection was looked up.

    :param connection: the connection.
    :param key_was_refused: whether a refused key had asked for it.
    """

    connection: GatewayConnection
    key_was_refused: bool


@dataclass(frozen=True)
class LookupFailed:
    """The connection cannot be looked up for now.

    :param error: why.
    :param in_a_row: failures since the last success, this one included.
    :param known: whether an earlier look-up found it: polls keep using that.
    """

    error: OruxError
    in_a_row: int
    known: bool


class ConnectionLookup:
    """Looks a connection up, in a task of its own; results are collected with :meth:`take_result`.

    :param conn_id: the Airflow connection.
    :param read: reads it.
    :param base_pause: seconds from which the pauses between failed look-ups grow; asked at each failure.
    :param wake: called when there is a result.
    """

    def __init__(
        self,
        conn_id: str,
        read: Callable[[str], Coroutine[Any, Any, GatewayConnection]],
        *,
        base_pause: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self._conn_id = conn_id
        self._read = read
        self._base_pause = base_pause
        self._wake = wake
        self._task: asyncio.Task[None] | None = None
        self._result: Found | LookupFailed | None = None
        self._known = False
        self._found_at = self._retry_at = 0.0
        self._failures = 0
        self._renewing = self._closed = False

    def ready(self, now: float, *, due: bool) -> bool:
        """Whether polls may start. Starts a look-up if it is time for one.

        :param now: seconds of the monotonic clock.
        :param due: whether a job is due.
        """
        expired = due and now - self._found_at >= KEEP_SECONDS
        if (self._renewing or not self._known or expired) and self._task is None and now >= self._retry_at:
            self._task = spawn(self._look_up())
        # An expired connection still serves while it is looked up again; one whose key was refused does not.
        return self._known and not (self._renewing and self._task is not None)

    def renew(self, now: float) -> None:
        """The key was refused: look the connection up again. Someone may have put a new key into it.

        :param now: seconds of the monotonic clock.
        """
        if not self._renewing and now - self._found_at > RENEWAL_PAUSE:
            self._renewing, self._retry_at = True, 0.0

    def next_at(self) -> float | None:
        """When :meth:`ready` has to be called again to start a look-up; None: when a job is due, or woken."""
        if self._task is None and (self._renewing or not self._known):
            return self._retry_at
        return None

    def take_result(self) -> Found | LookupFailed | None:
        """The result of a look-up, once; None: nothing new."""
        result, self._result = self._result, None
        return result

    def close(self) -> None:
        """Nobody wants a result any more. A look-up that runs goes on to its end.

        Cancelled while Airflow's supervisor answers, it would leave the answer unread: on Airflow 3.1 and 3.2 the next
        one who asks gets that, and the triggerer's runner dies ("Response read out of order!").
        """
        self._closed = True

    async def _look_up(self) -> None:
        try:
            connection = await self._read(self._conn_id)
            await asyncio.to_thread(prepare, connection.client)
        except OruxError as e:
            self._result = self._failed(e)
        except Exception as e:
            # The metadata database or the secrets backend is away for a moment: that ends no paid job.
            self._result = self._failed(
                GatewayUnavailableError(f"The connection lookup failed: {type(e).__name__}")
            )
        else:
            self._known, self._found_at = True, time.monotonic()
            self._retry_at, self._failures = 0.0, 0
            self._result = Found(connection, self._renewing)
        self._task = None
        self._renewing = False
        if not self._closed:
            self._wake()

    def _failed(self, error: OruxError) -> LookupFailed:
        self._failures += 1
        pause = min(self._base_pause() * 2.0 ** min(self._failures, 10), LONGEST_PAUSE)
        self._retry_at = time.monotonic() + pause
        return LookupFailed(error, self._failures, self._known)
