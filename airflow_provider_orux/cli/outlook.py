"""What the next execution of a task will do with the record in its ledger, in words."""

from __future__ import annotations

from airflow_provider_orux.cli.instances import Instance
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

ENDED = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})
UNDER_WAY = frozenset({"running", "restarting"})
WAITING = frozenset({"deferred"})

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
    """What a polled job means for the decision."""
    if job.status is JobStatus.FAILED:
        return Remote.FAILED if job.retry_helps else Remote.FAILED_FINALLY
    return Remote.EXPIRED if job.status is JobStatus.EXPIRED else Remote.ALIVE


def outlook(
    record: Record | None,
    instance: Instance,
    *,
    at: float,
    gateway: str | None = None,
    idempotency_seconds: float = 0.0,
    remote: Remote | None = None,
) -> list[str]:
    """What a retry and a clear will do, one sentence each, for the same request and the operators' defaults.

    :param at: epoch seconds.
    :param gateway: of the record's connection, where it is known.
    :param idempotency_seconds: how long that gateway remembers a submission.
    :param remote: what the gateway says of the job, when it was asked.
    """
    if record is None:
        return ["Next execution: it submits a job, which is charged."]
    policy = Policy(idempotency_seconds=idempotency_seconds)
    epoch = _epoch(instance, record)

    def what(epoch: int) -> str:
        return _what(record, _now(record, epoch, at, gateway), policy, remote)

    if instance.state in UNDER_WAY | WAITING:
        first = f"The task is {instance.state}. "
        return [f"{first}A retry: {what(record.epoch)}.", f"A clear: {what(record.epoch + 1)}."]
    if instance.state in ENDED:
        return [f"A clear: {what(record.epoch + 1)}."]
    cleared = " (the task was cleared since)" if epoch != record.epoch else ""
    return [f"Next execution{cleared}: {what(epoch)}."]


def _what(record: Record, now: Now, policy: Policy, remote: Remote | None) -> str:
    decision = decide(record, now, policy)
    if decision.action is not Action.LOOK:
        return _words(decision, record)
    if remote is None and record.synchronous:
        # There is no job to ask for: its links are in the record, or were inside an answer that is gone.
        remote = Remote.ALIVE if record.result is not None else Remote.EXPIRED
    if remote is not None:
        return _words(decide(record, now, policy, remote), record)
    cases: dict[str, list[str]] = {}
    for seen in Remote:
        cases.setdefault(_words(decide(record, now, policy, seen), record), []).append(_SEEN[seen])
    return "it asks the gateway: " + "; ".join(f"{_joined(seen)} {words}" for words, seen in cases.items())


def _words(decision: Decision, record: Record) -> str:
    words = _WORDS[decision.action]
    if decision.action is Action.FAIL and record.state is State.INTENT:
        words += ", until the submission is settled or discarded"
    return words


def _joined(cases: list[str]) -> str:
    first, *others = cases
    return first + "".join(f" or {o.removeprefix('if the job ').removeprefix('if ')}" for o in others) + ","


def _now(record: Record, epoch: int, at: float, gateway: str | None) -> Now:
    return Now(
        epoch=epoch,
        fingerprint=record.fingerprint,
        conn_id=record.conn_id,
        host=record.host,
        gateway=gateway or "",
        at=at,
        fields=record.fields,
        synchronous=record.synchronous,
    )


def _epoch(instance: Instance, record: Record) -> int:
    epoch = instance.facts.get("max_tries")
    return epoch if isinstance(epoch, int) else record.epoch
