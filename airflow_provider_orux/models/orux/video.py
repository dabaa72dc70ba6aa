"""The video models of Orux AI.

Source: the page "Videos", as far as it can be read: each model's first fields, its lengths, and which models need an
image. The tables of the models are not known. So a field may be missing here (``extra_body`` passes it), and what only
the models' makers document is a warning and never a refusal.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from airflow_provider_orux.models.fetched_files import FetchedImage, FetchedVideo
from airflow_provider_orux.models.input_images import UrlImage
from airflow_provider_orux.models.orux.base import OruxRequest, Webhook
from airflow_provider_orux.models.requests import Kind, NonBlank, Ratio

#: Seconds: "Sora and Kling do 5/10 s" (page Videos); the row of Runway Gen-3 says the same.
LENGTHS = (5, 10)
#: What the makers of Veo and Sora take (their own SDKs); Orux AI's values are not known.
RATIOS = ("16:9", "9:16")


def _length(value: int) -> int:
    if value not in LENGTHS:
        raise ValueError("must be 5 or 10")
    return value


# No limit of characters: none is documented for clips.
VideoPrompt = Annotated[NonBlank, Field(description="What happens in the clip.")]
Seconds = Annotated[
    int,
    AfterValidator(_length),
    Field(description="Length in seconds.", json_schema_extra={"enum": list(LENGTHS)}),
]
Shape = Annotated[Ratio, Field(description="Shape of the clip, width:height.")]
Start = Annotated[FetchedImage, Field(description="The image that the clip begins with.")]


class OruxVideo(OruxRequest):
    """A request for a clip: always a job."""

    kind: ClassVar[Kind] = "video"
    source: ClassVar[str] = "Orux AI documentation, page Videos"

    def warnings(self) -> list[str]:
        """Values that are not documented, and that the model's maker does not take."""
        shape: Any = getattr(self, "aspect_ratio", None)
        if shape is None or shape in RATIOS:
            return []
        return [
            f"`aspect_ratio` of {self.model} is {shape}: its maker takes {' and '.join(RATIOS)}. "
            "What Orux AI takes is not documented, so it is sent as it is."
        ]


class Veo(OruxVideo):
    """Google Veo 3.1: clips of 8 seconds, with sound if asked for. "Input image as URL or base64 data URI"."""

    prompt: VideoPrompt
    aspect_ratio: Shape | None = None
    audio: Annotated[bool, Field(description="Whether the clip has a sound track.")] | None = None
    image_url: (
        Annotated[
            UrlImage,
            Field(
                description="The image that the clip begins with. Its name on the wire is not documented: see "
                "`veo_image_field` of the connection."
            ),
        ]
        | None
    ) = None
    webhook_url: Webhook | None = None


class Veo31Quality(Veo):
    """Veo 3.1, quality tier: clips of 8 seconds, with sound if asked for."""

    model: ClassVar[str] = "veo-3.1-quality"


class Veo31Fast(Veo):
    """Veo 3.1, fast tier: cheaper, a little less detail."""

    model: ClassVar[str] = "veo-3.1-fast"


class Sora2(OruxVideo):
    """Sora 2: text to video, 5 or 10 seconds."""

    model: ClassVar[str] = "sora2"
    prompt: VideoPrompt
    duration: Seconds | None = None
    aspect_ratio: Shape | None = None
    webhook_url: Webhook | None = None


class RunwayGen3AlphaTurbo(OruxVideo):
    """Runway Gen-3 Alpha Turbo: image to video, 5 or 10 seconds."""

    model: ClassVar[str] = "runway-gen3-alpha-turbo"
    prompt: VideoPrompt
    image_url: Start
    duration: Seconds | None = None
    webhook_url: Webhook | None = None


class RunwayGen4(OruxVideo):
    """Runway Gen-4: image or text to video, up to 10 seconds."""

    model: ClassVar[str] = "runway-gen4"
    prompt: VideoPrompt
    image_url: Start | None = None
    duration: Annotated[int, Field(ge=1, le=10, description="Length in seconds.")] | None = None
    webhook_url: Webhook | None = None

    def warnings(self) -> list[str]:
        """A length that no model of this family is documented to take."""
        if self.duration is None or self.duration in LENGTHS:
            return super().warnings()
        return [
            f"`duration` of {self.model} is {self.duration}: up to 10 s are documented, but its family does 5 "
            "and 10. It is sent as it is."
        ]


class RunwayAleph(OruxVideo):
    """Runway Aleph: edits a clip as the prompt says."""

    model: ClassVar[str] = "runway-aleph"
    prompt: VideoPrompt
    video_url: Annotated[FetchedVideo, Field(description="The clip to edit.")]
    webhook_url: Webhook | None = None


class KlingI2V(OruxVideo):
    """Kling, image to video: 5 or 10 seconds."""

    prompt: VideoPrompt
    image_url: Start
    duration: Seconds | None = None
    webhook_url: Webhook | None = None


class KlingV21MasterI2V(KlingI2V):
    """Kling 2.1 Master, image to video: 5 or 10 seconds."""

    model: ClassVar[str] = "kling-v21-master-i2v"


class KlingV25I2VPro(KlingI2V):
    """Kling 2.5 Pro, image to video. Its fields are taken to be those of Kling 2.1 Master."""

    model: ClassVar[str] = "kling-v25-i2v-pro"


class KlingV21MasterT2V(OruxVideo):
    """Kling 2.1 Master, text to video: 5 or 10 seconds."""

    model: ClassVar[str] = "kling-v21-master-t2v"
    prompt: VideoPrompt
    duration: Seconds | None = None
    webhook_url: Webhook | None = None


class RunwayActTwo(OruxVideo):
    """Runway Act-Two: a character moves and speaks as the performer of another clip does."""

    model: ClassVar[str] = "runway-act-two"
    source: ClassVar[str] = "Orux AI documentation, page Audio"
    character_video_url: Annotated[FetchedVideo, Field(description="The character.")]
    driver_video_url: Annotated[FetchedVideo, Field(description="The performance to follow.")]
    webhook_url: Webhook | None = None
