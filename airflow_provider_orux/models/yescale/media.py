"""YEScale Media: images and clips behind POST /task/submit.

What a model takes is what the vendor's MCP server said in July 2026, or what clients of it send; each class names
which. Only the former is checked strictly: the list of models changes, and a model that is not here is a
``CustomRequest`` with ``prompt`` and ``config``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from airflow_provider_orux.models.input_images import UrlImage
from airflow_provider_orux.models.requests import HttpsUrl, Kind, NonBlank, Ratio
from airflow_provider_orux.models.yescale.base import Family, WholeNumber, YEScaleRequest

MCP = "YEScale's MCP server, as written down in July 2026 (second hand)"
CLIENTS = "public clients of YEScale Media (observed)"

MediaImages = Annotated[list[UrlImage], Field(description="Reference images.")]


class MediaRequest(YEScaleRequest):
    """A model behind POST /task/submit. All fields but ``prompt`` and those of ``extra_body`` go into ``config``."""

    family: ClassVar[Family] = "media"
    source: ClassVar[str] = CLIENTS
    prompt: Annotated[NonBlank, Field(description="What to make.")]


class FluxKontextMax(MediaRequest):
    """Flux Kontext Max, as in YEScale Media's own example."""

    model: ClassVar[str] = "flux-kontext[max]"
    source: ClassVar[str] = "YEScale documentation, YEScale Media"
    aspect_ratio: Ratio | None = None
    images: MediaImages | None = None


class NanoBanana2(MediaRequest):
    """Nano Banana 2."""

    model: ClassVar[str] = "nano-banana-2"
    source: ClassVar[str] = MCP
    size: Annotated[
        NonBlank, Field(description='Resolution tier, like "1K". The gateway refuses a request without it.')
    ]
    aspect_ratio: Ratio | None = None
    images: MediaImages | None = None
    google_search: Annotated[NonBlank | None, Field(description='"disable" or "both".')] = None
    thinking: Annotated[NonBlank | None, Field(description='"minimal" or "high".')] = None


class NanoBananaPro(MediaRequest):
    """Nano Banana Pro."""

    model: ClassVar[str] = "nano-banana-pro"
    aspect_ratio: Ratio | None = None
    size: Annotated[NonBlank | None, Field(description="Resolution tier.")] = None
    images: MediaImages | None = None
    google_search: Annotated[bool | None, Field(description="Whether to search the web first.")] = None


class GptImage(MediaRequest):
    """GPT Image."""

    model: ClassVar[str] = "gpt-image"
    source: ClassVar[str] = MCP
    size: Annotated[NonBlank, Field(description='Like "1024x1024", "1024x1536" or "1536x1024".')]
    quality: Annotated[NonBlank | None, Field(description='"low", "medium" or "high".')] = None
    background: Annotated[NonBlank | None, Field(description='"opaque" or "transparent".')] = None
    images: MediaImages | None = None
    mask: Annotated[UrlImage | None, Field(description="What to change.")] = None


class GptImage2(MediaRequest):
    """GPT Image 2."""

    model: ClassVar[str] = "gpt-image-2"
    quality: Annotated[
        NonBlank, Field(description="Rendering budget. The gateway refuses a request without it.")
    ]
    size: Annotated[NonBlank | None, Field(description="Width x height in pixels.")] = None
    images: MediaImages | None = None
    mask: Annotated[UrlImage | None, Field(description="What to change.")] = None


class Seedream4(MediaRequest):
    """Seedream 4.0."""

    model: ClassVar[str] = "seedream-4.0"
    size: Annotated[NonBlank | None, Field(description="Resolution tier.")] = None
    images: MediaImages | None = None


class Seedream45(MediaRequest):
    """Seedream 4.5."""

    model: ClassVar[str] = "seedream-4.5"
    size: Annotated[Literal["1K", "2K"] | None, Field(description="Resolution tier.")] = None
    images: MediaImages | None = None


class Seedream5(MediaRequest):
    """Seedream 5."""

    model: ClassVar[str] = "seedream-5"
    source: ClassVar[str] = MCP
    size: Annotated[NonBlank, Field(description='Resolution tier: "2K".')]
    images: MediaImages | None = None


class MediaVideo(MediaRequest):
    """A clip."""

    kind: ClassVar[Kind] = "video"


GrokDuration = Annotated[Literal[4, 6, 8, 10, 12, 15], WholeNumber, Field(description="Seconds.")]
OneImage = Annotated[list[UrlImage], Field(min_length=1, max_length=1, description="The first frame.")]


class GrokVideo(MediaVideo):
    """Grok, from a prompt or images."""

    model: ClassVar[str] = "grok-video"
    source: ClassVar[str] = MCP
    aspect_ratio: Literal["2:3", "3:2", "16:9", "9:16", "1:1"]
    duration: GrokDuration
    size: Literal["720P", "1080P"] | None = None
    images: MediaImages | None = None


class GrokVideo15(MediaVideo):
    """Grok 1.5, from one image."""

    model: ClassVar[str] = "grok-video-1.5"
    source: ClassVar[str] = MCP
    images: OneImage
    aspect_ratio: Literal["16:9", "9:16"]
    duration: GrokDuration
    size: Literal["720P"]


class OmniFlash(MediaVideo):
    """Omni Flash: from a prompt, images, or another clip."""

    model: ClassVar[str] = "omni-flash"
    source: ClassVar[str] = MCP
    aspect_ratio: Literal["16:9", "9:16"]
    mode: Annotated[
        Literal["t2v", "i2v(img_ref)", "i2v(first_last_frame)", "v2v"], Field(description="From what.")
    ]
    images: Annotated[list[UrlImage] | None, Field(max_length=5, description="For i2v.")] = None
    videos: Annotated[list[HttpsUrl] | None, Field(max_length=1, description="For v2v.")] = None

    @model_validator(mode="after")
    def _something_to_begin_with(self) -> Self:
        needed = {"i": "images", "v": "videos"}.get(self.mode[0])
        if needed is not None and not getattr(self, needed):
            raise ValueError(f"mode {self.mode} needs `{needed}`")
        return self


class Veo31(MediaVideo):
    """Veo 3.1, under the name that one client uses."""

    model: ClassVar[str] = "veo-3.1"
    images: Annotated[
        list[UrlImage] | None, Field(max_length=2, description="The first frame, or the first and the last.")
    ] = None
    aspect_ratio: Ratio | None = None
    size: Annotated[NonBlank | None, Field(description="Resolution tier.")] = None
    enhance_prompt: Annotated[bool | None, Field(description="Whether the prompt is rewritten.")] = None


class Veo31Other(MediaVideo):
    """Veo 3.1, under the name that another client uses."""

    model: ClassVar[str] = "veo3.1"
    aspect_ratio: Ratio | None = None
    size: Annotated[NonBlank | None, Field(description='"720p", "1080p" or "2160p".')] = None
    enhance_prompt: Annotated[bool | None, Field(description="Whether the prompt is rewritten.")] = None


class Kling25Turbo(MediaVideo):
    """Kling 2.5 Turbo through Media."""

    model: ClassVar[str] = "kling-2.5-turbo"
    duration: Annotated[int | None, Field(ge=1, description="Seconds, like 5.")] = None
    aspect_ratio: Ratio | None = None
    images: OneImage | None = None


class Hailuo23(MediaVideo):
    """Hailuo 2.3."""

    model: ClassVar[str] = "hailuo-2.3"
    duration: Annotated[int | None, Field(ge=1, description="Seconds: 6 or 10.")] = None
    size: Annotated[NonBlank | None, Field(description='"720P" or "1080P".')] = None
    images: OneImage | None = None
