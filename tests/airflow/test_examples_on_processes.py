"""The example DAGs on real processes: what ``dag.test()`` hides, that each job is paid for once, and secrets nowhere.

A chosen part of them with every test run; ``make examples`` runs them all. ORUX_EXAMPLES names others, or "all".
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from tests.airflow.examples_airflow import KEYS, SECRET, Left, run_examples
from tests.airflow.test_examples import EXAMPLES
from tests.conftest import ROOT

pytestmark = [pytest.mark.standalone, pytest.mark.timeout(1800)]

#: Jobs of each example; of ``content_pipeline`` one for each product of the day.
JOBS = {
    "any_gateway": 1,
    "describe_and_imagine": 3,
    "edit_and_animate": 3,
    "images_song_and_clip": 7,
    "midjourney_chain": 4,
    "midjourney_chain_sensors": 2,
    "midjourney_mapped": 10,
    "midjourney_mapped_flat": 5,
    "opengpu_relay_mapped": 9,
    "opengpu_relay_media": 3,
    "product_gallery": 0,
    "prompts_by_language_model": 2,
    "review_chain": 2,
    "review_mapped": 4,
    "review_reroll": 3,
    "script_speech_and_clip": 2,
    "song_and_extension": 2,
    "three_gateways": 3,
    "yescale_midjourney": 5,
    "yescale_midjourney_steps": 5,
    "yescale_video_and_song": 7,
}
#: What a language model is asked beside that.
CHATS = {"prompts_by_language_model": 4, "script_speech_and_clip": 1}
#: Jobs that are not saved: what they make is text, or is only looked at.
UNSAVED = {
    ("describe_and_imagine", "describe"),
    ("yescale_midjourney", "describe"),
    ("yescale_midjourney_steps", "imagine"),
    ("yescale_midjourney_steps", "describe"),
}
#: Those that go new ways: each gateway, files as inputs, buttons, a language model, people, an asset event.
CHOSEN = (
    "content_pipeline",
    "describe_and_imagine",
    "edit_and_animate",
    "opengpu_relay_media",
    "product_gallery",
    "prompts_by_language_model",
    "review_mapped",
    "song_and_extension",
    "yescale_midjourney_steps",
)
WANTED = os.environ.get("ORUX_EXAMPLES", "").split() or CHOSEN
NAMES = tuple(name for name in EXAMPLES if name in WANTED or "all" in WANTED)


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(name not in NAMES, reason=f"{name} did not run")


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    yield from run_examples(tmp_path_factory.mktemp("examples"), NAMES)


def jobs_of(name: str) -> int:
    if name in JOBS:
        return JOBS[name]
    today = f"{datetime.now(timezone.utc):%A}".lower()
    with (ROOT / "example_dags" / "data" / "products.csv").open(newline="", encoding="utf-8-sig") as file:
        return sum(row["weekday"] == today for row in csv.DictReader(file))


def jobs(left: Left, name: str) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """The results that a run pushed, by job: a sensor's and a save's are of the same job as the submission's."""
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for (task_id, _), value in left.results.get(name, {}).items():
        if isinstance(value, dict) and "job_id" in value:
            found.setdefault(value["job_id"], []).append((task_id, value))
    return found


