"""The models of Orux: a table per model.

Source: orux.md, "POST /api/v1/images/generations" (the nine tables); orux_more.md, 3 (video) and 4 (audio, Suno).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Field:
    """One row of a model's table. ``image``: a URL or a data URL of base64. ``fetched``: what the URL leads to."""

    kind: Literal["text", "prompt", "choice", "integer", "boolean", "url", "urls", "image", "ratio"]
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    low: int | None = None
    high: int | None = None
    most: int | None = None
    fetched: Literal["", "image", "video", "audio"] = ""


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model: what it makes and which fields it has (besides ``model``)."""

    kind: Literal["image", "audio", "video", "text"]
    title: str
    fields: Mapping[str, Field]
    free_form: bool = False


_PROMPT = Field(kind="prompt", required=True)
_SEED = Field(kind="integer")
_URL = Field(kind="url")
_IMAGE_URL = Field(kind="url", fetched="image")
#: Every model takes a webhook.
_WEBHOOK = {"webhook_url": _URL}
_N = Field(kind="integer", low=1, high=4, default=1)
_FIVE_RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4")


def _ratio(*choices: str, default: str) -> Field:
    return Field(kind="choice", choices=choices, default=default)


def _image(title: str, **fields: Field) -> Model:
    return Model(kind="image", title=title, fields={"prompt": _PROMPT, **fields, **_WEBHOOK})


_FLUX_RATIO = _ratio("21:9", "16:9", "4:3", "1:1", "3:4", "9:16", default="1:1")
_IMAGES: dict[str, Model] = {
    "gpt-image-2": _image(
        "GPT-Image-2",
        size=Field(
            kind="choice", choices=("1024x1024", "1536x1024", "1024x1536", "auto"), default="1024x1024"
        ),
        quality=Field(kind="choice", choices=("low", "medium", "high", "auto"), default="auto"),
        n=_N,
        response_format=Field(kind="choice", choices=("url", "b64_json"), default="url"),
    ),
    "gemini-3-pro-image": _image(
        "Gemini 3 Pro Image",
        aspect_ratio=_ratio("1:1", "16:9", "9:16", "4:3", "3:4", "21:9", default="1:1"),
        n=_N,
        seed=_SEED,
    ),
    "flux-kontext-pro": _image(
        "Flux Kontext Pro",
        aspect_ratio=_FLUX_RATIO,
        prompt_upsampling=Field(kind="boolean", default=False),
        seed=_SEED,
        reference_image_url=_IMAGE_URL,
    ),
    "flux-kontext-max": _image(
        "Flux Kontext Max", aspect_ratio=_FLUX_RATIO, reference_image_url=_IMAGE_URL, seed=_SEED
    ),
    "runway-gen4-image": _image(
        "Runway Gen-4 Image",
        aspect_ratio=_ratio("16:9", "9:16", "1:1", "4:3", "3:4", default="16:9"),
        reference_images=Field(kind="urls", most=3, fetched="image"),
        seed=_SEED,
    ),
    "midjourney-v7": _image(
        "Midjourney v7",
        aspect_ratio=Field(kind="ratio"),
        stylize=Field(kind="integer", low=0, high=1000, default=100),
        weird=Field(kind="integer", low=0, high=3000, default=0),
        chaos=Field(kind="integer", low=0, high=100, default=0),
        tile=Field(kind="boolean", default=False),
    ),
    "seedream-4-0": _image(
        "Seedream 4.0",
        size=Field(kind="choice", choices=("1K", "2K", "4K"), default="2K"),
        aspect_ratio=_ratio(*_FIVE_RATIOS, default="1:1"),
        watermark=Field(kind="boolean", default=False),
    ),
    "qwen-image-edit": _image("Qwen Image Edit", image_url=Field(kind="url", required=True, fetched="image")),
    "recraft-v3": _image("Recraft v3", style=Field(kind="text")),
}

#: The body that all audio models share; a model's own fields win where the page shows them.
_SHARED_AUDIO: dict[str, Field] = {
    "prompt": _PROMPT,
    "lyrics": Field(kind="text"),
    "duration": Field(kind="integer", low=30, high=240, default=60),
    "instrumental": Field(kind="boolean", default=False),
    **_WEBHOOK,
}
_AUDIO: dict[str, Model] = {
    "suno-v5": Model(kind="audio", title="Suno v5", fields=_SHARED_AUDIO),
    "elevenlabs-v3": Model(
        kind="audio",
        title="ElevenLabs v3",
        fields={
            "text": Field(kind="text", required=True),
            "voice_id": Field(kind="text"),
            "model_id": Field(kind="text"),
            **_WEBHOOK,
        },
    ),
    "elevenlabs-music": Model(
        kind="audio",
        title="ElevenLabs Music",
        fields={"prompt": _PROMPT, "duration": _SHARED_AUDIO["duration"], **_WEBHOOK},
    ),
}

#: Suno's steps, as the page names them, and what each makes. All but the names is inferred.
STEPS: Mapping[str, Literal["image", "audio", "video", "text"]] = {
    "extend": "audio",
    "cover": "audio",
    "lyrics": "text",
    "add-vocals": "audio",
    "instrumental": "audio",
    "mashup": "audio",
    "stem": "audio",
    "mv": "video",
    "wav": "audio",
    "cover-img": "image",
    "replace": "audio",
    "persona": "audio",
    "upload-extend": "audio",
}
#: Steps that need no song of an earlier task.
WITHOUT_PARENT = ("lyrics", "upload-extend")


def step_model(step: str) -> Model:
    """The table of a step: the shared body, without a prompt where the step says nothing, and anything else besides.

    :param step: one of ``STEPS``.
    """
    says = step in ("extend", "lyrics")
    fields = {**_SHARED_AUDIO, "prompt": _PROMPT if says else Field(kind="text")}
    if step == "upload-extend":
        fields["audio_url"] = Field(kind="url", required=True, fetched="audio")
    return Model(kind=STEPS[step], title=f"Suno {step}", fields=fields, free_form=True)


_STEP_MODELS: dict[str, Model] = {f"suno-{step}": step_model(step) for step in STEPS}

_SHAPE = Field(kind="ratio")
_SECONDS = Field(kind="integer", numbers=(5, 10), default=5)
_START = Field(kind="url", required=True, fetched="image")


def _video(title: str, **fields: Field) -> Model:
    return Model(kind="video", title=title, fields={**fields, **_WEBHOOK})


# What the page shows of their tables, and no more: that an image is needed, and what a length may be.
_VIDEO: dict[str, Model] = {
    **{
        f"veo-3.1-{tier}": _video(
            f"Veo 3.1 {tier}",
            prompt=_PROMPT,
            aspect_ratio=_SHAPE,
            audio=Field(kind="boolean", default=False),
            image_url=Field(kind="image", fetched="image"),
        )
        for tier in ("quality", "fast")
    },
    "sora2": _video("Sora 2", prompt=_PROMPT, duration=_SECONDS, aspect_ratio=_SHAPE),
    "runway-gen3-alpha-turbo": _video(
        "Runway Gen-3 Alpha Turbo", prompt=_PROMPT, image_url=_START, duration=_SECONDS
    ),
    "runway-gen4": _video(
        "Runway Gen-4",
        prompt=_PROMPT,
        image_url=_IMAGE_URL,
        duration=Field(kind="integer", low=1, high=10, default=5),
    ),
    "runway-aleph": _video(
        "Runway Aleph", prompt=_PROMPT, video_url=Field(kind="url", required=True, fetched="video")
    ),
    "kling-v21-master-i2v": _video(
        "Kling 2.1 Master I2V", prompt=_PROMPT, image_url=_START, duration=_SECONDS
    ),
    "kling-v21-master-t2v": _video("Kling 2.1 Master T2V", prompt=_PROMPT, duration=_SECONDS),
    "kling-v25-i2v-pro": _video("Kling 2.5 I2V Pro", prompt=_PROMPT, image_url=_START, duration=_SECONDS),
    "runway-act-two": _video(
        "Runway Act-Two",
        character_video_url=Field(kind="url", required=True, fetched="video"),
        driver_video_url=Field(kind="url", required=True, fetched="video"),
    ),
}

#: All models.
MODELS: Mapping[str, Model] = {**_IMAGES, **_AUDIO, **_STEP_MODELS, **_VIDEO}
#: Midjourney's reference images as the prose has them.
REFERENCES: Mapping[str, Field] = {
    "reference_image_url": _IMAGE_URL,
    "reference_images": Field(kind="urls", fetched="image"),
}

#: Fields of an action on a Midjourney grid.
FOLLOWUP_FIELDS: Mapping[str, Field] = {
    "parent_task_id": Field(kind="text", required=True),
    "index": Field(kind="integer", low=1, high=4),
    **_WEBHOOK,
}
