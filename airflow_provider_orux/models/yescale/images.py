"""Images: /v1/images/generations, chat completions (both synchronous), and YEScale Media."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from airflow_provider_orux.models.input_images import PixelSize, UrlImage
from airflow_provider_orux.models.requests import NonBlank, Ratio
from airflow_provider_orux.models.yescale.base import Family, YEScaleRequest


class OpenAIImage(YEScaleRequest):
    """A model behind POST /v1/images/generations. Undocumented beyond its name: the fields are OpenAI's."""

    family: ClassVar[Family] = "images"
    source: ClassVar[str] = "OpenAI's image API (inferred; YEScale names the path and the model)"


FluxSize = Literal[
    "1024x512", "1024x1024", "1024x576", "1024x768", "512x1024", "512x768", "1280x960", "960x1280",
    "768x1366", "768x512", "1366x768", "1344x576",
]  # fmt: skip


class FluxPro(OpenAIImage):
    """Flux, in the format of OpenAI's DALL·E 3."""

    model: ClassVar[str] = "flux-pro"
    source: ClassVar[str] = 'YEScale documentation, page "Flux (OpenAI dall-e-3 format)"'
    prompt: Annotated[NonBlank, Field(max_length=1000, description="What to make.")]
    n: Annotated[int | None, Field(ge=1, le=10, description="How many images.")] = None
    size: Annotated[FluxSize | None, Field(description="Width x height in pixels.")] = None


class DallE3(OpenAIImage):
    """DALL·E 3: one image a request."""

    model: ClassVar[str] = "dall-e-3"
    prompt: Annotated[NonBlank, Field(max_length=4000, description="What to make.")]
    n: Annotated[int, Field(ge=1, le=1, description="DALL·E 3 makes one image per request.")] = 1
    size: Literal["1024x1024", "1792x1024", "1024x1792"] = "1024x1024"
    quality: Literal["standard", "hd"] = "standard"
    style: Literal["vivid", "natural"] = "vivid"
    response_format: Literal["url", "b64_json"] = "url"


class GptImage1(OpenAIImage):
    """GPT Image 1: OpenAI's own API answers with base64 only."""

    model: ClassVar[str] = "gpt-image-1"
    prompt: Annotated[NonBlank, Field(max_length=32000, description="What to make.")]
    n: Annotated[int, Field(ge=1, le=10, description="How many images.")] = 1
    size: Literal["1024x1024", "1536x1024", "1024x1536", "auto"] = "auto"
    quality: Literal["low", "medium", "high", "auto"] = "auto"
    background: Literal["transparent", "opaque", "auto"] = "auto"
    moderation: Literal["low", "auto"] = "auto"
    output_format: Literal["png", "jpeg", "webp"] = "png"
    output_compression: Annotated[int, Field(ge=0, le=100, description="Percent, for jpeg and webp.")] = 100

    @property
    def makes_inline(self) -> bool:
        """OpenAI's GPT Image models answer with base64."""
        return True


class QwenImage(OpenAIImage):
    """Qwen Image."""

    model: ClassVar[str] = "qwen-image"
    prompt: Annotated[NonBlank, Field(description="What to make.")]
    n: Annotated[int, Field(ge=1, le=10, description="How many images.")] = 1
    size: PixelSize = "1024x1024"
    response_format: Literal["url", "b64_json"] = "url"


class GeminiFlashImage(YEScaleRequest):
    """Gemini 2.0 Flash, image generation in a chat interface."""

    model: ClassVar[str] = "gemini-2.0-flash-exp-image-generation"
    family: ClassVar[Family] = "chat"
    source: ClassVar[str] = (
        "OpenAI's chat shape, as new-api has it (inferred; YEScale's pages name the model)"
    )
    prompt: Annotated[NonBlank, Field(description="What to make.")]

    @property
    def makes_inline(self) -> bool:
        """new-api returns Gemini's images as base64 (inferred)."""
        return True


MediaImages = Annotated[list[UrlImage], Field(description="Reference images.")]


class MediaRequest(YEScaleRequest):
    """A model behind POST /task/submit. All fields but ``prompt`` and those of ``extra_body`` go into ``config``."""

    family: ClassVar[Family] = "media"
    source: ClassVar[str] = "public clients of YEScale Media (observed)"
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
    size: Annotated[NonBlank, Field(description="Resolution tier. The gateway refuses a request without it.")]
    aspect_ratio: Ratio | None = None
    images: MediaImages | None = None


class NanoBananaPro(MediaRequest):
    """Nano Banana Pro."""

    model: ClassVar[str] = "nano-banana-pro"
    aspect_ratio: Ratio | None = None
    size: Annotated[NonBlank | None, Field(description="Resolution tier.")] = None
    images: MediaImages | None = None


class GptImage2(MediaRequest):
    """GPT Image 2."""

    model: ClassVar[str] = "gpt-image-2"
    quality: Annotated[
        NonBlank, Field(description="Rendering budget. The gateway refuses a request without it.")
    ]
    size: Annotated[NonBlank | None, Field(description="Width x height in pixels.")] = None
    images: MediaImages | None = None
    mask: Annotated[UrlImage | None, Field(description="What to change.")] = None


class Seedream45(MediaRequest):
    """Seedream 4.5."""

    model: ClassVar[str] = "seedream-4.5"
    size: Annotated[Literal["1K", "2K"] | None, Field(description="Resolution tier.")] = None
    images: MediaImages | None = None
