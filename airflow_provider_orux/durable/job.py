"""``DurableJob``: one paid job, from the ledger's record to the result, whatever died in between.

What may be done is decided in ``lifecycle/ledger.py``; here it is carried out. It knows no operator and never defers:
settings come in as values, steps go out as values (:class:`Wait`, :class:`Finished`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_orux.durable.delivery import Delivery, is_result
from airflow_provider_orux.durable.ledger import Ledger
from airflow_provider_orux.durable.refused import after_failed_submission, falls_back
from airflow_provider_orux.durable.reuse import ResultStore, reuse_key_of
from airflow_provider_orux.durable.unrecorded import gone, unfinished, unrecorded
from airflow_provider_orux.durable.waiting import raise_unless_succeeded, read_event
from airflow_provider_orux.lifecycle import advice
from airflow_provider_orux.lifecycle.ledger import Action, Decision, RemoteState
from airflow_provider_orux.lifecycle.polling import Wait, timed_out
from airflow_provider_orux.lifecycle.record import Record
from airflow_provider_orux.metrics import count
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    AuthenticationError,
    InvalidRequestError,
    JobExpiredError,
    JobNotFoundError,
    LedgerError,
    OruxError,
    RateLimitedError,
    Remedy,
    UnexpectedResponseError,
)
from airflow_provider_orux.models.job import Job, JobStatus
from airflow_provider_orux.models.requests import GenerationRequest

if TYPE_CHECKING:
    from airflow_provider_orux.client.sync import GatewayClient


@dataclass(frozen=True)
class Finished:
    """The task has its result."""

    result: dict[str, Any]


class DurableJob:
    """One paid job of one task instance.

    :param request: what is asked for.
    :param client: the gateway.
    :param ledger: the record of the task instance.
    :param delivery: what becomes of an ended job.
    :param timeout: seconds to wait for the job, from its acceptance.
    :param poll_interval: seconds between polls; None: the schedule decides.
    :param wait_for_completion: False: the result is the job id, as soon as it is known.
    :param results: where earlier results of the same request are found (``reuse="always"``).
    :param cancel: cancels a job whose task is being killed, and returns whether it did.
    :param may_fall_back: whether the other route may be tried where the gateway refuses this one: nobody chose it.
    """

    def __init__(
        self,
        request: GenerationRequest,
        *,
        client: GatewayClient,
        ledger: Ledger,
        delivery: Delivery,
        log: Any,
        timeout: float,
        poll_interval: float | None = None,
        wait_for_completion: bool = True,
        results: ResultStore | None = None,
        may_fall_back: bool = False,
        cancel: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.request = request
        self.client = client
        self.gateway = client.gateway
        self.ledger = ledger
        self.delivery = delivery
        #: The job of this attempt, as soon as an answer or the record named it.
        self.job_id: str | None = None
        #: How the recorded job is, where it is known.
        self.remote: RemoteState | None = None
        self._timeout = timeout
        self._poll_interval = poll_interval
        self._wait_for_completion = wait_for_completion
        self._results = results
        self._may_fall_back = may_fall_back
        self._cancel = cancel
        self._log = log

    # -- the steps ------------------------------------------------------------------------------------------
    def start(self) -> Wait | Finished:
        """Read the record, decide, then submit, reattach, return or fail."""
        record = self.ledger.read()
        decision, job = self.ledger.decide(), None
        if decision.action is Action.CHECK:
            self._log.info("Ledger: %s; asking the gateway how it is", decision.reason)
            decision, job = self._check_recorded()
        level = self._log.info if record is None else self._log.warning
        level("Ledger: %s (%s)", decision.action.value, decision.reason)
        if decision.error is not None:
            if isinstance(decision.error, AmbiguousSubmitError):
                count("orux.ambiguous", gateway=self.gateway.name)
            raise decision.error
        if decision.action is Action.RETURN and record is not None:
            return self._return_recorded(record)
        if decision.action is Action.REATTACH:
            return self._reattach(job)
        return self._submit(decision, superseded=job)

    def resume(self, event: Any) -> Wait | Finished:
        """The trigger fired."""
        record = self._record_after_deferral()
        job_id, job = read_event(event, job_id=record.job_id if record else None, log=self._log)
        return self.ended(job) if job is not None else self._poll_after_deferral(job_id, record)

    def resume_without_event(self) -> Wait | Finished:
        """The deferral ended without an event: take a job that succeeded, else say how it is."""
        record = self._record_after_deferral()
        job_id = record.job_id if record is not None else self.delivery.pushed_job()
        if not job_id:
            raise LedgerError("The deferral ended without an event, and no job id is known")
        return self._poll_after_deferral(job_id, record)

    def _poll_after_deferral(self, job_id: str, record: Record | None) -> Wait | Finished:
        """Take a job that ended; else wait for it again, as long as there is time."""
        self.job_id = job_id
        try:
            job = self.client.poll(job_id)
        except (JobNotFoundError, AuthenticationError, RateLimitedError) as e:
            if record is None or not self._is_tolerable(record, e):
                raise
            self._log.warning("Job %s is paid for and waited for again: %s", job_id, e.message)
            return self._wait(job_id, accepted_at=record.updated_at)
        if job.status.is_terminal:
            return self.ended(job)
        if record is not None and self._in_time(record):
            return self._wait(job_id, accepted_at=record.updated_at)
        raise timed_out(job_id, self.gateway.name)

    def ended(self, job: Job) -> Finished:
        """The job ended: deliver what it made.

        :raises JobFailedError: it failed.
        :raises ArtifactError: what it made could not be saved.
        """
        self.job_id = job.job_id
        # A synchronous result can be recovered only from the ledger.
        self.remote = None if self._synchronous else RemoteState.of(job)
        raise_unless_succeeded(job, retry_may_pay=self.ledger.policy.paying_retries)
        if not self._wait_for_completion and not self._synchronous:
            return self._finish(self.delivery.accepted(job, self.request))
        if self.delivery.saves(job) and self.gateway.forgets_jobs_after is not None:
            self.ledger.note_urls(job)
        try:
            result = self.delivery.deliver(
                job, request=self.request, repeatable=not self._synchronous, facts=self.ledger.facts()
            )
        except JobExpiredError:
            self.remote = RemoteState.EXPIRED
            raise
        record = self.ledger.record
        complete = result["manifest"] is not None and result["returned"] == len(job.artifacts)
        if self._results is not None and record is not None and record.reuse_key is not None and complete:
            self._results.remember(record.reuse_key, result)
        return self._finish(result)

    # -- submitting -----------------------------------------------------------------------------------------
    def _submit(self, decision: Decision, *, superseded: Job | None = None) -> Wait | Finished:
        synchronous = self.ledger.attempt.synchronous
        for warning in self.request.warnings():
            self._log.warning("%s", warning)
        request = self.client.resolve(self.request)
        self.delivery.check(request, waits_for_result=synchronous or self._wait_for_completion)
        request = self.delivery.read_inputs(request)
        resend, host = decision.action is Action.RESEND, self.ledger.attempt.host
        reuse_key = reuse_key_of(request, self.gateway.name, host) if self._results is not None else None
        if self._results is not None and reuse_key is not None and not resend:
            earlier = self._results.find(reuse_key, conn_id=self.delivery.storage_conn_id)
            if earlier is not None:
                return self._reuse(earlier, reuse_key)
        submission_id = self.ledger.submission_id(decision)
        # Before the intent: an upload that fails, or takes its time, leaves nothing that could have been paid for.
        request = self.client.upload(request, key=submission_id)
        # If this fails, nothing is sent: a worker that Airflow replaced fails here, its ti.id being stale (the fence).
        # From here on a death leaves an ambiguous submission.
        self.ledger.intend(decision, submission_id, reuse_key=reuse_key, superseded=superseded)
        self.remote = None
        will_save = bool(self.delivery.save_to)
        if resend and (now := self.ledger.decide()).action is not Action.RESEND:
            # What came before took its time, and the gateway's memory of the key has ended meanwhile.
            raise now.error or AmbiguousSubmitError("The idempotency key has become too old to send again")
        try:
            if synchronous:
                job = self.client.generate(request, submission_id=submission_id, will_save=will_save)
            else:
                job = self.client.submit(
                    request, idempotency_key=submission_id, will_save=will_save, resend=resend
                )
        except OruxError as e:
            if (error := after_failed_submission(e, self.ledger, resend=resend)) is not e:
                raise error from e
            if not (self._may_fall_back and falls_back(e, self.ledger, self.gateway, self.request)):
                raise
            job, why = None, self.delivery.private(e.message, self.request)
            self._log.warning(
                "Nothing was accepted (%s). Asking the synchronous endpoint once: it holds a worker", why
            )
        if job is None:
            self.ledger.attempt = replace(self.ledger.attempt, synchronous=True)
            return self._submit(decision, superseded=superseded)
        # The ledger first: no log line, metric or callback may come between the answer and this write.
        self.job_id = job.job_id
        try:
            self.ledger.accept(job)
        except LedgerError as e:
            raise unrecorded(job, e, request=self.request, ledger=self.ledger, delivery=self.delivery) from e
        count("orux.submissions", gateway=self.gateway.name)
        self._log.info("%s accepted %s as %s", self.gateway.title, self.request.display_name, job.called)
        self.delivery.push_job(job.job_id, request=self.request, record=self.ledger.record)
        return self.ended(job) if synchronous else self._wait(job.job_id)

    # -- an earlier result ----------------------------------------------------------------------------------
    def _reuse(self, earlier: dict[str, Any], reuse_key: str) -> Finished:
        self.ledger.finish(earlier, reuse_key=reuse_key)
        count("orux.reused", gateway=self.gateway.name)
        self._log.info(
            "Reused job %s: the same request was paid for before; %s",
            earlier.get("job_id"),
            earlier["reused_from"],
        )
        self.delivery.hand_over(earlier, request=self.request, record=self.ledger.record)
        return Finished(earlier)

    def _return_recorded(self, record: Record) -> Finished:
        result = dict(record.result or {})
        self.job_id = record.job_id
        if not is_result(result):
            raise LedgerError(
                "The result in the ledger cannot be read", job_id=record.job_id, remedy=Remedy.DISCARD
            )
        self.delivery.hand_over(result, request=self.request, record=record)
        if not record.delivered:
            self._log.warning("%s", advice.returned_undelivered(record, self.ledger.policy))
        return Finished(result)

    # -- continuing with a job ------------------------------------------------------------------------------
    def _check_recorded(self) -> tuple[Decision, Job | None]:
        """Ask the gateway about the recorded job, then decide again."""
        job: Job | None = None
        cause: OruxError | None = None
        self.job_id = self._recorded.job_id
        try:
            job = self._recorded_job()
            self.remote = RemoteState.of(job)
        except JobExpiredError as e:
            self.remote, cause = RemoteState.EXPIRED, e
        except (JobNotFoundError, UnexpectedResponseError, InvalidRequestError) as e:
            if self._is_tolerable(self._recorded, e):
                self.remote = RemoteState.ALIVE
            else:
                self.remote, cause = RemoteState.UNKNOWN, e
        except AuthenticationError as e:
            # It is paid for: wait for it as if the key had been refused a moment later (auth_grace).
            self._log.warning("Job %s is paid for; the key is refused: %s", self._recorded.job_id, e.message)
            self.remote = RemoteState.ALIVE
        return self.ledger.decide(self.remote, cause=cause), job

    def _recorded_job(self) -> Job:
        """The recorded job as it is now."""
        record = self._recorded
        if not record.synchronous:
            try:
                return self.client.poll(str(record.job_id))
            except JobNotFoundError:
                if record.result is None:
                    raise
                # The gateway forgot the job; its URLs, noted when it ended, may live on.
        elif record.result is None:
            raise JobExpiredError("its images were inside the answer and died with the process")
        try:
            return Job.from_dict(record.result)
        except ValueError as e:
            raise LedgerError(f"The job in the ledger cannot be read: {e}", job_id=record.job_id) from e

    def _is_tolerable(self, record: Record, error: OruxError) -> bool:
        """Whether to keep waiting for the paid job after this poll error: a key may be put right (``auth_grace``), a
        full gateway has room again, and "unknown" may be said of a job that was accepted a moment ago.
        """
        if isinstance(error, (AuthenticationError, RateLimitedError)):
            return self._in_time(record)
        fresh = self.ledger.now() < record.updated_at + self.gateway.not_found_grace
        return fresh and isinstance(error, JobNotFoundError)

    def _in_time(self, record: Record) -> bool:
        return self.ledger.now() < record.updated_at + self._timeout

    def _reattach(self, job: Job | None) -> Wait | Finished:
        record = self.ledger.reattach()
        job_id = self.job_id = str(record.job_id)
        count("orux.reattached", gateway=self.gateway.name)
        self.delivery.push_job(job_id, request=self.request, record=record)
        if record.synchronous and job is None:
            job = self._recorded_job()  # it was settled: nobody looked at it yet
        if job is not None and job.status.is_terminal:
            return self.ended(job)
        if self._wait_for_completion and not self._in_time(record):
            raise timed_out(job_id, self.gateway.name)
        return self._wait(job_id, accepted_at=record.updated_at)

    def _record_after_deferral(self) -> Record | None:
        if not self.ledger.durable:
            return None
        record = self.ledger.read()
        if record is None or record.job_id is None:
            raise gone()
        self.job_id = record.job_id
        return record

    # -- the end --------------------------------------------------------------------------------------------
    def _wait(self, job_id: str, *, accepted_at: float | None = None) -> Wait | Finished:
        if not self._wait_for_completion:
            job = Job(job_id, JobStatus.QUEUED, self.gateway.name, model=self.request.model_id)
            return self._finish(self.delivery.accepted(job, self.request))
        if accepted_at is None:
            accepted_at = self.ledger.record.updated_at if self.ledger.record else self.ledger.now()
        return Wait(
            job_id,
            deadline=accepted_at + self._timeout,
            started=accepted_at,
            poll_interval=self._poll_interval,
            kind=f"{self.request.model_id}:{self.request.verb}"[:100],
            push_urls=self.delivery.tells_the_trigger,
        )

    def _finish(self, result: dict[str, Any]) -> Finished:
        record = self.ledger.record
        try:
            self.ledger.finish(result)
        except LedgerError as e:
            if record is not None and record.synchronous and record.result is None:
                raise unfinished(result, e, self.ledger) from e
            raise
        self.delivery.hand_over(result, request=self.request, record=record)
        return Finished(result)

    @property
    def _synchronous(self) -> bool:
        """Of the job, once there is one: the route may change between two tries."""
        record = self.ledger.record
        return record.synchronous if record is not None and record.job_id else self.ledger.attempt.synchronous

    @property
    def _recorded(self) -> Record:
        if self.ledger.record is None or self.ledger.record.job_id is None:
            raise LedgerError("The ledger record names no job")
        return self.ledger.record

    # -- what to tell ---------------------------------------------------------------------------------------
    def complete(self, error: OruxError) -> None:
        """Complete an error that leaves the task: what to do, what a retry does, what a clear does."""
        error.message = self.delivery.private(error.message, self.request)
        self._situation().complete(error)
        self.delivery.push_error(error, record=self.ledger.record)

    def on_kill(self) -> str | None:
        """What is true of the paid submission while the task is killed; None: there is none."""
        going = self.remote in (None, RemoteState.ALIVE, RemoteState.UNKNOWN) and not self._synchronous
        if self.job_id is not None and going and self._cancel(self.job_id):
            self.remote = RemoteState.FAILED
        return self._situation().on_kill()

    def _situation(self) -> advice.Situation:
        ledger = self.ledger
        return advice.Situation(
            attempt=ledger.attempt,
            policy=ledger.policy,
            record=ledger.record,
            record_known=ledger.is_read,
            job_id=self.job_id,
            remote=self.remote,
            not_withdrawn=ledger.not_withdrawn,
            durable=ledger.durable,
            retries_left=ledger.identity.try_number <= ledger.identity.max_tries,
            answer_patience=self.client.settings.answer_patience(synchronous=self._synchronous),
            gateway_title=self.gateway.title,
            job_id_placeholder=self.gateway.job_id_placeholder(self.request),
            command=ledger.identity.command,
        )
