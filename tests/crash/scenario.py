"""What a scenario works with: one DAG run, one sandbox of its own, and what came of both."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from demo.airflow_home import ROOT
from orux_sandbox import SandboxServer
from tests.crash.airflow_processes import PATIENCE, AirflowProcesses, T, free_port, until

#: Jobs take longer than a scheduler's loop; see :meth:`ScenarioRun.end_job_once_deferred`.
QUICK = {"queue_seconds": 0.1, "run_seconds": 3.0, "sync_seconds": 0.1, "image_scale": 0.25}
#: Jobs end when the test lets the sandbox's clock run.
SLOW = {**QUICK, "run_seconds": 3600.0}
#: Note: nobody can have the result any more, the error says so, and a person pays again, knowingly.
PAYS_ANEW = "a clear that pays anew"
ENDED = {"success", "failed", "upstream_failed", "skipped"}

#: What the sandbox calls the paid requests and the polls of each gateway.
ENDPOINTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "orux": {"pay": ("tasks.submit", "images.generate"), "poll": ("tasks.get",)},
    "yescale": {
        "pay": ("yescale.*.submit", "yescale.*.submit.*", "yescale.images.generate"),
        "poll": ("yescale.*.fetch", "yescale.*.fetch.*", "yescale.mj.list"),
    },
    "opengpu_relay": {"pay": ("relay.submit.*",), "poll": ("relay.poll", "relay.poll.workflow")},
}
#: YEScale has job families with addresses of their own; a job id of ours has the family before it.
FAMILIES = {"yescale.mj": "mj", "yescale.media": "media", "yescale.kling": "kling-image"}


@dataclass
class Found:
    """What a scenario saw, for the table."""

    charges: int = 0
    posts: int = 0
    state: str = ""
    saved: int = 0
    executions: int = 0
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Gateway:
    """The sandbox of a scenario: in this process, or one of its own that can be killed.

    :param name: whose wire is spoken with it.
    :param extra: settings of the connection, beside the sandbox's own.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any],
        *,
        own_process: bool,
        name: str = "orux",
        extra: Mapping[str, Any] | None = None,
    ):
        self.name = name
        self.settings = dict(settings)
        self._folder = folder
        self._server: SandboxServer | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._posts_before = 0
        if own_process:
            self.port = free_port()
            self.start()
        else:
            self._server = SandboxServer(self.settings)
            self._server.start()
            self.port = self._server.port
        self.url = f"http://127.0.0.1:{self.port}"
        mine = next(g for g in self.ask("GET", "gateways")["gateways"] if g["gateway"] == name)
        self._key = str(mine["key"])
        connection = mine["connection"]
        self.connection = json.dumps({**connection, "extra": {**connection["extra"], **(extra or {})}})

    def start(self) -> None:
        """Start (again) the sandbox that is a process of its own; it knows all that it knew."""
        words = [f"--set={name}={json.dumps(value)}" for name, value in self.settings.items()]
        self._folder.mkdir(exist_ok=True)
        with (self._folder / "sandbox.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "orux_sandbox",
                    "--port",
                    str(self.port),
                    "--data-dir",
                    str(self._folder),
                    *words,
                ],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until(lambda: self.ask("GET", "health"), "the sandbox")

    def kill(self) -> None:
        assert self._process is not None
        self._posts_before = self.posts()  # charges are kept on disk, the log of requests is not
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
        elif self._process is not None:
            self._process.kill()
            self._process.wait()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A control route; None while the sandbox is away."""
        import httpx

        url = f"http://127.0.0.1:{self.port}/_sandbox/{path}"
        try:
            with httpx.Client(trust_env=False, verify=False, timeout=30) as client:
                answer = client.request(method, url, json=body)
        except httpx.TransportError:
            return None
        answer.raise_for_status()
        return answer.json() if answer.content else True

    def endpoints(self, name: str) -> tuple[str, ...]:
        """What the sandbox calls ``pay`` and ``poll`` of this gateway; another name is its own."""
        return ENDPOINTS[self.name].get(name, (name,))

    def fault(self, endpoint: str, *, times: int = 1, skip: int = 0, **then: Any) -> None:
        """Order a fault for an endpoint, or for all that ``pay`` or ``poll`` stand for."""
        orders = [
            {"endpoint": e, "times": times, "skip": skip, "then": then} for e in self.endpoints(endpoint)
        ]
        self.ask("POST", "faults", orders)

    def clear_faults(self) -> None:
        self.ask("DELETE", "faults")

    def let_jobs_end(self) -> None:
        self.ask("POST", "clock", {"advance": 4000})

    def charges(self) -> list[dict[str, Any]]:
        """What was accepted and is, or will be, paid for: OpenGPU Relay charges when a job ends."""
        listed = (self.ask("GET", "charges") or {"charges": []})["charges"]
        return [c for c in listed if c["state"] != "not_charged"]

    def handles(self) -> list[str]:
        """The charged jobs as the provider names them."""
        found = []
        for charge in self.charges():
            family = FAMILIES.get(".".join(charge["endpoint"].split(".")[:2]))
            found.append(f"{family}:{charge['job_id']}" if family else str(charge["job_id"]))
        return found

    def requests(self, endpoint: str) -> list[dict[str, Any]]:
        """What came to an endpoint, or to all that ``pay`` or ``poll`` stand for."""
        seen = (self.ask("GET", "requests?limit=2000") or {"requests": []})["requests"]
        names = self.endpoints(endpoint)
        return [r for r in seen if any(fnmatchcase(str(r["endpoint"]), n) for n in names)]

    def posts(self) -> int:
        return self._posts_before + len(self.requests("pay"))

    def key(self, *, disabled: bool) -> None:
        self.ask("POST", "accounts", {"key": self._key, "disabled": disabled})


class ScenarioRun:
    """One DAG run before one sandbox.

    :param name: of the scenario; also the run id and the connection id.
    :param gateway: a sandbox that is there already.
    :param conn_id: a connection that is there already.
    :param kind: the gateway whose wire the sandbox speaks with it.
    :param extra: settings of the connection, beside the sandbox's own.
    :param conf: of the run, beside what every run has.
    """

    def __init__(
        self,
        airflow: AirflowProcesses,
        name: str,
        *,
        dag_id: str = "crash_deferrable",
        settings: Mapping[str, Any] = QUICK,
        own_process: bool = False,
        task_id: str = "pay",
        gateway: Gateway | None = None,
        conn_id: str | None = None,
        kind: str = "orux",
        extra: Mapping[str, Any] | None = None,
        conf: Mapping[str, Any] | None = None,
    ) -> None:
        self.airflow = airflow
        self.name = name
        self.dag_id = dag_id
        self.task_id = task_id
        self.run_id = name
        self.gateway = gateway or Gateway(
            airflow.home / f"sandbox_{name}",
            settings,
            own_process=own_process,
            name=kind,
            extra=extra,
        )
        self.conn_id = conn_id or name
        self.conf = dict(conf or {})
        self.others: list[ScenarioRun] = []
        self.found = Found()
        self.plan: list[dict[str, str]] = []
        self.out = airflow.home / "out" / name
        if conn_id is None:
            airflow.connect(name, self.gateway.connection)

    def more_runs(self, number: int) -> Sequence[ScenarioRun]:
        """As many other runs of the same DAG at the same gateway; :meth:`look` counts them in."""
        self.others = [
            ScenarioRun(
                self.airflow,
                f"{self.name}_{n}",
                dag_id=self.dag_id,
                task_id=self.task_id,
                gateway=self.gateway,
                conn_id=self.conn_id,
                conf=self.conf,
            )
            for n in range(2, number + 2)
        ]
        return self.others

    def until(
        self, look: Callable[[], T | None], what: str, *, pause: float = 0.7, patience: float = PATIENCE
    ) -> T:
        """Wait for something of this run; when it never comes, say where the run stands."""

        def checked() -> T | None:
            self.airflow.check()
            return look()

        try:
            return until(checked, f"{self.name}: {what}", pause=pause, patience=patience)
        except TimeoutError as e:
            passed = [n["point"] for n in self.trace()]
            raise TimeoutError(
                f"{e}; it is {self.task().get('state')}, passed {passed}\n{self.log()[-3000:]}"
            ) from None

    # -- the run ----------------------------------------------------------------------------------------------
    def start(self, *orders: tuple[str, str], task: str | None = None, **conf: Any) -> None:
        """Trigger the run.

        :param orders: (point, what to do there): ``kill``, ``kill_worker``, ``hold``, ``pass``; each once, so that
            a ``pass`` leaves the first time out.
        :param task: the task they are for.
        """
        plan = [{"point": p, "do": do, **({"task": task} if task else {})} for p, do in orders]
        self.plan = plan
        (self.airflow.home / "plan" / f"{self.run_id}.json").write_text(json.dumps(plan))
        self.airflow.api(
            "POST",
            f"/dags/{self.dag_id}/dagRuns",
            json={
                "dag_run_id": self.run_id,
                "logical_date": None,
                "conf": {"conn_id": self.conn_id, "save_to": f"file://{self.out}", **self.conf, **conf},
            },
        )

    @property
    def _run(self) -> str:
        return f"/dags/{self.dag_id}/dagRuns/{self.run_id}"

    def task(self, task_id: str | None = None) -> dict[str, Any]:
        return self.airflow.api("GET", f"{self._run}/taskInstances/{task_id or self.task_id}") or {}

    def states(self) -> Counter[str]:
        """How many instances of the task are in each state; a task that is not mapped has one."""
        if one := self.task():
            return Counter([str(one.get("state"))])
        path = f"{self._run}/taskInstances/{self.task_id}/listMapped"
        listed = (self.airflow.api("GET", path, params={"limit": 500}) or {"task_instances": []})[
            "task_instances"
        ]
        return Counter(str(ti["state"]) for ti in listed)

    def wait_state(self, *states: str, task_id: str | None = None) -> str:
        """Wait until the task is in one of these states; the state."""

        def look() -> str | None:
            state = self.task(task_id).get("state")
            return str(state) if state in states else None

        return self.until(look, " or ".join(states))

    def end_job_once_deferred(self) -> None:
        """Let a slow job end when the scheduler has heard that the task deferred.

        A scheduler that hears of it only after it has queued the resume takes that for a failure and uses a retry
        (Airflow 3.3.2, on a busy machine): the resume that a scenario waits for would never come.
        """
        self.wait_state("deferred")
        self.until(lambda: self.airflow.heard(self.task()), "the scheduler to hear of the deferral")
        self.gateway.let_jobs_end()

    def wait_mismatch(self, state: str) -> None:
        """Wait until the scheduler calls the task failed, since a worker that is done reports so late.

        :param state: the task's, by which the scheduler is misled.
        """
        log = self.airflow.home / "log" / "scheduler.log"
        words = f"<TaskInstance: {self.dag_id}.{self.task_id} {self.run_id} [{state}]"

        def failed() -> bool:
            with log.open(errors="replace") as lines:
                return any("reported that the task instance" in line and words in line for line in lines)

        self.until(failed, f"a state mismatch of a {state} task", pause=0.1)

    def wait_run(self, *, patience: float = PATIENCE) -> str:
        """Wait until the run has ended; its state."""

        def ended() -> str | None:
            state = (self.airflow.api("GET", self._run) or {}).get("state")
            return state if state in ("success", "failed") else None

        return self.until(ended, "the end of the run", patience=patience)

    def end(self, state: str) -> None:
        """A person marks the task as failed, or as successful."""
        self.airflow.api("PATCH", f"{self._run}/taskInstances/{self.task_id}", json={"new_state": state})

    def clear(self, *task_ids: str) -> None:
        """A person clears the task (with what comes after it)."""
        self.airflow.api(
            "POST",
            f"/dags/{self.dag_id}/clearTaskInstances",
            json={
                "dry_run": False,
                "dag_run_id": self.run_id,
                "task_ids": list(task_ids) or [self.task_id],
                "only_failed": False,
                "include_downstream": True,
            },
        )

    def clear_all(self) -> None:
        """A person clears this run and the others in one go: one call of the REST API."""
        runs = [self, *self.others]
        self.airflow.api(
            "POST",
            f"/dags/{self.dag_id}/clearDagRuns",
            json={
                "dry_run": False,
                "only_failed": True,
                "dag_runs": [{"dag_id": r.dag_id, "dag_run_id": r.run_id} for r in runs],
            },
        )

    def settle(self, *, discard: bool = False) -> None:
        """A person does what the error says: the very command that it names, with what the gateway shows."""
        verb = "discard" if discard else "settle"
        commands = re.findall(rf"(?:airflow )?orux ledger {verb} [^`\n\\\"]+", self.log())
        if not commands:
            raise AssertionError(f"no `orux ledger {verb} …` in the log:\n{self.log()[-3000:]}")
        words = shlex.split(commands[-1])
        if discard:
            words.append(
                "--force"
            )  # it is minutes too early for it, and the test knows that nothing is on its way
        elif "--url" in words:
            jobs = (self.gateway.ask("GET", "jobs") or {"jobs": []})["jobs"]
            words[words.index("--url") + 1] = jobs[0]["urls"][0]
        elif (handle := self.gateway.handles()[0]) != (shown := str(self.gateway.charges()[0]["job_id"])):
            # The gateway knows nothing of our families: the id that it shows is refused, and the words say what to do.
            words[words.index("--job-id") + 1] = shown
            refusal = self._command(words)
            family = handle.partition(":")[0]
            if not refusal.returncode or "it has the form family:id" not in _said(refusal):
                self.found.problems.append(f"{shlex.join(words)}: no word of {family}: {_said(refusal)}")
            words[words.index("--job-id") + 1] = handle
        else:
            words[words.index("--job-id") + 1] = shown
        done = self._command(words)
        if done.returncode:
            raise RuntimeError(f"{shlex.join(words)}: {_said(done)}")
        self.found.notes.append(f"`ledger {verb}`, clear")

    def _command(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable,
                "-m",
                *(words if words[0] == "airflow" else ["airflow_provider_orux.cli.main", *words[1:]]),
            ],
            env={**self.airflow.env, "AIRFLOW__API__BASE_URL": self.airflow.url},
            cwd=self.airflow.home,
            capture_output=True,
            text=True,
        )

    # -- what happened inside ---------------------------------------------------------------------------------
    def trace(self) -> list[dict[str, Any]]:
        path = self.airflow.home / "trace" / f"{self.run_id}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def wait_point(self, point: str, *, nth: int = 1, task: str | None = None) -> dict[str, Any]:
        """Wait until a process of this run has come to a place; its note."""

        def look() -> dict[str, Any] | None:
            there = [n for n in self.trace() if n["point"] == point and task in (None, n["task"])]
            return there[nth - 1] if len(there) >= nth else None

        return self.until(look, point, pause=0.1)

    def release(self, number: int = 0) -> None:
        """Let a process that is held go on."""
        (self.airflow.home / "plan" / f"{self.run_id}.{number}.release").touch()

    def wait_processes(self) -> None:
        """Wait until every process of this run's tasks has ended: they still work when the run is green."""
        pids = {n["pid"] for n in self.trace()}
        self.until(lambda: all(gone(pid) for pid in pids), "the end of the tasks' processes", pause=0.1)

    def wait_charge(self, number: int = 1) -> None:
        self.until(lambda: len(self.gateway.charges()) >= number, f"charge {number}", pause=0.1)

    def log(self, task_id: str | None = None) -> str:
        """All that the task's executions wrote."""
        folder = self.airflow.home / "airflow" / "logs"
        pattern = f"dag_id={self.dag_id}/run_id={self.run_id}/task_id={task_id or self.task_id}/**/*.log*"
        text = "".join(p.read_text(errors="replace") for p in sorted(folder.glob(pattern)) if p.is_file())
        return text.replace('\\"', '"')

    def words(self) -> str:
        """The same on one line."""
        return " ".join(self.log().replace("\\n", " ").split())

    def says(self, *words: str) -> None:
        """The log must hold these words, on however many lines, or it is a problem. (They may come after the state.)"""
        for word in words:
            try:
                self.until(lambda word=word: word in self.words(), f"the log to say {word!r}", patience=20.0)  # type: ignore[misc]
            except TimeoutError:
                self.found.problems.append(f"the log does not say {word!r}")
                continue
            if word.endswith("Error") and word not in self.found.notes:
                self.found.notes.append(word)

    # -- what came of it --------------------------------------------------------------------------------------
    def look(self) -> Found:
        """Count charges, look at every saved file."""
        found = self.found
        found.charges = len(self.gateway.charges())
        found.posts = self.gateway.posts()
        states = self.states()
        found.state = ", ".join(sorted(states)) if len(states) < 2 else str(dict(states))
        saved = self._look_at_run(found)
        for other in self.others:
            saved += other._look_at_run(found)
            if (state := str(other.task().get("state"))) != found.state:
                found.problems.append(f"{other.name} is {state}")
        if len(set(saved)) != len(saved):
            found.problems.append(f"two runs saved the same job: {saved}")
        if leaks := (self.gateway.ask("GET", "leaks") or {"leaks": []})["leaks"]:
            found.problems.append(f"the key went elsewhere: {leaks}")
        return found

    def _look_at_run(self, found: Found) -> list[str]:
        """Add what this run executed and saved; the jobs of its manifests."""
        found.executions += sum(n["point"] == "at_execute" for n in self.trace())
        for number, order in enumerate(self.plan):
            if not (self.airflow.home / "plan" / f"{self.run_id}.{number}.used").exists():
                found.problems.append(f"it never came to {order['point']}: nothing was shown")
        handles = self.gateway.handles()
        saved = []
        for manifest in sorted(self.out.glob("*/manifest.json")):
            value = json.loads(manifest.read_text())
            saved.append(str(value["job_id"]))
            for entry in value["artifacts"]:
                path = manifest.parent / entry["name"]
                if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
                    found.problems.append(f"{path.name} is missing or not what its manifest says")
                    continue
                with Image.open(path) as image:
                    image.load()
                found.saved += 1
            # A synchronous generation has no job at the gateway: its id is ours.
            if value["job_id"] not in handles and not value["job_id"].startswith("gen-"):
                found.problems.append(f"{value['job_id']} was saved, and never charged")
        return saved

    def close(self) -> None:
        self.gateway.stop()


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return f"{done.stdout[-1500:]}\n{done.stderr[-3000:]}"


def stop_worker(note: Mapping[str, Any]) -> None:
    """Freeze a task's supervisor and the task, as a machine that hangs: no heartbeat, and no death either."""
    for pid in (note["supervisor"], note["pid"]):
        os.kill(pid, signal.SIGSTOP)


def thaw(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)


def kill_worker(note: Mapping[str, Any]) -> None:
    """Kill a task together with its supervisor."""
    os.kill(note["supervisor"], signal.SIGSTOP)
    os.kill(note["supervisor"], signal.SIGKILL)
    os.kill(note["pid"], signal.SIGKILL)


def kill_task(note: Mapping[str, Any]) -> None:
    os.kill(note["pid"], signal.SIGKILL)


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
