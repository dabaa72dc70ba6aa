"""Saving jobs: layout, what is kept, what is fetched again, what a manifest holds."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fsspec
import httpx
import pytest

from airflow_provider_orux.models.errors import (
    ArtifactError,
    ArtifactRejectedError,
    ArtifactURLExpiredError,
    ConfigurationError,
)
from airflow_provider_orux.models.job import Artifact, Job
from airflow_provider_orux.storage import (
    DestinationError,
    SavedArtifact,
    SavedJob,
    StorageSettings,
    read_manifest,
    save_job,
    verify_manifest,
)
from tests.storage.samples import clip, image, job_of, song
from tests.storage.stores import InPlaceStore, Store, attached
from tests.storage.web import Exchange, Web

PROVENANCE = {
    "gateway": "orux",
    "host": "https://api.example.com",
    "conn_id": "orux_default",
    "model": "midjourney-v7",
    "verb": "imagine",
    "prompt": "a lighthouse at dawn",
    "parameters": {"stylize": 250, "aspect_ratio": "16:9"},
    "job_id": "job-1",
    "parent_job_id": None,
    "index": None,
    "fingerprint": "f" * 16,
    "dag_id": "d",
    "run_id": "r",
    "task_id": "t",
    "map_index": -1,
    "submitted_at": 1700000000.5,
    "finished_at": 1700000060.0,
    "charged": "yes",
    "price": 1.5,
    "currency": "credits",
    "provider_version": "0.1.0",
    "requested": 4,
}


@pytest.fixture
def four(web: Web) -> Job:
    """A job of four images of four kinds."""
    urls = [
        web.file(f"/{n}.bin", image(kind, (40 + n, 30), n), Content_Type="application/octet-stream")
        for n, kind in enumerate(("PNG", "JPEG", "WEBP", "GIF"), start=1)
    ]
    return job_of(*urls)


@pytest.fixture(params=["local", "memory", "store"])
def save_to(request: pytest.FixtureRequest, tmp_path: Path, memory: str) -> str:
    """A folder of each kind."""
    if request.param == "store":
        return f"s3://{attached(Store())}@bucket/images"
    return str(tmp_path / "images") if request.param == "local" else memory


def save(job: Job, save_to: str, settings: StorageSettings, **options: Any) -> SavedJob:
    options.setdefault("provenance", PROVENANCE)
    return save_job(job, save_to, settings=settings, **options)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_layout(web: Web, four: Job, settings: StorageSettings, save_to: str) -> None:
    result = save(four, save_to + "/", settings)
    base = save_to if "://" in save_to else f"file://{save_to}"
    assert [a.uri for a in result.artifacts] == [
        f"{base}/job-1/{name}" for name in ("1.png", "2.jpg", "3.webp", "4.gif")
    ]
    assert result.manifest == f"{base}/job-1/manifest.json"
    assert result.missing == ()
    first = result.artifacts[0]
    assert (first.media_type, first.width, first.height) == ("image/png", 41, 30)
    assert first.url == four.artifacts[0].url
    assert first.bytes == len(image("PNG", (41, 30), 1))
    manifest = read_manifest(result.manifest)
    assert [a["name"] for a in manifest["artifacts"]] == ["1.png", "2.jpg", "3.webp", "4.gif"]
    assert verify_manifest(result.manifest) == []
    assert verify_manifest(f"{base}/job-1/") == []


def test_bytes_arrive_as_they_were(web: Web, settings: StorageSettings, tmp_path: Path) -> None:
    contents = [image(), clip(length=3_000_000), song(), clip(b"M4A ")]
    job = job_of(*(web.file(f"/{n}", c, Content_Type="text/html") for n, c in enumerate(contents)))
    result = save(job, str(tmp_path), settings)
    names = ["1.png", "2.mp4", "3.wav", "4.m4a"]
    for name, content, saved in zip(names, contents, result.artifacts, strict=True):
        assert (tmp_path / "job-1" / name).read_bytes() == content
        assert saved.sha256 == hashlib.sha256(content).hexdigest()
        assert saved.bytes == len(content)
    assert (result.artifacts[1].width, result.artifacts[1].height) == (None, None)


def test_the_manifest(web: Web, four: Job, settings: StorageSettings, tmp_path: Path) -> None:
    artifacts = (replace(four.artifacts[0], revised_prompt="a lighthouse, dawn light"), *four.artifacts[1:])
    provenance = {
        **PROVENANCE,
        "zebra": {1, 2},
        "parameters": {"note": "key sk-app-abcdefghijk", "when": datetime(2026, 1, 2, tzinfo=timezone.utc)},
        "odd": float("nan"),
        "artifacts": "not ours to say",
    }
    result = save(replace(four, artifacts=artifacts), str(tmp_path), settings, provenance=provenance)
    text = (tmp_path / "job-1" / "manifest.json").read_text("utf-8")
    assert "sk-app-" not in text
    manifest = json.loads(text)
    assert list(manifest)[:6] == ["schema_version", "gateway", "host", "conn_id", "model", "verb"]
    assert list(manifest)[-5:] == ["requested", "returned", "missing", "artifacts", "saved_at"]
    assert manifest["schema_version"] == 1
    assert (manifest["requested"], manifest["returned"], manifest["missing"]) == (4, 4, [])
    assert manifest["parameters"] == {"note": "key ***", "when": "2026-01-02T00:00:00+00:00"}
    assert manifest["odd"] == "nan"
    assert manifest["zebra"] == [1, 2]
    assert manifest["prompt"] == "a lighthouse at dawn"
    entry = manifest["artifacts"][0]
    assert entry["revised_prompt"] == "a lighthouse, dawn light"
    assert entry["url"] == four.artifacts[0].url
    assert SavedArtifact.from_dict(entry) == result.artifacts[0]
    assert SavedArtifact.from_dict(result.artifacts[1].to_dict()) == result.artifacts[1]
    assert text.startswith('{\n  "schema_version": 1,')
    with pytest.raises(ValueError, match="not a saved artifact"):
        SavedArtifact.from_dict({"uri": "x"})


def test_a_private_manifest(web: Web, four: Job, settings: StorageSettings, tmp_path: Path) -> None:
    artifacts = (replace(four.artifacts[0], revised_prompt="a lighthouse, dawn light"),)
    provenance = {k: v for k, v in PROVENANCE.items() if k != "prompt"} | {"prompt_sha256": "ab" * 32}
    result = save(
        replace(four, artifacts=artifacts), str(tmp_path), settings, provenance=provenance, record_urls=False
    )
    text = (tmp_path / "job-1" / "manifest.json").read_text()
    assert "lighthouse" not in text
    assert web.url not in text
    assert result.artifacts[0].url == four.artifacts[0].url


def test_doing_it_again_fetches_nothing(web: Web, four: Job, settings: StorageSettings, save_to: str) -> None:
    first = save(four, save_to, settings)
    seen = len(web.seen)
    # The links are dead by now, or fresh ones; an expired job has none at all.
    fresh = replace(four, artifacts=tuple(Artifact(url=f"{web.url}/gone/{n}") for n in range(4)))
    second = save(fresh, save_to, settings)
    assert len(web.seen) == seen
    assert [replace(a, url=None) for a in second.artifacts] == [replace(a, url=None) for a in first.artifacts]
    assert [a.url for a in second.artifacts] == fresh.urls
    third = save(replace(four, artifacts=()), save_to, settings)
    assert third == first
    assert len(web.seen) == seen


def test_a_retry_fetches_only_what_is_missing(
    web: Web, four: Job, settings: StorageSettings, save_to: str
) -> None:
    good = web.plays["/3.bin"]
    web.play("/3.bin", lambda e: e.send(503))
    with pytest.raises(ArtifactError) as caught:
        save(four, save_to, settings)
    error = caught.value
    assert not error.final
    assert "1 of 4 artifacts could not be saved: artifact 3" in str(error)
    assert not error.advice, "what a retry does is said where the ledger is known"
    assert (error.job_id, error.gateway, error.charged) == ("job-1", "orux", "yes")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    base = save_to if "://" in save_to else f"file://{save_to}"
    with pytest.raises(ArtifactRejectedError, match="There is no manifest"):
        read_manifest(f"{base}/job-1/manifest.json")
    web.plays["/3.bin"] = good
    web.seen.clear()
    result = save(four, save_to, settings)
    assert [path for path, _ in web.seen] == ["/3.bin"]
    assert len(result.artifacts) == 4
    assert verify_manifest(result.manifest) == []


def test_kept_files_have_their_facts(web: Web, four: Job, settings: StorageSettings, save_to: str) -> None:
    complete = save(four, save_to, settings)
    partial = replace(four, job_id="job-2")
    web.play("/4.bin", lambda e: e.send(503))
    provenance = {**PROVENANCE, "job_id": "job-2"}
    with pytest.raises(ArtifactError):
        save(partial, save_to, settings, provenance=provenance)
    web.file("/4.bin", image("GIF", (44, 30), 4))
    again = save(partial, save_to, settings, provenance=provenance)
    for one, two in zip(complete.artifacts, again.artifacts[:3], strict=False):
        assert replace(two, uri=two.uri.replace("job-2", "job-1")) == one


def test_a_partial_result_can_be_accepted(
    web: Web, four: Job, settings: StorageSettings, save_to: str, caplog: pytest.LogCaptureFixture
) -> None:
    web.play("/2.bin", lambda e: e.send(404))
    with caplog.at_level(logging.WARNING, "airflow_provider_orux.storage"):
        result = save(four, save_to, settings, on_partial="accept")
    assert result.missing == (2,)
    assert [a.name for a in result.artifacts] == ["1.png", "3.webp", "4.gif"]
    assert "1 of 4 artifacts could not be saved: artifact 2" in caplog.text
    manifest = read_manifest(result.manifest)
    assert (manifest["requested"], manifest["returned"], manifest["missing"]) == (4, 4, [2])
    assert verify_manifest(result.manifest) == []
    web.seen.clear()
    assert save(four, save_to, settings, on_partial="accept") == result
    assert web.seen == []
    # Who does not accept it fetches the rest.
    web.file("/2.bin", image("JPEG"))
    complete = save(four, save_to, settings)
    assert [path for path, _ in web.seen] == ["/2.bin"]
    assert complete.missing == ()
    assert read_manifest(result.manifest)["missing"] == []


def test_nothing_at_all_is_never_accepted(web: Web, settings: StorageSettings, tmp_path: Path) -> None:
    job = job_of(web.url + "/a", web.url + "/b")
    with pytest.raises(ArtifactURLExpiredError, match="2 of 2"):
        save(job, str(tmp_path), settings, on_partial="accept")
    assert files(tmp_path) == {}
    with pytest.raises(ArtifactRejectedError, match="made no artifact"):
        save(job_of(), str(tmp_path), settings, on_partial="accept")


def test_some_errors_final_and_some_not(
    web: Web, four: Job, settings: StorageSettings, tmp_path: Path
) -> None:
    web.play("/1.bin", lambda e: e.send(404))
    web.play("/2.bin", lambda e: e.send(429, Retry_After="0"))
    with pytest.raises(ArtifactError) as caught:
        save(four, str(tmp_path), settings)
    assert not caught.value.final
    assert "artifact 1" in str(caught.value)
    assert "artifact 2" in str(caught.value)
    assert f"The others are kept in file://{tmp_path}/job-1" in str(caught.value)


def test_one_artifact_alone_speaks_for_itself(web: Web, settings: StorageSettings, tmp_path: Path) -> None:
    with pytest.raises(ArtifactURLExpiredError, match=r"^The URL http\S+ is dead or has expired") as caught:
        save(job_of(web.url + "/a?sig=secret"), str(tmp_path), settings)
    assert caught.value.http_status == 404
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "final"),
    [
        (b"<!doctype html><title>Sign in</title>", True),
        (b'{"error":"x"}', True),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", False),
        (b"", False),
        (image()[:-30], False),
        (clip()[:-30], False),
    ],
)
def test_what_is_no_artifact_is_not_saved(
    web: Web, settings: StorageSettings, save_to: str, content: bytes, final: bool
) -> None:
    url = web.file("/a", content, Content_Type="image/png")
    with pytest.raises(ArtifactError) as caught:
        save(job_of(url), save_to, settings)
    assert caught.value.final is final
    assert web.count("/a") == (1 if final else settings.attempts)


def test_too_large_names_the_setting(web: Web, settings: StorageSettings, tmp_path: Path) -> None:
    url = web.file("/a", clip(length=300_000))
    with pytest.raises(ArtifactRejectedError, match="max_artifact_mib"):
        save(job_of(url), str(tmp_path), replace(settings, max_artifact_mib=0.1))
    assert files(tmp_path) == {}


# What is there already


def test_a_different_job_is_not_overwritten(
    web: Web, four: Job, settings: StorageSettings, save_to: str
) -> None:
    save(four, save_to, settings)
    for change in ({"fingerprint": "other"}, {"gateway": "yescale"}, {"host": "https://other.example.com"}):
        with pytest.raises(ArtifactRejectedError, match="not overwritten by a different result") as caught:
            save(four, save_to, settings, provenance={**PROVENANCE, **change})
        assert caught.value.final
    assert save(four, save_to, settings, provenance={}).missing == ()


def test_a_foreign_manifest_is_not_overwritten(
    web: Web, four: Job, settings: StorageSettings, tmp_path: Path
) -> None:
    folder = tmp_path / "job-1"
    folder.mkdir()
    for content, words in (
        ("my notes", "is not a manifest"),
        ('{"a": 1}', "is not a manifest"),
        ('{"schema_version": 2, "artifacts": []}', "version 2"),
    ):
        (folder / "manifest.json").write_text(content)
        with pytest.raises(ArtifactRejectedError, match=words):
            save(four, str(tmp_path), settings)
        assert files(tmp_path) == {"job-1/manifest.json": content.encode()}
    (folder / "manifest.json").write_text("")  # a writer in place that was killed
    assert len(save(four, str(tmp_path), settings).artifacts) == 4


def test_a_damaged_file_is_fetched_again(
    web: Web, four: Job, settings: StorageSettings, tmp_path: Path
) -> None:
    result = save(four, str(tmp_path), settings)
    good = files(tmp_path)
    web.seen.clear()
    for damage in (b"", good["job-1/2.jpg"][:200], image("JPEG", (9, 9)), None):
        path = tmp_path / "job-1" / "2.jpg"
        path.unlink() if damage is None else path.write_bytes(damage)
        assert len(verify_manifest(result.manifest)) == 1
        save(four, str(tmp_path), settings)
        assert {k: v for k, v in files(tmp_path).items() if "manifest" not in k} == {
            k: v for k, v in good.items() if "manifest" not in k
        }
    assert {path for path, _ in web.seen} == {"/2.bin"}


def test_a_broken_leftover_without_a_manifest(
    web: Web, four: Job, settings: StorageSettings, tmp_path: Path
) -> None:
    folder = tmp_path / "job-1"
    folder.mkdir()
    (folder / "1.png").write_bytes(image()[:100])
    (folder / "2.png").write_bytes(b"<html>")  # a name that artifact 2 will not have
    (folder / "3.webp").write_bytes(image("PNG"))  # not what its name says
    result = save(four, str(tmp_path), settings)
    assert {path for path, _ in web.seen} == {"/1.bin", "/2.bin", "/3.bin", "/4.bin"}
    assert verify_manifest(result.manifest) == []


def test_identical_content_is_not_rewritten(
    web: Web, four: Job, settings: StorageSettings, tmp_path: Path
) -> None:
    save(four, str(tmp_path), settings)
    folder = tmp_path / "job-1"
    before = {p.name: (p.stat().st_mtime_ns, p.stat().st_ino) for p in folder.iterdir()}
    (folder / "manifest.json").unlink()
    web.seen.clear()
    save(four, str(tmp_path), settings)
    assert web.seen == []
    for path in folder.glob("[1-4].*"):
        assert (path.stat().st_mtime_ns, path.stat().st_ino) == before[path.name]


def test_where_writes_may_stop_half_way_a_clip_proves_nothing(web: Web, settings: StorageSettings) -> None:
    store = InPlaceStore()
    save_to = f"sftp://{attached(store, 'sftp')}@host/out"
    # A clip without a length in its head, cut by a kill: nothing in it shows that.
    song_url = web.file("/song", b"fLaC\0\0\0\x22" + b"\1" * 1000)
    image_url = web.file("/image", image())
    dead_url = web.play("/dead", lambda e: e.send(503))
    job = job_of(song_url, image_url, dead_url)
    with pytest.raises(ArtifactError):
        save(job, save_to, settings)
    name = next(name for name in store.files if name.endswith("1.flac"))
    store.files[name] = store.files[name][:500]
    web.seen.clear()
    web.file("/dead", image())
    save(job, save_to, settings)
    assert [path for path, _ in web.seen] == ["/song", "/dead"]
    assert len(store.files[name]) == 1008


# Inline artifacts


def encoded(content: bytes, prefix: str = "") -> Artifact:
    return Artifact(inline=prefix + base64.b64encode(content).decode())


def test_inline_artifacts(settings: StorageSettings, save_to: str) -> None:
    large = clip(length=3_500_001)
    wrapped = base64.encodebytes(image("WEBP")).decode()
    job = replace(
        job_of(),
        artifacts=(
            encoded(image("PNG")),
            encoded(image("JPEG"), "data:image/png;base64,"),
            Artifact(inline=wrapped),
            encoded(large, "DATA:video/mp4;BASE64,"),
        ),
    )
    result = save(job, save_to, settings)
    assert [a.name for a in result.artifacts] == ["1.png", "2.jpg", "3.webp", "4.mp4"]
    assert result.artifacts[3].sha256 == hashlib.sha256(large).hexdigest()
    assert result.artifacts[0].url is None
    assert verify_manifest(result.manifest) == []


def test_a_drawing_from_every_route(web: Web, settings: StorageSettings, save_to: str) -> None:
    drawing = b"<svg xmlns='http://www.w3.org/2000/svg' width='9'><script>alert(1)</script></svg>"
    job = replace(
        job_of(),
        artifacts=(
            Artifact(url=web.file("/a", drawing, Content_Type="image/png")),
            encoded(drawing),
            encoded(drawing, "data:image/svg+xml;base64,"),
            Artifact(url="data:image/svg+xml;utf8," + quote(drawing)),
        ),
    )
    result = save(job, save_to, settings)
    assert [a.name for a in result.artifacts] == ["1.svg", "2.svg", "3.svg", "4.svg"]
    for saved in result.artifacts:
        assert (saved.media_type, saved.width, saved.height) == ("image/svg+xml", None, None)
        assert saved.sha256 == hashlib.sha256(drawing).hexdigest()
    assert save(job, save_to, settings) == result


@pytest.mark.parametrize(
    "spelled",
    [
        lambda text: text.rstrip("="),
        lambda text: text.replace("+", "-").replace("/", "_"),
        lambda text: text.replace("+", "-").replace("/", "_").rstrip("="),
        lambda text: "\n".join(text[i : i + 76] for i in range(0, len(text), 76)),
        lambda text: f"  \r\n{text[:10]} {text[10:]}\n",
        lambda text: f"data:image/png;base64,{text.rstrip('=')}",
        lambda text: f"data:image/png; base64,{text}",
        lambda text: "data:image/png;base64," + quote(text, safe=""),
        lambda text: f"\ndata:;base64,{text}",
        lambda text: "data:image/png," + quote(base64.b64decode(text)),
    ],
)
@pytest.mark.parametrize("cut", [0, 1, 2])
def test_base64_in_any_spelling_is_the_same_file(
    settings: StorageSettings, save_to: str, spelled: Callable[[str], str], cut: int
) -> None:
    """Every remainder of three bytes, and a file that spans the pieces in which it is decoded."""
    content = clip(length=1_200_000 + cut)
    for wanted in (image("PNG"), content):
        job = replace(job_of(), artifacts=(Artifact(inline=spelled(base64.b64encode(wanted).decode())),))
        saved = save(job, f"{save_to}/{len(wanted)}", settings)
        assert saved.artifacts[0].sha256 == hashlib.sha256(wanted).hexdigest()


@pytest.mark.parametrize(
    ("text", "words", "final"),
    [
        ("!!!!", "not valid base64", True),
        ("AAAAA", "not valid base64", True),
        ("AA==AAAA", "not valid base64", True),
        ("data:image/png,AAAA", "something that begins with 41 41 41 41", True),
        ("data:image/png;base64", "invalid data: prefix", True),
        ("", "empty", False),
        ("data:image/png;base64,", "empty", False),
        (base64.b64encode(b"<html>").decode(), "HTML", True),
        (base64.b64encode(clip(length=2_000_000)).decode(), "max_artifact_mib", True),
        (
            base64.b64encode(clip(length=2_000_000)).decode()[: 2**20] + "=" + "A" * 2**20,
            "not valid base64",
            True,
        ),
    ],
)
def test_inline_text_that_is_no_artifact(
    settings: StorageSettings, tmp_path: Path, text: str, words: str, final: bool
) -> None:
    with pytest.raises(ArtifactError, match=words) as caught:
        save(
            replace(job_of(), artifacts=(Artifact(inline=text),)),
            str(tmp_path),
            replace(settings, max_artifact_mib=1.5),
        )
    assert caught.value.final is final
    assert files(tmp_path) == {}


def test_an_artifact_without_anything(settings: StorageSettings, tmp_path: Path) -> None:
    with pytest.raises(ArtifactRejectedError, match="neither a URL nor content"):
        save(replace(job_of(), artifacts=(Artifact(),)), str(tmp_path), settings)


# Arguments, addresses, strange ids


def test_arguments(settings: StorageSettings, four: Job) -> None:
    with pytest.raises(ConfigurationError, match="on_partial"):
        save(four, "/x", settings, on_partial="maybe")
    with pytest.raises(ConfigurationError, match="relative") as caught:
        save(four, "x", settings)
    # It was paid for by now, so the advice of before is not given.
    assert caught.value.charged == "yes"
    assert "Nothing was sent" not in str(caught.value)


def test_private_links_are_refused_unless_allowed(web: Web, four: Job, tmp_path: Path) -> None:
    with pytest.raises(ArtifactRejectedError, match="allow_private_hosts"):
        save(four, str(tmp_path), StorageSettings(backoff_base=0.005))
    assert web.seen == []


def test_a_job_id_does_not_lead_out_of_it(
    web: Web, four: Job, settings: StorageSettings, tmp_path: Path
) -> None:
    for job_id in ("../../escape", "..", "/etc/x", "mj:1/2"):
        save(replace(four, job_id=job_id), str(tmp_path / "in"), settings, provenance={})
    assert [p.name for p in tmp_path.iterdir()] == ["in"]
    assert len(list((tmp_path / "in").iterdir())) == 4


def test_a_transport_in_place_of_the_network(tmp_path: Path) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=image()))
    result = save(job_of("https://cdn.example.com/a"), str(tmp_path), StorageSettings(), transport=transport)
    assert result.artifacts[0].media_type == "image/png"


def test_a_store_that_fails_ends_it_at_once(web: Web, four: Job, settings: StorageSettings) -> None:
    store = Store()
    conn_id = attached(store)
    store.fail_at_end = True
    with pytest.raises(DestinationError, match="hung up") as caught:
        save(four, "s3://bucket/x", settings, conn_id=conn_id, on_partial="accept")
    assert (caught.value.final, caught.value.job_id) == (False, "job-1")
    assert [path for path, _ in web.seen] == ["/1.bin"]
    assert store.files == {}
    store.fail_at_end = False
    assert len(save(four, "s3://bucket/x", settings, conn_id=conn_id).artifacts) == 4
    assert store.published[-1] == "bucket/x/job-1/manifest.json"


def test_a_memory_file_whose_write_fails_leaves_nothing(
    web: Web, four: Job, settings: StorageSettings
) -> None:
    # MemoryFile publishes at open and its discard() does nothing.
    class Failing(type(fsspec.filesystem("memory"))):  # type: ignore[misc]
        protocol = "failing"
        cachable = False
        store: dict[str, Any] = {}  # noqa: RUF012
        pseudo_dirs: list[str] = [""]  # noqa: RUF012

        def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
            file = super()._open(path, mode, **options)
            if "w" in mode:

                def write(data: bytes) -> int:
                    type(file).write(file, data[:10])
                    raise OSError("half-way")

                file.write = write
            return file

    conn_id = attached(Failing(), "memory")
    with pytest.raises(DestinationError, match="half-way"):
        save(four, "memory://bucket/x", settings, conn_id=conn_id)
    assert Failing.store == {}


def test_many_jobs_share_a_folder(web: Web, settings: StorageSettings, tmp_path: Path) -> None:
    url = web.file("/a", image())
    together = threading.Barrier(8)

    def one(number: int) -> SavedJob:
        together.wait()
        job = job_of(url, url, job_id=f"job-{number}")
        return save(job, str(tmp_path), settings, provenance={**PROVENANCE, "job_id": job.job_id})

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(one, range(8)))
    assert len({r.manifest for r in results}) == 8
    assert all(verify_manifest(r.manifest) == [] for r in results)
    assert not [name for name in files(tmp_path) if ".part" in name]


@pytest.mark.parametrize("kind", ["local", "store"])
def test_one_job_saved_twice_at_once(web: Web, settings: StorageSettings, tmp_path: Path, kind: str) -> None:
    # A worker that was given up and the one that took over.
    save_to = str(tmp_path) if kind == "local" else f"s3://{attached(Store())}@bucket/images"

    def slow(e: Exchange) -> None:
        threading.Event().wait(0.05)
        e.send(200, image())

    job = job_of(web.play("/a", slow), web.play("/b", slow))
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: save(job, save_to, settings), range(2)))
    assert results[0] == results[1]
    assert verify_manifest(results[0].manifest) == []


# Verifying


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda folder: (folder / "1.png").unlink(), "1.png is missing"),
        (lambda folder: (folder / "1.png").write_bytes(b"x"), "1.png has 1 bytes"),
        (
            lambda folder: (folder / "2.jpg").write_bytes(bytes(len((folder / "2.jpg").read_bytes()))),
            "differs from the manifest",
        ),
        (lambda folder: (folder / "manifest.json").unlink(), "There is no manifest"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "is not a manifest"),
    ],
)
def test_problems_are_told(
    four: Job, settings: StorageSettings, tmp_path: Path, harm: Callable[[Path], Any], words: str
) -> None:
    result = save(four, str(tmp_path), settings)
    harm(tmp_path / "job-1")
    found = verify_manifest(result.manifest)
    assert len(found) == 1
    assert words in found[0]


def test_a_folder_may_be_moved(four: Job, settings: StorageSettings, tmp_path: Path) -> None:
    save(four, str(tmp_path / "a"), settings)
    (tmp_path / "a").rename(tmp_path / "b")
    assert verify_manifest(str(tmp_path / "b" / "job-1" / "manifest.json")) == []
    result = save(four, str(tmp_path / "b"), settings)
    assert result.artifacts[0].uri == f"file://{tmp_path}/b/job-1/1.png"


def test_a_manifest_from_anywhere_does_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "job"
    folder.mkdir()
    entries: list[Any] = [{"name": name} for name in ("../secret", "/etc/passwd", "a/b", "..", None, 3)] + [
        "x"
    ]
    (folder / "manifest.json").write_text(json.dumps({"schema_version": 1, "artifacts": entries}))
    assert [p.endswith("names no file") for p in verify_manifest(str(folder))] == [True] * len(entries)
    with pytest.raises(ConfigurationError):
        verify_manifest("relative/path")
