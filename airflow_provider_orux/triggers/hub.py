"""One poller an event loop and connection: all triggers share its client, its connection lookup and its limit."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any
from weakref import WeakKeyDictionary

from airflow_provider_orux.client.asynchronous import AsyncGatewayClient
from airflow_provider_orux.client.flow import Send, TransportFailure
from airflow_provider_orux.client.settings import POLL_LIMIT
from airflow_provider_orux.hooks.base import aread_airflow_connection
from airflow_provider_orux.hooks.connection import GatewayConnection
from airflow_provider_orux.lifecycle.outcome import Outcome
from airflow_provider_orux.lifecycle.polling import AUTH_GRACE, Continue, Done, GiveUp, PollTracker
from airflow_provider_orux.lifecycle.schedule import schedule_for
from airflow_provider_orux.models.errors import GatewayUnavailableError, OruxError
from airflow_provider_orux.models.job import Job

log = logging.getLogger(__name__)

CONNECTION_SECONDS = 60.0
"""How long a connection that was looked up is believed; a refused key looks it up again at once."""
RELOAD_PAUSE = 5.0
"""Seconds between two look-ups that a refused key asked for."""

_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, PollHub]] = WeakKeyDictionary()
_closing: set[asyncio.Task[None]] = set()


def hub_for(conn_id: str) -> PollHub:
    """The hub of this event loop for a connection."""
    hubs = _hubs.setdefault(asyncio.get_running_loop(), {})
    if conn_id not in hubs:
        hubs[conn_id] = PollHub(conn_id, forget=lambda: hubs.pop(conn_id, None))
    return hubs[conn_id]


class TooLong(Exception):  # noqa: N818  (not an error: a finished job with its pictures inside)
    """The answer of a poll is longer than a trigger reads."""


class PollHub:
    """Polls the jobs of one connection until they end.

    :param conn_id: the Airflow connection.
    :param lookup: how the connection is looked up.
    :param forget: called when the last job left.
    """

    def __init__(
        self,
        conn_id: str,
        *,
        lookup: Callable[[str], Coroutine[Any, Any, GatewayConnection]] = aread_airflow_connection,
        forget: Callable[[], object] = lambda: None,
    ) -> None:
        self.conn_id = conn_id
        self._lookup = lookup
        self._forget = forget
        self._waiting = 0
        self._connection: GatewayConnection | None = None
        self._looked_up = 0.0
        self._looking: asyncio.Lock = asyncio.Lock()
        self._client: AsyncGatewayClient | None = None
        self._slots = asyncio.Semaphore(1)

    async def wait(
        self,
        job_id: str,
        *,
        deadline: float,
        poll_interval: float | None = None,
        started: float | None = None,
        auth_grace: float = AUTH_GRACE,
    ) -> Outcome:
        """Wait until a job ended, or until asking makes no more sense.

        :param deadline: epoch seconds.
        :param poll_interval: seconds between polls; None: the schedule decides.
        :param started: epoch seconds when the job was accepted; None: now.
        :param auth_grace: seconds for which a refused key does not end a paid job.
        """
        self._waiting += 1
        try:
            return await self._wait(
                job_id, deadline, poll_interval, time.time() if started is None else started, auth_grace
            )
        finally:
            self._waiting -= 1
            if self._waiting == 0:
                self._close()

    async def _wait(
        self, job_id: str, deadline: float, poll_interval: float | None, started: float, auth_grace: float
    ) -> Outcome:
        tracker: PollTracker | None = None
        while True:
            error: OruxError
            try:
                connection = await self._current()
            except Exception as e:
                # The metadata database or the secrets backend is away for a moment: that ends no paid job.
                if isinstance(e, OruxError):
                    error = e
                else:
                    error = GatewayUnavailableError(f"The connection cannot be looked up: {type(e).__name__}")
                tracker = tracker or PollTracker(job_id, "", deadline, started, schedule_for(poll_interval))
                step: Continue | Done | GiveUp = tracker.failed(error, now=time.time())
            else:
                if tracker is None or not tracker.gateway:
                    tracker = PollTracker(
                        job_id,
                        connection.gateway.name,
                        deadline,
                        started,
                        schedule_for(poll_interval),
                        auth_grace=auth_grace,
                        not_found_grace=connection.gateway.not_found_grace,
                    )
                    await asyncio.sleep(
                        max(0.0, min(tracker.first_pause() - (time.time() - started), deadline - time.time()))
                    )
                try:
                    async with self._slots:
                        job = await self._poll(connection, job_id)
                except TooLong:
                    return Outcome(kind="fetch", job_id=job_id)
                except OruxError as e:
                    step = tracker.failed(e, now=time.time())
                else:
                    step = tracker.saw(job, now=time.time())
            if isinstance(step, Done):
                return Outcome.of_job(step.job)
            if isinstance(step, GiveUp):
                return Outcome.of_error(step.error, job_id=job_id)
            if step.warn:
                log.warning("%s", step.warn)
            if step.reload_connection and time.monotonic() - self._looked_up > RELOAD_PAUSE:
                self._looked_up = 0.0
            await asyncio.sleep(step.seconds)

    async def _current(self) -> GatewayConnection:
        async with self._looking:
            fresh = time.monotonic() - self._looked_up < CONNECTION_SECONDS
            if self._connection is not None and self._looked_up and fresh:
                return self._connection
            connection = await self._lookup(self.conn_id)
            self._looked_up = time.monotonic()
            before = self._connection
            if before is None or (before.client, before.gateway.options) != (
                connection.client,
                connection.gateway.options,
            ):
                self._retire_client()
                self._client = AsyncGatewayClient(connection.gateway, connection.client)
                self._slots = asyncio.Semaphore(connection.max_in_flight_polls)
            self._connection = connection
            return connection

    async def _poll(self, connection: GatewayConnection, job_id: str) -> Job:
        gateway, client = connection.gateway, self._client
        if client is None:
            raise GatewayUnavailableError("The poller was closed", gateway=gateway.name, job_id=job_id)
        send = Send(gateway.poll(job_id), connection.client.read_timeout, POLL_LIMIT)
        try:
            response = await client.send(send)
        except TransportFailure as e:
            raise GatewayUnavailableError(str(e), gateway=gateway.name, job_id=job_id) from e
        if response.truncated and 200 <= response.status < 300:
            raise TooLong
        return gateway.read_poll(job_id, response)

    def _close(self) -> None:
        self._forget()
        self._retire_client()
        self._connection = None

    def _retire_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            task = asyncio.get_running_loop().create_task(client.aclose())
            _closing.add(task)
            task.add_done_callback(_closing.discard)
