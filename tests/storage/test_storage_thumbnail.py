"""Thumbnails: what is written beside an image, when it is not, and that they cost nobody a task."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from airflow_provider_orux.storage import StorageSettings, read_manifest, save_job, thumbnail, verify_manifest
from airflow_provider_orux.storage.image_headers import DECODE_MEMORY
from tests.storage.samples import clip, image, job_of
from tests.storage.web import Web

FACTS = {"gateway": "orux", "job_id": "job-1"}


def saved(web: Web, settings: StorageSettings, save_to: Path, *files: bytes, **options):
    urls = [web.file(f"/{n}", content) for n, content in enumerate(files)]
    return save_job(job_of(*urls), str(save_to), settings=settings, provenance=FACTS, **options)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_a_small_webp_lies_beside_each_image(web, settings, tmp_path, kind):
    result = saved(web, settings, tmp_path, image(kind, (1200, 600)))
    (artifact,) = result.artifacts
    assert artifact.thumbnail == "1.thumb.webp"
    with Image.open(tmp_path / "job-1" / "1.thumb.webp") as small:
        assert (small.format, small.size) == ("WEBP", (512, 256))
    (entry,) = read_manifest(result.manifest)["artifacts"]
    assert entry["thumbnail"] == "1.thumb.webp"
    assert artifact.to_dict()["thumbnail"] == "1.thumb.webp"
    assert verify_manifest(result.manifest) == []


def test_a_small_image_is_not_enlarged_and_transparency_stays(web, settings, tmp_path):
    file = io.BytesIO()
    Image.new("RGBA", (30, 20), (10, 20, 30, 0)).save(file, "PNG")
    saved(web, settings, tmp_path, file.getvalue())
    with Image.open(tmp_path / "job-1" / "1.thumb.webp") as small:
        assert small.size == (30, 20)
        assert small.getpixel((5, 5))[3] == 0


def test_nothing_but_the_pixels_is_kept(web, settings, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "a secret description"
    exif[0x0112] = 6  # lies on its side
    saved(web, settings, tmp_path, image("JPEG", (100, 50), exif=exif, icc_profile=b"secret profile"))
    content = (tmp_path / "job-1" / "1.thumb.webp").read_bytes()
    assert b"secret" not in content
    assert b"EXIF" not in content
    with Image.open(io.BytesIO(content)) as small:
        assert small.size == (50, 100)


def test_the_switch(web, settings, tmp_path):
    result = saved(web, replace(settings, thumbnails=False), tmp_path, image())
    assert result.artifacts[0].thumbnail is None
    assert sorted(p.name for p in (tmp_path / "job-1").iterdir()) == ["1.png", "manifest.json"]
    assert "thumbnail" not in read_manifest(result.manifest)["artifacts"][0]


def test_a_clip_has_none(web, settings, tmp_path):
    result = saved(web, settings, tmp_path, clip())
    assert result.artifacts[0].thumbnail is None


def test_an_image_beyond_the_decoder_s_memory_has_none(web, settings, tmp_path, monkeypatch):
    file = io.BytesIO()
    Image.new("1", (6000, DECODE_MEMORY // 6000 // 4 + 10)).save(file, "PNG")
    opened = []
    monkeypatch.setattr(Image, "open", lambda *a, **k: opened.append(a))
    result = saved(web, settings, tmp_path, file.getvalue())
    assert result.artifacts[0].thumbnail is None
    assert not opened


@pytest.mark.parametrize(
    "error", [OSError("broken data stream"), MemoryError(), RecursionError(), ValueError()]
)
def test_a_thumbnail_that_fails_is_no_failure(web, settings, tmp_path, monkeypatch, caplog, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("airflow_provider_orux.storage.save.draw_thumbnail", fail)
    result = saved(web, settings, tmp_path, image(), image(color=1))
    assert [a.thumbnail for a in result.artifacts] == [None, None]
    assert "No thumbnail of" in caplog.text


def test_a_thumbnail_that_cannot_be_written_is_no_failure(web, settings, tmp_path):
    (tmp_path / "job-1" / "1.thumb.webp").mkdir(parents=True)
    result = saved(web, settings, tmp_path, image())
    assert result.artifacts[0].thumbnail is None
    assert verify_manifest(result.manifest) == []


def test_a_kept_image_gets_one_too(web, settings, tmp_path):
    folder = tmp_path / "job-1"
    folder.mkdir()
    (folder / "1.png").write_bytes(image())
    result = saved(web, settings, tmp_path, image())
    assert not web.seen
    assert result.artifacts[0].thumbnail == "1.thumb.webp"


def test_it_is_found_again_with_the_result(web, settings, tmp_path):
    first = saved(web, settings, tmp_path, image())
    again = saved(web, settings, tmp_path, image())
    assert again.artifacts == first.artifacts


def test_on_an_object_store(web, settings, memory):
    result = saved(web, settings, memory, image())
    assert result.artifacts[0].thumbnail == thumbnail.thumbnail_name(1)
    assert verify_manifest(result.manifest) == []
