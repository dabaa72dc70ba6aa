"""Every operator, the sensor and the decorator through a real Airflow against the sandbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow

HEAD = """
import pendulum
from datetime import timedelta
from airflow.sdk import DAG, AssetAlias, task
from airflow_provider_orux.models.orux import *
from airflow_provider_orux.models.requests import CustomRequest
from airflow_provider_orux.operators.images import OruxGenerateImageOperator
from airflow_provider_orux.operators.jobs import OruxSaveArtifactsOperator, OruxSubmitJobOperator
from airflow_provider_orux.operators.midjourney import *
from airflow_provider_orux.sensors.jobs import OruxJobSensor

with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
"""


@pytest.fixture
def dag_of(load_dag):
    """A DAG whose body is the given lines."""

    def make(body: str):
        lines = [line[4:] if line.startswith("    ") else line for line in body.strip("\n").splitlines()]
        return load_dag(HEAD + "\n".join("    " + line for line in lines))

    return make


def saved_files(folder: Path) -> list[str]:
    """Without thumbnails."""
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and ".thumb." not in p.name)


def test_synchronous_generation_is_saved_with_its_manifest(sandbox, dag_of, run, tmp_path):
    dag = dag_of(f"""
    OruxGenerateImageOperator(
        task_id="image", model="gpt-image-2", prompt="a fox, {{{{ ds }}}}",
        options={{"size": "1536x1024", "n": "2"}}, save_to="file://{tmp_path}/out",
    )
    """)
    result = run(dag)
    value = result.xcom("image")
    assert result.state == "success"
    assert (value["status"], value["charged"], value["requested"], value["returned"]) == (
        "succeeded",
        "yes",
        2,
        2,
    )
    assert [(a["width"], a["height"], a["media_type"]) for a in value["artifacts"]] == [
        (1536, 1024, "image/png")
    ] * 2
    manifest = json.loads(Path(value["manifest"].removeprefix("file://")).read_text())
    assert manifest["prompt"].startswith("a fox, 20")
    assert manifest["parameters"] == {"size": "1536x1024", "n": 2}
    assert saved_files(tmp_path / "out") == ["1.png", "2.png", "manifest.json"]
    assert len(result.xcom("image", "uris")) == len(result.xcom("image", "urls")) == 2
    assert result.xcom("image", "_link_OruxArtifactLink").startswith("http://127.0.0.1")
    assert result.xcom("image", "_link_OruxJobLink") is None, (
        "a link that leads nowhere is no row among the XComs"
    )


def test_base64_is_saved_and_never_an_xcom(sandbox, dag_of, run, tmp_path):
    dag = dag_of(f"""
    OruxGenerateImageOperator(
        task_id="image", request=GptImage2(prompt="a fox", response_format="b64_json"),
        save_to="file://{tmp_path}/out", record_prompt="hash",
    )
    """)
    result = run(dag)
    value = result.xcom("image")
    assert value["artifacts"][0]["url"] is None
    assert len(json.dumps(value)) < 2000
    manifest = json.loads(Path(value["manifest"].removeprefix("file://")).read_text())
    assert "prompt" not in manifest
    assert len(manifest["prompt_sha256"]) == 64


def test_base64_without_a_place_is_refused_before_it_is_paid_for(sandbox, dag_of, run, capfd):
    dag = dag_of("""
    OruxGenerateImageOperator(
        task_id="image", model="gpt-image-2", prompt="a fox", options={"response_format": "b64_json"}, retries=3
    )
    """)
    result = run(dag)
    assert result.states() == {"image": "failed"}
    assert sandbox.charges() == []
    out = "".join(capfd.readouterr())
    assert "they would have nowhere to go" in out
    assert "Set save_to, or response_format='url'" in out


def test_decorator_prompt_fields_and_request(sandbox, dag_of, run, tmp_path):
    dag = dag_of(f"""
    @task.orux_image(model="gpt-image-2", save_to="file://{tmp_path}/a", options={{"quality": "low"}})
    def by_prompt(name):
        return "a portrait of " + name + " with {{{{ braces }}}}"

    @task.orux_image(model="gemini-3-pro-image")
    def by_fields(ds=None):
        return {{"prompt": "a calendar of " + ds, "aspect_ratio": "16:9"}}

    @task.orux_image
    def by_request():
        return RecraftV3(prompt="a logo", style="vector_illustration")

    by_prompt("Ada") >> by_fields() >> by_request()
    """)
    result = run(dag)
    assert result.state == "success", result.states()
    bodies = [c["prompt"] for c in sandbox.charges()]
    assert "a portrait of Ada with {{ braces }}" in bodies
    assert {c["model"] for c in sandbox.charges()} == {"gpt-image-2", "gemini-3-pro-image", "recraft-v3"}


def test_decorator_on_the_deferred_way(sandbox, dag_of, run, tmp_path, monkeypatch):
    connection = json.loads(sandbox.connection())
    connection["extra"] = {**connection["extra"], "route": "async"}
    monkeypatch.setenv("AIRFLOW_CONN_ORUX_DEFAULT", json.dumps(connection))
    dag = dag_of(f"""
    @task.orux_image(model="gpt-image-2", save_to="file://{tmp_path}/a")
    def draw():
        open("{tmp_path}/calls", "a").write("x")
        return "a fox"
    draw()
    """)
    result = run(dag)
    assert result.state == "success"
    assert (tmp_path / "calls").read_text() == "x"
    manifest = json.loads(Path(result.xcom("draw")["manifest"].removeprefix("file://")).read_text())
    assert manifest["prompt"] == "a fox"
    assert manifest["job_id"].startswith("task_")


def test_a_function_says_what_each_operator_makes(sandbox, dag_of, run, tmp_path):
    from airflow_provider_orux.compat import serialized

    dag = dag_of(f"""
    @task.orux_imagine(stylize=250, save_to="file://{tmp_path}/a")
    def imagine():
        open("{tmp_path}/calls", "a").write("i")
        return {{"prompt": "a harbour of {{{{ braces }}}}", "aspect_ratio": "16:9"}}

    grid = imagine()

    @task.orux_upscale(parent_job_id=grid["job_id"], conn_id=grid["conn_id"], record_prompt="none")
    def best(names):
        open("{tmp_path}/calls", "a").write("u")
        return names.index("night") + 1

    @task.orux_variation
    def other(grid):
        return {{"parent_job_id": grid["job_id"], "index": 4}}

    @task.orux_job(model="suno-v5")
    def song():
        return {{"prompt": "a slow waltz", "duration": 30}}

    best(["dawn", "noon", "night"]) >> other(grid) >> song()
    """)
    assert {t.operator_name for t in serialized(dag).tasks} >= {"@task.orux_upscale", "@task.orux_job"}
    assert dag.task_dict["best"].upstream_task_ids == {"imagine"}
    result = run(dag)
    assert result.state == "success", result.states()
    said = [(c["model"], c["action"]) for c in sandbox.charges()]
    assert said == [
        ("midjourney-v7", "imagine"), ("midjourney-v7", "upscale"), ("midjourney-v7", "variation"), ("suno-v5", "generate"),
    ]  # fmt: skip
    bodies = [r["body"] for r in sandbox.requests() if r["method"] == "POST"]
    assert (bodies[0]["prompt"], bodies[0]["aspect_ratio"], bodies[0]["stylize"]) == (
        "a harbour of {{ braces }}",
        "16:9",
        250,
    )
    assert [b.get("index") for b in bodies] == [None, 3, 4, None]
    assert bodies[3]["duration"] == 30
    # Also where prompts are private: an index is none, so the function that chose is not asked again.
    assert (tmp_path / "calls").read_text() == "iu"


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("{'promt': 'a fox'}", ["`promt`", "`prompt`", "@task.orux_imagine"]),
        ("['a fox']", ["returned a list", "the prompt"]),
        ("{'prompt': 'a fox', 'stylize': 5000}", ["`stylize`", "0 to 1000"]),
    ],
)
def test_what_a_function_returned_is_checked_before_it_is_paid_for(
    sandbox, dag_of, run, capfd, returned, words
):
    dag = dag_of(f"""
    @task.orux_imagine(retries=0)
    def imagine():
        return {returned}

    imagine()
    """)
    assert run(dag).state == "failed"
    assert sandbox.charges() == []
    log = capfd.readouterr().out
    for word in [*words, "Not charged"]:
        assert word in log


@pytest.mark.parametrize("deferrable", [True, False])
def test_submit_wait_save(sandbox, dag_of, run, tmp_path, deferrable):
    dag = dag_of(f"""
    song = OruxSubmitJobOperator(
        task_id="song", model="suno-v5", prompt="a slow waltz", options={{"duration": 30, "instrumental": True}},
        wait_for_completion=False,
    )
    ready = OruxJobSensor(task_id="ready", job_id=song.output["job_id"], deferrable={deferrable}, poke_interval=0.2)
    save = OruxSaveArtifactsOperator(
        task_id="save", job_id=song.output["job_id"], save_to="file://{tmp_path}/out", outlets=[AssetAlias("songs")]
    )
    song >> ready >> save
    """)
    result = run(dag)
    assert result.state == "success", result.states()
    assert result.xcom("song")["status"] == "queued"
    assert result.xcom("ready")["status"] == "succeeded"
    assert result.xcom("save")["artifacts"][0]["media_type"] == "audio/wav"
    assert saved_files(tmp_path / "out") == ["1.wav", "2.png", "manifest.json"]  # the song and its cover
    assert len(sandbox.charges()) == 1


def test_an_unknown_model_by_name_and_a_free_dict(sandbox, dag_of, run):
    dag = dag_of("""
    OruxSubmitJobOperator(
        task_id="clip", request=CustomRequest(name="veo-3.1-fast", body={"prompt": "waves, {{ ds }}"}), timeout=60
    )
    """)
    result = run(dag)
    assert result.state == "success"
    assert sandbox.charges()[0]["model"] == "veo-3.1-fast"
    assert sandbox.charges()[0]["prompt"].startswith("waves, 20")


def test_a_sensor_names_the_task_to_clear(sandbox, dag_of, run, capfd):
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"job": "fail", "error_code": "upstream_error"}})
    dag = dag_of("""
    submit = OruxImagineOperator(task_id="submit_it", prompt="a fox", wait_for_completion=False)
    OruxJobSensor(task_id="ready", job_id=submit.output["job_id"], retries=3)
    """)
    result = run(dag)
    assert result.states() == {"submit_it": "success", "ready": "failed"}
    assert "Clear the task 'submit_it'" in "".join(capfd.readouterr())
    assert len(sandbox.charges()) == 1


@pytest.mark.parametrize("deferrable", [True, False])
@pytest.mark.parametrize("how", ["soft_fail", "never_fail"])
def test_a_sensor_that_may_not_fail_is_skipped_when_the_job_failed_before_its_first_look(
    sandbox, dag_of, run, how, deferrable
):
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"job": "fail", "after": 0}})
    dag = dag_of(f"""
    submit = OruxImagineOperator(task_id="submit", prompt="a fox", wait_for_completion=False)
    OruxJobSensor(task_id="ready", job_id=submit.output["job_id"], deferrable={deferrable}, {how}=True)
    """)
    assert run(dag).states() == {"submit": "success", "ready": "skipped"}


def test_no_url_in_the_log_or_the_database_with_push_urls_false(
    sandbox, dag_of, run, tmp_path, capfd, caplog
):
    caplog.set_level("INFO")
    dag = dag_of(f"""
    OruxImagineOperator(task_id="imagine", prompt="a fox", save_to="file://{tmp_path}/a", push_urls=False)
    """)
    result = run(dag)
    assert result.state == "success"
    assert saved_files(tmp_path / "a") == ["1.png", "manifest.json"]
    said = "".join(capfd.readouterr()) + caplog.text
    assert "Saved 1 artifact" in said
    assert f"{sandbox.url}/files/" not in said
    assert [a["url"] for a in result.xcom("imagine")["artifacts"]] == [None]


def test_a_sensor_survives_a_bad_poll(sandbox, dag_of, run):
    sandbox.order_fault({"endpoint": "tasks.get", "times": 3, "then": {"status": 502}})
    dag = dag_of("""
    submit = OruxImagineOperator(task_id="submit", prompt="a fox", wait_for_completion=False)
    OruxJobSensor(task_id="ready", job_id=submit.output["job_id"], poke_interval=0.1)
    """)
    assert run(dag).state == "success"


def test_mapped_imagine_and_upscale(sandbox, dag_of, run):
    dag = dag_of("""
    grids = OruxImagineOperator.partial(task_id="grids", map_index_template="{{ task.prompt[:80] }}").expand(
        prompt=["a fox", "a whale"]
    )

    @task
    def pairs(job_ids):
        return [{"parent_job_id": j, "index": i} for j in job_ids for i in (1, 4)]

    OruxUpscaleOperator.partial(task_id="upscale").expand_kwargs(pairs(grids.output["job_id"]))
    """)
    result = run(dag)
    assert result.state == "success", result.states()
    actions = sorted(c["action"] or "imagine" for c in sandbox.charges())
    assert actions == ["imagine"] * 2 + ["upscale"] * 4


def test_a_mapped_value_out_of_range_fails_its_instance_without_retries(sandbox, dag_of, run):
    dag = dag_of("""
    grid = OruxImagineOperator(task_id="grid", prompt="a fox")
    OruxUpscaleOperator.partial(task_id="upscale", parent_job_id=grid.output["job_id"], retries=5).expand(index=[2, 5])
    """)
    result = run(dag)
    assert result.states() == {"grid": "success", "upscale[0]": "success", "upscale[1]": "failed"}
    assert len(sandbox.charges()) == 2


def test_a_connection_of_another_type_is_named(database, dag_of, run, monkeypatch, capfd):
    monkeypatch.setenv("AIRFLOW_CONN_SLACK", '{"conn_type": "slackwebhook", "host": "https://x.example"}')
    dag = dag_of("""
    OruxImagineOperator(task_id="imagine", prompt="a fox", conn_id="slack", retries=3)
    """)
    assert run(dag).states() == {"imagine": "failed"}
    out = "".join(capfd.readouterr())
    assert "'slackwebhook'" in out
    assert "'conn_id'" in out


def test_fewer_than_asked_for_is_a_result_with_a_warning(sandbox, dag_of, run, tmp_path, capfd):
    sandbox.order_fault({"endpoint": "images.generate", "then": {"job": "fewer", "count": 1}})
    dag = dag_of(f"""
    OruxGenerateImageOperator(
        task_id="image", model="gpt-image-2", prompt="a fox", options={{"n": 3}}, save_to="file://{tmp_path}/out",
        deferrable=False,
    )
    """)
    result = run(dag)
    assert result.state == "success"
    assert (result.xcom("image")["requested"], result.xcom("image")["returned"]) == (3, 1)
    assert "1 of 3 artifacts" in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('OruxUpscaleOperator(task_id="t", parent_job_id="task_1", index=5)', "allowed: 1 to 4"),
        ('OruxUpscaleOperator(task_id="t", parent_job_id="", index=1)', "must not be empty"),
        ('OruxImagineOperator(task_id="t", prompt="{{ ds }}", stylize=1001)', "allowed: 0 to 1000"),
        (
            'OruxGenerateImageOperator(task_id="t", model="gpt-image-2", prompt="{{ ds }}", options={"sise": 1})',
            "did you mean `size`?",
        ),
        (
            'OruxGenerateImageOperator(task_id="t", model="gpt-imag-2", prompt="x")',
            "did you mean `gpt-image-2`?",
        ),
        ('OruxImagineOperator(task_id="t", prompt="x", on_clear="never")', "auto, resubmit, reattach"),
        ('OruxImagineOperator(task_id="t", prompt="x", timeout=0)', "positive"),
        ('OruxImagineOperator(task_id="t", prompt="x", reuse="always")', "save_to"),
        ('OruxRerollOperator(task_id="t", parent_job_id="task_1", index=2)', "index"),
    ],
)
def test_what_is_known_is_checked_when_the_file_is_parsed(dag_of, body, words):
    with pytest.raises(Exception, match=r".") as caught:
        dag_of(body)
    assert words in str(caught.value)


def test_the_poller_is_told_what_kind_of_job_it_waits_for(sandbox, dag_of, run, capfd):
    """Jobs of one kind take about the same time: the schedule learns by it."""
    dag = dag_of("""
    class Tells(OruxImagineOperator):
        def defer(self, *, trigger, **arguments):
            print("waits for", trigger.serialize()[1]["kind"])
            super().defer(trigger=trigger, **arguments)

    Tells(task_id="imagine", prompt="a fox", poll_interval=0.2)
    """)
    assert run(dag).state == "success"
    assert "waits for midjourney-v7:imagine" in "".join(capfd.readouterr())


def test_options_may_be_another_tasks_output(sandbox, dag_of, run, tmp_path):
    dag = dag_of(f"""
    @task
    def choose():
        return {{"size": "1536x1024"}}

    OruxGenerateImageOperator(
        task_id="image", model="gpt-image-2", prompt="a fox", options=choose(), save_to="file://{tmp_path}/out",
        poll_interval=0.2,
    )
    """)
    result = run(dag)
    assert result.state == "success"
    assert result.xcom("image")["artifacts"][0]["width"] == 1536
