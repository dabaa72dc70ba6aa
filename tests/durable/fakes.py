"""One task instance over its attempts, without Airflow, network or disk.

Real: ``DurableJob``, ``Ledger``, ``TaskStateStore``, ``decide``, the advice, the client's flow and the gateway's wire.
Fake: what lies outside. ``World.events`` holds, in order, what reached it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from airflow_provider_orux.client.flow import Pause, TransportFailure
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.sync import GatewayClient
from airflow_provider_orux.durable.identity import TaskIdentity
from airflow_provider_orux.durable.job import DurableJob, Finished
from airflow_provider_orux.durable.ledger import Ledger
from airflow_provider_orux.durable.stores import RecordStore, TaskStateStore
from airflow_provider_orux.gateways.opengpu_relay.gateway import OpenGPURelayGateway
from airflow_provider_orux.gateways.orux import OruxGateway
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.lifecycle.ledger import Attempt, Policy
from airflow_provider_orux.lifecycle.polling import Wait
from airflow_provider_orux.lifecycle.record import RECORD_KEY, Record, State
from airflow_provider_orux.models import opengpu_relay, orux
from airflow_provider_orux.models.errors import ArtifactError
from airflow_provider_orux.models.job import Job, JobStatus
from airflow_provider_orux.models.requests import GenerationRequest

IMAGINE = orux.MidjourneyV7(prompt="a lighthouse")
OTHER = orux.MidjourneyV7(prompt="a windmill")
IMAGE = orux.GptImage2(prompt="a lighthouse")
FLUX = opengpu_relay.Flux2Pro(prompt="a lighthouse")
#: A route that stores what it makes.
QWEN = opengpu_relay.QwenImage(prompt="a lighthouse")
KEY = "sk-app-00000001_" + "k" * 48
HOUR = 3600.0


# -- answers of a gateway --------------------------------------------------------------------------------------
def answer(value: Any, status: int = 200, **headers: str) -> HttpResponse:
    return HttpResponse(status, headers, value if isinstance(value, bytes) else json.dumps(value).encode())


def refusal(status: int, code: str, kind: str = "") -> HttpResponse:
    """Orux's own error envelope."""
    return answer({"error": {"type": kind, "code": code, "message": "words"}}, status)


def relay_refusal(status: int, code: str) -> HttpResponse:
    return answer({"detail": "words", "error": {"code": code, "message": "words"}}, status)


NO_CREDITS = refusal(402, "insufficient_balance")
FULL = refusal(429, "concurrency_exceeded")
BAD_KEY = refusal(401, "invalid_api_key")
UNKNOWN_JOB = refusal(404, "task_not_found", "invalid_request_error")
HTML = answer(b"<html>A proxy</html>")
UNREACHED = TransportFailure("connection refused", sent=False)
#: The request may have arrived: nothing was accepted, or the answer was lost.
SILENCE = TransportFailure("no answer came", sent=True)
#: It was accepted, and the answer was lost.
LOST = TransportFailure("the answer was lost", sent=True)


# -- the world outside -----------------------------------------------------------------------------------------
class Clock:
    def __init__(self) -> None:
        self.skipped = 0.0

    def now(self) -> float:
        return time.time() + self.skipped

    def sleep(self, seconds: float) -> None:
        self.skipped += seconds


class Away(RuntimeError):
    """Airflow's API server does not answer."""


class Rows:
    """The rows of the task state store of one task instance.

    :ivar fails: asked before each call with its verb, its key and its value; True: the call fails.
    """

    def __init__(self, events: list[str]) -> None:
        self.values: dict[str, str] = {}
        self.events = events
        self.owner = 1
        #: How many of the next reads find nothing.
        self.hidden = 0
        self.fails: Callable[[str, str, Any], bool] = lambda verb, key, value: False

    def view(self) -> RowsView:
        return RowsView(self, self.owner)

    def away_for(self, state: str) -> None:
        """From now on no record in this state can be written."""
        self.fails = lambda verb, key, value: verb == "set" and key == RECORD_KEY and value["state"] == state

    def away(self, *verbs: str) -> None:
        self.fails = lambda verb, key, value: not verbs or verb in verbs

    def back(self) -> None:
        self.fails = lambda verb, key, value: False


