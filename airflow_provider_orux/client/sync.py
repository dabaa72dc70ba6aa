"""The synchronous client, for workers."""

from __future__ import annotations

import time
from typing import TypeVar

import httpx

from airflow_provider_orux.client.allowance import Allowance
from airflow_provider_orux.client.flow import Calls, Flow, Pause, Send, TransportFailure
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.timed import TimedTransport
from airflow_provider_orux.client.transport import (
    UNANSWERED,
    build_request,
    client_arguments,
    exchange,
    failure,
    open_transport,
    tls_context,
)
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.wire import HttpResponse, Purpose
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.requests import GenerationRequest

T = TypeVar("T")


class GatewayClient:
    """Talks to one gateway, in the calling thread.

    :param gateway: the gateway's wire.
    :param settings: host, key, timeouts.
    :param transport: an httpx transport to use instead of the network (tests).
    """

    def __init__(
        self, gateway: Gateway, settings: ClientSettings, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.gateway = gateway
        self.settings = settings
        self.calls = Calls(gateway, settings)
        self._transport = transport
        self._clients: dict[bool, httpx.Client] = {}

    def __enter__(self) -> GatewayClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def resolve(self, request: GenerationRequest) -> GenerationRequest:
        """See :meth:`Calls.resolve`."""
        return self.run(self.calls.resolve(request))

    def upload(self, request: GenerationRequest, *, key: str) -> GenerationRequest:
        """See :meth:`Calls.upload`."""
        return self.run(self.calls.upload(request, key=key))

    def generate(self, request: GenerationRequest, *, submission_id: str, will_save: bool = False) -> Job:
        """See :meth:`Calls.generate`."""
        return self.run(self.calls.generate(request, submission_id=submission_id, will_save=will_save))

    def submit(
        self,
        request: GenerationRequest,
        *,
        idempotency_key: str | None = None,
        will_save: bool = False,
        resend: bool = False,
    ) -> Job:
        """See :meth:`Calls.submit`."""
        return self.run(
            self.calls.submit(request, idempotency_key=idempotency_key, will_save=will_save, resend=resend)
        )

    def poll(self, job_id: str, *, wait: float = 0.0, attempts: int | None = None) -> Job:
        """See :meth:`Calls.poll`."""
        return self.run(self.calls.poll(job_id, wait=wait, attempts=attempts))

    def cancel(self, job_id: str) -> None:
        """See :meth:`Calls.cancel`."""
        self.run(self.calls.cancel(job_id))

    def run(self, flow: Flow[T]) -> T:
        """Carry out a flow."""
        answer: HttpResponse | None = None
        thrown: TransportFailure | None = None
        try:
            while True:
                step = flow.throw(thrown) if thrown is not None else flow.send(answer)
                answer = thrown = None
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    continue
                client, request, allowance = self._prepare(step)
                try:
                    answer = exchange(
                        client, request, allowance, max_bytes=step.max_bytes, secret=self.settings.key
                    )
                except UNANSWERED as e:
                    thrown = failure(e, self.settings)
                    thrown.__cause__ = e
        except StopIteration as e:
            value: T = e.value
            return value

    def _prepare(self, send: Send) -> tuple[httpx.Client, httpx.Request, Allowance]:
        # A paid request gets a connection of its own: a kept one may have been closed by the other side in the
        # same moment, and then nobody could tell whether the request arrived.
        keep_alive = send.request.purpose is not Purpose.PAY
        client = self._clients.get(keep_alive)
        if client is None:
            settings = self.settings
            transport = self._transport or open_transport(
                TimedTransport,
                settings.base_url,
                proxy=settings.proxy,
                verify=tls_context(settings.ca_path),
                keep_alive=keep_alive,
            )
            client = httpx.Client(**client_arguments(settings.base_url), transport=transport)
            self._clients[keep_alive] = client
        request = build_request(client, self.gateway, self.settings, send)
        allowance = Allowance.of(self.settings, read_timeout=send.read_timeout, max_bytes=send.max_bytes)
        return client, request, allowance
