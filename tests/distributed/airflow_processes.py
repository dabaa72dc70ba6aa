"""Airflow on CeleryExecutor: its servers, its parts, and two workers."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import redis

from tests.crash.airflow_processes import AirflowProcesses, free_port, until


class DistributedAirflow(AirflowProcesses):
    """A airflow whose tasks run in two Celery workers.

    :param concurrency: tasks at once in each worker.
    """

    parts = ("api-server", "dag-processor", "scheduler", "triggerer")
    dags = Path(__file__).parent / "dags"
    dag_ids = ("distributed_chain",)
    workers = ("worker one", "worker two")

    def __init__(self, *, concurrency: int = 4, keep: bool = False) -> None:
        super().__init__(workers=32, keep=keep)
        self.concurrency = concurrency
        self._servers: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []
        self._postgres_port, self._redis_port = free_port(), free_port()
        self._password = secrets.token_hex(16)
        url = f"airflow:{self._password}@127.0.0.1:{self._postgres_port}/postgres"
        self.env |= {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{url}",
            "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{self._redis_port}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{url}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(concurrency),
            "AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
        }

    def prepare(self) -> None:
        self._start_redis()
        self._start_postgres()

    def start(self) -> None:
        super().start()
        for name in self.workers:
            host = name.split()[1]
            self.launch("celery worker --without-gossip", name=name, host=host)
        until(self._both_workers, "two Celery workers")

    def close(self) -> None:
        try:
            for process, sign in self._servers:
                # PostgreSQL would leave shared memory behind if it were killed with the others.
                if process.poll() is None:
                    process.send_signal(sign)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(20)
        finally:
            super().close()

    def worker_of(self, pid: int) -> str | None:
        """The worker that a process belongs to."""
        for name in self.workers:
            if any(process.pid == pid for process in self.family(name)):
                return name
        return None

    def _both_workers(self) -> bool:
        self.check()
        with contextlib.closing(redis.Redis(port=self._redis_port)) as client:
            # Each worker listens to a reply queue of its own from the moment it takes tasks.
            bound = {str(m) for m in client.smembers("_kombu.binding.celery.pidbox")}
        return all(any(f"celery@{name.split()[1]}" in b for b in bound) for name in self.workers)

    def _start_redis(self) -> None:
        folder = self.home / "redis"
        folder.mkdir()
        words = ["redis-server", "--bind", "127.0.0.1", "--port", str(self._redis_port), "--save", ""]
        with (self.home / "log" / "redis.log").open("ab") as log:
            process = subprocess.Popen(
                [*words, "--appendonly", "no", "--dir", str(folder)],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._servers.append((process, signal.SIGTERM))

        def answers() -> bool:
            with (
                contextlib.suppress(redis.ConnectionError),
                contextlib.closing(redis.Redis(port=self._redis_port)) as client,
            ):
                return bool(client.ping())
            return False

        until(answers, "Redis")

    def _start_postgres(self) -> None:
        data = self.home / "postgres"
        data.mkdir()
        key = self.home / "password"
        key.write_text(self._password)
        user: str | None = None
        if os.getuid() == 0:  # it refuses to run as root
            user = next(n for n in ("postgres", "nobody") if _exists(n))
            self.home.chmod(0o755)
            shutil.chown(data, user)
            shutil.chown(key, user)
        with (self.home / "log" / "postgres.log").open("ab") as log:

            def run(program: str, *words: str) -> subprocess.Popen[bytes]:
                return subprocess.Popen(
                    [str(_binaries() / program), *words],
                    cwd=data,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    user=user,
                    group=None if user is None else pwd.getpwnam(user).pw_gid,
                    env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(data)},
                )

            made = run(
                "initdb",
                "-D",
                str(data),
                "-U",
                "airflow",
                "-A",
                "scram-sha-256",
                f"--pwfile={key}",
                "-E",
                "UTF8",
            )
            if made.wait():
                raise RuntimeError((self.home / "log" / "postgres.log").read_text())
            options = {
                "listen_addresses": "127.0.0.1",
                "port": self._postgres_port,
                "unix_socket_directories": data,
                "fsync": "off",
                "max_connections": 200,
            }
            words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
            self._servers.append((run("postgres", "-D", str(data), *words), signal.SIGINT))

        def answers() -> bool:
            import psycopg2

            try:
                psycopg2.connect(
                    host="127.0.0.1",
                    port=self._postgres_port,
                    user="airflow",
                    password=self._password,
                    dbname="postgres",
                ).close()
            except psycopg2.OperationalError:
                return False
            return True

        until(answers, "PostgreSQL")


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _binaries() -> Path:
    """Where initdb and postgres lie: Debian keeps them out of PATH."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4].split(".")[0])
    )
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    if found is None:
        raise FileNotFoundError("PostgreSQL is not installed: run tests/distributed/setup.sh")
    return Path(found).parent
