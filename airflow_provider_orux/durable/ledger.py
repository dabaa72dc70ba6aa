"""``Ledger``: the record of this task instance, and the protocol's verbs. See ``docs/decisions/ledger.md``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from airflow_provider_orux.durable.identity import TaskIdentity
from airflow_provider_orux.durable.stores import RecordStore
from airflow_provider_orux.lifecycle.fingerprint import changed_fields
from airflow_provider_orux.lifecycle.ledger import (
    Action,
    Attempt,
    Decision,
    Policy,
    RemoteState,
    decide,
)
from airflow_provider_orux.lifecycle.record import LARGEST_RESULT, Record, State
from airflow_provider_orux.models.errors import LedgerError, OruxError
from airflow_provider_orux.models.job import Job


class Ledger:
    """The durable record of one task instance, as this attempt reads and writes it.

    :param store: where the record lives; None: nowhere (``durable=False``), and a retry pays again.
    :param attempt: the attempt that is running.
    :param clock: epoch seconds.
    """

    def __init__(
        self,
        store: RecordStore | None,
        *,
        attempt: Attempt,
        policy: Policy,
        identity: TaskIdentity,
        log: Any,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.attempt = attempt
        self.policy = policy
        self.identity = identity
        #: As this attempt last read or wrote it.
        self.record: Record | None = None
        self.is_read = store is None
        #: Why the intent of a submission that was provably refused still stands; None: none does.
        self.not_withdrawn: str | None = None
        self._store = store
        self._before: Record | None = None
        self._log = log
        self._clock = clock

    @property
    def durable(self) -> bool:
        """Whether the record outlives this process."""
        return self._store is not None

    def now(self) -> float:
        """Epoch seconds."""
        return self._clock()

    def read(self) -> Record | None:
        """The record; None only when it is proven that there is none.

        :raises LedgerError: the store does not answer, or the record is not readable.
        """
        if self._store is not None:
            self.record = self._store.read()
            self.is_read = True
        return self.record

    def decide(self, remote: RemoteState | None = None, *, cause: OruxError | None = None) -> Decision:
        """What this attempt may do with the record. See :func:`~airflow_provider_orux.lifecycle.ledger.decide`."""
        # As of now: an intent that this attempt wrote is younger than the attempt, and its age must not read as < 0.
        attempt = replace(self.attempt, at=self.now())
        return decide(self.record, attempt, self.policy, remote, cause=cause)

    def submission_id(self, decision: Decision) -> str:
        """Our id of the submission that a decision is about; :meth:`intend` notes it.

        :param decision: ``SUBMIT``, or ``RESEND``: the same submission again, under its own id.
        """
        if decision.action is Action.RESEND and self.record is not None:
            return self.record.submission_id
        return self.identity.submission_id(
            fingerprint=self.attempt.fingerprint, at=self.now(), resubmits=decision.resubmits
        )

    def intend(
        self,
        decision: Decision,
        submission_id: str,
        *,
        reuse_key: str | None = None,
        superseded: Job | None = None,
    ) -> None:
        """Note that a paid request is about to be sent. If this cannot be written, nothing may be sent.

        :param submission_id: as :meth:`submission_id` has it.
        :param superseded: the recorded job as the gateway told it, where it was asked.
        :raises LedgerError: it could not be written.
        """
        at = self.now()
        self._before, self.not_withdrawn = self.record, None
        if decision.action is Action.RESEND and self.record is not None:
            # The age keeps counting from the first sending: the gateway's memory of the key does.
            # The gateway takes no other form under a known key, so what it accepts is the form that is sent now.
            record = self.record.changed(
                max_tries=self.attempt.max_tries,
                fingerprint=self.attempt.fingerprint,
                fields=dict(self.attempt.fields),
                reuse_key=reuse_key,
            )
        else:
            record = self._new_record(
                State.INTENT,
                submission_id,
                at=at,
                resubmits=decision.resubmits,
                reuse_key=reuse_key,
                superseded=superseded,
            )
        if self._store is not None:
            self._store.write_intent(record)
        self.record = record

    def accept(self, job: Job) -> None:
        """Note the job that the gateway accepted. Nothing comes before this: not a log line, not a metric.

        :raises LedgerError: it could not be written; the intent stands.
        """
        intent = self._written
        submitted = intent.changed(
            state=State.SUBMITTED,
            job_id=job.job_id,
            updated_at=self.now(),
            # A synchronous generation cannot be asked for again: what is known of it stands here.
            result=_noted(job) if intent.synchronous and not job.has_inline else None,
        )
        if self._store is not None:
            self._store.write(submitted)
        self.record = submitted

    def withdraw(self) -> None:
        """Take the intent back: it is proven that nothing was accepted. What stood before it holds again.

        A failure is noted and not raised: the refusal is what happened.
        """
        if self._store is not None:
            try:
                if self._before is not None:
                    self._store.write(self._before)
                else:
                    self._store.remove()
            except LedgerError as e:
                self._log.error("The intent could not be taken back: %s", e.message)
                if self._before is None or self._before.state is not State.INTENT:
                    # Else what stood before it is of unknown charge itself.
                    self.not_withdrawn = e.message
                return
        self.record = self._before

    @property
    def is_withdrawn(self) -> bool:
        """Whether the latest intent was taken back: what stood before it holds again."""
        return self.record is self._before

    def reattach(self) -> Record:
        """Note that this attempt continues with the recorded job.

        A clear, and the attempt after a settlement, have a fresh deadline: ``updated_at`` is now.

        :raises LedgerError: it could not be written.
        """
        record, attempt = self._written, self.attempt
        settled = record.state is State.SETTLED
        fresh = settled or record.max_tries != attempt.max_tries
        other_form = attempt.fingerprint != record.fingerprint
        changed = record.changed(
            state=State.SUBMITTED,
            max_tries=attempt.max_tries,
            fingerprint=attempt.fingerprint if settled else record.fingerprint,
            fields=dict(attempt.fields) if settled else record.fields,
            reattached_fingerprint=attempt.fingerprint if other_form else record.reattached_fingerprint,
            updated_at=self.now() if fresh else record.updated_at,
        )
        if self._store is not None and changed != record:
            self._store.write(changed)
        self.record = changed
        return changed

    def note_urls(self, job: Job) -> None:
        """Note the URLs of a job that the gateway may forget sooner than the URLs die. A failure is only logged."""
        record = self.record
        if self._store is None or record is None or record.result is not None or job.has_inline:
            return
        if (facts := _noted(job)) is None:
            return
        noted = record.changed(state=State.SUBMITTED, result=facts)
        try:
            self._store.write(noted)
        except LedgerError as e:
            self._log.warning("The URLs of job %s could not be noted: %s", job.job_id, e.message)
        else:
            self.record = noted

    def finish(self, result: Mapping[str, Any], *, reuse_key: str | None = None) -> None:
        """Note the result: we hold it. (That Airflow recorded the task's success is ``delivered``.)

        :param reuse_key: for a result of an earlier task that is reused: there was no submission.
        :raises LedgerError: it could not be written.
        """
        at = self.now()
        if reuse_key is not None:
            job_id = str(result["job_id"])
            record = self._new_record(
                State.FINISHED, job_id, at=at, reuse_key=reuse_key, result=dict(result)
            ).changed(job_id=job_id)
        elif self.record is None:
            return  # there is no ledger, and the attempt began after the submission
        else:
            record = self.record.changed(
                state=State.FINISHED, result=_bounded(result), updated_at=at, delivered=False
            )
        if self._store is not None:
            self._store.write(record)
        self.record = record

    def facts(self) -> dict[str, Any]:
        """For the manifest: which request was sent, and what is rendered otherwise since then."""
        record = self.record
        facts: dict[str, Any] = {"fingerprint": (record or self.attempt).fingerprint}
        if record is not None and (changed := changed_fields(record.fields, self.attempt.fields)):
            facts["changed_since_submission"] = changed
        if record is not None and record.reuse_key is not None:
            facts["reuse_key"] = record.reuse_key
        return facts

    @property
    def _written(self) -> Record:
        if self.record is None:
            raise LedgerError("The ledger holds no record of this submission")
        return self.record

    def _new_record(
        self,
        state: State,
        submission_id: str,
        *,
        at: float,
        resubmits: int = 0,
        reuse_key: str | None = None,
        result: dict[str, Any] | None = None,
        superseded: Job | None = None,
    ) -> Record:
        attempt, before = self.attempt, self.record
        try:
            return Record(
                state=state,
                max_tries=attempt.max_tries,
                fingerprint=attempt.fingerprint,
                conn_id=attempt.conn_id,
                host=attempt.host,
                updated_at=at,
                submission_id=submission_id,
                result=result,
                fields=dict(attempt.fields),
                resubmits=resubmits,
                synchronous=attempt.synchronous,
                reuse_key=reuse_key,
                account=attempt.account,
                earlier=before.superseded(at=at, job=superseded) if before is not None else (),
            )
        except ValidationError as e:
            raise LedgerError(
                f"The ledger cannot hold a record of this request ({e.errors()[0]['msg']})", charged="no"
            ) from e


def _noted(job: Job) -> dict[str, Any] | None:
    """A job as the record holds it: without prompts that a model rewrote. None: too large to be read again."""
    value = job.to_dict()
    for artifact in value.get("artifacts", ()):
        artifact.pop("revised_prompt", None)
        artifact.get("details", {}).pop("title", None)  # the author's, maybe
    return value if len(json.dumps(value)) <= LARGEST_RESULT else None


def _bounded(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result as the record holds it: a long text is cut, for a record that cannot be read again is worth nothing."""
    value = dict(result)
    if len(json.dumps(value)) > LARGEST_RESULT:
        value["text"] = str(value.get("text") or "")[: LARGEST_RESULT // 8]
        value["artifacts"] = [{**item, "url": None} for item in value.get("artifacts", ())][:1000]
    return value
