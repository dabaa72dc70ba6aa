"""Every example DAG, executed: what was charged, what was pushed, what was saved, and what the images show."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import wave
from collections import Counter
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

import pendulum
import pytest
from PIL import Image, ImageChops, ImageStat

from tests.airflow.postgres import postgres  # noqa: F401
from tests.conftest import HOME, ROOT

pytestmark = pytest.mark.airflow

MONDAY = pendulum.datetime(2026, 3, 2, tz="UTC")
TUESDAY = pendulum.datetime(2026, 3, 3, tz="UTC")
#: Those whose tasks use another provider, which a machine that tests an older Airflow may not have.
NEEDED = dict.fromkeys(("prompts_by_language_model", "script_speech_and_clip"), "airflow.providers.openai")
EXAMPLES = sorted(
    path.stem
    for path in (ROOT / "example_dags").glob("*.py")
    if path.stem not in NEEDED or util.find_spec(NEEDED[path.stem]) is not None
)

#: The examples that make many jobs at once: they use a pool if they are told to.
POOLED = ("content_pipeline", "midjourney_mapped")


def hurried(dag: Any) -> Any:
    """The same DAG, asking for its jobs every 0.2 s: the sandbox is done with them in less than half a second."""
    for task in dag.tasks:
        if task.is_mapped:
            if task.operator_class.__module__.startswith("airflow_provider_orux."):
                task.partial_kwargs["poll_interval"] = 0.2
        elif hasattr(task, "poll_interval"):
            task.poll_interval = 0.2
    return dag


def path_of(uri: str) -> Path:
    assert uri.startswith("file://")
    return Path(uri.removeprefix("file://"))


def labels(result: Any, task_id: str) -> dict[int, str | None]:
    """The label of each mapped instance, as the grid of the Airflow UI shows it."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        rows = session.scalars(
            select(TaskInstance).where(
                TaskInstance.dag_id == result.dag.dag_id,
                TaskInstance.run_id == result.run_id,
                TaskInstance.task_id == task_id,
            )
        ).all()
        return {row.map_index: row.rendered_map_index for row in rows}


def asset_events(result: Any, alias: str) -> set[str]:
    """The URIs of the assets for which a run made an event through an alias."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        rows = session.scalars(
            select(AssetEvent).where(
                AssetEvent.source_dag_id == result.dag.dag_id, AssetEvent.source_run_id == result.run_id
            )
        ).all()
        return {row.asset.uri for row in rows if alias in {a.name for a in row.source_aliases}}


def check_saved(value: dict[str, Any], *, dag_id: str, task_id: str, run_id: str) -> dict[str, Any]:
    """The files of a result are there, are what the manifest says, and the manifest says who made them."""
    from airflow_provider_orux.storage import read_manifest, verify_manifest

    assert value["status"] == "succeeded"
    assert value["artifacts"]
    assert verify_manifest(value["manifest"]) == []
    manifest = read_manifest(value["manifest"])
    assert (manifest["dag_id"], manifest["task_id"], manifest["run_id"]) == (dag_id, task_id, run_id)
    assert (manifest["job_id"], manifest["conn_id"]) == (value["job_id"], value["conn_id"])
    assert [a["sha256"] for a in manifest["artifacts"]] == [a["sha256"] for a in value["artifacts"]]
    for artifact in value["artifacts"]:
        assert path_of(artifact["uri"]).stat().st_size == artifact["bytes"]
        assert path_of(artifact["uri"]).parent == path_of(value["manifest"]).parent
    return manifest


def image(value: dict[str, Any]) -> Image.Image:
    (artifact,) = value["artifacts"]
    image = Image.open(path_of(artifact["uri"]))
    assert image.size == (artifact["width"], artifact["height"])
    return image.convert("RGB")


def distances(grid: Image.Image, single: Image.Image) -> list[float]:
    """How far an image is from each panel of a grid, row by row: mean difference of their pixels, 0 to 255."""
    width, height = grid.width // 2, grid.height // 2
    # The number of a panel stands in a corner of it, the line between the panels on its edge.
    inner = (width // 8, height // 8, width - width // 8, height - height // 8)
    small = single.resize((width, height), Image.Resampling.BOX).crop(inner)
    found = []
    for panel in range(4):
        left, top = panel % 2 * width, panel // 2 * height
        crop = grid.crop((left, top, left + width, top + height)).crop(inner)
        bands = ImageStat.Stat(ImageChops.difference(crop, small)).mean
        found.append(sum(bands) / len(bands))
    return found


def check_is_panel(grid: Image.Image, single: Image.Image, index: int) -> None:
    """The image is the asked panel of the grid at full size, and clearly none of the others."""
    assert single.width > grid.width / 2
    assert abs(single.width / single.height - grid.width / grid.height) < 0.02
    found = distances(grid, single)
    nearest = min(found)
    assert found.index(nearest) == index - 1, found
    assert nearest < 12, found
    assert sorted(found)[1] > 2.5 * nearest, found


@pytest.fixture
def gateways(sandbox, monkeypatch, tmp_path):
    """All three connections, and the content pipeline's table."""
    monkeypatch.setenv("AIRFLOW_CONN_YESCALE_DEFAULT", sandbox.connection("yescale"))
    monkeypatch.setenv("AIRFLOW_CONN_OPENGPU_RELAY_DEFAULT", sandbox.connection("opengpu_relay"))
    monkeypatch.setenv("AIRFLOW_CONN_ORUX_CHAT", chat_connection(sandbox))
    monkeypatch.setenv("AIRFLOW_VAR_ORUX_CONTENT_DB", str(tmp_path / "content.sqlite"))
    return sandbox


