"""``OruxJobTrigger``: waits in the triggerer until a job ended."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_orux.lifecycle.polling import AUTH_GRACE, Wait

if TYPE_CHECKING:
    from airflow_provider_orux.triggers.hub import PollHub


class OruxJobTrigger(BaseTrigger):
    """Fires once, when the job ended or when asking for it makes no more sense.

    Its arguments lie in the metadata database as plain text: ids and numbers only, no key and no prompt. The event
    is an :class:`airflow_provider_orux.lifecycle.outcome.Outcome`.

    :param conn_id: the Airflow connection of the gateway.
    :param job_id: the job.
    :param deadline: epoch seconds after which the job is no longer waited for.
    :param poll_interval: seconds between polls; None: the schedule decides.
    :param started: epoch seconds when the job was accepted; None: when the trigger starts.
    :param auth_grace: seconds for which a refused key does not end the waiting.
    :param kind: what kind of job it is (``midjourney-v7:upscale``): jobs of one kind take about the same time, and
        are first asked for when the first of them can be done. None: not known, the connection's jobs are looked at.
    """

    def __init__(
        self,
        conn_id: str,
        job_id: str,
        deadline: float,
        poll_interval: float | None = None,
        started: float | None = None,
        auth_grace: float = AUTH_GRACE,
        kind: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.conn_id = conn_id
        self.job_id = job_id
        self.deadline = deadline
        self.poll_interval = poll_interval
        self.started = started
        self.auth_grace = auth_grace
        self.kind = kind

    @classmethod
    def of(cls, conn_id: str, wait: Wait) -> OruxJobTrigger:
        """The trigger that waits for a job."""
        return cls(
            conn_id=conn_id,
            job_id=wait.job_id,
            deadline=wait.deadline,
            poll_interval=wait.poll_interval,
            started=wait.started,
            kind=wait.kind,
        )

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
                "auth_grace": self.auth_grace,
                **({} if self.kind is None else {"kind": self.kind}),
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, yield one event, return."""
        hub_for = await _poller()
        outcome = await hub_for(self.conn_id).wait(
            self.job_id,
            deadline=self.deadline,
            poll_interval=self.poll_interval,
            started=self.started if self.started is not None else time.time(),
            auth_grace=self.auth_grace,
            kind=self.kind,
        )
        yield TriggerEvent(outcome.model_dump(mode="json", exclude_none=True))

    async def on_kill(self) -> None:
        """Say the truth: no gateway of ours documents a way to cancel a job.

        Airflow also calls this when it moves the trigger to another triggerer, so nothing else may be done here.
        """
        self.log.warning(
            "Job %s is no longer waited for by this trigger. It goes on at the gateway and will be charged; "
            "`airflow orux ledger show` tells what a clear of the task does with it.",
            self.job_id,
        )


_imported = False


async def _poller() -> Callable[[str], PollHub]:
    """``hub_for``. Its modules are read in a thread: that takes longer than an event loop should be kept from its other
    triggers. A worker that defers, and a DAG file, do without them.
    """
    global _imported
    if not _imported:
        await asyncio.to_thread(importlib.import_module, "airflow_provider_orux.triggers.hub")
        _imported = True
    from airflow_provider_orux.triggers.hub import hub_for

    return hub_for
