"""Random lives of a task instance: whatever dies at whatever moment, nothing is paid for twice without a word.

A small world around ``decide``: a gateway that keeps its books, a state store, an executor that carries out the
decisions as the operators do and may die at each boundary. What the gateway's books say is compared with what
was asked for.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from airflow_provider_orux.lifecycle.ledger import Action, Now, Policy, Record, Remote, State, decide

CRASHES = st.sampled_from(
    ["", "", "before the look", "before the intent", "after the intent", "sent", "accepted", "after the record",
     "before the end"]
)  # fmt: skip


class Died(Exception):
    """The worker is gone; what is written stays written."""


@dataclass
class RemoteJob:
    job_id: str
    state: Remote = Remote.ALIVE
    done: bool = False


class World(RuleBasedStateMachine):
    """One task instance of one run."""

    policy = Policy()
    idempotent = False
    synchronous = False
    waits = True
    """False: the task is finished as soon as it knows its job (wait_for_completion=False)."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.epoch = 0
        self.request = "f0"
        self.host = "h0"
        self.store: dict | None = None
        self.jobs: dict[str, RemoteJob] = {}
        self.by_key: dict[str, str] = {}
        self.charges: list[str] = []
        self.result: str | None = None
        # What people and the gateway said that allows one more charge each.
        self.words = 1  # the run itself
        self.spent_failures: set[str] = set()
        self.discarded = False

    # -- the executor -----------------------------------------------------------------------------------------
    def execute(self, crash: str, lost: bool, refused: bool) -> None:
        self.now += 10

        def dies(where: str) -> None:
            if crash == where:
                raise Died

        record = None if self.store is None else Record.from_json(self.store)
        now = Now(self.epoch, self.request, "c", self.host, "orux", self.now, synchronous=self.synchronous)
        decision = decide(record, now, self.policy)
        if decision.action is Action.LOOK:
            dies("before the look")
            assert record is not None
            decision = decide(record, now, self.policy, self.remote_of(record))
        if decision.action is Action.FAIL:
            return
        if decision.action is Action.RETURN:
            assert record is not None
            assert record.result is not None
            self.result = record.result["job_id"]
            return
        if decision.action is Action.REATTACH:
            assert record is not None
            record = record.with_state(
                State.SUBMITTED, epoch=self.epoch,
                fingerprint=self.request if record.state is State.SETTLED else record.fingerprint,
                adopted=self.request if self.request != record.fingerprint else record.adopted,
            )  # fmt: skip
            self.store = record.to_json()
            dies("after the record")
        else:
            record = self.submit(record, decision.action, decision.resubmits, dies, lost, refused)
            if record is None:
                return
        dies("before the end")
        job = self.jobs.get(str(record.job_id))
        if job is not None and (not self.waits or (job.done and job.state is Remote.ALIVE)):
            self.store = record.with_state(State.FINISHED, result={"job_id": job.job_id}).to_json()
            self.result = job.job_id

    def remote_of(self, record: Record) -> Remote:
        if self.synchronous:
            return Remote.EXPIRED if record.result is None else Remote.ALIVE
        job = self.jobs.get(str(record.job_id))
        return Remote.UNKNOWN if job is None else job.state

    def submit(self, record, action, resubmits, dies, lost, refused):
        dies("before the intent")
        before = record
        if action is Action.RESEND:
            record = replace(record, epoch=self.epoch)
        else:
            record = Record(
                State.INTENT,
                self.epoch,
                self.request,
                "c",
                self.host,
                self.now,
                f"key-{self.now}",
                resubmits=resubmits,
                synchronous=self.synchronous,
            )
        self.store = record.to_json()
        dies("after the intent")
        if refused:
            # Proven not accepted: what was known before holds again.
            self.store = None if before is None else before.to_json()
            return None
        known = self.by_key.get(record.local_id) if self.idempotent else None
        if known is None:
            if lost and self.now % 20 < 10:
                raise Died  # the request never arrived, and nobody can tell
            known = f"task_{len(self.charges)}"
            self.charges.append(known)
            self.jobs[known] = RemoteJob(known, done=self.synchronous)
            self.by_key[record.local_id] = known
        dies("accepted")
        if lost:
            return None  # the answer never came: the intent stays
        # A synchronous answer with its pictures inside leaves no links.
        links = {"job_id": known} if self.synchronous and self.now % 30 < 20 else None
        record = record.with_state(State.SUBMITTED, job_id=known, at=self.now, result=links)
        self.store = record.to_json()
        dies("after the record")
        return record

    @rule(crash=CRASHES, lost=st.booleans(), refused=st.booleans())
    def run_or_retry(self, crash: str, lost: bool, refused: bool) -> None:
        with contextlib.suppress(Died):
            self.execute(crash, lost, refused)

    # -- the gateway ------------------------------------------------------------------------------------------
    def open_jobs(self) -> list[RemoteJob]:
        return [j for j in self.jobs.values() if not j.done and j.state is Remote.ALIVE]

    @precondition(open_jobs)
    @rule(
        end=st.sampled_from(
            [Remote.ALIVE, Remote.ALIVE, Remote.FAILED, Remote.FAILED_FINALLY, Remote.EXPIRED]
        )
    )
    def a_job_ends(self, end: Remote) -> None:
        job = self.open_jobs()[-1]
        job.done, job.state = True, end
        if end is Remote.FAILED and job.job_id not in self.spent_failures:
            self.spent_failures.add(job.job_id)
            self.words += 1

    @precondition(lambda self: self.jobs)
    @rule()
    def the_gateway_forgets(self) -> None:
        self.jobs.popitem()

    # -- people -----------------------------------------------------------------------------------------------
    @rule(seen=st.booleans())
    def a_clear(self, seen: bool) -> None:
        """Not each clear shows as a new epoch. And a clear is no word on a submission that nobody knows of."""
        if self.store is None or self.store["state"] not in ("intent", "settled"):
            self.words += 1
        self.epoch += 1 if seen else 0

    @rule()
    def the_template_renders_otherwise(self) -> None:
        self.request = f"f{int(self.request[1:]) + 1}"

    @rule()
    def the_connection_is_edited(self) -> None:
        self.host = "h1" if self.host == "h0" else "h0"

    @precondition(lambda self: self.store is not None and self.store["state"] == "intent")
    @rule()
    def settle_or_discard(self) -> None:
        """The person looked at the gateway's books."""
        assert self.store is not None
        record = Record.from_json(self.store)
        known = self.by_key.get(record.local_id)
        if known is not None:
            links = {"job_id": known} if self.synchronous else None
            self.store = record.with_state(State.SETTLED, job_id=known, result=links).to_json()
        else:
            self.store = None
            self.discarded = True

    @precondition(lambda self: self.store is not None)
    @rule()
    def discard(self) -> None:
        """The person accepts that what is there is lost."""
        self.store = None
        self.discarded = True
        self.words += 1

    # -- what must hold -----------------------------------------------------------------------------------------
    @invariant()
    def nothing_is_paid_for_without_a_word(self) -> None:
        assert len(self.charges) <= self.words, (self.charges, self.words)

    @invariant()
    def what_is_paid_for_is_not_forgotten(self) -> None:
        assert self.store is not None or not self.charges or self.discarded

    @invariant()
    def the_record_is_readable(self) -> None:
        if self.store is not None:
            Record.from_json(self.store)