def chat_connection(sandbox: Any) -> str:
    """Orux AI's chat as a connection of the official OpenAI provider."""
    value = {"conn_type": "openai", "host": f"{sandbox.url}/api/v1", "password": sandbox.key}
    return json.dumps(value)


#: Those in which a person chooses: ``dag.test()`` has nobody who would. tests/plugins/test_browser.py runs them.
REVIEWED = ("review_chain", "review_mapped", "review_reroll")


#: Those with their own conditions: asset events need a scheduler; object storage that signs URLs.
APART = ("product_gallery", "edit_and_animate")


@pytest.mark.parametrize("name", [n for n in EXAMPLES if n not in (*APART, *REVIEWED)])
def test_an_example_runs_with_a_logical_date(gateways, example_dag, run, name):
    """As a schedule or a backfill makes it; the other tests run the examples without one."""
    result = run(hurried(example_dag(name)), logical_date=MONDAY)
    assert result.state == "success", result.states()
    assert gateways.charges()


def test_a_run_without_a_date_counts_for_the_day_on_which_it_was_due(gateways, example_dag, run):
    dag = hurried(example_dag("content_pipeline"))
    result = run(dag, logical_date=None, run_after=TUESDAY)
    assert result.state == "success", result.states()
    manifest = result.xcom("product_image.image", map_index=0)["manifest"]
    assert "/content_pipeline/2026-03-03/" in manifest


#: Imports every example where only the package, what it depends on, and Airflow are installed.
BARE = """
import importlib.abc, re, runpy, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        # (Airflow itself asks each provider that is installed what it has: `airflow.providers.openai.get_provider_info`.)
        used = re.match(r"airflow[.]providers[.](?!standard|common[.](?!ai))[a-z_.]+[.](hooks|operators)\\b", name)
        if used or name.partition(".")[0] in ("orux_sandbox", "openai", "pydantic_ai"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
for path in sys.argv[1:]:
    assert runpy.run_path(path)["dag"].tasks
    print(path)
"""


