"""The same operators on all three gateways, through a real Airflow against the sandbox."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow

CONNECTIONS = ("orux", "yescale", "opengpu_relay")


@pytest.fixture
def gateways(sandbox, monkeypatch):
    """The sandbox as ``orux_default``, ``yescale_default`` and ``opengpu_relay_default``."""
    for name in CONNECTIONS:
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}_DEFAULT", sandbox.connection(name))
    return sandbox


def manifest_of(value):
    return json.loads(Path(value["manifest"].removeprefix("file://")).read_text())


def test_the_midjourney_chain_on_yescale(gateways, example_dag, run):
    result = run(example_dag("yescale_midjourney"), logical_date=None)
    assert result.state == "success", result.states()
    assert sorted(c["action"].lower() for c in gateways.charges()) == [
        "blend",
        "describe",
        "imagine",
        "upscale",
        "upscale",
    ]
    assert all(c["gateway"] == "yescale" for c in gateways.charges())
    assert result.xcom("imagine", "job_id").startswith("mj:")
    assert result.xcom("describe", "text").strip()
    blend = result.xcom("blend")["artifacts"][0]
    assert blend["width"] > blend["height"]


def test_clips_and_a_song_on_yescale(gateways, example_dag, run):
    result = run(example_dag("yescale_video_and_song"), logical_date=None)
    assert result.state == "success", result.states()
    assert sorted(c["model"] for c in gateways.charges()) == sorted(
        ["flux-pro", "kling-image2video", "grok-video", "hailuo-2.3", "gpt-image-1-edit", *["suno_music"] * 2]
    )
    for task_id in ("moves", "clip", "new_model"):
        (clip,) = result.xcom(task_id)["artifacts"]
        assert clip["media_type"].startswith("video/")
    assert [a["title"] for a in result.xcom("longer")["artifacts"]] == ["Night bus II"] * 2


def test_further_steps_of_midjourney_on_yescale(gateways, example_dag, run):
    result = run(example_dag("yescale_midjourney_steps"), logical_date=None)
    assert result.state == "success", result.states()
    assert sorted(c["action"] for c in gateways.charges()) == [
        "DESCRIBE",
        "IMAGINE",
        "IMAGINE",
        "UPSCALE",
        "ZOOM",
    ]
    prompts = result.xcom("describe", "prompts")
    assert manifest_of(result.xcom("again"))["prompt"] == prompts[0]
    assert len(prompts) == 4


def test_a_mapped_table_on_the_relay(gateways, example_dag, run):
    result = run(example_dag("opengpu_relay_mapped"), logical_date=None)
    assert result.state == "success", result.states()
    first = result.xcom("image", map_index=0)
    assert first["gateway"] == "opengpu_relay"
    assert (first["artifacts"][0]["width"], first["artifacts"][0]["height"]) == (512, 512)
    assert first["artifacts"][0]["url"] is None
    rows = sum(1 for name in result.states() if name.startswith("image["))
    assert len(gateways.charges()) == rows > 3


def test_models_by_their_names_on_the_relay(gateways, example_dag, run):
    result = run(example_dag("opengpu_relay_media"), logical_date=None)
    assert result.state == "success", result.states()
    types = {
        task: result.xcom(task)["artifacts"][0]["media_type"] for task in ("clip", "voice", "transcript")
    }
    assert types == {"clip": "video/x-msvideo", "voice": "audio/wav", "transcript": "text/plain"}
    assert len(gateways.charges()) == 3


@pytest.mark.parametrize("name", CONNECTIONS)
def test_one_dag_runs_on_each_gateway(gateways, example_dag, run, name):
    result = run(example_dag("any_gateway"), run_conf={"conn_id": f"{name}_default"}, logical_date=None)
    assert result.state == "success", result.states()
    value = result.xcom("image")
    assert value["gateway"] == name
    assert value["artifacts"][0]["media_type"] == "image/png"
    assert [c["gateway"] for c in gateways.charges()] == [name]
    assert manifest_of(value)["prompt"].startswith("a red fox")


CHAIN = """
    import pendulum
    from datetime import timedelta
    from airflow.sdk import DAG
    from airflow_provider_orux.operators.images import OruxGenerateImageOperator
    from airflow_provider_orux.operators.jobs import OruxSaveArtifactsOperator
    from airflow_provider_orux.operators.midjourney import *
    from airflow_provider_orux.sensors.jobs import OruxJobSensor
    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None,
             default_args={"conn_id": "%(conn)s", "retries": 2, "retry_delay": timedelta(0)}) as dag:
        %(body)s
