"""A PostgreSQL server of this test run, on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BINARIES = [
    *os.environ.get("PATH", "").split(os.pathsep),
    *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin"))),
]


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of this test run on loopback, with an empty database; its SQLAlchemy URL."""
    folder = next(
        (f for f in BINARIES if all(Path(f, name).exists() for name in ("initdb", "postgres"))), None
    )
    if folder is None:
        pytest.skip("no PostgreSQL server on this machine (initdb and postgres; apt-get install postgresql)")
    # PostgreSQL refuses to run as root; another user of the machine must then own its files.
    other = {} if os.getuid() else unprivileged()
    home = Path(tempfile.mkdtemp(prefix="orux-postgres-"))
    data, password = home / "data", home / "password"
    password.write_text("of-this-test-run")
    if other:
        for path in (home, password):
            shutil.chown(path, other["user"], other["group"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (home / "log").open("w+b")
    server: subprocess.Popen[bytes] | None = None
    try:
        subprocess.run(
            [
                f"{folder}/initdb", "-D", data, "-U", "airflow", "-E", "UTF8", "--no-locale", "--no-sync",
                "--auth=scram-sha-256", "--pwfile", password,
            ],
            check=True, stdout=log, stderr=subprocess.STDOUT, cwd=home, **other,
        )  # fmt: skip
        server = subprocess.Popen(
            [
                f"{folder}/postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
                "-c", "unix_socket_directories=", "-c", "fsync=off",
            ],
            stdout=log, stderr=subprocess.STDOUT, cwd=home, **other,
        )  # fmt: skip
        wait_for_postgres(server, port, home / "log")
        yield f"airflow:of-this-test-run@127.0.0.1:{port}/postgres"
    finally:
        if server is not None:
            server.terminate()
            server.wait(30)
        log.close()
        shutil.rmtree(home, ignore_errors=True)


def unprivileged() -> dict[str, Any]:
    import grp
    import pwd

    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": name, "group": grp.getgrgid(user.pw_gid).gr_name, "extra_groups": []}
    pytest.skip("no user but root, as whom PostgreSQL refuses to run")


def wait_for_postgres(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import psycopg2

    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg2.connect(
                host="127.0.0.1", port=port, user="airflow", password="of-this-test-run", dbname="postgres"
            ).close()
        except psycopg2.OperationalError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        else:
            return