def test_an_example_imports_where_only_this_package_is_installed():
    """Airflow loads the examples of every provider: what one needs besides must be no import error."""
    paths = sorted(str(path) for path in (ROOT / "example_dags").glob("*.py"))
    ended = subprocess.run([sys.executable, "-c", BARE, *paths], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert [line for line in ended.stdout.splitlines() if line in paths] == paths


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_what_it_shows(example_dag, name):
    """In the Airflow UI: the first line is a sentence, with tags and owners to find it by."""
    dag = example_dag(name)
    first = dag.doc_md.strip().splitlines()[0]
    assert re.fullmatch(r"[A-Z].{30,130}[.]", first), first
    assert (dag.dag_id, "orux" in dag.tags, dag.owner) == (name, True, "content")
    assert dag.description
    for task in dag.tasks:
        ours = getattr(task, "operator_class", type(task)).__module__.startswith("airflow_provider_orux.")
        assert task.owner == "content"
        assert not ours or task.retries, (name, task.task_id)


@pytest.mark.parametrize("logical_date", [None, pendulum.datetime(2026, 3, 2, tz="UTC")])
def test_the_readme_s_chain(sandbox, load_dag, run, tmp_path, logical_date):
    """As it stands, but for the folder and the DAG's name."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    code = code.replace("/tmp/orux/", f"{tmp_path}/").replace('DAG("lighthouse"', 'DAG("DAG_ID"')
    result = run(hurried(load_dag(f"{code}\ndag = imagine.dag\n")), logical_date=logical_date)
    assert result.states() == {"imagine": "success", "hero": "success"}
    assert charged(sandbox) == {("midjourney-v7", "imagine"): 1, ("midjourney-v7", "upscale"): 1}
    check_is_panel(image(result.xcom("imagine")), image(result.xcom("hero")), 2)
    day = str(result.dag_run.run_after)[:10]
    assert f"{tmp_path}/{day}/" in result.xcom("hero")["manifest"]
    assert {task.pool for task in result.dag.tasks} == {"default_pool"}


def charged(sandbox: Any) -> Counter[tuple[str, str]]:
    return Counter((charge["model"], charge["action"]) for charge in sandbox.charges())


def test_every_example_is_executed_by_a_test():
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for path in (ROOT / "example_dags").glob("*.py"):
        # What asset events start needs a scheduler: tests/airflow/test_triggering.py.
        elsewhere = path.stem in REVIEWED or path.stem == "product_gallery"
        assert f'example_dag("{path.stem}")' in tests or elsewhere, path.name


def test_the_chain(sandbox, example_dag, run):
    result = run(hurried(example_dag("midjourney_chain")), logical_date=None)
    assert result.states() == dict.fromkeys(("imagine", "hero", "variation", "reroll"), "success")
    assert charged(sandbox) == {
        ("midjourney-v7", action): 1 for action in ("imagine", "upscale", "variation", "reroll")
    }
    assert sandbox.leaks() == []
    values = {task_id: result.xcom(task_id) for task_id in result.states()}
    manifests = {
        task_id: check_saved(value, dag_id="midjourney_chain", task_id=task_id, run_id=result.run_id)
        for task_id, value in values.items()
    }
    grid_job = values["imagine"]["job_id"]
    assert (manifests["imagine"]["prompt"], manifests["imagine"]["model"]) == (
        "a lighthouse at dawn",
        "midjourney-v7",
    )
    assert manifests["imagine"]["parameters"] == {"aspect_ratio": "16:9", "stylize": 250}
    assert (manifests["hero"]["parent_job_id"], manifests["hero"]["index"]) == (grid_job, 2)
    assert (manifests["variation"]["parent_job_id"], manifests["variation"]["index"]) == (grid_job, 3)
    assert manifests["reroll"]["parent_job_id"] == grid_job
    assert "index" not in manifests["reroll"]

    grid = image(values["imagine"])
    check_is_panel(grid, image(values["hero"]), 2)
    # A variation keeps the look of its panel: its colours are nearer to that panel's than to the others'.
    # A reroll is another grid of the same prompt.
    assert grid.size == image(values["variation"]).size == image(values["reroll"]).size
    shas = {value["artifacts"][0]["sha256"] for value in values.values()}
    assert len(shas) == 4


def test_the_chain_with_sensors(sandbox, example_dag, run):
    result = run(hurried(example_dag("midjourney_chain_sensors")), logical_date=None)
    tasks = ("imagine", "grid_ready", "save_grid", "upscale", "upscale_ready", "save_upscale")
    assert result.states() == dict.fromkeys(tasks, "success")
    assert charged(sandbox) == {("midjourney-v7", "imagine"): 1, ("midjourney-v7", "upscale"): 1}
    imagine = result.xcom("imagine")
    # The submitting task ends at once: it has the job id and nothing else yet.
    assert (imagine["status"], imagine["artifacts"], imagine["manifest"]) == ("queued", [], None)
    assert result.xcom("imagine", "job_id") == result.xcom("grid_ready", "job_id") == imagine["job_id"]
    ready = result.xcom("grid_ready")
    assert (ready["status"], ready["returned"]) == ("succeeded", 1)
    assert result.xcom("grid_ready", "urls") == [ready["artifacts"][0]["url"]]

    grid = result.xcom("save_grid")
    upscale = result.xcom("save_upscale")
    check_saved(grid, dag_id="midjourney_chain_sensors", task_id="save_grid", run_id=result.run_id)
    check_saved(upscale, dag_id="midjourney_chain_sensors", task_id="save_upscale", run_id=result.run_id)
    assert result.xcom("save_upscale", "uris") == [upscale["artifacts"][0]["uri"]]
    assert grid["job_id"] == imagine["job_id"]
    check_is_panel(image(grid), image(upscale), 2)


def check_mapped(result: Any, sandbox: Any, prompts: list[str]) -> None:
    assert result.state == "success", result.states()
    count = len(prompts)
    assert charged(sandbox) == {
        ("midjourney-v7", "imagine"): count,
        ("midjourney-v7", "upscale"): 4 * count,
    }
    jobs = {job["id"]: job for job in sandbox.jobs()}
    for number, prompt in enumerate(prompts):
        value = result.xcom("grid_and_upscales.imagine", map_index=number)
        assert jobs[value["job_id"]]["prompt"] == prompt
        manifest = check_saved(
            value,
            dag_id="midjourney_mapped",
            task_id="grid_and_upscales.imagine",
            run_id=result.run_id,
        )
        assert (manifest["prompt"], manifest["map_index"]) == (prompt, number)
        grid = image(value)
        for index in (1, 2, 3, 4):
            upscale = result.xcom(f"grid_and_upscales.upscale_{index}", map_index=number)
            job = jobs[upscale["job_id"]]
            assert (job["parent_id"], job["index"]) == (value["job_id"], index)
            check_is_panel(grid, image(upscale), index)


def test_the_mapped_chain_with_prompts_of_the_run(sandbox, example_dag, run):
    prompts = ["a fox in a neon-lit alley", "a teapot on a slate table, " + "very " * 120 + "detailed"]
    dag = hurried(example_dag("midjourney_mapped"))
    result = run(dag, run_conf={"prompts": prompts}, logical_date=None)
    check_mapped(result, sandbox, prompts)
    assert labels(result, "grid_and_upscales.imagine") == {0: prompts[0], 1: prompts[1][:80]}


@dataclass
class Reported:
    """What a run in another process told: the part of ``Run`` that the checks need."""

    value: dict[str, Any]

    @property
    def state(self) -> str:
        return str(self.value["state"])

    @property
    def run_id(self) -> str:
        return str(self.value["run_id"])

    def states(self) -> dict[str, str]:
        return dict(self.value["states"])

    def xcom(self, task_id: str, map_index: int = -1) -> Any:
        return self.value["xcoms"][f"{task_id}[{map_index}]"]


RUN_ELSEWHERE = """
import importlib.util, json, sys
from pathlib import Path
from sqlalchemy import text
from tests.airflow.runs import Run
from airflow.utils.session import create_session

file, prompts, report = sys.argv[1:]
spec = importlib.util.spec_from_file_location("example", file)
example = sys.modules["example"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)
for task in example.dag.tasks:
    if hasattr(task, "poll_interval"):
        task.poll_interval = 0.2
result = Run.of(example.dag, run_conf={"prompts": json.loads(prompts)})
tasks = ["imagine", "upscale_1", "upscale_2", "upscale_3", "upscale_4"]
with create_session() as session:
    column = session.execute(text(
        "select character_maximum_length from information_schema.columns "
        "where table_name = 'task_instance' and column_name = 'rendered_map_index'"
    )).scalar_one()
    labels = session.execute(text(
        "select map_index, rendered_map_index from task_instance where task_id = 'grid_and_upscales.imagine'"
    )).all()
Path(report).write_text(json.dumps({
    "database": session.get_bind().dialect.name,
    "column": column,
    "state": result.state,
    "run_id": result.run_id,
    "states": result.states(),
    "labels": {str(index): label for index, label in labels},
    "xcoms": {
        f"grid_and_upscales.{task}[{index}]": result.xcom(f"grid_and_upscales.{task}", map_index=index)
        for task in tasks for index in range(len(json.loads(prompts)))
    },
}))
"""


@pytest.mark.postgres
@pytest.mark.timeout(600)
def test_the_mapped_chain_on_postgresql(sandbox, postgres, tmp_path):  # noqa: F811
    prompts = ["a lighthouse at dawn, " + "with a long description " * 40, "a paper boat in the rain"]
    env = os.environ | {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{postgres}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(tmp_path / "logs"),
        "PYTHONPATH": str(ROOT),
    }
    report = tmp_path / "report.json"
    for command in (
        ["-m", "airflow", "db", "migrate"],
        [
            "-c",
            RUN_ELSEWHERE,
            str(ROOT / "example_dags" / "midjourney_mapped.py"),
            json.dumps(prompts),
            str(report),
        ],
    ):
        done = subprocess.run(
            [sys.executable, *command],
            env=env, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result = Reported(json.loads(report.read_text()))
    assert result.value["database"] == "postgresql"
    # The label's column is as narrow as the test wants it to be: the whole prompt would not fit.
    assert result.value["column"] == 250 < len(prompts[0])
    assert result.value["labels"] == {"0": prompts[0][:80], "1": prompts[1]}
    check_mapped(result, sandbox, prompts)


def test_the_flat_mapped_chain(sandbox, example_dag, run):
    result = run(hurried(example_dag("midjourney_mapped_flat")), logical_date=None)
    assert result.state == "success", result.states()
    assert charged(sandbox) == {("midjourney-v7", "imagine"): 2, ("midjourney-v7", "upscale"): 3}
    grids = [result.xcom("imagine", map_index=n) for n in (0, 1)]
    for number, (grid, index) in enumerate([(grids[0], 1), (grids[0], 4), (grids[1], 2)]):
        upscale = result.xcom("upscale", map_index=number)
        manifest = check_saved(
            upscale, dag_id="midjourney_mapped_flat", task_id="upscale", run_id=result.run_id
        )
        assert (manifest["parent_job_id"], manifest["index"]) == (grid["job_id"], index)
        check_is_panel(image(grid), image(upscale), index)


def test_images_song_and_clip(sandbox, example_dag, run):
    result = run(hurried(example_dag("images_song_and_clip")), logical_date=None)
    tasks = ("poster", "bicycle", "icon", "cover", "song", "clip", "tram")
    assert result.states() == dict.fromkeys(tasks, "success")
    models = (
        "gpt-image-2",
        "flux-kontext-pro",
        "recraft-v3",
        "gemini-3-pro-image",
        "suno-v5",
        "veo-3.1-fast",
        "sora2",
    )
    assert {model for model, _ in charged(sandbox)} == set(models)
    assert charged(sandbox).total() == len(models)
    values = {task_id: result.xcom(task_id) for task_id in tasks}
    for (task_id, value), model in zip(values.items(), models, strict=True):
        manifest = check_saved(value, dag_id="images_song_and_clip", task_id=task_id, run_id=result.run_id)
        assert manifest["model"] == value["model"] == model

    sizes = {
        task_id: [(a["width"], a["height"]) for a in value["artifacts"]] for task_id, value in values.items()
    }
    assert sizes["poster"] == [(1536, 1024)] * 2
    ((width, height),) = sizes["bicycle"]
    assert width / height == pytest.approx(3 / 4, abs=0.01)
    ((width, height),) = sizes["cover"]
    assert width / height == pytest.approx(16 / 9, abs=0.01)
    day = values["cover"]["manifest"].split("/")[-3]
    sent = {request["body"]["model"]: request["body"] for request in sandbox.requests() if request["body"]}
    assert (
        sent["gemini-3-pro-image"]["prompt"] == f"a magazine cover about autumn in the mountains, dated {day}"
    )
    assert sent["flux-kontext-pro"] == {
        "model": "flux-kontext-pro",
        "prompt": "a photo of the subject riding a bicycle, golden hour",
        "reference_image_url": "https://www.python.org/static/img/python-logo.png",
        "aspect_ratio": "3:4",
        "prompt_upsampling": True,
        "seed": 42,
    }
    assert [a["media_type"] for a in values["song"]["artifacts"]] == [
        "audio/wav",
        "image/png",
    ]  # and its cover
    with wave.open(str(path_of(values["song"]["artifacts"][0]["uri"]))) as song:
        assert song.getnframes() / song.getframerate() == pytest.approx(30, abs=0.5)
    for task_id in ("clip", "tram"):
        assert [a["media_type"] for a in values[task_id]["artifacts"]] == ["video/x-msvideo"]


def test_edit_and_animate(signing_store, sandbox, example_dag, run, capfd):
    result = run(hurried(example_dag("edit_and_animate")), logical_date=None)
    assert result.states() == dict.fromkeys(("hero", "winter", "clip"), "success")
    assert charged(sandbox) == {
        (model, "generate"): 1 for model in ("gpt-image-2", "qwen-image-edit", "runway-gen4")
    }
    values = {task_id: result.xcom(task_id) for task_id in result.states()}
    saved = {
        task_id: signing_store.files[value["artifacts"][0]["uri"].removeprefix("s3://")]
        for task_id, value in values.items()
    }
    # Each step was given a URL of the file before it, once, and the gateway drew from it.
    uris = [values[task_id]["artifacts"][0]["uri"] for task_id in ("hero", "winter")]
    assert signing_store.fetched == [uri.removeprefix("s3://") for uri in uris]
    assert [seconds for _, seconds in signing_store.signed] == [86_400] * 2
    hero, winter = (Image.open(io.BytesIO(saved[task_id])).convert("RGB") for task_id in ("hero", "winter"))
    frame = saved["clip"][saved["clip"].index(b"\xff\xd8\xff") :]
    clip = Image.open(io.BytesIO(frame)).convert("RGB")
    for after, before in ((winter, hero), (clip, winter)):
        small = before.resize(after.size, Image.Resampling.BOX)
        bands = ImageStat.Stat(ImageChops.difference(after, small)).mean
        assert sum(bands) / 3 < 60

    # What the request says of its input: the URI; for the gallery, for a retry, and for whoever reads the manifest.
    manifest = json.loads(signing_store.files[values["winter"]["manifest"].removeprefix("s3://")])
    assert manifest["parameters"]["image_url"] == uris[0]
    assert result.xcom("hero", "artifacts") == values["hero"]["artifacts"]

    # The presigned URL is on the wire, and nowhere else: not in the database (XCom, ledger, trigger), a log, a file.
    sent = [r["body"].get("image_url") for r in sandbox.requests() if r["body"] and "image_url" in r["body"]]
    assert sent == [url for url, _ in signing_store.signed]
    signatures = [url.rpartition("=")[2].encode() for url in sent]
    written = {str(p): p.read_bytes() for p in HOME.rglob("*") if p.is_file()} | signing_store.files
    written["output"] = "".join(capfd.readouterr()).encode()
    assert any(uris[0].encode() in content for content in written.values())
    assert [name for name, content in written.items() if any(s in content for s in signatures)] == []


def test_edit_and_animate_where_nobody_allowed_the_files(
    signing_store, sandbox, example_dag, run, monkeypatch, capfd
):
    monkeypatch.setenv("AIRFLOW__ORUX__INPUT_ROOTS", "")
    result = run(hurried(example_dag("edit_and_animate")), logical_date=None)
    assert result.states() == {"hero": "success", "winter": "failed", "clip": "upstream_failed"}
    assert charged(sandbox) == {("gpt-image-2", "generate"): 1}
    assert "[orux] input_roots" in "".join(capfd.readouterr())


@pytest.fixture
def content_rows(tmp_path, monkeypatch):
    """The table of the content pipeline, read."""
    path = tmp_path / "content.sqlite"
    monkeypatch.setenv("AIRFLOW_VAR_ORUX_CONTENT_DB", str(path))

    def rows() -> dict[tuple[str, str], sqlite3.Row]:
        database = sqlite3.connect(path)
        database.row_factory = sqlite3.Row
        try:
            return {(row["day"], row["sku"]): row for row in database.execute("SELECT * FROM images")}
        finally:
            database.close()

    rows.path = path
    return rows


@pytest.mark.parametrize(("name", "task_id", "table"), [("content_pipeline", "missing_products", "PRODUCTS"), ("opengpu_relay_mapped", "prompts", "TABLE")])  # fmt: skip
def test_a_table_that_a_spreadsheet_wrote_is_read(example_dag, content_rows, tmp_path, name, task_id, table):
    # With a byte order mark before its first column.
    read = example_dag(name).get_task(task_id).python_callable
    arguments = {"day": "2026-03-02"} if name == "content_pipeline" else {}
    plain = read(**arguments)
    marked = tmp_path / "marked.csv"
    marked.write_bytes(b"\xef\xbb\xbf" + read.__globals__[table].read_bytes())
    read.__globals__[table] = marked
    assert read(**arguments) == plain
    assert plain


def test_the_content_pipeline_day_by_day_and_again(sandbox, example_dag, run, content_rows):
    dag = hurried(example_dag("content_pipeline"))
    monday = run(dag, logical_date=MONDAY)
    assert monday.state == "success", monday.states()
    assert set(content_rows()) == {("2026-03-02", "MUG-01"), ("2026-03-02", "LMP-03")}
    tuesday = run(dag, logical_date=TUESDAY)
    assert tuesday.state == "success", tuesday.states()
    before = {key: tuple(row) for key, row in content_rows().items()}
    assert set(before) == {*{("2026-03-02", sku) for sku in ("MUG-01", "LMP-03")}, ("2026-03-03", "TEA-02")}
    assert charged(sandbox) == {("gpt-image-2", "generate"): 3}

    for number, row in enumerate(content_rows()[("2026-03-02", sku)] for sku in ("MUG-01", "LMP-03")):
        value = monday.xcom("product_image.image", map_index=number)
        manifest = check_saved(
            value, dag_id="content_pipeline", task_id="product_image.image", run_id=monday.run_id
        )
        assert row["prompt"] == manifest["prompt"]
        assert (row["job_id"], row["sha256"], row["uri"], row["manifest"]) == (
            value["job_id"],
            value["artifacts"][0]["sha256"],
            value["artifacts"][0]["uri"],
            value["manifest"],
        )
        assert "/content_pipeline/2026-03-02/" in row["uri"]
    assert content_rows()[("2026-03-02", "MUG-01")]["prompt"].startswith(
        "Stoneware mug on a wooden windowsill"
    )
    assert labels(monday, "product_image.write_prompt") == {0: "MUG-01", 1: "LMP-03"}
    assert asset_events(monday, "orux_product_images") == {
        content_rows()[("2026-03-02", sku)]["uri"] for sku in ("MUG-01", "LMP-03")
    }

    # The same day again (Airflow clears the run): everything is there, nothing is paid.
    again = run(dag, logical_date=MONDAY)
    assert again.state == "success", again.states()
    assert again.states()["missing_products"] == "success"
    assert "success" not in [s for t, s in again.states().items() if t.startswith("product_image.")]
    assert len(sandbox.charges()) == 3
    assert {key: tuple(row) for key, row in content_rows().items()} == before

    # A row that a person deleted is made anew, and only that one; the row replaces itself.
    database = sqlite3.connect(content_rows.path)
    with database:
        database.execute("DELETE FROM images WHERE sku = 'LMP-03'")
    database.close()
    third = run(dag, logical_date=MONDAY)
    assert third.state == "success", third.states()
    assert len(sandbox.charges()) == 4
    after = {key: tuple(row) for key, row in content_rows().items()}
    assert set(after) == set(before)
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {("2026-03-02", "LMP-03")}


def test_the_examples_use_a_pool_when_told_to(sandbox, example_dag, run, monkeypatch):
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session

    with create_session() as session:
        Pool.create_or_update_pool("orux", 3, "Orux AI", include_deferred=True, session=session)
    monkeypatch.setenv("ORUX_POOL", "orux")
    for name in POOLED:
        dag = example_dag(name)
        for task in dag.tasks:
            module = getattr(task, "operator_class", type(task)).__module__
            ours = module.startswith("airflow_provider_orux.")
            assert task.pool == ("orux" if ours else "default_pool"), (name, task.task_id)
    monkeypatch.delenv("ORUX_POOL")
    assert {t.pool for name in EXAMPLES for t in example_dag(name).tasks} == {"default_pool"}


def test_the_prompts_of_a_language_model(gateways, example_dag, run):
    pytest.importorskip("airflow.providers.openai")
    result = run(hurried(example_dag("prompts_by_language_model")), logical_date=None)
    assert result.state == "success", result.states()
    assert charged(gateways) == {("gpt-5-2", "chat"): 4, ("gpt-image-2", "generate"): 2}
    for index, words in enumerate(("Blue glass vase", "Espresso cup")):
        prompt = result.xcom("product.write_prompt", map_index=index)
        value = result.xcom("product.image", map_index=index)
        manifest = check_saved(
            value, dag_id="prompts_by_language_model", task_id="product.image", run_id=result.run_id
        )
        assert manifest["prompt"] == prompt
        assert prompt.startswith(words)
        told = result.xcom("product.alt_text", map_index=index)
        assert told["uri"] == value["artifacts"][0]["uri"]
        assert words in told["alt"], "it saw the image, not the row"
    assert gateways.leaks() == []


def test_script_speech_and_clip(gateways, example_dag, run):
    pytest.importorskip("airflow.providers.openai")
    result = run(hurried(example_dag("script_speech_and_clip")), logical_date=None)
    assert result.states() == dict.fromkeys(("write", "speech", "clip"), "success")
    script = result.xcom("write")
    assert "stoneware mug" in script
    for task_id in ("speech", "clip"):
        value = result.xcom(task_id)
        check_saved(value, dag_id="script_speech_and_clip", task_id=task_id, run_id=result.run_id)
    sent = {request["body"]["model"]: request["body"] for request in gateways.requests() if request["body"]}
    assert (sent["elevenlabs-v3"]["text"], sent["elevenlabs-v3"]["voice_id"]) == (script, "voice_demo")
    assert (sent["kling-v21-master-t2v"]["prompt"], sent["kling-v21-master-t2v"]["duration"]) == (script, 10)
    assert charged(gateways).total() == 3


def test_describe_and_imagine(gateways, example_dag, run):
    result = run(hurried(example_dag("describe_and_imagine")), logical_date=None)
    assert result.states() == dict.fromkeys(("original", "describe", "again"), "success")
    assert charged(gateways).total() == 3
    lines = [line for line in result.xcom("describe")["text"].splitlines() if line]
    again = result.xcom("again")
    manifest = check_saved(again, dag_id="describe_and_imagine", task_id="again", run_id=result.run_id)
    prompt = manifest["prompt"]
    assert prompt.removesuffix(", as a linocut, two colours") in lines[1]
    assert prompt.startswith("a photograph in ")
    assert manifest["parameters"] == {"aspect_ratio": "4:3", "stylize": 250}


def test_the_song_and_its_extension(sandbox, example_dag, run):
    result = run(hurried(example_dag("song_and_extension")), logical_date=None)
    assert result.states() == dict.fromkeys(("song", "longer"), "success")
    song, longer = (result.xcom(task_id) for task_id in ("song", "longer"))
    for task_id, value in (("song", song), ("longer", longer)):
        check_saved(value, dag_id="song_and_extension", task_id=task_id, run_id=result.run_id)
    jobs = {job["id"]: job for job in sandbox.jobs()}
    assert jobs[longer["job_id"]]["parent_id"] == song["job_id"]
    seconds = []
    for value in (song, longer):
        with wave.open(str(path_of(value["artifacts"][0]["uri"]))) as sound:
            seconds.append(sound.getnframes() / sound.getframerate())
    assert seconds[1] > seconds[0] > 30


def test_one_prompt_on_three_gateways(gateways, example_dag, run):
    result = run(hurried(example_dag("three_gateways")), logical_date=None)
    assert result.state == "success", result.states()
    table = result.xcom("compare")
    assert [row["gateway"] for row in table] == ["orux", "yescale", "opengpu_relay"]
    assert all(path_of(row["uri"]).exists() for row in table)
    assert {charge["model"] for charge in gateways.charges()} == {"gpt-image-2", "openai/gpt-image-2"}
    assert labels(result, "image") == {0: "orux_default", 1: "yescale_default", 2: "opengpu_relay_default"}
    assert gateways.leaks() == []
