"""What an error of a task ends with: what to do, and what a retry and a clear of the task will do.

This module holds the only sentences about retries and clears. Nobody writes them by hand for one error: they are asked
from the decision table (:func:`~airflow_provider_orux.lifecycle.ledger.decide`), with the record as it is and the
task's own settings.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from airflow_provider_orux.lifecycle.ledger import (
    Action,
    Attempt,
    Decision,
    Policy,
    RemoteState,
    decide,
)
from airflow_provider_orux.lifecycle.record import Record, State
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    ArtifactURLExpiredError,
    IdempotencyKeyReusedError,
    JobFailedError,
    LedgerError,
    OruxError,
    Remedy,
)
from airflow_provider_orux.models.job import Job

_WORDS = {
    Action.SUBMIT: "submits a new job, which is charged",
    Action.RESEND: "sends the same submission again under its idempotency key, which is not charged twice",
    Action.REATTACH: "continues with the recorded job and pays nothing",
    Action.RETURN: "returns the recorded result and pays nothing",
    Action.FAIL: "fails and pays nothing",
}
_CASES = {
    RemoteState.ALIVE: "is running or has succeeded",
    RemoteState.FAILED: "has failed and another try may help",
    RemoteState.FAILED_FINALLY: "has failed and another try cannot help",
    RemoteState.EXPIRED: "has expired",
}
_CHANGED = "(A clear pays for a new job if the request has changed by then.)"
NO_RETRY = "No retry is used."
NO_RETRY_LEFT = "No retry is left."
NO_RETRY_PAYS = (
    "No retry is used: it would pay for a new job, and this task's retries are free. Set `retries` (or "
    "free_retries=False) if they may pay."
)


@dataclass(frozen=True)
class Situation:
    """Where a paying task stands when it fails or is killed.

    :param attempt: the attempt that is running.
    :param record: the ledger's record; None: there is none.
    :param record_known: whether the ledger was read at all.
    :param job_id: the job of this attempt, once the gateway named it; the ledger may not know it yet.
    :param remote: how the recorded job is, where it is known.
    :param not_withdrawn: why the intent of a submission that was provably refused still stands; None: none does.
    :param durable: whether there is a ledger.
    :param retries_left: whether Airflow would start another try.
    :param answer_patience: seconds for which the answer to a request that was sent may still come.
    :param gateway_title: the vendor's name, for people.
    :param job_id_placeholder: what stands for the job id in a command that a person completes.
    :param command: the ``ledger`` command of this task instance: ``command("settle", job_id=…, urls=[…])``.
    """

    attempt: Attempt
    policy: Policy
    record: Record | None
    record_known: bool
    job_id: str | None
    remote: RemoteState | None
    not_withdrawn: str | None
    durable: bool
    retries_left: bool
    answer_patience: float
    gateway_title: str
    job_id_placeholder: str
    command: Callable[..., str]

    def retry(self) -> str:
        """What a retry does: "continues with …"."""
        return self._next(replace(self.attempt, at=time.time()))

    def clear(self) -> str:
        """What a clear does."""
        return self._next(replace(self.attempt, at=time.time()).after_clear())

    def clear_of_changed(self) -> list[str]:
        """That a clear pays where its request is another by then, though it pays nothing for the same one."""
        same = replace(self.attempt, at=time.time()).after_clear()
        changed = replace(same, fingerprint="changed")
        record = self.record if self.durable else None
        remote = _seen(record, self.remote) or RemoteState.ALIVE

        def pays(attempt: Attempt) -> bool:
            return decide(record, attempt, self.policy, remote).action is Action.SUBMIT

        return [_CHANGED] if pays(changed) and not pays(same) else []

    def _next(self, attempt: Attempt) -> str:
        return next_attempt(self.record if self.durable else None, attempt, self.policy, remote=self.remote)

    def complete(self, error: OruxError) -> None:
        """Complete an error that leaves a paying task: its gateway, its job, and what comes next."""
        error.gateway = error.gateway or self.attempt.gateway
        error.job_id = error.job_id or self.job_id
        if (
            error.charged == "no"
            and self.durable
            and self.record is not None
            and self.record.state is State.INTENT
            and self.not_withdrawn is None
        ):
            # Nothing was sent now; what an earlier attempt sent may have been accepted.
            error.charged = "unknown"
        if isinstance(error, LedgerError) and not error.final:
            return  # the ledger cannot be reached, so what it holds is not known
        error.next_step = " ".join(part for part in (error.advice, *self._remedy(error)) if part)
        error.outlook = "\n".join(self._outlook(error))

    def _remedy(self, error: OruxError) -> list[str]:
        if not self.durable:
            return []
        discard, job_id = f"`{self.command('discard')}`", error.job_id or self.job_id_placeholder
        if isinstance(error, IdempotencyKeyReusedError):
            settle = f"`{self.command('settle', job_id=job_id)}`"
            return [
                "If that is not possible, look at the gateway. If it has the job, settle the submission; if not, "
                f"discard it. Then clear the task.\n{settle}\n{discard}"
            ]
        if isinstance(error, AmbiguousSubmitError):
            return [self._ambiguous(job_id)] if error.final else []
        if isinstance(error, ArtifactURLExpiredError) and self.record and self.record.synchronous:
            settle = f"`{self.command('settle', urls=['URL'])} --force`"
            return [
                "A synchronous generation has no job to ask for a fresh URL. If the gateway's own page shows the "
                f"image, settle the submission; if not, discard it. Then clear the task.\n{settle}\n{discard}"
            ]
        if self.not_withdrawn is not None and self.record is not None:
            if (
                decide(self.record, replace(self.attempt, at=time.time()), self.policy).action
                is not Action.FAIL
            ):
                return []
            return [
                f"The ledger still holds this submission as sent, because it could not be changed "
                f"({self.not_withdrawn}). "
                f"Discard it (refused until {self._answered_by()}), then clear the task.\n{discard}"
            ]
        if error.remedy is Remedy.DISCARD:
            return [
                "To give that submission up, discard it, then clear the task: it submits a new job, which is charged."
                f"\n{discard}"
            ]
        return []

    def _outlook(self, error: OruxError) -> list[str]:
        if not self.record_known:
            return [NO_RETRY] if error.final else []
        retry, clear = self.retry(), self.clear()
        # Nothing was accepted: what was wrong is put right first.
        then = " then" if self.durable and self.record is None and error.next_step else ""
        if error.final:
            said = [NO_RETRY_PAYS if self._is_free(error) else NO_RETRY]
        elif not self.retries_left:
            said = [NO_RETRY_LEFT]
        elif retry == clear:
            said = [f"A retry or a clear of the task{then} {clear}."]
            return [*said, *self.clear_of_changed(), *self._forgotten(error)]
        else:
            said = [f"A retry {retry}."]
        said.append(f"A clear of the task{then} {clear}.")
        return [*said, *self.clear_of_changed(), *self._forgotten(error)]

    def _is_free(self, error: OruxError) -> bool:
        """Whether another job may succeed, and only the author's word is missing for a retry to pay for it."""
        paying = replace(self.policy, paying_retries=True)
        return (
            isinstance(error, JobFailedError)
            and self.remote is RemoteState.FAILED
            and self.retries_left
            and self.durable
            and decide(self.record, self.attempt, paying, RemoteState.FAILED).action is Action.SUBMIT
            and not self.policy.paying_retries
        )

    def _forgotten(self, error: OruxError) -> list[str]:
        """Without a ledger, only the reader of this message knows of a job that is paid for."""
        if self.durable or error.charged == "no" or isinstance(error, JobFailedError):
            return []
        if error.job_id is None:
            return ["(durable=False: the earlier submission may be charged too.)"]
        return [f"(durable=False: OruxSaveArtifactsOperator saves job {error.job_id} without a charge.)"]

    def _ambiguous(self, job_id: str) -> str:
        """How a person settles a submission whose answer never came."""
        record, command = self.record, self.command
        if record is not None and record.synchronous:
            found, settle = "it shows the image", command("settle", urls=["URL"])
        else:
            found, settle = "it has the job", command("settle", job_id=job_id)
        return (
            f"Look at the gateway. If {found}, settle the submission; if not, discard it (refused until "
            f"{self._answered_by()}, while the answer may still come). Then clear the task: once the submission is "
            f"settled, that pays nothing; once it is discarded, it submits a new job, which is charged.\n"
            f"`{settle}`\n`{command('discard')}`"
        )

    def _answered_by(self) -> str:
        """When a request that was sent is answered, or never will be."""
        sent = self.record.updated_at if self.record is not None else time.time()
        return time.strftime("%H:%M:%S UTC", time.gmtime(sent + self.answer_patience))

    def on_kill(self) -> str | None:
        """What is true of a paid submission whose task is killed now; None: nothing was sent."""
        record, job_id = self.record, self.job_id
        if job_id is not None:
            if record is not None and record.state is State.INTENT:
                return (
                    f"The task was killed. Job {job_id} was accepted and will be charged, but its id is not in the "
                    f"ledger yet. If it never gets there, run `{self.command('settle', job_id=job_id)}`, then clear "
                    "the task: it continues with that job and pays nothing."
                )
            what = _paid_for(job_id, record, self.remote)
            known = replace(self, remote=self.remote or RemoteState.ALIVE)
            told = f"The task was killed. {what}. A clear of the task {known.clear()}."
            return " ".join([told, *known.clear_of_changed()])
        if record is None or record.state is not State.INTENT:
            return None
        return (
            f"The task was killed while its request was under way. Whether {self.gateway_title} accepted it, and "
            f"charges it, is not known. A clear of the task {self.clear()}."
        )


