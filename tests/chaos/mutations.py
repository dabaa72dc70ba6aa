"""Deliberate defects of the provider, one at a time.

Each takes one step of the pay-once protocol away, at a seam: a verb of the ledger or of its store, the decision as the
ledger asks for it, the client's paid verbs, a gateway's reading, the success callback. Two kinds of tests must see each:
named unit tests (``tests/durable/test_mutations.py``), and the checker of the random schedules, as a violation of the
kind that it is (``test_mutations.py``; ``python -m tests.chaos --mutate NAME``). A checker that passes a broken
provider proves nothing about a whole one.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_orux.client.sync import GatewayClient
from airflow_provider_orux.durable import delivered
from airflow_provider_orux.durable import ledger as durable_ledger
from airflow_provider_orux.durable.ledger import Ledger
from airflow_provider_orux.durable.stores import TaskStateStore
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.lifecycle.ledger import Action, Attempt, Decision, Policy, RemoteState, decide
from airflow_provider_orux.lifecycle.record import Record, State, Superseded
from airflow_provider_orux.models.errors import AmbiguousSubmitError, LedgerError, OruxError
from airflow_provider_orux.models.job import Job, JobStatus

Mutation = Callable[[pytest.MonkeyPatch], None]
MUTATIONS: dict[str, Mutation] = {}


def mutation(function: Mutation) -> Mutation:
    MUTATIONS[function.__name__.replace("_", "-")] = function
    return function


def decided_by(patch: pytest.MonkeyPatch, change: Callable[..., Decision]) -> None:
    """Let another function decide; it is given the arguments of ``decide``."""

    def changed(
        record: Record | None,
        attempt: Attempt,
        policy: Policy,
        remote: RemoteState | None = None,
        *,
        cause: OruxError | None = None,
    ) -> Decision:
        return change(record, attempt, policy, remote, cause)

    patch.setattr(durable_ledger, "decide", changed)


# -- the intent ------------------------------------------------------------------------------------------------
@mutation
def no_intent(patch: pytest.MonkeyPatch) -> None:
    """No intent is written before the request leaves."""
    patch.setattr(TaskStateStore, "write_intent", lambda self, record: None)


@mutation
def post_before_intent(patch: pytest.MonkeyPatch) -> None:
    """The intent is written once the answer is there."""
    intents: dict[int, Record] = {}
    write_intent, write = TaskStateStore.write_intent, TaskStateStore.write

    def later(self: TaskStateStore, record: Record) -> None:
        intents[id(self)] = record

    def both(self: TaskStateStore, record: Record, *, patience: float | None = None) -> None:
        if (intent := intents.pop(id(self), None)) is not None:
            write_intent(self, intent)
        write(self, record, patience=patience)

    patch.setattr(TaskStateStore, "write_intent", later)
    patch.setattr(TaskStateStore, "write", both)


@mutation
def intent_swallowed(patch: pytest.MonkeyPatch) -> None:
    """An intent that cannot be written is passed over, and the request is sent all the same."""
    write = TaskStateStore.write_intent

    def write_intent(self: TaskStateStore, record: Record) -> None:
        with contextlib.suppress(LedgerError):
            write(self, record)

    patch.setattr(TaskStateStore, "write_intent", write_intent)


@mutation
def fence_gone(patch: pytest.MonkeyPatch) -> None:
    """A stale worker, whose write of the intent is refused because the task instance has another id, pays."""
    write = TaskStateStore.write_intent

    def write_intent(self: TaskStateStore, record: Record) -> None:
        try:
            write(self, record)
        except LedgerError as e:
            if "404" not in str(e.__cause__):
                raise

    patch.setattr(TaskStateStore, "write_intent", write_intent)


@mutation
def first_none_believed(patch: pytest.MonkeyPatch) -> None:
    """ "No record" is believed at once: no second key, no second read."""
    patch.setattr(TaskStateStore, "read", TaskStateStore.glance)


@mutation
def intent_resubmitted(patch: pytest.MonkeyPatch) -> None:
    """A submission without a known answer is sent again as if there had been none."""

    def change(record: Record | None, *more: Any) -> Decision:
        if record is not None and record.state is State.INTENT:
            return Decision(Action.SUBMIT, "broken")
        return decide(record, *more[:-1], cause=more[-1])

    decided_by(patch, change)


@mutation
def resent_under_a_fresh_key(patch: pytest.MonkeyPatch) -> None:
    """What is sent again gets an id of its own, and with it another idempotency key."""
    submission_id = Ledger.submission_id

    def fresh(self: Ledger, decision: Decision) -> str:
        return submission_id(self, replace(decision, action=Action.SUBMIT))

    patch.setattr(Ledger, "submission_id", fresh)


@mutation
def other_account_resent(patch: pytest.MonkeyPatch) -> None:
    """An idempotency key is relied on under another account."""

    def change(record: Record | None, attempt: Attempt, *more: Any) -> Decision:
        if record is not None:
            attempt = replace(attempt, account=record.account)
        return decide(record, attempt, *more[:-1], cause=more[-1])

    decided_by(patch, change)


@mutation
def resend_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The client is not told that a key was sent before: it does not look for the other form of the request."""
    submit = GatewayClient.submit
    patch.setattr(
        GatewayClient,
        "submit",
        lambda self, request, **more: submit(self, request, **{**more, "resend": False}),
    )


