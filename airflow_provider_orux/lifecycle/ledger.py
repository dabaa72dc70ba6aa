"""The ledger's record, and the one function that says what an execution may do when it finds one.

The protocol, and why it is as it is: ``docs/decisions/ledger.md``.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from airflow_provider_orux.lifecycle.fingerprint import changed_fields
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    JobExpiredError,
    JobFailedError,
    JobNotFoundError,
    LedgerError,
    OruxError,
)

VERSION = 1
RECORD_KEY = "orux_ledger"
"""The key of the record in Airflow's task state store."""
PROBE_KEY = "orux_ledger_probe"
"""The key that is written and read back before "no record" is believed."""

OnClear = Literal["auto", "resubmit", "reattach"]
OnRequestChanged = Literal["fail", "resubmit", "reattach"]
OnAmbiguousSubmit = Literal["fail", "resubmit"]


class State(str, enum.Enum):
    """How far the submission of one task instance is."""

    INTENT = "intent"
    """A paid request may have been sent; no answer is known."""
    SUBMITTED = "submitted"
    """The gateway accepted it."""
    FINISHED = "finished"
    """The result is saved and known."""
    SETTLED = "settled"
    """A person said which job the ambiguous submission became."""


@dataclass(frozen=True)
class Record:
    """The durable record of one paid submission. It holds no prompt and no key.

    :param epoch: ``ti.max_tries`` when it was written: a retry keeps it, a clear mostly changes it.
    :param fingerprint: see :func:`airflow_provider_orux.lifecycle.fingerprint.fingerprint`.
    :param host: scheme, host and port of the gateway.
    :param at: epoch seconds when this state was written; for ``submitted``, when the job was accepted or, after a
        clear, taken up again: a deadline counts from here.
    :param job_id: the job; for a synchronous generation the id that we gave it.
    :param result: the small result (``finished``), or the links of a synchronous generation (``submitted``).
    :param fields: short digests of the fields, to name what changed.
    :param resubmits: how often an ambiguous submission of this record was sent again.
    :param local_id: our own id of the submission: the job id of a synchronous generation, and the
        idempotency key where a gateway takes one.
    :param synchronous: True when there is no job at the gateway to ask for.
    :param adopted: fingerprint of another form of the request for which the job was taken up all the same (a clear with
        ``on_clear="reattach"``): the next try of it is no change.
    :param content: the fingerprint under which ``reuse`` finds the result, as it was when the request was sent.
    :param unkept: the gateway refused to keep the artifacts for longer, and the request was sent without that wish.
    """

    state: State
    epoch: int
    fingerprint: str
    conn_id: str
    host: str
    at: float
    local_id: str
    job_id: str | None = None
    result: Mapping[str, Any] | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    resubmits: int = 0
    synchronous: bool = False
    adopted: str | None = None
    content: str | None = None
    unkept: bool = False

    def to_json(self) -> dict[str, Any]:
        """The value that is stored."""
        value: dict[str, Any] = {
            "v": VERSION,
            "state": self.state.value,
            "epoch": self.epoch,
            "fingerprint": self.fingerprint,
            "conn_id": self.conn_id,
            "host": self.host,
            "at": self.at,
            "local_id": self.local_id,
            "fields": dict(self.fields),
        }
        if self.job_id is not None:
            value["job_id"] = self.job_id
        if self.result is not None:
            value["result"] = dict(self.result)
        if self.resubmits:
            value["resubmits"] = self.resubmits
        if self.synchronous:
            value["synchronous"] = True
        if self.adopted is not None:
            value["adopted"] = self.adopted
        if self.content is not None:
            value["content"] = self.content
        if self.unkept:
            value["unkept"] = True
        return value

    @classmethod
    def from_json(cls, value: Any) -> Record:
        """Read a stored value.

        :raises LedgerError: it is not of our shape (a reference of an external state backend, another version).
        """
        try:
            if value["v"] != VERSION:
                raise ValueError(f"version {value['v']!r}")
            record = cls(
                state=State(value["state"]),
                epoch=int(value["epoch"]),
                fingerprint=str(value["fingerprint"]),
                conn_id=str(value["conn_id"]),
                host=str(value["host"]),
                at=float(value["at"]),
                local_id=str(value["local_id"]),
                job_id=value.get("job_id"),
                result=value.get("result"),
                fields=value.get("fields") or {},
                resubmits=int(value.get("resubmits", 0)),
                synchronous=bool(value.get("synchronous", False)),
                adopted=value.get("adopted"),
                content=value.get("content"),
                unkept=bool(value.get("unkept", False)),
            )
            if not isinstance(record.fields, Mapping) or not isinstance(record.result, (Mapping, type(None))):
                raise ValueError("fields or result of another shape")
            if not math.isfinite(record.at) or not isinstance(record.job_id, (str, type(None))):
                raise ValueError("at or job_id of another shape")
            if record.state in (State.SUBMITTED, State.SETTLED) and not isinstance(record.job_id, str):
                raise ValueError(f"state {record.state.value} without a job id")
            if record.state is State.FINISHED and not isinstance(record.result, Mapping):
                raise ValueError("state finished without a result")
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as e:
            raise LedgerError(
                f"The ledger record of this task instance is not readable ({type(e).__name__}: {e})",
                next_step="Nothing was submitted. If a custom state store backend is configured, every worker must "
                "have it; to give the record up, run `airflow orux ledger discard` for this task instance.",
            ) from e
        return record

    def with_state(self, state: State, **changes: Any) -> Record:
        """A copy in another state."""
        return replace(self, state=state, **changes)


