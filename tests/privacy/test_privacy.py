"""A run on a real Airflow (API server, scheduler, triggerer as processes), and then a search of all that it left behind.

``dag.test()`` hides what only the API server refuses, what the triggerer logs and what the database keeps.
"""

from __future__ import annotations

import html
import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orux_sandbox import SandboxServer
from tests.crash.airflow_processes import AirflowProcesses, until
from tests.plugins.installed import install_gallery

KEYS = {
    "orux": "sk-app-Qx7ZtLp2_" + "n0tAr3alK3yButV3ryDistinct1veForGrep" + "Zz0123456789",
    "yescale": "sk-Wm4RvHs9" + "al50N0tAr3alK3yF0rTh3S3archOf1t" + "0987654321",
}
TEXTS = ("quokka", "confidential campaign", "marmoset")
FAST = {
    "max_concurrency": 0,
    "queue_seconds": 0.1,
    "run_seconds": 1.5,
    "sync_seconds": 0.1,
    "image_scale": 0.1,
    "unknown_fields": "ignored",
}
ENDED = {"success", "failed", "upstream_failed"}
#: Airflow's own tables of the DAG file and of the rendered arguments. The documentation says that it stores them.
AIRFLOWS = ("dag_code", "serialized_dag", "rendered_task_instance_fields")


class PrivacyAirflow(AirflowProcesses):
    dags = Path(__file__).parent / "dags"
    dag_ids = ("privacy", "assets")

    def prepare(self) -> None:
        install_gallery(self.home / "airflow")


@dataclass
class Left:
    """What a run left behind."""

    states: dict[str, str]
    #: Of each table every row, as text.
    database: dict[str, str]
    logs: str
    files: str
    urls: list[str]
    events: list[dict[str, Any]]
    results: dict[str, Any]
    leaks: list[Any]
    charged: list[str]
    out: Path
    #: What the gallery shows of the DAG "privacy": every page that can be reached, by address.
    pages: dict[str, str]

    @property
    def rows(self) -> str:
        return "\n".join(text for name, text in self.database.items() if name not in AIRFLOWS)


@pytest.fixture(scope="module")
def left() -> Iterator[Left]:
    airflow = PrivacyAirflow(workers=4)
    with SandboxServer(FAST) as sandbox:
        for gateway, key in KEYS.items():
            sandbox.save_account(account="me", key=key, gateway=gateway, balance=1_000_000)
            value = {**json.loads(sandbox.connection(gateway)), "password": key}
            airflow.env[f"AIRFLOW_CONN_{gateway.upper()}_DEFAULT"] = json.dumps(value)
        airflow.env["ORUX_PRIVACY_OUT"] = f"file://{airflow.home}/out"
        airflow.env["AIRFLOW__ORUX__GALLERY_ROOTS"] = f"{airflow.home}/out"
        refusal = (
            f"your prompt 'an umbrella of quokkas, confidential campaign' is not good; key {KEYS['orux']}"
        )
        sandbox.order_fault(
            {"endpoint": "*", "for_model": "recraft-v3", "times": 0,
             "then": {"status": 400, "code": "invalid_param", "message": refusal}}
        )  # fmt: skip
        with airflow, airflow.reviving("scheduler", "triggerer", "dag-processor"):
            for dag_id in airflow.dag_ids:
                airflow.api(
                    "POST", f"/dags/{dag_id}/dagRuns", json={"dag_run_id": "run", "logical_date": None}
                )
            yield look(airflow, sandbox)


