"""Which files are sent, and as what: only from below a root, only what the manifest beside them says is this task's."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from airflow_provider_orux.storage.served import Maker
from tests.plugins.conftest import of, png, write

pytestmark = pytest.mark.airflow
MINE = Maker("dag", "manual__2026-03-02T08:00:00+00:00", "imagine", -1)


@pytest.fixture
def mine(world):
    world.saved(MINE)
    return world.folder / "dag" / "job-1"


def manifest(folder, **changes):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def entry(folder, **changes):
    value = json.loads((folder / "manifest.json").read_text())
    value["artifacts"][0] |= changes
    (folder / "manifest.json").write_text(json.dumps(value))


def named(world, uri, maker=MINE):
    """A task whose XCom names a manifest."""
    facts = {"job_id": "j", "conn_id": "c", "gateway": "orux", "ended_at": 1.0, "artifacts": 1}
    world.task(maker, {"orux_job": facts, "return_value": {"job_id": "j", "manifest": uri, "artifacts": []}})


def test_the_image_and_its_thumbnail(mine, viewer):
    answer = viewer().file(MINE, "1.png")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.content == (mine / "1.png").read_bytes()
    assert answer.headers["content-disposition"] == "inline"
    assert viewer().file(MINE, "1.thumb.webp").status_code == 200


def test_a_download(mine, viewer):
    headers = viewer().file(MINE, "1.png", download="true").headers
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''1.png"


def test_a_mapped_task(world, viewer):
    one, two = MINE._replace(map_index=0), MINE._replace(map_index=1)
    world.saved(one)
    world.saved(two)
    assert viewer().file(two, "1.png").status_code == 200
    assert viewer().file(MINE._replace(map_index=2), "1.png").status_code == 404


def test_an_index_that_the_ui_left_as_it_is_means_not_mapped(mine, viewer):
    assert (
        viewer().get("/dags/dag/file", **{**of(MINE), "map_index": "{MAP_INDEX}"}, name="1.png").status_code
        == 200
    )


@pytest.mark.parametrize(
    "name",
    [
        "2.png",
        "manifest.json",
        "../job-1/1.png",
        "/etc/passwd",
        "..",
        "",
        ".",
        "1.png/",
        "1.png\0",
        "%2e%2e",
        "a" * 300,
    ],
)
def test_what_the_manifest_does_not_list_is_not_sent(mine, viewer, name):
    (mine / "2.png").write_bytes(png())
    assert viewer().file(MINE, name).status_code == 404


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/passwd", "sub/1.png", "..", ".hidden.png", "1.png\n", 5, None]
)
def test_a_name_that_leads_elsewhere_is_not_sent_even_if_it_is_listed(mine, viewer, name):
    (mine.parent / "secret.png").write_bytes(png())
    (mine / ".hidden.png").write_bytes(png())
    for key in ("name", "thumbnail"):
        entry(mine, **{key: name})
        assert viewer().file(MINE, str(name)).status_code == 404


@pytest.mark.parametrize("field", ["dag_id", "run_id", "task_id", "map_index"])
def test_a_folder_of_another_task_is_not_shown(mine, viewer, field):
    manifest(mine, **{field: 7 if field == "map_index" else "another"})
    assert viewer().file(MINE, "1.png").status_code == 404
    page = viewer().get("/dags/dag/task", **of(MINE)).text
    assert "names another task" in page
    assert "lighthouse" not in page


@pytest.mark.parametrize("field", ["dag_id", "run_id", "task_id", "map_index"])
@pytest.mark.parametrize("value", [None, True, 1.5, [], {}])
def test_a_manifest_that_names_nobody_is_not_shown(mine, viewer, field, value):
    manifest(mine, **{field: value})
    assert viewer().file(MINE, "1.png").status_code == 404


@pytest.mark.parametrize("field", ["dag_id", "run_id", "task_id"])
def test_half_a_character_names_nobody(world, viewer, field):
    """JSON can hold it, an address cannot: of a reused result the manifest says whose it is."""
    folder = world.folder / "x"
    write(folder, MINE, {})
    manifest(folder, **{field: "half \ud83d"})
    facts = {
        "job_id": "j",
        "conn_id": "c",
        "gateway": "orux",
        "ended_at": 1.0,
        "artifacts": 1,
        "reused": True,
    }
    result = {"job_id": "j", "manifest": f"file://{folder}/manifest.json", "artifacts": []}
    world.task(MINE, {"orux_job": facts, "return_value": result})
    page = viewer().get("/dags/dag/task", **of(MINE))
    assert page.status_code == 200
    assert "names no task" in page.text


def test_a_prompt_with_half_a_character(mine, viewer):
    manifest(mine, prompt="a cat \ud83d")
    assert "a cat ?" in viewer().get("/dags/dag/task", **of(MINE)).text
    assert "a cat ?" in viewer().get("/dags/dag/manifest", **of(MINE)).text


def test_a_dag_cannot_show_the_images_of_another(world, viewer):
    """Who writes DAG "open" points its XCom at the folder of DAG "secret"."""
    secret = Maker("secret", "manual__1", "imagine", -1)
    world.saved(secret)
    uri = f"file://{world.folder}/secret/job-1/manifest.json"
    named(world, uri, Maker("open", "manual__1", "imagine", -1))
    reader = viewer("narrow")
    assert reader.file(Maker("open", "manual__1", "imagine", -1), "1.png").status_code == 404
    assert "lighthouse" not in reader.get("/dags/open/run", run_id="manual__1").text


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b"null", b'{"artifacts": 5}', b"[" * 200_000, b'{"schema_version": 9, "artifacts": []}',
     b'{"schema_version": 1, "artifacts": [5, null, {"name": {}}], "dag_id": Infinity}', b"\xff\xfe\0", b" " * 17 * 2**20],
)  # fmt: skip
def test_a_manifest_that_is_none(mine, viewer, content):
    (mine / "manifest.json").write_bytes(content)
    assert viewer().file(MINE, "1.png").status_code == 404
    assert viewer().get("/dags/dag/task", **of(MINE)).status_code == 200


def test_a_manifest_that_would_fill_the_memory_is_not_read(mine, viewer):
    """A page reads two dozen of them, and each takes twenty times its size."""
    manifest(mine, note="x" * 2**20)
    assert viewer().file(MINE, "1.png").status_code == 404
    assert "has more than 1048576 bytes" in viewer().get("/dags/dag/task", **of(MINE)).text


def test_odd_entries_are_passed_over(mine, viewer):
    value = json.loads((mine / "manifest.json").read_text())
    value["artifacts"] += [
        5,
        None,
        {"name": {}},
        {"name": "2.png", "width": "wide", "bytes": -1, "media_type": []},
    ]
    value["prompt"] = {"not": "a text"}
    (mine / "manifest.json").write_text(json.dumps(value))
    assert viewer().get("/dags/dag/task", **of(MINE)).status_code == 200


# -- where it lies ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/manifest.json", "/etc/manifest.json", "{outside}/manifest.json", "{root}/../outside/manifest.json",
        "{root}/./x/manifest.json", "{root}//x/manifest.json", "{root}x/manifest.json", "http://127.0.0.1/manifest.json",
        "https://orux.top/manifest.json", "s3://bucket/manifest.json", "simplecache::{root}/x/manifest.json",
        "{root}/%2e%2e/outside/manifest.json", "{root}\\..\\outside/manifest.json", "zip://x::{root}/manifest.json",
        "{root}/x/other.json", "{root}/x/manifest.json?a=1", "", "manifest.json", "data:,x/manifest.json",
    ],
)  # fmt: skip
def test_nothing_outside_of_the_roots_is_opened(world, viewer, uri, tmp_path, monkeypatch):
    outside = tmp_path / "outside"
    write(outside, MINE, {})
    write(tmp_path / "imagesx" / "x", MINE, {})
    (outside / "other.json").write_text((outside / "manifest.json").read_text())
    named(world, uri.format(root=f"file://{world.folder}", outside=f"file://{outside}"))
    opened = []
    monkeypatch.setattr(
        "airflow_provider_orux.storage.served.Folder.at", lambda uri: opened.append(uri) or 1 / 0
    )
    assert viewer().file(MINE, "1.png").status_code == 404
    assert not opened or "outside" not in str(opened)


@pytest.mark.parametrize("what", ["file", "manifest", "folder", "thumbnail"])
@pytest.mark.parametrize("absolute", [True, False])
def test_a_link_leads_nowhere(world, viewer, tmp_path, what, absolute):
    outside = tmp_path / "outside"
    write(outside, MINE, {})
    folder = world.folder / "x"
    write(folder, MINE, {})
    victim = {
        "file": folder / "1.png",
        "manifest": folder / "manifest.json",
        "folder": folder,
        "thumbnail": folder / "1.thumb.webp",
    }[what]
    target = outside if what == "folder" else outside / victim.name
    if what == "folder":
        shutil.rmtree(folder)
    else:
        victim.unlink()
    victim.symlink_to(target if absolute else Path(os.path.relpath(target, victim.parent)))
    named(world, f"file://{folder}/manifest.json")
    assert viewer().file(MINE, "1.thumb.webp" if what == "thumbnail" else "1.png").status_code == 404


def test_a_link_to_the_folder_of_another_task_below_the_root(world, viewer):
    secret = Maker("secret", "manual__1", "imagine", -1)
    world.saved(secret)
    (world.folder / "x").symlink_to(world.folder / "secret" / "job-1")
    named(world, f"file://{world.folder}/x/manifest.json")
    assert viewer().file(MINE, "1.png").status_code == 404


def test_a_pipe_is_not_opened(mine, viewer):
    (mine / "1.png").unlink()
    os.mkfifo(mine / "1.png")
    assert viewer().file(MINE, "1.png").status_code == 404


def test_a_root_that_is_a_link_itself_is_the_administrators_choice(world, viewer, tmp_path, monkeypatch):
    world.saved(MINE)
    (tmp_path / "link").symlink_to(world.folder)
    monkeypatch.setenv("AIRFLOW__ORUX__GALLERY_ROOTS", str(tmp_path / "link"))
    named(world, f"file://{tmp_path}/link/dag/job-1/manifest.json", MINE._replace(task_id="other"))
    write(world.folder / "dag" / "job-1", MINE._replace(task_id="other"), {})
    assert viewer().file(MINE._replace(task_id="other"), "1.png").status_code == 200


def test_a_file_that_is_gone(mine, viewer):
    (mine / "1.png").unlink()
    answer = viewer().file(MINE, "1.png")
    assert answer.status_code == 404
    assert "gone" in answer.text


@pytest.mark.parametrize("roots", ["", "   ", "/somewhere/else", "not a path", "http://127.0.0.1/"])
def test_without_a_root_there_are_facts_and_no_files(mine, viewer, monkeypatch, roots):
    monkeypatch.setenv("AIRFLOW__ORUX__GALLERY_ROOTS", roots)
    assert viewer().file(MINE, "1.png").status_code == 404
    page = viewer().get("/dags/dag/task", **of(MINE)).text
    assert "midjourney-v7" in page
    assert "20 credits" in page
    assert "gallery_roots" in page
    assert "<img" not in page


# -- what it is ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<html><script>alert(1)</script>",
        b"%PDF-1.7",
        b"",
        b"x",
    ],
)
def test_what_is_no_image_song_or_clip_is_not_rendered(mine, viewer, content):
    (mine / "1.png").write_bytes(content)
    entry(mine, media_type="image/svg+xml")
    assert viewer().file(MINE, "1.png").status_code == 415
    answer = viewer().file(MINE, "1.png", download="true")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_the_type_is_told_from_the_bytes_not_from_the_name(mine, viewer):
    (mine / "1.png").write_bytes(b"\xff\xd8\xff\xe0" + b"<script>" * 100)
    assert viewer().file(MINE, "1.png").headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("asked", "status", "sent"),
    [
        ("bytes=0-3", 206, slice(0, 4)), ("bytes=4-", 206, slice(4, None)), ("bytes=-5", 206, slice(-5, None)),
        ("bytes=0-", 200, slice(None)), ("bytes=0-1,4-5", 200, slice(None)), ("lines=1-2", 200, slice(None)),
        ("bytes=x-y", 200, slice(None)), ("bytes=0-999999", 200, slice(None)), ("bytes=²-", 200, slice(None)),
    ],
)  # fmt: skip
def test_a_player_asks_for_parts(mine, viewer, asked, status, sent):
    v = viewer()
    v.client.cookies.set("_token", v.token)
    query = {**of(MINE), "name": "1.png"}
    answer = v.client.get("/orux/dags/dag/file", params=query, headers={"Range": asked.encode()})
    assert answer.status_code == status
    assert answer.content == (mine / "1.png").read_bytes()[sent]


def test_a_part_beyond_the_end(mine, viewer):
    v = viewer()
    v.client.cookies.set("_token", v.token)
    query = {**of(MINE), "name": "1.png"}
    answer = v.client.get("/orux/dags/dag/file", params=query, headers={"Range": "bytes=99999999-"})
    assert answer.status_code == 416


def test_the_manifest_is_shown_as_text(mine, viewer):
    answer = viewer().get("/dags/dag/manifest", **of(MINE))
    assert answer.headers["content-type"].startswith("text/plain")
    assert json.loads(answer.text)["task_id"] == "imagine"


# -- an object store ----------------------------------------------------------------------------------------------
def test_a_store_is_opened_with_the_roots_connection(world, viewer, monkeypatch):
    from tests.storage.stores import Store, attached

    store = Store()
    conn = attached(store)
    monkeypatch.setenv("AIRFLOW__ORUX__GALLERY_ROOTS", f"s3://{conn}@bucket/images")
    write(world.folder / "x", MINE, {})
    for path in (world.folder / "x").iterdir():
        store.files[f"bucket/images/x/{path.name}"] = path.read_bytes()
    # The task names a connection of its own: it is not asked.
    named(world, "s3://someone_elses@bucket/images/x/manifest.json")
    answer = viewer().file(MINE, "1.png")
    assert answer.status_code == 200, answer.text
    assert answer.content == png(color=1)
    named(world, "s3://bucket/imagesx/x/manifest.json", MINE._replace(task_id="b"))
    assert viewer().file(MINE._replace(task_id="b"), "1.png").status_code == 404
