"""Each family of OpenGPU Relay's models through the real operators in a real Airflow, with files of the worker as input."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_provider_orux.client import kept
from airflow_provider_orux.durable.log_store import LogStore
from airflow_provider_orux.durable.stores import TaskStateStore
from orux_sandbox.art import recipes, recordings

pytestmark = pytest.mark.airflow

#: Family -> model, its fields (a file stands for its path), what comes out.
FAMILIES: dict[str, tuple[str, dict[str, Any], str]] = {
    "t2i": ("google/gemini-2.5-flash-image", {"prompt": "a fox"}, "image/png"),
    "i2i": ("openai/gpt-image-2.5-flare", {"prompt": "a fox", "image": "FOX"}, "image/png"),
    "t2v": ("KlingTeam/v3-T2V", {"prompt": "waves", "duration": "{{ 3 + 1 }}"}, "video/x-msvideo"),
    "i2v": ("Wan-AI/Wan2.5-I2V", {"prompt": "waves", "first_frame_url": "FOX"}, "video/x-msvideo"),
    "v2v": ("decart/lucy-2.5", {"video_url": "CLIP", "reference_image_url": "FOX"}, "video/x-msvideo"),
    "tts": ("relay/tts-1", {"text": "good morning", "voice": "nova"}, "audio/wav"),
    "tts_url": ("Qwen/qwen3-tts-flash", {"input": "good morning", "voice": "Cherry"}, "audio/wav"),
    "cloned": ("IndexTeam/IndexTTS-2", {"input": "good morning", "spk_audio_url": "SONG"}, "audio/wav"),
    "music": ("relay/music-1", {"prompt": "a sea shanty", "music_length_ms": 3000}, "audio/wav"),
    "workflow": ("workflow/animate-upscale", {"image_url": "FOX", "prompt": "waves"}, "video/x-msvideo"),
    "stt": ("openai/whisper-1", {"audio_url": "SONG", "language": "en"}, "text/plain"),
}
#: Fields that the vendor fetches: their files are uploaded.
UPLOADED = {"v2v": 2, "cloned": 1, "stt": 1}

#: A run is booked on the model of its last step.
CHARGED_AS = {"workflow": "Bria/video_increase_resolution"}
#: Billed by tokens, whose number no answer tells.
UNPRICED = {"i2i"}

DAG = """
    import pendulum
    from airflow.sdk import DAG
    from airflow_provider_orux.operators.images import OruxGenerateImageOperator
    from airflow_provider_orux.operators.jobs import OruxSaveArtifactsOperator, OruxSubmitJobOperator
    from airflow_provider_orux.sensors.jobs import OruxJobSensor

    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
        %(tasks)s
