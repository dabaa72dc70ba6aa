"""The image models of Orux AI: exactly the fields, values and defaults of the vendor's tables.

Source of every field: the page "Images" of the Orux AI documentation (per-model tables). Where its shared table
and a per-model table disagree, the per-model table holds, because the gateway refuses what is not in it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from airflow_provider_orux.models.fetched_files import FetchedImage
from airflow_provider_orux.models.orux.base import OruxRequest, Prompt, Webhook
from airflow_provider_orux.models.requests import NonBlank, Ratio, Verb

Seed = Annotated[
    int, Field(description="Best effort: the same seed, prompt and model usually give the same image.")
]
Count = Annotated[int, Field(ge=1, le=4, description="How many images.")]
FluxRatio = Literal["21:9", "16:9", "4:3", "1:1", "3:4", "9:16"]

SHAPE = "Shape of the image, width:height."
# A description beside the default and not in an Annotated: typing takes two Literals of the same values for one, and
# would give both models the order of the first.


class GptImage2(OruxRequest):
    """GPT-Image-2: OpenAI native image generation."""

    model: ClassVar[str] = "gpt-image-2"
    prompt: Prompt
    size: Annotated[
        Literal["1024x1024", "1536x1024", "1024x1536", "auto"], Field(description="Width x height in pixels.")
    ] = "1024x1024"
    quality: Annotated[Literal["low", "medium", "high", "auto"], Field(description="Rendering budget.")] = (
        "auto"
    )
    n: Count = 1
    response_format: Annotated[
        Literal["url", "b64_json"], Field(description="A temporary URL, or the bytes as base64.")
    ] = "url"
    webhook_url: Webhook | None = None


class Gemini3ProImage(OruxRequest):
    """Gemini 3 Pro Image: Google Imagen variant via Gemini 3 Pro."""

    model: ClassVar[str] = "gemini-3-pro-image"
    prompt: Prompt
    aspect_ratio: Literal["1:1", "16:9", "9:16", "4:3", "3:4", "21:9"] = Field(
        default="1:1", description=SHAPE
    )
    n: Count = 1
    seed: Seed | None = None
    webhook_url: Webhook | None = None


class FluxKontextPro(OruxRequest):
    """Flux Kontext Pro: prompt-driven edit and generation with a reference image."""

    model: ClassVar[str] = "flux-kontext-pro"
    prompt: Prompt
    aspect_ratio: FluxRatio = Field(default="1:1", description=SHAPE)
    prompt_upsampling: Annotated[
        bool, Field(description="Whether the upstream rewrites the prompt for higher quality.")
    ] = False
    seed: Seed | None = None
    reference_image_url: (
        Annotated[FetchedImage, Field(description="Reference image to condition on.")] | None
    ) = None
    webhook_url: Webhook | None = None


class FluxKontextMax(OruxRequest):
    """Flux Kontext Max: higher quality, longer latency."""

    model: ClassVar[str] = "flux-kontext-max"
    prompt: Prompt
    aspect_ratio: FluxRatio = Field(default="1:1", description=SHAPE)
    reference_image_url: (
        Annotated[FetchedImage, Field(description="Reference image to condition on.")] | None
    ) = None
    seed: Seed | None = None
    webhook_url: Webhook | None = None


class RunwayGen4Image(OruxRequest):
    """Runway Gen-4 still images, with up to three reference images."""

    model: ClassVar[str] = "runway-gen4-image"
    prompt: Prompt
    aspect_ratio: Literal["16:9", "9:16", "1:1", "4:3", "3:4"] = Field(default="16:9", description=SHAPE)
    reference_images: (
        Annotated[list[FetchedImage], Field(max_length=3, description="Up to 3 reference images.")] | None
    ) = None
    seed: Seed | None = None
    webhook_url: Webhook | None = None


class MidjourneyV7(OruxRequest):
    """Midjourney v7 imagine: a grid of four images, and a job that upscale, variation and reroll refer to."""

    model: ClassVar[str] = "midjourney-v7"
    verb: ClassVar[Verb] = "imagine"
    prompt: Prompt
    aspect_ratio: Annotated[Ratio, Field(description='Any width:height, like "16:9" or "7:4".')] | None = None
    stylize: Annotated[int, Field(ge=0, le=1000, description="Artistic styling strength.")] = 100
    weird: Annotated[int, Field(ge=0, le=3000, description="Unconventional composition strength.")] = 0
    chaos: Annotated[int, Field(ge=0, le=100, description="Variance between the four images.")] = 0
    tile: Annotated[bool, Field(description="A seamless image, for textures.")] = False
    reference_images: (
        Annotated[
            list[FetchedImage],
            Field(
                description="Reference images. The page's prose has them, the model's table has not: see "
                "`midjourney_references` of the connection.",
            ),
        ]
        | None
    ) = None
    webhook_url: Webhook | None = None


class Seedream4(OruxRequest):
    """Seedream 4.0: strong Chinese-language prompts."""

    model: ClassVar[str] = "seedream-4-0"
    prompt: Prompt
    size: Annotated[Literal["1K", "2K", "4K"], Field(description="Resolution tier.")] = "2K"
    aspect_ratio: Literal["1:1", "16:9", "9:16", "4:3", "3:4"] = Field(default="1:1", description=SHAPE)
    watermark: Annotated[bool, Field(description="Whether the upstream adds a watermark.")] = False
    webhook_url: Webhook | None = None


class QwenImageEdit(OruxRequest):
    """Qwen Image Edit: region-targeted edits of an image."""

    model: ClassVar[str] = "qwen-image-edit"
    prompt: Prompt
    image_url: Annotated[FetchedImage, Field(description="The image to edit.")]
    webhook_url: Webhook | None = None


class RecraftV3(OruxRequest):
    """Recraft v3: vector-art friendly."""

    model: ClassVar[str] = "recraft-v3"
    prompt: Prompt
    style: Annotated[
        str, Field(description='Style id, like "digital_illustration" or "vector_illustration".')
    ] | None = None  # fmt: skip
    webhook_url: Webhook | None = None


PanelIndex = Annotated[int, Field(ge=1, le=4, description="Which image of the grid: 1 to 4, row by row.")]


class MidjourneyFollowUp(OruxRequest):
    """A step on the grid of an earlier job. ``parent_job_id`` is the job that made the grid."""

    model: ClassVar[str] = "midjourney-v7"
    parent_job_id: Annotated[NonBlank, Field(description="The job that made the grid.")]


class MidjourneyUpscale(MidjourneyFollowUp):
    """One image of the grid, at full resolution."""

    verb: ClassVar[Verb] = "upscale"
    index: PanelIndex


class MidjourneyVariation(MidjourneyFollowUp):
    """A new grid in the look of one image of the grid."""

    verb: ClassVar[Verb] = "variation"
    index: PanelIndex


class MidjourneyReroll(MidjourneyFollowUp):
    """The same prompt again: a new grid. It takes no index (the page's diagram; its prose says otherwise)."""

    verb: ClassVar[Verb] = "reroll"