def test_every_run_succeeds(left: Left) -> None:
    wrong = {
        name: {task: state for task, state in left.states[name].items() if state != "success"}
        for name in NAMES
        if left.runs[name] != "success"
    }
    assert wrong == {}
    # The grid that a person rejected is not enlarged.
    skipped = {(n, t) for n, states in left.states.items() for t, s in states.items() if s == "skipped"}
    assert skipped == (
        {("review_reroll", "pick"), ("review_reroll", "hero")} if "review_reroll" in NAMES else set()
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_job_is_paid_for_once_and_saved(left: Left, name: str) -> None:
    found = jobs(left, name)
    assert len(found) == jobs_of(name), sorted(left.results.get(name, {}))
    for job_id, results in found.items():
        saved = [value for _, value in results if value["manifest"]]
        assert saved or (name, results[0][0]) in UNSAVED, job_id
        for value in saved:
            manifest = json.loads(left.files[path_of(left, value["manifest"])])
            assert (manifest["job_id"], manifest["dag_id"]) == (job_id, name)
            assert value["artifacts"]
            for artifact in value["artifacts"]:
                content = left.files[path_of(left, artifact["uri"])].encode("latin-1")
                assert hashlib.sha256(content).hexdigest() == artifact["sha256"]


def path_of(left: Left, uri: str) -> str:
    """The file that a URI of ``file://`` or of the object storage names."""
    path = uri.partition("://")[2]
    return next(name for name in left.files if name.endswith(f"/{path}") or name == path)


def test_there_is_no_charge_besides(left: Left) -> None:
    charged = [str(charge["job_id"]) for charge in left.charges]
    assert len(set(charged)) == len(charged)
    assert {charge["state"] for charge in left.charges} == {"charged"}
    assert len(charged) == sum(jobs_of(name) + CHATS.get(name, 0) for name in NAMES)
    # A synchronous answer has no job id: it is ours. What stands before a colon is a family's name.
    ours = {job_id for name in NAMES for job_id in jobs(left, name) if not job_id.startswith("gen-")}
    assert {job_id.rpartition(":")[2] for job_id in ours} <= {c.rpartition(":")[2] for c in charged}


def test_no_error_of_ours_is_in_a_log(left: Left) -> None:
    """Airflow's own ("finished with state success, but …") are those of a busy machine."""
    ours = re.compile(r"[^\n]*(?:airflow_provider_orux|orux_sandbox)[^\n]*")
    said = [
        line
        for name, text in left.logs.items()
        for line in ours.findall(text)
        if re.search(r'"level":"(error|critical)"|\[(error|critical) *\]|Traceback|could not|unawaited', line)
    ]
    assert said == []


@needs("edit_and_animate")
def test_what_is_searched_holds_what_it_should(left: Left) -> None:
    """The searches below would find it."""
    assert left.triggers
    assert {"xcom", "trigger", "rendered_task_instance_fields", "log", "connection"} <= set(left.database)
    assert "OruxJobTrigger" in left.database["trigger"]
    assert "edit_and_animate/" in left.database["xcom"]
    assert any("task_id=clip" in name for name in left.logs)
    assert any(
        "triggerer" in name and "triggers currently running" in text for name, text in left.logs.items()
    )


def everything(left: Left) -> Iterator[tuple[str, str]]:
    """All that Airflow and the provider wrote, part by part."""
    for kind, parts in (("table", left.database), ("log", left.logs), ("file", left.files)):
        for name, text in parts.items():
            yield f"{kind} {name}", text


def assert_nowhere(left: Left, words: set[str]) -> None:
    assert [(place, word[:12]) for place, text in everything(left) for word in words if word in text] == []


def test_no_key_is_anywhere(left: Left) -> None:
    """The table of connections is encrypted."""
    assert_nowhere(left, {piece for key in (*KEYS.values(), SECRET) for piece in (key, key[9:33], key[-20:])})
    assert_nowhere(left, {"Authorization", "authorization: ", "Bearer "})
    assert left.leaks == []


@needs("edit_and_animate")
def test_no_presigned_url_is_anywhere_but_on_the_wire(left: Left) -> None:
    assert len(left.signed) == 2, "the edit's and the clip's"
    assert set(left.signed.values()) == {200}, "whoever has it can fetch the file"
    signatures = {url.partition("X-Amz-Signature=")[2][:64] for url in left.signed}
    assert_nowhere(left, {*signatures, "X-Amz-Signature", "X-Amz-Credential"})


@needs("describe_and_imagine")
def test_no_bytes_of_an_input_are_anywhere_but_on_the_wire(left: Left) -> None:
    images = [
        text.encode("latin-1")
        for name, text in left.files.items()
        if name.endswith((".png", ".jpg", ".webp"))
    ]
    assert len(images) > 5
    sent = [request for request in left.requests if str(request["body"]).endswith(" bytes)")]
    assert sent, "the sandbox was sent an image as base64, and keeps its size only"
    # 60 bytes at a multiple of three: so they stand in the base64 of the whole, too.
    assert_nowhere(left, {base64.b64encode(content[300:360]).decode() for content in images})


@needs("product_gallery")
def test_the_gallery_was_written_when_an_image_was_saved(left: Left) -> None:
    """By the asset event of the content pipeline, without a logical date."""
    assert "product photo" in left.files[path_of(left, "file://content_pipeline/gallery.html")]
