"""Jobs of YEScale that continue from others, through a real Airflow: Midjourney's references, buttons and prompts; songs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.airflow

DAG_FILE = """
    import pendulum
    from airflow.sdk import DAG
    from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator
    from airflow_provider_orux.operators.midjourney import *
    from airflow_provider_orux.sensors.jobs import OruxJobSensor
    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None,
             default_args={"conn_id": "yescale_default", "retries": 0}) as dag:
        grid = OruxImagineOperator(task_id="grid", prompt="a heron", save_to="OUT", poll_interval=0.2)
        hero = OruxUpscaleOperator(task_id="hero", parent_job_id=grid.output["job_id"], index=2, poll_interval=0.2)
        def pressed(task_id, button, parent="hero", **arguments):
            return OruxSubmitJobOperator(
                task_id=task_id, model="mj_action", save_to="OUT", poll_interval=0.2,
                options={"parent_job_id": "{{ ti.xcom_pull('%s', key='job_id') }}" % parent,
                         "custom_id": "{{ ti.xcom_pull('%s', key='buttons')['%s'] }}" % (parent, button)},
                **arguments)
        BODY
"""
#: The buttons that make something at once; under an upscale if not said otherwise.
BUTTONS = {
    "zoom_out_2x": "ZOOM",
    "zoom_out_1.5x": "ZOOM",
    "pan_left": "PAN",
    "pan_right": "PAN",
    "pan_up": "PAN",
    "pan_down": "PAN",
    "vary_subtle": "LOW_VARIATION",
    "vary_strong": "HIGH_VARIATION",
    "upscale_subtle": "UPSCALE",
    "upscale_creative": "UPSCALE",
    "upscale_3": "UPSCALE",
    "variation_4": "VARIATION",
    "reroll": "REROLL",
}
OF_A_GRID = ("upscale_3", "variation_4", "reroll")


@pytest.fixture
def yescale(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    sandbox.configure(image_scale=0.25, yescale_sync_seconds=0.02, yescale_bot_type="required")
    monkeypatch.setenv("AIRFLOW_CONN_YESCALE_DEFAULT", sandbox.connection("yescale"))
    return sandbox


def dag_of(body: str, tmp_path: Path) -> str:
    return DAG_FILE.replace("BODY", body).replace("OUT", f"file://{tmp_path}/out")


def test_every_button(yescale: Any, load_dag: Any, run: Any, tmp_path: Path) -> None:
    body = "\n        ".join(
        f'{"grid" if b in OF_A_GRID else "hero"} >> pressed("b_{n}", "{b}", "{"grid" if b in OF_A_GRID else "hero"}")'
        for n, b in enumerate(BUTTONS)
    )
    result = run(load_dag(dag_of(body, tmp_path)))
    assert result.state == "success", result.states()
    for number, (button, action) in enumerate(BUTTONS.items()):
        value = result.xcom(f"b_{number}")
        (charge,) = [c for c in yescale.charges() if c["job_id"] == value["job_id"].removeprefix("mj:")]
        assert charge["action"] == action, button
        (artifact,) = value["artifacts"]
        assert Path(artifact["uri"].removeprefix("file://")).exists()
    assert len(yescale.charges()) == 2 + len(BUTTONS)
    # An upscale that was made with a button can be continued from, too.
    assert "pan_left" in result.xcom("b_8")["buttons"]


@pytest.mark.parametrize("button", ["custom_zoom", "vary_region"])
def test_a_button_that_asks(yescale: Any, load_dag: Any, run: Any, tmp_path: Path, button: str) -> None:
    """It waits for its answer: the second task continues the first one's job, and pays nothing."""
    mask = tmp_path / "mask.png"
    Image.new("L", (64, 64), 255).save(mask)
    answer = {
        "custom_zoom": '"prompt": "a heron, more lake --zoom 2"',
        "vary_region": f'"prompt": "a swan", "mask": "{mask}"',
    }
    body = f"""asked = pressed("asked", "{button}", wait_for_completion=False)
        hero >> asked
        OruxSubmitJobOperator(task_id="answered", model="mj_modal", save_to="OUT", poll_interval=0.2,
                              options={{"parent_job_id": asked.output["job_id"], {answer[button]}}})"""
    result = run(load_dag(dag_of(body, tmp_path)))
    assert result.state == "success", result.states()
    assert result.xcom("answered")["job_id"] == result.xcom("asked")["job_id"]
    assert len(result.xcom("answered")["artifacts"]) == 1
    assert len(yescale.charges()) == 3


