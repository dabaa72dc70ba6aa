"""What one execution of a paying task knows, how it ends with a result, and what it tells when it does not.

How it comes by its job is the matter of ``submission.py``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_orux.lifecycle.fingerprint import changed_fields, field_digests, fingerprint
from airflow_provider_orux.lifecycle.ledger import Now, Policy, Record, Remote, State
from airflow_provider_orux.lifecycle.outlook import remote_of
from airflow_provider_orux.models.errors import (
    ArtifactError,
    JobExpiredError,
    JobFailedError,
    LedgerError,
    OruxError,
)
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.operators.identity import TaskIdentity
from airflow_provider_orux.operators.ledger_store import LedgerStore
from airflow_provider_orux.operators.next_steps import Standing, explain, when_killed
from airflow_provider_orux.operators.pricing import with_price
from airflow_provider_orux.operators.result import build_result, first_link, push_result
from airflow_provider_orux.operators.reuse import ResultStore
from airflow_provider_orux.operators.saving import announce, provenance, storage_settings
from airflow_provider_orux.operators.waiting import raise_unless_succeeded

if TYPE_CHECKING:
    from airflow_provider_orux.hooks.base import GatewayHook
    from airflow_provider_orux.operators.paid import PaidOperator

INLINE_SAVE_TRIES = 4
"""Bytes that came inside an answer exist only in this process: saving them is tried more than once."""


class Execution:
    """One execution of a paying operator.

    :param operator: whose arguments hold.
    :param context: the task's context.
    :param hook: the gateway of the operator's connection.
    """

    def __init__(self, operator: PaidOperator, context: Any, hook: GatewayHook) -> None:
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
        route = self.gateway.route(
            self.request, wanted=operator.route_wanted(self.gateway), deferrable=operator.deferrable
        )
        self.synchronous = route == "sync"
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
        self.results = ResultStore.configured(log=self.log) if operator.reuse == "always" else None
        self.record: Record | None = None
        """The ledger's record, as this execution last read or wrote it."""
        self.record_known = self.store is None
        self.remote: Remote | None = None
        self.job_id: str | None = None
        """The job, as soon as an answer named it."""

    # -- the end ------------------------------------------------------------------------------------------
    def _ended(self, job: Job) -> dict[str, Any]:
        self.job_id = job.job_id
        # Of a synchronous generation only what the ledger holds can be had again.
        self.remote = None if self.synchronous else remote_of(job)
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
        if not job.artifacts and job.text is None:
            raise JobFailedError(
                "The job succeeded and the gateway returned nothing of it",
                gateway=self.gateway.name,
                job_id=job.job_id,
                charged=self._charged(job),
                retry_helps=False,
            )
        if not self.operator.save_to or not job.artifacts:
            if job.has_inline:
                raise nowhere_to_go(job)
            return self._finish(job, self._result(job))
        self._note_links(job)
        saved = self._save(job)
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
        content = self.record.content if self.record is not None else None
        if self.results and not saved.missing and content is not None:
            self.results.remember(content, result)
        return self._finish(job, result)

    def _note_links(self, job: Job) -> None:
        """Before saving: where the gateway forgets a job sooner than its links die, the ledger keeps the links."""
        record = self.record
        if self.store is None or record is None or record.result is not None or job.has_inline:
            return
        if self.gateway.forgets_jobs_after is not None:
            noted = record.with_state(State.SUBMITTED, result=job.to_dict())
            try:
                self.store.write(noted)
            except LedgerError as e:
                self.log.warning("The links of job %s could not be noted: %s", job.job_id, e.message)
            else:
                self.record = noted

    def _save(self, job: Job) -> Any:
        from airflow_provider_orux.storage import save_job
        from airflow_provider_orux.storage.download import DEAD_LINK

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
                if self.synchronous and e.next_step == DEAD_LINK:
                    e.next_step = (
                        "A synchronous generation has no job to ask for a fresh link. If the gateway's own page shows "
                        f"the picture: `{self.identity.command('settle', urls=['LINK'])}` with --force; if not: "
                        f"`{self.identity.command('discard')}`; then clear the task."
                    )
                if not job.has_inline or e.final:
                    raise
                if tries <= 0:
                    if not self.synchronous:
                        raise  # the job can be asked again, and its answer holds them again
                    self.remote = Remote.EXPIRED
                    raise JobExpiredError(
                        f"The pictures came inside the answer and could not be saved: {e.message}. They are lost",
                        gateway=self.gateway.name,
                        job_id=job.job_id,
                        charged="yes",
                        retry_helps=False,
                        next_step="Mend the storage, then clear the task. With response_format='url' a failed save "
                        "costs nothing.",
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
        announce(self.operator.outlets, self.context, result)
        push_result(self.ti, result)
        self.operator.artifact_link = first_link(result)
        return result

    # -- what to tell ---------------------------------------------------------------------------------------
    def explain(self, error: OruxError) -> None:
        """Complete an error that leaves the task: what to do, what a retry does, what a clear does."""
        explain(error, self._standing())

    def when_killed(self) -> str | None:
        """What is true of the paid submission while the task is killed; None: there is none."""
        return when_killed(self._standing())

    def _standing(self) -> Standing:
        return Standing(
            identity=self.identity,
            gateway=self.gateway.title,
            now=self.now,
            policy=self.policy,
            record=self.record,
            record_known=self.record_known,
            job_id=self.job_id,
            remote=self.remote,
            durable=self.operator.durable,
            retries_left=self.identity.try_number <= self.identity.epoch,
            answer_patience=self.hook.connection.client.answer_patience(synchronous=self.synchronous),
            handle_form=self.gateway.handle_form(self.request),
        )


def nowhere_to_go(job: Job) -> JobFailedError:
    """The error of bytes that nobody asked for, in a task that saves nothing."""
    return JobFailedError(
        "The gateway put the pictures into its answer instead of links to them, and without save_to they have nowhere "
        "to go (never into an XCom)",
        gateway=job.gateway,
        job_id=job.job_id,
        charged=job.charged if job.charged in ("yes", "no") else "unknown",
        retry_helps=False,
        next_step="Set save_to, then clear the task.",
    )
