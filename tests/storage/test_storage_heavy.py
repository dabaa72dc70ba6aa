"""Large artifacts, dying processes, and the sandbox: what only a process of its own or a whole server shows."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_orux.models.errors import ArtifactRejectedError, ArtifactURLExpiredError
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.storage import StorageSettings, save_job, verify_manifest
from orux_sandbox import SandboxServer
from tests.storage.samples import image, job_of
from tests.storage.web import Exchange, Web

MIB = 2**20

only_linux = pytest.mark.skipif(
    not os.path.exists("/proc/self/clear_refs"), reason="how memory is measured here"
)

#: Saves one link and says by how many MiB the process grew at its peak.
SAVE = """
import json, sys
url, save_to = sys.argv[1:3]
from airflow_provider_orux.models.job import Artifact, Job, JobStatus
from airflow_provider_orux.storage import StorageSettings, save_job
import httpx, ssl, PIL.Image, airflow.sdk, fsspec.implementations.local
import airflow.sdk.lineage
PIL.Image.init()
settings = StorageSettings(allow_private_hosts=True, max_artifact_mib=400)
job = lambda job_id, link: Job(job_id, JobStatus.SUCCEEDED, "orux", artifacts=(Artifact(url=link),))
STORE
save_job(job("warm", sys.argv[3]), save_to, settings=settings, provenance={})
def status(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name))
with open("/proc/self/clear_refs", "w") as reset:  # forget the peak of the imports, and the parent's
    reset.write("5")
before = status("VmRSS:")
saved = save_job(job("job", url), save_to, settings=settings, provenance={})
print(json.dumps({"grown": (status("VmHWM:") - before) / 1024, **saved.artifacts[0].to_dict()}))
"""

#: A store that forgets what it is given, so that only our own memory counts.
FORGETFUL = """
from airflow.sdk.io import attach
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem
class File(AbstractBufferedFile):
    def _initiate_upload(self): pass
    def _upload_chunk(self, final=False): return True
class Forgetful(AbstractFileSystem):
    cachable = False
    def _open(self, path, mode="rb", block_size=None, **options):
        if mode == "rb":
            raise FileNotFoundError(path)
        return File(self, path, mode, block_size)
    def ls(self, path, detail=True, **options): raise FileNotFoundError(path)
