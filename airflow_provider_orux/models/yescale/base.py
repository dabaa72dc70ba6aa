"""What all requests of YEScale have in common."""

from __future__ import annotations

from typing import ClassVar, Literal

from airflow_provider_orux.models.requests import GenerationRequest

#: A group of models with one address and one shape of answers; the part before the colon of a job id.
Family = Literal["images", "chat", "ideogram", "mj", "media", "kling-image", "kling-tryon", "suno"]


class YEScaleRequest(GenerationRequest):
    """A request for a model of YEScale."""

    gateway: ClassVar[str] = "yescale"
    family: ClassVar[Family]
