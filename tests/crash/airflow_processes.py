"""A real Airflow, its parts as processes that can be killed, stopped and started again one by one."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from demo.airflow_home import ROOT, environment
from tests.airflow.template import migrate
from tests.crash.proxy import Proxy
from tests.storage.samples import image
from tests.storage.stores import shared

T = TypeVar("T")
DAGS = Path(__file__).parent / "dags"
DAG_IDS = (
    "crash_deferrable",
    "crash_worker",
    "crash_impatient",
    "crash_no_retries",
    "crash_three_retries",
    "crash_late_retry",
    "crash_hundred",
    "crash_sync",
    "crash_image",
    "crash_input",
    "crash_workflow",
    "crash_four_images",
    "crash_chain",
)
#: Seconds for any wait: the machine may be busy.
PATIENCE = float(os.environ.get("ORUX_CRASH_PATIENCE", "180"))
MARK = "ORUX_CRASH_HOME"

SHORT_INTERVALS = {
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "4",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(int(PATIENCE / 12)),
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    # Its statements read before they write, which SQLite answers with "database is locked" when another process
    # wrote in between; the scheduler ends by it. Nothing of these tests needs it.
    "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "86400",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    # A worker of these tests lives through a short absence of the API server, as with the shipped intervals.
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "30",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "3",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MIN": "0.2",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "1",
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "20",
    "AIRFLOW__WORKERS__SOCKET_CLEANUP_TIMEOUT": "2",
}


def until(look: Callable[[], T | None], what: str, *, patience: float = PATIENCE, pause: float = 0.3) -> T:
    """What ``look`` gives as soon as it gives something.

    :raises TimeoutError: it never did.
    """
    deadline = time.monotonic() + patience
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience:.0f} s for {what}")
        time.sleep(pause)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class AirflowProcesses:
    """Airflow in a temporary folder, on loopback.

    :param workers: processes of the LocalExecutor.
    :param keep: leave the folder behind, to look at.
    """

    parts: tuple[str, ...] = ("api-server", "dag-processor", "scheduler", "triggerer")
    dags: Path = DAGS
    dag_ids: tuple[str, ...] = DAG_IDS

    def __init__(self, *, workers: int = 8, keep: bool = False) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="orux-crash-"))
        self.keep = keep
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.proxy = Proxy(self.url)
        for folder in ("plan", "trace", "out", "log"):
            (self.home / folder).mkdir()
        self.env = {
            **environment(self.home / "airflow", bundles={"tests": self.dags}),
            **SHORT_INTERVALS,
            MARK: str(self.home),
            # s3:// is a folder. Its URLs lead nowhere: the sandbox of these tests fetches none.
            **shared(self.home / "store", url="http://127.0.0.1:9", secret=secrets.token_hex(8)),
            "AIRFLOW__ORUX__INPUT_ROOTS": "s3://content",
            "PYTHONPATH": str(ROOT),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(workers),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.proxy.url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": "",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(24),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "600",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        }
        self._http = httpx.Client(base_url=f"{self.url}/api/v2", timeout=60, trust_env=False, verify=False)
        self._lock = threading.Lock()
        self._token = ""
        self._killed: set[str] = set()
        self._launching = threading.Lock()
        #: How many times a part was started again that had ended by itself.
        self.revivals = 0
        self._revived: set[str] = set()

    # -- life ---------------------------------------------------------------------------------------------
    def __enter__(self) -> AirflowProcesses:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def start(self) -> None:
        """The database, then all parts; returns when the DAGs can be triggered."""
        self.prepare()
        migrate(self.env, cwd=self.home)
        self.proxy.start()
        for part in self.parts:
            self.launch(part)
        until(self._healthy, "a healthy Airflow")
        until(self._has_dags, "the DAGs")

    def prepare(self) -> None:
        """Start what Airflow stands on; SQLite needs nothing."""

    def launch(
        self,
        part: str,
        *,
        name: str | None = None,
        settings: Mapping[str, str] | None = None,
        host: str | None = None,
    ) -> None:
        """Start a part. Log servers are left out: they would listen on all addresses.

        :param host: the name of the machine that it seems to run on.
        :param settings: environment variables of this process alone.
        """
        name = name or part
        self._killed.discard(name)
        program = ["tests.distributed.host", host] if host else ["airflow"]
        command = [sys.executable, "-m", *program, *part.split()]
        if part.startswith(("scheduler", "triggerer", "celery worker")):
            command.append("--skip-serve-logs")
        with (self.home / "log" / f"{name.replace(' ', '_')}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                env={**self.env, **(settings or {})},
                cwd=self.home,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @contextlib.contextmanager
    def patient_scheduler(self, seconds: float) -> Iterator[None]:
        """A scheduler that gives a task without heartbeats up after so long, for a scenario that runs alone.

        With the short timeout of this airflow an API server that is started again comes back too late.
        """
        self.signal("scheduler", signal.SIGKILL)
        timeout = {"AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(int(seconds))}
        self.launch("scheduler", settings=timeout)
        try:
            yield
        finally:
            self.signal("scheduler", signal.SIGKILL)
            self.launch("scheduler")

    @contextlib.contextmanager
    def reviving(self, *names: str) -> Iterator[None]:
        """Start these parts again when they end by themselves: under much load SQLite's locks end them."""
        self._revived.update(names)
        try:
            yield
        finally:
            self._revived.difference_update(names)

    def family(self, name: str) -> list[psutil.Process]:
        """A part's process and all that come from it."""
        try:
            parent = psutil.Process(self.processes[name].pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def signal(self, name: str, sign: signal.Signals, *, alone: bool = False) -> None:
        """Send a signal to a part and its children, or to its first process alone."""
        members = self.family(name)
        if sign is signal.SIGKILL:
            self._killed.add(name)
        for process in members[:1] if alone else members:
            try:
                process.send_signal(sign)
            except psutil.NoSuchProcess:
                continue
        if sign is signal.SIGKILL:
            self.processes[name].wait()
            for process in members[1:] if not alone else ():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.wait(20)

    def freeze_idle_scheduler(self) -> None:
        """Stop the scheduler's own process between two of its loops; its workers go on.

        There it holds no lock of the database, and once it is thawed it schedules first and hears its workers after.
        """
        pid = self.processes["scheduler"].pid
        kernel = Path(f"/proc/{pid}/wchan")
        until(lambda: kernel.read_text().endswith("nanosleep"), "the scheduler to idle", pause=0.01)
        os.kill(pid, signal.SIGSTOP)

    def close(self) -> None:
        """End every process that is this airflow's, however it came to be."""
        deadline = time.monotonic() + 20
        while (mine := self._mine()) and time.monotonic() < deadline:
            for process in mine:
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    continue
            for part in self.processes.values():
                part.poll()
            psutil.wait_procs(mine, timeout=2)
        for part in self.processes.values():
            part.wait()
        self.proxy.stop()
        self._http.close()
        if not self.keep:
            shutil.rmtree(self.home, ignore_errors=True)
        if left := self._mine():
            raise RuntimeError(f"processes are left: {left}")

    def _mine(self) -> list[psutil.Process]:
        # By the folder that they were started in: a part that sets its title overwrites its environment, and a task
        # whose supervisor was killed is nobody's child any more.
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if Path(process.cwd()).is_relative_to(self.home):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
                continue
        return found

    # -- Airflow's REST API ----------------------------------------------------------------------------------
    def api(self, method: str, path: str, **arguments: Any) -> Any:
        """A call of the public REST API; its JSON, or None for "not found".

        A 500 is tried again: it is SQLite's "database is locked". What was made by the first try is then there (409).
        """
        with self._lock:
            if not self._token:
                answer = self._http.get(f"{self.url}/auth/token").raise_for_status()
                self._token = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}"}
        for tries in itertools.count(1):
            # One writer at a time: SQLite has room for no more.
            with self._lock if method != "GET" else contextlib.nullcontext():
                answer = self._http.request(method, path, headers=headers, **arguments)
            if answer.status_code == 500 and tries < 20:
                time.sleep(0.2 * tries)
                continue
            if answer.status_code == 404 and method == "GET":
                return None
            if answer.is_error and not (answer.status_code == 409 and tries > 1):
                raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
            return answer.json() if answer.content else None
        raise AssertionError

    def healthy(self, *parts: str) -> bool:
        """Whether the parts have a fresh heartbeat; False while the API server is away."""
        try:
            health = self._http.get("/monitor/health").raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            return False
        return all((health.get(part) or {}).get("status") == "healthy" for part in parts)

    def check(self) -> None:
        """Raise if a part ended that nobody killed: no wait would ever come to an end."""
        for name, process in list(self.processes.items()):
            if name not in self._killed and process.poll() is not None:
                if name in self._revived:
                    with self._launching:
                        if self.processes[name].poll() is not None:  # nobody else was quicker
                            self.launch(name)
                            self.revivals += 1
                    continue
                log = (self.home / "log" / f"{name.replace(' ', '_')}.log").read_text(errors="replace")
                raise RuntimeError(f"{name} ended by itself:\n{log[-1000:]}")

    def _healthy(self) -> bool:
        self.check()
        return self.healthy("metadatabase", "scheduler", "triggerer", "dag_processor")

    def _has_dags(self) -> bool:
        if errors := (self.api("GET", "/importErrors") or {}).get("import_errors"):
            raise RuntimeError(f"the DAG file does not load: {errors[0]['stack_trace'][-2000:]}")
        return all(self.api("GET", f"/dags/{dag_id}") for dag_id in self.dag_ids)

    def store_image(self, uri: str) -> None:
        """Put an image into the object storage of this airflow."""
        path = self.home / "store" / uri.removeprefix("s3://")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image("PNG", (64, 48)))

    def heard(self, ti: Mapping[str, Any]) -> bool:
        """Whether the scheduler knows that the worker of an execution is done.

        A resume before that costs the task a retry (Airflow 3.3.2, on a busy machine).

        :param ti: the task instance, as the API has it.
        """
        execution = (
            f"dag_id='{ti['dag_id']}', task_id='{ti['task_id']}', run_id='{ti['dag_run_id']}', "
            f"try_number={ti['try_number']}, map_index={ti['map_index']}"
        )
        with (self.home / "log" / "scheduler.log").open(errors="replace") as lines:
            return any("Received executor event" in line and execution in line for line in lines)

    def connect(self, conn_id: str, sandbox_connection: str) -> None:
        """Make an Airflow connection from a sandbox's own JSON."""
        spec = json.loads(sandbox_connection)
        self.api(
            "POST",
            "/connections",
            json={
                "connection_id": conn_id,
                "conn_type": spec["conn_type"],
                "host": spec["host"],
                "password": spec["password"],
                "extra": json.dumps(spec["extra"]),
            },
        )
