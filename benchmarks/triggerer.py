"""2. A real ``airflow triggerer`` on PostgreSQL (or SQLite) with a thousand and more deferred tasks."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.loopback import ROOT, Loopback, gateway
from benchmarks.results import Results, median_of
from benchmarks.subject import TITLES

DURATIONS = {"median": 30.0, "sigma": 0.3}


@contextlib.contextmanager
def postgres(home: Path) -> Iterator[str | None]:
    """The URL of a PostgreSQL server for as long as the block runs; None where there is none.

    ``BENCH_POSTGRES`` may name one that runs: ``user:password@host:port/database``.
    """
    if given := os.environ.get("BENCH_POSTGRES"):
        yield given
        return
    folders = [Path(p).resolve().parent for p in (shutil.which("postgres"),) if p]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    folder = next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)
    if folder is None:
        yield None
        return
    other: dict[str, Any] = {}
    if os.getuid() == 0:
        # PostgreSQL refuses to run as root.
        import pwd

        user = next((pwd.getpwnam(n) for n in ("postgres", "nobody") if _exists(n)), None)
        if user is None:
            yield None
            return
        other = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    place = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
    if other:
        os.chown(place, other["user"], other["group"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    subprocess.run(
        [folder / "initdb", "-D", place / "data", "-U", "airflow", "-E", "UTF8", "--no-locale", "--no-sync", "-A", "trust"],
        check=True, capture_output=True, cwd=place, **other,
    )  # fmt: skip
    with (home / "postgres.log").open("wb") as log:
        server = subprocess.Popen(
            [folder / "postgres", "-D", place / "data", "-p", str(port), "-c", "listen_addresses=127.0.0.1",
             "-c", "unix_socket_directories="],
            stdout=log, stderr=subprocess.STDOUT, cwd=place, **other,
        )  # fmt: skip
        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.2)
            time.sleep(1)
            yield f"airflow@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(30)
            shutil.rmtree(place, ignore_errors=True)


def _exists(name: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def measure(
    results: Results,
    *,
    jobs: int,
    subjects: tuple[str, ...] = ("orux", "yescale", "http"),
    repeats: int = 1,
    big: bool = False,
) -> None:
    """Each subject with a triggerer and a database of its own."""
    for _ in range(repeats):
        for subject in subjects:
            with tempfile.TemporaryDirectory() as folder, gateway(Path(folder)) as loopback:
                home = Path(folder)
                with postgres(home) as url:
                    result = one(loopback, home, url, subject, jobs, big=big)
                results.add(
                    "triggerer",
                    {
                        "name": subject,
                        "jobs": jobs,
                        "big": big,
                        "database": "PostgreSQL" if url else "SQLite",
                    },
                    result,
                )
                print(f"  {subject} {jobs}: {result}", flush=True)


def one(
    loopback: Loopback, home: Path, url: str | None, subject: str, jobs: int, *, big: bool
) -> dict[str, Any]:
    order = {
        "port": loopback.port, "ca": loopback.ca, "subject": subject, "jobs": jobs, "durations": DURATIONS, "seed": 3,
        "head_start": jobs / 250 + 15,
    }  # fmt: skip
    database = f"postgresql+psycopg2://{url}" if url else f"sqlite:///{home}/airflow.db"
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"), "AIRFLOW__TRIGGERER__CAPACITY": str(jobs + 500),
        "AIRFLOW__TRIGGERER__DEFAULT_CAPACITY": str(jobs + 500), "SSL_CERT_FILE": loopback.ca,
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([{
            "name": "bench", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(home / "dags")}}]),
    }  # fmt: skip
    before = dict(os.environ)
    from benchmarks.client import connect

    connect(order)
    env |= {k: v for k, v in os.environ.items() if k.startswith("AIRFLOW_CONN_")}
    os.environ.clear()
    os.environ.update(before)

    def call(*arguments: str) -> dict[str, Any]:
        done = subprocess.run([sys.executable, *arguments], env=env, cwd=ROOT, capture_output=True, text=True)
        found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
        if done.returncode or (not found and "fill" in str(arguments)):
            raise RuntimeError(done.stdout[-1500:] + done.stderr[-3000:])
        value: dict[str, Any] = json.loads(found[1]) if found else {}
        return value

    call("-m", "airflow", "db", "migrate")
    order |= call("-m", "benchmarks.triggerer_fill", "fill", json.dumps(order))
    loopback.control("reset")
    if big:
        loopback.control("set", big_every=50)
    with (home / "triggerer.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"],
            env=env, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        cpu: dict[str, float] = {}
        memory = 0
        status: dict[str, Any] = {}
        try:
            deadline = order["start"] + 420
            last = 0.0
            while time.time() < deadline:
                time.sleep(1)
                memory = max(memory, _usage(process.pid, cpu))
                if time.time() - last > 8:
                    last = time.time()
                    status = call("-m", "benchmarks.triggerer_fill", "read", json.dumps(order))
                    if status["states"].get("deferred", 0) == 0:
                        break
        finally:
            tree = [process.pid, *(c.pid for c in psutil.Process(process.pid).children(recursive=True))]
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                for pid in tree:
                    with contextlib.suppress(psutil.Error):
                        psutil.Process(pid).kill()
    text = (home / "triggerer.log").read_text(errors="replace")
    blocked = [float(s) for s in re.findall(r"async thread was blocked for ([\d.]+) seconds", text)]
    counts = loopback.control()
    roles = sorted(cpu.items(), key=lambda item: item[0])
    return {
        **status, "lost": jobs - status.get("finished", 0), "cpu_supervisor": dict(roles).get("supervisor", 0.0),
        "cpu_runner": dict(roles).get("runner", 0.0), "memory": memory, "requests": counts["requests"],
        "connections": counts["connections"] - 1, "blocked_max": max(blocked, default=0.0), "blocked_times": len(blocked),
        "log_bytes": sum(p.stat().st_size for p in (home / "logs").rglob("*") if p.is_file()) + len(text),
    }  # fmt: skip


def _usage(pid: int, cpu: dict[str, float]) -> int:
    """CPU seconds so far of the triggerer and of the process that runs the triggers; resident bytes of the latter."""
    memory = 0
    with contextlib.suppress(psutil.Error):
        top = psutil.Process(pid)
        for process in (top, *top.children(recursive=True)):
            times = process.cpu_times()
            role = "supervisor" if process.pid == pid else "runner"
            cpu[role] = max(cpu.get(role, 0.0), times.user + times.system)
            if role == "runner":
                memory = max(memory, process.memory_info().rss)
    return memory


def report(results: Results) -> str:
    rows = results.of("triggerer")
    if not rows:
        return ""
    lines = [
        "A database is filled with deferred tasks (median 30 s, σ 0.3, all accepted at one moment, the triggerer started some "
        "seconds before it), then `airflow triggerer` is started with its capacity raised. Lag is from the end of the job until "
        "the database says that the task can go on; it includes Airflow's own second or so. Airflow takes up 50 triggers "
        "per second or so.",
        "",
        "| trigger | tasks | database | all known after | lag p50 | lag p95 | CPU runner | CPU supervisor | requests | "
        "connections | memory of the runner | loop blocked > 200 ms | lost |",
        "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in sorted(rows, key=lambda r: (r["jobs"], r["big"])):

        def value(key: str, row: dict[str, Any] = row) -> float:
            return median_of(row, key)

        blocked = f"{value('blocked_times'):.0f} ×" + (
            f", at most {value('blocked_max'):.2f} s" if value("blocked_times") else ""
        )
        lines.append(
            f"| {TITLES[row['name']]}{', every 50th job with 20 MB of base64' if row['big'] else ''} | {row['jobs']} | "
            f"{row['database']} | {value('last'):.0f} s | {value('lag_p50'):.1f} s | {value('lag_p95'):.1f} s | "
            f"{value('cpu_runner'):.1f} s | {value('cpu_supervisor'):.1f} s | {value('requests'):.0f} | "
            f"{value('connections'):.0f} | {value('memory') / 1e6:.0f} MB | {blocked} | {value('lost'):.0f} |"
        )
    return "\n".join(lines) + "\n"
