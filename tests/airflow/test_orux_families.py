"""Every model of Orux AI through real operators: deferred, with a sensor, and in one call where the vendor has one.

Each run pays once for each job that it asks for, whatever else it does, and its files are there. Inputs lie in a store that
signs URLs; the sandbox fetches them, as the vendor would, and draws from them.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.storage.samples import image
from tests.storage.stores import SigningStore

pytestmark = pytest.mark.airflow

IMAGE = "s3://content/in/hero.png"
CLIP = "s3://content/in/clip.avi"
SONG = "s3://content/in/song.wav"

#: model: options, and the media types of what it makes.
IMAGES: dict[str, dict[str, Any]] = {
    "gpt-image-2": {"n": 2, "quality": "low"},
    "gemini-3-pro-image": {"aspect_ratio": "16:9"},
    "flux-kontext-pro": {"reference_image_url": IMAGE, "seed": 7},
    "flux-kontext-max": {"reference_image_url": IMAGE},
    "runway-gen4-image": {"reference_images": [IMAGE, IMAGE]},
    "seedream-4-0": {"size": "1K"},
    "qwen-image-edit": {"image_url": IMAGE},
    "recraft-v3": {"style": "vector_illustration"},
}
JOBS: dict[str, tuple[dict[str, Any], str]] = {
    "midjourney-v7": ({"prompt": "a fox", "reference_images": [IMAGE]}, "image/png"),
    "veo-3.1-quality": ({"prompt": "waves", "audio": True, "image_url": IMAGE}, "video/x-msvideo"),
    "veo-3.1-fast": ({"prompt": "waves", "aspect_ratio": "9:16"}, "video/x-msvideo"),
    "sora2": ({"prompt": "waves", "duration": 10}, "video/x-msvideo"),
    "runway-gen3-alpha-turbo": ({"prompt": "waves", "image_url": IMAGE, "duration": 5}, "video/x-msvideo"),
    "runway-gen4": ({"prompt": "waves", "image_url": IMAGE}, "video/x-msvideo"),
    "runway-aleph": ({"prompt": "make it snow", "video_url": CLIP}, "video/x-msvideo"),
    "kling-v21-master-i2v": ({"prompt": "waves", "image_url": IMAGE}, "video/x-msvideo"),
    "kling-v21-master-t2v": ({"prompt": "waves", "duration": 5}, "video/x-msvideo"),
    "kling-v25-i2v-pro": ({"prompt": "waves", "image_url": IMAGE}, "video/x-msvideo"),
    "runway-act-two": ({"character_video_url": CLIP, "driver_video_url": CLIP}, "video/x-msvideo"),
    "elevenlabs-v3": ({"text": "Good morning.", "voice_id": "voice_demo"}, "audio/wav"),
    "elevenlabs-music": ({"prompt": "calm piano", "duration": 30}, "audio/wav"),
    "suno-v5": ({"prompt": "lo-fi, rain", "lyrics": "drip", "duration": 30}, "audio/wav"),
}
STEPS: dict[str, tuple[dict[str, Any], str]] = {
    "suno-extend": ({"prompt": "bigger chorus", "duration": 30}, "audio/wav"),
    "suno-cover": ({"prompt": "bossa nova"}, "audio/wav"),
    "suno-add-vocals": ({"prompt": "a deep voice"}, "audio/wav"),
    "suno-instrumental": ({}, "audio/wav"),
    "suno-mashup": ({"prompt": "with strings"}, "audio/wav"),
    "suno-replace": ({"prompt": "another bridge"}, "audio/wav"),
    "suno-persona": ({}, "audio/wav"),
    "suno-stem": ({}, "audio/wav"),
    "suno-wav": ({}, "audio/wav"),
    "suno-mv": ({}, "video/x-msvideo"),
    "suno-cover-img": ({"prompt": "blue"}, "image/png"),
    "suno-lyrics": ({"prompt": "rain"}, "text/plain"),
    "suno-upload-extend": ({"audio_url": SONG, "prompt": "more"}, "audio/wav"),
}
EXTRA = {"midjourney_references": "reference_images"}

DAG = """
    import pendulum
    from airflow.sdk import DAG
    from airflow_provider_orux.operators.images import OruxGenerateImageOperator
    from airflow_provider_orux.operators.jobs import OruxSaveArtifactsOperator, OruxSubmitJobOperator
    from airflow_provider_orux.sensors.jobs import OruxJobSensor
    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
        SAVE, FAST = "s3://content/out/DAG_ID", {"poll_interval": 0.2}
        %s
