"""One execution of a paying task: reads the ledger, carries out its decision, waits, saves, returns the result.

What may be done is decided in ``lifecycle/ledger.py``; here it is only carried out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_orux.lifecycle.fingerprint import changed_fields, field_digests, fingerprint
from airflow_provider_orux.lifecycle.ledger import Action, Now, Policy, Record, Remote, State, decide
from airflow_provider_orux.lifecycle.polling import timed_out
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    ArtifactError,
    AuthenticationError,
    ContentRejectedError,
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
from airflow_provider_orux.operators.identity import TaskIdentity
from airflow_provider_orux.operators.ledger_store import LedgerStore
from airflow_provider_orux.operators.pricing import with_price
from airflow_provider_orux.operators.result import build_result, first_link, push_job, push_result
from airflow_provider_orux.operators.reuse import ResultStore
from airflow_provider_orux.operators.saving import announce, provenance, storage_settings
from airflow_provider_orux.operators.waiting import (
    NET_SECONDS,
    raise_unless_succeeded,
    read_event,
    wait_in_worker,
)

if TYPE_CHECKING:
    from airflow_provider_orux.hooks.base import GatewayHook
    from airflow_provider_orux.operators.paid import PaidOperator

INLINE_SAVE_TRIES = 4
"""Bytes that came inside an answer exist only in this process: saving them is tried more than once."""


class Submission:
    """One execution of a paying operator.

    :param operator: whose arguments hold.
    :param context: the task's context.
    :param hook: the gateway of the operator's connection.
    :param resumed: True after a deferral.
    """

    def __init__(
        self, operator: PaidOperator, context: Any, hook: GatewayHook, *, resumed: bool = False
    ) -> None:
        self.operator = operator
        self.context = context
        self.hook = hook
        self.log = operator.log
        self.ti = context["ti"]
        self.identity = TaskIdentity.of(context)
        self.gateway = hook.connection.gateway
        self.host = hook.connection.client.host
        self.store = LedgerStore(context.get("task_state_store"), log=self.log) if operator.durable else None
        self.request: GenerationRequest = operator.build_request(hook)
        self.synchronous = (
            self.gateway.route(self.request, wanted=operator.route_wanted(self.gateway)) == "sync"
        )
        fields: dict[str, Any] = {**self.request.fields(), **self.request.extra_body}
        excluded = operator.fingerprint_exclude
        self.now = Now(
            epoch=self.identity.epoch,
            fingerprint=fingerprint(
                gateway=self.gateway.name,
                host=self.host,
                model=self.request.model_id,
                verb=self.request.verb,
                fields=fields,
                exclude=excluded,
            ),
            conn_id=operator.conn_id,
            host=self.host,
            gateway=self.gateway.name,
            at=time.time(),
            fields=field_digests(fields, exclude=excluded),
            synchronous=self.synchronous,
        )
        self.policy = Policy(
            on_clear=operator.on_clear,
            on_request_changed=operator.on_request_changed,
            on_ambiguous_submit=operator.on_ambiguous_submit,
            max_ambiguous_resubmits=operator.max_ambiguous_resubmits,
            idempotency_seconds=self.gateway.idempotency_seconds,
        )
        self.content = fingerprint(
            gateway=self.gateway.name,
            host="",
            model=self.request.model_id,
            verb=self.request.verb,
            fields=fields,
            exclude=excluded,
        )
        self.results = ResultStore.configured(log=self.log) if operator.reuse == "always" else None
        self.record: Record | None = None

    # -- entry points -------------------------------------------------------------------------------------
    def run(self) -> dict[str, Any]:
        """``execute``: from the ledger to the result (or to a deferral)."""
        self._check_before_paying()
        self.record = self.store.read() if self.store else None
        decision = decide(self.record, self.now, self.policy)
        job: Job | None = None
        if decision.action is Action.LOOK:
            self.log.info("%s; asking how it is", _sentence(decision.reason))
            remote, job, cause = self._look()
            decision = decide(self.record, self.now, self.policy, remote)
            if decision.error is not None and cause is not None:
                decision.error.__cause__ = cause
                decision.error.message = f"{decision.error.message.rstrip('.')}: {cause.message}"
        level = self.log.info if self.record is None else self.log.warning
        level("Ledger: %s (%s)", decision.action.value, decision.reason)
        if decision.action is Action.FAIL and decision.error is not None:
            raise self._with_commands(decision.error)
        if decision.action is Action.RETURN and self.record is not None and self.record.result is not None:
            return self._return(dict(self.record.result))
        if decision.action is Action.REATTACH and self.record is not None:
            return self._reattach(self.record, job)
        if decision.action is Action.SUBMIT and self.results and (earlier := self.results.find(self.content)):
            return self._reuse(earlier)
        return self._submit(resubmits=decision.resubmits, again=decision.action is Action.RESEND)

    def go_on(self, event: Any) -> dict[str, Any]:
        """``resume``: the trigger fired."""
        record = self._record_after_deferral()
        job = read_event(self.hook, event, job_id=record.job_id if record else None)
        return self._ended(job)

    def look_once(self) -> dict[str, Any]:
        """The deferral ended without an event: take a job that succeeded, else say how it is."""
        record = self._record_after_deferral()
        job_id = record.job_id if record else self.ti.xcom_pull(task_ids=self.identity.task_id, key="job_id")
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
        elif self.request.makes_inline:
            raise InvalidRequestError(
                "response_format='b64_json' without save_to: the bytes would have nowhere to go (never into an XCom)",
                gateway=self.gateway.name,
                param="save_to",
                charged="no",
                next_step="Nothing was sent. Set save_to, or leave response_format at 'url'.",
            )

    def _submit(self, *, resubmits: int, again: bool) -> dict[str, Any]:
        ready = self._ready_request()
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
            )
        if self.store:
            self.store.write_intent(record)
        try:
            client = self.hook.get_conn()
            if self.synchronous:
                job = client.generate(ready, local_id=local_id)
            else:
                job = client.submit(ready, idempotency_key=local_id)
        except OruxError as e:
            if e.charged == "no" and again:
                # This sending was refused; the earlier one may have been accepted all the same. The intent stays.
                e.charged = "unknown"
                e.message = f"{e.message.rstrip('.')}; whether an earlier sending was accepted is not known"
            elif e.charged == "no":
                self._nothing_accepted(e)
            elif isinstance(e, AmbiguousSubmitError):
                count("orux.ambiguous", gateway=self.gateway.name)
                if (
                    self.policy.on_ambiguous_submit == "resubmit"
                    and resubmits < self.policy.max_ambiguous_resubmits
                ):
                    e.final = False
                    e.next_step = (
                        "on_ambiguous_submit='resubmit': a retry sends it again and may pay a second time."
                    )
            raise self._with_commands(e) from e.__cause__
        count("orux.submissions", gateway=self.gateway.name)
        self.operator.remember(job.job_id)
        result = job.to_dict() if self.synchronous and not job.has_inline else None
        self.record = record.with_state(State.SUBMITTED, job_id=job.job_id, at=time.time(), result=result)
        self._write_submitted(self.record, job)
        self.log.info(
            "%s accepted %s as job %s; it is charged%s",
            self.gateway.title,
            self.request.label(),
            job.job_id,
            "" if self.synchronous else " by the gateway's own rules",
        )
        push_job(self.ti, job_id=job.job_id, conn_id=self.operator.conn_id)
        if self.synchronous:
            return self._ended(job)
        return self._wait(job.job_id, accepted_at=self.record.at)

    def _ready_request(self) -> GenerationRequest:
        """The request as it is sent: input pictures read, and the gateway asked to keep what will be saved.

        After the fingerprint was taken: neither changes what is asked for.
        """
        request = self.request
        if picture_fields(type(request)):
            from airflow_provider_orux.storage.inputs import read_pictures

            request = read_pictures(
                request,
                settings=storage_settings(self.hook.connection),
                conn_id=self.operator.storage_conn_id,
            )
        return self.gateway.keeping(request) if self.operator.save_to else request

    def _nothing_accepted(self, error: OruxError) -> None:
        """Take the intent back: it is proven that nothing was accepted.

        An earlier intent that this one took the place of (on_ambiguous_submit='resubmit') is still unanswered.
        """
        earlier = self.record
        if self.store:
            try:
                if earlier is not None and earlier.state is State.INTENT:
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

    def _reuse(self, earlier: dict[str, Any]) -> dict[str, Any]:
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
                )
            )
        return self._return(earlier)

    def _rescue(self, job: Job, cause: LedgerError) -> OruxError:
        """The bytes came inside the answer and the ledger is away: save them before the task fails."""
        try:
            where = f"They are saved: {self._save(job).manifest}"
        except OruxError as e:
            where = f"They could not be saved either ({e.message}) and are lost"
        return LedgerError(
            f"The pictures came inside the answer, but the ledger could not be written: {cause.message} {where}",
            gateway=self.gateway.name,
            job_id=job.job_id,
            charged="yes",
            next_step=f"`{self.identity.command('discard')}` and a clear of the task pay for new pictures.",
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
                return Remote.EXPIRED, None, None  # its bytes were in the answer, and went with the process
            try:
                return Remote.ALIVE, Job.from_dict(record.result), None
            except ValueError as e:
                raise LedgerError(
                    f"The result in the ledger is not readable: {e}", job_id=record.job_id
                ) from e
        try:
            job = self.hook.get_job(record.job_id)
        except (JobNotFoundError, UnexpectedResponseError, InvalidRequestError) as e:
            if self._not_indexed_yet(record, e):
                return Remote.ALIVE, None, None
            return Remote.UNKNOWN, None, e
        except AuthenticationError as e:
            e.job_id, e.charged = record.job_id, "unknown"
            e.next_step = (
                "The job is paid for, not submitted again. Set the key right and clear the task: it goes on."
            )
            raise
        return _remote_of(job)

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
            at=time.time() if taken_up else record.at,
        )
        if self.store and self.record != record:
            self.store.write(self.record)
        job_id = str(record.job_id)
        count("orux.reattached", gateway=self.gateway.name)
        self.operator.remember(job_id)
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
                    auth_grace=operator.auth_grace,
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
            auth_grace=operator.auth_grace,
            log=self.log,
        )
        return self._ended(job)

    def _record_after_deferral(self) -> Record | None:
        if self.store is None:
            return None
        self.record = self.store.read()
        if self.record is None or self.record.job_id is None:
            raise LedgerError(
                "The ledger record is gone since the task deferred",
                next_step="Nothing is submitted. The job id is in the task's log and its XCom 'job_id'; its artifacts "
                "can be saved with OruxSaveArtifactsOperator. A clear of this task submits, and pays for, a new job.",
            )
        self.operator.remember(self.record.job_id)
        return self.record

    # -- the end ------------------------------------------------------------------------------------------
    def _ended(self, job: Job) -> dict[str, Any]:
        raise_unless_succeeded(job)
        job = with_price(job, self.request, conn_id=self.operator.conn_id, log=self.log)
        if not self.operator.wait_for_completion and not self.synchronous:
            return self._finish(job, self._result(job))
        requested = self.request.count
        if requested is not None and len(job.artifacts) < requested:
            self.log.warning(
                "%d of %d artifacts were returned (the gateway's moderation may hold some back); job %s",
                len(job.artifacts),
                requested,
                job.job_id,
            )
        if not self.operator.save_to or not job.artifacts:
            return self._finish(job, self._result(job))
        saved = self._save(job)
        announce(self.operator.outlets, self.context, saved, job_id=job.job_id)
        count("orux.saved_bytes", gateway=self.gateway.name, by=sum(a.bytes for a in saved.artifacts))
        self.log.info(
            "Saved %d artifact%s (%d bytes) of job %s; manifest: %s",
            len(saved.artifacts),
            "" if len(saved.artifacts) == 1 else "s",
            sum(a.bytes for a in saved.artifacts),
            job.job_id,
            saved.manifest,
        )
        artifacts = [a.to_dict() for a in saved.artifacts]
        result = self._result(job, artifacts=artifacts, manifest=saved.manifest)
        if self.results and not saved.missing:
            self.results.remember(self.content, result)
        return self._finish(job, result)

    def _save(self, job: Job) -> Any:
        from airflow_provider_orux.storage import save_job

        extra: dict[str, Any] = {
            "fingerprint": self.record.fingerprint if self.record else self.now.fingerprint
        }
        if self.record is not None and (changed := changed_fields(self.record.fields, self.now.fields)):
            # Templates are rendered again after a deferral: say which parameters are not those that were sent.
            extra["changed_since_submission"] = changed
        facts = provenance(
            job=job,
            conn_id=self.operator.conn_id,
            host=self.host,
            identity=self.identity,
            request=self.request,
            record_prompt=self.operator.record_prompt,
            requested=self.request.count,
            charged=self._charged(job),
            extra=extra,
        )
        tries = INLINE_SAVE_TRIES if job.has_inline else 1
        while True:
            tries -= 1
            try:
                return save_job(
                    job,
                    str(self.operator.save_to),
                    settings=storage_settings(self.hook.connection),
                    provenance=facts,
                    conn_id=self.operator.storage_conn_id,
                    on_partial=self.operator.on_partial,
                    record_urls=self.operator.push_urls,
                )
            except ArtifactError as e:
                e.gateway, e.job_id, e.charged = self.gateway.name, job.job_id, self._charged(job)
                if not job.has_inline or e.final:
                    raise
                if tries <= 0:
                    raise JobExpiredError(
                        f"The pictures came inside the answer and could not be saved: {e.message}. They are lost",
                        gateway=self.gateway.name,
                        job_id=job.job_id,
                        charged="yes",
                        retry_helps=False,
                        next_step="Mend the storage and clear the task: it pays for a new picture. With "
                        "response_format='url' a failed save costs nothing.",
                    ) from e
                self.log.warning(
                    "Saving failed (%s); trying again, the bytes are only in this process", e.message
                )
                time.sleep(3.0)

    def _charged(self, job: Job) -> Any:
        return job.charged if job.charged != "unknown" else "unknown"

    def _result(
        self,
        job: Job,
        *,
        artifacts: list[Mapping[str, Any]] | list[dict[str, Any]] | None = None,
        manifest: str | None = None,
    ) -> dict[str, Any]:
        return build_result(
            job=job,
            conn_id=self.operator.conn_id,
            artifacts=artifacts,
            manifest=manifest,
            requested=self.request.count,
            push_urls=self.operator.push_urls,
            model=self.request.model_id,
        )

    def _finish(self, job: Job, result: dict[str, Any]) -> dict[str, Any]:
        if self.store and self.record is not None:
            self.record = self.record.with_state(State.FINISHED, result=result, at=time.time())
            self.store.write(self.record)
        return self._return(result)

    def _return(self, result: dict[str, Any]) -> dict[str, Any]:
        push_result(self.ti, result)
        self.operator.artifact_link = first_link(result)
        return result

    def _with_commands(self, error: OruxError) -> OruxError:
        """Name the exact command in the next step of an ambiguous submission."""
        if isinstance(error, AmbiguousSubmitError) and error.final and error.http_status != 422:
            # One that the gateway answers with a 422 about its idempotency key has an explanation of its own.
            if self.synchronous:
                found = "it shows the picture"
                settle = self.identity.command("settle", urls=["LINK"])
            else:
                found = "it has the job"
                settle = self.identity.command("settle", job_id="JOB_ID")
            error.next_step = (
                f"It is not sent again, by a retry or a clear, until you say so. Look at the gateway. If {found}: "
                f"`{settle}`, then clear the task: it takes that up and pays nothing. If not: "
                f"`{self.identity.command('discard')}`, then clear the task: it submits anew. "
                "(on_ambiguous_submit='resubmit' accepts the risk of a second charge.)"
            )
            if not self.operator.durable:
                error.next_step = "durable=False: clearing the task sends it again and may pay a second time."
        elif isinstance(error, ContentRejectedError) and error.charged == "no":
            error.next_step = (
                "Nothing was charged. Change the prompt; a retry of the same request cannot help."
            )
        elif isinstance(error, (LedgerError, JobNotFoundError)) and "ledger discard`" in error.next_step:
            error.next_step = error.next_step.replace(
                "`airflow orux ledger discard` for this task instance",
                f"`{self.identity.command('discard')}`",
            )
        return error


def _remote_of(job: Job) -> tuple[Remote, Job, None]:
    if job.status is JobStatus.FAILED:
        return (Remote.FAILED if job.retry_helps else Remote.FAILED_FINALLY), job, None
    return (Remote.EXPIRED if job.status is JobStatus.EXPIRED else Remote.ALIVE), job, None


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
