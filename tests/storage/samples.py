"""Files of every kind, and jobs that link to them."""

from __future__ import annotations

import io
import random
import struct
import wave
from typing import Any

from PIL import Image

from airflow_provider_orux.models.job import Artifact, Job, JobStatus


def job_of(*urls: str, job_id: str = "job-1", **facts: Any) -> Job:
    return Job(
        job_id,
        JobStatus.SUCCEEDED,
        "orux",
        artifacts=tuple(Artifact(url=url) for url in urls),
        **{"charged": "yes", **facts},
    )


def image(kind: str = "PNG", size: tuple[int, int] = (40, 30), color: int = 0, **options: Any) -> bytes:
    """The same image for the same arguments; noise, so that it does not shrink to nothing."""
    noise = random.Random(color).randbytes(3 * size[0] * size[1])
    file = io.BytesIO()
    Image.frombytes("RGB", size, noise).save(file, kind, **options)
    return file.getvalue()


def song(frames: int = 4000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"\1\2" * frames)
    return file.getvalue()


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def clip(brand: bytes = b"isom", length: int = 5000) -> bytes:
    return (
        box(b"ftyp", brand + b"\0\0\2\0" + brand) + box(b"moov", b"\0" * 100) + box(b"mdat", b"\7" * length)
    )
