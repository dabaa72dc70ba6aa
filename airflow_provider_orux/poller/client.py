"""One poll over the wire (a single job, a batch, or a long poll), and what the connection allows now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from airflow_provider_orux.client.flow import Send, TransportFailure
from airflow_provider_orux.client.settings import POLL_LIMIT
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse
from airflow_provider_orux.hooks.connection import GatewayConnection
from airflow_provider_orux.lifecycle.breaker import CircuitBreaker
from airflow_provider_orux.lifecycle.plan import SINGLE_POLL, PollLimits, PollPlan
from airflow_provider_orux.models.errors import (
    InvalidRequestError,
    OruxError,
    UnexpectedResponseError,
    UnsupportedByGatewayError,
)
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.poller.clock import spawn
from airflow_provider_orux.poller.transport import PollTransport, poll_transport

#: Size in bytes from which a response is too much work to parse many of in a row.
LARGE_RESPONSE = 16 * 1024
#: Seconds to poll jobs one by one after the gateway refused a batch.
NO_BATCH_SECONDS = 600.0

_closing: set[asyncio.Task[None]] = set()


@dataclass(frozen=True)
class Answer:
    """The gateway answered.

    :param jobs: the jobs in the answer by the id that was polled. A batch may lack some.
    """

    jobs: Mapping[str, Job]


@dataclass(frozen=True)
class TooLarge:
    """The answer is larger than a trigger reads: a finished job with its images inside."""


@dataclass(frozen=True)
class InvalidJobId:
    """Nothing was sent: the id is not one of this gateway.

    :param error: says so.
    """

    error: OruxError


@dataclass(frozen=True)
class SplitBatch:
    """One job of the batch spoils it; which one shows when they are polled singly."""


@dataclass(frozen=True)
class BatchRefused:
    """The gateway takes no batches.

    :param error: its refusal.
    """

    error: OruxError


@dataclass(frozen=True)
class PollFailed:
    """No answer came, or an error instead of the job.

    :param error: why.
    """

    error: OruxError


SingleResult = Answer | TooLarge | InvalidJobId | PollFailed
BatchResult = Answer | SplitBatch | BatchRefused | PollFailed


class PollClient:
    """Polls the jobs of one connection, and keeps what is true of all its polls: limits, breaker, refused batches.

    :param connection: the gateway, where it is and what is allowed there.
    :param transport: what carries the requests; None (default): the one that fits the connection.
    """

    def __init__(self, connection: GatewayConnection, transport: PollTransport | None = None) -> None:
        gateway, slots = connection.gateway, connection.max_in_flight_polls
        self.connection = connection
        self.limits = PollLimits(slots, gateway.batch_size, gateway.long_poll_seconds)
        self.breaker = CircuitBreaker(slots)
        self._transport = transport or poll_transport(gateway, connection.client, connections=slots)
        self._no_batch_until = 0.0
        self._parsing = asyncio.Lock()

    def serves(self, connection: GatewayConnection) -> bool:
        """Whether a connection, looked up again, still has the same settings."""
        ours = self.connection
        return (
            type(ours.gateway) is type(connection.gateway)
            and ours.client == connection.client
            and ours.gateway.options == connection.gateway.options
            and ours.max_in_flight_polls == connection.max_in_flight_polls
            and ours.extra.auth_grace == connection.extra.auth_grace
        )

    def plan(self, *, waiting: int, batchable: bool, fixed: bool, left: float, now: float) -> PollPlan:
        """How to poll the job that is due next. A probe is always a single poll.

        :param waiting: jobs waited for through this connection.
        :param batchable: whether this job can be part of a batch.
        :param fixed: whether the DAG author chose its interval.
        :param left: seconds until its deadline.
        :param now: seconds of the monotonic clock.
        """
        if not self.breaker.is_closed:
            return SINGLE_POLL
        batchable = batchable and now >= self._no_batch_until
        return self.limits.plan(waiting=waiting, batchable=batchable, fixed=fixed, left=left)

    def stop_batches(self, now: float) -> bool:
        """Poll jobs one by one for a while. True if that is new.

        :param now: seconds of the monotonic clock.
        """
        is_new = now >= self._no_batch_until
        self._no_batch_until = now + NO_BATCH_SECONDS
        return is_new

    async def poll(self, job_id: str, *, wait: float = 0.0) -> SingleResult:
        """Poll one job.

        :param job_id: the job.
        :param wait: seconds the gateway may hold the request open; 0 (default): it answers at once.
        """
        gateway = self.connection.gateway
        try:
            request = gateway.poll(job_id, wait=wait)
        except OruxError as e:
            return InvalidJobId(e)
        try:
            response = await self._send(request, wait=wait)
            if response.truncated and 200 <= response.status < 300:
                return TooLarge()
            if len(response.body) < LARGE_RESPONSE:
                return Answer({job_id: gateway.read_poll(job_id, response)})
            async with self._parsing_in_turn():
                return Answer({job_id: gateway.read_poll(job_id, response)})
        except TransportFailure as e:
            error = e.error(gateway.name, host=self.connection.client.host)
            error.job_id = job_id
            return PollFailed(error)
        except OruxError as e:
            return PollFailed(e)

    async def poll_batch(self, job_ids: Sequence[str]) -> BatchResult:
        """Poll several jobs in one request.

        :param job_ids: the jobs.
        """
        gateway = self.connection.gateway
        try:
            request = gateway.poll_batch(job_ids)
        except OruxError:
            return SplitBatch()
        try:
            response = await self._send(request)
            if response.truncated and 200 <= response.status < 300:
                return SplitBatch()
            async with self._parsing_in_turn():
                return Answer(gateway.read_batch(job_ids, response))
        except TransportFailure as e:
            return PollFailed(e.error(gateway.name, host=self.connection.client.host))
        except (UnsupportedByGatewayError, InvalidRequestError) as e:
            return BatchRefused(e)
        except UnexpectedResponseError:
            return SplitBatch()
        except OruxError as e:
            return PollFailed(e)

    def close_after(self, polls: Iterable[asyncio.Task[None] | None]) -> asyncio.Task[None]:
        """Close the connections once the polls under way have ended.

        :param polls: those polls.
        """
        under_way = [poll for poll in polls if poll is not None]

        async def close() -> None:
            if under_way:
                await asyncio.wait(under_way)
            await self._transport.aclose()

        task = spawn(close())
        _closing.add(task)
        task.add_done_callback(_closing.discard)
        return task

    async def _send(self, request: HttpRequest, *, wait: float = 0.0) -> HttpResponse:
        read_timeout = self.connection.client.read_timeout + wait
        return await self._transport.send(Send(request, read_timeout, POLL_LIMIT))

    @asynccontextmanager
    async def _parsing_in_turn(self) -> AsyncIterator[None]:
        """Parse one large response at a time and yield to the loop in between: after a stall they come by the dozen."""
        async with self._parsing:
            yield
            await asyncio.sleep(0)
