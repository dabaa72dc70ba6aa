"""``make ui``: an Airflow with the example DAGs, your own, and the sandbox, all on loopback until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from demo.airflow_home import ROOT, environment
from orux_sandbox import SandboxServer
from orux_sandbox.settings import SANDBOX_PRICES

OUT = ROOT / "build" / "ui"
PARTS = ("api-server", "dag-processor", "scheduler", "triggerer")
#: How often a part that ends is started again.
RESTARTS = 3

#: Durations like those of real jobs, 10 to 40 s.
REALISTIC = {
    "queue_seconds": 4,
    "run_seconds": 12,
    "sync_seconds": 10,
    "model_seconds": {"midjourney-v7": {"run": 24}, "suno-v5": {"run": 30}, "veo-3.1-fast": {"run": 36}},
}
FAST = {"queue_seconds": 0.5, "run_seconds": 1.5, "sync_seconds": 0.5}


def main(argv: list[str] | None = None) -> int:
    """Start everything, say when it is ready, watch it, stop it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo.ui", description=__doc__)
    parser.add_argument("--dags", type=Path, help="folder with DAGs of your own (default: dags in --home)")
    parser.add_argument("--fast", action="store_true", help="jobs of two seconds instead of 10 to 40")
    parser.add_argument("--port", type=int, default=8080, help="port of Airflow (%(default)s)")
    parser.add_argument("--sandbox-port", type=int, default=8810, help="port of the sandbox (%(default)s)")
    parser.add_argument("--home", type=Path, default=OUT, help="folder for the database, logs and images")
    options = parser.parse_args(argv)
    home: Path = options.home.resolve()
    dags: Path = (options.dags or home / "dags").expanduser().resolve()
    for folder in (home / "log", home / "images", home / "dags"):
        folder.mkdir(parents=True, exist_ok=True)
    if not dags.is_dir():
        parser.error(f"{dags} is not a folder")
    for name, port in (("PORT", options.port), ("SANDBOX_PORT", options.sandbox_port)):
        if taken(port):
            parser.error(
                f"something listens on 127.0.0.1:{port} already; use another: make ui {name}={port + 1}"
            )
    if ignored := sorted(name for name in os.environ if name.startswith("AIRFLOW")):
        say(f"Ignored, since this is an Airflow of its own: {', '.join(ignored)}")

    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.default_int_handler)
    settings = FAST if options.fast else REALISTIC
    say("Airflow and the sandbox are starting; this takes a minute, the first time longer …")
    began = time.monotonic()
    with SandboxServer(settings, port=options.sandbox_port, data_dir=home) as sandbox:
        try:
            with running(home, dags, options.port, sandbox) as airflow:
                wait_until_ready(airflow)
                say(f"Ready after {time.monotonic() - began:.0f} s.\n")
                say(next_steps(home, dags, airflow.url, sandbox.url))
                watch(airflow, sandbox)
        except KeyboardInterrupt:
            say("\nStopping …")
        except PartEndedError as e:
            say(str(e))
            return 1
    return 0


class PartEndedError(Exception):
    """A part of Airflow ends as often as it is started."""


