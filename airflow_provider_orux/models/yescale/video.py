"""The classic video pages: Kling, Runway, Luma, Pika. Each field says so where it is not documented by YEScale."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from typing_extensions import Self

from airflow_provider_orux.models.input_images import UrlImage
from airflow_provider_orux.models.requests import HttpsUrl, Kind, NonBlank, Ratio
from airflow_provider_orux.models.yescale.base import Family, WholeNumber, YEScaleRequest

#: Kling's movements of the camera (documented: page "Create Video by Image").
CAMERA_MOVEMENTS = ("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward")


def _camera(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("type") not in CAMERA_MOVEMENTS:
        raise ValueError(f"its `type` must be one of {', '.join(CAMERA_MOVEMENTS)}")
    return value


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


#: A number that goes over the wire as a text.
TextNumber = BeforeValidator(_as_text)


class Video(YEScaleRequest):
    """A clip from a prompt, an image, or both."""

    kind: ClassVar[Kind] = "video"


class KlingVideo(Video):
    """What Kling's two pages share."""

    source: ClassVar[str] = (
        'YEScale documentation, page "Create Video by Image" (the names up to `camera_control`); Kling\'s API, as '
        "sibling gateways pass it on (inferred)"
    )
    model_name: Annotated[
        NonBlank,
        Field(description='Kling\'s own model: "kling-v1", "kling-v1-5" or "kling-v1-6", or a later one.'),
    ]
    mode: Annotated[Literal["std", "pro"], Field(description="Quality.")]
    negative_prompt: Annotated[str | None, Field(description="What to avoid.")] = None
    cfg_scale: Annotated[
        float | None, Field(ge=0, le=1, description="How closely to follow the prompt. Not for kling-v2.")
    ] = None
    camera_control: Annotated[
        dict[str, Any] | None,
        AfterValidator(_camera),
        Field(description=f"`type` ({', '.join(CAMERA_MOVEMENTS)}) and, for simple, `config`."),
    ] = None
    duration: Annotated[
        Literal["5", "10"] | None, TextNumber, Field(description="Seconds; sent as a text.")
    ] = None


class KlingTextToVideo(KlingVideo):
    """A clip by Kling from a prompt."""

    model: ClassVar[str] = "kling-text2video"
    family: ClassVar[Family] = "kling-text2video"
    prompt: Annotated[NonBlank, Field(description="What to make.")]
    aspect_ratio: Literal["16:9", "9:16", "1:1"] | None = None


class KlingImageToVideo(KlingVideo):
    """A clip by Kling that begins with an image."""

    model: ClassVar[str] = "kling-image2video"
    family: ClassVar[Family] = "kling-image2video"
    image: Annotated[UrlImage, Field(description="The first frame.")]
    prompt: Annotated[NonBlank, Field(description="What happens.")]
    image_tail: Annotated[UrlImage | None, Field(description="The last frame.")] = None
    static_mask: Annotated[UrlImage | None, Field(description="What does not move.")] = None


class RunwayVideo(Video):
    """A clip by Runway that begins with an image."""

    model: ClassVar[str] = "runway-video"
    family: ClassVar[Family] = "runway"
    source: ClassVar[str] = "Runway's API, as sibling gateways pass it on (inferred; YEScale names the pages)"
    version: Annotated[
        NonBlank, Field(description='Runway\'s own model, like "gen4_turbo" or "gen3a_turbo".')
    ]
    image: Annotated[UrlImage, Field(description="The first frame.")]
    image_tail: Annotated[UrlImage | None, Field(description="The last frame, for gen3a_turbo.")] = None
    prompt: Annotated[NonBlank | None, Field(description="What happens. gen3a_turbo needs it.")] = None
    duration: Annotated[Literal[5, 10] | None, WholeNumber, Field(description="Seconds.")] = None
    ratio: Annotated[NonBlank | None, Field(description='Width:height in pixels, like "1280:720".')] = None
    seed: Annotated[int | None, Field(ge=0, le=4294967295, description="For reproducible generation.")] = None
    watermark: bool | None = None

    @model_validator(mode="after")
    def _words(self) -> Self:
        if self.version == "gen3a_turbo" and self.prompt is None:
            raise ValueError("gen3a_turbo needs a `prompt`")
        return self


class LumaVideo(Video):
    """A clip by Luma."""

    model: ClassVar[str] = "luma-video"
    family: ClassVar[Family] = "luma"
    source: ClassVar[str] = 'YEScale documentation, page "Create Video by Luma"'
    prompt: Annotated[NonBlank, Field(description="What to make (user_prompt).")]
    expand_prompt: Annotated[bool | None, Field(description="Whether the prompt is rewritten.")] = None
    loop: Annotated[bool | None, Field(description="Whether the end joins the beginning.")] = None
    image_url: Annotated[UrlImage | None, Field(description="The first frame.")] = None
    image_end_url: Annotated[UrlImage | None, Field(description="The last frame.")] = None
    aspect_ratio: Literal["1:1", "4:3", "3:4", "16:9", "9:16"] | None = None


class PikaVideo(Video):
    """A clip by Pika."""

    model: ClassVar[str] = "pika-video"
    family: ClassVar[Family] = "pika"
    source: ClassVar[str] = "sibling gateways (inferred); YEScale documents the query"
    prompt: Annotated[NonBlank, Field(description="What to make (promptText).")]
    version: Annotated[NonBlank | None, Field(description='Pika\'s own model: "1.5" or "2.0".')] = None
    effect: Annotated[NonBlank | None, Field(description='A Pikaffect, like "Melt" or "Cake-ify".')] = None
    image: Annotated[UrlImage | None, Field(description="The first frame. It decides the shape.")] = None
    video: Annotated[HttpsUrl | None, Field(description="A clip to change.")] = None
    aspect_ratio: Annotated[Ratio | None, Field(description="Only without an image.")] = None
    frame_rate: Annotated[int | None, Field(ge=1, description="Frames a second, like 24.")] = None
    guidance_scale: Annotated[
        float | None, Field(description="How closely to follow the prompt, like 12.")
    ] = None
    motion: Annotated[float | None, Field(description="How much moves, like 1.")] = None
    negative_prompt: Annotated[str | None, Field(description="What to avoid.")] = None

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if self.image is not None and self.aspect_ratio is not None:
            raise ValueError("`image` and `aspect_ratio` exclude each other: the image decides the shape")
        return self
