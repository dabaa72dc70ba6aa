"""Relay's audio routes: speech, music, and text from speech (opengpu_relay_more.md, 8)."""

from __future__ import annotations

from collections.abc import Mapping

from orux_sandbox.bodies.fields import Rule
from orux_sandbox.relay.routes import Route, Shape

_TEXT = Rule(kind="text")
_FLAG = Rule(kind="boolean")
_URL = Rule(kind="text", says="Public https URL.")
_INTEGER = Rule(kind="integer")
_NUMBER = Rule(kind="number")
_SHARE = Rule(kind="number", low=0, high=1)


def _choice(*choices: str | int, default: str | int | None = None, required: bool = False) -> Rule:
    return Rule(kind="choice", choices=choices, default=default, required=required)


_LANGUAGES = (
    "Chinese", "English", "German", "Italian", "Portuguese", "Spanish", "Japanese", "Korean", "French", "Russian",
    "Auto",
)  # fmt: skip
#: The reference counts 29 and names these.
_FORMATS = (
    "mp3_44100_128", "mp3_44100_64", "wav_44100", "wav_16000", "opus_48000_128", "pcm_16000", "pcm_44100", "ulaw_8000",
    "alaw_8000", "m4a_aac_44100_128",
)  # fmt: skip
_VOICES = (
    "atlas", "nova", "orion", "lyra", "sage", "kai", "wren", "river", "mira", "cole", "deniz", "ege", "felix", "celine",
    "sol", "leon", "noor", "hana",
)  # fmt: skip
_EMOTIONS = ("happy", "sad", "angry", "fearful", "disgusted", "surprised", "neutral", "calm")
_TTS: Mapping[str, Rule] = {
    "text": Rule(kind="text", required=True),
    "voice": _choice(*_VOICES),
    "output_format": _choice(*_FORMATS),
    "language_code": _TEXT,
    "stability": _NUMBER,
    "similarity_boost": _NUMBER,
    "seed": _INTEGER,
    "previous_text": _TEXT,
    "next_text": _TEXT,
    "apply_text_normalization": _choice("auto", "on", "off"),
    "audio_effects_filter_preset_id": _TEXT,
    "audio_effects_distance": _NUMBER,
    "audio_effects_environment_id": _TEXT,
    "audio_effects_background_noise_id": _TEXT,
    "audio_effects_send_level": _NUMBER,
    "audio_effects_pan": _NUMBER,
    "with_timestamps": _FLAG,
}
_CHUNK: Mapping[str, Rule] = {
    "text": Rule(kind="text", required=True),
    "duration_ms": Rule(kind="integer", required=True),
    "positive_styles": Rule(kind="texts", required=True),
    "negative_styles": Rule(kind="texts"),
    "context_adherence": _choice("low", "medium", "high"),
}
#: What only relay/stt-1 takes.
_STT: Mapping[str, Rule] = {
    "tag_audio_events": _FLAG,
    "num_speakers": Rule(kind="integer", low=1),
    "timestamps_granularity": _choice("none", "word", "character"),
    "diarize": _FLAG,
    "diarization_threshold": _NUMBER,
    "additional_formats": Rule(
        kind="objects",
        fields={
            "format": _choice("segmented_json", "docx", "pdf", "txt", "html", "srt", required=True),
            "include_speakers": _FLAG,
            "include_timestamps": _FLAG,
            "max_characters_per_line": _INTEGER,
        },
    ),
    "file_format": _TEXT,
    "seed": _INTEGER,
    "use_multi_channel": _FLAG,
    "multichannel_output_style": _TEXT,
    "entity_detection": _TEXT,
    "entity_redaction": _TEXT,
    "entity_redaction_mode": _TEXT,
    "no_verbatim": _FLAG,
}
_OPENAI = ("openai/whisper-1", "openai/gpt-4o-mini-transcribe")