"""

SENSOR = """
        submitted = OruxSubmitJobOperator(task_id="submitted", model=%(model)r, options=%(options)s,
                                          wait_for_completion=False)
        waited = OruxJobSensor(task_id="waited", job_id=submitted.output["job_id"], poke_interval=0.2)
        saved = OruxSaveArtifactsOperator(task_id="saved", job_id=submitted.output["job_id"], save_to=SAVE)
        submitted >> waited >> saved
"""


@pytest.fixture
def store(signing_store: SigningStore) -> SigningStore:
    """``s3://content`` with files to begin with."""
    from orux_sandbox.art import recipes, recordings

    scene = recipes.scene(seed="s", prompt="waves", model="sora2")
    signing_store.files |= {
        "content/in/hero.png": image(size=(320, 240)),
        "content/in/clip.avi": recordings.clip(scene, 64, 36, seconds=1),
        "content/in/song.wav": recordings.tune("s", 2),
    }
    return signing_store


def check(store: SigningStore, value: Any, media_type: str) -> None:
    assert value["status"] == "succeeded"
    assert value["artifacts"][0]["media_type"] == media_type, value["artifacts"]
    for artifact in value["artifacts"]:
        assert len(store.files[artifact["uri"].removeprefix("s3://")]) == artifact["bytes"]
    assert value["manifest"].removeprefix("s3://") in store.files


def check_paid(sandbox: Any, model: str, jobs: int, *others: str) -> None:
    """Every charge is a job that was asked for, and every job was charged once."""
    charges = [c["model"] for c in sandbox.charges()]
    assert sorted(charges) == sorted([*[model] * jobs, *others])
    assert len(sandbox.jobs()) == len(charges)


def given(options: dict[str, Any]) -> int:
    return sum(str(value).count("s3://") for value in options.values())


@pytest.mark.parametrize("model", IMAGES)
def test_an_image(sandbox, store, load_dag, run, model):
    options = {"prompt": "a fox", **IMAGES[model]}
    body = """
        image = OruxGenerateImageOperator(task_id="image", model=%(model)r, options=%(options)s, save_to=SAVE, **FAST)
        at_once = OruxGenerateImageOperator(task_id="at_once", model=%(model)r, options=%(options)s, save_to=SAVE,
                                            deferrable=False)
        image >> at_once
    """ + SENSOR  # fmt: skip
    result = run(load_dag(DAG % (body % {"model": model, "options": options})))
    assert result.state == "success", result.states()
    for task in ("image", "at_once", "saved"):
        check(store, result.xcom(task), "image/png")
        assert result.xcom(task)["returned"] == options.get("n", 1)
    assert {c["endpoint"] for c in sandbox.requests("images.generate")} == {"images.generate"}
    check_paid(sandbox, model, 3)
    assert len(store.signed) == len(store.fetched) == 3 * given(options)


@pytest.mark.parametrize("model", JOBS)
def test_a_job(sandbox, store, load_dag, run, model):
    options, media_type = JOBS[model]
    body = (
        """
        made = OruxSubmitJobOperator(task_id="made", model=%(model)r, options=%(options)s, save_to=SAVE, **FAST)
    """
        + SENSOR
    )
    result = run(load_dag(DAG % (body % {"model": model, "options": options})))
    assert result.state == "success", result.states()
    for task in ("made", "saved"):
        check(store, result.xcom(task), media_type)
    check_paid(sandbox, model, 2)
    # Veo takes an image's bytes: no URL is needed.
    urls = 0 if model.startswith("veo") else 2 * given(options)
    assert len(store.signed) == len(store.fetched) == urls


@pytest.mark.parametrize("way", ["model", "action"])
@pytest.mark.parametrize("model", STEPS)
def test_a_step_on_a_song(sandbox, store, load_dag, run, monkeypatch, model, way):
    sandbox.configure(suno_step=way)
    connection = json.loads(sandbox.connection())
    connection["extra"] = {**(connection.get("extra") or {}), "suno_step": way}
    monkeypatch.setenv("AIRFLOW_CONN_ORUX_DEFAULT", json.dumps(connection))
    options, media_type = STEPS[model]
    parent = model not in ("suno-lyrics", "suno-upload-extend")
    text = repr(options)[:-1] + (', "parent_job_id": song.output["job_id"]}' if parent else "}")
    body = """
        song = OruxSubmitJobOperator(task_id="song", model="suno-v5", prompt="lo-fi", options={"duration": 30})
        made = OruxSubmitJobOperator(task_id="made", model=%(model)r, options=%(options)s, save_to=SAVE, **FAST)
        song >> made
    """ + SENSOR.replace("submitted >> waited", "made >> submitted >> waited")
    result = run(load_dag(DAG % (body % {"model": model, "options": text.replace("{, ", "{")})))
    assert result.state == "success", result.states()
    for task in ("made", "saved"):
        check(store, result.xcom(task), media_type)
    check_paid(sandbox, model if way == "model" else "suno-v5", 2, "suno-v5")
    step = model.removeprefix("suno-")
    assert [c["action"] for c in sandbox.charges()].count(step) == 2


