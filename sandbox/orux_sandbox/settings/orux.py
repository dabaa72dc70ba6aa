"""Settings of Orux: which reading of its pages on video, audio and tasks applies (orux_more.md, 9)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class OruxSettings(BaseModel):
    """What Orux's documents leave open besides the settings in ``Settings`` itself. The first value is the default."""

    unknown_fields: Literal["refused", "ignored"] = Field(
        default="refused", description="a field that is not in the model's table: `invalid_param`, or ignored"
    )
    webhook_field: Literal["webhook_url", "callback_url", "either"] = Field(
        default="webhook_url", description="the name of the webhook in a body"
    )
    speech_prompt: Literal["refused", "optional"] = Field(
        default="refused", description="`prompt` of elevenlabs-v3, which has `text`"
    )
    veo_image_field: Literal["image_url", "image"] = Field(
        default="image_url", description="the field of Veo's input image"
    )
    veo_duration: Literal["refused", "ignored"] = Field(
        default="refused", description="`duration` of Veo, whose clips have 8 seconds"
    )
    suno_step: Literal["model", "action"] = Field(
        default="model",
        description="how a step on a Suno song is asked for: a model of its own, or `action` and the parent",
    )
    suno_parent_field: str = Field(
        default="parent_task_id", min_length=1, description="the field of the song that a step goes on from"
    )
    lyrics_and_cover: Literal["urls", "result"] = Field(
        default="urls",
        description="where the lyrics and the cover of a song are: among `result_urls`, or in `result`",
    )
    midjourney_references: Literal["refused", "accepted"] = Field(
        default="refused",
        description="reference images of midjourney-v7: its table has none, the prose has `reference_image_url` and "
        "`reference_images`",
    )
    task_images: Literal["accepted", "refused"] = Field(
        default="accepted", description="images other than Midjourney's on POST /api/v1/tasks"
    )
    fetch_inputs: bool = Field(
        default=False,
        description="whether files in URL fields are fetched and drawn from; one that cannot be is refused",
    )
