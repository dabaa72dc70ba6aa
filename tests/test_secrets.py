"""The key nowhere: what a run leaves in logs, database, files, events and errors is searched for it.

Links that let anyone in are searched for, too, where they must not be.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import sqlite3
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_provider_orux.exceptions import raise_for_airflow
from airflow_provider_orux.hooks.base import GatewayHook
from airflow_provider_orux.lifecycle.event import JobEvent
from airflow_provider_orux.models import orux
from airflow_provider_orux.models.errors import ArtifactError, OruxError
from airflow_provider_orux.models.job import Artifact, Job, JobStatus
from airflow_provider_orux.storage import StorageSettings, save_job
from airflow_provider_orux.triggers.jobs import OruxJobTrigger
from tests.airflow.conftest import database, load_dag, run, short_pauses  # noqa: F401  (fixtures)
from tests.client.servers import RawServer
from tests.conftest import HOME

KEYS = {
    "documented shape": "sk-app-Qx7ZtLp2_" + "n0tAr3alK3yButV3ryDistinct1veForGrep" + "Zz0123456789",
    "odd shape": "Qx7ZtLp2%odd~n0tAr3alK3y+of.no!known_shape",
}
PROXY_PASSWORD = "pr0xyPassw0rdQx7ZtLp2"
FAST = {"queue_seconds": 0.05, "run_seconds": 0.1, "sync_seconds": 0.0, "image_scale": 0.1}


def pieces(key: str) -> tuple[str, ...]:
    """The key, and its middle: half a key in a log is a leak, too."""
    return key, key[9:33], key[-20:]


def assert_clean(text: str, key: str, where: str) -> None:
    for piece in pieces(key):
        at = text.find(piece)
        assert at < 0, f"the key is in {where}: …{text[max(0, at - 200) : at]}⟨KEY⟩"


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    from orux_sandbox import SandboxServer

    with SandboxServer(FAST) as server:
        yield server


@pytest.fixture(params=KEYS)
def key(request: pytest.FixtureRequest) -> str:
    return KEYS[request.param]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, key: str) -> Callable[[str], None]:
    def change(host: str, **extra: Any) -> None:
        value = {
            "conn_type": "orux",
            "host": host,
            "password": key,
            "extra": {"allow_private_hosts": True, **extra},
        }
        monkeypatch.setenv("AIRFLOW_CONN_ORUX_DEFAULT", json.dumps(value))

    return change


@pytest.fixture
def sandbox(running: Any, key: str, connect: Callable[[str], None]) -> Any:
    running.reset()
    running.save_account(account="me", key=key)
    connect(running.url)
    return running


DAG = """
    from datetime import timedelta
    import pendulum
    from airflow.sdk import DAG
    from airflow_provider_orux.operators.images import OruxGenerateImageOperator
    from airflow_provider_orux.operators.midjourney import OruxImagineOperator, OruxUpscaleOperator
    from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator
    from airflow_provider_orux.sensors.jobs import OruxJobSensor
    common = dict(retries=1, retry_delay=timedelta(0), poll_interval=0.1)
    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
        grid = OruxImagineOperator(task_id="grid", prompt="ok {{ run_id }}", save_to="%(out)s/grid/", **common)
        hero = OruxUpscaleOperator(task_id="hero", parent_job_id=grid.output["job_id"], index=2,
                                   save_to="%(out)s/hero/", **common)
        inline = OruxGenerateImageOperator(task_id="inline", model="gpt-image-2", prompt="ok",
                                           options={"response_format": "b64_json"}, save_to="%(out)s/inline/")
        submit = OruxImagineOperator(task_id="submit", prompt="ok", wait_for_completion=False, **common)
        ready = OruxJobSensor(task_id="ready", job_id=submit.output["job_id"], poke_interval=0.1)
        refused = OruxGenerateImageOperator(task_id="refused", model="recraft-v3", prompt="refused", **common)
        lost = OruxGenerateImageOperator(task_id="lost", model="seedream-4-0", prompt="lost", **common)
        denied = OruxGenerateImageOperator(task_id="denied", model="flux-kontext-pro", prompt="denied", **common)
        page = OruxGenerateImageOperator(task_id="page", model="flux-kontext-max", prompt="page", **common)
        failed = OruxSubmitJobOperator(task_id="failed", model="suno-v5", prompt="failed", retries=0)
        submit >> ready