# -- what the next attempt does --------------------------------------------------------------------------------
def next_attempt(
    record: Record | None, attempt: Attempt, policy: Policy, *, remote: RemoteState | None = None
) -> str:
    """What an attempt does with this record: "submits a new job, …".

    :param remote: how the recorded job is; None, or ``UNKNOWN`` at the gateway: each case is told.
    """
    decision = decide(record, attempt, policy)
    if record is None or decision.action is not Action.CHECK:
        return _words(decision, record)
    remote = _seen(record, remote)
    if remote is not None and (record.synchronous or remote is not RemoteState.UNKNOWN):
        return _words(decide(record, attempt, policy, remote), record)
    # What the gateway could not say once it may say the next time.
    outcomes: dict[str, list[RemoteState]] = {}
    for seen in RemoteState:
        outcomes.setdefault(_words(decide(record, attempt, policy, seen), record), []).append(seen)
    return "asks the gateway: " + "; ".join(
        f"if {_cases(seen)}, it {words}" for words, seen in outcomes.items()
    )


def _seen(record: Record | None, remote: RemoteState | None) -> RemoteState | None:
    """How the recorded job is, where that can be known without asking the gateway."""
    if remote is not None or record is None or not record.synchronous:
        return remote
    # There is no job to ask for: its URLs are in the record, or the images were in an answer that is gone.
    if record.result is None:
        return RemoteState.EXPIRED
    try:
        return RemoteState.of(Job.from_dict(record.result))
    except ValueError:
        return RemoteState.UNKNOWN


