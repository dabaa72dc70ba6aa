"""Which task instance runs: as the ledger, the manifest and the messages name it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from airflow_provider_orux.compat import COMMAND
from airflow_provider_orux.lifecycle.fingerprint import digest


@dataclass(frozen=True)
class TaskIdentity:
    """One task instance and its present try.

    :param max_tries: raw ``ti.max_tries``: a retry keeps it, a clear mostly changes it.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    max_tries: int

    @classmethod
    def of(cls, context: Any) -> TaskIdentity:
        """Read it from a task's context."""
        ti = context["ti"]
        return cls(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=ti.map_index if ti.map_index is not None else -1,
            try_number=ti.try_number,
            max_tries=ti.max_tries,
        )

    def is_first_try(self, retries: int) -> bool:
        """Whether this is the first try of a run that a person asked for, as far as Airflow's numbers tell.

        :param retries: of the task.
        """
        return self.max_tries - self.try_number + 1 >= retries

    def submission_id(self, *, fingerprint: str, at: float, resubmits: int) -> str:
        """Our own id of one submission: unique, and no secret."""
        instance = [self.dag_id, self.run_id, self.task_id, self.map_index, self.max_tries]
        return f"gen-{digest([*instance, fingerprint, round(at, 3), resubmits])[:24]}"

    def command(self, verb: str, *, job_id: str | None = None, urls: Iterable[str] = ()) -> str:
        """The ``airflow orux ledger`` command for this task instance, ready to paste.

        :param urls: the URLs of a synchronous generation, which has no job at the gateway.
        """
        instance = [self.dag_id, self.run_id, self.task_id]
        options = ["--map-index", str(self.map_index)] if self.map_index >= 0 else []
        if job_id is not None:
            options += [f"--job-id={job_id}"] if job_id.startswith("-") else ["--job-id", job_id]
        for url in urls:
            options += ["--url", url]
        # An id may begin with a dash, like an option.
        dashed = any(name.startswith("-") for name in instance)
        words = [*options, "--", *instance] if dashed else [*instance, *options]
        return shlex.join([*COMMAND.split(), "ledger", verb, *words])