def look(airflow: PrivacyAirflow, sandbox: SandboxServer) -> Left:
    states: dict[str, str] = {}

    def ended() -> bool:
        airflow.check()
        for dag_id in airflow.dag_ids:
            found = airflow.api("GET", f"/dags/{dag_id}/dagRuns/run/taskInstances")["task_instances"]
            states.update({i["task_id"]: str(i["state"]) for i in found})
        return bool(states) and set(states.values()) <= ENDED

    try:
        until(ended, "the two runs", pause=1.0, patience=300)
    except TimeoutError as e:
        raise TimeoutError(f"{e}: {states}") from e
    results = {
        task: (
            airflow.api("GET", f"/dags/{dag}/dagRuns/run/taskInstances/{task}/xcomEntries/return_value") or {}
        ).get("value")
        for dag, task in (("privacy", "grid"), ("assets", "two"))
    }
    pages = walk(airflow, "/orux/?dag=privacy", "/orux/dags/privacy", "/orux/dags/privacy/run?run_id=run")
    events = airflow.api("GET", "/assets/events?limit=100")["asset_events"]
    with sqlite3.connect(airflow.home / "airflow" / "airflow.db") as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        database = {t: "\n".join(repr(row) for row in db.execute(f'SELECT * FROM "{t}"')) for t in tables}
    logs = "\n".join(
        path.read_bytes().decode("utf-8", "replace")
        for folder in (airflow.home / "log", airflow.home / "airflow" / "logs")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
    files = "\n".join(
        f"{path}: {path.read_bytes().decode('latin-1')}"
        for path in sorted((airflow.home / "out").rglob("*"))
        if path.is_file()
    )
    return Left(
        states=states,
        database=database,
        logs=logs,
        files=files,
        urls=[url for job in sandbox.jobs() for url in re.findall(r"http://[^\s\"']+", json.dumps(job))],
        events=events,
        results=results,
        leaks=sandbox.leaks(),
        charged=[str(c.get("model")) for c in sandbox.charges()],
        out=airflow.home / "out",
        pages=pages,
    )


def walk(airflow: PrivacyAirflow, *starts: str) -> dict[str, str]:
    """These pages of the gallery, and all of that DAG's that they lead to."""
    found: dict[str, str] = {}
    todo = list(starts)
    while todo:
        address = todo.pop()
        if address in found or not ("dags/privacy" in address or address in starts):
            continue
        answer = airflow._http.get(f"{airflow.url}{address}")
        assert answer.status_code == 200, address
        found[address] = answer.content.decode("utf-8", "replace")
        if answer.headers["content-type"].startswith("text/html"):
            todo += [html.unescape(a) for a in re.findall(r'(?:href|src)="([^"]*)"', found[address])]
    return found


pytestmark = [pytest.mark.standalone, pytest.mark.timeout(600)]


def test_the_runs_are_what_the_search_needs(left: Left) -> None:
    failed = {task for task, state in left.states.items() if state != "success"}
    assert failed == {"quoted", "smuggled"}, re.findall(
        r"[^\n]*(?:Error|Exception): [^\n]{0,400}", left.logs
    )[-10:]
    assert "input_roots" in left.logs
    assert "InvalidRequestError" in left.logs
    assert str(left.results["grid"]["job_id"]) in left.rows
    assert len(re.findall(r"manifest\.json: ", left.files)) == 6
    assert {"xcom", "task_instance", "trigger", "asset_event", "log"} <= set(left.database)


def test_no_key_is_anywhere(left: Left) -> None:
    for key in KEYS.values():
        for piece in (key, key[9:33], key[-20:]):
            assert piece not in left.logs
            assert piece not in left.files
            for table, text in left.database.items():
                assert piece not in text, table
    assert left.leaks == []


def test_no_prompt_is_in_what_we_write(left: Left) -> None:
    for text in TEXTS:
        assert text not in left.logs
        for table, rows in left.database.items():
            assert table in AIRFLOWS or text not in rows, table
        assert text not in left.files.lower()
    # The search would find them: Airflow itself keeps the DAG file and the rendered arguments.
    assert all(any(text in left.database[table] for table in AIRFLOWS) for text in TEXTS)


def test_with_the_prompts_as_hashes_the_manifests_still_tell_them_apart(left: Left) -> None:
    assert left.files.count('"prompt_sha256"') == 5
    assert "sha256:" in left.files


def test_no_url_of_an_artifact_is_in_database_or_logs(left: Left) -> None:
    private = [url for url in left.urls if url.rpartition("/")[2] not in json.dumps(left.results["two"])]
    assert private
    for url in private:
        path = url.partition("://")[2].partition("/")[2]
        assert path not in left.logs
        assert path not in left.rows
        assert path not in left.files


def test_the_gallery_shows_neither_a_prompt_nor_a_url(left: Left) -> None:
    kinds = [
        kind for kind in ("/artifact?", "/file?", "/manifest?", "/task?") for a in left.pages if kind in a
    ]
    assert len(kinds) > 20
    assert set(kinds) == {"/artifact?", "/file?", "/manifest?", "/task?"}
    run = left.pages["/orux/dags/privacy/run?run_id=run"]
    assert run.count('<article class="card done">') == 5
    assert "prompt: SHA-256" in run
    for address, page in left.pages.items():
        assert not [text for text in TEXTS if text in page.lower()], address
        # The manifest names the gateway's host, which is a setting of the connection.
        assert not re.search("https?://", re.sub('"host": "[^"]*"', "", page)), address
        for url in left.urls:
            assert url.partition("://")[2].partition("/")[2] not in page, address


def test_each_artifact_of_an_odd_folder_is_one_event_of_the_right_asset(left: Left) -> None:
    made = [a["uri"] for a in left.results["two"]["artifacts"]]
    assert len(made) == 2
    assert all(uri.startswith(f"file://{left.out}/bücher #1?x=y/a b/100%/") for uri in made)
    wanted = [
        uri.replace("ü", "%C3%BC")
        .replace("100%/", "100%25/")
        .replace(" ", "%20")
        .replace("#", "%23")
        .replace("?", "%3F")
        for uri in made
    ]
    assert sorted(event["uri"] for event in left.events) == sorted(wanted)


def test_a_file_of_the_machine_was_neither_read_nor_paid_for(left: Left) -> None:
    assert left.states["smuggled"] == "failed"
    assert not [model for model in left.charged if "describe" in model]