@dataclass
class Airflow:
    """Airflow's parts as processes.

    :param home: where their logs are, in ``log/``.
    """

    home: Path
    url: str
    env: dict[str, str]
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)

    def start(self, part: str) -> None:
        """Start a part; its log is appended to."""
        command = [sys.executable, "-m", "airflow", part]
        if part in ("scheduler", "triggerer"):
            command.append("--skip-serve-logs")  # they would listen on all addresses
        with self.log(part).open("ab") as log:
            self.parts[part] = subprocess.Popen(
                command, env=self.env, cwd=self.home, stdout=log, stderr=log, start_new_session=True
            )

    def log(self, part: str) -> Path:
        """The log of a part."""
        return self.home / "log" / f"{part}.log"

    def revive(self) -> None:
        """Say which parts ended, and start them again.

        :raises PartEndedError: one ends again and again.
        """
        for part, process in self.parts.items():
            if (status := process.poll()) is None:
                continue
            how = f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
            self.restarts[part] = self.restarts.get(part, 0) + 1
            told = f"Airflow's {part} {how}. Its log: {self.log(part)}"
            if self.restarts[part] > RESTARTS:
                end = self.log(part).read_text(errors="replace")[-2000:]
                raise PartEndedError(f"{end}\n{told}")
            say(f"{told}\n  It is started again. What it did for tasks goes on then.")
            self.start(part)

    def health(self) -> dict[str, Any]:
        """What Airflow says about its parts; empty while it does not answer."""
        try:
            answer = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=10, trust_env=False)
            found: dict[str, Any] = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            return {}
        return found

    def has_dag(self, dag_id: str) -> bool:
        """Whether a DAG is parsed."""
        with (
            contextlib.suppress(httpx.HTTPError, ValueError, KeyError),
            httpx.Client(trust_env=False) as http,
        ):
            token = http.get(f"{self.url}/auth/token").json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            return http.get(f"{self.url}/api/v2/dags/{dag_id}", headers=headers).is_success
        return False

    def stop(self) -> None:
        """End every part and what it started: each is a process group."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for process in self.parts.values():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, sign)
            deadline = time.monotonic() + 15
            for process in self.parts.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(deadline - time.monotonic(), 0.1))


@contextlib.contextmanager
def running(home: Path, dags: Path, port: int, sandbox: SandboxServer) -> Iterator[Airflow]:
    """Airflow with its database, connections and variables; stopped in the end."""
    url = f"http://127.0.0.1:{port}"
    env = environment(
        home / "airflow",
        bundles={"examples": ROOT / "example_dags", "yours": dags},
        AIRFLOW__API__HOST="127.0.0.1",
        AIRFLOW__API__PORT=str(port),
        AIRFLOW__API__BASE_URL=url,
        AIRFLOW__API__WORKERS="1",
        AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"{url}/execution/",
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS="True",
        AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
        AIRFLOW__CORE__TEST_CONNECTION="Enabled",
        AIRFLOW__CORE__EXECUTOR="LocalExecutor",
        AIRFLOW__CORE__PARALLELISM="4",
        # A task that Airflow could not start, on a busy machine, is not kept waiting for five minutes.
        AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY="20",
        AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT="60",
        AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES="1",
        AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL="10",
        AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL="60",
        AIRFLOW__ORUX__PRICES=json.dumps(example_prices()),
        AIRFLOW__ORUX__GALLERY_ROOTS=f"{home}/images",
        AIRFLOW__ORUX__INPUT_ROOTS=f"{home}/images",
    )
    (home / "env").write_text(shell_environment(env, airflow_command(home), connections(sandbox)))
    with (home / "log" / "database.log").open("w") as log:
        for command in (["db", "migrate"], *seed(home, connections(sandbox))):
            done = subprocess.run(
                [sys.executable, "-m", "airflow", *command],
                env=env, cwd=home, stdout=log, stderr=log, check=False,
            )  # fmt: skip
            if done.returncode:
                raise PartEndedError(f"airflow {' '.join(command)} failed; see {log.name}")
    airflow = Airflow(home, url, env)
    try:
        for part in PARTS:
            airflow.start(part)
        yield airflow
    finally:
        airflow.stop()


def connections(sandbox: SandboxServer) -> dict[str, str]:
    """The sandbox's connections as JSON, by their id in Airflow."""
    chat = {"conn_type": "openai", "host": f"{sandbox.url}/api/v1", "password": sandbox.key}
    ours = {f"{name}_default": sandbox.connection(name) for name in ("orux", "yescale", "opengpu_relay")}
    return {**ours, "orux_chat": json.dumps(chat)}


def seed(home: Path, found: dict[str, str]) -> list[list[str]]:
    """The commands that put connections and variables into the database, where Airflow's pages show them."""
    variables = {
        "orux_save_to": f"file://{home}/images",
        "orux_content_db": f"{home}/content.sqlite",
    }
    commands = []
    for kind, content in (
        ("connections", {i: json.loads(value) for i, value in found.items()}),
        ("variables", variables),
    ):
        file = home / f"{kind}.json"
        file.write_text(json.dumps(content, indent=2))
        commands.append([kind, "import", str(file), *(["--overwrite"] if kind == "connections" else [])])
    return commands