"""


#: Verb of Midjourney: operator and arguments. YEScale has the last two as well.
VERBS = {
    "imagine": 'OruxImagineOperator(prompt="a fox", aspect_ratio="3:2", chaos=10',
    "upscale": "OruxUpscaleOperator(parent_job_id=grid, index=4",
    "variation": "OruxVariationOperator(parent_job_id=grid, index=1",
    "reroll": "OruxRerollOperator(parent_job_id=grid",
    "describe": "OruxDescribeOperator(image=\"{{ ti.xcom_pull('imagine', key='uris')[0] }}\"",
    "blend": "OruxBlendOperator(images=[\"{{ ti.xcom_pull('imagine', key='uris')[0] }}\"] * 2",
}
VERB_FORMS = {
    "deferred": "%(call)s, task_id=%(verb)r, save_to=SAVE)",
    "in_worker": "%(call)s, task_id=%(verb)r, save_to=SAVE, deferrable=False, poll_interval=0.2)",
    "sensor": """%(call)s, task_id="job_%(verb)s", wait_for_completion=False)
        saved = OruxSaveArtifactsOperator(task_id=%(verb)r, job_id=job.output["job_id"], save_to=SAVE)
        job >> OruxJobSensor(task_id="ended_%(verb)s", job_id=job.output["job_id"], poke_interval=0.2) >> saved""",
}


@pytest.mark.parametrize("form", VERB_FORMS)
@pytest.mark.parametrize("name", ["orux", "yescale"])
def test_each_verb_of_midjourney_is_written_once(gateways, load_dag, run, tmp_path, name, form):
    verbs = list(VERBS) if name == "yescale" else list(VERBS)[:4]
    grid = "{{ ti.xcom_pull('imagine', key='job_id') }}"
    lines = [f"SAVE, grid = 'file://{tmp_path}/out', {grid!r}"]
    for verb in verbs:
        lines.append("job = " + VERB_FORMS[form] % {"call": VERBS[verb], "verb": verb})
        lines += ['dag.get_task("imagine") >> job'] if verb != "imagine" else []
    result = run(load_dag(CHAIN % {"conn": f"{name}_default", "body": "\n        ".join(lines)}))
    assert result.state == "success", result.states()
    charges = gateways.charges()
    assert [c["gateway"] for c in charges] == [name] * len(verbs)
    assert sorted(c["job_id"] for c in charges) == sorted(job["id"] for job in gateways.jobs())
    for verb in verbs:
        value = result.xcom(verb)
        assert sum(value["job_id"].endswith(c["job_id"]) for c in charges) == 1
        assert value["text"] if verb == "describe" else value["manifest"]


def test_a_gateway_without_the_verb_says_which_ones_have_it(gateways, load_dag, run, capfd):
    body = """OruxImagineOperator(task_id="imagine", prompt="a fox")"""
    result = run(load_dag(CHAIN % {"conn": "opengpu_relay_default", "body": body}))
    assert result.states() == {"imagine": "failed"}
    out = "".join(capfd.readouterr())
    assert "Orux AI" in out
    assert "YEScale" in out
    assert gateways.charges() == []


def test_a_lost_answer_on_the_relay_is_asked_for_again_without_a_charge(gateways, load_dag, run, tmp_path):
    gateways.order_fault({"endpoint": "relay.submit", "then": {"cut": "after"}})
    body = f"""OruxGenerateImageOperator(task_id="image", model="Qwen/qwen-image", prompt="a fox",
                                  save_to="file://{tmp_path}/out")"""
    result = run(load_dag(CHAIN % {"conn": "opengpu_relay_default", "body": body}))
    assert result.states() == {"image": "success"}
    assert len(gateways.charges()) == 1
    assert len(gateways.requests("relay.submit")) == 2


def test_a_lost_answer_on_yescale_is_ambiguous(gateways, load_dag, run):
    gateways.order_fault({"endpoint": "yescale.mj.submit", "then": {"cut": "after"}})
    body = """OruxImagineOperator(task_id="imagine", prompt="a fox")"""
    result = run(load_dag(CHAIN % {"conn": "yescale_default", "body": body}))
    assert result.states() == {"imagine": "failed"}
    assert len(gateways.charges()) == 1


def test_a_retry_goes_on_with_a_job_that_yescale_has_not_indexed_yet(gateways, load_dag, run):
    gateways.configure(yescale_unindexed_seconds=60)

    def index_after_a_look():
        until = time.monotonic() + 60
        while not gateways.requests("yescale.media.fetch") and time.monotonic() < until:
            time.sleep(0.02)
        gateways.configure(yescale_unindexed_seconds=0)

    threading.Thread(target=index_after_a_look).start()
    result = run(
        load_dag("""
        import pendulum
        from datetime import timedelta
        from airflow.sdk import DAG
        from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator

        class DiesOnce(OruxSubmitJobOperator):
            def execute(self, context):
                self.first = context["ti"].try_number == 1
                return super().execute(context)

            def defer(self, **kwargs):
                if self.first:
                    raise RuntimeError("the worker dies")
                super().defer(**kwargs)

        with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
            DiesOnce(task_id="media", conn_id="yescale_default", model="flux-kontext[max]", prompt="a fox",
                     retries=1, retry_delay=timedelta(0))
    """)
    )
    assert result.states() == {"media": "success"}
    assert len(gateways.charges()) == 1
    looks = gateways.requests("yescale.media.fetch")
    assert (looks[0]["status"], looks[-1]["status"]) == (404, 200)


def test_images_inside_a_poll_answer_do_not_pass_through_the_trigger(gateways, load_dag, run, tmp_path):
    body = f"""OruxGenerateImageOperator(task_id="image", model="openai/gpt-image-2", prompt="a fox",
                                  options={{"n": 4, "size": "1536x1024"}}, save_to="file://{tmp_path}/out")"""
    result = run(load_dag(CHAIN % {"conn": "opengpu_relay_default", "body": body}))
    assert result.states() == {"image": "success"}
    assert result.xcom("image")["returned"] == 4
    polls = gateways.requests("relay.poll")
    assert len(polls) >= 2
    assert len(gateways.charges()) == 1


@pytest.mark.parametrize("allowed", ["everyone", "nobody"])
def test_a_tier_without_store_output_saves_in_time(gateways, load_dag, run, tmp_path, allowed):
    """Retention is refused: the request is sent without it, once, and paid for once."""
    gateways.configure(relay_store_output=allowed)
    body = f"""OruxGenerateImageOperator(task_id="image", model="Qwen/qwen-image", prompt="a fox",
                                  poll_interval=0.2, save_to="file://{tmp_path}/out")"""
    result = run(load_dag(CHAIN % {"conn": "opengpu_relay_default", "body": body}))
    assert result.states() == {"image": "success"}
    assert len(gateways.charges()) == 1
    sent = [r["body"].get("store_output") for r in gateways.requests("relay.submit")]
    assert sent == (["relay1d"] if allowed == "everyone" else ["relay1d", None])


def test_a_result_that_the_relay_forgot_is_saved_by_the_links_that_were_noted(
    gateways, load_dag, run, tmp_path
):
    """Relay forgets a job an hour after its end; an image that it keeps for a day is still there."""
    gateways.order_fault({"endpoint": "files", "times": 4, "then": {"status": 503}})
    body = f"""OruxGenerateImageOperator(task_id="image", model="Qwen/qwen-image", prompt="a fox", retries=0,
                                  poll_interval=0.2, save_to="file://{tmp_path}/out")"""
    result = run(load_dag(CHAIN % {"conn": "opengpu_relay_default", "body": body}))
    assert result.states() == {"image": "failed"}
    gateways.clear_faults()
    gateways.advance_clock(3700.0)
    assert result.again("image") == "success"
    assert len(gateways.charges()) == 1


def test_bytes_of_a_job_that_could_not_be_saved_are_fetched_again(gateways, load_dag, run, tmp_path, capfd):
    """They came inside the answer to a poll: the same job gives them again, and nothing is lost or paid twice."""
    body = f"""
        from pathlib import Path

        class Blocked(OruxGenerateImageOperator):
            def execute_complete(self, context, event=None):
                if not Path("{tmp_path}/mended").exists():
                    Path("{tmp_path}/out").rename("{tmp_path}/elsewhere")
                    Path("{tmp_path}/out").write_text("a file where the folder should be")
                return super().execute_complete(context, event)

        Blocked(task_id="image", model="black-forest-labs/FLUX-2-pro", prompt="a fox", retries=0,
                options={{"width": 64, "height": 64}}, poll_interval=0.2, save_to="file://{tmp_path}/out")"""
    result = run(load_dag(CHAIN % {"conn": "opengpu_relay_default", "body": body.strip()}))
    assert result.states() == {"image": "failed"}
    out = "".join(capfd.readouterr())
    assert "are lost" not in out
    assert "A clear of the task continues with the recorded job and pays nothing." in out
    (tmp_path / "mended").touch()
    (tmp_path / "out").unlink()
    assert result.again("image") == "success"
    assert len(gateways.charges()) == 1
