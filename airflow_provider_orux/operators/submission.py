"""One execution of a paying task: reads the ledger, carries out its decision, pays, waits.

What may be done is decided in ``lifecycle/ledger.py``; here it is only carried out.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

from airflow_provider_orux.lifecycle.fingerprint import fingerprint
from airflow_provider_orux.lifecycle.ledger import (
    Action,
    Decision,
    Record,
    Remote,
    State,
    decide,
)
from airflow_provider_orux.lifecycle.outlook import remote_of
from airflow_provider_orux.lifecycle.polling import timed_out
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    AuthenticationError,
    InvalidRequestError,
    JobExpiredError,
    JobNotFoundError,
    LedgerError,
    OruxError,
    UnexpectedResponseError,
)
from airflow_provider_orux.models.job import Job, JobStatus
from airflow_provider_orux.models.pictures import picture_fields
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.operators.counters import count
from airflow_provider_orux.operators.execution import Execution, nowhere_to_go
from airflow_provider_orux.operators.result import push_job
from airflow_provider_orux.operators.saving import storage_settings
from airflow_provider_orux.operators.waiting import NET_SECONDS, read_event, wait_in_worker


class Submission(Execution):
    """The way from the ledger to a job: pay for it, take it up again, wait for it."""

    # -- entry points -------------------------------------------------------------------------------------
    def run(self) -> dict[str, Any]:
        """``execute``: from the ledger to the result (or to a deferral)."""
        self.record = self.store.read() if self.store else None
        self.record_known = True
        decision = decide(self.record, self.now, self.policy)
        job: Job | None = None
        if decision.action is Action.LOOK:
            self.log.info("%s; asking how it is", _sentence(decision.reason))
            self.remote, job, cause = self._look()
            decision = decide(self.record, self.now, self.policy, self.remote)
            if decision.error is not None and cause is not None:
                decision.error.__cause__ = cause
                decision.error.message = f"{decision.error.message.rstrip('.')}: {cause.message}"
        level = self.log.info if self.record is None else self.log.warning
        level("Ledger: %s (%s)", decision.action.value, decision.reason)
        if decision.action is Action.FAIL and decision.error is not None:
            if isinstance(decision.error, AmbiguousSubmitError):
                count("orux.ambiguous", gateway=self.gateway.name)
            raise decision.error
        if decision.action is Action.RETURN and self.record is not None and self.record.result is not None:
            return self._return(dict(self.record.result))
        if decision.action is Action.REATTACH and self.record is not None:
            return self._reattach(self.record, job)
        self._check_before_paying()
        request = self._with_pictures()
        content: str | None = None
        if self.results is not None:
            content = self._content(request)
            if decision.action is Action.SUBMIT and (earlier := self._find(content)):
                return self._reuse(earlier, content)
        return self._submit_kept(request, content, decision)

    def go_on(self, event: Any) -> dict[str, Any]:
        """``resume``: the trigger fired."""
        record = self._record_after_deferral()
        job = read_event(self.hook, event, job_id=record.job_id if record else None)
        return self._ended(job)

    def look_once(self) -> dict[str, Any]:
        """The deferral ended without an event: take a job that succeeded, else say how it is."""
        record = self._record_after_deferral()
        job_id = (
            record.job_id
            if record
            else self.ti.xcom_pull(
                task_ids=self.identity.task_id, key="job_id", map_indexes=self.identity.map_index
            )
        )
        if not job_id:
            raise LedgerError("The deferral ended without an event and no job id is known")
        try:
            job = self.hook.get_job(str(job_id))
        except JobNotFoundError as e:
            if record is None or not self._not_indexed_yet(record, e):
                raise
            return self._wait(str(job_id), accepted_at=record.at)
        if job.status.is_terminal:
            return self._ended(job)
        if record is not None and time.time() < record.at + self.operator.timeout:
            return self._wait(job.job_id, accepted_at=record.at)
        raise timed_out(job.job_id, self.gateway.name)

    # -- paying -------------------------------------------------------------------------------------------
    def _check_before_paying(self) -> None:
        for warning in self.request.warnings():
            self.log.warning("%s", warning)
        save_to = self.operator.save_to
        if save_to:
            from airflow_provider_orux.storage import check_destination

            check_destination(save_to, conn_id=self.operator.storage_conn_id)
        elif self.request.makes_inline and (self.synchronous or self.operator.wait_for_completion):
            raise InvalidRequestError(
                f"The pictures of {self.request.label()} come as bytes inside the answer, and without save_to they "
                "would have nowhere to go (never into an XCom)",
                gateway=self.gateway.name,
                param="save_to",
                charged="no",
                next_step="Nothing was sent. Set save_to, or response_format='url' where the model has it.",
            )

    def _submit_kept(
        self, request: GenerationRequest, content: str | None, decision: Decision
    ) -> dict[str, Any]:
        """Submit; what will be saved, with the wish that the gateway keeps it until then, if it grants that."""
        again = decision.action is Action.RESEND
        refused = again and self.record is not None and self.record.unkept
        kept = self.gateway.keeping(request) if self.operator.save_to and not refused else request
        try:
            return self._submit(kept, content, resubmits=decision.resubmits, again=again, unkept=refused)
        except OruxError as e:
            plain = self.gateway.unkept(kept, e) if kept is not request and not again else None
            if plain is None:
                raise
            self.log.warning("%s. Sent without that wish: what it makes has to be saved in time.", e.message)
        return self._submit(plain, content, resubmits=decision.resubmits, again=False, unkept=True)

    def _submit(
        self, request: GenerationRequest, content: str | None, *, resubmits: int, again: bool, unkept: bool
    ) -> dict[str, Any]:
        at = time.time()
        if again and self.record is not None:
            local_id = self.record.local_id
            record = replace(self.record, epoch=self.now.epoch)
        else:
            local_id = self.identity.local_id(fingerprint=self.now.fingerprint, at=at, resubmits=resubmits)
            record = Record(
                state=State.INTENT,
                epoch=self.now.epoch,
                fingerprint=self.now.fingerprint,
                conn_id=self.now.conn_id,
                host=self.now.host,
                at=at,
                local_id=local_id,
                fields=self.now.fields,
                resubmits=resubmits,
                synchronous=self.synchronous,
                content=content,
                unkept=unkept,
            )
        earlier = self.record
        if self.store:
            self.store.write_intent(record)
        self.record, self.remote = record, None
        try:
            client = self.hook.get_conn()
            if self.synchronous:
                job = client.generate(request, local_id=local_id)
            else:
                job = client.submit(request, idempotency_key=local_id)
        except OruxError as e:
            if e.charged == "no" and again:
                # This sending was refused; the earlier one may have been accepted all the same. The intent stays.
                message = f"{e.message.rstrip('.')}; whether an earlier sending was accepted is not known"
                if e.final:
                    raise AmbiguousSubmitError(
                        message, gateway=e.gateway, code=e.code, http_status=e.http_status
                    ) from e
                e.charged, e.message = "unknown", message
            elif e.charged == "no":
                self._nothing_accepted(e, earlier)
            elif isinstance(e, AmbiguousSubmitError):
                count("orux.ambiguous", gateway=self.gateway.name)
                if self.store is None:
                    e.final = True  # a retry would know of nothing, and pay again
                elif (
                    self.policy.on_ambiguous_submit == "resubmit"
                    and resubmits < self.policy.max_ambiguous_resubmits
                ):
                    e.final = False
            raise
        self.job_id = job.job_id
        count("orux.submissions", gateway=self.gateway.name)
        # Before the ledger is written: should this process die while the store is away, the log is all there is.
        self.log.info(
            "%s accepted %s as job %s; it is charged%s",
            self.gateway.title,
            self.request.label(),
            job.job_id,
            "" if self.synchronous else " by the gateway's own rules",
        )
        result = job.to_dict() if self.synchronous and not job.has_inline else None
        submitted = record.with_state(State.SUBMITTED, job_id=job.job_id, at=time.time(), result=result)
        self._write_submitted(submitted, job)
        self.record = submitted
        push_job(self.ti, job_id=job.job_id, conn_id=self.operator.conn_id)
        if self.synchronous:
            return self._ended(job)
        return self._wait(job.job_id, accepted_at=submitted.at)

    def _with_pictures(self) -> GenerationRequest:
        """The request as it is sent: input pictures read. (In the fingerprint they stand as their paths.)"""
        request = self.request
        if picture_fields(type(request)):
            from airflow_provider_orux.storage.inputs import read_pictures

            request = read_pictures(
                request,
                settings=storage_settings(self.hook.connection),
                conn_id=self.operator.storage_conn_id,
            )
        return request

    def _content(self, request: GenerationRequest) -> str:
        """What ``reuse`` finds a result by: the whole request, with its pictures' bytes, whatever the host."""
        return fingerprint(
            gateway=self.gateway.name,
            host="",
            model=request.model_id,
            verb=request.verb,
            fields={**request.fields(), **request.extra_body},
        )

    def _find(self, content: str) -> dict[str, Any] | None:
        if self.results is None:
            return None
        return self.results.find(content, conn_id=self.operator.storage_conn_id)

    def _nothing_accepted(self, error: OruxError, earlier: Record | None) -> None:
        """Take the intent back: it is proven that nothing was accepted.

        :param earlier: the record before it, which holds again: an unanswered submission that this one took the place
            of (on_ambiguous_submit='resubmit'), or a job that is paid for and was not saved.
        """
        if self.store:
            try:
                if earlier is not None:
                    self.store.write(earlier)
                else:
                    self.store.remove()
            except LedgerError as e:
                self.log.error(
                    "The gateway accepted nothing (%s), but the intent in the ledger could not be removed (%s): the "
                    "next execution will call this submission ambiguous. Then run: %s",
                    error.message,
                    e.message,
                    self.identity.command("discard"),
                )
                return
        self.record = earlier

    def _write_submitted(self, record: Record, job: Job) -> None:
        if self.store is None:
            return
        try:
            self.store.write(record)
        except LedgerError as e:
            command = self._settle_command(record)
            if command is None:
                raise self._rescue(job, e) from e
            self.log.error(
                "Job %s was accepted and may be charged, but the ledger could not be written. It is NOT lost: run\n"
                "    %s\nand clear the task; it takes the job up and pays nothing.",
                record.job_id,
                command,
            )
            error = LedgerError(
                f"Job {record.job_id} was accepted, but its id could not be written to the ledger: {e.message}",
                gateway=self.gateway.name,
                job_id=record.job_id,
                next_step=f"Run `{command}` and clear the task: it takes the job up and pays nothing.",
            )
            raise error from e

    def _reuse(self, earlier: dict[str, Any], content: str) -> dict[str, Any]:
        """Return an earlier result of the same request: nothing is paid."""
        count("orux.reused", gateway=self.gateway.name)
        self.log.info(
            "Reused job %s: the same request was paid for before; %s",
            earlier.get("job_id"),
            earlier["reused_from"],
        )
        if self.store:
            self.store.write(
                Record(
                    state=State.FINISHED,
                    epoch=self.now.epoch,
                    fingerprint=self.now.fingerprint,
                    conn_id=self.now.conn_id,
                    host=self.now.host,
                    at=time.time(),
                    local_id=str(earlier.get("job_id")),
                    job_id=str(earlier.get("job_id")),
                    result=earlier,
                    fields=self.now.fields,
                    synchronous=self.synchronous,
                    content=content,
                )
            )
        return self._return(earlier)

    def _rescue(self, job: Job, cause: LedgerError) -> OruxError:
        """The bytes came inside the answer and the ledger is away: save them before the task fails."""
        again = f"`{self.identity.command('discard')}` and a clear of the task pay for new pictures."
        try:
            if not self.operator.save_to:
                raise nowhere_to_go(job)
            where = f"They are saved: {self._save(job).manifest}"
            again = f"What was paid for is there: mark the task as a success to keep it. {again}"
        except OruxError as e:
            where = f"They could not be saved either ({e.message}) and are lost"
        return LedgerError(
            f"The pictures came inside the answer, but the ledger could not be written: {cause.message} {where}",
            gateway=self.gateway.name,
            job_id=job.job_id,
            charged="yes",
            next_step=again,
        )

    def _settle_command(self, record: Record) -> str | None:
        if not record.synchronous:
            return self.identity.command("settle", job_id=record.job_id)
        if record.result is None:
            return None
        return self.identity.command("settle", urls=Job.from_dict(record.result).urls)

    # -- going on with a job ------------------------------------------------------------------------------
    def _look(self) -> tuple[Remote, Job | None, OruxError | None]:
        record = self.record
        if record is None or record.job_id is None:
            raise LedgerError("The ledger record names no job")
        if record.synchronous:
            if record.result is None:
                return (
                    Remote.EXPIRED,
                    None,
                    JobExpiredError("its pictures came inside the answer and went with the process"),
                )
            try:
                job = Job.from_dict(record.result)
            except ValueError as e:
                raise LedgerError(
                    f"The result in the ledger is not readable: {e}", job_id=record.job_id
                ) from e
            return remote_of(job), job, None
        try:
            job = self.hook.get_job(record.job_id)
        except (JobNotFoundError, UnexpectedResponseError, InvalidRequestError) as e:
            if isinstance(e, JobNotFoundError) and record.result is not None:
                # The gateway forgot the job; its links, noted when it ended, may live on.
                return Remote.ALIVE, Job.from_dict(record.result), None
            if self._not_indexed_yet(record, e):
                return Remote.ALIVE, None, None
            return Remote.UNKNOWN, None, e
        except AuthenticationError as e:
            # The job is paid for: it is waited for as if the key had been refused a moment later (auth_grace).
            self.log.warning("Job %s is paid for; the key is refused: %s", record.job_id, e.message)
            return Remote.ALIVE, None, None
        return remote_of(job), job, None

    def _not_indexed_yet(self, record: Record, error: OruxError) -> bool:
        """Whether "unknown job" may be said of one that was accepted a moment ago: then it is waited for."""
        fresh = time.time() < record.at + self.gateway.not_found_grace
        return fresh and isinstance(error, JobNotFoundError)

    def _reattach(self, record: Record, job: Job | None) -> dict[str, Any]:
        taken_up = record.state is State.SETTLED or record.epoch != self.now.epoch
        self.record = record.with_state(
            State.SUBMITTED,
            epoch=self.now.epoch,
            fingerprint=self.now.fingerprint if record.state is State.SETTLED else record.fingerprint,
            fields=self.now.fields if record.state is State.SETTLED else record.fields,
            adopted=self.now.fingerprint if self.now.fingerprint != record.fingerprint else record.adopted,
            at=time.time() if taken_up else record.at,
        )
        if self.store and self.record != record:
            self.store.write(self.record)
        job_id = self.job_id = str(record.job_id)
        count("orux.reattached", gateway=self.gateway.name)
        push_job(self.ti, job_id=job_id, conn_id=self.operator.conn_id)
        if record.synchronous and job is None and record.result is not None:
            job = Job.from_dict(record.result)
        if job is not None and job.status.is_terminal:
            return self._ended(job)
        if time.time() >= self.record.at + self.operator.timeout:
            raise timed_out(job_id, self.gateway.name)
        return self._wait(job_id, accepted_at=self.record.at)

    def _wait(self, job_id: str, *, accepted_at: float) -> dict[str, Any]:
        operator = self.operator
        if not operator.wait_for_completion:
            job = Job(job_id, JobStatus.QUEUED, self.gateway.name, model=self.request.model_id)
            return self._finish(job, self._result(job))
        deadline = accepted_at + operator.timeout
        if operator.deferrable:
            from airflow_provider_orux.triggers.jobs import OruxJobTrigger

            operator.defer(
                trigger=OruxJobTrigger(
                    conn_id=operator.conn_id,
                    job_id=job_id,
                    deadline=deadline,
                    poll_interval=operator.poll_interval,
                    started=accepted_at,
                    kind=f"{self.request.model_id}:{self.request.verb}"[:100],
                ),
                method_name="resume",
                timeout=timedelta(seconds=max(deadline - time.time(), 0.0) + NET_SECONDS),
            )
        job = wait_in_worker(
            self.hook,
            job_id,
            deadline=deadline,
            poll_interval=operator.poll_interval,
            started=accepted_at,
            log=self.log,
        )
        return self._ended(job)

    def _record_after_deferral(self) -> Record | None:
        if self.store is None:
            return None
        self.record = self.store.read()
        self.record_known = True
        if self.record is None or self.record.job_id is None:
            raise LedgerError(
                "The ledger record is gone since the task deferred",
                next_step="Nothing is submitted. The job id is in the task's log and its XCom 'job_id'; its artifacts "
                "can be saved with OruxSaveArtifactsOperator.",
            )
        self.job_id = self.record.job_id
        return self.record


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
