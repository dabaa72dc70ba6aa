"""The models of OpenGPU Relay, in its two generations.

Generation 1 is the page "Image Generation"; generation 2 is the vendor's current documentation. A class belongs to
one generation; where both have a model, the class of generation 1 is called ``Gen1…``. The default of a field is the
vendor's, and is not sent.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from airflow_provider_orux.models.input_images import InlineImage, PixelSize, UrlImage
from airflow_provider_orux.models.relay_names import RELAY_MODELS
from airflow_provider_orux.models.requests import GenerationRequest, HttpsUrl, NonBlank


def _tiered_size(value: str) -> str:
    if not re.fullmatch(r"1K|2K|[1-9]\d{1,4}x[1-9]\d{1,4}", value):
        raise ValueError("must be 1K, 2K, or width x height in pixels, like 2048x2048")
    return value


Prompt = Annotated[NonBlank, Field(description="What to make.")]
EditPrompt = Annotated[NonBlank, Field(description="What to change.")]
LongPrompt = Annotated[NonBlank, Field(max_length=32000, description="What to make.")]
Seed = Annotated[int, Field(description="For reproducible generation.")]
Side = Annotated[int, Field(ge=64, multiple_of=32, description="Pixels, a multiple of 32.")]
LimitedSide = Annotated[int, Field(ge=64, le=2048, multiple_of=32, description="Pixels, a multiple of 32.")]
Safety = Annotated[int, Field(ge=0, le=6, description="0 is the strictest, 6 the least strict.")]
UpToFour = Annotated[int, Field(ge=1, le=4, description="How many images.")]
GeminiRatio = Literal["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]
Reference = Annotated[InlineImage, Field(description="A reference image.")]
Source = Annotated[UrlImage, Field(description="The reference image.")]
InlineSource = Annotated[InlineImage, Field(description="The image to edit.")]
Sources = Annotated[list[UrlImage], Field(min_length=1, max_length=14, description="The reference images.")]
Compression = Annotated[int | None, Field(ge=0, le=100, description="Percent, for jpeg and webp.")]
TieredSize = Annotated[
    str, AfterValidator(_tiered_size), Field(description="1K, 2K, or width x height in pixels.")
]
OutputFormat = Literal["png", "jpeg", "webp"]
#: Pixels of the largest image of Seedream; a larger size is a 422.
SEEDREAM_PIXELS = 4_624_220


class RelayRequest(GenerationRequest):
    """A request for a model of OpenGPU Relay."""

    gateway: ClassVar[str] = "opengpu_relay"
    #: Which generation of the vendor's interface has it.
    generation: ClassVar[int]
    #: The route of the model.
    path: ClassVar[str]
    #: True if the answer is documented to be base64; the reader checks the value anyway.
    inline: ClassVar[bool] = False
    #: How the route takes images that are not URLs.
    image_form: ClassVar[Literal["base64", "data_url"]] = "base64"

    @property
    def makes_inline(self) -> bool:
        """True if the answer is documented to be base64."""
        return self.inline


# -- Generation 1 ------------------------------------------------------------------------------------------------
class Generation1(RelayRequest):
    """A request of generation 1. Fields missing from its page are refused."""

    generation: ClassVar[int] = 1
    availability: ClassVar[str] = "generation 1 only"
    source: ClassVar[str] = 'OpenGPU Relay documentation, page "Image Generation" (generation 1)'


class StableDiffusion(Generation1):
    """Stable Diffusion text to image; each checkpoint is a class. Generation 1 only."""

    path: ClassVar[str] = "/v2/automatic1111/sdapi/v1/txt2img"
    inline: ClassVar[bool] = True
    prompt: Prompt
    negative_prompt: Annotated[str | None, Field(description="What to avoid.")] = None
    steps: Annotated[int, Field(description="Denoising steps.")] = 20
    width: Annotated[int, Field(description="Pixels.")] = 512
    height: Annotated[int, Field(description="Pixels.")] = 512
    cfg_scale: Annotated[float, Field(description="How closely to follow the prompt.")] = 7


class RealisticVision(StableDiffusion):
    """Realistic Vision 5.1, the route's default checkpoint."""

    model: ClassVar[str] = "Realistic_Vision_V5.1.safetensors"


