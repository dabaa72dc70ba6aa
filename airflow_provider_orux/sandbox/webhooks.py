"""The courier: one POST to a job's ``webhook_url`` when the job has ended. Best effort, one try."""

from __future__ import annotations

import contextlib
import threading
import urllib.request

from airflow_provider_orux.sandbox.engine import Engine
from airflow_provider_orux.sandbox.store import Job

_LOOK_EVERY = 0.1
_TIMEOUT = 5.0


class Courier:
    """A thread of its own, which no shutdown waits for: the receiver may be slow."""

    def __init__(self, engine: Engine, base_url: str) -> None:
        self._engine = engine
        self._base_url = base_url
        self._stop = threading.Event()
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
                # Before the POST: one that hangs or kills the sandbox is not sent again.
                self._engine.store.webhook_done(job.id)
                self._deliver(job)

    def _deliver(self, job: Job) -> None:
        gateway = next((one for one in self._engine.gateways if one.name == job.gateway), None)
        if gateway is None or job.webhook_url is None:
            return
        base_url = self._engine.settings.public_url or self._base_url
        headers, body = gateway.webhook(self._engine, base_url, job)
        # http and https only: the gateways let no other scheme in.
        request = urllib.request.Request(job.webhook_url, data=body, headers=headers, method="POST")  # noqa: S310
        with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(request, timeout=_TIMEOUT):  # noqa: S310
            pass
