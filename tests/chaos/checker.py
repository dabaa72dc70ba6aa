"""The invariants: what a schedule itself gave a reason for is allowed, and nothing else.

A *reason* for a charge is the first execution; a clear of a task that had finished, or whose job had failed, or whose
request had changed; a job that failed in a way that may pass; a setting that says "resubmit", each time it applies; a
person's ``discard`` of a synchronous generation, whose result cannot be fetched. Reasons come from what the schedule
did and what the gateway says, never from what the operator decided.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from airflow_provider_orux.models.errors import AmbiguousSubmitError, LedgerError, OruxError
from airflow_provider_orux.sandbox.server import SandboxServer
from tests.chaos.airflow_model import Store, TaskInstance
from tests.chaos.schedule import Task

MAY_PASS = {"upstream_error"}


class Checker:
    """Counts reasons and charges, and looks at what is saved in the end."""

    def __init__(self, task: Task, server: SandboxServer, out: Path, say: Callable[[str], object]) -> None:
        self.task = task
        self.server = server
        self.out = out
        self.say = say
        self.violations: list[str] = []
        self.reasons = ["the first execution"]
        self.known_jobs: set[str] = set()
        """Jobs that the ledger has known, or a person."""
        self.excuses: set[str] = set()
        """What the schedule did that a person may have to be asked about."""
        self._granted: set[tuple[str, Any]] = set()
        self._clears = 0
        self._first_seen: dict[str, int] = {}
        """How many clears there had been when a job was first seen."""
        self._given_up = 0
        """Paid results that somebody's word or setting gave up."""

    def wrong(self, what: str) -> None:
        self.violations.append(what)
        self.say(f"VIOLATION: {what}")

    # -- reasons ------------------------------------------------------------------------------------------
    def _grant(self, why: str, key: Any = None, *, gives_up: bool = False) -> None:
        if key is not None:
            if (why, key) in self._granted:
                return
            self._granted.add((why, key))
        self.reasons.append(why)
        self._given_up += gives_up
        self.say(f"  reason {len(self.reasons)}: {why}")

    def _jobs(self) -> dict[str, dict[str, Any]]:
        return {j["id"]: j for j in self.server.jobs()}

    def paid(self) -> list[str]:
        """The accepted submissions, oldest first. OpenGPU Relay charges when a job ends: there the jobs count."""
        if self.task.gateway == "orux":
            return [str(c["job_id"]) for c in self.server.charges()]
        return [str(j["id"]) for j in reversed(self.server.jobs())]

    def last_prompt(self) -> str | None:
        """The prompt of the last paid request."""
        jobs = self._jobs()
        for job_id in reversed(self.paid()):
            if job_id in jobs:
                return str(jobs[job_id]["prompt"])
        return None

    def _job_of(self, record: Mapping[str, Any] | None) -> dict[str, Any]:
        return self._jobs().get(str((record or {}).get("job_id")), {})

    def cleared(self, record: Mapping[str, Any] | None, ti: TaskInstance, *, changed: bool) -> None:
        self.count(record)
        self._clears += 1
        if record is None or record["state"] in ("intent", "settled"):
            if self.task.on_clear == "auto" and changed and self.paid():
                # It is settled first; then the clear finds a job for another request than today's.
                self._grant("cleared with another request", (ti.id,), gives_up=True)
            return
        alive = self._job_of(record).get("status") not in ("failed", "expired")
        if self.task.on_clear == "resubmit":
            self._grant("cleared, on_clear=resubmit", gives_up=record["state"] == "submitted" and alive)
        elif record["state"] == "finished":
            if self.task.on_clear == "auto":
                self._grant("cleared after it had finished")
        elif self.task.on_clear == "auto" and changed:
            self._grant("cleared with another request", gives_up=alive)

    def request_changed(self, record: Mapping[str, Any] | None, ti: TaskInstance) -> None:
        if record is None:
            return
        if self.task.on_request_changed == "resubmit":
            self._grant("another request, on_request_changed=resubmit", gives_up=True)
        elif self.task.on_clear == "auto" and record["epoch"] != ti.max_tries:
            self._grant("another request after a clear", gives_up=True)

    def execution_begins(self, record: Mapping[str, Any] | None) -> None:
        self.count(record)
        if record is None or record["state"] != "intent" or self.task.on_ambiguous_submit != "resubmit":
            return
        if int(record.get("resubmits", 0)) < 1:
            self._grant("ambiguous, on_ambiguous_submit=resubmit", record["at"], gives_up=True)

    def discarded(self, jobs: list[str]) -> None:
        for job in jobs:
            self._grant("a person discarded a synchronous generation", job, gives_up=True)
        self.known_jobs.update(jobs)

    def given_up(self, job: str) -> None:
        self._grant("a person gave up a job that failed", job, gives_up=True)

    # -- asking a person ----------------------------------------------------------------------------------
    def excuse_fault(self, endpoint: str, then: Mapping[str, Any]) -> None:
        """Note a fault that takes the answer to a paid request away."""
        if endpoint == "submit" and (
            any(k in then for k in ("cut", "malformed", "delay"))
            or int(then.get("status", 0)) >= 500
            or (self.task.synchronous and "job" in then)  # its fate is then an answer of 502, or none
        ):
            self.excuses.add("a lost answer")

    def asked(self, error: OruxError | None) -> None:
        """A person is asked only where nobody else can decide."""
        if isinstance(error, AmbiguousSubmitError) and not self.excuses:
            self.wrong(f"a person is asked, and nothing was lost: {error}")
        if (
            isinstance(error, LedgerError)
            and "request changed" not in error.message
            and "the store" not in self.excuses
        ):
            self.wrong(f"the ledger fails, and the store answered all the time: {error}")

    def settled(self, jobs: list[str]) -> None:
        self.known_jobs.update(jobs)

    def execution_ended(self, record: Mapping[str, Any] | None, value: Any) -> None:
        self.count(record)

    def count(self, record: Mapping[str, Any] | None) -> None:
        """No more charges than reasons, at any moment."""
        if record is not None and record.get("job_id"):
            self.known_jobs.add(str(record["job_id"]))
        jobs = self._jobs()
        for job_id, job in jobs.items():
            cleared = self._clears > self._first_seen.setdefault(job_id, self._clears)
            if job["status"] not in ("failed", "expired"):
                continue
            if job["error_code"] in MAY_PASS:
                self._grant("a job failed in a way that may pass", job_id)
            elif cleared:
                self._grant("cleared, and the job failed or expired", job_id)
        charges = self.paid()
        if len(charges) > len(self.reasons):
            self.wrong(f"{len(charges)} charges for {len(self.reasons)} reasons: {self.reasons}")
            self.reasons += ["(counted already)"] * (len(charges) - len(self.reasons))

    # -- the end ----------------------------------------------------------------------------------------------
    def end(self, ti: TaskInstance, store: Store, prompt: str) -> None:
        self.count(store.record())
        if self.server.leaks():
            self.wrong(f"the key went elsewhere: {self.server.leaks()}")
        record = store.record()
        if ti.state != "success":
            return  # said already
        if record is None or record["state"] != "finished":
            self.wrong(f"success, and the ledger says {record and record['state']}")
            return
        self._look_at_result(ti, record)
        if self.task.wait_for_completion:
            self._look_for_lost()

    def _look_at_result(self, ti: TaskInstance, record: Mapping[str, Any]) -> None:
        result = record["result"]
        if ti.xcoms.get("job_id") != result["job_id"]:
            self.wrong(f"XCom job_id {ti.xcoms.get('job_id')}, the result is of {result['job_id']}")
        if not self.task.synchronous and result["job_id"] not in self.paid():
            self.wrong(f"the result is of {result['job_id']}, which was never charged")
        if self.task.wait_for_completion:
            if not result["artifacts"] or result["manifest"] is None:
                self.wrong("a success without artifacts")
            for artifact in result["artifacts"]:
                path = Path(str(artifact["uri"]).removeprefix("file://"))
                if not path.exists():
                    self.wrong(f"{path.name} of the result is not there")
                elif hashlib.sha256(path.read_bytes()).hexdigest() != artifact["sha256"]:
                    self.wrong(f"{path.name} is not what the result says")
                else:
                    with Image.open(path) as image:
                        image.load()

    def _look_for_lost(self) -> None:
        """Paid jobs that ended well and lie nowhere, beyond those that somebody gave up."""
        saved = {json.loads(m.read_text())["job_id"] for m in self.out.glob("*/manifest.json")}
        jobs = self._jobs()
        well = [job_id for job_id in self.paid() if jobs[job_id]["status"] == "succeeded"]
        lost = len(well) - len(saved) if self.task.synchronous else len(set(well) - saved)
        if lost > self._given_up:
            self.wrong(f"{lost} paid results are lost, {self._given_up} were given up: {self.reasons}")