# -- the answer ------------------------------------------------------------------------------------------------
@mutation
def id_not_written(patch: pytest.MonkeyPatch) -> None:
    """The job id of an accepted submission does not reach the ledger."""
    patch.setattr(Ledger, "accept", lambda self, job: None)


@mutation
def id_written_once(patch: pytest.MonkeyPatch) -> None:
    """The job id is not written again when the store does not take it, and nobody is told."""
    accept = Ledger.accept

    def accepted(self: Ledger, job: Job) -> None:
        with contextlib.suppress(LedgerError):
            accept(self, job)

    patch.setattr(Ledger, "accept", accepted)


@mutation
def other_job_written(patch: pytest.MonkeyPatch) -> None:
    """The ledger holds the id of another job."""
    write = TaskStateStore.write

    def wrong(self: TaskStateStore, record: Record, *, patience: float | None = None) -> None:
        if record.state is State.SUBMITTED and record.job_id is not None:
            last = "0" if record.job_id[-1] != "0" else "1"
            record = record.changed(job_id=record.job_id[:-1] + last)
        write(self, record, patience=patience)

    patch.setattr(TaskStateStore, "write", wrong)


@mutation
def answer_resent(patch: pytest.MonkeyPatch) -> None:
    """The client sends a paid request again whose answer was lost, as it may do with one that costs nothing."""
    for name in ("submit", "generate"):
        verb = getattr(GatewayClient, name)

        def twice(self: GatewayClient, *args: Any, _verb: Any = verb, **more: Any) -> Job:
            try:
                return _verb(self, *args, **more)
            except AmbiguousSubmitError:
                return _verb(self, *args, **more)

        patch.setattr(GatewayClient, name, twice)


@mutation
def withdrawn_without_proof(patch: pytest.MonkeyPatch) -> None:
    """The intent is taken back although the error does not prove that nothing was accepted."""
    for name in ("submit", "generate"):
        verb = getattr(GatewayClient, name)

        def proven(self: GatewayClient, *args: Any, _verb: Any = verb, **more: Any) -> Job:
            try:
                return _verb(self, *args, **more)
            except AmbiguousSubmitError as e:
                e.charged, e.final = "no", False
                raise

        patch.setattr(GatewayClient, name, proven)


@mutation
def failure_is_refusal(patch: pytest.MonkeyPatch) -> None:
    """A 5xx is taken for a proof that nothing was accepted."""
    proves = Gateway.is_definite_refusal
    patch.setattr(
        Gateway,
        "is_definite_refusal",
        lambda self, response, error: response.status >= 500 or proves(self, response, error),
    )


@mutation
def refusal_ambiguous(patch: pytest.MonkeyPatch) -> None:
    """YEScale: HTTP 200 with a code that accepts nothing is not believed, and a person is asked."""
    from airflow_provider_orux.gateways.yescale.family import JobFamily

    refused = JobFamily.refused

    def unproven(self: Any, *args: Any) -> OruxError:
        error = refused(self, *args)
        error.charged = "unknown"
        return error

    patch.setattr(JobFamily, "refused", unproven)


@mutation
def withdrawn_to_nothing(patch: pytest.MonkeyPatch) -> None:
    """A refusal takes away what stood before the intent, too."""

    def withdraw(self: Ledger) -> None:
        before, self.record = self.record, None
        if before is not None and self.durable:
            self._store.remove()  # type: ignore[union-attr]

    patch.setattr(Ledger, "withdraw", withdraw)


# -- the next attempt ------------------------------------------------------------------------------------------
@mutation
def clear_does_not_look(patch: pytest.MonkeyPatch) -> None:
    """A clear of a task with a submitted job pays again without a look at the job."""

    def change(record: Record | None, attempt: Attempt, *more: Any) -> Decision:
        decision = decide(record, attempt, *more[:-1], cause=more[-1])
        if record is not None and decision.action is Action.CHECK and record.max_tries != attempt.max_tries:
            return Decision(Action.SUBMIT, "broken")
        return decision

    decided_by(patch, change)


