"""Carries one schedule out with the real operator, trigger, client and storage against the real sandbox."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import logging
import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from airflow.sdk.bases.operator import ExecutorSafeguard
from PIL import Image

from airflow_provider_orux.compat import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
)
from airflow_provider_orux.exceptions import OruxTaskFailedException, OruxTaskRetryException
from airflow_provider_orux.lifecycle.record import Record, State
from airflow_provider_orux.models.errors import AmbiguousSubmitError
from airflow_provider_orux.models.job import Artifact, Job, JobStatus
from airflow_provider_orux.operators.images import OruxGenerateImageOperator
from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator
from airflow_provider_orux.operators.midjourney import OruxImagineOperator
from airflow_provider_orux.triggers.jobs import OruxJobTrigger
from orux_sandbox import SandboxServer
from tests.chaos.airflow_model import Killed, Store, StoreView, TaskInstance, context_of, note_reschedule
from tests.chaos.checker import Checker, Kind, Violation
from tests.chaos.schedule import BLIND, Step, Task
from tests.crash import failpoints
from tests.versions import TaskDeferred

SETTINGS = {
    "queue_seconds": 0.02,
    "run_seconds": 0.1,
    "sync_seconds": 0.02,
    "image_scale": 0.1,
    "job_ttl_seconds": 3600.0,
    "url_seconds": 864000.0,
    "max_concurrency": 0,
    "credits": 1e9,
    "usd": 1e9,
    "yescale_sync_seconds": 0.03,
    # A person lets an hour pass; what is forgotten by then is not what is looked at here.
    "relay_task_seconds": 864000.0,
    "relay_url_seconds": 864000.0,
}
#: The ``timeout`` of the tasks, seconds: a job that never ends is to be met.
WAIT = 3.0
#: How often, at the end, a person may do what an error says before the result must be there.
ROUNDS = 8

_here = threading.local()


@dataclass
class Plan:
    """What befalls the execution of this thread."""

    die_at: str | None = None
    hold_at: str | None = None
    away: tuple[str, int] | None = None
    store: Store | None = None
    view: StoreView | None = None
    checker: Checker | None = None
    passed: list[str] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def tell(self, point: str) -> None:
        self.passed.append(point)
        if self.checker is not None and point in (self.die_at, self.hold_at) and point in BLIND:
            self.checker.excuses.add("a death or a freeze between intent and id")
        if point == "before_post" and self.checker is not None and self.view is not None:
            self.checker.pays(self.view)
        if self.away is not None and self.store is not None and self.away[0] == point:
            self.store.away, self.away = self.away[1], None
        if point == self.hold_at:
            self.hold_at = None
            self.held.set()
            self.go.wait(60)
        if point == self.die_at:
            self.die_at = None
            raise Killed(point)


def _tell(point: str) -> None:
    plan = getattr(_here, "plan", None)
    if plan is not None:
        plan.tell(point)


def prepare() -> None:
    """Once a process: the named places, and shorter patience."""
    from airflow_provider_orux.client import flow
    from airflow_provider_orux.durable import delivered, stores

    failpoints.arm(_tell)
    stores.WRITE_PATIENCE = 2.0
    delivered.PATIENCE = 1.0
    long_pause = flow.backoff
    flow.backoff = lambda *args, **kwargs: long_pause(*args, **kwargs) / 20
    logging.getLogger("airflow").setLevel(logging.CRITICAL)
    logging.getLogger().setLevel(logging.CRITICAL)


@contextmanager
def gateway() -> Any:
    """The sandbox of this process, as an Airflow connection to each of its gateways."""
    with SandboxServer(SETTINGS) as server:
        for conn_id, (name, options) in CONNECTIONS.items():
            connection = json.loads(server.connection(name))
            connection["extra"] |= {
                "read_timeout": 0.6,
                "generate_timeout": 0.8,
                "auth_grace": 0.3,
                **options,
            }
            os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection)
        yield server


CONNECTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "chaos_orux": ("orux", {}),
    "chaos_yescale": ("yescale", {}),
    "chaos_yescale_batch": ("yescale", {"batch_fetch": "on"}),
    "chaos_relay_1": ("opengpu_relay", {"generation": 1}),
    "chaos_relay_2": ("opengpu_relay", {"generation": 2}),
}


@dataclass
class Execution:
    """One run of ``execute`` or ``resume_execution`` in a thread of its own."""

    plan: Plan
    thread: threading.Thread
    ti_id: Any
    submits: bool
    ending: tuple[str, Any] = ("", None)
    #: Airflow recorded its success.
    accepted: bool = False
    #: The success callbacks ran to their end.
    called_back: bool = False

    @property
    def may_pay(self) -> bool:
        """Whether it may still send a paid request."""
        return self.submits and self.thread.is_alive() and "answer_arrived" not in self.plan.passed


class Drive:
    """One schedule.

    :param say: told what happens, step by step.
    :param task: how the task is set; None: the seed decides.
    """

    def __init__(
        self, seed: int, server: SandboxServer, say: Callable[[str], object], *, task: Task | None = None
    ) -> None:
        self.dice = random.Random(seed)
        self.server = server
        self.say = say
        self.out = Path(tempfile.mkdtemp(prefix="orux-chaos-"))
        self.task = task or Task.of(self.dice, seed=seed)
        self.prompt = "a lighthouse"
        self.ti = TaskInstance(retries=self._operator().retries, run_id=f"seed_{seed}")
        self.store = Store(self.ti)
        self.stale: list[Execution] = []
        self.last_error: BaseException | None = None
        self.never_finish = False
        self.companion: str | None = None
        self.checker = Checker(
            self.task, server, self.out, say, in_flight=lambda: sum(e.may_pay for e in self.stale)
        )
        self.store.on_record = lambda old, new: self.checker.record_written(old, new, self.ti)

    # -- the whole -----------------------------------------------------------------------------------------
    @property
    def told(self) -> str:
        """What the task's log says of its last error."""
        error = getattr(self.last_error, "error", None)
        return error.report() if error is not None else str(self.last_error)

    def run(self) -> list[Violation]:
        """Carry it out; the violations."""
        self.server.reset()
        self._choose_reading()
        self.say(str(self.task))
        try:
            self._storm()
            self._calm()
            self.checker.end(self.ti, self.store, self.prompt)
        except Exception as e:
            self.checker.wrong(
                Kind.HARNESS, f"the schedule could not be carried out: {type(e).__name__}: {e}"
            )
            raise
        finally:
            for execution in self.stale:
                execution.plan.go.set()
            shutil.rmtree(self.out, ignore_errors=True)
        return self.checker.violations

    def _choose_reading(self) -> None:
        """Where a gateway's documents can be read in two ways, either may be played."""
        dice, way = self.dice, self.task.way
        if way.gateway == "orux":
            self.server.configure(grid="four" if self.task.several else "one")
        elif way.gateway == "yescale":
            self.server.configure(
                yescale_result=dice.choice(("string", "number")),
                yescale_rewrites_codes=dice.random() < 0.5,
                yescale_unknown_mj_task=dice.choice(("task_no_found", "empty")),
                yescale_list=dice.choice(("served", "served", "refused")),
                yescale_unindexed_seconds=dice.choice((0.0, 0.05)),
            )
        else:
            self.server.configure(relay_generation=way.generation)
        if self.task.batch:
            self._start_companion()

    def _start_companion(self) -> None:
        """Another job of the account that never ends: a trigger that waits for both may ask for both at once."""
        image = io.BytesIO()
        Image.new("RGB", (64, 64), "orange").save(image, "PNG")
        endpoint = "yescale.mj.submit.describe"
        self.server.order_fault({"endpoint": endpoint, "then": {"job": "never_finish"}})
        answer = httpx.post(
            f"{self.server.url_of('yescale')}/mj/submit/describe",
            json={"base64": f"data:image/png;base64,{base64.b64encode(image.getvalue()).decode()}"},
            headers={"Authorization": f"Bearer {self.server.key_of('yescale')}"},
        )
        raw_id = str(answer.raise_for_status().json()["result"])
        self.checker.others.add(raw_id)
        self.companion = self.task.way.handle(raw_id)

    def _storm(self) -> None:
        clears = self.dice.choice((0, 1, 1, 2, 3))
        for _ in range(24):
            if self.ti.state in ("success", "failed"):
                if not clears:
                    break
                clears -= 1
                if self.dice.random() < 0.15:
                    self._change_request()
                self._clear(running=False)
            step = Step.of(
                self.dice,
                task=self.task,
                resuming=self.ti.next_method is not None,
                recorded=self.store.record() is not None,
            )
            self.step(step)
        self._let_stale_go()

    def _calm(self) -> None:
        """All faults end; a person does what the errors say, until the result is there."""
        self.checker.count(self.store.record())
        self.server.clear_faults()
        self.server.configure(yescale_unindexed_seconds=0.0)
        self.store.away = self.store.hidden = 0
        self._let_stale_go()
        for _ in range(ROUNDS):
            while self.ti.state not in ("success", "failed"):
                self.step(Step())
            if self.ti.state == "success":
                return
            if self.never_finish:
                self.say("a person: time passes, the job that never ended expires")
                self.server.advance_clock(4000)
                self.never_finish = False
            self._settle_if_asked()
            self._clear(running=False)
        self.checker.wrong(Kind.NO_SUCCESS, f"after {ROUNDS} rounds of a person's help: {self.told}")

    # -- what a person does ----------------------------------------------------------------------------------
    def _clear(self, *, running: bool) -> None:
        for execution in self.stale:
            if execution.ti_id == self.ti.id and execution.plan.go.is_set():
                # It was given up with no try left, so it goes on as if nothing had happened until somebody clears:
                # whether that is before or after its end must not hang on this machine.
                execution.thread.join(60)
        self.checker.cleared(self.store.record(), self.ti, changed=self._changed())
        self.ti.clear(running=running, counts=self.dice.random() < 0.5)
        self.say(f"cleared{' while running' if running else ''}: max_tries {self.ti.max_tries}")

    def _changed(self) -> bool:
        return self.prompt != self.checker.last_prompt()

    def _change_request(self) -> None:
        self.prompt = f"a lighthouse {self.dice.randrange(10**6)}"
        self.checker.request_changed(self.store.record(), self.ti)
        self.say(f"the request renders otherwise from now on: {self.prompt}")

    def _settle_if_asked(self) -> None:
        """Look at the gateway, and say what is there, as ``airflow orux ledger settle|discard`` does."""
        value = self.store.record()
        if value is None:
            return
        if "request changed" in self.told and (first := self.checker.last_prompt()) is not None:
            self.say(f"what changes is taken out of the template: {first}")
            self.prompt = first
        if (
            value["state"] == "submitted"
            and self.task.on_clear == "reattach"
            and "ledger discard" in self.told
        ):
            self.say("the job is given up: discarded")
            del self.store.rows["orux_ledger"]
            self.checker.given_up(value["job_id"])
        if value["state"] != "intent":
            return
        record = Record.from_json(value)
        known = self.checker.known_jobs
        jobs = [job_id for job_id in self.checker.paid() if job_id not in known]
        if jobs and not record.synchronous:
            self.say(f"settled as {jobs[-1]}")
            settled = record.changed(
                state=State.SETTLED, job_id=self.task.way.handle(jobs[-1]), updated_at=time.time()
            )
            self.store.rows["orux_ledger"] = json.dumps(settled.to_json())
            self.checker.settled(jobs)
        elif (links := self._links(jobs)) and self.dice.random() < 0.5:
            self.say("settled with the links of the images")
            job = Job(
                record.submission_id,
                JobStatus.SUCCEEDED,
                self.task.gateway,
                artifacts=tuple(Artifact(url=link) for link in links),
                charged="yes",
            )
            settled = record.changed(
                state=State.SETTLED, job_id=job.job_id, result=job.to_dict(), updated_at=time.time()
            )
            self.store.rows["orux_ledger"] = json.dumps(settled.to_json())
            self.checker.settled(jobs)
        else:
            self.say("discarded")
            del self.store.rows["orux_ledger"]
            self.checker.discarded(jobs)

    def _links(self, jobs: list[str]) -> list[str]:
        """The links of a lost synchronous generation that the gateway shows."""
        shown = {j["id"]: j["urls"] for j in self.server.jobs()}
        return list(shown[jobs[-1]]) if jobs else []

    # -- one step ----------------------------------------------------------------------------------------------
    def step(self, step: Step) -> None:
        """One execution, or what happens to a task that is deferred."""
        if step.request_changes:
            self._change_request()
        for order in step.faults:
            self.never_finish = self.never_finish or order["then"].get("job") in ("never_finish", "modal")
            self.server.order_fault(order)
            self.say(f"fault: {order['endpoint']} {order['then']} x{order['times']}")
        self.store.hidden = step.hidden_reads
        if step.store_away or step.hidden_reads:
            self.checker.excuses.add("the store")
        if self.ti.state == "deferred":
            self._while_deferred(step)
            return
        execution = self._begin(step)
        if step.hold_at is not None and self._is_held(execution):
            self.say(f"frozen at {step.hold_at}, given up")
            self.stale.append(execution)
            if step.cleared_while_held:
                self._clear(running=True)
            else:
                self.ti.failed()
                if self.ti.state == "failed":
                    # No try is left, so nothing fences it: until a clear it may still write and send.
                    self.checker.excuses.add("a worker that went on after its last try was given up")
            if not step.held_until_after:
                execution.plan.go.set()
            return
        execution.thread.join(60)
        if execution.thread.is_alive():
            self.checker.wrong(Kind.HARNESS, f"an execution hangs after {execution.plan.passed}")
            raise RuntimeError("an execution hangs")
        self._ended(execution)
        if self.stale and self.dice.random() < 0.6:
            self._let_stale_go()

    def _is_held(self, execution: Execution) -> bool:
        while execution.thread.is_alive():
            if execution.plan.held.wait(0.02):
                return True
        return execution.plan.held.is_set()

    def _begin(self, step: Step) -> Execution:
        operator = self._operator()
        context = context_of(self.ti, self.store, operator)
        plan = Plan(
            step.die_at, step.hold_at, step.store_away, self.store, context["task_state_store"], self.checker
        )
        method = self.ti.next_method
        self.checker.execution_begins(self.store.record())
        self.ti.state = "running"
        self.say(
            f"try {self.ti.try_number} of {self.ti.max_tries + 1}: {'resume' if method else 'execute'}"
            + (f", dies at {step.die_at}" if step.die_at else "")
            + (f", store away {step.store_away}" if step.store_away else "")
            + (f", {step.hidden_reads} reads hidden" if step.hidden_reads else "")
            + (", taken for failed in the end" if step.false_failure else "")
        )

        def work() -> None:
            _here.plan = plan
            ExecutorSafeguard.tracker.set(operator)
            try:
                if method is None:
                    value = operator.execute(context)
                else:
                    value = operator.resume_execution(method[0], method[1], context)
                execution.ending = ("result", value)
            except BaseException as e:
                execution.ending = ("raised", e)
                return
            if self.ti.id == execution.ti_id and self.ti.state == "running":
                if step.false_failure:
                    self.ti.failed()
                else:
                    self.ti.state, execution.accepted = "success", True
            # Airflow calls these also after its API server has rejected the success.
            with contextlib.suppress(Killed):
                for callback in operator.on_success_callback:
                    callback(context)
                execution.called_back = True

        execution = Execution(
            plan, threading.Thread(target=work, daemon=True), self.ti.id, submits=method is None
        )
        execution.thread.start()
        return execution

    def _conn_id(self) -> str:
        if self.task.gateway == "opengpu_relay":
            return f"chaos_relay_{self.task.way.generation}"
        return f"chaos_{self.task.gateway}" + ("_batch" if self.task.batch else "")

    def _operator(self) -> Any:
        way = self.task.way
        common: dict[str, Any] = {
            "task_id": "pay",
            "conn_id": self._conn_id(),
            "deferrable": self.task.deferrable,
            "wait_for_completion": self.task.wait_for_completion,
            "timeout": WAIT,
            "poll_interval": 0.05,
            "save_to": f"file://{self.out}",
            "on_clear": self.task.on_clear,
            "on_request_changed": self.task.on_request_changed,
            "on_ambiguous_submit": self.task.on_ambiguous_submit,
            "on_partial": self.task.on_partial,
            "prompt": self.prompt,
        }
        if self.task.retries is not None:
            common["retries"] = self.task.retries
        if self.task.free_retries is not None:
            common["free_retries"] = self.task.free_retries
        if way.operator == "imagine":
            return OruxImagineOperator(**common)
        options = {**way.options, **((way.several or {}) if self.task.several else {})}
        cls = OruxGenerateImageOperator if way.operator == "generate" else OruxSubmitJobOperator
        return cls(model=way.model, options=options, **common)

    def _ended(self, execution: Execution) -> None:
        kind, value = execution.ending
        self.checker.execution_ended(self.store.record(), value if execution.accepted else None)
        if kind == "result" and not execution.accepted:
            self.say(f"it succeeded with job {value['job_id']}, and Airflow takes it for failed")
        elif kind == "result":
            if execution.called_back:
                self.checker.called_back(self.store.record())
            self.say(f"result: job {value['job_id']}")
            self.ti.xcom_value = json.loads(json.dumps(value))  # type: ignore[attr-defined]
            self.ti.state = "success"
            self.ti.next_method = None
        elif isinstance(value, TaskDeferred):
            self.say("deferred")
            self.ti.state = "deferred"
            path, arguments = value.trigger.serialize()
            self.checker.deferred(self.store.record(), arguments["job_id"])
            self.ti.next_method = (value.method_name, {"trigger": json.loads(json.dumps(arguments))})
            if not path.endswith(".OruxJobTrigger"):
                self.checker.wrong(Kind.HARNESS, f"another trigger: {path}")
        elif isinstance(value, AirflowRescheduleException):
            self.say("rescheduled")
            note_reschedule(self.ti)
        elif isinstance(value, Killed):
            self.say(f"died at {value}")
            self.ti.failed()
        else:
            self.last_error = value
            self.say(f"{type(value).__name__}: {value}")
            if not isinstance(value, (OruxTaskFailedException, OruxTaskRetryException)):
                self.checker.wrong(Kind.UNTYPED_END, f"{type(value).__name__}: {value}")
            elif (
                isinstance(value.error, AmbiguousSubmitError)
                and value.error.final
                and value.error.http_status != 422  # an idempotency key that meets another request
            ):
                for command in ("ledger settle chaos", "ledger discard chaos"):
                    if command not in value.error.report():
                        self.checker.wrong(Kind.NO_ADVICE, f"it does not name `{command} …`: {value}")
            self.checker.asked(getattr(value, "error", None))
            if isinstance(value, AirflowFailException) or not isinstance(value, AirflowException):
                self.ti.state = "failed"
            else:
                self.ti.failed()

    def _while_deferred(self, step: Step) -> None:
        assert self.ti.next_method is not None
        method, kept = self.ti.next_method
        if step.trigger.startswith("cleared"):
            if step.trigger == "cleared meanwhile":
                self._fire(kept["trigger"])  # its event is too late
            self._clear(running=False)
            return
        if step.trigger == "crashes":
            self.say("the trigger crashes")
            self.ti.next_method = ("__fail__", {"error": "Trigger failure", "traceback": ["…"]})
        elif step.trigger == "times out":
            self.say("the deferral times out")
            self.ti.next_method = ("__fail__", {"error": "Trigger timeout"})
        else:
            if step.trigger == "dies first":
                self._fire(kept["trigger"], patience=0.08)
            event = self._fire(kept["trigger"])
            self.say(f"the trigger fires: {event.get('kind')} {(event.get('error') or {}).get('type', '')}")
            self.ti.next_method = (method, {"event": event})
        # The same try goes on, with what is left of this step.
        self.ti.state = "queued"

    def _fire(self, arguments: dict[str, Any], *, patience: float = 60.0) -> dict[str, Any]:
        """Run the trigger as a triggerer does, from its stored arguments; its event after a JSON round trip."""

        async def first() -> Any:
            trigger = OruxJobTrigger(**arguments)
            events = trigger.run()
            beside = []
            if self.companion is not None:
                other = OruxJobTrigger(**{**arguments, "job_id": self.companion})
                beside = [asyncio.ensure_future(anext(other.run()))]
            try:
                return await asyncio.wait_for(anext(events), patience)
            finally:
                for waiting in beside:
                    waiting.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
                await events.aclose()  # type: ignore[attr-defined]

        try:
            event = asyncio.run(first())
        except asyncio.TimeoutError:
            if patience > 1:
                self.checker.wrong(Kind.HARNESS, "a trigger did not fire")
            return {}
        return dict(json.loads(json.dumps(event.payload)))

    def _let_stale_go(self) -> None:
        for execution in self.stale:
            execution.plan.go.set()
            execution.thread.join(60)
            kind, value = execution.ending
            self.say(
                f"the frozen execution ended: {kind} {type(value).__name__}, after {execution.plan.passed[-3:]}"
            )
            # With no retry left Airflow keeps the id until a clear: then the frozen one is the only one there is.
            if execution.ti_id == self.ti.id and self.ti.state != "failed":
                self.checker.wrong(Kind.HARNESS, "a stale execution has the id of the new one")
            if isinstance(value, BaseException) and not isinstance(
                value,
                (
                    Killed,
                    TaskDeferred,
                    AirflowRescheduleException,
                    OruxTaskFailedException,
                    OruxTaskRetryException,
                ),
            ):
                self.checker.wrong(Kind.UNTYPED_END, f"of a stale one: {type(value).__name__}: {value}")
        self.stale = []
        self.checker.count(self.store.record())