def _route(
    path: str,
    model: str,
    fields: Mapping[str, Rule],
    *,
    answers: Shape = "audio_base64",
    stores: bool = False,
) -> Route:
    return Route(
        name="audio." + path.replace("/", "_"),
        path=f"/v2/audio/{path}",
        models={1: (model,), 2: (model,)},
        fields=fields,
        answers={1: answers, 2: answers},
        only=2,
        model_field=False,
        stores=stores,
        kind="audio",
        tag="text-to-speech",
    )


#: All audio routes.
AUDIO_ROUTES: tuple[Route, ...] = (
    _route(
        "qwen3-tts-flash/generate",
        "Qwen/qwen3-tts-flash",
        {
            "input": Rule(kind="text", required=True, high=600),
            "voice": Rule(kind="text", required=True),
            "language_type": _choice(*_LANGUAGES),
        },
        answers="audio_url",
        stores=True,
    ),
    _route(
        "index-tts-2/generate",
        "IndexTeam/IndexTTS-2",
        {
            "input": Rule(kind="text", required=True, high=600),
            "voice": _TEXT,
            "spk_audio_url": Rule(kind="text", says="Public https URL or base64."),
            "emo_audio_url": _URL,
            "emo_control_method": Rule(kind="integer", low=0, high=3, default=0),
            "emo_alpha": _NUMBER,
            "emo_vec": Rule(kind="numbers", low=8, high=8),
            "emo_text": _TEXT,
            "speed": Rule(kind="number", low=0.25, high=4, default=1),
            "gain": Rule(kind="number", default=1),
            "sample_rate": Rule(kind="integer", default=22050),
            "use_random": _FLAG,
            "interval_silence": Rule(kind="integer", default=200),
        },
    ),
    _route(
        "minimax-speech-2-8-hd/generate",
        "MiniMax/speech-2.8-hd",
        {
            "text": Rule(kind="text", required=True, high=10000),
            "voice_id": Rule(kind="text", required=True),
            "speed": Rule(kind="number", low=0.5, high=2),
            "vol": Rule(kind="number", low=0.01, high=10),
            "pitch": Rule(kind="integer", low=-12, high=12),
            "emotion": _choice(*_EMOTIONS),
            "audio_format": _choice("mp3", "pcm", "flac", "wav", default="mp3"),
            "audio_sample_rate": _choice(8000, 16000, 22050, 24000, 32000, 44100, default=32000),
            "audio_bitrate": Rule(kind="integer", default=128000),
            "audio_channel": _choice(1, 2),
            "language_boost": _TEXT,
            "subtitle_enable": _FLAG,
            "aigc_watermark": _FLAG,
        },
    ),
    _route("tts-1/generate", "relay/tts-1", _TTS),
    _route("tts-1-turbo/generate", "relay/tts-1-turbo", _TTS),
    _route(
        "music-1/generate",
        "relay/music-1",
        {
            "prompt": _TEXT,
            "composition_plan": Rule(
                kind="object", fields={"chunks": Rule(kind="objects", required=True, fields=_CHUNK)}
            ),
            "music_length_ms": _INTEGER,
            "force_instrumental": _FLAG,
            "seed": _INTEGER,
            "output_format": _choice(*_FORMATS),
            "with_timestamps": _FLAG,
            "with_waveform_visual": _FLAG,
        },
    ),
    Route(
        name="audio.asr_whisper",
        path="/v2/audio/asr/whisper",
        models={1: (*_OPENAI, "relay/stt-1"), 2: (*_OPENAI, "relay/stt-1")},
        fields={
            "model": Rule(kind="text", required=True),
            "audio_url": Rule(kind="text", required=True, says="Public https URL."),
            "language": _TEXT,
            "prompt": _TEXT,
            "temperature": _SHARE,
            **_STT,
        },
        only_of={"prompt": _OPENAI, **dict.fromkeys(_STT, ("relay/stt-1",))},
        answers={1: "text", 2: "text"},
        only=2,
        kind="text",
        tag="speech-to-text",
    ),
)
