"""A real ``airflow api-server`` over the database of this test run, and the commands against it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

# Fixtures: a database, a sandbox, DAGs that run in this process.
from tests.airflow.conftest import _sandbox, database, load_dag, run, sandbox, short_pauses  # noqa: F401
from tests.conftest import HOME


@dataclass
class Api:
    """The server's address, and plain requests to it that are not made by what is tested."""

    url: str
    token: str

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        response = httpx.request(
            method,
            f"{self.url}/api/v2{path}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
            **arguments,
        )
        response.raise_for_status()
        return response

    def stored(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> dict[str, Any]:
        """The ledger's entry of a task instance as Airflow holds it."""
        path = f"/dags/{dag_id}/dagRuns/{run_id.replace('+', '%2B')}/taskInstances/{task_id}/state-store/orux_ledger"
        value: dict[str, Any] = self.request("GET", path, params={"map_index": map_index}).json()
        return value

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """What the button "Clear" does."""
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "only_failed": False}
        self.request("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)


@dataclass
class Ended:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def token(self) -> str:
        """The first token that it gives: then it is ready."""
        deadline = time.monotonic() + 120
        while True:
            try:
                return str(httpx.get(f"{self.url}/auth/token", timeout=5).json()["access_token"])
            except (httpx.HTTPError, ValueError, KeyError):
                assert self.process.poll() is None, self.log.read_text()[-3000:]
                assert time.monotonic() < deadline, self.log.read_text()[-3000:]
                time.sleep(0.2)


@pytest.fixture(scope="session")
def _server(database: None) -> Iterator[Server]:  # noqa: F811
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test run and of no other",
    }
    log = Path(HOME) / "api-server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "airflow",
                *f"api-server --host 127.0.0.1 --port {port} --workers 1".split(),
            ],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Server(process, url, log)
    finally:
        for order in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, order)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)


@pytest.fixture(scope="session", autouse=True)
def _start_early(request: pytest.FixtureRequest) -> None:
    """The server starts while the tests that do without it run."""
    if any("_server" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("_server")


@pytest.fixture(scope="session")
def api(_server: Server) -> Api:
    return Api(_server.url, _server.token())


@pytest.fixture
def orux(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs ``airflow orux …`` in this process."""
    from airflow_provider_orux.cli.main import parser

    def call(*words: Any) -> Ended:
        capsys.readouterr()
        status = 0
        try:
            args = parser().parse_args(["orux", *map(str, words)])
            args.func(args)
        except SystemExit as e:
            status = int(e.code or 0)
        said = capsys.readouterr()
        return Ended(status, said.out, said.err)

    return call


@pytest.fixture
def at_api(orux: Callable[..., Ended], api: Api, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """The same, with the real API server as the configured one."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", api.url)
    monkeypatch.delenv("AIRFLOW_API_TOKEN", raising=False)
    return orux


@pytest.fixture
def again(api: Api) -> Callable[..., str]:
    """Clears a task through the API and runs it as ``dag.test()`` runs tasks; its state."""

    def execute(result: Any, task_id: str) -> str:
        api.clear(result.dag.dag_id, result.run_id, task_id)
        return str(result.run_cleared(task_id))

    return execute