attach("s3", "forgetful", fs=Forgetful())
"""


def run(url: str, save_to: str, small: str, *, store: str = "") -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", SAVE.replace("STORE", store), url, save_to, small],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def streamed(size: int) -> Any:
    """A song of so many bytes, made as it is sent."""

    def play(e: Exchange) -> None:
        e.send_response(200)
        e.send_header("Content-Length", str(size))
        e.end_headers()
        e.wfile.write(b"RIFF" + struct.pack("<I", size - 8) + b"WAVE")
        piece = bytes(range(256)) * 4096
        left = size - 12
        while left:
            e.wfile.write(piece[: min(left, len(piece))])
            left -= min(left, len(piece))

    return play


@only_linux
@pytest.mark.parametrize("kind", ["local", "store"])
def test_memory_stays_small_whatever_the_size(web: Web, tmp_path: Path, kind: str) -> None:
    small = web.file("/small", image())
    url = web.play("/large", streamed(300 * MIB))
    save_to = str(tmp_path) if kind == "local" else "s3://forgetful@bucket/x"
    result = run(url, save_to, small, store=FORGETFUL if kind == "store" else "")
    assert result["bytes"] == 300 * MIB
    assert result["media_type"] == "audio/wav"
    assert result["grown"] < 64
    if kind == "local":
        (tmp_path / "job" / "1.wav").unlink()


@only_linux
@pytest.mark.parametrize(
    ("kind", "size", "options"),
    [
        ("PNG", (2048, 2048), {}),
        ("JPEG", (2048, 2048), {"quality": 90}),
        ("JPEG", (2048, 2048), {"progressive": True, "subsampling": 0}),
        ("WEBP", (1500, 1500), {}),
        ("WEBP", (2048, 2048), {}),
        ("GIF", (1600, 1600), {}),
        ("PNG", (4000, 3200), {"compress_level": 1}),
    ],
)
def test_memory_stays_small_for_images(
    web: Web, tmp_path: Path, kind: str, size: tuple[int, int], options: dict[str, Any]
) -> None:
    url = web.file("/large", image(kind, size, **options))
    result = run(url, str(tmp_path), web.file("/small", image()))
    assert (result["width"], result["height"]) == size
    assert result["grown"] < 64


@only_linux
def test_a_kill_in_the_middle_leaves_no_final_name(
    web: Web, tmp_path: Path, settings: StorageSettings
) -> None:
    sent = []

    def slow(e: Exchange) -> None:
        e.send_response(200)
        e.send_header("Content-Length", str(100 * MIB))
        e.end_headers()
        e.wfile.write(b"RIFF" + struct.pack("<I", 100 * MIB - 8) + b"WAVE")
        try:
            for _ in range(400):
                e.wfile.write(b"x" * 200_000)
                sent.append(1)
                time.sleep(0.02)
        except OSError:
            pass
        e.close_connection = True

    small = web.file("/small", image())
    url = web.play("/slow", slow)
    process = subprocess.Popen(
        [sys.executable, "-c", SAVE.replace("STORE", ""), url, str(tmp_path), small],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while len(sent) < 20 and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    folder = tmp_path / "job"
    left = [p.name for p in folder.iterdir()]
    assert len(left) == 1
    assert left[0].startswith(".orux-1-")
    assert left[0].endswith(".part")
    assert (folder / left[0]).stat().st_size > 0
    # The next try is not disturbed by it, and a day later it is gone.
    result = save_job(job_of(small, job_id="job"), str(tmp_path), settings=settings, provenance={})
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        [*left, "1.png", "1.thumb.webp", "manifest.json"]
    )
    os.utime(folder / left[0], (time.time() - 90_000,) * 2)
    assert save_job(job_of(small, job_id="job"), str(tmp_path), settings=settings, provenance={}) == result
    assert sorted(p.name for p in folder.iterdir()) == ["1.png", "1.thumb.webp", "manifest.json"]


# The sandbox


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    with SandboxServer(
        {"queue_seconds": 0, "run_seconds": 0, "sync_seconds": 0, "image_scale": 0.25}
    ) as server:
        yield server


@pytest.fixture
def sandbox(running: SandboxServer) -> SandboxServer:
    running.reset()
    return running


@pytest.fixture
def imagined(sandbox: SandboxServer) -> Job:
    """A finished job of the sandbox."""
    with httpx.Client(
        base_url=sandbox.url, headers={"Authorization": f"Bearer {sandbox.key}"}, trust_env=False
    ) as api:
        answer = api.post("/api/v1/tasks", json={"model": "midjourney-v7", "prompt": "a lighthouse at dawn"})
        task_id = str(answer.json()["task_id"])
        state = api.get(f"/api/v1/tasks/{task_id}").json()
    urls = _links(state)
    assert urls
    return job_of(*urls, job_id=task_id)


def _links(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if "/files/" in value else []
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return list(dict.fromkeys(link for item in items for link in _links(item)))


def test_a_job_of_the_sandbox(
    sandbox: SandboxServer, imagined: Job, settings: StorageSettings, tmp_path: Path
) -> None:
    result = save_job(imagined, str(tmp_path), settings=settings, provenance={"model": "midjourney-v7"})
    assert {a.media_type for a in result.artifacts} == {"image/png"}
    assert all(a.width and a.height for a in result.artifacts)
    assert verify_manifest(result.manifest) == []
    assert sandbox.leaks() == []


@pytest.mark.parametrize(
    "then",
    [
        {"truncate": True},
        {"truncate": "quietly"},
        {"content": "empty"},
        {"cut": "mid_body"},
        {"cut": "mid_body", "reset": True},
        {"cut": "before"},
        {"status": 503},
        {"status": 429},
        {"slow": 200_000},
    ],
    ids=lambda then: "-".join(f"{k}_{v}" for k, v in then.items()),
)
def test_troubles_of_the_sandbox_that_pass(
    sandbox: SandboxServer, imagined: Job, settings: StorageSettings, tmp_path: Path, then: dict[str, Any]
) -> None:
    sandbox.order_fault({"endpoint": "files*", "times": 2, "then": then})
    result = save_job(imagined, str(tmp_path), settings=settings, provenance={})
    assert sandbox.faults()[0]["hits"] == (1 if "slow" in then and len(imagined.urls) == 1 else 2)
    assert verify_manifest(result.manifest) == []


@pytest.mark.parametrize(
    ("then", "words"),
    [
        ({"content": "html"}, "HTML"),
        ({"content": "bomb"}, "pixels"),
        ({"big_mib": 40}, "max_artifact_mib"),
        ({"big_mib": 40, "declare_length": False}, "max_artifact_mib"),
        ({"redirect": "ftp://example.com/x"}, "not an http"),
        ({"status": 410}, "dead or has expired"),
    ],
    ids=lambda value: "-".join(f"{k}_{v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_troubles_of_the_sandbox_that_do_not(
    sandbox: SandboxServer,
    imagined: Job,
    tmp_path: Path,
    then: dict[str, Any],
    words: str,
) -> None:
    sandbox.order_fault({"endpoint": "files*", "times": 0, "then": then})
    settings = StorageSettings(
        allow_private_hosts=True, max_artifact_mib=20, max_pixels=100_000_000, backoff_base=0.005
    )
    with pytest.raises(ArtifactRejectedError, match=words):
        save_job(imagined, str(tmp_path), settings=settings, provenance={})
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_drawing_of_the_sandbox_is_kept(
    sandbox: SandboxServer, imagined: Job, settings: StorageSettings, tmp_path: Path
) -> None:
    sandbox.order_fault({"endpoint": "files*", "times": 0, "then": {"content": "svg"}})
    result = save_job(imagined, str(tmp_path), settings=settings, provenance={})
    assert {(a.media_type, a.width, a.height) for a in result.artifacts} == {("image/svg+xml", None, None)}
    assert verify_manifest(result.manifest) == []


def test_a_link_of_the_sandbox_that_died(
    sandbox: SandboxServer, imagined: Job, settings: StorageSettings, tmp_path: Path
) -> None:
    sandbox.advance_clock(400 * 24 * 3600)
    with pytest.raises(ArtifactURLExpiredError, match="dead or has expired"):
        save_job(imagined, str(tmp_path), settings=settings, provenance={})