class IllustriousRealism(StableDiffusion):
    """Illustrious Realism."""

    model: ClassVar[str] = "illustriousRealismBy_v10VAE.safetensors"


class StableDiffusion15(StableDiffusion):
    """Stable Diffusion 1.5."""

    model: ClassVar[str] = "stable-diffusion-v1-5-pruned.safetensors"


class Gen1Flux2Pro(Generation1):
    """FLUX.2 pro, with up to four reference images."""

    model: ClassVar[str] = "black-forest-labs/FLUX-2-pro"
    path: ClassVar[str] = "/v2/image/flux/generate"
    inline: ClassVar[bool] = True
    prompt: Prompt
    width: Side = 1024
    height: Side = 1024
    seed: Seed | None = None
    safety_tolerance: Safety = 2
    output_format: Literal["png", "jpeg"] = "png"
    input_image: Reference | None = None
    input_image_2: Reference | None = None
    input_image_3: Reference | None = None
    input_image_4: Reference | None = None


class Gen1Gemini3Pro(Generation1):
    """Gemini 3 Pro, text to image."""

    model: ClassVar[str] = "google/gemini-3-pro-T2I"
    path: ClassVar[str] = "/v2/image/gemini-3/generate"
    inline: ClassVar[bool] = True
    prompt: Prompt
    aspect_ratio: GeminiRatio = "1:1"
    image_size: Literal["1K", "2K", "4K"] = "1K"


class Gen1GptImage15(Generation1):
    """GPT Image 1.5, text to image; answers with URLs."""

    model: ClassVar[str] = "openai/gpt-image-1.5-T2I"
    path: ClassVar[str] = "/v2/image/gpt-image/generate"
    prompt: Prompt
    size: Literal["1024x1024", "1536x1024", "1024x1536", "auto"] = "1024x1024"
    quality: Literal["auto", "low", "medium", "high"] = "auto"
    n: UpToFour = 1


class Gen1GptImage15Edit(Generation1):
    """GPT Image 1.5, editing; answers with URLs. Its table does not list the sizes."""

    model: ClassVar[str] = "openai/gpt-image-1.5-I2I"
    path: ClassVar[str] = "/v2/image/gpt-image/edit"
    prompt: EditPrompt
    image: InlineSource
    mask: Annotated[InlineImage | None, Field(description="White is the part to edit.")] = None
    size: Annotated[NonBlank, Field(description="Width x height in pixels.")] = "1024x1024"
    quality: Literal["auto", "low", "medium", "high"] = "auto"
    n: UpToFour = 1


class Gen1QwenImage(Generation1):
    """Qwen Image; answers with URLs."""

    model: ClassVar[str] = "Qwen/qwen-image"
    path: ClassVar[str] = "/v2/image/qwen/generate"
    prompt: Prompt
    size: PixelSize = "1024x1024"
    seed: Seed | None = None


class Gen1QwenImageEdit(Generation1):
    """Qwen Image Edit; answers with URLs."""

    model: ClassVar[str] = "Qwen/qwen-image-edit"
    path: ClassVar[str] = "/v2/image/qwen/edit"
    prompt: EditPrompt
    image: Source
    size: PixelSize = "1024x1024"
    seed: Seed | None = None


