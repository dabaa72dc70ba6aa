"""Ideogram 3.0: synchronous, multipart."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from airflow_provider_orux.models.input_images import InlineImage, PixelSize
from airflow_provider_orux.models.requests import NonBlank
from airflow_provider_orux.models.yescale.base import Family, YEScaleRequest


def _ideogram_ratio(value: str) -> str:
    if not re.fullmatch(r"[1-9]\d?x[1-9]\d?", value):
        raise ValueError("must be width x height in whole numbers, like 16x9")
    return value


IdeogramRatio = Annotated[str, AfterValidator(_ideogram_ratio), Field(description='Like "16x9".')]


class Ideogram(YEScaleRequest):
    """Shared by the three Ideogram 3.0 requests. An image may have 10 MB at most, as may all style references."""

    family: ClassVar[Family] = "ideogram"
    source: ClassVar[str] = "YEScale documentation, page Ideogram 3.0 (in part); Ideogram's own API"
    prompt: Annotated[NonBlank, Field(description="What to make.")]
    seed: Annotated[int | None, Field(ge=0, le=2147483647, description="For reproducible generation.")] = None
    rendering_speed: Literal["TURBO", "DEFAULT", "QUALITY"] | None = None
    magic_prompt: Annotated[
        Literal["AUTO", "ON", "OFF"] | None, Field(description="Whether the prompt is rewritten.")
    ] = None
    num_images: Annotated[int, Field(ge=1, le=8, description="How many images.")] = 1
    color_palette: Annotated[dict[str, Any] | None, Field(description="A preset's name, or members.")] = None
    style_codes: Annotated[list[str] | None, Field(description="Hexadecimal codes of styles.")] = None
    style_type: Literal["AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION"] | None = None
    style_reference_images: Annotated[
        list[InlineImage] | None, Field(description="Style reference images.")
    ] = None

    @property
    def count(self) -> int | None:
        """``num_images``."""
        return self.num_images


class IdeogramSized(Ideogram):
    """A request with a resolution or an aspect ratio, not both."""

    resolution: PixelSize | None = None
    aspect_ratio: IdeogramRatio | None = None

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.resolution is not None and self.aspect_ratio is not None:
            raise ValueError("`resolution` and `aspect_ratio` exclude each other")
        return self


class IdeogramGenerate(IdeogramSized):
    """Generate with Ideogram 3.0."""

    model: ClassVar[str] = "ideogram-v3-generate"


class IdeogramEdit(Ideogram):
    """Edit with Ideogram 3.0: the black part of the mask is regenerated."""

    model: ClassVar[str] = "ideogram-v3-edit"
    image: Annotated[InlineImage, Field(description="The image to edit.")]
    mask: Annotated[InlineImage, Field(description="The part to change, in the image's size.")]


class IdeogramRemix(IdeogramSized):
    """Remix with Ideogram 3.0."""

    model: ClassVar[str] = "ideogram-v3-remix"
    image: Annotated[InlineImage, Field(description="The reference image.")]
    image_weight: Annotated[int | None, Field(ge=1, le=100, description="How much of the image to keep.")] = (
        None
    )