@dataclass(frozen=True)
class Now:
    """The execution that asks.

    :param synchronous: whether it would use the synchronous way.
    :param at: epoch seconds.
    """

    epoch: int
    fingerprint: str
    conn_id: str
    host: str
    gateway: str
    at: float
    fields: Mapping[str, str] = field(default_factory=dict)
    synchronous: bool = False


@dataclass(frozen=True)
class Policy:
    """What the DAG author chose.

    :param on_clear: ``auto``: the table; ``resubmit``: every clear pays again; ``reattach``: none does.
    :param on_request_changed: what to do when a retry renders another request than the one that was paid for.
    :param on_ambiguous_submit: ``resubmit`` accepts the risk of a second charge.
    :param max_ambiguous_resubmits: how often.
    :param idempotency_seconds: how long the gateway remembers a submission by its idempotency key; 0: it has none.
    """

    on_clear: OnClear = "auto"
    on_request_changed: OnRequestChanged = "fail"
    on_ambiguous_submit: OnAmbiguousSubmit = "fail"
    max_ambiguous_resubmits: int = 1
    idempotency_seconds: float = 0.0


class Remote(enum.Enum):
    """What the gateway says of the recorded job."""

    ALIVE = "running or succeeded"
    FAILED = "failed, and a retry may help"
    FAILED_FINALLY = "failed, and a retry cannot help"
    EXPIRED = "expired"
    UNKNOWN = "unknown or unreadable"


class Action(enum.Enum):
    """What an execution does."""

    SUBMIT = "submit a new job"
    RESEND = "send the same submission again under its idempotency key"
    LOOK = "ask the gateway how the recorded job is, then decide again"
    REATTACH = "go on with the recorded job"
    RETURN = "return the recorded result"
    FAIL = "fail with the error"


@dataclass(frozen=True)
class Decision:
    """What to do and why.

    :param reason: one sentence for the log.
    :param error: what to raise when ``action`` is ``FAIL``.
    :param resubmits: the count to write into the new record when an ambiguous submission is sent again.
    """

    action: Action
    reason: str
    error: OruxError | None = None
    resubmits: int = 0


def decide(record: Record | None, now: Now, policy: Policy, remote: Remote | None = None) -> Decision:
    """What an execution may do, given the record that it found.

    It is asked a second time with ``remote`` when it answered ``LOOK``. No answer of this function leads to a
    second submission without a person's word (a clear that the scheduler shows as a new epoch, ``settle``,
    ``discard``) or an explicit setting, except after a job that the gateway itself reports as failed.

    :param record: the record of this task instance; None when there is none.
    :param now: the execution that asks.
    :param policy: what the DAG author chose.
    :param remote: what the gateway says of the recorded job, when it was asked.
    """
    if record is None:
        return Decision(Action.SUBMIT, "nothing was submitted before")
    if record.state is not State.FINISHED and (error := _elsewhere(record, now)) is not None:
        return _fail(error)
    if record.state is State.INTENT:
        return _decide_intent(record, now, policy)
    if record.state is State.SETTLED:
        return Decision(Action.REATTACH, f"the submission was settled by hand as job {record.job_id}")
    new_epoch = record.epoch != now.epoch
    changed = now.fingerprint not in (record.fingerprint, record.adopted)
    if record.state is State.FINISHED:
        return _decide_finished(record, now, policy, new_epoch=new_epoch, changed=changed)
    if new_epoch and policy.on_clear == "resubmit":
        return Decision(Action.SUBMIT, "the task was cleared and on_clear='resubmit'")
    if changed and not new_epoch and policy.on_request_changed == "fail":
        return _fail(_request_changed(record, now))
    if remote is None:
        return Decision(Action.LOOK, f"job {record.job_id} was submitted before")
    return _decide_submitted(record, now, policy, remote, new_epoch=new_epoch, changed=changed)