@dataclass
class RowsView:
    """``context["task_state_store"]`` of one try."""

    rows: Rows
    owner: int

    def get(self, key: str, default: Any = None) -> Any:
        self._call("get", key)
        if self.owner != self.rows.owner or key not in self.rows.values:
            return default
        if self.rows.hidden:
            self.rows.hidden -= 1
            return default
        return json.loads(self.rows.values[key])

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self._call("set", key, value)
        self._fence()
        self.rows.values[key] = json.dumps(value, allow_nan=False)
        if key == RECORD_KEY:
            self.rows.events.append(f"write {value['state']}")

    def delete(self, key: str) -> None:
        self._call("delete", key)
        self._fence()
        del self.rows.values[key]
        self.rows.events.append("remove")

    def _call(self, verb: str, key: str, value: Any = None) -> None:
        if self.rows.fails(verb, key, value):
            raise Away("503 Service Unavailable")

    def _fence(self) -> None:
        if self.owner != self.rows.owner:
            raise RuntimeError("404 Task instance not found")


class FakeClient(GatewayClient):
    """The client, with a gateway of its own in place of the network.

    :ivar answers: to the next paid requests; then each is accepted. An answer is a value or a failure of the transport.
    :ivar polls: answers to the next polls and uploads; then jobs are as ``job_is`` says.
    """

    def __init__(self, gateway: Any, events: list[str], *, key: str | None = KEY) -> None:
        super().__init__(gateway, ClientSettings(gateway.host, key=key))
        self.events = events
        self.answers: list[Any] = []
        self.polls: list[Any] = []
        self.sent: list[HttpRequest] = []
        self.job_is: dict[str, Any] = {"status": "RUNNING"}
        #: The keys of the files that were sent to the gateway's own store.
        self.uploads: list[str] = []
        #: The jobs that were accepted.
        self.charged: list[str] = []
        self._keys: dict[str, str] = {}

    def run(self, flow: Any) -> Any:
        give: Any = None
        thrown: TransportFailure | None = None
        while True:
            try:
                step = flow.throw(thrown) if thrown is not None else flow.send(give)
            except StopIteration as e:
                return e.value
            give = thrown = None
            if isinstance(step, Pause):
                continue
            try:
                give = self._exchange(step.request)
            except TransportFailure as e:
                thrown = e

    def _exchange(self, request: HttpRequest) -> HttpResponse:
        if request.purpose is Purpose.PAY:
            self.events.append("POST")
            self.sent.append(request)
            said = self.answers.pop(0) if self.answers else None
            if said is LOST:
                self._accept(request)
            return self._say(said, lambda: self._accept(request))
        if request.path == "/v2/files":
            self.events.append("upload")
            self.uploads.append(str(request.headers["Idempotency-Key"]))
            said = self.polls.pop(0) if self.polls else None
            return self._say(said, lambda: answer({"url": f"https://files/{self.uploads[-1]}"}, 201))
        self.events.append("poll")
        return self._say(self.polls.pop(0) if self.polls else None, lambda: answer(self.job_is))

    def _say(self, said: Any, otherwise: Callable[[], HttpResponse]) -> HttpResponse:
        if isinstance(said, Exception):
            raise said
        return otherwise() if said is None else said

    def _accept(self, request: HttpRequest) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        job_id = self._keys.get(str(key))
        if job_id is None:
            job_id = f"task_{len(self.charged) + 1}"
            self.charged.append(job_id)
            if key is not None:
                self._keys[key] = job_id
        if "images/generations" in request.path:
            return answer({"data": [{"url": f"https://files/{job_id}.png"}]})
        return answer({"task_id": job_id, "status": "queued"})

    # -- how the jobs are -------------------------------------------------------------------------------
    def succeed(self, *urls: str) -> None:
        made = list(urls or ("https://files/1.png",))
        self.job_is = {"status": "SUCCESS", "result_urls": made}
        if self.gateway.name == "opengpu_relay":
            self.job_is = {"status": "completed", "result": {"urls": made}}

    def fail(self, code: str = "upstream_error") -> None:
        self.job_is = {"status": "FAILED", "error_code": code, "error_message": "it broke"}


