"""Saved bytes are counted when a file is written, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_orux import metrics
from airflow_provider_orux.models.errors import ArtifactError
from airflow_provider_orux.models.job import Artifact, Job, JobStatus
from airflow_provider_orux.storage import StorageSettings, save_job
from tests.storage.samples import image
from tests.storage.web import Web

CONTENTS = [image("PNG", (40 + n, 30), n) for n in range(3)]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sizes: list[int] = []

    def incr(name: str, size: int, *, tags: dict[str, Any]) -> None:
        assert (name, tags) == ("orux.saved_bytes", {"gateway": "orux"})
        sizes.append(size)

    monkeypatch.setattr(metrics, "incr", incr)
    return sizes


def test_kept_files_are_not_counted_again(
    web: Web, settings: StorageSettings, tmp_path: Path, counted: list[int]
) -> None:
    urls = [web.file(f"/{n}.png", content) for n, content in enumerate(CONTENTS[:2])]
    urls.append(web.play("/2.png", lambda e: e.send(404, b"not yet")))
    job = Job("job-1", JobStatus.SUCCEEDED, "orux", artifacts=tuple(Artifact(url=u) for u in urls))
    with pytest.raises(ArtifactError):
        save_job(job, str(tmp_path), settings=settings, provenance={})
    assert counted == [len(c) for c in CONTENTS[:2]]
    web.file("/2.png", CONTENTS[2])
    save_job(job, str(tmp_path), settings=settings, provenance={})
    assert counted == [len(c) for c in CONTENTS]
    save_job(job, str(tmp_path), settings=settings, provenance={})
    assert counted == [len(c) for c in CONTENTS]