"""


def whole_database() -> str:
    """Every cell of every table: XComs, rendered fields, triggers, state store, logs."""
    with sqlite3.connect(HOME / "airflow.db") as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        assert {"xcom", "task_instance", "rendered_task_instance_fields"} <= set(tables)
        return "\n".join(f"{t}: {row!r}" for t in tables for row in db.execute(f'SELECT * FROM "{t}"'))


def whole_folder(folder: Path) -> str:
    """Every file, as text; bytes of images as they are."""
    return "\n".join(
        f"{p}: {p.read_bytes().decode('latin-1')}" for p in sorted(folder.rglob("*")) if p.is_file()
    )


@pytest.mark.airflow
@pytest.mark.parametrize("key", [KEYS["odd shape"]], ids=["odd shape"])
def test_a_run_of_everything(sandbox, load_dag, run, tmp_path, capfd, caplog, key):  # noqa: F811
    """Success and each class of error through a real Airflow; the gateway repeats the key where it can."""
    caplog.set_level("INFO")
    echo = f"the key {key} is not good enough"
    for model, then in (
        (
            "recraft-v3",
            {"status": 400, "code": "invalid_param", "message": echo, "param": key, "channel": key},
        ),
        ("seedream-4-0", {"cut": "after"}),
        ("flux-kontext-pro", {"status": 401, "code": "sk_expired", "message": echo}),
        (
            "flux-kontext-max",
            {"answer": {"status": 200, "body": f"<html>Authorization: Bearer {key}</html>"}},
        ),
        ("suno-v5", {"job": "fail", "error_code": "upstream_error", "error_message": echo, "after": 0.05}),
    ):
        sandbox.order_fault({"endpoint": "*", "for_model": model, "times": 0, "then": then})
    result = run(load_dag(DAG % {"out": f"file://{tmp_path}/out"}))
    states = result.states()
    assert {t for t, s in states.items() if s == "success"} == {
        "grid",
        "hero",
        "inline",
        "submit",
        "ready",
    }, states
    assert {t for t, s in states.items() if s == "failed"} == {
        "refused",
        "lost",
        "denied",
        "page",
        "failed",
    }, states

    manifests = list((tmp_path / "out").rglob("*.json"))
    assert len(manifests) >= 3
    said = "".join(capfd.readouterr()) + caplog.text
    for error in ("InvalidRequestError", "AmbiguousSubmitError", "AuthenticationError", "JobFailedError"):
        assert error in said, f"{error} was not logged: the search below would prove nothing"
    assert_clean(said, key, "what was printed and logged")
    stored = whole_database()
    assert "orux_ledger" in stored
    assert result.xcom("hero")["job_id"] in stored
    assert_clean(stored, key, "Airflow's database")
    assert_clean(whole_folder(tmp_path / "out"), key, "the saved files and manifests")
    assert_clean(whole_folder(HOME / "logs") if (HOME / "logs").exists() else "", key, "the log files")
    assert sandbox.leaks() == [], "the key went to where no key belongs"


ECHOES: dict[str, Callable[[Any, Any, str], Any]] = {
    "401": lambda p, h, k: p.answer({"error": {"type": "auth_error", "code": k, "message": k}}, 401),
    "402": lambda p, h, k: p.answer({"error": {"code": "insufficient_balance", "message": k}}, 402),
    "400": lambda p, h, k: p.answer({"error": {"code": "invalid_param", "message": k, "param": k}}, 400),
    "429": lambda p, h, k: p.answer({"error": {"code": "rate_limit_exceeded", "message": k}}, 429, retry_after="99"),
    "500": lambda p, h, k: p.answer(f"{h.headers}".encode(), 500),
    "404": lambda p, h, k: p.answer({"error": {"code": "task_not_found", "message": k}}, 404),
    "page": lambda p, h, k: p.answer(f"<html>{h.headers}</html>".encode()),
    "redirect": lambda p, h, k: p.answer(b"", 302, location=f"https://other/{k}"),
    "cut": lambda p, h, k: p.close(),
    "half": lambda p, h, k: (p.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n" + k.encode()), p.close()),
    "job": lambda p, h, k: p.answer({"status": "FAILED", "error_code": k, "error_message": k, "data": [{"k": k}]}),
}  # fmt: skip


def everything_of(error: BaseException) -> str:
    parts = ["".join(traceback.format_exception(error))]
    current: BaseException | None = error
    while current is not None:
        parts += [str(current), repr(current), repr(current.args)]
        if isinstance(current, OruxError):
            parts.append(repr(vars(current)))
        current = current.__cause__ or current.__context__
    return "\n".join(parts)


@pytest.mark.parametrize("echo", ECHOES)
def test_errors_of_the_hook_and_at_the_edge_to_airflow(connect, echo, key, caplog, capfd):
    caplog.set_level("INFO")
    caplog.set_level("DEBUG", "task")
    said = []
    with RawServer(lambda peer, heard: ECHOES[echo](peer, heard, key)) as server:
        connect(server.url)
        hook = GatewayHook.for_conn("orux_default")
        for call in (
            lambda: hook.submit(orux.MidjourneyV7(prompt="a")),
            lambda: hook.generate(orux.GptImage2(prompt="a")),
            lambda: hook.get_conn().poll("task_1", attempts=1),
        ):
            try:
                said.append(repr(call()))
            except OruxError as e:
                try:
                    raise_for_airflow(e, logging.getLogger("task"))
                except Exception as edge:
                    said.append(everything_of(edge))
                said.append(json.dumps(JobEvent.of_error(e, job_id="task_1").model_dump()))
        ok, text = hook.test_connection()
        assert ok == (echo == "job")
        said.append(text)
        said.append(repr(hook) + repr(vars(hook)) + repr(hook.connection))
        assert server.heard[0].headers["authorization"] == f"Bearer {key}"
        hook.close()
    assert_clean("\n".join(said), key, "an error, an event or a repr")
    assert_clean(caplog.text + "".join(capfd.readouterr()), key, "a log")


def test_triggers_and_their_events(sandbox, key, caplog, capfd):
    caplog.set_level("INFO")
    hook = GatewayHook.for_conn("orux_default")
    sandbox.order_fault(
        {"endpoint": "tasks.get", "then": {"status": 401, "code": "sk_expired", "message": key}}
    )
    job = hook.submit(orux.MidjourneyV7(prompt="a"))
    hook.close()
    trigger = OruxJobTrigger("orux_default", job.job_id, time.time() + 20, poll_interval=0.1)

    async def go() -> list[Any]:
        return [event async for event in trigger.run()]

    (event,) = asyncio.run(go())
    assert event.payload["kind"] == "job"
    text = json.dumps(trigger.serialize()) + repr(vars(trigger)) + repr(event) + json.dumps(event.payload)
    assert_clean(text, key, "a trigger or its event")
    assert_clean(caplog.text + "".join(capfd.readouterr()), key, "a log")
    assert sandbox.leaks() == []


TOKEN = "4fJ9sKq2LmT8vXw3Rb6Nc1Zd"
SIGNATURE = "51gn4tur3Qx7ZtLp2n0tAr3al0ne"
PRESIGNED = f"https://bucket.s3.amazonaws.com/in/photo.png?X-Amz-Signature={SIGNATURE}&X-Amz-Expires=60"
INLINE = base64.b64encode(bytes(range(256)) * 4).decode()

CAPABILITIES = """
    import pendulum
    from airflow.sdk import DAG
    from airflow_provider_orux.operators.images import OruxGenerateImageOperator
    from airflow_provider_orux.operators.midjourney import OruxImagineOperator
    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
        edit = OruxGenerateImageOperator(task_id="edit", model="flux-kontext-pro", prompt="bluer", push_urls=False,
                                         options={"reference_image_url": "%(link)s"}, save_to="%(out)s/edit")
        grid = OruxImagineOperator(task_id="grid", prompt="%(link)s a lighthouse", save_to="%(out)s/grid",
                                   poll_interval=0.1)
