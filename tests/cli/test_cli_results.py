"""``airflow orux results``: saved results are listed and checked, wherever their manifests lie."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
from types import SimpleNamespace

import pytest
from PIL import Image

from airflow_provider_orux.durable.reuse import ResultStore
from airflow_provider_orux.models.job import Artifact, Job, JobStatus
from airflow_provider_orux.storage import StorageSettings, save_job

LOG = SimpleNamespace(warning=lambda *a: None)


@pytest.fixture
def saved(tmp_path):
    """Two results: one of two images, one of one."""
    results = []
    for name, count in (("task_A", 2), ("task_B", 1)):
        images = []
        for number in range(count):
            content = io.BytesIO()
            Image.new("RGB", (8, 8), (number * 40, 90, 10)).save(content, "PNG")
            images.append(Artifact(inline=base64.b64encode(content.getvalue()).decode()))
        job = Job(name, JobStatus.SUCCEEDED, "orux", artifacts=tuple(images), charged="yes")
        facts = {
            "model": "gpt-image-2",
            "verb": "generate",
            "dag_id": "d",
            "run_id": "r",
            "task_id": "t",
            "map_index": -1,
        }
        facts |= {"charged": "yes", "price": 10, "currency": "credits"}
        results.append(
            save_job(job, f"file://{tmp_path}/out/day", settings=StorageSettings(), provenance=facts)
        )
    return results


def test_results_are_listed(orux, saved, tmp_path, monkeypatch):
    rows = orux("results", "list", "--path", f"file://{tmp_path}/out", "-o", "json").json
    assert {r["job_id"]: r["artifacts"] for r in rows} == {"task_A": 2, "task_B": 1}
    assert {r["manifest"] for r in rows} == {s.manifest for s in saved}
    assert sum(r["bytes"] for r in rows) == sum(a.bytes for s in saved for a in s.artifacts)
    monkeypatch.setenv("AIRFLOW__ORUX__RESULTS_PATH", str(tmp_path / "out"))
    table = orux("results", "list")
    assert table.status == 0
    assert "10 credits" in table.out
    assert "2 results, 3 artifacts" in table.out


def test_notes_for_reuse_lead_to_their_manifests(orux, saved, tmp_path):
    store = ResultStore(f"file://{tmp_path}/notes", log=LOG)
    for number, result in enumerate(saved):
        store.remember(f"{number:064x}", {"manifest": result.manifest, "artifacts": []})
    rows = orux("results", "list", "--path", f"file://{tmp_path}/notes", "-o", "json").json
    assert {r["manifest"] for r in rows} == {s.manifest for s in saved}
    # Over the whole folder each manifest is found both ways, and counted once.
    assert len(orux("results", "list", "--path", tmp_path, "-o", "json").json) == 2


def test_verify_finds_what_changed(orux, saved, tmp_path):
    root = f"file://{tmp_path}/out"
    whole = orux("results", "verify", "--path", root)
    assert whole.status == 0
    assert "2 whole, 0 with problems" in whole.out
    first = tmp_path / "out/day/task_A" / saved[0].artifacts[0].name
    first.write_bytes(first.read_bytes()[:-1] + b"?")
    (tmp_path / "out/day/task_A" / saved[0].artifacts[1].name).unlink()
    broken = orux("results", "verify", "--path", root)
    assert broken.status == 1
    assert "differs from the manifest" in broken.out
    assert "is missing" in broken.out
    assert "1 whole, 1 with problems" in broken.out
    (tmp_path / "out/day/task_B/manifest.json").write_text(
        json.dumps({"schema_version": 99, "artifacts": []})
    )
    rows = {
        r["manifest"]: r["problems"] for r in orux("results", "verify", "--path", root, "-o", "json").json
    }
    assert len(rows[saved[0].manifest]) == 2
    assert "version 99" in rows[saved[1].manifest][0]
    flat = list(csv.DictReader(io.StringIO(orux("results", "verify", "--path", root, "-o", "csv").out)))
    assert [row["manifest"] for row in flat].count(saved[0].manifest) == 2
    as_csv = list(csv.DictReader(io.StringIO(orux("results", "list", "--path", root, "-o", "csv").out)))
    assert [row["job_id"] for row in as_csv if not row["problem"]] == ["task_A"]
    listed = orux("results", "list", "--path", root)
    assert listed.status == 1
    assert "not readable" in listed.out


def test_a_folder_that_is_not_there(orux, tmp_path):
    ended = orux("results", "verify", "--path", tmp_path / "nowhere")
    assert ended.status == 1
    assert "There is no folder" in ended.err
    strange = orux("results", "list", "--path", "nosuchscheme://x/y")
    assert strange.status == 1
    assert "cannot be listed" in strange.err


@pytest.mark.timeout(60)
def test_what_somebody_else_put_there_is_told_and_ends_nothing(orux, saved, tmp_path):
    folder = tmp_path / "out" / "day"
    texts = {
        "inf": '{"schema_version": 1, "artifacts": [], "price": 1e999}',
        "deep": '{"schema_version": 1, "artifacts": ' + "[" * 100_000,
        "types": '{"schema_version": 1, "artifacts": [{"name": "1.png", "bytes": 1e300, "sha256": 7}, 7]}',
        "long": '{"schema_version": 1, "artifacts": [{"name": "1.png", "bytes": ' + "9" * 400 + "}]}",
    }
    for name, text in texts.items():
        (folder / name).mkdir()
        (folder / name / "manifest.json").write_text(text)
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / "manifest.json")
    for number, text in enumerate(("{", "[" * 100_000, "7", '{"manifest": 7}')):
        (folder / f"{number:064x}.json").write_text(text)
    os.mkfifo(folder / f"{9:064x}.json")
    for command in ("verify", "list"):
        said = orux("results", command, "--path", str(folder))
        assert said.status == 1
        assert "task_A" in said.out or "2 whole, 5 with problems" in said.out
        assert "Traceback" not in said.out + said.err