QUICK = settings(
    max_examples=70, stateful_step_count=30, deadline=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


class Idempotent(World):
    """At a gateway that remembers submissions by their key."""

    policy = Policy(idempotency_seconds=1e9)
    idempotent = True


class Reattaching(World):
    policy = Policy(on_clear="reattach", on_request_changed="reattach")


class Resubmitting(World):
    """Every new epoch pays again: a person's word each time."""

    policy = Policy(on_clear="resubmit")


class Synchronous(World):
    """There is no job: the links of the answer are in the record, or nowhere."""

    synchronous = True
    a_job_ends = None  # type: ignore[assignment]
    the_gateway_forgets = None  # type: ignore[assignment]


class SubmitsOnly(World):
    """wait_for_completion=False."""

    waits = False


class PaysForChanges(World):
    """on_request_changed='resubmit': a setting that says that each other rendering may be paid for."""

    policy = Policy(on_request_changed="resubmit")

    @rule()
    def the_template_renders_otherwise(self) -> None:
        super().the_template_renders_otherwise()
        self.words += 1


class NothingHappens(World):
    """No clears, no person, no failed job: crashes, retries and lost answers alone lead to one charge at most."""

    a_clear = None  # type: ignore[assignment]
    discard = None  # type: ignore[assignment]
    settle_or_discard = None  # type: ignore[assignment]
    a_job_ends = None  # type: ignore[assignment]

    @invariant()
    def one_charge(self) -> None:
        assert len(self.charges) <= 1


class ClearsAlone(World):
    """Nobody looks at the gateway's books, and the task is cleared again and again."""

    discard = None  # type: ignore[assignment]
    settle_or_discard = None  # type: ignore[assignment]
    a_job_ends = None  # type: ignore[assignment]
    the_gateway_forgets = None  # type: ignore[assignment]
    the_template_renders_otherwise = None  # type: ignore[assignment]

    @invariant()
    def one_charge(self) -> None:
        assert len(self.charges) <= 1, "a job that runs is gone on with, and a riddle is not paid for again"


class AcceptsTheRisk(NothingHappens):
    """on_ambiguous_submit='resubmit': one more charge, and no more."""

    policy = Policy(on_ambiguous_submit="resubmit", max_ambiguous_resubmits=1)
    the_template_renders_otherwise = None  # type: ignore[assignment]
    the_gateway_forgets = None  # type: ignore[assignment]

    @invariant()
    def nothing_is_paid_for_without_a_word(self) -> None:
        assert len(self.charges) <= 2

    @invariant()
    def one_charge(self) -> None:
        """Not promised here."""


for _cls in (
    World, Idempotent, Reattaching, Resubmitting, Synchronous, SubmitsOnly, PaysForChanges, NothingHappens, ClearsAlone,
    AcceptsTheRisk,
):  # fmt: skip
    _cls.TestCase.settings = QUICK

TestWorld = World.TestCase
TestIdempotent = Idempotent.TestCase
TestReattaching = Reattaching.TestCase
TestResubmitting = Resubmitting.TestCase
TestSynchronous = Synchronous.TestCase
TestSubmitsOnly = SubmitsOnly.TestCase
TestPaysForChanges = PaysForChanges.TestCase
TestNothingHappens = NothingHappens.TestCase
TestClearsAlone = ClearsAlone.TestCase
TestAcceptsTheRisk = AcceptsTheRisk.TestCase
