"""What an error of a paying task ends with: what to do now, and what a retry and a clear of the task will do.

The latter is not written by hand but asked from the decision table, with the record as it is and the task's settings.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from airflow_provider_orux.lifecycle.ledger import Now, Policy, Record, Remote, State
from airflow_provider_orux.lifecycle.outlook import next_epoch, what_comes
from airflow_provider_orux.lifecycle.polling import LEFT_ALONE, LEFT_ALONE_FINALLY
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    ArtifactError,
    ContentRejectedError,
    IdempotencyKeyReusedError,
    JobExpiredError,
    JobFailedError,
    JobTimeoutError,
    LedgerError,
    OruxError,
)
from airflow_provider_orux.operators.identity import TaskIdentity

_SAID_BY_THE_TABLE = {
    LEFT_ALONE,
    LEFT_ALONE_FINALLY,
    *(
        cls.default_next_step
        for cls in (ArtifactError, JobExpiredError, JobFailedError, JobTimeoutError, AmbiguousSubmitError)
    ),
}
"""Next steps that are about a retry and a clear in general: here the table knows better."""


@dataclass(frozen=True)
class Standing:
    """Where a paying task stands.

    :param now: the execution that is running.
    :param record: the ledger's, as it is; None: there is none.
    :param record_known: whether the ledger was read at all.
    :param job_id: the job of this execution, once the gateway named it; the ledger may not know it yet.
    :param remote: how the recorded job is, where it is known.
    :param durable: whether there is a ledger.
    :param retries_left: whether Airflow would start another try.
    :param answer_patience: seconds for which the answer to a request that was sent may still come.
    :param handle_form: what stands for the job id in a command that a person completes.
    """

    identity: TaskIdentity
    gateway: str
    now: Now
    policy: Policy
    record: Record | None
    record_known: bool
    job_id: str | None
    remote: Remote | None
    durable: bool
    retries_left: bool
    answer_patience: float
    handle_form: str

    def retry(self) -> str:
        """What a retry does, as the end of a sentence."""
        return self._comes(replace(self.now, at=time.time()))

    def clear(self) -> str:
        """What a clear does, as the end of a sentence."""
        return self._comes(next_epoch(replace(self.now, at=time.time())))

    def _comes(self, now: Now) -> str:
        return what_comes(self.record if self.durable else None, now, self.policy, remote=self.remote)


def explain(error: OruxError, standing: Standing) -> None:
    """Complete an error that leaves a paying task: its gateway, its job, and what comes next."""
    error.gateway = error.gateway or standing.now.gateway
    error.job_id = error.job_id or standing.job_id
    if isinstance(error, LedgerError) and not error.final:
        return  # the ledger cannot be reached: what it holds is not known
    steps = [] if error.next_step in _SAID_BY_THE_TABLE else [error.next_step]
    if isinstance(error, ContentRejectedError) and error.charged == "no":
        steps = ["Change the prompt."]
    elif isinstance(error, IdempotencyKeyReusedError):
        # A clear sends it under its key again, and only the request of that time is taken: its own words say so.
        settle, discard = (
            standing.identity.command("settle", job_id=standing.handle_form),
            standing.identity.command("discard"),
        )
        error.next_step = (
            f"No retry is used. {error.next_step} If the change cannot be undone, see whether the gateway has the job: "
            f"`{settle}` or `{discard}`, then clear the task."
        )
        return
    elif isinstance(error, AmbiguousSubmitError):
        steps = [_ambiguous(standing)] if error.final else []
    command = f"`{standing.identity.command('discard')}`"
    error.next_step = " ".join(
        step.replace("`airflow orux ledger discard` for this task instance", command)
        for step in (*steps, *_outlook(error, standing))
        if step
    )


def _outlook(error: OruxError, standing: Standing) -> list[str]:
    if not standing.record_known:
        return ["No retry is used."] if error.final else []
    retry, clear = standing.retry(), standing.clear()
    if error.final:
        said = ["No retry is used."]
    elif not standing.retries_left:
        said = ["No retry is left."]
    elif retry == clear:
        return [f"A retry or a clear of the task: {clear}.", *_forgotten(error, standing)]
    else:
        said = [f"A retry: {retry}."]
    return [*said, f"A clear of the task: {clear}.", *_forgotten(error, standing)]


def _forgotten(error: OruxError, standing: Standing) -> list[str]:
    """Without a ledger a job that is paid for is known by nobody but the reader of this message."""
    if standing.durable or error.charged == "no" or isinstance(error, JobFailedError):
        return []
    if error.job_id is None:
        return ["(durable=False: the earlier submission may be charged too.)"]
    return [f"(durable=False: OruxSaveArtifactsOperator saves job {error.job_id} without a charge.)"]


def _ambiguous(standing: Standing) -> str:
    """How a person settles a submission whose answer never came."""
    if not standing.durable:
        return ""
    identity, record = standing.identity, standing.record
    if record is not None and record.synchronous:
        found, settle = "it shows the picture", identity.command("settle", urls=["LINK"])
    else:
        found, settle = "it has the job", identity.command("settle", job_id=standing.handle_form)
    sent = record.at if record is not None else time.time()
    until = time.strftime("%H:%M:%S UTC", time.gmtime(sent + standing.answer_patience))
    return (
        f"It is not sent again, by a retry or a clear, until you say so. Look at the gateway. If {found}: "
        f"`{settle}`, then clear the task: it takes that up and pays nothing. If not: "
        f"`{identity.command('discard')}` (refused until {until}, while the answer may still come), then clear the "
        "task: it submits anew. (on_ambiguous_submit='resubmit' accepts the risk of a second charge.)"
    )


def recall(error: OruxError, record: Record) -> None:
    """Complete an error that came before the ledger was read: this execution sent nothing, an earlier one did."""
    error.job_id = error.job_id or record.job_id
    error.charged = "yes" if record.synchronous and record.job_id else "unknown"
    what = f"job {record.job_id}" if record.job_id else "a submission whose answer never came"
    steps = error.next_step.replace("Nothing was sent.", "Nothing was sent now.")
    error.next_step = (
        f"{steps} The ledger holds {what} of an earlier execution: a clear, after the mending, goes by it."
    )


def when_killed(standing: Standing) -> str | None:
    """What is true of a paid submission whose task is killed now; None: nothing was sent."""
    record, job_id = standing.record, standing.job_id
    if job_id is not None:
        if record is not None and record.state is State.INTENT:
            return (
                f"The task was killed. Job {job_id} was accepted and will be charged, and its id is not in the ledger "
                f"yet. If it does not get there: `{standing.identity.command('settle', job_id=job_id)}` and a clear of "
                "the task take it up and pay nothing."
            )
        what = (
            f"Submission {job_id} is answered and charged"
            if record is not None and record.synchronous
            else f"Job {job_id} goes on at the gateway and will be charged"
        )
        remote = standing.remote or Remote.ALIVE
        return (
            f"The task was killed. {what}. A clear of the task: {replace(standing, remote=remote).clear()}."
        )
    if record is None or record.state is not State.INTENT:
        return None
    return (
        f"The task was killed while its request was under way: whether {standing.gateway} accepted it, and charges "
        f"it, is not known. A clear of the task: {standing.clear()}."
    )