# -- Generation 2 ------------------------------------------------------------------------------------------------
class Generation2(RelayRequest):
    """A request of generation 2, with the fields that all its routes have. An unknown field is refused (422)."""

    generation: ClassVar[int] = 2
    availability: ClassVar[str] = "generation 2 only"
    source: ClassVar[str] = "OpenGPU Relay documentation (generation 2)"
    #: Whether the route keeps what it makes (``store_output_supported`` of GET /v2/models); others answer 422.
    stores_output: ClassVar[bool] = False
    mode: Annotated[Literal["auto", "direct"], Field(description="How the work is placed.")] = "auto"
    webhook_url: Annotated[
        HttpsUrl | None,
        Field(description="Gets one signed POST at the end. The provider does not need it: it polls."),
    ] = None
    store_output: Annotated[
        Literal["provider", "relay1d", "relay7d", "relay30d"] | None,
        Field(
            description="How long images and job are kept: an hour (provider) or days. Routes that answer in base64 "
            "take provider only."
        ),
    ] = None


class Flux2Pro(Generation2):
    """FLUX.2 pro, with up to four reference images."""

    model: ClassVar[str] = "black-forest-labs/FLUX-2-pro"
    path: ClassVar[str] = "/v2/image/flux/generate"
    inline: ClassVar[bool] = True
    prompt: Prompt
    width: LimitedSide = 1024
    height: LimitedSide = 1024
    seed: Seed | None = None
    safety_tolerance: Safety = 2
    output_format: Literal["png", "jpeg"] = "png"
    input_image: Reference | None = None
    input_image_2: Reference | None = None
    input_image_3: Reference | None = None
    input_image_4: Reference | None = None


class Gemini3ProImage(Generation2):
    """Gemini 3 Pro Image, with up to fourteen reference images."""

    model: ClassVar[str] = "google/gemini-3-pro-image"
    path: ClassVar[str] = "/v2/image/gemini-3/generate"
    inline: ClassVar[bool] = True
    prompt: Prompt
    aspect_ratio: GeminiRatio = "1:1"
    image_size: Literal["1K", "2K", "4K"] = "1K"
    image: Reference | None = None
    images: Annotated[
        list[InlineImage] | None, Field(min_length=1, max_length=14, description="The reference images.")
    ] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.image is not None and self.images is not None:
            raise ValueError("give `image` or `images`, not both")
        return self


class GptImage15(Generation2):
    """GPT Image 1.5, text to image."""

    model: ClassVar[str] = "openai/gpt-image-1.5-T2I"
    path: ClassVar[str] = "/v2/image/gpt-image/generate"
    inline: ClassVar[bool] = True
    prompt: LongPrompt
    size: Literal["1024x1024", "1536x1024", "1024x1536"] = "1024x1024"
    quality: Literal["low", "medium", "high"] = "medium"
    n: UpToFour = 1
    output_format: OutputFormat | None = None
    output_compression: Compression = None


class GptImage15Edit(GptImage15):
    """GPT Image 1.5, editing."""

    model: ClassVar[str] = "openai/gpt-image-1.5-I2I"
    path: ClassVar[str] = "/v2/image/gpt-image/edit"
    image: InlineSource
    mask: Annotated[InlineImage | None, Field(description="Transparent is the part to edit.")] = None


class QwenImage(Generation2):
    """Qwen Image; answers with URLs."""

    model: ClassVar[str] = "Qwen/qwen-image"
    path: ClassVar[str] = "/v2/image/qwen/generate"
    stores_output: ClassVar[bool] = True
    prompt: Prompt
    size: PixelSize = "1024x1024"
    seed: Seed | None = None


class QwenImageEdit(Generation2):
    """Qwen Image Edit; answers with URLs."""

    model: ClassVar[str] = "Qwen/qwen-image-edit"
    path: ClassVar[str] = "/v2/image/qwen/edit"
    stores_output: ClassVar[bool] = True
    prompt: EditPrompt
    image: Source
    size: PixelSize = "1024x1024"
    seed: Seed | None = None


