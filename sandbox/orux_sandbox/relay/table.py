"""All generation routes of Relay, and which of them serves a model."""

from __future__ import annotations

from collections.abc import Mapping

from orux_sandbox.relay.audio import AUDIO_ROUTES
from orux_sandbox.relay.routes import IMAGE_ROUTES, Route
from orux_sandbox.relay.videos import VIDEO_ROUTES

#: Image, video, audio.
ROUTES: tuple[Route, ...] = (*IMAGE_ROUTES, *VIDEO_ROUTES, *AUDIO_ROUTES)
#: "Documented, always 403" (opengpu_relay_more.md, 6 to 8), with the route that they had.
RETIRED: Mapping[str, str] = {
    "black-forest-labs/FLUX.2-klein": "/v2/image/flux-1/generate",
    "openai/sora-2": "/v2/video/sora-2/t2v",
    "openai/sora-2-pro": "/v2/video/sora-2-pro/t2v",
    "KlingTeam/v2.6-T2V": "/v2/video/kling-26/t2v",
    "Wan-AI/Wan2.6-I2V": "/v2/video/wan-26/i2v",
    "openai/whisper-large-v3": "/v2/audio/asr/whisper",
}


def route_of(model: str) -> Route | None:
    """The route of a model of generation 2."""
    return next((one for one in ROUTES if model in one.models[2]), None)
