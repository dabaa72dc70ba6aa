"""Random lives of a task instance: whatever dies at whatever moment, nothing is paid for twice without a word.

A small world around ``decide``: a gateway that keeps its books, a state store, an Airflow that may misreport how a task
ended, a worker that carries the decisions out as ``durable/`` does and may die at each boundary. What the gateway's
books say is compared with what was asked for.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from airflow_provider_orux.lifecycle.ledger import Action, Attempt, Decision, Policy, RemoteState, decide
from airflow_provider_orux.lifecycle.record import Record, State

CRASHES = st.sampled_from(
    ["", "", "before the check", "before the intent", "after the intent", "sent", "accepted", "after the record",
     "before the end", "after the end"]
)  # fmt: skip
#: What Airflow makes of a task that returned its result.
HEARD = st.sampled_from(["success", "success", "success, and the worker died before the mark", "failed"])
#: Seconds by which the clock of this attempt's worker is wrong. Two of them differ by less than the margin, or by days.
SKEWS = st.sampled_from([0.0, 0.0, 0.0, 290.0, -290.0, 1e5, -1e5])
#: Seconds for which a gateway remembers an idempotency key.
LIFETIME = 7200.0


class Died(Exception):
    """The worker is gone; what is written stays written."""


@dataclass
class RemoteJob:
    job_id: str
    account: str
    state: RemoteState = RemoteState.ALIVE
    done: bool = False


class World(RuleBasedStateMachine):
    """One task instance of one run."""

    policy = Policy()
    idempotent = False
    synchronous = False
    #: False: the task is finished as soon as it knows its job (wait_for_completion=False).
    waits = True
    #: ``[state_store] clear_on_success``.
    clear_on_success = False

    def __init__(self) -> None:
        super().__init__()
        self.now = 1e6
        self.max_tries = 0
        self.request = 0
        self.host = "https://h0"
        self.account = "a" * 32
        self.store: dict | None = None
        self.jobs: dict[str, RemoteJob] = {}
        self.by_key: dict[tuple[str, str], tuple[str, float]] = {}
        self.charges: list[str] = []
        # What people, the gateway and the settings said that allows one more charge each.
        self.words = 1  # the run itself
        #: The jobs that the record knew since it was last discarded.
        self.recorded: set[str] = set()
        #: Airflow recorded a success with the result that is recorded.
        self.received = False
        #: A person cleared the task since the last submission.
        self.cleared = False
        self.seen_clear_of_green = False
        self.green = False

    # -- the worker -------------------------------------------------------------------------------------------
    def execute(self, crash: str, lost: bool, refused: bool, heard: str, skew: float) -> None:
        self.now += 10
        at = self.now + skew

        def dies(where: str) -> None:
            if crash == where:
                raise Died

        record = self.read()
        attempt = Attempt(
            max_tries=self.max_tries, fingerprint=f"{self.request:064x}", conn_id="c", host=self.host, gateway="orux",
            at=at, synchronous=self.synchronous, account=self.account,
        )  # fmt: skip
        decision = decide(record, attempt, self.policy)
        if decision.action is Action.CHECK:
            dies("before the check")
            assert record is not None
            decision = decide(record, attempt, self.policy, self.remote_of(record))
        self.what_a_clear_promises(record, attempt, decision)
        if decision.action is Action.FAIL:
            return
        if decision.action is Action.RETURN:
            assert record is not None
            assert record.result is not None
            self.airflow_hears(heard, dies)
            return
        if decision.action is Action.REATTACH:
            assert record is not None
            settled, other_form = record.state is State.SETTLED, attempt.fingerprint != record.fingerprint
            record = record.changed(
                state=State.SUBMITTED, max_tries=self.max_tries,
                fingerprint=attempt.fingerprint if settled else record.fingerprint,
                reattached_fingerprint=attempt.fingerprint if other_form else record.reattached_fingerprint,
            )  # fmt: skip
            self.write(record)
            dies("after the record")
        else:
            submitted = self.submit(record, attempt, decision, dies, lost, refused)
            if submitted is None:
                return
            record = submitted
        dies("before the end")
        job = self.jobs.get(str(record.job_id))
        if job is not None and (not self.waits or (job.done and job.state is RemoteState.ALIVE)):
            self.write(
                record.changed(
                    state=State.FINISHED, result={"job_id": job.job_id}, delivered=False, updated_at=at
                )
            )
            self.received = False
            dies("after the end")
            self.airflow_hears(heard, dies)

    def airflow_hears(self, heard: str, dies) -> None:
        """The task returned. The state that Airflow records, and the callback that marks the record."""
        dies("after the end")
        if heard == "failed":
            return  # a late executor event: the task is failed although it has its result
        self.received = self.green = True
        self.cleared = False  # the person who cleared it has a green task
        if self.clear_on_success:
            self.store = None
            self.recorded.clear()
        record = self.read()
        if (
            heard == "success"
            and record is not None
            and record.state is State.FINISHED
            and not record.delivered
        ):
            self.write(record.changed(delivered=True, max_tries=self.max_tries))

    def what_a_clear_promises(self, record: Record | None, attempt: Attempt, decision: Decision) -> None:
        """The decision, compared with what really happened and not with what the record says."""
        if record is None or record.state is not State.FINISHED:
            return
        same = attempt.fingerprint in (record.fingerprint, record.reattached_fingerprint)
        if not self.received and same and self.policy.on_clear != "resubmit":
            assert decision.action is Action.RETURN, "nobody received that result"
        if self.seen_clear_of_green and self.policy.on_clear == "auto":
            assert decision.action is Action.SUBMIT, "a person asked for a new one"

    def remote_of(self, record: Record) -> RemoteState:
        if self.synchronous:
            return RemoteState.EXPIRED if record.result is None else RemoteState.ALIVE
        job = self.jobs.get(str(record.job_id))
        return RemoteState.UNKNOWN if job is None or job.account != self.account else job.state

    def submit(self, record, attempt, decision, dies, lost, refused):
        dies("before the intent")
        before = record
        if decision.action is Action.RESEND:
            record = record.changed(max_tries=self.max_tries)
        else:
            self.nobody_needs_the_earlier_one(record, attempt)
            record = Record(
                state=State.INTENT, max_tries=self.max_tries, fingerprint=attempt.fingerprint, conn_id="c",
                host=self.host, updated_at=attempt.at, submission_id=f"key-{self.now}", resubmits=decision.resubmits,
                synchronous=self.synchronous, account=self.account,
                earlier=() if record is None else record.superseded(at=attempt.at),
            )  # fmt: skip
        self.write(record)
        dies("after the intent")
        if refused:
            # Proven not accepted: what was known before holds again.
            self.write(before)
            return None
        self.cleared = self.seen_clear_of_green = self.green = False
        key = (self.account, record.submission_id)
        known, since = self.by_key.get(key, (None, 0.0))
        if known is None or not self.idempotent or self.now - since >= LIFETIME:
            dies("sent")  # the request never arrived, and nobody can tell
            known = f"task_{len(self.charges)}"
            self.charges.append(known)
            self.jobs[known] = RemoteJob(known, self.account, done=self.synchronous)
            self.by_key[key] = known, self.now
        dies("accepted")
        if lost:
            return None  # the answer never came: the intent stays
        # A synchronous answer with its images inside leaves no URLs.
        urls = {"job_id": known} if self.synchronous and self.now % 30 < 20 else None
        record = record.changed(state=State.SUBMITTED, job_id=known, updated_at=attempt.at, result=urls)
        self.write(record)
        dies("after the record")
        return record

    def nobody_needs_the_earlier_one(self, record: Record | None, attempt: Attempt) -> None:
        """A new job is about to be paid for. By the gateway's books: is it wanted?"""
        if record is None:
            return
        policy = self.policy
        same = attempt.fingerprint in (record.fingerprint, record.reattached_fingerprint)
        job = self.jobs.get(str(record.job_id))
        failed = job is not None and job.state is RemoteState.FAILED
        assert record.state is not State.SETTLED
        if record.state is State.INTENT:
            assert policy.on_ambiguous_submit == "resubmit"
            return
        assert (
            self.cleared
            or (failed and policy.paying_retries)
            or (not same and policy.on_request_changed == "resubmit")
        ), "nobody asked"
        if self.cleared and policy.on_clear == "resubmit":
            return
        if record.state is State.SUBMITTED and not self.synchronous:
            assert job is not None, "how it is cannot be told"
            assert job.state is not RemoteState.ALIVE or not same

    def read(self) -> Record | None:
        return None if self.store is None else Record.from_json(self.store)

    def write(self, record: Record | None) -> None:
        self.store = None if record is None else record.to_json()
        if record is not None and record.job_id is not None:
            self.recorded.add(record.job_id)

    @rule(crash=CRASHES, lost=st.booleans(), refused=st.booleans(), heard=HEARD, skew=SKEWS)
    def run_or_retry(self, crash: str, lost: bool, refused: bool, heard: str, skew: float) -> None:
        if self.clear_on_success and self.green and not self.cleared:
            return  # a success is not run again; and here nothing would be left to tell
        with contextlib.suppress(Died):
            self.execute(crash, lost, refused, heard, skew)

    # -- the gateway ------------------------------------------------------------------------------------------
    def open_jobs(self) -> list[RemoteJob]:
        return [j for j in self.jobs.values() if not j.done and j.state is RemoteState.ALIVE]

    @precondition(open_jobs)
    @rule(
        end=st.sampled_from(
            [RemoteState.ALIVE] * 3 + [RemoteState.FAILED, RemoteState.FAILED_FINALLY, RemoteState.EXPIRED]
        )
    )
    def a_job_ends(self, end: RemoteState) -> None:
        job = self.open_jobs()[-1]
        job.done, job.state = True, end
        if end is RemoteState.FAILED and self.policy.paying_retries:
            self.words += 1

    @precondition(lambda self: self.jobs)
    @rule()
    def the_gateway_forgets(self) -> None:
        self.jobs.popitem()

    # -- people -----------------------------------------------------------------------------------------------
    @rule(seen=st.booleans())
    def a_clear(self, seen: bool) -> None:
        """Not each clear shows as other max_tries.

        It is no word on a submission that nobody knows of, nor on a result that nobody received.
        """
        record = self.read()
        state = record.state if record is not None else None
        self.cleared = True
        if (
            state is State.SUBMITTED
            or (state is State.FINISHED and (self.received or self.policy.on_clear == "resubmit"))
            or (state is None and self.green)
        ):
            self.words += 1
        self.max_tries += 1 if seen else 0
        if seen and record is not None and record.delivered:
            self.seen_clear_of_green = True

    @rule()
    def a_person_marks_it_as_a_success(self) -> None:
        """No worker runs then, and nothing is delivered."""

    @rule()
    def the_template_renders_otherwise(self) -> None:
        self.request += 1

    @rule()
    def the_connection_is_edited(self) -> None:
        self.host = "https://h1" if self.host == "https://h0" else "https://h0"

    @rule()
    def the_key_is_replaced(self) -> None:
        self.account = ("b" if self.account[0] == "a" else "a") * 32

    @rule(seconds=st.sampled_from([1000.0, 3500.0, 7400.0, 10_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.store is not None and self.store["state"] == "intent")
    @rule()
    def settle_or_discard(self) -> None:
        """The person looked at the gateway's books."""
        record = self.read()
        assert record is not None
        keys = [(account * 32, record.submission_id) for account in "ab"]
        known = next((self.by_key[key][0] for key in keys if key in self.by_key), None)
        if known is not None:
            urls = {"job_id": known} if self.synchronous else None
            self.write(record.changed(state=State.SETTLED, job_id=known, result=urls))
        else:
            self.give_up()

    @precondition(lambda self: self.store is not None)
    @rule()
    def discard(self) -> None:
        """The person accepts that what is there is lost."""
        self.give_up()
        self.words += 1

    def give_up(self) -> None:
        self.store = None
        self.recorded.clear()
        self.green = self.received = self.seen_clear_of_green = False

    # -- what must hold -----------------------------------------------------------------------------------------
    @invariant()
    def nothing_is_paid_for_without_a_word(self) -> None:
        assert len(self.charges) <= self.words, (self.charges, self.words)

    @invariant()
    def what_is_paid_for_is_not_forgotten(self) -> None:
        """Each job that the record ever knew is still in it, as its own or among the earlier ones."""
        record = self.read()
        known = {record.job_id, *(e.job_id for e in record.earlier)} if record is not None else set()
        assert self.recorded <= known

    @invariant()
    def a_mark_means_that_it_was_received(self) -> None:
        record = self.read()
        assert record is None or not record.delivered or record.state is not State.FINISHED or self.received


QUICK = settings(
    max_examples=70, stateful_step_count=30, deadline=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


class Idempotent(World):
    """At a gateway that remembers submissions by their key, for a while."""

    policy = Policy(idempotency_seconds=LIFETIME)
    idempotent = True


class Reattaching(World):
    policy = Policy(on_clear="reattach", on_request_changed="reattach")


class Resubmitting(World):
    """Every clear that shows pays again: a person's word each time."""

    policy = Policy(on_clear="resubmit")


class PayingRetries(World):
    """The author set retries: one may pay for a new job after one failed."""

    policy = Policy(paying_retries=True)


class Synchronous(World):
    """There is no job: the URLs of the answer are in the record, or nowhere."""

    synchronous = True
    a_job_ends = None  # type: ignore[assignment]
    the_gateway_forgets = None  # type: ignore[assignment]


class SubmitsOnly(World):
    """wait_for_completion=False."""

    waits = False


class ForgetsSuccesses(World):
    """[state_store] clear_on_success: the record goes with the success, and the mark does not make it anew."""

    clear_on_success = True

    @invariant()
    def nothing_is_marked(self) -> None:
        record = self.read()
        assert record is None or not record.delivered


class PaysForChanges(World):
    """on_request_changed='resubmit': a setting that says that each other rendering may be paid for."""

    policy = Policy(on_request_changed="resubmit")

    @rule()
    def the_template_renders_otherwise(self) -> None:
        super().the_template_renders_otherwise()
        self.words += 1


class NothingHappens(World):
    """No clears, no person: crashes, retries, lost answers and failed jobs alone lead to one charge at most."""

    a_clear = None  # type: ignore[assignment]
    discard = None  # type: ignore[assignment]
    settle_or_discard = None  # type: ignore[assignment]

    @invariant()
    def one_charge(self) -> None:
        assert len(self.charges) <= 1, "the retries are free"


class ClearsAlone(World):
    """Nobody looks at the gateway's books, Airflow never believes a success, and the task is cleared again and again."""

    discard = None  # type: ignore[assignment]
    settle_or_discard = None  # type: ignore[assignment]
    the_gateway_forgets = None  # type: ignore[assignment]
    the_template_renders_otherwise = None  # type: ignore[assignment]

    @precondition(World.open_jobs)
    @rule()
    def a_job_ends(self) -> None:
        super().a_job_ends(RemoteState.ALIVE)

    def airflow_hears(self, heard: str, dies) -> None:
        super().airflow_hears("failed", dies)

    @invariant()
    def one_charge(self) -> None:
        assert len(self.charges) <= 1, (
            "a job that runs is waited for, its result returned, a riddle not paid for again"
        )


class ClearsOfGreenTasks(World):
    """Everything works, and a person who clears a green task gets a new result each time, however often."""

    discard = settle_or_discard = the_gateway_forgets = the_template_renders_otherwise = None  # type: ignore[assignment]
    the_key_is_replaced = the_connection_is_edited = a_clear = None  # type: ignore[assignment]

    @rule()
    def run_or_retry(self) -> None:
        self.execute("", lost=False, refused=False, heard="success", skew=0.0)

    @precondition(World.open_jobs)
    @rule()
    def a_job_ends(self) -> None:
        super().a_job_ends(RemoteState.ALIVE)

    @precondition(lambda self: self.green)
    @rule()
    def a_person_clears_the_green_task(self) -> None:
        paid = len(self.charges)
        self.a_clear_of(World.a_clear)
        self.run_or_retry()
        assert len(self.charges) == paid + 1

    def a_clear_of(self, clear) -> None:
        clear(self, True)


class Misreported(World):
    """Jobs succeed and workers live; Airflow misreports what it likes, runs tasks again, and people clear them."""

    discard = settle_or_discard = the_gateway_forgets = the_template_renders_otherwise = None  # type: ignore[assignment]
    the_key_is_replaced = the_connection_is_edited = time_passes = None  # type: ignore[assignment]

    @rule(heard=HEARD)
    def run_or_retry(self, heard: str) -> None:
        super().run_or_retry("", False, False, heard, 0.0)

    @precondition(World.open_jobs)
    @rule()
    def a_job_ends(self) -> None:
        super().a_job_ends(RemoteState.ALIVE)


class AnswersAreLost(NothingHappens):
    """Hardly an answer comes, keys are replaced, clocks are wrong, days pass: the key makes it one charge."""

    policy = Policy(idempotency_seconds=LIFETIME)
    idempotent = True
    the_template_renders_otherwise = the_gateway_forgets = the_connection_is_edited = None  # type: ignore[assignment]
    a_job_ends = a_person_marks_it_as_a_success = None  # type: ignore[assignment]

    @rule(
        crash=st.sampled_from(["", "after the intent", "sent", "accepted"]),
        skew=st.sampled_from([0.0, 290.0, -290.0, 1e5, -1e5]),
    )
    def run_or_retry(self, crash: str, skew: float) -> None:
        super().run_or_retry(crash, True, False, "success", skew)

    @rule(seconds=st.sampled_from([LIFETIME + 200, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds


class ClocksDiffer(AnswersAreLost):
    """By less than the margin: the key is not relied on at the end of its life."""

    the_key_is_replaced = None  # type: ignore[assignment]

    @rule(skew=st.sampled_from([290.0, -290.0]))
    def run_or_retry(self, skew: float) -> None:
        super().run_or_retry("accepted", skew)


class AcceptsTheRisk(AnswersAreLost):
    """on_ambiguous_submit='resubmit': one more charge, and no more."""

    policy = Policy(on_ambiguous_submit="resubmit")
    idempotent = False

    @invariant()
    def nothing_is_paid_for_without_a_word(self) -> None:
        assert len(self.charges) <= 2

    @invariant()
    def one_charge(self) -> None:
        """Not promised here."""


MANY = settings(QUICK, max_examples=300, stateful_step_count=10)

for _cls in (
    World, Idempotent, Reattaching, Resubmitting, PayingRetries, Synchronous, SubmitsOnly, ForgetsSuccesses,
    PaysForChanges, NothingHappens, ClearsAlone, ClearsOfGreenTasks, AnswersAreLost,
    Misreported, ClocksDiffer, AcceptsTheRisk,
):  # fmt: skip
    _cls.TestCase.settings = MANY if issubclass(_cls, AnswersAreLost) else QUICK

TestWorld = World.TestCase
TestIdempotent = Idempotent.TestCase
TestReattaching = Reattaching.TestCase
TestResubmitting = Resubmitting.TestCase
TestPayingRetries = PayingRetries.TestCase
TestSynchronous = Synchronous.TestCase
TestSubmitsOnly = SubmitsOnly.TestCase
TestForgetsSuccesses = ForgetsSuccesses.TestCase
TestPaysForChanges = PaysForChanges.TestCase
TestNothingHappens = NothingHappens.TestCase
TestClearsAlone = ClearsAlone.TestCase
TestClearsOfGreenTasks = ClearsOfGreenTasks.TestCase
TestAnswersAreLost = AnswersAreLost.TestCase
TestMisreported = Misreported.TestCase
TestClocksDiffer = ClocksDiffer.TestCase
TestAcceptsTheRisk = AcceptsTheRisk.TestCase
