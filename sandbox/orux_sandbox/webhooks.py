"""The courier: a POST to a job's ``webhook_url`` when the job has ended, as often as the gateway tries."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import urllib.request
from http.client import HTTPException

from orux_sandbox.engine import Engine
from orux_sandbox.gateway import Gateway
from orux_sandbox.store import Job

_LOOK_EVERY = 0.1
#: "2xx within 15 s" (opengpu_relay.md, Webhooks); the others do not say.
_TIMEOUT = 15.0


class Courier:
    """A thread of its own, which no shutdown waits for: the receiver may be slow."""

    def __init__(self, engine: Engine, base_url: str) -> None:
        self._engine = engine
        self._base_url = base_url
        self._stop = threading.Event()
        self._under_way: set[str] = set()
        self._thread = threading.Thread(target=self._work, name="sandbox-webhooks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more."""
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
                if job.id in self._under_way:
                    continue
                gateway = self._engine.gateway(job.gateway)
                last = job.webhook_tries + 1 >= gateway.webhook_attempts
                wait = self._engine.settings.webhook_retry_seconds * 2**job.webhook_tries
                # Before the POST: one that kills the sandbox counts as a try.
                self._engine.store.webhook_tried(job.id, done=last, again_at=self._engine.clock.now() + wait)
                # Each on its own: a receiver that sleeps keeps nobody else waiting.
                self._under_way.add(job.id)
                threading.Thread(target=self._deliver_and_leave, args=(gateway, job), daemon=True).start()

    def _deliver_and_leave(self, gateway: Gateway, job: Job) -> None:
        try:
            self._deliver(gateway, job)
        finally:
            self._under_way.discard(job.id)

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