class FakeDelivery:
    """What a task does with storage and XComs: it notes it."""

    def __init__(self, events: list[str], *, save_to: str | None) -> None:
        self.events = events
        self.save_to = save_to
        self.storage_conn_id = None
        self.xcoms: dict[str, Any] = {}
        #: Raised by the next saves.
        self.fails: list[Exception] = []
        #: Raised by the check before the payment.
        self.refuses: Exception | None = None
        self.push_fails = False
        self.tells_the_trigger = True
        #: What the gallery was told of errors: each with the record as it was.
        self.errors: list[Any] = []
        #: The arguments of each save.
        self.saved: list[dict[str, Any]] = []

    def private(self, message, request):
        return message

    def check(self, request: GenerationRequest, *, waits_for_result: bool) -> None:
        self.events.append("check destination")
        if self.refuses is not None:
            raise self.refuses

    def read_inputs(self, request: GenerationRequest) -> GenerationRequest:
        return request

    def saves(self, job: Job) -> bool:
        return bool(self.save_to and job.artifacts)

    def deliver(self, job: Job, **more: Any) -> dict[str, Any]:
        if self.saves(job):
            self.events.append("save")
            self.saved.append(more)
            if self.fails:
                raise self.fails.pop(0)
        manifest = f"{self.save_to}{job.job_id}/manifest.json" if self.saves(job) else None
        return {**self.result(job), "manifest": manifest}

    def accepted(self, job: Job, request: GenerationRequest) -> dict[str, Any]:
        return self.result(job)

    def result(self, job: Job, **more: Any) -> dict[str, Any]:
        return {
            "job_id": job.job_id,
            "conn_id": "orux_default",
            "charged": job.charged,
            "price": job.price,
            "currency": job.currency,
            "artifacts": [{"url": url} for url in job.urls],
            "returned": len(job.artifacts),
            "manifest": None,
        }

    def push_job(self, job_id: str, *, request: Any = None, record: Any = None) -> None:
        if self.push_fails:
            raise RuntimeError("the XCom could not be pushed")
        self.events.append(f"push {job_id}")
        self.xcoms["job_id"] = job_id

    def pushed_job(self) -> str | None:
        return self.xcoms.get("job_id")

    def hand_over(self, result: dict[str, Any], *, request: Any = None, record: Any = None) -> None:
        self.events.append("hand over")
        self.xcoms["job_id"] = result["job_id"]

    def push_error(self, error: Any, *, record: Any) -> None:
        self.errors.append((error, record))


class Log:
    """A logger whose handler may fail.

    :ivar breaks_at: a word; the line that holds it cannot be written.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.breaks_at: str | None = None

    def info(self, text: str, *values: Any) -> None:
        line = text % values
        if self.breaks_at is not None and self.breaks_at in line:
            raise OSError("the log's disk is full")
        self.lines.append(line)

    warning = error = info

    def said(self, words: str) -> bool:
        return any(words in line for line in self.lines)


# -- one task instance -----------------------------------------------------------------------------------------
@dataclass
class World:
    """A task instance and everything around it.

    :param paying_retries: the author set ``retries``.
    """

    gateway: Any = field(default_factory=OruxGateway)
    request: GenerationRequest = IMAGINE
    save_to: str | None = "s3://content/"
    durable: bool = True
    synchronous: bool = False
    wait: bool = True
    timeout: float = HOUR
    paying_retries: bool = False
    on_clear: Any = "auto"
    on_request_changed: Any = "fail"
    on_ambiguous_submit: Any = "fail"
    retries: int = 3
    key: str | None = KEY
    conn_id: str = "orux_default"
    results: Any = None
    may_fall_back: bool = False

    def __post_init__(self) -> None:
        self.events: list[str] = []
        self.clock = Clock()
        self.rows = Rows(self.events)
        self.log = Log()
        self.client = FakeClient(self.gateway, self.events, key=self.key)
        self.delivery = FakeDelivery(self.events, save_to=self.save_to)
        self.try_number, self.max_tries = 1, self.retries
        self.job: DurableJob

    # -- what Airflow and people do ------------------------------------------------------------------------
    def attempt(self, store: RecordStore | None = None) -> DurableJob:
        """A new process for this task instance.

        :param store: where its record lives; None: as Airflow gives it.
        """
        self.client.settings = ClientSettings(self.gateway.host, key=self.key)
        attempt = Attempt.of(
            self.request,
            gateway=self.gateway.name,
            conn_id=self.conn_id,
            host=self.client.settings.host,
            account=self.client.settings.account,
            max_tries=self.max_tries,
            synchronous=self.synchronous,
        )
        policy = Policy(
            on_clear=self.on_clear,
            on_request_changed=self.on_request_changed,
            on_ambiguous_submit=self.on_ambiguous_submit,
            paying_retries=self.paying_retries,
            idempotency_seconds=self.gateway.idempotency_seconds,
        )
        ledger = Ledger(
            (store or self.store()) if self.durable else None,
            attempt=attempt,
            policy=policy,
            identity=TaskIdentity("dag", "run", "task", -1, self.try_number, self.max_tries),
            log=self.log,
            clock=self.clock.now,
        )
        self.delivery.xcoms.clear()
        self.job = DurableJob(
            self.request,
            client=self.client,
            ledger=ledger,
            delivery=self.delivery,  # type: ignore[arg-type]
            log=self.log,
            timeout=self.timeout,
            wait_for_completion=self.wait,
            results=self.results,
            may_fall_back=self.may_fall_back,
        )
        return self.job

    def store(self) -> TaskStateStore:
        """The store as a process that starts now is given it."""
        return TaskStateStore(self.rows.view(), log=self.log, sleep=self.clock.sleep, clock=self.clock.now)

    def start(self) -> Wait | Finished:
        return self.attempt().start()

    def resume(self, event: Any = None) -> Wait | Finished:
        """The trigger fired: another process of the same try. Without an event, the job is fetched."""
        xcoms = dict(self.delivery.xcoms)
        job = self.attempt()
        self.delivery.xcoms.update(xcoms)
        return job.resume(event)

    def check(self) -> Wait | Finished:
        """The trigger crashed: another process of the same try."""
        xcoms = dict(self.delivery.xcoms)
        job = self.attempt()
        self.delivery.xcoms.update(xcoms)
        return job.resume_without_event()

    def retry(self) -> None:
        self.rows.owner += 1
        self.try_number += 1

    def clear(self) -> None:
        self.rows.owner += 1
        self.max_tries = self.try_number + self.retries
        self.try_number += 1

    def finish(self) -> dict[str, Any]:
        """Submit, and let the job succeed."""
        step = self.start()
        self.client.succeed()
        if isinstance(step, Wait):
            step = self.resume()
        assert isinstance(step, Finished)
        return step.result

    def delivered(self) -> None:
        """Airflow recorded the success, and the success callback ran."""
        from airflow_provider_orux.durable import delivered

        delivered.on_success(context(self.rows.view(), "success", max_tries=self.max_tries))  # type: ignore[arg-type]

    # -- what there is -------------------------------------------------------------------------------------
    @property
    def record(self) -> Record | None:
        value = self.rows.values.get(RECORD_KEY)
        return None if value is None else Record.from_json(json.loads(value))

    @property
    def state(self) -> State | None:
        return self.record.state if self.record is not None else None

    def write(self, **changes: Any) -> None:
        """Change the record behind the ledger's back."""
        assert self.record is not None
        self.rows.values[RECORD_KEY] = json.dumps(self.record.changed(**changes).to_json())

    def settle(self, job_id: str, result: Any = None) -> None:
        """A person says which job it became."""
        self.write(state=State.SETTLED, job_id=job_id, result=result)

    @property
    def charges(self) -> int:
        return len(self.client.charged)