def _words(decision: Decision, record: Record | None) -> str:
    words = _WORDS[decision.action]
    if decision.action is Action.FAIL and record is not None and record.state is State.INTENT:
        words += ", until the submission is settled or discarded"
    return words


def _cases(seen: list[RemoteState]) -> str:
    cases = [_CASES[s] for s in seen if s in _CASES]
    if {RemoteState.FAILED, RemoteState.FAILED_FINALLY} <= {*seen}:
        both = (_CASES[RemoteState.FAILED], _CASES[RemoteState.FAILED_FINALLY])
        cases = ["has failed" if case == both[0] else case for case in cases if case != both[1]]
    parts = [f"the job {' or '.join(cases)}"] if cases else []
    if RemoteState.UNKNOWN in seen:
        parts.append("the gateway cannot say")
    return " or ".join(parts)


# -- errors of a paying task -----------------------------------------------------------------------------------
def complete_unread(error: OruxError, record: Record | None, *, retries_left: bool) -> None:
    """Complete an error that came before the ledger was read: this attempt sent nothing, an earlier one may have.

    :param record: None: there is none.
    """
    if record is None or record.state is State.DISCARDED:
        pays = _WORDS[Action.SUBMIT]
        then = " then" if error.advice else ""
        if not error.final and retries_left:
            error.outlook = f"A retry or a clear of the task{then} {pays}."
        else:
            error.outlook = f"{NO_RETRY if error.final else NO_RETRY_LEFT}\nA clear of the task{then} {pays}."
        return
    error.job_id = error.job_id or record.job_id
    error.charged = "yes" if record.synchronous and record.job_id else "unknown"
    what = f"job {record.job_id}" if record.job_id else "a submission without a known answer"
    cure = f"{error.advice} Then" if error.advice else "Fix the problem, then"
    error.next_step = f"{cure} clear the task: that record decides what it does."
    error.outlook = f"This attempt sent nothing; the ledger holds {what} of an earlier attempt."


def _paid_for(job_id: str, record: Record | None, remote: RemoteState | None) -> str:
    if record is not None and record.state is State.FINISHED:
        return f"The result of job {job_id} is recorded"
    if record is not None and record.synchronous:
        return f"Submission {job_id} was answered and is charged"
    if remote is None:
        return f"Job {job_id} continues at the gateway and will be charged"
    return (
        f"Job {job_id} is paid for"
        if remote is RemoteState.ALIVE
        else f"Job {job_id} had ended at the gateway"
    )


def returned_undelivered(record: Record, policy: Policy) -> str:
    """The last line of a task that returned a result of which Airflow knew nothing."""
    text = (
        f"Nothing was paid: this is the result of job {record.job_id}. An earlier attempt of this task paid for it, "
        "but Airflow did not record its success."
    )
    if policy.on_clear != "auto":
        return text
    return f"{text} To pay for a new one, clear the task once it has succeeded."


# -- errors of a task that pays nothing ------------------------------------------------------------------------
def complete_free(error: OruxError, *, submitter: str) -> None:
    """Complete an error of a task that waits for, or saves, a job that another task submitted.

    :param submitter: that task, like ``the task 'imagine'``.
    """
    if isinstance(error, JobFailedError):
        error.outlook = f"Clear {submitter} to pay for a new job."
    elif error.final:
        error.outlook = f"{NO_RETRY} A clear of this task asks the gateway again and pays nothing."
    else:
        error.outlook = "A retry or a clear of this task asks the gateway again and pays nothing."