@mutation
def unknown_is_failed(patch: pytest.MonkeyPatch) -> None:
    """A job that the gateway does not tell about is taken for one that failed."""

    def change(record: Any, attempt: Any, policy: Any, remote: Any, cause: Any) -> Decision:
        if remote is RemoteState.UNKNOWN:
            remote = RemoteState.FAILED
        return decide(record, attempt, policy, remote, cause=cause)

    decided_by(patch, change)


@mutation
def modal_is_failed(patch: pytest.MonkeyPatch) -> None:
    """YEScale: a job that waits for a click is taken for one that failed."""
    from airflow_provider_orux.gateways import answers

    patch.setattr(answers, "STATUS_WORDS", {**answers.STATUS_WORDS, "MODAL": JobStatus.FAILED})


@mutation
def default_retry_pays(patch: pytest.MonkeyPatch) -> None:
    """A retry that the author did not ask for pays for a new job after one failed."""
    init = Ledger.__init__

    def paying(self: Ledger, store: Any, *, policy: Policy, **more: Any) -> None:
        init(self, store, policy=replace(policy, paying_retries=True), **more)

    patch.setattr(Ledger, "__init__", paying)


@mutation
def elsewhere_ignored(patch: pytest.MonkeyPatch) -> None:
    """A record of another connection is taken for one of today's."""

    def change(record: Record | None, attempt: Attempt, *more: Any) -> Decision:
        if record is not None:
            attempt = replace(attempt, conn_id=record.conn_id, host=record.host)
        return decide(record, attempt, *more[:-1], cause=more[-1])

    decided_by(patch, change)


@mutation
def deadline_not_renewed(patch: pytest.MonkeyPatch) -> None:
    """A clear that reattaches keeps the deadline of the first run."""
    reattach = Ledger.reattach

    def kept(self: Ledger) -> Record:
        before = self.record
        record = reattach(self)
        self.record = record.changed(updated_at=before.updated_at) if before is not None else record
        return self.record

    patch.setattr(Ledger, "reattach", kept)


@mutation
def earlier_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A submission that is superseded leaves the record, and with it what it cost."""

    def superseded(self: Record, *, at: float, job: object = None) -> tuple[Superseded, ...]:
        return ()

    patch.setattr(Record, "superseded", superseded)


# -- the result ------------------------------------------------------------------------------------------------
@mutation
def finished_not_written(patch: pytest.MonkeyPatch) -> None:
    """The result is returned, and the ledger does not say that it is there."""
    patch.setattr(Ledger, "finish", lambda self, result, **more: None)


@mutation
def finished_is_delivered(patch: pytest.MonkeyPatch) -> None:
    """A result is marked as delivered as soon as we hold it."""
    write = TaskStateStore.write

    def early(self: TaskStateStore, record: Record, *, patience: float | None = None) -> None:
        write(self, record.changed(delivered=record.state is State.FINISHED), patience=patience)

    patch.setattr(TaskStateStore, "write", early)


@mutation
def airflow_not_asked(patch: pytest.MonkeyPatch) -> None:
    """The success callback believes the worker: it marks also what Airflow took for a failure."""

    def on_success(context: Any) -> None:
        store = TaskStateStore(context["task_state_store"], log=delivered.log)
        with contextlib.suppress(LedgerError):
            delivered.mark(store, max_tries=context["ti"].max_tries)

    patch.setattr(delivered, "on_success", on_success)


@mutation
def never_delivered(patch: pytest.MonkeyPatch) -> None:
    """Nothing is ever marked, so no clear gets a new result."""
    patch.setattr(delivered, "mark", lambda store, *, max_tries: False)


@mutation
def undelivered_is_paid_again(patch: pytest.MonkeyPatch) -> None:
    """A clear of a result that Airflow knew nothing of pays for another one."""

    def change(record: Record | None, *more: Any) -> Decision:
        if record is not None and record.state is State.FINISHED:
            record = record.changed(delivered=True)
        return decide(record, *more[:-1], cause=more[-1])

    decided_by(patch, change)


@mutation
def delivered_is_returned(patch: pytest.MonkeyPatch) -> None:
    """A clear of a delivered result returns it once more."""

    def change(record: Record | None, *more: Any) -> Decision:
        if record is not None and record.state is State.FINISHED:
            record = record.changed(delivered=False)
        return decide(record, *more[:-1], cause=more[-1])

    decided_by(patch, change)


@mutation
def error_untyped(patch: pytest.MonkeyPatch) -> None:
    """An error leaves the task as it is, and Airflow does not know whether to use a retry."""
    from airflow_provider_orux.operators import base

    def as_it_is(error: OruxError, log: logging.Logger) -> None:
        raise error

    patch.setattr(base, "raise_for_airflow", as_it_is)
