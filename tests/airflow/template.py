"""A home of Airflow with a migrated SQLite database, made once for each set of versions and copied from then on."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from importlib.metadata import distributions
from pathlib import Path

from airflow_provider_orux import get_provider_info
from demo.airflow_home import ROOT, environment

#: ``make clean`` removes it.
FOLDER = ROOT / "build" / "airflow-home"
#: How the names of the distributions begin whose versions decide what ``airflow db migrate`` makes.
DECIDE = ("apache-airflow", "alembic", "sqlalchemy")
SQLITE = "sqlite:///"
#: Stands in the template's ``airflow.cfg`` for the home.
HERE = "/home-of-the-template"


def migrate(env: Mapping[str, str], *, cwd: Path | None = None) -> None:
    """What ``airflow db migrate`` does to a new home: its database and ``airflow.cfg``.

    :raises RuntimeError: Airflow's command fails.
    """
    url = env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    if not url.startswith(SQLITE):
        _run(env, cwd)
        return
    made, home = template(), Path(env["AIRFLOW_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    # SQLite copies: something of this process may have the file open already.
    with (
        closing(sqlite3.connect(f"{(made / 'airflow.db').as_uri()}?immutable=1", uri=True)) as source,
        closing(sqlite3.connect(url.removeprefix(SQLITE))) as target,
    ):
        source.backup(target)
    if not (home / "airflow.cfg").exists():
        part = home / f"airflow.cfg.{os.getpid()}"
        part.write_text((made / "airflow.cfg").read_text().replace(HERE, str(home)))
        part.replace(home / "airflow.cfg")


def template() -> Path:
    """The home to copy from; the first process that asks makes it, the others wait for that."""
    found = sorted(f"{d.name}=={d.version}" for d in distributions() if d.name.lower().startswith(DECIDE))
    # Our own settings stand in airflow.cfg, too.
    ours = Path(str(get_provider_info.__file__)).read_text()
    made = FOLDER / hashlib.sha256("\n".join((sys.version, *found, ours)).encode()).hexdigest()[:16]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _make(made)
    return made


def _make(made: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="new-", dir=FOLDER) as folder:
        home, kept = Path(folder, "home"), Path(folder, "kept")
        home.mkdir()
        kept.mkdir()
        _run({**environment(home, bundles={"none": home}), "PYTHONPATH": str(ROOT)}, home)
        (home / "airflow.db").rename(kept / "airflow.db")
        (kept / "airflow.cfg").write_text((home / "airflow.cfg").read_text().replace(str(home), HERE))
        kept.rename(made)


def _run(env: Mapping[str, str], cwd: Path | None) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], env=env, cwd=cwd, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"airflow db migrate: {done.stderr[-2000:]}")
