"""What a cell works with: one DAG run, one sandbox of its own, and what came of both."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from airflow_provider_orux.sandbox import SANDBOX_KEY, SandboxServer
from demo.airflow_home import ROOT
from tests.crash.house import PATIENCE, House, T, free_port, until

QUICK = {"queue_seconds": 0.1, "run_seconds": 0.4, "sync_seconds": 0.1, "picture_scale": 0.25}
SLOW = {**QUICK, "run_seconds": 3600.0}
"""Jobs end when the test lets the sandbox's clock run."""
ENDED = {"success", "failed", "upstream_failed", "skipped"}


@dataclass
class Found:
    """What a cell saw, for the table."""

    charges: int = 0
    posts: int = 0
    state: str = ""
    saved: int = 0
    executions: int = 0
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Gateway:
    """The sandbox of a cell: in this process, or one of its own that can be killed."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], *, own_process: bool):
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
        self.connection = json.dumps(
            {
                "conn_type": "orux",
                "host": self.url,
                "password": SANDBOX_KEY,
                "extra": {"allow_private_hosts": True},
            }
        )

    def start(self) -> None:
        """Start (again) the sandbox that is a process of its own; it knows all that it knew."""
        words = [f"--set={name}={json.dumps(value)}" for name, value in self.settings.items()]
        self._folder.mkdir(exist_ok=True)
        with (self._folder / "sandbox.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "airflow_provider_orux.sandbox",
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

    def fault(self, endpoint: str, *, times: int = 1, skip: int = 0, **then: Any) -> None:
        self.ask("POST", "faults", {"endpoint": endpoint, "times": times, "skip": skip, "then": then})

    def clear_faults(self) -> None:
        self.ask("DELETE", "faults")

    def let_jobs_end(self) -> None:
        self.ask("POST", "clock", {"advance": 4000})

    def charges(self) -> list[dict[str, Any]]:
        return list((self.ask("GET", "charges") or {"charges": []})["charges"])

    def requests(self, endpoint: str) -> list[dict[str, Any]]:
        return list((self.ask("GET", f"requests?endpoint={endpoint}") or {"requests": []})["requests"])

    def posts(self) -> int:
        seen = len(self.requests("tasks.submit")) + len(self.requests("images.generate"))
        return self._posts_before + seen

    def key(self, *, disabled: bool) -> None:
        self.ask("POST", "accounts", {"key": SANDBOX_KEY, "disabled": disabled})


class Stage:
    """One DAG run before one sandbox.

    :param name: of the cell; also the run id and the connection id.
    """

    def __init__(
        self,
        house: House,
        name: str,
        *,
        dag_id: str = "crash_deferrable",
        settings: Mapping[str, Any] = QUICK,
        own_process: bool = False,
        task_id: str = "pay",
        gateway: Gateway | None = None,
    ) -> None:
        self.house = house
        self.name = name
        self.dag_id = dag_id
        self.task_id = task_id
        self.run_id = name
        self.gateway = gateway or Gateway(
            house.home / f"sandbox_{name}",
            settings,
            own_process=own_process,
        )
        self.found = Found()
        self.plan: list[dict[str, str]] = []
        self.out = house.home / "out" / name
        house.connect(name, self.gateway.connection)

    def until(
        self, look: Callable[[], T | None], what: str, *, pause: float = 0.7, patience: float = PATIENCE
    ) -> T:
        """Wait for something of this run; when it never comes, say where the run stands."""

        def checked() -> T | None:
            self.house.check()
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
        (self.house.home / "plan" / f"{self.run_id}.json").write_text(json.dumps(plan))
        self.house.api(
            "POST",
            f"/dags/{self.dag_id}/dagRuns",
            json={
                "dag_run_id": self.run_id,
                "logical_date": None,
                "conf": {"conn_id": self.name, "save_to": f"file://{self.out}", **conf},
            },
        )

    @property
    def _run(self) -> str:
        return f"/dags/{self.dag_id}/dagRuns/{self.run_id}"

    def task(self, task_id: str | None = None) -> dict[str, Any]:
        return self.house.api("GET", f"{self._run}/taskInstances/{task_id or self.task_id}") or {}

    def wait_state(self, *states: str, task_id: str | None = None) -> str:
        """Wait until the task is in one of these states; the state."""

        def look() -> str | None:
            state = self.task(task_id).get("state")
            return str(state) if state in states else None

        return self.until(look, " or ".join(states))

    def wait_run(self) -> str:
        """Wait until the run has ended."""

        def ended() -> str | None:
            state = (self.house.api("GET", self._run) or {}).get("state")
            return state if state in ("success", "failed") else None

        return self.until(ended, "the end of the run")

    def clear(self, *task_ids: str) -> None:
        """A person clears the task (with what comes after it)."""
        self.house.api(
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

    def settle(self, *, discard: bool = False) -> None:
        """A person does what the error says: the very command that it names, with what the gateway shows."""
        verb = "discard" if discard else "settle"
        commands = re.findall(rf"`(airflow orux ledger {verb} [^`]*)`", self.log())
        if not commands:
            raise AssertionError(f"no `airflow orux ledger {verb} …` in the log:\n{self.log()[-3000:]}")
        words = shlex.split(commands[-1])
        if discard:
            words.append(
                "--force"
            )  # it is minutes too early for it, and the test knows that nothing is on its way
        elif "--url" in words:
            jobs = (self.gateway.ask("GET", "jobs") or {"jobs": []})["jobs"]
            words[words.index("--url") + 1] = jobs[0]["urls"][0]
        else:
            words[words.index("--job-id") + 1] = self.gateway.charges()[0]["job_id"]
        done = subprocess.run(
            [sys.executable, "-m", *words],
            env={**self.house.env, "AIRFLOW__API__BASE_URL": self.house.url},
            cwd=self.house.home,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{shlex.join(words)}: {done.stdout[-1500:]}\n{done.stderr[-3000:]}")
        self.found.notes.append(f"`ledger {verb}`, clear")

    # -- what happened inside ---------------------------------------------------------------------------------
    def trace(self) -> list[dict[str, Any]]:
        path = self.house.home / "trace" / f"{self.run_id}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def wait_point(self, point: str, *, nth: int = 1, task: str | None = None) -> dict[str, Any]:
        """Wait until a process of this run has come to a place; its note."""

        def look() -> dict[str, Any] | None:
            there = [n for n in self.trace() if n["point"] == point and task in (None, n["task"])]
            return there[nth - 1] if len(there) >= nth else None

        return self.until(look, point, pause=0.1)

    def release(self, number: int = 0) -> None:
        """Let a process that is held go on."""
        (self.house.home / "plan" / f"{self.run_id}.{number}.release").touch()

    def wait_charge(self, number: int = 1) -> None:
        self.until(lambda: len(self.gateway.charges()) >= number, f"charge {number}", pause=0.1)

    def log(self, task_id: str | None = None) -> str:
        """All that the task's executions wrote."""
        folder = self.house.home / "airflow" / "logs"
        pattern = f"dag_id={self.dag_id}/run_id={self.run_id}/task_id={task_id or self.task_id}/**/*.log*"
        text = "".join(p.read_text(errors="replace") for p in sorted(folder.glob(pattern)) if p.is_file())
        return text.replace('\\"', '"')

    def says(self, *words: str) -> None:
        """The log must hold these words, or it is a problem. (The last lines may come after the state.)"""
        for word in words:
            try:
                self.until(lambda word=word: word in self.log(), f"the log to say {word!r}", patience=20.0)  # type: ignore[misc]
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
        found.state = str(self.task().get("state"))
        found.executions = sum(n["point"] == "at_execute" for n in self.trace())
        for number, order in enumerate(self.plan):
            if not (self.house.home / "plan" / f"{self.run_id}.{number}.used").exists():
                found.problems.append(f"it never came to {order['point']}: nothing was shown")
        for manifest in sorted(self.out.glob("*/manifest.json")):
            value = json.loads(manifest.read_text())
            for entry in value["artifacts"]:
                path = manifest.parent / entry["name"]
                if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
                    found.problems.append(f"{path.name} is missing or not what its manifest says")
                    continue
                with Image.open(path) as image:
                    image.load()
                found.saved += 1
            if value["job_id"] not in {
                c["job_id"] for c in self.gateway.charges()
            } and not self.dag_id.endswith("sync"):
                found.problems.append(f"{value['job_id']} was saved, and never charged")
        if leaks := (self.gateway.ask("GET", "leaks") or {"leaks": []})["leaks"]:
            found.problems.append(f"the key went elsewhere: {leaks}")
        return found

    def close(self) -> None:
        self.gateway.stop()


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
