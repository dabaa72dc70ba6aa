"""``OruxJobTrigger``: waits in the triggerer for a job to end."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_orux import compat
from airflow_provider_orux.lifecycle.charges import PROGRESS_KEY
from airflow_provider_orux.lifecycle.polling import Wait

if TYPE_CHECKING:
    from airflow_provider_orux.hooks.connection import GatewayConnection
    from airflow_provider_orux.poller.poller import Poller

#: Seconds that the triggerer may take to store how much is done; the end of the job is told after that.
PROGRESS_SECONDS = 5.0


class OruxJobTrigger(BaseTrigger):
    """Fires once: when the job has ended, or when polling it is pointless.

    Its arguments are stored in the metadata database as plain text: ids and numbers only, no key and no prompt. The
    event is an :class:`airflow_provider_orux.lifecycle.event.JobEvent`.

    :param conn_id: the Airflow connection of the gateway.
    :param job_id: the job.
    :param deadline: epoch seconds after which to stop waiting.
    :param poll_interval: seconds between polls. None (default): the schedule decides.
    :param started: epoch seconds when the job was accepted. None (default): when the trigger starts.
    :param kind: what kind of job it is (``midjourney-v7:upscale``). Jobs of one kind take about the same time, so the
        first poll comes when the quickest of them can be done. None (default): unknown; the durations of the
        connection's other jobs are used.
    :param push_urls: False: the event holds neither URLs nor the gateway's words. Default True.
    """

    def __init__(
        self,
        conn_id: str,
        job_id: str,
        deadline: float,
        poll_interval: float | None = None,
        started: float | None = None,
        kind: str | None = None,
        push_urls: bool = True,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.conn_id = conn_id
        self.job_id = job_id
        self.deadline = deadline
        self.poll_interval = poll_interval
        self.started = started
        self.kind = kind
        self.push_urls = push_urls
        self._poller: Poller | None = None

    @classmethod
    def of(cls, conn_id: str, wait: Wait) -> OruxJobTrigger:
        """The trigger for a wait.

        :param conn_id: the Airflow connection of the gateway.
        :param wait: the job to wait for, and for how long.
        """
        return cls(conn_id, **asdict(wait))

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the arguments that rebuild the trigger in another process."""
        return (
            "airflow_provider_orux.triggers.jobs.OruxJobTrigger",
            {
                "conn_id": self.conn_id,
                "job_id": self.job_id,
                "deadline": self.deadline,
                "poll_interval": self.poll_interval,
                "started": self.started,
                "kind": self.kind,
                # Left out otherwise: a triggerer of an older version takes the trigger, too.
                **({} if self.push_urls else {"push_urls": False}),
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, yield one event, return."""
        started = self.started if self.started is not None else time.time()
        wait = Wait(self.job_id, self.deadline, started, self.poll_interval, self.kind, self.push_urls)
        poller_for = await _load_poller()
        self._poller = poller_for(self.conn_id)
        event = await self._poller.wait(wait, self._show_progress)
        yield TriggerEvent(event.model_dump(mode="json", exclude_none=True))

    async def _show_progress(self, percent: int) -> None:
        """Push an XCom for the gallery, if this Airflow lets a trigger do that. Nothing may come of a failure."""
        value = {"job_id": self.job_id, "percent": percent}
        try:
            push = compat.push_xcom(getattr(self, "task_instance", None), PROGRESS_KEY, value)
            await asyncio.wait_for(push, PROGRESS_SECONDS)
        except Exception as e:
            self.log.debug("The gallery will not show the progress (%s: %s)", type(e).__name__, e)

    async def on_kill(self) -> None:
        """Log that the job continues and will be charged; with ``cancel_on_kill`` cancel it where the gateway can.

        Airflow also calls this when it moves the trigger to another triggerer: only a task that is ended in Airflow's
        database has its job cancelled. And it cuts this short after about a second, so that runs on by itself.
        """
        connection = self._poller.connection if self._poller is not None else None
        if connection is not None and connection.cancels(self.job_id):
            cancelling = asyncio.ensure_future(self._cancel(connection))
            _cancelling.add(cancelling)
            cancelling.add_done_callback(_cancelling.discard)
            if await asyncio.shield(cancelling):
                return
        self.log.warning(
            "This trigger no longer waits for job %s. The job continues at the gateway and will be charged; "
            "`airflow orux ledger show` tells what a clear of the task does with it.",
            self.job_id,
        )

    async def _cancel(self, connection: GatewayConnection) -> bool:
        from airflow_provider_orux.hooks.cancelling import cancel

        try:
            state = await compat.arecorded_state(self.task_instance)
            return await asyncio.to_thread(cancel, connection, self.job_id, state=state, log=self.log)
        except Exception as e:
            self.log.warning("Job %s is not cancelled (%s: %s)", self.job_id, type(e).__name__, e)
            return False


#: Tasks of the event loop that cancel jobs: it does not keep them itself.
_cancelling: set[asyncio.Future[bool]] = set()
_loaded = False


async def _load_poller() -> Callable[[str], Poller]:
    """``poller_for``. Its modules are imported in a thread: that takes longer than an event loop should be blocked.

    They are imported only here, since a worker that defers and a DAG file do without them.
    """
    global _loaded
    if not _loaded:
        await asyncio.to_thread(importlib.import_module, "airflow_provider_orux.poller.pollers")
        _loaded = True
    from airflow_provider_orux.poller.pollers import poller_for

    return poller_for
