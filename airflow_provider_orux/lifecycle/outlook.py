"""What the next execution of a task will do with the record in its ledger, in words: asked from the decision table."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_orux.lifecycle.ledger import (
    Action,
    Decision,
    Now,
    Policy,
    Record,
    Remote,
    State,
    decide,
)
from airflow_provider_orux.models.job import Job, JobStatus

_WORDS = {
    Action.SUBMIT: "it submits a new job, which is charged",
    Action.RESEND: "it sends the same submission again under its idempotency key, which is not charged twice",
    Action.REATTACH: "it goes on with the recorded job and pays nothing",
    Action.RETURN: "it returns the recorded result and pays nothing",
    Action.FAIL: "it fails and pays nothing",
}
_SEEN = {
    Remote.ALIVE: "if the job runs or succeeded",
    Remote.FAILED: "if the job failed and a retry may help",
    Remote.FAILED_FINALLY: "if the job failed and a retry cannot help",
    Remote.EXPIRED: "if the job expired",
    Remote.UNKNOWN: "if the gateway does not tell",
}


def remote_of(job: Job) -> Remote:
    """What a polled job means for the decision. To go on with one that made nothing would be of no use."""
    if job.status is JobStatus.FAILED:
        return Remote.FAILED if job.retry_helps else Remote.FAILED_FINALLY
    if job.status is JobStatus.SUCCEEDED and not job.artifacts and job.text is None:
        return Remote.FAILED_FINALLY
    return Remote.EXPIRED if job.status is JobStatus.EXPIRED else Remote.ALIVE


def what_comes(record: Record | None, now: Now, policy: Policy, *, remote: Remote | None = None) -> str:
    """What an execution does with this record, as the end of a sentence: "it submits a new job, …".

    :param now: that execution.
    :param remote: how the recorded job is, where it is known; None: each case is told.
    """
    decision = decide(record, now, policy)
    if record is None or decision.action is not Action.LOOK:
        return _words(decision, record)
    if remote is None and record.synchronous:
        # There is no job to ask for: its links are in the record, or were inside an answer that is gone.
        remote = _recorded(record)
    if remote is not None:
        return _words(decide(record, now, policy, remote), record)
    cases: dict[str, list[str]] = {}
    for seen in Remote:
        cases.setdefault(_words(decide(record, now, policy, seen), record), []).append(_SEEN[seen])
    return "it asks the gateway: " + "; ".join(f"{_joined(seen)} {words}" for words, seen in cases.items())


def _recorded(record: Record) -> Remote:
    if record.result is None:
        return Remote.EXPIRED
    try:
        return remote_of(Job.from_dict(record.result))
    except ValueError:
        return Remote.UNKNOWN


def next_epoch(now: Now) -> Now:
    """The same execution after a person cleared the task."""
    return replace(now, epoch=now.epoch + 1)


def _words(decision: Decision, record: Record | None) -> str:
    words = _WORDS[decision.action]
    if decision.action is Action.FAIL and record is not None and record.state is State.INTENT:
        words += ", until the submission is settled or discarded"
    return words


def _joined(cases: list[str]) -> str:
    first, *others = cases
    return first + "".join(f" or {o.removeprefix('if the job ').removeprefix('if ')}" for o in others) + ","