"""


@pytest.fixture
def relay(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    kept.forget()
    uri = sandbox.connection("opengpu_relay")
    monkeypatch.setenv("AIRFLOW_CONN_RELAY", uri)
    given = json.loads(uri)
    given["extra"] = {**given["extra"], "route": "sync"}
    monkeypatch.setenv("AIRFLOW_CONN_RELAY_SYNC", json.dumps(given))
    return sandbox


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    image = io.BytesIO()
    Image.new("RGB", (64, 64), "#c63").save(image, "PNG")
    scene = recipes.scene(seed="x", prompt="waves", model="x")
    contents = {
        "FOX": ("fox.png", image.getvalue()),
        "CLIP": ("clip.avi", recordings.clip(scene, 64, 48)),
        "SONG": ("song.wav", recordings.tune("x", 1)),
    }
    for name, content in contents.values():
        (tmp_path / name).write_bytes(content)
    return {word: f"{tmp_path}/{name}" for word, (name, _) in contents.items()}


#: How a family is asked for: waited for by one task (in the triggerer, in the worker), one call, or three tasks.
FORMS = {
    "deferred": """
        OruxSubmitJobOperator(task_id=%(family)r, conn_id="relay", poll_interval=0.2, save_to=%(out)r, **%(asked)r)""",
    "in_worker": """
        OruxSubmitJobOperator(task_id=%(family)r, conn_id="relay", poll_interval=0.2, save_to=%(out)r, **%(asked)r,
                              deferrable=False)""",
    "sync": """
        OruxGenerateImageOperator(task_id=%(family)r, conn_id="relay_sync", poll_interval=0.2, save_to=%(out)r,
                                  **%(asked)r)""",
    "sensor": """
        job = OruxSubmitJobOperator(task_id=%(family)r + "_job", conn_id="relay", wait_for_completion=False,
                                    **%(asked)r)
        ended = OruxJobSensor(task_id=%(family)r + "_ended", job_id=job.output["job_id"], conn_id="relay",
                              poke_interval=0.2, deferrable=%(odd)r)
        ended >> OruxSaveArtifactsOperator(task_id=%(family)r, job_id=job.output["job_id"], conn_id="relay",
                                           save_to=%(out)r)""",
}


def tasks(files: dict[str, str], tmp_path: Path, *, form: str) -> str:
    lines = []
    for number, (family, (model, fields, _)) in enumerate(FAMILIES.items()):
        options = {name: files.get(str(value), value) for name, value in fields.items()}
        asked = {"model": model, "options": options}
        given = {"family": family, "asked": asked, "out": f"file://{tmp_path}/out", "odd": number % 2 > 0}
        lines.append(FORMS[form] % given)
    return DAG % {"tasks": "".join(lines)}


@pytest.mark.parametrize("form", FORMS)
def test_every_family(relay, load_dag, run, files, tmp_path, form):
    result = run(load_dag(tasks(files, tmp_path, form=form)))
    assert set(result.states().values()) == {"success"}
    assert len(relay.charges()) == len(FAMILIES)
    jobs = [job["id"] for job in relay.jobs()]
    assert sorted(charge["job_id"] for charge in relay.charges()) == sorted(jobs)
    assert {charge["state"] for charge in relay.charges()} == {"charged"}
    sent = {r["endpoint"]: r["body"] for r in relay.requests("relay.submit")}
    sent.pop("relay.submit.workflow")
    assert all(body.get("async") in ((False, None) if form == "sync" else (True,)) for body in sent.values())
    for family, (model, _, media_type) in FAMILIES.items():
        value = result.xcom(family)
        (artifact,) = value["artifacts"]
        assert (value["model"], artifact["media_type"]) == (model, media_type)
        saved = Path(artifact["uri"].removeprefix("file://"))
        assert saved.stat().st_size == artifact["bytes"] > 0
        charged = next(c["amount"] for c in relay.charges() if CHARGED_AS.get(family, model) == c["model"])
        if form == "sensor" and family != "workflow":
            continue  # who saves it does not know what was asked for, on which the price depends
        expected = None if family in UNPRICED else pytest.approx(charged, abs=1e-6)
        assert (value["price"], value["currency"]) == (expected, None if expected is None else "USD")
    assert result.xcom("t2v")["artifacts"][0]["duration"] == 4
    assert result.xcom("tts")["artifacts"][0]["characters"] == 12
    heard = result.xcom("stt")
    assert heard["text"] == Path(heard["artifacts"][0]["uri"].removeprefix("file://")).read_text()
    assert (heard["artifacts"][0]["language"], heard["artifacts"][0]["duration"]) == ("en", 3.2)
    uploads = [r for r in relay.requests("relay.files.create") if r["status"] == 201]
    assert len(uploads) == sum(UPLOADED.values())
    # Who only saves a job does not know its request.
    assert_no_url_of_an_upload(relay, result, tmp_path, path=None if form == "sensor" else files["CLIP"])


def assert_no_url_of_an_upload(relay, result, tmp_path, *, path):
    """The vendor got URLs; what the author reads again holds paths, or digests, and never a URL that anyone can open."""
    bodies = json.dumps([r["body"] for r in relay.requests("relay.submit")])
    urls = [f"/content/{token}" for token in relay.engine.memory["uploads"]]
    assert urls
    assert all(url in bodies for url in urls)
    told = json.dumps([result.xcom(family) for family in FAMILIES])
    told += "".join(file.read_text() for file in (tmp_path / "out").rglob("manifest.json"))
    assert path is None or path in told
    assert not any(url in told for url in urls)


def test_a_wrong_field_fails_the_task_before_anything_is_paid(relay, load_dag, run, capfd):
    text = DAG % {
        "tasks": 'OruxSubmitJobOperator(task_id="t2v", conn_id="relay", model="KlingTeam/v3-T2V", prompt="x",'
        ' options={"duraton": 5})'
    }
    result = run(load_dag(text))
    assert result.states() == {"t2v": "failed"}
    out = "".join(capfd.readouterr())
    assert "`duraton` is not a field of KlingTeam/v3-T2V; did you mean `duration`?" in out
    assert "Not charged." in out
    assert relay.charges() == []
    assert relay.requests("relay.submit") == []


def test_a_file_from_a_table_needs_input_roots(relay, load_dag, run, files, capfd):
    text = DAG % {
        "tasks": 'OruxSubmitJobOperator.partial(task_id="v2v", conn_id="relay", model="decart/lucy-2.5")'
        '.expand(options=[{"video_url": "{{ \'/etc/passwd\' }}"}])'
    }
    result = run(load_dag(text))
    assert set(result.states().values()) == {"failed"}
    assert "may not be used" in "".join(capfd.readouterr())
    assert relay.requests("relay.files.create") == []
    assert relay.charges() == []


def test_an_upload_whose_submission_got_no_answer_is_the_same_file_again(
    relay, load_dag, run, files, tmp_path
):
    """The answer is lost and the submission sent again under its key: with the same URL, or it would be another request."""
    relay.order_fault({"endpoint": "relay.submit", "then": {"cut": "after"}})
    text = DAG % {
        "tasks": 'OruxSubmitJobOperator(task_id="v2v", conn_id="relay", model="decart/lucy-2.5", poll_interval=0.2,'
        f' options={{"video_url": {files["CLIP"]!r}}}, save_to="file://{tmp_path}/out")'
    }
    result = run(load_dag(text))
    assert result.states() == {"v2v": "success"}
    bodies = [r["body"] for r in relay.requests("relay.submit")]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]
    assert len(relay.charges()) == 1


@pytest.mark.parametrize("then", [{"status": 503}, {"cut": "after"}, {"malformed": "html"}])
def test_an_upload_that_fails_is_no_submission(
    relay, load_dag, run, files, tmp_path, capfd, monkeypatch, then
):
    """The ledger never held an intent, so there is nothing to take back and nothing to ask a person."""
    intents = []
    for store in (TaskStateStore, LogStore):
        write = store.write_intent
        monkeypatch.setattr(
            store, "write_intent", lambda self, record, w=write: (intents.append(record), w(self, record))[1]
        )
    relay.order_fault({"endpoint": "relay.files.create", "times": 0, "then": then})
    text = DAG % {
        "tasks": 'OruxSubmitJobOperator(task_id="v2v", conn_id="relay", model="decart/lucy-2.5", retries=0,'
        f' poll_interval=0.2, options={{"video_url": {files["CLIP"]!r}}}, save_to="file://{tmp_path}/out")'
    }
    result = run(load_dag(text))
    assert result.states() == {"v2v": "failed"}
    assert "Not charged." in "".join(capfd.readouterr())
    assert intents == []
    relay.clear_faults()
    assert result.again("v2v") == "success"
    assert "nothing was submitted before" in "".join(capfd.readouterr())
    assert len(intents) == 1
    assert len(relay.charges()) == len(relay.requests("relay.submit")) == 1


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ({"status": 403, "code": "TIER_FEATURE_UNAVAILABLE", "message": "no files"}, "does not include"),
        ({"status": 413, "code": "FILE_TOO_LARGE", "message": "too large"}, "too large"),
        ({"status": 415, "code": "FILE_TYPE_UNSUPPORTED", "message": "not a clip"}, "not a clip"),
    ],
)
def test_a_file_that_is_not_taken_costs_nothing(relay, load_dag, run, files, capfd, then, said):
    relay.order_fault({"endpoint": "relay.files.create", "times": 9, "then": then})
    text = DAG % {
        "tasks": 'OruxSubmitJobOperator(task_id="v2v", conn_id="relay", model="decart/lucy-2.5", retries=0,'
        f' options={{"video_url": {files["CLIP"]!r}}})'
    }
    result = run(load_dag(text))
    assert result.states() == {"v2v": "failed"}
    out = "".join(capfd.readouterr())
    assert said in out
    assert "Not charged." in out
    assert relay.requests("relay.submit") == []
