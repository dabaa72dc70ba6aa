"""One poll over the wire: a job, several in one request, or one that is held open; its errors typed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from airflow_provider_orux.client.flow import Send, TransportFailure
from airflow_provider_orux.client.polling_transport import PollTransport
from airflow_provider_orux.client.settings import POLL_LIMIT
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse
from airflow_provider_orux.models.errors import (
    GatewayUnavailableError,
    InvalidRequestError,
    OruxError,
    UnsupportedByGatewayError,
)
from airflow_provider_orux.models.job import Job

LONG_ANSWER = 16 * 1024
"""Bytes from which reading an answer is work that is not done for many in a row."""


class TooLong(Exception):  # noqa: N818  (not an error: a finished job with its pictures inside)
    """The answer of a poll is longer than a trigger reads."""


class Unaskable(Exception):  # noqa: N818  (carries the error)
    """There is no request for this job: its id is not one of the gateway."""

    def __init__(self, error: OruxError) -> None:
        super().__init__(str(error))
        self.error = error


class BatchRefused(Exception):  # noqa: N818  (carries the error)
    """The gateway takes no batch."""

    def __init__(self, error: OruxError) -> None:
        super().__init__(str(error))
        self.error = error


class Exchange:
    """The polls of one connection.

    :param gateway: whose wire is spoken.
    :param transport: what carries it.
    :param read_timeout: seconds without a byte of an answer.
    """

    def __init__(self, gateway: Gateway, transport: PollTransport, *, read_timeout: float) -> None:
        self.gateway = gateway
        self.transport = transport
        self._read_timeout = read_timeout
        self._reading = asyncio.Lock()

    async def one(self, job_id: str, *, wait: float = 0.0) -> Job:
        """The job as it is now.

        :param wait: seconds for which the gateway may hold the request open.
        :raises Unaskable: the id is not one of this gateway.
        :raises TooLong: it seems to have ended; its answer is too long for a trigger.
        :raises OruxError: the poll failed.
        """
        try:
            request = self.gateway.poll(job_id, wait=wait)
        except OruxError as e:
            raise Unaskable(e) from e
        response = await self._send(request, wait=wait, job_id=job_id)
        if response.truncated and 200 <= response.status < 300:
            raise TooLong
        if len(response.body) < LONG_ANSWER:
            return self.gateway.read_poll(job_id, response)
        async with self._in_turn():
            return self.gateway.read_poll(job_id, response)

    async def many(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """The jobs that the gateway's answer holds.

        :raises Unaskable: one of the ids is not one of this gateway.
        :raises TooLong: the answer is too long for a trigger.
        :raises BatchRefused: the gateway takes no batch.
        :raises OruxError: the poll failed.
        """
        try:
            request = self.gateway.poll_batch(job_ids)
        except OruxError as e:
            raise Unaskable(e) from e
        response = await self._send(request)
        if response.truncated and 200 <= response.status < 300:
            raise TooLong
        async with self._in_turn():
            try:
                return self.gateway.read_batch(job_ids, response)
            except (UnsupportedByGatewayError, InvalidRequestError) as e:
                raise BatchRefused(e) from e

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """One long answer at a time, and the event loop's others in between: after a stall of the gateway they come
        by the dozen.
        """
        async with self._reading:
            yield
            await asyncio.sleep(0)

    async def _send(
        self, request: HttpRequest, *, wait: float = 0.0, job_id: str | None = None
    ) -> HttpResponse:
        try:
            return await self.transport.send(Send(request, self._read_timeout + wait, POLL_LIMIT))
        except TransportFailure as e:
            raise GatewayUnavailableError(str(e), gateway=self.gateway.name, job_id=job_id) from e
