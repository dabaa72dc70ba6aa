"""The one function that says what an attempt may do, given the record that it finds.

The protocol and its reasons: ``docs/decisions/ledger.md``. Pure: ``durable/`` carries the decisions out.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from airflow_provider_orux.lifecycle.fingerprint import changed_fields, field_digests, fingerprint
from airflow_provider_orux.lifecycle.record import Record, State
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    JobExpiredError,
    JobFailedError,
    JobNotFoundError,
    LedgerError,
    OruxError,
    Remedy,
    UnexpectedResponseError,
)
from airflow_provider_orux.models.job import Job, JobStatus
from airflow_provider_orux.models.requests import GenerationRequest

#: Seconds before the end of an idempotency key's life at which it is no longer relied on: clocks differ.
IDEMPOTENCY_MARGIN = 600.0

OnClear = Literal["auto", "resubmit", "reattach"]
OnRequestChanged = Literal["fail", "resubmit", "reattach"]
OnAmbiguousSubmit = Literal["fail", "resubmit"]


@dataclass(frozen=True)
class Attempt:
    """One execution of the task instance.

    :param max_tries: raw ``ti.max_tries``; tells a clear from a retry.
    :param synchronous: whether it would use the synchronous route.
    :param account: see :class:`Record`.
    :param at: epoch seconds.
    """

    max_tries: int
    fingerprint: str
    conn_id: str
    host: str
    gateway: str
    at: float
    fields: Mapping[str, str] = field(default_factory=dict)
    synchronous: bool = False
    account: str | None = None

    @classmethod
    def of(
        cls,
        request: GenerationRequest,
        *,
        gateway: str,
        conn_id: str,
        host: str,
        max_tries: int,
        account: str | None = None,
        synchronous: bool = False,
        exclude: Iterable[str] = (),
    ) -> Attempt:
        """The attempt that would send this request now.

        :param exclude: names of fields that do not count as a change.
        """
        fields = {**request.fields(), **request.extra_body}
        left_out = tuple(exclude)
        return cls(
            max_tries=max_tries,
            fingerprint=fingerprint(
                gateway=gateway,
                host=host,
                model=request.model_id,
                verb=request.verb,
                fields=fields,
                exclude=left_out,
            ),
            conn_id=conn_id,
            host=host,
            gateway=gateway,
            at=time.time(),
            fields=field_digests(fields, exclude=left_out),
            synchronous=synchronous,
            account=account,
        )

    def after_clear(self) -> Attempt:
        """The same attempt after a person cleared the task."""
        return replace(self, max_tries=self.max_tries + 1)


@dataclass(frozen=True)
class Policy:
    """What the DAG author chose.

    :param on_clear: ``auto``: the table; ``resubmit``: every clear pays again; ``reattach``: none does.
    :param on_request_changed: what to do when a retry renders another request than the one that was paid for.
    :param on_ambiguous_submit: ``resubmit`` accepts, once, the risk of a second charge.
    :param paying_retries: whether a retry may pay for a new job after one failed at the gateway: the author set
        ``retries``. False: the retries are the operator's own, and free.
    :param idempotency_seconds: how long the gateway remembers a submission by its idempotency key; 0: it has none.
    """

    on_clear: OnClear = "auto"
    on_request_changed: OnRequestChanged = "fail"
    on_ambiguous_submit: OnAmbiguousSubmit = "fail"
    paying_retries: bool = False
    idempotency_seconds: float = 0.0

    def resubmits_ambiguous(self, resubmits: int) -> bool:
        """Whether an ambiguous submission is sent again: once, where the author accepts the risk.

        :param resubmits: how many times it was.
        """
        return self.on_ambiguous_submit == "resubmit" and resubmits < 1


class RemoteState(enum.Enum):
    """What the gateway says of the recorded job."""

    #: It is running, or it succeeded.
    ALIVE = enum.auto()
    #: It failed, and the same request may succeed another time.
    FAILED = enum.auto()
    #: It failed, and the same request would fail again.
    FAILED_FINALLY = enum.auto()
    EXPIRED = enum.auto()
    #: The gateway does not know it, or its answer cannot be read.
    UNKNOWN = enum.auto()

    @classmethod
    def of(cls, job: Job) -> RemoteState:
        """What a polled job means for the decision. A success that made nothing is a failure: it cannot be saved."""
        if job.status is JobStatus.FAILED:
            return cls.FAILED if job.retry_helps else cls.FAILED_FINALLY
        if job.status is JobStatus.SUCCEEDED and not job.artifacts and job.text is None:
            return cls.FAILED_FINALLY
        return cls.EXPIRED if job.status is JobStatus.EXPIRED else cls.ALIVE


class Action(enum.Enum):
    """What an attempt does."""

    SUBMIT = "submit a new job"
    RESEND = "send the same submission again under its idempotency key"
    CHECK = "ask the gateway about the recorded job, then decide again"
    REATTACH = "continue with the recorded job"
    RETURN = "return the recorded result"
    FAIL = "fail"


@dataclass(frozen=True)
class Decision:
    """What to do and why.

    :param reason: for the log.
    :param error: what to raise when ``action`` is ``FAIL``.
    :param resubmits: the count for the new record when an ambiguous submission is sent again.
    """

    action: Action
    reason: str
    error: OruxError | None = None
    resubmits: int = 0


def decide(
    record: Record | None,
    attempt: Attempt,
    policy: Policy,
    remote: RemoteState | None = None,
    *,
    cause: OruxError | None = None,
) -> Decision:
    """What an attempt may do, given the record that it found.

    When it answers ``CHECK``, it is asked a second time with ``remote``. No answer leads to a second submission
    without a person's word (a clear, ``settle``, ``discard``) or an explicit setting of the author.

    :param record: the record of this task instance; None when there is none.
    :param remote: what the gateway says of the recorded job, when it was asked.
    :param cause: why the gateway could not tell.
    """
    if record is None:
        return Decision(Action.SUBMIT, "nothing was submitted before")
    if record.state is State.DISCARDED:
        return Decision(Action.SUBMIT, "the earlier submission was discarded")
    if record.state is not State.FINISHED and (error := _elsewhere(record, attempt)) is not None:
        return _fail(error)
    if record.state is State.INTENT:
        return _decide_intent(record, attempt, policy)
    if record.state is State.SETTLED:
        return Decision(Action.REATTACH, f"the submission was settled as job {record.job_id}")
    # Airflow raises max_tries at a clear and keeps it at a retry. A clear that it does not show counts as a retry:
    # that errs towards not paying.
    cleared = record.max_tries != attempt.max_tries
    changed = attempt.fingerprint not in (record.fingerprint, record.reattached_fingerprint)
    if record.state is State.FINISHED:
        return _decide_finished(record, attempt, policy, cleared=cleared, changed=changed)
    if cleared and policy.on_clear == "resubmit":
        return Decision(Action.SUBMIT, "the task was cleared and on_clear='resubmit'")
    if changed and not cleared and policy.on_request_changed == "fail":
        return _fail(_request_changed(record, attempt))
    if remote is None:
        return Decision(Action.CHECK, f"job {record.job_id} was submitted before")
    return _decide_submitted(record, attempt, policy, remote, cause, cleared=cleared, changed=changed)


def _decide_intent(record: Record, attempt: Attempt, policy: Policy) -> Decision:
    age = attempt.at - record.updated_at
    # A key of another account names another submission there, a guest has no account that remembers one, and an age
    # below zero is a clock that went back: in each case a resend may be charged a second time.
    if (
        policy.idempotency_seconds
        and not record.synchronous
        and not attempt.synchronous
        and record.account is not None
        and record.account == attempt.account
        and 0 <= age < policy.idempotency_seconds - IDEMPOTENCY_MARGIN
    ):
        return Decision(
            Action.RESEND,
            "an earlier submission has no known answer; its idempotency key makes a second sending free",
            resubmits=record.resubmits,
        )
    if policy.resubmits_ambiguous(record.resubmits):
        return Decision(
            Action.SUBMIT,
            "an earlier submission has no known answer and on_ambiguous_submit='resubmit': it may be charged twice",
            resubmits=record.resubmits + 1,
        )
    when = (
        f"{age:.0f} s ago"
        if age >= 0
        else f"at a time that is still {-age:.0f} s away by this worker's clock"
    )
    return _fail(
        AmbiguousSubmitError(
            f"An earlier attempt of this task sent the request {when}, and no answer came",
            gateway=attempt.gateway,
        )
    )


def _decide_finished(
    record: Record, attempt: Attempt, policy: Policy, *, cleared: bool, changed: bool
) -> Decision:
    if cleared and policy.on_clear == "resubmit":
        return Decision(Action.SUBMIT, "the task was cleared and on_clear='resubmit'")
    if cleared and policy.on_clear == "auto" and record.delivered:
        return Decision(Action.SUBMIT, f"job {record.job_id} is finished and the task was cleared")
    keep = cleared and policy.on_clear == "reattach"
    if changed and not keep:
        if policy.on_request_changed == "fail":
            return _fail(_request_changed(record, attempt))
        if policy.on_request_changed == "resubmit":
            return Decision(Action.SUBMIT, "the request changed and on_request_changed='resubmit'")
    if cleared and not record.delivered:
        # Airflow may mark a deferred task failed although its resume succeeded (a late executor event): the result
        # was paid for, and nobody received it.
        return Decision(
            Action.RETURN, f"job {record.job_id} is finished, but Airflow never recorded the task's success"
        )
    return Decision(Action.RETURN, f"the result of job {record.job_id} is recorded")


def _decide_submitted(
    record: Record,
    attempt: Attempt,
    policy: Policy,
    remote: RemoteState,
    cause: OruxError | None,
    *,
    cleared: bool,
    changed: bool,
) -> Decision:
    job = f"job {record.job_id}"
    why = f": {cause.message}" if cause is not None else ""
    if remote is RemoteState.UNKNOWN:
        unread = isinstance(cause, UnexpectedResponseError)
        return _fail(
            (UnexpectedResponseError if unread else JobNotFoundError)(
                f"An earlier attempt of this task submitted {job}, and the gateway does not say how it is{why}",
                gateway=attempt.gateway,
                job_id=record.job_id,
                charged="yes" if record.synchronous else "unknown",
                remedy=Remedy.DISCARD,
            )
        )
    if changed:
        if cleared and policy.on_clear == "auto":
            return Decision(Action.SUBMIT, f"the task was cleared and its request changed since {job}")
        if not cleared and policy.on_request_changed == "resubmit":
            return Decision(
                Action.SUBMIT, f"the request changed since {job} and on_request_changed='resubmit'"
            )
    if remote is RemoteState.ALIVE:
        return Decision(Action.REATTACH, f"{job} runs or has succeeded")
    what = "expired" if remote is RemoteState.EXPIRED else "failed"
    if cleared and policy.on_clear == "auto":
        return Decision(Action.SUBMIT, f"{job} {what} and the task was cleared")
    if remote is RemoteState.FAILED and not cleared and policy.paying_retries:
        return Decision(
            Action.SUBMIT, f"{job} failed at the gateway, and the task's retries pay for a new one"
        )
    kind = JobExpiredError if remote is RemoteState.EXPIRED else JobFailedError
    return _fail(
        kind(
            f"Job {record.job_id}, which an earlier attempt of this task submitted, {what}{why}",
            gateway=attempt.gateway,
            job_id=record.job_id,
            charged="yes" if record.synchronous else "unknown",
            retry_helps=False,
            remedy=Remedy.DISCARD if policy.on_clear == "reattach" else None,
        )
    )


def _fail(error: OruxError) -> Decision:
    return Decision(Action.FAIL, error.message, error)


def _request_changed(record: Record, attempt: Attempt) -> LedgerError:
    names = changed_fields(record.fields, attempt.fields)
    if names:
        what = f"field{'s' if len(names) > 1 else ''} {', '.join(names)}"
    elif record.host != attempt.host:
        what = f"it went to {record.host}, now it would go to {attempt.host}"
    else:
        what = "model or kind of request"
    return LedgerError(
        f"The request changed between two tries of one run: {what}",
        gateway=attempt.gateway,
        job_id=record.job_id,
        charged="yes" if record.synchronous else "unknown",
        next_step=f"Job {record.job_id} was submitted for its first form. Take what changes from one rendering to the "
        "next (a now(), a random value) out of the template, or name the field in fingerprint_exclude, or set "
        "on_request_changed='reattach' (take that job) or 'resubmit' (pay for a new one).",
        # Of one that Airflow does not know to have succeeded, a clear would say the same.
        remedy=Remedy.DISCARD if record.state is State.FINISHED and not record.delivered else None,
    )


def _elsewhere(record: Record, attempt: Attempt) -> LedgerError | None:
    """The error of a record that belongs to another connection or host than today's; None when it does not."""
    if (record.conn_id, record.host) == (attempt.conn_id, attempt.host):
        return None
    purpose = "settle that submission" if record.job_id is None else "continue with that job"
    return LedgerError(
        f"An earlier attempt of this task submitted through connection {record.conn_id!r} to {record.host}; "
        f"today it is {attempt.conn_id!r} to {attempt.host}",
        gateway=attempt.gateway,
        job_id=record.job_id,
        next_step=f"Set the connection back to {purpose}.",
        remedy=Remedy.DISCARD,
    )