def test_references_and_the_four_prompts_of_a_description(
    yescale: Any, load_dag: Any, run: Any, tmp_path: Path
) -> None:
    """An image is described; its second prompt makes a grid that has the image as a reference."""
    body = """described = OruxDescribeOperator(
            task_id="described", image="{{ ti.xcom_pull('grid', key='uris')[0] }}", poll_interval=0.2)
        again = OruxImagineOperator(
            task_id="again", prompt="{{ ti.xcom_pull('described', key='prompts')[1] }}",
            reference_images=["{{ ti.xcom_pull('grid', key='uris')[0] }}"], extra_body={"botType": "NIJI_JOURNEY"},
            save_to="OUT", poll_interval=0.2)
        grid >> described >> again"""
    result = run(load_dag(dag_of(body, tmp_path)))
    assert result.state == "success", result.states()
    prompts = result.xcom("described", "prompts")
    assert len(prompts) == 4
    assert all(prompt.endswith("--ar 1:1") and "\u20e3" not in prompt for prompt in prompts)
    assert result.xcom("described")["text"].count("\u20e3") == 4
    made = next(job for job in yescale.jobs() if job["prompt"] == prompts[1])
    assert made["request"]["botType"] == "NIJI_JOURNEY"
    # With the image it is too long for the log, which keeps its size.
    first, with_image = (line["body"] for line in yescale.requests("yescale.mj.submit.imagine"))
    assert first["prompt"] == "a heron"
    assert int(with_image.strip("(").partition(" ")[0]) > 10_000
    described = next(job for job in yescale.jobs() if job["action"] == "DESCRIBE")
    assert described["request"]["botType"] == "MID_JOURNEY"
    assert len(yescale.charges()) == 4


SONG = """
    import pendulum
    from airflow.sdk import DAG
    from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator
    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None,
             default_args={"conn_id": "yescale_default", "retries": 0, "poll_interval": 0.2, ARGUMENTS}) as dag:
        song = OruxSubmitJobOperator(task_id="song", model="suno_music", prompt="[Verse] rain on the bus",
                                     options={"title": "Night bus", "tags": "synthwave", "mv": "chirp-v4"})
        OruxSubmitJobOperator(
            task_id="longer", model="suno_music", prompt="[Verse 2] the last stop",
            options={"title": "Night bus II", "mv": "chirp-v4", "task_id": song.output["job_id"],
                     "continue_clip_id": "{{ ti.xcom_pull('song')['artifacts'][1]['id'] }}", "continue_at": "40.5"})
"""


@pytest.mark.parametrize("clip", ["raw", "flat"])
def test_a_song_and_its_continuation(
    yescale: Any, load_dag: Any, run: Any, tmp_path: Path, clip: str
) -> None:
    yescale.configure(yescale_suno_clip=clip)
    result = run(load_dag(SONG.replace("ARGUMENTS", f'"save_to": "file://{tmp_path}/out"')))
    assert result.state == "success", result.states()
    song, longer = result.xcom("song"), result.xcom("longer")
    for value, title in ((song, "Night bus"), (longer, "Night bus II")):
        for artifact in value["artifacts"]:
            assert (artifact["title"], artifact["duration"]) == (title, 60.0)
            assert artifact["cover"].startswith("http")
        manifest = json.loads(Path(value["manifest"].removeprefix("file://")).read_text())
        details = [{n: a[n] for n in ("id", "title", "duration", "cover")} for a in manifest["artifacts"]]
        assert details == [
            {n: a[n] for n in ("id", "title", "duration", "cover")} for a in value["artifacts"]
        ]
    sent = yescale.requests("yescale.suno.submit.music")[-1]["body"]
    assert sent["task_id"] == song["job_id"].removeprefix("suno:")
    assert sent["continue_clip_id"] == song["artifacts"][1]["id"]
    assert sent["continue_at"] == 40.5
    assert len(yescale.charges()) == 2


def test_covers_and_titles_are_kept_out_as_chosen(
    yescale: Any, load_dag: Any, run: Any, tmp_path: Path
) -> None:
    arguments = f'"save_to": "file://{tmp_path}/out", "push_urls": False, "record_prompt": "hash"'
    result = run(load_dag(SONG.replace("ARGUMENTS", arguments)))
    assert result.state == "success", result.states()
    for task_id in ("song", "longer"):
        value = result.xcom(task_id)
        written = Path(value["manifest"].removeprefix("file://")).read_text()
        for told in (json.dumps(value), written):
            assert "Night bus" not in told
            assert "/files/" not in told.replace(str(tmp_path), "")
        assert {"id", "duration"} <= value["artifacts"][0].keys()
