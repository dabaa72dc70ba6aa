"""Suno: songs and lyrics."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator
from typing_extensions import Self

from airflow_provider_orux.models.requests import Kind, NonBlank
from airflow_provider_orux.models.yescale.base import Family, YEScaleRequest


class SunoMusic(YEScaleRequest):
    """Songs by Suno: from a description (inspiration), from lyrics (customization), or as a continuation."""

    model: ClassVar[str] = "suno_music"
    family: ClassVar[Family] = "suno"
    kind: ClassVar[Kind] = "audio"
    source: ClassVar[str] = (
        "new-api, Suno-API and sibling gateways (inferred; YEScale's pages name the modes)"
    )
    prompt: Annotated[NonBlank | None, Field(description="The words to sing.")] = None
    gpt_description_prompt: Annotated[
        NonBlank | None,
        Field(description="What the song is about; then Suno ignores the words and the title."),
    ] = None
    mv: Annotated[str | None, Field(description="Suno's model version.")] = None
    title: str | None = None
    tags: Annotated[str | None, Field(description="Style, in words.")] = None
    make_instrumental: Annotated[bool, Field(description="No singing.")] = False
    continue_clip_id: Annotated[
        NonBlank | None, Field(description="The clip to continue: the `id` of an artifact of that task.")
    ] = None
    continue_at: Annotated[float | None, Field(ge=0, description="Second of the clip to continue from.")] = (
        None
    )
    task_id: Annotated[NonBlank | None, Field(description="The job that made the clip: its `job_id`.")] = None

    @model_validator(mode="after")
    def _something_to_sing(self) -> Self:
        if not (self.prompt or self.gpt_description_prompt):
            raise ValueError(
                "give `prompt` (the words to sing) or `gpt_description_prompt` (what it is about)"
            )
        return self

    @model_validator(mode="after")
    def _whole_continuation(self) -> Self:
        given = [n for n in ("continue_clip_id", "continue_at", "task_id") if getattr(self, n) is not None]
        if given and len(given) < 3:
            raise ValueError(
                "a continuation has `task_id`, `continue_clip_id` and `continue_at`; only "
                f"{', '.join(f'`{name}`' for name in given)} is given"
            )
        if given and self.gpt_description_prompt is not None:
            raise ValueError("`gpt_description_prompt` drops a continuation: give `prompt` instead")
        return self


class SunoLyrics(YEScaleRequest):
    """The words of a song: the result is text."""

    model: ClassVar[str] = "suno_lyrics"
    family: ClassVar[Family] = "suno"
    kind: ClassVar[Kind] = "text"
    source: ClassVar[str] = "new-api and its siblings (inferred; YEScale's pages name the endpoint)"
    prompt: Annotated[NonBlank, Field(description="What the song is about.")]