def _decide_intent(record: Record, now: Now, policy: Policy) -> Decision:
    age = now.at - record.at
    if (
        policy.idempotency_seconds
        and not record.synchronous
        and not now.synchronous
        and 0 <= age < policy.idempotency_seconds - 600
    ):
        return Decision(
            Action.RESEND,
            "an earlier submission has no known answer; it is sent again under its idempotency key, free of a charge",
            resubmits=record.resubmits,
        )
    if policy.on_ambiguous_submit == "resubmit" and record.resubmits < policy.max_ambiguous_resubmits:
        return Decision(
            Action.SUBMIT,
            "an earlier submission has no known answer and on_ambiguous_submit='resubmit': it may be charged twice",
            resubmits=record.resubmits + 1,
        )
    return _fail(
        AmbiguousSubmitError(
            f"An earlier execution of this task sent the request {max(age, 0):.0f} s ago and its answer never came",
            gateway=now.gateway,
            next_step="A retry or a clear does not send it again. Look at the gateway whether the job is there, then: "
            "if it is, `airflow orux ledger settle … --job-id ID` and clear the task (it takes the job up, no charge); "
            "if it is not, `airflow orux ledger discard …` and clear the task (it submits anew).",
        )
    )


def _decide_finished(record: Record, now: Now, policy: Policy, *, new_epoch: bool, changed: bool) -> Decision:
    stored = Decision(Action.RETURN, f"job {record.job_id} is finished and its result is recorded")
    if new_epoch:
        if policy.on_clear == "reattach":
            return stored
        return Decision(
            Action.SUBMIT, f"job {record.job_id} is finished and the task was cleared: a new one is asked for"
        )
    if changed:
        if policy.on_request_changed == "fail":
            return _fail(_request_changed(record, now))
        if policy.on_request_changed == "resubmit":
            return Decision(Action.SUBMIT, "the request changed and on_request_changed='resubmit'")
    return stored


def _decide_submitted(
    record: Record, now: Now, policy: Policy, remote: Remote, *, new_epoch: bool, changed: bool
) -> Decision:
    job = f"job {record.job_id}"
    if remote is Remote.UNKNOWN:
        return _fail(
            JobNotFoundError(
                f"An earlier execution of this task submitted {job}, and the gateway does not tell how it is",
                gateway=now.gateway,
                job_id=record.job_id,
                charged="yes" if record.synchronous else "unknown",
                next_step="It is not submitted again by itself. A retry or a clear looks again. To give the job up, "
                "run `airflow orux ledger discard` for this task instance and clear the task.",
            )
        )
    if changed:
        if new_epoch and policy.on_clear == "auto":
            return Decision(Action.SUBMIT, f"the task was cleared and its request changed since {job}")
        if not new_epoch and policy.on_request_changed == "resubmit":
            return Decision(
                Action.SUBMIT, f"the request changed since {job} and on_request_changed='resubmit'"
            )
    if remote is Remote.ALIVE:
        return Decision(Action.REATTACH, f"{job} was paid for and goes on")
    if new_epoch and policy.on_clear == "auto":
        return Decision(Action.SUBMIT, f"{job} {remote.value.split(',')[0]} and the task was cleared")
    if remote is Remote.FAILED and not new_epoch:
        return Decision(Action.SUBMIT, f"{job} failed at the gateway and a new one may succeed")
    error = JobExpiredError if remote is Remote.EXPIRED else JobFailedError
    return _fail(
        error(
            f"{job[:1].upper()}{job[1:]}, which an earlier execution of this task submitted, "
            f"{remote.value.split(',')[0]}",
            gateway=now.gateway,
            job_id=record.job_id,
            charged="yes" if record.synchronous else "unknown",
            retry_helps=False,
            next_step="With on_clear='reattach' neither a retry nor a clear pays for a new job. To give this one up, "
            "run `airflow orux ledger discard` for this task instance and clear the task."
            if policy.on_clear == "reattach"
            else None,
        )
    )


def _fail(error: OruxError) -> Decision:
    return Decision(Action.FAIL, error.message, error)


def _request_changed(record: Record, now: Now) -> LedgerError:
    names = changed_fields(record.fields, now.fields)
    what = f"field{'s' if len(names) > 1 else ''} {', '.join(names)}" if names else "model or kind of request"
    return LedgerError(
        f"The request changed between two tries of one run: {what}",
        gateway=now.gateway,
        job_id=record.job_id,
        charged="yes" if record.synchronous else "unknown",
        next_step=f"Job {record.job_id} was submitted for the first form of it. Take what changes from one rendering "
        "to the next (a now(), a random value) out of the template, or name the field in fingerprint_exclude, or "
        "set on_request_changed='reattach' (take that job) or 'resubmit' (pay for a new one), and clear the task.",
    )


def _elsewhere(record: Record, now: Now) -> LedgerError | None:
    """The error of a record that is about another connection or host than today's; None when it is not."""
    if (record.conn_id, record.host) == (now.conn_id, now.host):
        return None
    if record.job_id is None:
        lost = "Set the connection back and settle that submission"
    else:
        lost = "Set the connection back to go on with that job"
    return LedgerError(
        f"An earlier execution of this task submitted through connection {record.conn_id!r} to {record.host}; "
        f"today it is {now.conn_id!r} to {now.host}",
        gateway=now.gateway,
        job_id=record.job_id,
        next_step=f"{lost}, or run `airflow orux ledger discard` for this task instance and clear the task to pay for "
        "a new one.",
    )
