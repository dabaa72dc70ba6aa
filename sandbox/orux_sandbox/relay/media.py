"""What Relay's video and audio routes make: clips, songs, transcripts, in the shapes of opengpu_relay_more.md, 5.

A clip is a small AVI and a song a WAV, whatever the request asks for: a sandbox has no codecs. Only headerless PCM is
as it was ordered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orux_sandbox.art import recipes
from orux_sandbox.engine.engine import Engine
from orux_sandbox.relay import uploads
from orux_sandbox.relay.routes import Route

#: Pixels of a clip: small, and of the right shape.
_SHAPES = {"16:9": (320, 180), "9:16": (180, 320), "1:1": (240, 240), "4:3": (320, 240), "3:4": (240, 320)}
#: Seconds of a clip that no field orders.
_SECONDS = 5
#: Seconds of speech and song that are really made.
_LONGEST = 4
#: Fields that hold what is spoken, sung or shown.
_WORDS = ("prompt", "text", "input")
#: Fields that do not change what is made.
_INVISIBLE = ("async", "webhook_url", "store_output", "mode")


def words_of(fields: Mapping[str, Any]) -> str:
    """The prompt of a request, or what is to be spoken."""
    return next((str(fields[name]) for name in _WORDS if fields.get(name)), "")


def made(
    engine: Engine, route: Route, fields: Mapping[str, Any], base_url: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The artifacts, and what the result says beside them.

    :raises Refusal: a URL in a field is one of ours, and dead.
    """
    uploads.check_urls(engine, fields, base_url)
    seen = {name: value for name, value in fields.items() if name not in _INVISIBLE}
    seed = recipes.seed_of(seen)
    if route.kind == "video":
        return _clip(seed, fields)
    return _heard(fields) if route.kind == "text" else _sound(seed, fields)


def _clip(seed: str, fields: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    scene = recipes.scene(seed=seed, prompt=words_of(fields), model=str(fields["model"]))
    shape = str(fields.get("aspect_ratio") or fields.get("ratio") or "16:9")
    width, height = _SHAPES.get(shape, (320, 180))
    wanted = fields.get("duration", _SECONDS)
    duration = wanted if isinstance(wanted, int) and wanted > 0 else _SECONDS
    echoed = {n: fields[n] for n in ("resolution", "aspect_ratio", "size") if n in fields}
    clip = recipes.clip(scene, width, height, name="clip-1.avi", seconds=duration)
    return [clip], {"duration": duration, **echoed}


def _sound(seed: str, fields: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    model, words = str(fields["model"]), words_of(fields)
    raw = str(fields.get("output_format") or fields.get("audio_format") or "").startswith("pcm")
    seconds = max(1, min(_LONGEST, len(words) // 15))
    song = recipes.song(seed, seconds, name="song-1.pcm" if raw else "song-1.wav")
    if raw:
        song |= {"media_type": "audio/pcm", "raw": True}
    facts: dict[str, Any] = {"characters": len(words)}
    if model == "relay/music-1":
        length = float(fields.get("music_length_ms") or seconds * 1000) / 1000
        facts = {
            "duration": length,
            "billable_seconds": length,
            "composition_plan": fields.get("composition_plan"),
            "song_metadata": {"title": words[:40] or "Untitled"},
            "words_timestamps": None,
            "waveform_visual": None,
        }
    elif model == "MiniMax/speech-2.8-hd":
        facts = {
            "audio_length_ms": seconds * 1000,
            "audio_format": "pcm" if raw else "wav",
            "audio_sample_rate": 16000,
            "audio_channel": 1,
            "characters": len(words),
        }
    elif model.startswith("relay/tts"):
        facts |= {"alignment": None, "normalized_alignment": None}
    return [song], facts


def _heard(fields: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    model = str(fields["model"])
    text = f"What {model.rpartition('/')[2]} heard: the sandbox is a quiet place by the sea."
    language = str(fields.get("language") or "en")
    if model != "relay/stt-1":
        return [], {"text": text, "language": language, "duration": 3.2}
    words = [{"text": w, "start": n * 0.3, "end": n * 0.3 + 0.25} for n, w in enumerate(text.split())]
    facts: dict[str, Any] = {
        "text": text,
        "language_code": language,
        "language_probability": 0.98,
        "audio_duration_secs": 3.2,
        "billable_seconds": 3.2,
        "words": words,
        "entities": None,
        "transcripts": None,
    }
    if formats := fields.get("additional_formats"):
        # The shape of an entry is not documented; this one is that of the service which such fields come from.
        facts["additional_formats"] = [
            {
                "requested_format": one["format"],
                "file_extension": one["format"],
                "content_type": "application/x-subrip" if one["format"] == "srt" else "text/plain",
                "is_base64_encoded": False,
                "content": f"1\n00:00:00,000 --> 00:00:03,200\n{text}\n" if one["format"] == "srt" else text,
            }
            for one in formats
        ]
    return [], facts


def check_fields(route: Route, body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rules between fields, each a field and what is wrong."""
    found = []
    model = body.get("model", route.models[2][0])
    for name, models in route.only_of.items():
        if body.get(name) is not None and isinstance(model, str) and model not in models:
            found.append((name, f"{name} is not a field of {model}"))
    if "last_frame_url" in route.fields and body.get("last_frame_url") and not body.get("first_frame_url"):
        found.append(("last_frame_url", "last_frame_url needs first_frame_url"))
    if route.kind != "image":
        found += [
            (name, f"{name} must be {rule.says}")
            for name, rule in route.fields.items()
            if body.get(name) is not None and not _is_source(body[name], rule.says)
        ]
    if "veo" in route.path and body.get("resolution") == "4k" and body.get("duration", 8) != 8:
        found.append(("resolution", "4k needs a duration of 8"))
    vector = body.get("emo_vec")
    if isinstance(vector, list) and all(isinstance(n, (int, float)) for n in vector) and sum(vector) > 1.5:
        found.append(("emo_vec", "emo_vec adds up to more than 1.5"))
    if "composition_plan" in route.fields and not (body.get("prompt") or body.get("composition_plan")):
        found.append(("prompt", "one of prompt and composition_plan is required"))
    return found


def _is_source(value: Any, says: str) -> bool:
    """Whether a URL, or what a field takes in its place, stands there."""
    if not says:
        return True
    if isinstance(value, list):
        return all(_is_source(one, says) for one in value)
    starts = ("https://", "http://", *(("data:",) if "data URI" in says else ()))
    return isinstance(value, str) and (value.startswith(starts) or ("base64" in says and "://" not in value))


def shaped(
    answers: str, artifacts: list[dict[str, Any]], urls: list[str], encoded: list[str]
) -> dict[str, Any]:
    """The keys of a result that hold what was made.

    :param encoded: the same as base64, where that is the shape.
    """
    if answers == "audio_url":
        return {"audio_url": urls[0], "audio_id": f"audio_{urls[0].rpartition('/')[2][:12]}"}
    if answers == "audio_base64":
        return {"audio_base64": encoded[0], "content_type": artifacts[0]["media_type"]}
    return {answers: urls}
