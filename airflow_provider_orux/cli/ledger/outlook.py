"""What the next execution of a task will do with the record in its ledger, given how the task is."""

from __future__ import annotations

from airflow_provider_orux.cli.ledger.instances import Instance
from airflow_provider_orux.lifecycle.advice import next_attempt
from airflow_provider_orux.lifecycle.ledger import Attempt, Policy, RemoteState
from airflow_provider_orux.lifecycle.record import Record

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
    remote: RemoteState | None = None,
) -> list[str]:
    """What a retry and a clear will do, one sentence each, for the same request and the operators' defaults.

    :param at: epoch seconds.
    :param gateway: of the record's connection, where it is known.
    :param idempotency_seconds: how long that gateway remembers a submission.
    :param remote: what the gateway says of the job, when it was asked.
    """
    if record is None:
        return ["The next execution submits a job, which is charged."]
    policy = Policy(idempotency_seconds=idempotency_seconds)
    max_tries = _max_tries(instance, record)

    def what(max_tries: int) -> str:
        return next_attempt(record, _attempt(record, max_tries, at, gateway), policy, remote=remote)

    if instance.state in UNDER_WAY | WAITING:
        first = f"The task is {instance.state}. "
        return [f"{first}A retry {what(record.max_tries)}.", f"A clear {what(record.max_tries + 1)}."]
    if not instance.facts:
        return [f"A retry {what(record.max_tries)}.", f"A clear {what(record.max_tries + 1)}."]
    if instance.state in ENDED:
        return [f"A clear {what(record.max_tries + 1)}."]
    cleared = " (the task was cleared since)" if max_tries != record.max_tries else ""
    return [f"The next execution{cleared} {what(max_tries)}."]


def _attempt(record: Record, max_tries: int, at: float, gateway: str | None) -> Attempt:
    return Attempt(
        max_tries=max_tries,
        fingerprint=record.fingerprint,
        conn_id=record.conn_id,
        host=record.host,
        gateway=gateway or "",
        at=at,
        fields=record.fields,
        synchronous=record.synchronous,
        account=record.account,
    )


def _max_tries(instance: Instance, record: Record) -> int:
    max_tries = instance.facts.get("max_tries")
    return max_tries if isinstance(max_tries, int) else record.max_tries