def example_prices() -> dict[str, dict[str, Any]]:
    """What the sandbox charges, as ``[orux] prices``: made up, and by the image where a request may ask for several."""
    from airflow_provider_orux.models import catalogue

    several = {cls.model for cls in catalogue.requests_of("orux") if "n" in cls.field_names()}
    return {
        "orux": {
            "currency": "credits",
            **{n: {"per_image": p} if n in several else p for n, p in SANDBOX_PRICES.items()},
        }
    }


def airflow_command(home: Path) -> Path:
    """A folder with the ``airflow`` of this Python."""
    folder = home / "bin"
    folder.mkdir(exist_ok=True)
    command = folder / "airflow"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m airflow "$@"\n')
    command.chmod(0o755)
    return folder


def shell_environment(env: dict[str, str], commands: Path, found: dict[str, str]) -> str:
    """What ``source build/ui/env`` sets: this Airflow, and no setting of another one."""
    names = sorted(name for name in env if name.startswith("AIRFLOW") or name == "PYTHONPATH")
    return "\n".join(
        [
            "# For a shell: the Airflow of `make ui`.",
            "for name in $(env | sed -n 's/^\\(AIRFLOW[A-Z0-9_]*\\)=.*/\\1/p'); do unset \"$name\"; done",
            f'export PATH={shlex.quote(str(commands))}:"$PATH"',
            *(f"export {name}={shlex.quote(env[name])}" for name in names),
            "# Airflow's own processes read these from the database; `airflow orux` has no access to it.",
            *(f"export AIRFLOW_CONN_{i.upper()}={shlex.quote(value)}" for i, value in found.items()),
            "",
        ]
    )


def wait_until_ready(airflow: Airflow) -> None:
    """Return when all parts have a heartbeat and the examples are parsed."""
    while True:
        airflow.revive()
        health = airflow.health()
        waited = ("scheduler", "triggerer", "dag_processor")
        healthy = all(health.get(part, {}).get("status") == "healthy" for part in waited)
        if healthy and airflow.has_dag("midjourney_chain"):
            return
        time.sleep(1)


def watch(airflow: Airflow, sandbox: SandboxServer) -> None:
    """Say what ends or falls silent, until Ctrl-C."""
    silent: set[str] = set()
    while True:
        for _ in range(10):
            time.sleep(1)
            airflow.revive()
        found = {name for name, part in airflow.health().items() if part.get("status") == "unhealthy"}
        if not answers(f"{sandbox.url}/_sandbox/health"):
            found.add("sandbox")
        for name in sorted(found - silent):
            say(
                f"The {name.replace('_', ' ')} runs but has not been heard of for a while. Logs: {airflow.home}/log"
            )
        for name in sorted(silent - found):
            say(f"The {name.replace('_', ' ')} is back.")
        silent = found


def answers(url: str) -> bool:
    """Whether a server answers."""
    try:
        return httpx.get(url, timeout=10, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def next_steps(home: Path, dags: Path, url: str, sandbox_url: str) -> str:
    """What is where, and what to do first."""
    here = Path(os.path.relpath(home))
    return f"""\
  Airflow     {url}   (no login)
  Sandbox     {sandbox_url}   the gateway on this machine: its jobs, images and charges (play money)
  Your DAGs   {dags}   a new file shows up within 20 s; another folder: make ui DAGS=~/my_dags
  Images      {home}/images
  Logs        {home}/log

Trigger the DAG midjourney_chain in the browser, or in a second terminal, here:

  source {here}/env
  airflow dags trigger midjourney_chain
  airflow orux ledger list --dag-id midjourney_chain
  airflow orux estimate midjourney_chain

Ctrl-C stops everything. Database and images stay; `rm -r {here}` removes them."""


def taken(port: int) -> bool:
    """Whether something listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def say(text: str) -> None:
    """One message, at once."""
    print(text, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