@pytest.mark.parametrize("place", ["urls", "result"])
def test_what_a_follow_up_needs_stands_in_the_result(sandbox, store, load_dag, run, place):
    sandbox.configure(lyrics_and_cover=place)
    body = """
        song = OruxSubmitJobOperator(task_id="song", model="suno-v5", prompt="lo-fi", save_to=SAVE, **FAST,
                                     options={"duration": 30, "lyrics": "drip drop"})
        clip = OruxSubmitJobOperator(task_id="clip", model="sora2", prompt="waves", save_to=SAVE, **FAST,
                                     options={"duration": 10})
        again = OruxSubmitJobOperator(task_id="again", model="runway-aleph", prompt="snow", save_to=SAVE, **FAST,
                                      options={"video_url": clip.output["artifacts"]})
    """
    result = run(load_dag(DAG % body))
    assert result.state == "success", result.states()
    song, cover, *words = result.xcom("song")["artifacts"]
    assert (song["media_type"], song["duration"], cover["media_type"]) == ("audio/wav", 30, "image/png")
    (clip,) = result.xcom("clip")["artifacts"]
    assert (clip["duration"], clip["fps"]) == (10, 8)
    if place == "urls":
        (lyrics,) = words
        assert store.files[lyrics["uri"].removeprefix("s3://")] == b"drip drop"
    else:
        assert (words, result.xcom("song", "text")) == ([], "drip drop")
        assert song["id"].startswith("clip_")
    manifest = json.loads(store.files[result.xcom("clip")["manifest"].removeprefix("s3://")])
    assert manifest["artifacts"][0]["duration"] == 10


@pytest.mark.parametrize("model", ["gpt-image-2", "qwen-image-edit"])
def test_an_image_that_is_refused_as_a_job_is_made_by_the_other_endpoint(
    sandbox, store, load_dag, run, model, capfd
):
    sandbox.configure(task_images="refused")
    options = {"prompt": "a fox", **IMAGES[model]}
    body = f"""
        image = OruxGenerateImageOperator(task_id="image", model={model!r}, options={options}, save_to=SAVE)
    """
    result = run(load_dag(DAG % body))
    assert result.state == "success", result.states()
    check(store, result.xcom("image"), "image/png")
    check_paid(sandbox, model, 1)
    assert [r["status"] for r in sandbox.requests("tasks.submit")] == [400]
    assert [r["status"] for r in sandbox.requests("images.generate")] == [200]
    assert "Asking the synchronous endpoint once" in "".join(capfd.readouterr())


def test_reference_images_that_midjourney_does_not_take_cost_nothing(sandbox, store, load_dag, run, capfd):
    sandbox.configure(midjourney_references="refused")
    options = {"prompt": "a fox", "reference_images": [IMAGE]}
    body = f"""
        image = OruxSubmitJobOperator(task_id="image", model="midjourney-v7", options={options})
    """
    result = run(load_dag(DAG % body))
    assert result.states() == {"image": "failed"}
    assert sandbox.charges() == []
    assert "reference_images" in "".join(capfd.readouterr())


@pytest.mark.parametrize("field", ["reference_images", "reference_image_url"])
def test_an_imagine_with_a_reference_and_its_upscale(sandbox, store, load_dag, run, monkeypatch, field):
    connection = json.loads(sandbox.connection())
    connection["extra"] = {**(connection.get("extra") or {}), "midjourney_references": field}
    monkeypatch.setenv("AIRFLOW_CONN_ORUX_DEFAULT", json.dumps(connection))
    body = f"""
        from airflow_provider_orux.operators.midjourney import OruxImagineOperator, OruxUpscaleOperator
        grid = OruxImagineOperator(task_id="grid", prompt="a fox", reference_images=[{IMAGE!r}], save_to=SAVE, **FAST)
        hero = OruxUpscaleOperator(task_id="hero", parent_job_id=grid.output["job_id"], index=2, save_to=SAVE, **FAST)
    """
    result = run(load_dag(DAG % body))
    assert result.state == "success", result.states()
    for task in ("grid", "hero"):
        check(store, result.xcom(task), "image/png")
    check_paid(sandbox, "midjourney-v7", 2)
    ((url, _),) = store.signed
    assert [r["body"].get(field) for r in sandbox.requests("tasks.submit")] == [
        [url] if field == "reference_images" else url, None,
    ]  # fmt: skip
