"""The models of YEScale.

Documented by the vendor: the page "Flux (OpenAI dall-e-3 format)", the names of the other pages, Media's submission,
and part of Ideogram. The rest is the protocol of the upstream projects and of sibling gateways; each class names its
source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from airflow_provider_orux.models.input_images import InlineImage, PixelSize, UrlImage, WithImages
from airflow_provider_orux.models.requests import (
    GenerationRequest,
    HttpsUrl,
    Kind,
    NonBlank,
    Ratio,
    Verb,
)

#: A group of models with one address and one shape of answers; the part before the colon of a job id.
Family = Literal["images", "chat", "ideogram", "mj", "media", "kling-image", "kling-tryon", "suno"]


class YEScaleRequest(WithImages):
    """A request for a model of YEScale."""

    gateway: ClassVar[str] = "yescale"
    family: ClassVar[Family]


# -- /v1/images/generations: synchronous ---------------------------------------------------------------------
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


# -- /v1/chat/completions: synchronous -----------------------------------------------------------------------
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


# -- Midjourney ------------------------------------------------------------------------------------------------
#: Field, the flag it becomes, and the names under which Midjourney knows the flag.
FLAGS = (
    ("aspect_ratio", "--ar", ("ar", "aspect")),
    ("stylize", "--stylize", ("stylize", "s")),
    ("weird", "--weird", ("weird", "w")),
    ("chaos", "--chaos", ("chaos", "c")),
    ("tile", "--tile", ("tile",)),
)

MidjourneyRatio = Annotated[Ratio, Field(description='Any width:height, like "16:9". Becomes --ar.')]
PanelIndex = Annotated[int, Field(ge=1, le=4, description="Which image of the grid: 1 to 4, row by row.")]


class Midjourney(YEScaleRequest):
    """A Midjourney submission. The gateway names the models after their verbs (``mj_imagine``)."""

    family: ClassVar[Family] = "mj"
    source: ClassVar[str] = "novicezk/midjourney-proxy (YEScale's pages name the five endpoints)"

    @classmethod
    def label(cls) -> str:
        """``mj_upscale`` already contains the verb."""
        return cls.model


class MidjourneyImagine(Midjourney):
    """Midjourney imagine: a grid of four images. The options travel inside the prompt, as its flags.

    The fields are those of Orux's Midjourney, so that one DAG runs on both.
    """

    model: ClassVar[str] = "mj_imagine"
    verb: ClassVar[Verb] = "imagine"
    prompt: Annotated[NonBlank, Field(description="What to make; a flag in it wins over the field.")]
    aspect_ratio: MidjourneyRatio | None = None
    stylize: Annotated[int, Field(ge=0, le=1000, description="Artistic styling strength.")] = 100
    weird: Annotated[int, Field(ge=0, le=3000, description="Unconventional composition strength.")] = 0
    chaos: Annotated[int, Field(ge=0, le=100, description="Variance between the four images.")] = 0
    tile: Annotated[bool, Field(description="A seamless image, for textures.")] = False
    images: Annotated[
        list[InlineImage] | None, Field(min_length=1, description="Reference images (base64Array).")
    ] = None
    webhook_url: Annotated[
        HttpsUrl | None,
        Field(description="Sent as notifyHook; mostly stripped. The provider does not need it: it polls."),
    ] = None
    state: Annotated[str | None, Field(description="Your own text, returned with the task.")] = None

    def flags(self) -> Iterator[tuple[str, str, str | None]]:
        """For each given option: field, its flag, and the flag already in the prompt."""
        for name, flag, names in FLAGS:
            value = getattr(self, name)
            if name not in self.model_fields_set or value is None:
                continue
            # An em dash is what word processors make of the two hyphens; Midjourney reads it as them, and any case.
            argument = "" if isinstance(value, bool) else r"(?:\s+(?!-)[\w:.]+)?"
            held = re.search(
                rf"(?<!\S)(?:--|—)(?:{'|'.join(names)})(?![\w-]){argument}", self.prompt, re.IGNORECASE
            )
            if value is not False:
                yield name, flag if value is True else f"{flag} {value}", held[0] if held else None
            elif held:
                yield name, f"no {flag}", held[0]

    def full_prompt(self) -> str:
        """The prompt, followed by the options as flags."""
        return " ".join([self.prompt.rstrip(), *(flag for _, flag, held in self.flags() if held is None)])

    def warnings(self) -> list[str]:
        """The options overruled by flags in the prompt."""
        return [
            f"`{name}` of {self.label()} is not sent ({flag}): the prompt says {held} already, and that holds"
            for name, flag, held in self.flags()
            if held is not None and " ".join(held.split()).lower() != flag
        ]


class MidjourneyFollowUp(Midjourney):
    """A step on the grid of an earlier job that ended well and was not an upscale."""

    parent_job_id: Annotated[NonBlank, Field(description="The job that made the grid.")]


class MidjourneyUpscale(MidjourneyFollowUp):
    """One image of the grid."""

    model: ClassVar[str] = "mj_upscale"
    verb: ClassVar[Verb] = "upscale"
    index: PanelIndex


class MidjourneyVariation(MidjourneyFollowUp):
    """A new grid in the look of one image of the grid."""

    model: ClassVar[str] = "mj_variation"
    verb: ClassVar[Verb] = "variation"
    index: PanelIndex


class MidjourneyReroll(MidjourneyFollowUp):
    """The same prompt again: a new grid."""

    model: ClassVar[str] = "mj_reroll"
    verb: ClassVar[Verb] = "reroll"


class MidjourneyBlend(Midjourney):
    """A grid out of two to five images."""

    model: ClassVar[str] = "mj_blend"
    verb: ClassVar[Verb] = "blend"
    images: Annotated[
        list[InlineImage],
        Field(min_length=2, max_length=5, description="Two to five images."),
    ]
    dimensions: Annotated[
        Literal["PORTRAIT", "SQUARE", "LANDSCAPE"], Field(description="2:3, 1:1 or 3:2.")
    ] = "SQUARE"


class MidjourneyDescribe(Midjourney):
    """Prompts that describe an image: the result is text."""

    model: ClassVar[str] = "mj_describe"
    verb: ClassVar[Verb] = "describe"
    kind: ClassVar[Kind] = "text"
    image: Annotated[InlineImage, Field(description="The image to describe.")]


# -- YEScale Media ---------------------------------------------------------------------------------------------
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


# -- Ideogram 3.0: synchronous, multipart ------------------------------------------------------------------------
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


# -- Kling -------------------------------------------------------------------------------------------------------
class KlingImage(YEScaleRequest):
    """Kling image generation."""

    model: ClassVar[str] = "kling-image"
    family: ClassVar[Family] = "kling-image"
    source: ClassVar[str] = "Kling's API, as sibling gateways pass it on (inferred)"
    model_name: Annotated[str | None, Field(description='Kling\'s own model, like "kling-v1".')] = None
    prompt: Annotated[NonBlank, Field(description="What to make.")]
    negative_prompt: Annotated[str | None, Field(description="What to avoid.")] = None
    image: Annotated[UrlImage | None, Field(description="A reference image.")] = None
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


# -- Suno --------------------------------------------------------------------------------------------------------
class SunoMusic(YEScaleRequest):
    """Songs by Suno: from a description (inspiration), from lyrics (customization), or as a continuation."""

    model: ClassVar[str] = "suno_music"
    family: ClassVar[Family] = "suno"
    kind: ClassVar[Kind] = "audio"
    source: ClassVar[str] = "new-api and its siblings (inferred; YEScale's pages name the modes)"
    prompt: Annotated[NonBlank | None, Field(description="The words to sing.")] = None
    gpt_description_prompt: Annotated[NonBlank | None, Field(description="What the song is about.")] = None
    mv: Annotated[str | None, Field(description="Suno's model version.")] = None
    title: str | None = None
    tags: Annotated[str | None, Field(description="Style, in words.")] = None
    make_instrumental: Annotated[bool, Field(description="No singing.")] = False
    continue_clip_id: Annotated[str | None, Field(description="The clip to continue.")] = None
    continue_at: Annotated[float | None, Field(ge=0, description="Second of the clip to continue from.")] = (
        None
    )
    task_id: Annotated[str | None, Field(description="The raw task that made the clip.")] = None

    @model_validator(mode="after")
    def _something_to_sing(self) -> Self:
        if not (self.prompt or self.gpt_description_prompt):
            raise ValueError(
                "give `prompt` (the words to sing) or `gpt_description_prompt` (what it is about)"
            )
        return self


class SunoLyrics(YEScaleRequest):
    """The words of a song: the result is text."""

    model: ClassVar[str] = "suno_lyrics"
    family: ClassVar[Family] = "suno"
    kind: ClassVar[Kind] = "text"
    source: ClassVar[str] = "new-api and its siblings (inferred; YEScale's pages name the endpoint)"
    prompt: Annotated[NonBlank, Field(description="What the song is about.")]


#: Every typed request of this gateway. Video (Kling, Runway, Luma, Pika) goes through ``CustomRequest`` to Media.
REQUESTS: tuple[type[GenerationRequest], ...] = (
    FluxPro, DallE3, GptImage1, QwenImage, GeminiFlashImage,
    MidjourneyImagine, MidjourneyUpscale, MidjourneyVariation, MidjourneyReroll, MidjourneyBlend, MidjourneyDescribe,
    FluxKontextMax, NanoBanana2, NanoBananaPro, GptImage2, Seedream45,
    IdeogramGenerate, IdeogramEdit, IdeogramRemix,
    KlingImage, KolorsTryOn,
    SunoMusic, SunoLyrics,
)  # fmt: skip
