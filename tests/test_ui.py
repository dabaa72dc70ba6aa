"""``make ui`` on real processes: ready, usable from a second terminal, noticing a dead part, leaving nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import httpx
import psutil
import pytest

from demo.airflow_home import environment
from demo.ui import example_prices, shell_environment
from tests.airflow.template import migrate
from tests.conftest import ROOT


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def until(look: Callable[[], object], what: str, seconds: float = 400) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


@pytest.mark.standalone
@pytest.mark.timeout(1200)
def test_from_ready_to_ctrl_c(tmp_path):
    port, sandbox_port = free_ports(2)
    home, dags = tmp_path / "home", tmp_path / "dags of mine"
    dags.mkdir()
    (dags / "mine.py").write_text(
        "from airflow.sdk import DAG\nwith DAG('mine', schedule=None) as dag:\n    pass\n"
    )
    migrate(environment(home / "airflow", bundles={"mine": dags}))  # a copy: seconds instead of a minute
    told = tmp_path / "told"
    with told.open("w") as out:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "demo.ui", "--fast", "--dags", dags, "--home", home,
                "--port", str(port), "--sandbox-port", str(sandbox_port),
            ],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'sandbox'}"}, stdout=out, stderr=out,
        )  # fmt: skip
    try:

        def says(text: str) -> bool:
            assert process.poll() is None, told.read_text()
            return text in told.read_text()

        until(lambda: says("Ready"), "ready")
        text = told.read_text()
        assert re.search(r"Ignored, since this is an Airflow of its own: .*AIRFLOW_HOME", text)
        for needed in (f"http://127.0.0.1:{port}", str(dags), "source ", "no login", "airflow dags trigger"):
            assert needed in text
        family = psutil.Process(process.pid).children(recursive=True)
        listening = []
        for p in [psutil.Process(process.pid), *family]:
            with suppress(psutil.NoSuchProcess):  # one that parsed a DAG file has ended
                listening += [c for c in p.net_connections() if c.status == "LISTEN"]
        assert {c.laddr.ip for c in listening} == {"127.0.0.1"}, listening

        # A second terminal, whose own settings are of another Airflow.
        script = f"""
            export AIRFLOW__CORE__DAGS_FOLDER=/nowhere AIRFLOW_CONN_OTHER=x
            . '{home}/env' && echo "other: $AIRFLOW_CONN_OTHER." && airflow dags trigger midjourney_chain -o json
            airflow orux estimate midjourney_chain -o json"""
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=400)
        assert "other: ." in done.stdout
        assert '"price": "unknown"' not in done.stdout
        api = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)
        api.headers["Authorization"] = f"Bearer {api.get('/auth/token').json()['access_token']}"
        found = api.get("/api/v2/connections").json()["connections"]
        assert {c["connection_id"] for c in found} == {
            "orux_default",
            "yescale_default",
            "opengpu_relay_default",
            "orux_chat",
        }
        body = {"connection_id": "orux_default", "conn_type": "orux", "host": "http://127.0.0.1", "port": sandbox_port,
                "password": json.loads((home / "connections.json").read_text())["orux_default"]["password"]}  # fmt: skip
        tested = api.post("/api/v2/connections/test", json=body).json()
        assert tested["status"], tested
        assert api.get("/api/v2/dags/mine").is_success

        triggerer = next(
            p for p in family if "triggerer" in " ".join(p.cmdline()) and p.ppid() == process.pid
        )
        triggerer.kill()
        until(lambda: says("triggerer was killed by signal 9"), "the notice")

        def ended() -> bool:
            runs = api.get("/api/v2/dags/midjourney_chain/dagRuns").json()["dag_runs"]
            return bool(runs) and runs[0]["state"] == "success"

        until(ended, "the chain")
        assert list((home / "images").glob("midjourney_chain/*/*/manifest.json"))
    finally:
        mine = [process, *psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, told.read_text()
    _, left = psutil.wait_procs(mine[1:], timeout=20)
    assert not [p for p in left if p.status() != psutil.STATUS_ZOMBIE]


def test_it_says_when_a_port_is_taken(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = subprocess.run(
            [sys.executable, "-m", "demo.ui", "--home", tmp_path, "--port", str(other.getsockname()[1])],
            cwd=ROOT, capture_output=True, text=True, check=False,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'sandbox'}"},
        )  # fmt: skip
    assert done.returncode == 2
    assert re.search(
        r"something listens on 127\.0\.0\.1:\d+ already; use another: make ui PORT=", done.stderr
    )


def test_the_prices_are_what_the_sandbox_charges():
    """The README's chain and an image model: what the estimate multiplies is what an account loses."""
    from orux_sandbox.settings import Settings

    prices = example_prices()["orux"]
    assert (prices["midjourney-v7"], prices["midjourney-v7:upscale"]) == (20, 5)
    assert prices["gpt-image-2"] == {"per_image": Settings().prices["gpt-image-2"]}
    assert set(prices) - {"currency"} == set(Settings().prices)


def test_a_value_reaches_the_shell_as_it_is(tmp_path):
    value = """{"a": "it's $HOME `x` \\\\"}"""
    (tmp_path / "env").write_text(shell_environment({"AIRFLOW__A__B": value}, tmp_path, {"c": "{}"}))
    script = f'. {tmp_path}/env; printf %s "$AIRFLOW__A__B"; printf %s "${{PATH%%:*}}"'
    for shell in ("sh", "bash"):
        done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == f"{value}{tmp_path}"
