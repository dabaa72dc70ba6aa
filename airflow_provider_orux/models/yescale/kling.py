"""Kling images, and Kolors try-on."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from airflow_provider_orux.models.input_images import UrlImage
from airflow_provider_orux.models.requests import NonBlank, Ratio
from airflow_provider_orux.models.yescale.base import Family, YEScaleRequest


class KlingImage(YEScaleRequest):
    """Kling image generation."""

    model: ClassVar[str] = "kling-image"
    family: ClassVar[Family] = "kling-image"
    source: ClassVar[str] = (
        'YEScale documentation, page "Submit Image Generation"; `model_name`: sibling gateways (inferred)'
    )
    model_name: Annotated[str | None, Field(description='Kling\'s own model, like "kling-v1".')] = None
    prompt: Annotated[NonBlank, Field(description="What to make.")]
    negative_prompt: Annotated[str | None, Field(description="What to avoid.")] = None
    image: Annotated[UrlImage | None, Field(description="A reference image.")] = None
    image_fidelity: Annotated[
        float | None, Field(description="How closely to follow the reference image.")
    ] = None
    n: Annotated[int, Field(ge=1, le=9, description="How many images.")] = 1
    aspect_ratio: Ratio | None = None


class KolorsTryOn(YEScaleRequest):
    """Kolors virtual try-on: a person in other clothes."""

    model: ClassVar[str] = "kolors-virtual-try-on"
    family: ClassVar[Family] = "kling-tryon"
    source: ClassVar[str] = "Kling's API, as sibling gateways pass it on (inferred)"
    model_name: Annotated[str | None, Field(description="Kling's own model.")] = None
    human_image: Annotated[UrlImage, Field(description="The person.")]
    cloth_image: Annotated[UrlImage | None, Field(description="The clothes.")] = None
