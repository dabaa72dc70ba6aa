"""What the next execution of a task will do with the record in its ledger, given how the task is."""

from __future__ import annotations

from airflow_provider_orux.cli.instances import Instance
from airflow_provider_orux.lifecycle.ledger import Now, Policy, Record, Remote
from airflow_provider_orux.lifecycle.outlook import what_comes

ENDED = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})
UNDER_WAY = frozenset({"running", "restarting"})
WAITING = frozenset({"deferred"})


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
        return what_comes(record, _now(record, epoch, at, gateway), policy, remote=remote)

    if instance.state in UNDER_WAY | WAITING:
        first = f"The task is {instance.state}. "
        return [f"{first}A retry: {what(record.epoch)}.", f"A clear: {what(record.epoch + 1)}."]
    if instance.state in ENDED:
        return [f"A clear: {what(record.epoch + 1)}."]
    cleared = " (the task was cleared since)" if epoch != record.epoch else ""
    return [f"Next execution{cleared}: {what(epoch)}."]


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
