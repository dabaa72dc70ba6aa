"""The example DAGs on a real Airflow (its parts as processes), and all that their runs left behind."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from orux_sandbox import SandboxServer
from tests.conftest import ROOT
from tests.crash.airflow_processes import AirflowProcesses, until
from tests.storage.stores import SharedStore, shared
from tests.storage.web import Web

#: A job lasts longer than a scheduler's loop: see ``ScenarioRun.end_job_once_deferred`` in tests/crash/scenario.py.
SANDBOX = {
    "max_concurrency": 0,
    "queue_seconds": 0.2,
    "run_seconds": 10.0,
    "sync_seconds": 0.1,
    "image_scale": 0.25,
    "url_schemes": "any",
}
KEYS = {
    "orux": "sk-app-Qx7ZtLp2_" + "n0tAr3alK3yButV3ryDistinct1veForGrep" + "Zz0123456789",
    "yescale": "sk-Wm4RvHs9" + "al50N0tAr3alK3yF0rTh3S3archOf1t" + "0987654321",
    "opengpu_relay": "relay_sk_Jd6TbNk3" + "n0rIsTh1s0n3ARealK3yOfAnyB0dy" + "5647382910",
}
#: What object storage signs with.
SECRET = "the-s3cret-0f-the-bucket-" + "Vb8XyPq2"
#: Begun by its schedule, as soon as a person unpauses it; and by the asset events of what it saves.
BY_SCHEDULE, BY_ASSET = "content_pipeline", "product_gallery"
ENDED = ("success", "failed")


class ExamplesAirflow(AirflowProcesses):
    """An Airflow with these examples, as shipped but for the time between polls."""

    def __init__(self, folder: Path, names: tuple[str, ...], store: Web) -> None:
        self.dags = folder / "dags"
        self.dag_ids = names
        shutil.copytree(ROOT / "example_dags" / "data", self.dags / "data")
        for name in names:
            code = (ROOT / "example_dags" / f"{name}.py").read_text()
            (self.dags / f"{name}.py").write_text(
                f"{code}\nfrom tests.storage.stores import attach_shared\n\nattach_shared()\n"
            )
        super().__init__(workers=int(os.environ.get("ORUX_EXAMPLES_WORKERS", "4")))
        self.saved = self.home / "saved"
        self.env |= {
            **shared(folder / "store", url=store.url, secret=SECRET),
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "2",
            # Nobody is killed here: a busy machine is given the time that Airflow gives by itself.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "300",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "60",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "60",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "5",
            "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "8",
            "AIRFLOW__ORUX__INPUT_ROOTS": f"file://{self.saved},s3://content",
            "AIRFLOW__ORUX__GALLERY_ROOTS": str(self.saved),
            "AIRFLOW_VAR_ORUX_SAVE_TO": f"file://{self.saved}",
            "AIRFLOW_VAR_ORUX_CONTENT_DB": f"{self.saved}/content.sqlite",
        }


@dataclass
class Left:
    """What the runs left behind."""

    #: Of each DAG: the state of its run, and of its task instances.
    runs: dict[str, str]
    states: dict[str, dict[str, str]]
    #: Of each DAG the results of its tasks, by task and map index.
    results: dict[str, dict[tuple[str, int], Any]]
    #: Of each table every row, as text; ``trigger`` also as it was meanwhile.
    database: dict[str, str]
    #: By file.
    logs: dict[str, str]
    files: dict[str, str]
    charges: list[dict[str, Any]]
    jobs: list[dict[str, Any]]
    requests: list[dict[str, Any]]
    leaks: list[Any]
    #: What was signed, fetched once more: its status.
    signed: dict[str, int]
    triggers: int
    seconds: float


@dataclass
class Watch:
    """Answers who asks a person, and keeps each row of ``trigger`` that was there for a moment."""

    airflow: ExamplesAirflow
    triggers: set[str] = field(default_factory=set)
    runs: dict[str, str] = field(default_factory=dict)

    def look(self) -> bool:
        """One round; whether all runs have ended."""
        self.airflow.check()
        for row in self.rows("trigger"):
            self.triggers.add(repr(row))
        for asked in self.api("GET", "/dags/~/dagRuns/~/hitlDetails", params={"response_received": False})[
            "hitl_details"
        ]:
            if self.airflow.heard(asked["task_instance"]):
                self.answer(asked)
        for run in self.api("GET", "/dags/~/dagRuns", params={"limit": 100})["dag_runs"]:
            self.runs[run["dag_id"]] = run["state"]
        return len(self.runs) == len(self.airflow.dag_ids) and set(self.runs.values()) <= set(ENDED)

    def answer(self, asked: dict[str, Any]) -> None:
        ti = asked["task_instance"]
        rejected = (ti["dag_id"], ti["task_id"]) == ("review_reroll", "pick")
        self.api(
            "PATCH",
            f"/dags/{ti['dag_id']}/dagRuns/{ti['dag_run_id']}/taskInstances/{ti['task_id']}/{ti['map_index']}"
            "/hitlDetails",
            json={
                "chosen_options": [asked["options"][0]],
                "params_input": {"reject": rejected} if "reject" in (asked.get("params") or {}) else {},
            },
        )

    def api(self, *call: Any, **arguments: Any) -> Any:
        return self.airflow.api(*call, **arguments)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        path = self.airflow.home / "airflow" / "airflow.db"
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)) as db:
                return db.execute(f'SELECT * FROM "{table}"').fetchall()
        except sqlite3.OperationalError:
            return []  # locked: the next round looks again


def run_examples(folder: Path, names: tuple[str, ...]) -> Iterator[Left]:
    """Run them all side by side, and look at what is there afterwards."""
    web = Web()
    (folder / "store" / "content").mkdir(parents=True)
    (folder / "store" / "content" / ".keep").touch()
    SharedStore(folder / "store", web, SECRET)  # which serves its files
    airflow = ExamplesAirflow(folder, names, web)
    try:
        with SandboxServer(SANDBOX) as sandbox:
            began = time.monotonic()
            # SQLite's locks end a part of Airflow now and then; that is no finding about the provider.
            with airflow, airflow.reviving("scheduler", "triggerer", "dag-processor"):
                for gateway, key in KEYS.items():
                    sandbox.save_account(account=f"me-{gateway}", key=key, gateway=gateway, balance=1_000_000)
                    spec = {**json.loads(sandbox.connection(gateway)), "password": key}
                    airflow.connect(f"{gateway}_default", json.dumps(spec))
                chat = {"conn_type": "openai", "host": f"{sandbox.url}/api/v1", "password": KEYS["orux"]}
                airflow.connect("orux_chat", json.dumps({**chat, "extra": {}}))
                for name in names:
                    if name == BY_SCHEDULE:
                        airflow.api("PATCH", f"/dags/{name}", json={"is_paused": False})
                    elif name != BY_ASSET:
                        airflow.api(
                            "POST",
                            f"/dags/{name}/dagRuns",
                            json={"dag_run_id": secrets.token_hex(4), "logical_date": None},
                        )
                watch = Watch(airflow)
                try:
                    until(watch.look, "the end of all runs", pause=1.0, patience=900)
                except TimeoutError as e:
                    raise TimeoutError(f"{e}: {watch.runs}") from e
                yield left(airflow, sandbox, watch, time.monotonic() - began)
    finally:
        web.stop()


def left(airflow: ExamplesAirflow, sandbox: SandboxServer, watch: Watch, seconds: float) -> Left:
    """Read everything."""
    import httpx

    with closing(sqlite3.connect(airflow.home / "airflow" / "airflow.db", timeout=60)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        database = {t: "\n".join(repr(row) for row in db.execute(f'SELECT * FROM "{t}"')) for t in tables}
        states: dict[str, dict[str, str]] = {}
        for dag_id, task_id, index, state in db.execute(
            "SELECT dag_id, task_id, map_index, state FROM task_instance"
        ):
            states.setdefault(dag_id, {})[task_id if index < 0 else f"{task_id}[{index}]"] = str(state)
        results: dict[str, dict[tuple[str, int], Any]] = {}
        for dag_id, task_id, index, value in db.execute(
            "SELECT dag_id, task_id, map_index, value FROM xcom WHERE key = 'return_value'"
        ):
            results.setdefault(dag_id, {})[task_id, index] = json.loads(value)
    database["trigger"] += "\n".join(watch.triggers)
    requests = sandbox.requests()
    urls = re.findall(r"http://[^\s\"']+X-Amz-Signature=[0-9a-f]+[^\s\"']*", json.dumps(requests))
    return Left(
        runs=watch.runs,
        states=states,
        results=results,
        database=database,
        logs=texts(airflow.home / "log") | texts(airflow.home / "airflow" / "logs"),
        files=texts(airflow.saved) | texts(airflow.dags.parent / "store"),
        charges=sandbox.charges(),
        jobs=sandbox.jobs(),
        requests=requests,
        leaks=sandbox.leaks(),
        signed={url: httpx.get(url).status_code for url in urls},
        triggers=len(watch.triggers),
        seconds=seconds,
    )


def texts(folder: Path) -> dict[str, str]:
    """Every file below it, by name; each byte is a character."""
    return {
        str(p): p.read_bytes().decode("latin-1")
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.is_symlink()
    }
