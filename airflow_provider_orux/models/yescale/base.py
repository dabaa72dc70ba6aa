"""What all requests of YEScale have in common."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BeforeValidator

from airflow_provider_orux.models.requests import GenerationRequest

#: A group of models with one address and one shape of answers; the part before the colon of a job id.
Family = Literal[
    "images", "edits", "chat", "ideogram", "mj", "media", "kling-image", "kling-tryon", "kling-text2video",
    "kling-image2video", "runway", "luma", "pika", "suno",
]  # fmt: skip


def _as_number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


#: For one of a few whole numbers; a rendered template is a text.
WholeNumber = BeforeValidator(_as_number)


class YEScaleRequest(GenerationRequest):
    """A request for a model of YEScale."""

    gateway: ClassVar[str] = "yescale"
    family: ClassVar[Family]
