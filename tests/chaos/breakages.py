"""Deliberate defects of the provider, one at a time: what the checker must be able to see.

``python -m tests.chaos --break NAME`` carries schedules out with one of them. Each is a patch in the process of the
schedules (nothing on disk changes), made before the named places of ``tests/crash/points.py`` are wrapped around the
product, so that a broken method still tells where it is. ``test_mutations.py`` asserts that they are caught: a checker
that passes a broken provider proves nothing about a whole one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_orux.operators.ledger_store import LedgerStore
from airflow_provider_orux.operators.submission import Submission

from airflow_provider_orux.gateways.wire import HttpResponse
from airflow_provider_orux.lifecycle import ledger
from airflow_provider_orux.lifecycle.ledger import (
    RECORD_KEY,
    Action,
    Decision,
    Now,
    Policy,
    Record,
    Remote,
    State,
)
from airflow_provider_orux.models.errors import AmbiguousSubmitError, LedgerError, OruxError
from airflow_provider_orux.models.job import JobStatus
from airflow_provider_orux.operators import submission
from tests.chaos.airflow_model import NotFound


def intent_swallowed() -> None:
    """An intent that cannot be written is passed over, and the request is sent all the same."""
    write = LedgerStore.write_intent

    def write_intent(self: LedgerStore, record: Record) -> None:
        with contextlib.suppress(LedgerError):
            write(self, record)

    LedgerStore.write_intent = write_intent  # type: ignore[method-assign]


def fence_gone() -> None:
    """A stale worker, whose write of the intent is refused because the task instance has another id, pays."""
    write = LedgerStore.write_intent

    def write_intent(self: LedgerStore, record: Record) -> None:
        try:
            write(self, record)
        except LedgerError as e:
            if not isinstance(e.__cause__, NotFound):
                raise

    LedgerStore.write_intent = write_intent  # type: ignore[method-assign]


def intent_resubmitted() -> None:
    """A submission without a known answer is sent again as if there had been none."""
    ledger._decide_intent = lambda *_: Decision(Action.SUBMIT, "broken")


def first_none_believed() -> None:
    """ "No record" is believed at once: no probe key, no second read."""

    def read(self: LedgerStore) -> Record | None:
        value = self._get(RECORD_KEY)
        return None if value is None else Record.from_json(value)

    LedgerStore.read = read  # type: ignore[method-assign]


def ambiguous_forgotten() -> None:
    """The intent is taken back although the error does not prove that nothing was accepted."""
    submit = Submission._submit

    def _submit(self: Submission, *, resubmits: int, again: bool) -> dict[str, Any]:
        try:
            return submit(self, resubmits=resubmits, again=again)
        except AmbiguousSubmitError as e:
            self._nothing_accepted(e)
            raise

    Submission._submit = _submit  # type: ignore[method-assign]


def clear_resubmits() -> None:
    """A clear of a task with a submitted job pays again without a look at the job."""

    def decide(record: Record | None, now: Now, *more: Any) -> Decision:
        decision = ledger.decide(record, now, *more)
        if record is not None and decision.action is Action.LOOK and record.epoch != now.epoch:
            return Decision(Action.SUBMIT, "broken")
        return decision

    submission.decide = decide  # type: ignore[attr-defined,assignment]


def id_not_written() -> None:
    """The job id of an accepted submission does not reach the ledger."""
    Submission._write_submitted = lambda *_: None  # type: ignore[method-assign]


def answer_resent() -> None:
    """The client sends a paid request again whose answer was lost, as it may do with one that costs nothing."""
    from airflow_provider_orux.client.flow import Calls

    pay = Calls._pay

    def _pay(self: Calls, *args: Any, **kwargs: Any) -> Any:
        return pay(self, *args, **{**kwargs, "repeatable": True})

    Calls._pay = _pay  # type: ignore[method-assign]


def finished_not_written() -> None:
    """The result is returned, and the ledger does not say that it is there."""
    finish = Submission._finish

    def _finish(self: Submission, job: Any, result: dict[str, Any]) -> dict[str, Any]:
        kept, self.store = self.store, None
        try:
            return finish(self, job, result)
        finally:
            self.store = kept

    Submission._finish = _finish  # type: ignore[method-assign]


def failure_is_refusal() -> None:
    """A 5xx is taken for a proof that nothing was accepted."""
    from airflow_provider_orux.gateways import base

    base.NOTHING_ACCEPTED |= frozenset(range(500, 600))


def other_job_saved() -> None:
    """What is saved and recorded as finished bears the id of another job."""
    write = LedgerStore.write

    def _write(self: LedgerStore, record: Record) -> None:
        if record.state is State.SUBMITTED and record.job_id is not None:
            record = replace(record, job_id=record.job_id[:-1] + ("0" if record.job_id[-1] != "0" else "1"))
        write(self, record)

    LedgerStore.write = _write  # type: ignore[method-assign]


def unknown_resubmitted() -> None:
    """A job that the gateway does not tell about is taken for one that failed."""
    submitted = ledger._decide_submitted

    def _decide_submitted(
        record: Record, now: Now, policy: Policy, remote: Remote, *, new_epoch: bool, changed: bool
    ) -> Decision:
        if remote is Remote.UNKNOWN:
            remote = Remote.FAILED
        return submitted(record, now, policy, remote, new_epoch=new_epoch, changed=changed)

    ledger._decide_submitted = _decide_submitted


def modal_failed() -> None:
    """YEScale: a job that waits for a click is taken for one that failed."""
    from airflow_provider_orux.gateways.yescale.midjourney import Midjourney

    Midjourney.statuses = {**Midjourney.statuses, "MODAL": JobStatus.FAILED}


def refusal_ambiguous() -> None:
    """YEScale: HTTP 200 with a code that accepts nothing is not believed, and a person is asked."""
    from airflow_provider_orux.gateways.yescale.reading import JobFamily

    refused = JobFamily.refused

    def _refused(self: JobFamily, value: Mapping[str, Any], response: HttpResponse) -> OruxError:
        error = refused(self, value, response)
        error.charged = "unknown"
        return error

    JobFamily.refused = _refused  # type: ignore[method-assign]


BREAKAGES: Mapping[str, Callable[[], None]] = {
    f.__name__.replace("_", "-"): f
    for f in (
        intent_swallowed,
        fence_gone,
        intent_resubmitted,
        first_none_believed,
        ambiguous_forgotten,
        clear_resubmits,
        id_not_written,
        answer_resent,
        finished_not_written,
        failure_is_refusal,
        other_job_saved,
        unknown_resubmitted,
        modal_failed,
        refusal_ambiguous,
    )
}
