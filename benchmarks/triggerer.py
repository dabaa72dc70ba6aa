"""2. A real ``airflow triggerer`` on PostgreSQL (or SQLite) with a thousand and more deferred tasks."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.loopback import ROOT, Loopback, gateway
from benchmarks.progress import say
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


#: Subject, number of tasks, whether every 50th job ends with 20 MB of base64 inside its answer.
Run = tuple[str, int, bool]


def measure(results: Results, runs: Sequence[Run], *, repeats: int = 1, part: str = "all") -> None:
    """Each run alone, with a triggerer, a database and a gateway of its own; the order changes with every repeat.

    :param part: rows that are replaced together.
    """
    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder)) as url:
        databases = Databases(Path(folder), url)
        orders = [run for _ in range(repeats) for run in random.sample(list(runs), len(runs))]
        for number, (subject, jobs, big) in enumerate(orders):
            home = Path(folder) / f"run{number}"
            home.mkdir()
            with gateway(home) as loopback:
                result = one(loopback, home, databases.fresh(number), subject, jobs, big=big)
            shutil.rmtree(home, ignore_errors=True)
            key = {"name": subject, "jobs": jobs, "big": big, "database": "PostgreSQL" if url else "SQLite"}
            results.add("triggerer", key, result, part=part)
            say(f"triggerer: {subject} {jobs}{' big' if big else ''}: {_line(result)}")


def _line(result: dict[str, Any]) -> str:
    return ", ".join(
        f"{key} {result[key]:.2f}" if isinstance(result[key], float) else f"{key} {result[key]}"
        for key in (
            "lost",
            "lag_p95",
            "cpu_runner",
            "cpu_supervisor",
            "blocked_max",
            "blocked_rest_max",
            "blocked_work_max",
            "gc_max",
        )
        if result.get(key) is not None
    )


class Databases:
    """Metadata databases: made by Airflow once, then copied.

    :param url: of the PostgreSQL server; None: SQLite.
    """

    def __init__(self, home: Path, url: str | None) -> None:
        self._home, self._url = home, url
        self._first = f"postgresql+psycopg2://{url}" if url else f"sqlite:///{home}/first.db"
        env = {**environment(home, self._first)}
        call(env, "-m", "airflow", "db", "migrate")

    def fresh(self, number: int) -> str:
        """The URL of another one."""
        if self._url is None:
            path = self._home / f"copy{number}.db"
            shutil.copy(self._home / "first.db", path)
            return f"sqlite:///{path}"
        import sqlalchemy as sa

        server, _, first = self._url.rpartition("/")
        engine = sa.create_engine(f"postgresql+psycopg2://{server}/template1", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            if number:
                connection.execute(sa.text(f"drop database bench_{number - 1} with (force)"))
            connection.execute(sa.text(f"create database bench_{number} template {first}"))
        engine.dispose()
        return f"postgresql+psycopg2://{server}/bench_{number}"


def environment(home: Path, database: str) -> dict[str, str]:
    """Of an Airflow with that database."""
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([{
            "name": "bench", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(home / "dags")}}]),
    }  # fmt: skip


def call(env: dict[str, str], *arguments: str) -> dict[str, Any]:
    """A Python process to its end, and what it says."""
    done = subprocess.run([sys.executable, *arguments], env=env, cwd=ROOT, capture_output=True, text=True)
    found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
    if done.returncode or (not found and "fill" in str(arguments)):
        raise RuntimeError(done.stdout[-1500:] + done.stderr[-3000:])
    value: dict[str, Any] = json.loads(found[1]) if found else {}
    return value


def one(
    loopback: Loopback, home: Path, database: str, subject: str, jobs: int, *, big: bool
) -> dict[str, Any]:
    """One triggerer, from its start until no task is deferred any more."""
    order = {
        "port": loopback.port, "ca": loopback.ca, "subject": subject, "jobs": jobs, "durations": DURATIONS, "seed": 3,
        "head_start": jobs / 250 + 15,
    }  # fmt: skip
    env = {
        **environment(home, database), "AIRFLOW__TRIGGERER__CAPACITY": str(jobs + 500),
        "AIRFLOW__TRIGGERER__DEFAULT_CAPACITY": str(jobs + 500), "SSL_CERT_FILE": loopback.ca,
    }  # fmt: skip
    before = dict(os.environ)
    from benchmarks.client import connect

    connect(order)
    env |= {k: v for k, v in os.environ.items() if k.startswith("AIRFLOW_CONN_")}
    os.environ.clear()
    os.environ.update(before)
    order |= call(env, "-m", "benchmarks.triggerer_fill", "fill", json.dumps(order))
    loopback.control("reset")
    if big:
        loopback.control("set", big_every=50)
    watched = home / "loop.json"
    began = time.time()
    with (home / "triggerer.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.loopwatch", str(watched), "triggerer", "--skip-serve-logs"],
            env=env, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        cpu: dict[str, float] = {}
        memory = 0
        try:
            deadline = order["start"] + 420
            while time.time() < deadline and process.poll() is None:
                time.sleep(2)
                memory = max(memory, _usage(process.pid, cpu))
                if _deferred(database, order["run_id"]) == 0:
                    break
            time.sleep(3)  # for the last look at the loop
        finally:
            tree = [process.pid, *(c.pid for c in psutil.Process(process.pid).children(recursive=True))]
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                for pid in tree:
                    with contextlib.suppress(psutil.Error):
                        psutil.Process(pid).kill()
    status = call(env, "-m", "benchmarks.triggerer_fill", "read", json.dumps(order))
    text = (home / "triggerer.log").read_text(errors="replace")
    if not watched.exists():
        raise RuntimeError(text[-3000:])
    loop = json.loads(watched.read_text())
    blocks = sorted(loop.pop("long"), key=lambda block: -block["wall"])
    if os.environ.get("BENCH_STACKS"):
        say(json.dumps(sorted(blocks, key=lambda block: -block["cpu"])[:8], indent=1))
    said = [float(s) for s in re.findall(r"async thread was blocked for ([\d.]+) seconds", text)]
    counts = loopback.control()
    return {
        **status, **loop, "blocks": [_rounded(block) for block in blocks[:5]], "said_times": len(said),
        "said_max": max(said, default=0.0), "lost": jobs - status.get("finished", 0),
        "cpu_supervisor": cpu.get("supervisor", 0.0), "cpu_runner": cpu.get("runner", 0.0), "memory": memory,
        "all_polled": counts["last_new"] - began if counts["last_new"] else None,
        "requests": counts["requests"], "connections": counts["connections"] - (2 if big else 1),
        "log_bytes": sum(p.stat().st_size for p in (home / "logs").rglob("*") if p.is_file()) + len(text),
    }  # fmt: skip


def _rounded(block: dict[str, Any]) -> dict[str, float]:
    return {key: round(block[key], 3) for key in ("wall", "cpu", "gc_cpu", "log")}


def _deferred(database: str, run_id: str) -> int:
    """Tasks that still wait. One cheap query: what asks must not be what is measured."""
    import sqlalchemy as sa
    from sqlalchemy.pool import NullPool

    engine = sa.create_engine(database, poolclass=NullPool)
    query = sa.text("select count(*) from task_instance where run_id = :run and state = 'deferred'")
    with engine.connect() as connection:
        return int(connection.execute(query, {"run": run_id}).scalar() or 0)


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
        "the database says that the task can go on. Most of it is Airflow's own: its supervisor takes up triggers and "
        "writes events one by one, and with thousands of tasks it is the supervisor that is busy. The trigger that only "
        "sleeps shows how much. The first time counts from the start of the triggerer, its imports included; the "
        "second from the moment at which the jobs were accepted.",
        "",
        "| trigger | tasks | database | each asked for once after | all known after | lag p50 | lag p95 | CPU runner | CPU supervisor | requests | "
        "connections | memory of the runner | log | lost | runs |",
        "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    ordered = sorted(rows, key=lambda r: (r["jobs"], r["big"], list(TITLES).index(r["name"])))
    for row in ordered:

        def value(key: str, row: dict[str, Any] = row) -> float:
            return median_of(row, key)

        polled = "–" if value("all_polled") != value("all_polled") else f"{value('all_polled'):.0f} s"
        lines.append(
            f"| {_title(row)} | {row['jobs']} | {row['database']} | {polled} | {value('last'):.0f} s | {value('lag_p50'):.1f} s | "
            f"{value('lag_p95'):.1f} s | {value('cpu_runner'):.1f} s | {value('cpu_supervisor'):.1f} s | "
            f"{value('requests'):.0f} | {value('connections'):.0f} | {value('memory') / 1e6:.0f} MB | "
            f"{value('log_bytes') / 1e6:.1f} MB | {max(run['lost'] for run in row['runs'])} | {len(row['runs'])} |"
        )
    lines += [
        "",
        "What blocked the event loop, from one look at its sockets to the next. Airflow writes its own log lines (two or "
        "more for every trigger) on the loop into a pipe to its supervisor, and waits while that is busy: the second column "
        "is the longest block without such waiting. The third is the longest in CPU time of the loop's thread without "
        "the garbage collector's share; what the clock shows beyond it, other processes had. The collector walks all "
        "that Airflow has imported, whoever allocates. The last is what Airflow's own watch said.",
        "",
        "| trigger | tasks | longest, clock | without waiting for the log's pipe | CPU without collector | longest collection | "
        "blocks over 200 ms | Airflow's warnings |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in ordered:
        seconds = [
            f"{median_of(row, key):.2f} s"
            for key in ("blocked_max", "blocked_rest_max", "blocked_work_max", "gc_max")
        ]
        lines.append(
            f"| {_title(row)} | {row['jobs']} | {' | '.join(seconds)} | {median_of(row, 'blocked_over_200'):.0f} | "
            f"{median_of(row, 'said_times'):.0f}, at most {median_of(row, 'said_max'):.2f} s |"
        )
    return "\n".join(lines) + "\n"


def _title(row: dict[str, Any]) -> str:
    return TITLES[row["name"]] + (", every 50th job with 20 MB of base64" if row["big"] else "")
