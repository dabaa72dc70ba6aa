"""Folders, manifests and URLs that somebody else had a hand in."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_orux.models.errors import (
    ArtifactError,
    ArtifactRejectedError,
    ArtifactURLExpiredError,
    ConfigurationError,
)
from airflow_provider_orux.storage import (
    SavedArtifact,
    StorageSettings,
    check_destination,
    read_manifest,
    save_job,
    verify_manifest,
)
from airflow_provider_orux.storage.manifest import compose
from tests.storage.samples import clip, image, job_of
from tests.storage.web import Exchange, Web

FACTS = {"gateway": "orux", "job_id": "job-1", "prompt": "x"}


@pytest.fixture
def good(web: Web) -> str:
    return web.file("/good", image())


# URLs


BAD_URLS = [
    "http://xn--/1.png", "http://xn--a/1.png", "http://xn--999999999/", "http://[::1", "http://[v1.x]/", "http://\ud800/",
    "http://a\0b/", "http://" + "a" * 300 + ".example/", "http://" + "a." * 5000, "http://exa mple/", "http://%zz/",
    "http://1.2.3.4:99999/", "http://a:b:c/", "http://*/", "http:///1.png", "http:1.png", "//host/1.png", "1.png", "",
    " ", "http://", "https://\u2488.example/", "http://\u202e/", "http://ex\u00adample..com/", "http://.", "http://-/",
    "ftp://h/1.png", "file:///etc/passwd", "javascript:alert(1)", "blob:http://x/1", "http://u:p@h/1.png",
    "http://h:0/", "http://h:-1/", "http://h:1e3/", "http://256.256.256.256/", "http://0x7f.1/", "HTTP://[fe80::1%25eth0]/",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD_URLS, ids=range(len(BAD_URLS)))
def test_a_bad_url_is_the_error_of_its_artifact_alone(
    good: str, settings: StorageSettings, tmp_path: Path, url: str
) -> None:
    settings = replace(settings, attempts=1, connect_timeout=2, thumbnails=False)
    job = job_of(good, url, good)
    with pytest.raises(ArtifactError, match="1 of 3 artifacts could not be saved: artifact 2"):
        save_job(job, str(tmp_path), settings=settings, provenance=FACTS)
    assert sorted(p.name for p in (tmp_path / "job-1").iterdir()) == ["1.png", "3.png"]
    result = save_job(job, str(tmp_path), settings=settings, provenance=FACTS, on_partial="accept")
    assert (result.missing, len(result.artifacts)) == ((2,), 2)


def test_whatever_one_artifact_raises_the_others_are_saved(
    good: str, settings: StorageSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_orux.storage import download

    def odd(url: str) -> Any:
        if url.endswith("odd"):
            raise ZeroDivisionError(url)
        return parse_url(url)

    parse_url = download.parse_url
    monkeypatch.setattr(download, "parse_url", odd)
    with pytest.raises(ArtifactError, match=r"artifact 1: It cannot be fetched .ZeroDivisionError") as caught:
        save_job(job_of("http://secret/odd", good), str(tmp_path), settings=settings, provenance=FACTS)
    assert "secret" not in str(caught.value)
    assert (tmp_path / "job-1" / "2.png").exists()


def test_a_dead_url_among_other_troubles_leaves_hope(
    web: Web, settings: StorageSettings, tmp_path: Path
) -> None:
    # A poll gives fresh URLs, free of charge: Delivery lets the task retry on this error.
    job = job_of(web.url + "/dead", web.file("/page", b"<html>"))
    with pytest.raises(ArtifactURLExpiredError, match="2 of 2"):
        save_job(job, str(tmp_path), settings=settings, provenance=FACTS)


# Bounds of a job


def test_more_artifacts_than_a_job_may_have(
    good: str, web: Web, settings: StorageSettings, tmp_path: Path
) -> None:
    settings = replace(settings, max_artifacts=3)
    job = job_of(*[good] * 1500)
    with pytest.raises(
        ArtifactRejectedError, match=r"1497 of 1500 artifacts.*max_artifacts.* and 1489 more"
    ) as caught:
        save_job(job, str(tmp_path), settings=settings, provenance=FACTS)
    assert len(str(caught.value)) < 3000
    assert web.count("/good") == 3
    assert "Raise the setting" in str(caught.value)
    result = save_job(job, str(tmp_path), settings=settings, provenance=FACTS, on_partial="accept")
    assert len(result.artifacts) == 3
    assert web.count("/good") == 3


def test_more_bytes_than_a_job_may_have(web: Web, settings: StorageSettings, tmp_path: Path) -> None:
    job = job_of(*(web.file(f"/{n}", clip(length=400_000)) for n in range(4)))
    with pytest.raises(ArtifactRejectedError, match=r"2 of 4 artifacts.*max_job_mib"):
        save_job(job, str(tmp_path), settings=replace(settings, max_job_mib=1), provenance=FACTS)
    assert sorted(p.name for p in (tmp_path / "job-1").iterdir()) == ["1.mp4", "2.mp4"]
    # The files that are there count, too.
    with pytest.raises(ArtifactRejectedError, match="2 of 4 artifacts"):
        save_job(job, str(tmp_path), settings=replace(settings, max_job_mib=1), provenance=FACTS)
    assert len(save_job(job, str(tmp_path), settings=settings, provenance=FACTS).artifacts) == 4


def test_more_time_than_a_job_may_have(web: Web, settings: StorageSettings, tmp_path: Path) -> None:
    def slow(e: Exchange) -> None:
        threading.Event().wait(0.3)
        e.send(200, image())

    job = job_of(*(web.play(f"/{n}", slow) for n in range(20)))
    began = time.monotonic()
    with pytest.raises(ArtifactError, match="save_timeout") as caught:
        save_job(job, str(tmp_path), settings=replace(settings, save_timeout=0.7), provenance=FACTS)
    assert time.monotonic() - began < 4
    assert not caught.value.final, "a retry goes on"
    kept = len(list((tmp_path / "job-1").iterdir()))
    assert 0 < kept < 20
    web.seen.clear()
    with pytest.raises(ArtifactError):
        save_job(job, str(tmp_path), settings=replace(settings, save_timeout=0.7), provenance=FACTS)
    assert len(list((tmp_path / "job-1").iterdir())) > kept


# Where it is saved


@pytest.mark.parametrize(
    "row",
    ["../x", "..", "a/../../x", "../" * 20 + "etc", "a/..", "x/../y", "a\r\nb", "a\0", "a\x1b[2J", "\ud800", "n" * 256, "ü" * 128,
     "d/" * 3000],
)  # fmt: skip
def test_a_row_does_not_lead_out_of_the_base(tmp_path: Path, row: str) -> None:
    base = tmp_path / "base"
    base.mkdir()
    for save_to in (f"{base}/{row}", f"file://{base}/{row}/x"):
        with pytest.raises(ConfigurationError, match="save_to cannot be used") as caught:
            check_destination(save_to)
        assert (caught.value.charged, caught.value.param) == ("no", "save_to")
    assert [p.name for p in tmp_path.iterdir()] == ["base"]


@pytest.mark.parametrize(
    "row", ["a@b", "..a", "a..b", "...", "/etc", "a b", "#1?x=y", "%2e%2e", "é", "n" * 255, "", "."]
)
def test_an_odd_row_is_a_name_below_the_base(tmp_path: Path, row: str) -> None:
    base = tmp_path / "base"
    check_destination(f"file://{base}/{row}")
    assert [p.name for p in tmp_path.iterdir()] == ["base"]


@pytest.mark.parametrize(
    "save_to", ["s3://bucket/../other", "s3://bucket/" + "k" * 900, "gs://bucket/a/../../b"]
)
def test_a_key_that_no_store_takes(save_to: str) -> None:
    with pytest.raises(ConfigurationError, match=r"leads out|more than 850 bytes"):
        check_destination(save_to)


def test_a_folder_of_a_job_that_leads_elsewhere(good: str, settings: StorageSettings, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "job-1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactRejectedError, match="is a symlink"):
        save_job(job_of(good), str(tmp_path / "out"), settings=settings, provenance=FACTS)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_base_may_be_a_link(good: str, settings: StorageSettings, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    assert save_job(job_of(good), str(tmp_path / "out"), settings=settings, provenance=FACTS).missing == ()


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "huge"])
@pytest.mark.timeout(60)
def test_what_lies_in_the_place_of_an_artifact_is_replaced(
    good: str, settings: StorageSettings, tmp_path: Path, kind: str
) -> None:
    folder, secret = tmp_path / "out" / "job-1", tmp_path / "secret.png"
    folder.mkdir(parents=True)
    secret.write_bytes(image(color=7))
    if kind == "fifo":
        os.mkfifo(folder / "1.png")
    elif kind == "huge":
        with (folder / "1.png").open("wb") as file:
            file.truncate(2**40)  # of nothing
    else:
        (folder / "1.png").symlink_to(secret if kind == "link" else tmp_path / "nothing")
    result = save_job(job_of(good), str(tmp_path / "out"), settings=settings, provenance=FACTS)
    assert (folder / "1.png").read_bytes() == image()
    assert not (folder / "1.png").is_symlink()
    assert secret.read_bytes() == image(color=7)
    assert not (tmp_path / "nothing").exists()
    assert verify_manifest(result.manifest) == []


def test_a_folder_in_the_place_of_an_artifact(good: str, settings: StorageSettings, tmp_path: Path) -> None:
    (tmp_path / "job-1" / "1.png").mkdir(parents=True)
    with pytest.raises(ArtifactError) as caught:
        save_job(job_of(good), str(tmp_path), settings=settings, provenance=FACTS)
    assert not caught.value.final


@pytest.mark.parametrize("kind", ["link", "fifo"])
@pytest.mark.timeout(60)
def test_a_manifest_that_is_no_file(good: str, settings: StorageSettings, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "job-1"
    folder.mkdir()
    if kind == "fifo":
        os.mkfifo(folder / "manifest.json")
    else:
        (tmp_path / "m").write_text("root:x:0:0")
        (folder / "manifest.json").symlink_to(tmp_path / "m")
    with pytest.raises(ArtifactRejectedError, match="not a regular file") as caught:
        save_job(job_of(good), str(tmp_path), settings=settings, provenance=FACTS)
    assert "root:x" not in str(caught.value)
    assert len(verify_manifest(str(folder))) == 1


def test_foreign_files_are_left_alone(good: str, settings: StorageSettings, tmp_path: Path) -> None:
    folder = tmp_path / "job-1"
    folder.mkdir()
    foreign = {
        "notes.txt": b"mine",
        "01.png": b"x",
        "1.png.bak": b"y",
        "2.png": b"z",
        ".orux-x.part": b"young",
    }
    for name, content in foreign.items():
        (folder / name).write_bytes(content)
    save_job(job_of(good), str(tmp_path), settings=settings, provenance=FACTS)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.name in foreign} == foreign


# Manifests


GOOD = {"name": "1.png", "uri": "file:///1.png", "url": None, "media_type": "image/png", "width": 1, "height": 1,
        "bytes": 1, "sha256": "0" * 64}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        '{"schema_version": 1, "artifacts": [], "price": Infinity}',
        '{"schema_version": 1, "artifacts": [], "price": NaN}',
        '{"schema_version": 1, "artifacts": [], "price": 1e999}',
        '{"schema_version": 1, "artifacts": [], "price": ' + "9" * 5000 + "}",
        '{"schema_version": 1, "artifacts": [], "parameters": ' + "[" * 100 + "]" * 100 + "}",
        '{"schema_version": 1, "artifacts": ' + "[" * 200_000,
        '{"schema_version": 1, "artifacts": ' + "[" * 20_000 + "]" * 20_000 + "}",
        '{"schema_version": 1, "artifacts": {}}',
        '{"schema_version": 1, "artifacts": [], "missing": {"a": 1}}',
        '{"schema_version": 1, "artifacts": [], "missing": ["a"]}',
        '{"schema_version": 1, "artifacts": [], "job_id": ["a"]}',
        '{"schema_version": 1, "artifacts": [], "host": 7}',
        '{"schema_version": [1], "artifacts": []}',
        '{"schema_version": 1, "artifacts": [], "prompt": "' + "x" * 2**22 + '"}',
        "\ufeff[]", "null", "7", '"x"', "\0", "{", "\udcff",
    ],
    ids=range(21),
)  # fmt: skip
def test_a_manifest_that_somebody_changed(
    good: str, settings: StorageSettings, tmp_path: Path, text: str
) -> None:
    folder = tmp_path / "job-1"
    folder.mkdir()
    (folder / "manifest.json").write_text(text, "utf-8", "surrogateescape")
    began = time.thread_time()
    with pytest.raises(ArtifactRejectedError, match=r"is not a manifest|a manifest of version"):
        read_manifest(str(folder))
    with pytest.raises(ArtifactRejectedError):
        save_job(job_of(good), str(tmp_path), settings=settings, provenance=FACTS)
    assert len(verify_manifest(str(folder))) == 1
    assert time.thread_time() - began < 2
    assert [p.name for p in folder.iterdir()] == ["manifest.json"], "nothing was written"


@pytest.mark.parametrize(
    "change",
    [{"bytes": "1"}, {"bytes": 1.5}, {"bytes": True}, {"bytes": -1}, {"bytes": 2**70}, {"bytes": None}, {"width": "x"},
     {"width": [1]}, {"height": -1}, {"sha256": None}, {"url": 7}, {"uri": None}, {"media_type": {}}],
)  # fmt: skip
def test_an_entry_that_somebody_changed(
    good: str, settings: StorageSettings, tmp_path: Path, change: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="not a saved artifact"):
        SavedArtifact.from_dict({**GOOD, **change})
    first = save_job(job_of(good), str(tmp_path), settings=settings, provenance=FACTS)
    path = tmp_path / "job-1" / "manifest.json"
    value = json.loads(path.read_text())
    value["artifacts"][0].update(change)
    path.write_text(json.dumps(value))
    # What cannot be believed is looked at again.
    again = save_job(job_of(good), str(tmp_path), settings=settings, provenance=FACTS)
    assert again == first
    assert verify_manifest(again.manifest) == []


def test_a_manifest_is_never_too_large_to_be_read_again(tmp_path: Path) -> None:
    content = compose(
        {**FACTS, "prompt": "a word " * 400_000, "parameters": {"body": "a word " * 400_000}},
        {}, returned=0, missing=(), revised_prompts={}, record_urls=True,
    )  # fmt: skip
    (tmp_path / "manifest.json").write_bytes(content)
    manifest = read_manifest(str(tmp_path))
    assert manifest["prompt"].startswith("sha256:")
    assert manifest["parameters"].endswith("(too long for a manifest)")
