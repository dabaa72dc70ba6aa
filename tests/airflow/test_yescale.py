"""Every model of YEScale through a real operator on a real Airflow: asked for, paid for once, saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_provider_orux.models.catalogue import requests_of
from tests.airflow.conftest import FAST, load_file, migrated
from tests.airflow.pauses import shorten
from tests.airflow.runs import Run
from tests.airflow.yescale_cases import CALLS, IN_THREE, JOBS, Case
from tests.conftest import BUNDLE

pytestmark = pytest.mark.airflow

#: All of them in one run, since a run takes longer than a task.
DAG_FILE = """
    import pendulum
    from airflow.sdk import DAG
    from airflow_provider_orux.operators.images import OruxGenerateImageOperator
    from airflow_provider_orux.operators.jobs import OruxSaveArtifactsOperator, OruxSubmitJobOperator
    from airflow_provider_orux.sensors.jobs import OruxJobSensor
    from tests.airflow.yescale_cases import CALLS, IN_THREE, JOBS, filled

    with DAG("{dag_id}", start_date=pendulum.datetime(2026, 1, 1), schedule=None,
             default_args={{"conn_id": "yescale_default", "retries": 0}}) as dag:
        def asked(model, case):
            prompt = {{"prompt": "a heron over a lake"}} if case.prompt else {{}}
            return {{"model": model, "options": filled(case.options, "{image}", "{other}"), **prompt}}

        for number, (model, case) in enumerate(JOBS.items()):
            # Every third waits in its worker.
            OruxSubmitJobOperator(task_id=f"job_{{number}}", poll_interval=0.2, save_to="{out}/whole",
                                  deferrable=number % 3 > 0, **asked(model, case))
        for number, (model, case) in enumerate(CALLS.items()):
            OruxGenerateImageOperator(task_id=f"call_{{number}}", save_to="{out}/calls", **asked(model, case))
        for number, model in enumerate(IN_THREE):
            submit = OruxSubmitJobOperator(task_id=f"submit_{{number}}", wait_for_completion=False,
                                           **asked(model, JOBS[model]))
            ready = OruxJobSensor(task_id=f"ready_{{number}}", job_id=submit.output["job_id"],
                                  deferrable=number % 2 > 0, poke_interval=0.2)
            save = OruxSaveArtifactsOperator(task_id=f"save_{{number}}", job_id=submit.output["job_id"],
                                             save_to="{out}/three")
            submit >> ready >> save
"""


class Ran:
    """The run, and what the sandbox knows of it."""

    def __init__(self, run: Run, charges: list[dict[str, Any]]) -> None:
        self.run = run
        self.states = run.states()
        self.charges = charges

    def value(self, task_id: str) -> dict[str, Any]:
        assert self.states[task_id] == "success"
        value: dict[str, Any] = self.run.xcom(task_id)
        return value

    def check_paid_once(self, value: dict[str, Any]) -> None:
        raw_id = value["job_id"].partition(":")[2]
        (charge,) = [c for c in self.charges if c["job_id"] == raw_id]
        assert (charge["gateway"], charge["state"]) == ("yescale", "charged")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    from demo.airflow_home import ledger
    from orux_sandbox import SandboxServer

    migrated()
    folder = tmp_path_factory.mktemp("yescale")
    for name, colour in (("image", "#36c"), ("other", "#000")):
        # The second is a mask, too: it has transparent and black parts.
        Image.new("RGBA", (96, 96), colour if name == "image" else (0, 0, 0, 0)).save(folder / f"{name}.png")
    path = BUNDLE / "yescale_everything.py"
    given = {"image": folder / "image.png", "other": folder / "other.png", "out": f"file://{folder}/out"}
    path.write_text("\n".join(line[4:] for line in DAG_FILE.format(dag_id=path.stem, **given).splitlines()))
    with pytest.MonkeyPatch.context() as patch, SandboxServer({**FAST, "image_scale": 0.25}) as server:
        shorten(patch)
        for name, value in ledger().items():
            patch.setenv(name, value)
        patch.setenv("AIRFLOW_CONN_YESCALE_DEFAULT", server.connection("yescale"))
        yield Ran(Run.of(load_file(path).dag), server.charges())
    path.unlink()


def check_saved(value: dict[str, Any], case: Case) -> None:
    assert (value["gateway"], value["status"], value["charged"]) == ("yescale", "succeeded", "yes")
    if not case.ending:
        assert value["text"]
        return
    assert len(value["artifacts"]) == case.count
    for artifact in value["artifacts"]:
        saved = Path(artifact["uri"].removeprefix("file://"))
        assert saved.suffix == f".{case.ending}"
        assert saved.stat().st_size == artifact["bytes"] > 100
    manifest = json.loads(Path(value["manifest"].removeprefix("file://")).read_text())
    assert manifest["job_id"] == value["job_id"]
    assert manifest["request_id"] == value["request_id"]
    assert manifest["request_id"].startswith("req_")


def test_every_model_that_has_no_verb_of_its_own_is_here() -> None:
    plain = {cls.model for cls in requests_of("yescale") if cls.verb == "generate"}
    # Steps on another job: tests/airflow/test_yescale_chains.py.
    assert {*JOBS, *CALLS} == plain - {"mj_action", "mj_modal"}


@pytest.mark.parametrize("model", JOBS)
def test_a_job(ran: Ran, model: str) -> None:
    value = ran.value(f"job_{list(JOBS).index(model)}")
    assert value["model"] == model
    check_saved(value, JOBS[model])
    ran.check_paid_once(value)


@pytest.mark.parametrize("model", CALLS)
def test_a_call_that_is_answered_at_once(ran: Ran, model: str) -> None:
    value = ran.value(f"call_{list(CALLS).index(model)}")
    assert value["model"] == model
    check_saved(value, CALLS[model])


@pytest.mark.parametrize("model", IN_THREE)
def test_submitted_waited_for_and_saved_by_three_tasks(ran: Ran, model: str) -> None:
    number = IN_THREE.index(model)
    submitted = ran.value(f"submit_{number}")
    assert ran.states[f"ready_{number}"] == "success"
    saved = ran.value(f"save_{number}")
    assert saved["job_id"] == submitted["job_id"]
    check_saved(saved, JOBS[model])
    ran.check_paid_once(saved)


def test_as_many_charges_as_submissions(ran: Ran) -> None:
    assert len(ran.charges) == len(JOBS) + len(CALLS) + len(IN_THREE)
