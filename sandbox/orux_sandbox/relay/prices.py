"""What Relay's jobs cost, USD (opengpu_relay_more.md, 12): the rows of ``/v2/pricing``, and one job's price by them.

"Seen 2026-10-06" where the reference has a number; of the models that came later prices are not known, and MADE UP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orux_sandbox.relay.routes import Route
from orux_sandbox.settings import Settings

_KLING = {"std|silent": 0.084, "std|sound": 0.126, "pro|silent": 0.112, "pro|sound": 0.168}
_REFERENCE = {"std|no-ref": 0.084, "std|w-ref": 0.126, "pro|no-ref": 0.112, "pro|w-ref": 0.168}
_WAN_25 = {"480p": 0.05, "720p": 0.075, "1080p": 0.1}
_WAN_26 = {"720p": 0.0546, "1080p": 0.091}
_HORSE = {"720P": 0.126, "1080P": 0.224}
_HORSE_11 = {"720P": 0.126, "1080P": 0.168}

#: USD a second, by what the price depends on.
_SECONDS: Mapping[str, Mapping[str, float]] = {
    "KlingTeam/v3-T2V": _KLING,
    "KlingTeam/v3-I2V": _KLING,
    "KlingTeam/v3-Motion-Control": {"std": 0.126, "pro": 0.168},
    "KlingTeam/v3-Omni": _KLING,
    "KlingTeam/kling-video-o1": _REFERENCE,
    "Wan-AI/Wan2.5-T2V": _WAN_25,
    "Wan-AI/Wan2.5-I2V": _WAN_25,
    "Wan-AI/Wan2.6-T2V": _WAN_26,
    "HappyHorse/HappyHorse-1.0-T2V": _HORSE,
    "HappyHorse/HappyHorse-1.0-I2V": _HORSE,
    "HappyHorse/HappyHorse-1.0-R2V": _HORSE,
    "HappyHorse/HappyHorse-1.0-Video-Edit": _HORSE,
    "HappyHorse/HappyHorse-1.1-T2V": _HORSE_11,
    "HappyHorse/HappyHorse-1.1-I2V": _HORSE_11,
    "MiniMax/MiniMax-H3": {"768P": 0.08, "2K": 0.16, "default": 0.08},
    "google/veo-3.1-fast-generate-preview": {"720p": 0.15, "1080p": 0.15, "4k": 0.35},
    "decart/lucy-2.5": {"720p": 0.04},
    "Bria/video_increase_resolution": {"default": 0.05},
}
#: USD a million media tokens.
_TOKENS: Mapping[str, float] = {
    "ByteDance/doubao-seedance-2-0-260128": 7.14,
    "ByteDance/doubao-seedance-2-0-260128-V2V": 4.34,
    "ByteDance/doubao-seedance-2-0-fast": 6.4,
    "ByteDance/doubao-seedance-2-0-fast-V2V": 6.4,
    "ByteDance/doubao-seedance-2-0-mini-260615": 3.22,
    "ByteDance/doubao-seedance-2-0-mini-260615-V2V": 3.22,
    "ByteDance/doubao-seedance-2-5-260628": 10.01,
    "ByteDance/doubao-seedance-2-5-260628-V2V": 10.01,
}
#: USD a thousand characters.
_CHARACTERS: Mapping[str, float] = {
    "Qwen/qwen3-tts-flash": 0.0112,
    "IndexTeam/IndexTTS-2": 0.0056,
    "MiniMax/speech-2.8-hd": 0.049,
    "relay/tts-1": 0.05,
    "relay/tts-1-turbo": 0.025,
}
#: USD a second of sound.
_SOUND: Mapping[str, float] = {
    "relay/music-1": 0.002,
    "openai/whisper-1": 0.0001,
    "openai/gpt-4o-mini-transcribe": 0.00005,
    "relay/stt-1": 0.0001,
}
#: "Per token" (opengpu_relay_more.md, 6); the prices are made up.
_BY_TOKEN = frozenset({"openai/gpt-image-2.5-sunburst", "openai/gpt-image-2.5-flare"})
#: Media tokens of a second of video; the reference has the price of a token, not their number.
TOKENS_A_SECOND = 21_600


def row_of(settings: Settings, route: Route, model: str) -> dict[str, Any]:
    """The row of a model in ``/v2/pricing``."""
    row: dict[str, Any] = {"mode": "direct", "model": f"{route.source}.{model}"}
    if model in _SECONDS:
        return {**row, "billing_type": "per_second_video", "per_second_video": dict(_SECONDS[model])}
    if model in _TOKENS:
        return {
            **row,
            "billing_type": "per_media_token",
            "per_1m_media_input_tokens": 0,
            "per_1m_media_output_tokens": _TOKENS[model],
        }
    if model in _CHARACTERS:
        return {**row, "billing_type": "per_character", "per_1k_characters": _CHARACTERS[model]}
    if model in _SOUND:
        return {**row, "billing_type": "per_second_audio", "per_second_audio": _SOUND[model]}
    if model in _BY_TOKEN:
        return {**row, "billing_type": "per_token", "per_1m_input_tokens": 5.0, "per_1m_output_tokens": 40.0}
    row["billing_type"] = "per_image"
    if "gemini" in model:
        sizes = ("1K", "2K", "4K")
        return {**row, "per_image_resolution": {size: settings.relay_price(model, size) for size in sizes}}
    return {**row, "per_image": settings.relay_price(model)}


def price_of(settings: Settings, model: str, fields: Mapping[str, Any], made: Mapping[str, Any]) -> float:
    """The price of one job; of an image route that of one image.

    :param fields: of the request, with their defaults.
    :param made: what its result says: ``duration`` or ``billable_seconds``, ``characters``.
    """
    seconds = float(made.get("billable_seconds", made.get("duration", 0)) or 0)
    if model in _SECONDS:
        return _per_second(_SECONDS[model], fields) * seconds
    if model in _TOKENS:
        return _TOKENS[model] * TOKENS_A_SECOND * seconds / 1e6
    if model in _CHARACTERS:
        return _CHARACTERS[model] * int(made.get("characters", 0)) / 1000
    if model in _SOUND:
        return _SOUND[model] * seconds
    return settings.relay_price(model, str(fields.get("image_size", "")))


def _per_second(rates: Mapping[str, float], fields: Mapping[str, Any]) -> float:
    """``res|quality|sound``, ``quality|sound``, ``quality|ref``, ``quality``, ``res``, ``default``, the cheapest."""
    quality, resolution = fields.get("quality_mode", "std"), fields.get("resolution")
    sound = "sound" if fields.get("sound") else "silent"
    reference = "w-ref" if fields.get("reference_video_url") or fields.get("base_video_url") else "no-ref"
    size = {"832x480": "480p", "480x832": "480p", "1920x1080": "1080p", "1080x1920": "1080p"}.get(
        str(fields.get("size")), "720p"
    )
    places = (
        f"{resolution}|{quality}|{sound}",
        f"{quality}|{sound}",
        f"{quality}|{reference}",
        quality,
        resolution or size,
        "default",
    )
    return next((rates[place] for place in places if place in rates), min(rates.values()))
