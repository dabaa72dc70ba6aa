"""Webhooks: a POST to a job's ``webhook_url`` when the job has ended, as often as its gateway tries."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException

from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.records import Job
from orux_sandbox.gateway import Gateway

#: Seconds between two looks for due webhooks.
_LOOK_EVERY = 0.1
#: "2xx within 15 s" (opengpu_relay.md, Webhooks); the others do not say.
_TIMEOUT = 15.0


class WebhookSender:
    """Sends webhooks in a thread no shutdown waits for: the receiver may be slow."""

    def __init__(self, engine: Engine, gateways: Sequence[Gateway], base_url: str) -> None:
        self._engine = engine
        self._gateways = {gateway.name: gateway for gateway in gateways}
        self._base_url = base_url
        self._stop = threading.Event()
        self._in_delivery: set[str] = set()
        self._thread = threading.Thread(target=self._work, name="sandbox-webhooks", daemon=True)

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()

    def _work(self) -> None:
        while not self._stop.wait(_LOOK_EVERY):
            try:
                due = self._engine.store.webhooks_due(self._engine.clock.now())
            except Exception:
                if self._stop.is_set():
                    return  # the database was closed under us
                raise
            for job in due:
                if job.id in self._in_delivery:
                    continue
                gateway = self._gateways[job.gateway]
                last = job.webhook_tries + 1 >= gateway.webhook_attempts
                wait = self._engine.settings.webhook_retry_seconds * 2**job.webhook_tries
                # Before the POST: an attempt that kills the sandbox counts, too.
                self._engine.store.webhook_tried(job.id, done=last, again_at=self._engine.clock.now() + wait)
                # Each in its own thread: a slow receiver keeps nobody else waiting.
                self._in_delivery.add(job.id)
                threading.Thread(target=self._deliver_one, args=(gateway, job), daemon=True).start()

    def _deliver_one(self, gateway: Gateway, job: Job) -> None:
        try:
            self._deliver(gateway, job)
        finally:
            self._in_delivery.discard(job.id)

    def _deliver(self, gateway: Gateway, job: Job) -> None:
        if job.webhook_url is None:
            return
        base_url = self._engine.settings.public_url or self._base_url
        headers, body = gateway.webhook(self._engine, base_url, job)
        # http and https only: the gateways let no other scheme in.
        request = urllib.request.Request(job.webhook_url, data=body, headers=headers, method="POST")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT):  # noqa: S310
                pass
        except (OSError, ValueError, HTTPException):
            return
        with contextlib.suppress(sqlite3.Error):  # the sandbox was stopped meanwhile
            self._engine.store.webhook_done(job.id)