def context(rows: Any, state: Any, *, map_index: int = -1, max_tries: int = 3, durable: bool = True) -> Any:
    """The context of a success callback.

    :param state: what Airflow's database says of the task instance.
    """
    key = "task" if map_index < 0 else f"task_{map_index}"

    def states(**asked: Any) -> dict[str, dict[str, Any]]:
        assert asked == {"dag_id": "dag", "run_ids": ["run"], "task_ids": ["task"], "map_index": map_index}
        if isinstance(state, Exception):
            raise state
        return {"run": {key: state}} if state is not None else {}

    ti = SimpleNamespace(
        dag_id="dag", run_id="run", task_id="task", map_index=map_index, max_tries=max_tries,
        get_task_states=states, state="success",
    )  # fmt: skip
    return {"ti": ti, "task": SimpleNamespace(durable=durable), "task_state_store": rows}


def relay(**more: Any) -> World:
    """A task at OpenGPU Relay, generation 2: it has idempotency keys, and can be asked to keep what it makes."""
    return World(gateway=OpenGPURelayGateway(), request=QWEN, **more)


def synchronous(**more: Any) -> World:
    """A task whose one call answers with the images."""
    return World(request=IMAGE, synchronous=True, **more)


def done(job_id: str, *urls: str, **facts: Any) -> Job:
    from airflow_provider_orux.models.job import Artifact

    artifacts = tuple(Artifact(url=u) for u in urls or ("https://files/1.png",))
    return Job(job_id, JobStatus.SUCCEEDED, "orux", artifacts=artifacts, charged="yes", **facts)


def job_of(step: Wait | Finished) -> str:
    """The job that a step waits for, or whose result it is."""
    return str(step.result["job_id"]) if isinstance(step, Finished) else step.job_id


def storage_away() -> ArtifactError:
    return ArtifactError("The storage does not answer")
