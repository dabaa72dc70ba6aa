"""The invariants: what a schedule itself gave a reason for is allowed, and nothing else.

A *reason* for a charge is the first execution; a clear of a task whose success Airflow had recorded, or whose job had
failed, or whose request had changed; a job that failed in a way that may pass, where the author asked for paying
retries (the operator's own never pay); a setting that says "resubmit", each time it applies; a person's ``discard`` of
a synchronous generation, whose result cannot be fetched. Reasons come from what the schedule did and what the gateway
says, never from what the operator decided.

Reasons do not add up: somebody who clears a task three times before anything is sent wants one job, not three. So a
charge needs one that is *open*, at most one is open for the execution that runs and one for each frozen execution that
may still send its request, and a success leaves none.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from airflow_provider_orux.models.errors import AmbiguousSubmitError, JobNotFoundError, LedgerError, OruxError
from orux_sandbox import SandboxServer
from tests.chaos.airflow_model import Store, StoreView, TaskInstance
from tests.chaos.schedule import Task

FAILED = ("failed", "expired", "cancelled")


class Kind(enum.Enum):
    """Which promise was broken."""

    DOUBLE_CHARGE = "a charge without a reason"
    LOST_RESULT = "a paid result lies nowhere"
    COST_FORGOTTEN = "a job that was paid for left the ledger"
    INTENT_MISSING = "a paid request left without an acknowledged intent"
    INTENT_OVERWRITTEN = "an intent without an answer was overwritten"
    NOT_RECORDED = "the ledger does not know what it must"
    DELIVERED_EARLY = "marked as delivered, and Airflow recorded no success"
    NOT_DELIVERED = "Airflow recorded the success, and it is not marked"
    OLD_RESULT = "a clear of a delivered result returned it again"
    WRONG_RESULT = "the result is not what it says"
    UNTYPED_END = "an error without a type of ours"
    NO_ADVICE = "an error that asks a person and does not say how to answer"
    NEEDLESS_QUESTION = "a person is asked, and nothing was lost"
    GIVEN_UP = "a job is given up that the gateway knows, or will know in a moment"
    LEDGER_FAILED = "the ledger fails, and the store answered all the time"
    NO_SUCCESS = "no result in the end"
    KEY_LEAKED = "the key went elsewhere"
    HARNESS = "the test itself is broken"


class Violation(NamedTuple):
    kind: Kind
    what: str

    def __str__(self) -> str:
        return f"{self.kind.name}: {self.kind.value}: {self.what}"


class Checker:
    """Counts reasons and charges, and looks at what is saved in the end.

    :param in_flight: how many frozen executions there are that may still send a paid request.
    """

    def __init__(
        self,
        task: Task,
        server: SandboxServer,
        out: Path,
        say: Callable[[str], object],
        in_flight: Callable[[], int] = lambda: 0,
    ) -> None:
        self.task = task
        self.server = server
        self.out = out
        self.say = say
        self.in_flight = in_flight
        self.violations: list[Violation] = []
        self.reasons = ["the first execution"]
        #: Charges that are allowed now.
        self.open = 1
        #: Jobs at the gateway that are not of this task.
        self.others: set[str] = set()
        #: Jobs that the ledger has known, or a person, by the gateway's ids.
        self.known_jobs: set[str] = set()
        #: What the schedule did that a person may have to be asked about.
        self.excuses: set[str] = set()
        #: Jobs whose charge was counted.
        self._counted: list[str] = []
        self._granted: set[tuple[str, Any]] = set()
        self._clears = 0
        #: How many clears there had been when a job was first seen.
        self._first_seen: dict[str, int] = {}
        #: Paid results that somebody's word or setting gave up.
        self._given_up = 0
        self._hits: dict[int, int] = {}
        self._excused: frozenset[str] = frozenset()
        #: Jobs that the ledger has known, by our ids, and that nobody discarded.
        self._recorded: set[str] = set()
        #: Submissions whose result was marked as delivered.
        self._delivered: set[str] = set()
        #: The job whose delivered result a person cleared away.
        self._stale: str | None = None

    def wrong(self, kind: Kind, what: str) -> None:
        self.violations.append(Violation(kind, what))
        self.say(f"VIOLATION: {self.violations[-1]}")

    # -- reasons ------------------------------------------------------------------------------------------
    def _grant(self, why: str, key: Any = None, *, gives_up: bool = False) -> None:
        if key is not None:
            if (why, key) in self._granted:
                return
            self._granted.add((why, key))
        self.reasons.append(why)
        self._given_up += gives_up
        self.open = min(self.open + 1, 1 + self.in_flight())
        self.say(f"  reason {len(self.reasons)}: {why} ({self.open} open)")

    def _jobs(self) -> dict[str, dict[str, Any]]:
        return {j["id"]: j for j in self.server.jobs() if j["id"] not in self.others}

    def paid(self) -> list[str]:
        """The accepted submissions, oldest first; one that is refunded later counts.

        OpenGPU Relay charges when a job ends: there the jobs are what was accepted.
        """
        if self.task.gateway == "opengpu_relay":
            return [str(j["id"]) for j in reversed(self.server.jobs())]
        return [str(c["job_id"]) for c in self.server.charges() if c["job_id"] not in self.others]

    def refunded(self) -> int:
        """How many charges were given back."""
        return sum(c["refunded"] for c in self.server.charges() if c["job_id"] not in self.others)

    def last_prompt(self) -> str | None:
        """The prompt of the last paid request."""
        jobs = self._jobs()
        for job_id in reversed(self.paid()):
            if job_id in jobs:
                return str(jobs[job_id]["prompt"])
        return None

    def _raw(self, record: Mapping[str, Any] | None) -> str | None:
        job_id = (record or {}).get("job_id")
        return None if not job_id else self.task.way.raw(str(job_id))

    def _job_of(self, record: Mapping[str, Any] | None) -> dict[str, Any]:
        return self._jobs().get(str(self._raw(record)), {})

    def cleared(self, record: Mapping[str, Any] | None, ti: TaskInstance, *, changed: bool) -> None:
        self.count(record)
        self._clears += 1
        if record is None or record["state"] in ("intent", "settled"):
            if self.task.on_clear == "auto" and changed and self.paid():
                # It is settled first; then the clear finds a job for another request than today's.
                self._grant("cleared with another request", (ti.id,), gives_up=True)
            return
        alive = self._job_of(record).get("status") not in FAILED
        if ti.state == "success" and record.get("delivered") and self.task.on_clear != "reattach":
            self._stale = str(record["result"]["job_id"])
        if self.task.on_clear == "resubmit":
            self._grant("cleared, on_clear=resubmit", gives_up=record["state"] == "submitted" and alive)
        elif record["state"] == "finished":
            if self.task.on_clear == "auto" and ti.state == "success":
                self._grant("cleared after its success was recorded")
        elif self.task.on_clear == "auto" and changed:
            self._grant("cleared with another request", gives_up=alive)

    def request_changed(self, record: Mapping[str, Any] | None, ti: TaskInstance) -> None:
        self.count(record)
        if record is None:
            return
        if self.task.on_request_changed == "resubmit":
            self._grant("another request, on_request_changed=resubmit", gives_up=True)
        elif (
            self.task.on_clear == "auto"
            and record["state"] != "finished"
            and record["max_tries"] != ti.max_tries
        ):
            self._grant("another request after a clear", gives_up=True)

    def execution_begins(self, record: Mapping[str, Any] | None) -> None:
        self.count(record)
        if record is None or record["state"] != "intent" or self.task.on_ambiguous_submit != "resubmit":
            return
        if int(record.get("resubmits", 0)) < 1:
            self._grant("ambiguous, on_ambiguous_submit=resubmit", record["updated_at"], gives_up=True)

    def discarded(self, jobs: list[str]) -> None:
        self.count(None)
        self._recorded.clear()
        for job in jobs:
            self._grant("a person discarded a synchronous generation", job, gives_up=True)
        self.known_jobs.update(jobs)

    def given_up(self, job: str) -> None:
        self.count(None)
        self._recorded.clear()
        self._grant("a person gave up a job that failed", job, gives_up=True)

    # -- asking a person ----------------------------------------------------------------------------------
    def _note_faults(self) -> None:
        """A fault is an excuse once it struck a paid request and took its answer away."""
        for fault in self.server.faults():
            struck = fault["hits"] > self._hits.get(fault["id"], 0)
            self._hits[fault["id"]] = fault["hits"]
            paid = fault["endpoint"] == self.task.way.submits
            if struck and paid and self.task.way.loses_answer(fault["then"]):
                self.excuses.add("a lost answer")
            if struck and fault["endpoint"] == self.task.way.polls:
                self.excuses.add("a poll that failed")

    def struck(self) -> int:
        """How many requests a fault has struck."""
        return sum(self._hits.values())

    def asked(self, error: OruxError | None) -> None:
        """A person is asked only where nobody else can decide."""
        self._note_faults()
        if isinstance(error, AmbiguousSubmitError) and not self.excuses - {"a poll that failed"}:
            self.wrong(Kind.NEEDLESS_QUESTION, str(error))
        # Without a job id it is a submission that was refused (YEScale's code 3).
        unknown = isinstance(error, JobNotFoundError) and error.job_id is not None
        if unknown and "a poll that failed" not in self.excuses:
            self.wrong(Kind.GIVEN_UP, str(error))
        if (
            isinstance(error, LedgerError)
            and "request changed" not in error.message
            and "the store" not in self.excuses
        ):
            self.wrong(Kind.LEDGER_FAILED, str(error))

    def settled(self, jobs: list[str]) -> None:
        self.known_jobs.update(jobs)

    # -- one execution ------------------------------------------------------------------------------------
    def record_written(self, old: Mapping[str, Any] | None, new: Mapping[str, Any], ti: TaskInstance) -> None:
        if new["state"] == "intent":
            self._intent_written(old, new)
        # A refusal after a clear puts back what stood before: that was delivered once.
        if new.get("delivered") and new["submission_id"] not in self._delivered:
            self._delivered.add(new["submission_id"])
            if ti.state != "success":
                self.wrong(Kind.DELIVERED_EARLY, f"Airflow says {ti.state}")

    def _intent_written(self, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> None:
        """An intent without an answer is the only trace of what may have been paid: nothing may take its place.

        Except the same submission under its idempotency key, one that was refused and gives the older intent its
        place back, and what ``on_ambiguous_submit="resubmit"`` allows, once.
        """
        if old is None or old["state"] != "intent" or old["submission_id"] == new["submission_id"]:
            return
        back = int(new.get("resubmits", 0)) < int(old.get("resubmits", 0))
        once = int(new.get("resubmits", 0)) == 1 and self.task.on_ambiguous_submit == "resubmit"
        if not (back or once):
            self.wrong(Kind.INTENT_OVERWRITTEN, f"{old['submission_id']} by {new['submission_id']}")

    def pays(self, view: StoreView) -> None:
        """A paid request is about to leave: this execution's intent must be in the store, acknowledged.

        Without it nothing would be known of the request if the process died now; and a stale execution, whose write
        is refused, would pay beside its successor.
        """
        if view.acknowledged != "intent":
            self.wrong(Kind.INTENT_MISSING, f"the store acknowledged {view.acknowledged or 'nothing'}")

    def deferred(self, record: Mapping[str, Any] | None, job_id: Any) -> None:
        """From here on the process is gone: what it waits for must be in the ledger."""
        if record is None or record["state"] != "submitted" or record["job_id"] != job_id:
            self.wrong(Kind.NOT_RECORDED, f"deferred for job {job_id}, and the ledger says {record}")

    def called_back(self, record: Mapping[str, Any] | None) -> None:
        """Airflow recorded the success, and the callbacks ran to their end."""
        delivered = record is not None and record.get("delivered")
        if not delivered and "the store" not in self._excused:
            self.wrong(Kind.NOT_DELIVERED, f"the ledger says {record and record['state']}")

    def execution_ended(
        self, record: Mapping[str, Any] | None, result: Mapping[str, Any] | None = None
    ) -> None:
        """
        :param result: what it returned, and Airflow took; None: it ended otherwise.
        """
        self.count(record)
        self._excused = frozenset(self.excuses)
        if result is not None:
            if record is not None and record.get("job_id") != result["job_id"]:
                self.wrong(
                    Kind.NOT_RECORDED, f"success with job {result['job_id']}, and the ledger says {record}"
                )
            if result["job_id"] == self._stale:
                self.wrong(Kind.OLD_RESULT, f"job {self._stale}")
            self._stale = None
            if self.task.wait_for_completion and not (result["artifacts"] and result["manifest"]):
                self.wrong(Kind.WRONG_RESULT, f"a success without artifacts: {result}")
            # Whoever wanted something has it.
            waiting = self.in_flight()
            self.open = min(self.open, waiting)
            if not waiting:
                self.excuses.clear()

    def count(self, record: Mapping[str, Any] | None) -> None:
        """No charge without an open reason, at any moment."""
        # Before the charges are read: a request that is sent meanwhile must not lose its reason.
        in_flight = self.in_flight()
        self._note_faults()
        if record is not None and (raw := self._raw(record)):
            self.known_jobs.add(raw)
            self._recorded.add(str(record["job_id"]))
        jobs = self._jobs()
        for job_id in self.paid():
            if job_id in self._counted:
                continue
            self._grant_for_failures(jobs)
            self._counted.append(job_id)
            self.open -= 1
            if self.open < 0:
                self.wrong(Kind.DOUBLE_CHARGE, f"charge {len(self._counted)}: {self.reasons}")
                self.open = 0
        self._grant_for_failures(jobs)
        self.open = min(self.open, 1 + in_flight)

    def _grant_for_failures(self, jobs: Mapping[str, Mapping[str, Any]]) -> None:
        for job_id in self._counted:
            job = jobs[job_id]
            cleared = self._clears > self._first_seen.setdefault(job_id, self._clears)
            if job["status"] not in FAILED:
                continue
            code = "cancelled" if job["status"] == "cancelled" else job["error_code"]
            if code in self.task.way.passing and self.task.paying_retries:
                self._grant("a job failed in a way that may pass", job_id)
            elif cleared:
                self._grant("cleared, and the job failed or expired", job_id)

    # -- the end ----------------------------------------------------------------------------------------------
    def end(self, ti: TaskInstance, store: Store, prompt: str) -> None:
        self.count(store.record())
        if self.server.leaks():
            self.wrong(Kind.KEY_LEAKED, f"{self.server.leaks()}")
        record = store.record()
        if ti.state != "success":
            return  # said already
        if record is None or record["state"] != "finished":
            self.wrong(Kind.NOT_RECORDED, f"success, and the ledger says {record and record['state']}")
            return
        kept = {record.get("job_id"), *(e.get("job_id") for e in record.get("earlier", ()))}
        if self._recorded - kept:
            self.wrong(Kind.COST_FORGOTTEN, f"{self._recorded - kept}")
        self._look_at_result(ti, record)
        if self.task.wait_for_completion:
            self._look_for_lost()

    def _look_at_result(self, ti: TaskInstance, record: Mapping[str, Any]) -> None:
        result = record["result"]
        if ti.xcoms.get("job_id") != result["job_id"]:
            self.wrong(
                Kind.WRONG_RESULT,
                f"XCom job_id {ti.xcoms.get('job_id')}, the result is of {result['job_id']}",
            )
        if not self.task.synchronous and self.task.way.raw(result["job_id"]) not in self.paid():
            self.wrong(Kind.WRONG_RESULT, f"it is of {result['job_id']}, which was never charged")
        if self.task.wait_for_completion:
            for artifact in result["artifacts"]:
                path = Path(str(artifact["uri"]).removeprefix("file://"))
                if not path.exists():
                    self.wrong(Kind.WRONG_RESULT, f"{path.name} is not there")
                elif hashlib.sha256(path.read_bytes()).hexdigest() != artifact["sha256"]:
                    self.wrong(Kind.WRONG_RESULT, f"{path.name} is not what the result says")
                elif path.suffix != ".svg":  # which Pillow does not read
                    with Image.open(path) as image:
                        image.load()

    def _look_for_lost(self) -> None:
        """Paid jobs that ended well and lie nowhere, beyond those that somebody gave up."""
        manifests = (json.loads(m.read_text()) for m in self.out.glob("*/manifest.json"))
        saved = {self.task.way.raw(manifest["job_id"]) for manifest in manifests}
        jobs = self._jobs()
        well = [job_id for job_id in self.paid() if jobs[job_id]["status"] == "succeeded"]
        lost = len(well) - len(saved) if self.task.synchronous else len(set(well) - saved)
        if lost > self._given_up:
            self.wrong(Kind.LOST_RESULT, f"{lost} are, {self._given_up} were given up: {self.reasons}")
