"""The asynchronous client, for triggers. One per event loop and connection, never one per job."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import httpx

from airflow_provider_orux.client.allowance import Allowance
from airflow_provider_orux.client.decoding import BoundedBody
from airflow_provider_orux.client.flow import Calls, Flow, Pause, Send, TransportFailure
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.timed import AsyncTimedTransport
from airflow_provider_orux.client.transport import (
    UNANSWERED,
    begin_body,
    build_request,
    client_arguments,
    failure,
    goes_on,
    in_time,
    open_transport,
    tls_context,
)
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.wire import HttpResponse, Purpose
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.requests import GenerationRequest

T = TypeVar("T")


class AsyncGatewayClient:
    """Talks to one gateway on one event loop.

    :param gateway: the gateway's wire.
    :param settings: host, key, timeouts.
    :param connections: how many connections may be open; None: no limit.
    :param transport: an httpx transport to use instead of the network (tests).
    """

    def __init__(
        self,
        gateway: Gateway,
        settings: ClientSettings,
        *,
        connections: int | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.gateway = gateway
        self.settings = settings
        self.calls = Calls(gateway, settings)
        self._connections = connections
        self._transport = transport
        self._clients: dict[bool, httpx.AsyncClient] = {}

    async def __aenter__(self) -> AsyncGatewayClient:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.aclose()

    async def generate(
        self, request: GenerationRequest, *, submission_id: str, will_save: bool = False
    ) -> Job:
        """See :meth:`Calls.generate`."""
        return await self.run(self.calls.generate(request, submission_id=submission_id, will_save=will_save))

    async def submit(
        self,
        request: GenerationRequest,
        *,
        idempotency_key: str | None = None,
        will_save: bool = False,
        resend: bool = False,
    ) -> Job:
        """See :meth:`Calls.submit`."""
        return await self.run(
            self.calls.submit(request, idempotency_key=idempotency_key, will_save=will_save, resend=resend)
        )

    async def poll(self, job_id: str, *, wait: float = 0.0, attempts: int | None = None) -> Job:
        """See :meth:`Calls.poll`."""
        return await self.run(self.calls.poll(job_id, wait=wait, attempts=attempts))

    async def run(self, flow: Flow[T]) -> T:
        """Carry out a flow."""
        answer: HttpResponse | None = None
        thrown: TransportFailure | None = None
        try:
            while True:
                step = flow.throw(thrown) if thrown is not None else flow.send(answer)
                answer = thrown = None
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    continue
                try:
                    answer = await self.send(step)
                except TransportFailure as e:
                    thrown = e
        except StopIteration as e:
            value: T = e.value
            return value

    async def send(self, send: Send) -> HttpResponse:
        """One exchange.

        :raises TransportFailure: no answer came.
        """
        keep_alive = send.request.purpose is not Purpose.PAY  # see GatewayClient._prepare
        client = self._clients.get(keep_alive)
        if client is None:
            settings = self.settings
            transport = self._transport or open_transport(
                AsyncTimedTransport,
                settings.base_url,
                proxy=settings.proxy,
                verify=tls_context(settings.ca_path),
                keep_alive=keep_alive,
                connections=self._connections,
            )
            client = httpx.AsyncClient(**client_arguments(settings.base_url), transport=transport)
            self._clients[keep_alive] = client
        request = build_request(client, self.gateway, self.settings, send)
        try:
            return await self._exchange(client, request, send)
        except UNANSWERED as e:
            raise failure(e, self.settings) from e

    async def _exchange(self, client: httpx.AsyncClient, request: httpx.Request, send: Send) -> HttpResponse:
        """As :func:`~airflow_provider_orux.client.transport.exchange`."""
        allowance = Allowance.of(self.settings, read_timeout=send.read_timeout, max_bytes=send.max_bytes)
        with in_time(allowance):
            response = await client.send(request, stream=True)
            try:
                begin_body(allowance)
                body = BoundedBody(response.headers.get("content-encoding", ""), max_bytes=send.max_bytes)
                if response.is_stream_consumed:
                    goes_on(body, response.content, allowance)
                else:
                    async for chunk in response.aiter_raw():
                        if not goes_on(body, chunk, allowance):
                            break
                return body.response(response.status_code, response.headers, secret=self.settings.key)
            finally:
                await response.aclose()