class GptImage2(Generation2):
    """GPT Image 2, text to image and editing."""

    model: ClassVar[str] = "openai/gpt-image-2"
    path: ClassVar[str] = "/v2/image/gpt-image-2/generate"
    inline: ClassVar[bool] = True
    prompt: LongPrompt
    image: Annotated[
        InlineImage | list[InlineImage] | None, Field(description="The image to edit, or several.")
    ] = None
    mask: Annotated[InlineImage | None, Field(description="The part to edit; with one image only.")] = None
    size: Literal["1024x768", "1024x1024", "1024x1536", "1536x1024", "2560x1440", "3840x2160"] = "1024x1024"
    quality: Literal["low", "medium", "high", "auto", "xhigh", "max"] = "high"
    n: Annotated[int, Field(ge=1, le=10, description="How many images.")] = 1
    output_format: Literal["png", "jpeg"] | None = None
    output_compression: Compression = None

    @model_validator(mode="after")
    def _one_image_for_a_mask(self) -> Self:
        if self.mask is not None and isinstance(self.image, list) and len(self.image) > 1:
            raise ValueError("`mask` works with a single `image` only")
        return self


class Seedream5Pro(Generation2):
    """Seedream 5.0 pro; answers with URLs."""

    model: ClassVar[str] = "ByteDance/doubao-seedream-5-0-pro-260628"
    path: ClassVar[str] = "/v2/image/seedream-5-0-pro/generate"
    stores_output: ClassVar[bool] = True
    image_form: ClassVar[Literal["base64", "data_url"]] = "data_url"
    prompt: Prompt
    images: Sources | None = None
    size: TieredSize = "2048x2048"
    watermark: bool | None = None
    output_format: Literal["png", "jpeg"] = "jpeg"

    @model_validator(mode="after")
    def _small_enough(self) -> Self:
        width, _, height = self.size.partition("x")
        if height and int(width) * int(height) > SEEDREAM_PIXELS:
            raise ValueError(f"`size` {self.size} has more than {SEEDREAM_PIXELS} pixels")
        return self


class Wan27ImagePro(Generation2):
    """Wan 2.7 Image Pro, from a prompt, images, or both; answers with URLs."""

    model: ClassVar[str] = "Wan-AI/Wan2.7-Image-Pro"
    path: ClassVar[str] = "/v2/image/wan-2-7-image-pro/generate"
    stores_output: ClassVar[bool] = True
    image_form: ClassVar[Literal["base64", "data_url"]] = "data_url"
    prompt: Prompt | None = None
    image: Source | None = None
    images: Annotated[list[UrlImage] | None, Field(min_length=1)] = None
    size: Annotated[NonBlank | None, Field(description="Width x height in pixels.")] = None
    n: Annotated[int, Field(ge=1, le=16, description="How many images; above 4 with enable_sequential.")] = 1
    seed: Seed | None = None
    watermark: bool | None = None
    thinking_mode: bool | None = None
    enable_sequential: bool | None = None

    @model_validator(mode="after")
    def _something_to_go_by(self) -> Self:
        if self.prompt is None and self.image is None and self.images is None:
            raise ValueError("give `prompt`, `image` or `images`")
        if self.n > 4 and not self.enable_sequential:
            raise ValueError("`n` above 4 needs `enable_sequential`")
        return self


#: Every typed request of this gateway, generation 2 first; a gateway takes those of its generation.
REQUESTS: tuple[type[GenerationRequest], ...] = (
    Flux2Pro, Gemini3ProImage, GptImage15, GptImage15Edit, QwenImage, QwenImageEdit, GptImage2, Seedream5Pro,
    Wan27ImagePro,
    RealisticVision, IllustriousRealism, StableDiffusion15, Gen1Flux2Pro, Gen1Gemini3Pro, Gen1GptImage15,
    Gen1GptImage15Edit, Gen1QwenImage, Gen1QwenImageEdit,
)  # fmt: skip

#: Models that this gateway takes by name, and describes in its own catalogue (generation 2).
BY_NAME = RELAY_MODELS
