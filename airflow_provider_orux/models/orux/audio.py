"""The audio models of Orux AI, and the steps on a Suno song.

Source: the page "Audio", as far as it can be read: the body that all share, each model's first fields, the names of
Suno's steps. Where the shared body and a model's own fields disagree, the model's own hold, as on the page "Images".
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from airflow_provider_orux.models.fetched_files import FetchedAudio
from airflow_provider_orux.models.orux.base import OruxRequest, Prompt, Webhook
from airflow_provider_orux.models.requests import Kind, NonBlank

Lyrics = Annotated[str, Field(description="The words to sing.")]
Length = Annotated[int, Field(ge=30, le=240, description="Seconds.")]
Instrumental = Annotated[bool, Field(description="No singing.")]


class OruxAudio(OruxRequest):
    """A request for sound: always a job."""

    kind: ClassVar[Kind] = "audio"
    source: ClassVar[str] = "Orux AI documentation, page Audio"


class SunoV5(OruxAudio):
    """Suno v5: songs from a prompt, which :class:`SunoStep` requests go on from."""

    model: ClassVar[str] = "suno-v5"
    prompt: Prompt
    lyrics: Lyrics | None = None
    duration: Length = 60
    instrumental: Instrumental = False
    webhook_url: Webhook | None = None


class ElevenLabsV3(OruxAudio):
    """ElevenLabs v3: speech."""

    model: ClassVar[str] = "elevenlabs-v3"
    text: Annotated[NonBlank, Field(description="What to say.")]
    voice_id: Annotated[NonBlank, Field(description="The voice, by ElevenLabs' own id.")] | None = None
    # On the wire `model_id`, which in a request is Orux AI's own model.
    voice_model_id: (
        Annotated[
            NonBlank, Field(description='ElevenLabs\' own model (`model_id` on the wire), like "eleven_v3".')
        ]
        | None
    ) = None
    webhook_url: Webhook | None = None


class ElevenLabsMusic(OruxAudio):
    """ElevenLabs Music: short pieces of music."""

    model: ClassVar[str] = "elevenlabs-music"
    prompt: Prompt
    duration: Length = 60
    webhook_url: Webhook | None = None


Song = Annotated[NonBlank, Field(description="The job that made the song.")]


class SunoStep(OruxAudio):
    """A step on the song of an earlier job.

    The page names the steps, and two ways to reach them: a model of their own, of which only ``suno-extend`` is spelled
    out, or an action on the parent (``suno_step`` of the connection). What a step takes besides its parent is not
    documented: ``extra_body`` passes it, the clip to choose (``clip_id``, ``index``) for one.
    """

    #: The step, as the page names it.
    step: ClassVar[str]
    #: The model that the song is made with; where a step is an action, it is that model's.
    made_with: ClassVar[str] = SunoV5.model


class SunoExtend(SunoStep):
    """Suno: more of a song."""

    model: ClassVar[str] = "suno-extend"
    step: ClassVar[str] = "extend"
    parent_job_id: Song
    prompt: Prompt
    lyrics: Lyrics | None = None
    duration: Length = 60
    instrumental: Instrumental = False
    webhook_url: Webhook | None = None


class SunoChange(SunoStep):
    """A step that makes something of a whole song."""

    parent_job_id: Song
    prompt: Prompt | None = None
    lyrics: Lyrics | None = None
    webhook_url: Webhook | None = None


class SunoCover(SunoChange):
    """Suno: the same song in another style."""

    model: ClassVar[str] = "suno-cover"
    step: ClassVar[str] = "cover"


class SunoAddVocals(SunoChange):
    """Suno: a voice for a song that has none."""

    model: ClassVar[str] = "suno-add-vocals"
    step: ClassVar[str] = "add-vocals"


class SunoInstrumental(SunoChange):
    """Suno: an accompaniment."""

    model: ClassVar[str] = "suno-instrumental"
    step: ClassVar[str] = "instrumental"


class SunoMashup(SunoChange):
    """Suno: two songs in one. How the second is named is not documented."""

    model: ClassVar[str] = "suno-mashup"
    step: ClassVar[str] = "mashup"


class SunoReplace(SunoChange):
    """Suno: another passage in the place of one."""

    model: ClassVar[str] = "suno-replace"
    step: ClassVar[str] = "replace"


class SunoPersona(SunoChange):
    """Suno: a voice and style to use again."""

    model: ClassVar[str] = "suno-persona"
    step: ClassVar[str] = "persona"


class SunoStem(SunoStep):
    """Suno: the tracks of a song, each by itself."""

    model: ClassVar[str] = "suno-stem"
    step: ClassVar[str] = "stem"
    parent_job_id: Song
    webhook_url: Webhook | None = None


class SunoWav(SunoStep):
    """Suno: a song as WAV."""

    model: ClassVar[str] = "suno-wav"
    step: ClassVar[str] = "wav"
    parent_job_id: Song
    webhook_url: Webhook | None = None


class SunoMv(SunoStep):
    """Suno: a music video."""

    model: ClassVar[str] = "suno-mv"
    kind: ClassVar[Kind] = "video"
    step: ClassVar[str] = "mv"
    parent_job_id: Song
    webhook_url: Webhook | None = None


class SunoCoverImg(SunoStep):
    """Suno: a cover image for a song."""

    model: ClassVar[str] = "suno-cover-img"
    kind: ClassVar[Kind] = "image"
    step: ClassVar[str] = "cover-img"
    parent_job_id: Song
    prompt: Prompt | None = None
    webhook_url: Webhook | None = None


class SunoLyrics(SunoStep):
    """Suno: words for a song. It needs no song."""

    model: ClassVar[str] = "suno-lyrics"
    kind: ClassVar[Kind] = "text"
    step: ClassVar[str] = "lyrics"
    parent_job_id: Song | None = None
    prompt: Prompt
    webhook_url: Webhook | None = None


class SunoUploadExtend(SunoStep):
    """Suno: more of a song of one's own. The name of its field on the wire is taken from the other models."""

    model: ClassVar[str] = "suno-upload-extend"
    step: ClassVar[str] = "upload-extend"
    audio_url: Annotated[FetchedAudio, Field(description="The song to go on from.")]
    prompt: Prompt | None = None
    lyrics: Lyrics | None = None
    webhook_url: Webhook | None = None
