"""Synchronous images: /v1/images/generations, /v1/images/edits, chat completions."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from airflow_provider_orux.models.input_images import InlineImage, PixelSize
from airflow_provider_orux.models.requests import NonBlank
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
    source: ClassVar[str] = "YEScale documentation, page DALL·E 3; the limits are OpenAI's (inferred)"
    prompt: Annotated[NonBlank, Field(max_length=4000, description="What to make.")]
    n: Annotated[int, Field(ge=1, le=1, description="DALL·E 3 makes one image per request.")] = 1
    size: Literal["1024x1024", "1792x1024", "1024x1792"] = "1024x1024"
    quality: Literal["standard", "hd"] = "standard"
    style: Literal["vivid", "natural"] = "vivid"
    response_format: Literal["url", "b64_json"] = "url"
    user: Annotated[str | None, Field(description="Your own name for the end user.")] = None


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


class GptImage1Edit(OpenAIImage):
    """Edit with GPT Image 1: OpenAI's own API answers with base64 only. An image may have 25 MB at most."""

    model: ClassVar[str] = "gpt-image-1-edit"
    family: ClassVar[Family] = "edits"
    wire_model: ClassVar[str] = "gpt-image-1"
    source: ClassVar[str] = "OpenAI's image API (inferred; YEScale names the page)"
    prompt: Annotated[NonBlank, Field(max_length=32000, description="What to change.")]
    images: Annotated[
        list[InlineImage], Field(min_length=1, max_length=16, description="The images to edit.")
    ]
    mask: Annotated[
        InlineImage | None, Field(description="A PNG; where it is transparent, the first image changes.")
    ] = None
    n: Annotated[int, Field(ge=1, le=10, description="How many images.")] = 1
    size: Literal["1024x1024", "1536x1024", "1024x1536", "auto"] = "auto"
    quality: Literal["low", "medium", "high", "auto"] = "auto"
    background: Literal["transparent", "opaque", "auto"] = "auto"
    output_format: Literal["png", "jpeg", "webp"] = "png"
    input_fidelity: Annotated[
        Literal["low", "high"] | None, Field(description="How much of the images to keep.")
    ] = None

    @property
    def makes_inline(self) -> bool:
        """OpenAI's GPT Image models answer with base64."""
        return True


class QwenImageEdit(OpenAIImage):
    """Edit with Qwen Image. An image may have 25 MB at most."""

    model: ClassVar[str] = "qwen-image-edit"
    family: ClassVar[Family] = "edits"
    wire_model: ClassVar[str] = "qwen-image-edit"
    source: ClassVar[str] = "OpenAI's image API (inferred; YEScale names the page)"
    prompt: Annotated[NonBlank, Field(description="What to change.")]
    images: Annotated[list[InlineImage], Field(min_length=1, description="The images to edit.")]
    n: Annotated[int, Field(ge=1, le=10, description="How many images.")] = 1
    size: PixelSize = "1024x1024"

    @property
    def makes_inline(self) -> bool:
        """Not known: so there has to be somewhere to put bytes."""
        return True