"""


@pytest.mark.airflow
@pytest.mark.parametrize("key", [KEYS["documented shape"]], ids=["documented shape"])
def test_links_that_let_one_in_are_not_recorded(sandbox, load_dag, run, tmp_path, capfd, caplog):  # noqa: F811
    caplog.set_level("INFO", "airflow_provider_orux")
    result = run(load_dag(CAPABILITIES % {"link": PRESIGNED, "out": f"file://{tmp_path}/out"}))
    assert set(result.states().values()) == {"success"}, result.states()
    kept = whole_folder(tmp_path / "out")
    assert kept.count("bucket.s3.amazonaws.com/in/photo.png") == 2, (
        "the manifests say which inputs there were"
    )
    said = "".join(capfd.readouterr()) + caplog.text
    # Airflow itself keeps the DAG's file and the rendered arguments.
    airflows = ("rendered_task_instance_fields", "serialized_dag", "dag_code")
    stored = "\n".join(r for r in whole_database().splitlines() if not r.startswith(airflows))
    assert result.xcom("edit")["job_id"] in stored
    for text, where in ((kept, "the files"), (said, "the logs"), (stored, "the database")):
        assert SIGNATURE not in text, f"the signature is in {where}"
    links = [a["url"] for a in result.xcom("edit")["artifacts"]]
    assert links == [None]


def test_bytes_of_inputs_are_not_recorded(tmp_path):
    image = io.BytesIO()
    Image.new("RGB", (4, 4)).save(image, "PNG")
    made = Artifact(inline=base64.b64encode(image.getvalue()).decode())
    job = Job("job-1", JobStatus.SUCCEEDED, "orux", artifacts=(made,))
    fields = {"image": f"data:image/png;base64,{INLINE}", "images": [INLINE, PRESIGNED]}
    save_job(job, str(tmp_path), settings=StorageSettings(), provenance={"parameters": fields, "prompt": "x"})
    text = (tmp_path / "job-1" / "manifest.json").read_text()
    assert INLINE[:40] not in text
    assert SIGNATURE not in text
    assert text.count("1024 bytes)") == 2


LINKS: dict[str, Callable[[Any, Any], Any]] = {
    "dead": lambda p, h: p.answer(b"gone", 404),
    "away": lambda p, h: p.answer(b"sorry", 503),
    "refused": lambda p, h: p.answer(b"no", 451),
    "another file": lambda p, h: p.answer(b"<html>a page</html>"),
    "redirect": lambda p, h: p.answer(b"", 302, location=f"ftp://other/content/{TOKEN}"),
    "circle": lambda p, h: p.answer(b"", 302, location=f"/content/{TOKEN}"),
    "nowhere": lambda p, h: p.answer(b"", 302),
    "cut": lambda p, h: p.close(),
    "half": lambda p, h: (p.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\nxx"), p.close()),
}  # fmt: skip


@pytest.mark.parametrize("reply", LINKS)
def test_a_link_whose_path_is_the_secret_is_in_no_error_and_no_log(reply, tmp_path, caplog, capfd):
    caplog.set_level("DEBUG", "airflow_provider_orux")
    caplog.set_level("WARNING", "httpx")  # as Airflow sets it
    settings = StorageSettings(allow_private_hosts=True, attempts=2, backoff_base=0.01, read_timeout=5)
    with RawServer(LINKS[reply]) as server:
        url = f"{server.url}/content/{TOKEN}?sig={SIGNATURE}"
        job = Job("job-1", JobStatus.SUCCEEDED, "opengpu_relay", artifacts=(Artifact(url=url),))
        with pytest.raises(ArtifactError) as caught:
            save_job(job, str(tmp_path), settings=settings, provenance={})
    said = everything_of(caught.value) + caplog.text + "".join(capfd.readouterr())
    assert "artifact" in said.lower()
    for secret in (TOKEN, SIGNATURE):
        assert secret not in said
    assert TOKEN not in whole_folder(tmp_path)


def test_the_password_of_a_proxy(connect, key, capfd):
    connect("http://gateway.example", proxy=f"http://me:{PROXY_PASSWORD}@127.0.0.1:9", connect_timeout=2)
    hook = GatewayHook.for_conn("orux_default")
    ok, text = hook.test_connection()
    assert not ok
    with pytest.raises(OruxError) as caught:
        hook.get_conn().poll("task_1", attempts=1)
    said = text + everything_of(caught.value) + repr(hook.connection.client) + "".join(capfd.readouterr())
    assert PROXY_PASSWORD not in said
    assert PROXY_PASSWORD not in repr(hook.connection), "the connection's repr shows its extras"


def test_no_key_stands_in_the_repository():
    """Only the sandbox's own, which opens nothing else, and the made-up ones of the tests."""
    import re

    root = Path(__file__).resolve().parents[1]
    pattern = re.compile(r"sk-app-[A-Za-z0-9]{8}_[A-Za-z0-9]{48}")
    from orux_sandbox import SANDBOX_KEY

    found = set()
    for folder in ("airflow_provider_orux", "example_dags", "docs"):
        for path in (root / folder).rglob("*"):
            if path.is_file() and path.suffix in (".py", ".md", ".toml", ".json", ".rst", ".txt"):
                found |= set(pattern.findall(path.read_text(errors="replace")))
    assert found <= {SANDBOX_KEY}
