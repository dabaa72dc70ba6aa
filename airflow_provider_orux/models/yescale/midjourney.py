"""Midjourney on YEScale."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from airflow_provider_orux.models.input_images import InlineImage
from airflow_provider_orux.models.requests import HttpsUrl, Kind, NonBlank, Ratio, Verb
from airflow_provider_orux.models.yescale.base import Family, YEScaleRequest

#: Field, the flag it becomes, and the names under which Midjourney knows the flag.
FLAGS = (
    ("aspect_ratio", "--ar", ("ar", "aspect")),
    ("stylize", "--stylize", ("stylize", "s")),
    ("weird", "--weird", ("weird", "w")),
    ("chaos", "--chaos", ("chaos", "c")),
    ("tile", "--tile", ("tile",)),
)

#: Where the steps are from that YEScale lists no page for.
BUTTONS = "midjourney-proxy-plus and new-api (inferred; not among YEScale's pages)"

MidjourneyRatio = Annotated[Ratio, Field(description='Any width:height, like "16:9". Becomes --ar.')]
BotType = Annotated[
    Literal["MID_JOURNEY", "NIJI_JOURNEY"],
    Field(description="Which bot. Always sent: the page marks it required."),
]
PanelIndex = Annotated[int, Field(ge=1, le=4, description="Which image of the grid: 1 to 4, row by row.")]


class Midjourney(YEScaleRequest):
    """A Midjourney submission. The gateway names the models after their verbs (``mj_imagine``)."""

    family: ClassVar[Family] = "mj"
    source: ClassVar[str] = (
        "YEScale documentation (imagine, describe, the query; in part) and novicezk/midjourney-proxy (inferred)"
    )

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
    reference_images: Annotated[
        list[InlineImage] | None, Field(min_length=1, description="Reference images (base64Array).")
    ] = None
    webhook_url: Annotated[
        HttpsUrl | None,
        Field(description="Sent as notifyHook; mostly stripped. The provider does not need it: it polls."),
    ] = None
    state: Annotated[str | None, Field(description="Your own text, returned with the task.")] = None
    bot_type: BotType = "MID_JOURNEY"

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
    bot_type: BotType = "MID_JOURNEY"


class MidjourneyDescribe(Midjourney):
    """Four prompts that describe an image: the result is text, and ``prompts`` a list of them."""

    model: ClassVar[str] = "mj_describe"
    verb: ClassVar[Verb] = "describe"
    kind: ClassVar[Kind] = "text"
    image: Annotated[InlineImage, Field(description="The image to describe.")]
    bot_type: BotType = "MID_JOURNEY"


class MidjourneyAction(Midjourney):
    """What a button under a Midjourney job does: zoom out, pan, vary, upscale in another way.

    A job's ``buttons`` say which it has, by name, and the id of each. Not among YEScale's pages.
    """

    model: ClassVar[str] = "mj_action"
    source: ClassVar[str] = BUTTONS
    parent_job_id: Annotated[NonBlank, Field(description="The job that has the button.")]
    custom_id: Annotated[NonBlank, Field(description="The button's id, from the `buttons` of that job.")]


class MidjourneyModal(Midjourney):
    """The answer to a job that waits for words or a region: a custom zoom, or vary (region).

    The job is that of an ``mj_action``, submitted with ``wait_for_completion=False``. Not among YEScale's pages.
    """

    model: ClassVar[str] = "mj_modal"
    source: ClassVar[str] = BUTTONS
    parent_job_id: Annotated[NonBlank, Field(description="The job that waits (status MODAL).")]
    prompt: Annotated[
        NonBlank | None, Field(description="The new prompt; of a custom zoom with --zoom 1 to 2.")
    ] = None
    mask: Annotated[
        InlineImage | None, Field(description="Black, and white where the image is to change.")
    ] = None

    @model_validator(mode="after")
    def _something_to_say(self) -> Self:
        if self.prompt is None and self.mask is None:
            raise ValueError("give `prompt` (a custom zoom) or `mask` (vary region), or both")
        return self


class MidjourneyShorten(Midjourney):
    """Shorter forms of a prompt: the result is text, and ``prompts`` a list of them. Not among YEScale's pages."""

    model: ClassVar[str] = "mj_shorten"
    kind: ClassVar[Kind] = "text"
    source: ClassVar[str] = BUTTONS
    prompt: Annotated[NonBlank, Field(description="The prompt to shorten.")]
    bot_type: BotType = "MID_JOURNEY"
