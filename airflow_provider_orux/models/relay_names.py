"""The names of OpenGPU Relay's models that have no class here, for what can be checked when a DAG is parsed."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_orux.models.requests import Kind


def _names(kind: Kind, *names: str) -> dict[str, Kind]:
    return dict.fromkeys(names, kind)


#: Models of OpenGPU Relay without a class, as its client 0.1.2 lists them (2026-11), and known ids of its workflows.
#: A newer model needs a CustomRequest; it is looked up in the same way.
RELAY_MODELS: Mapping[str, Kind] = {
    **_names(
        "image",
        "google/gemini-2.5-flash-image",
        "google/gemini-3.1-flash-image-preview",
        "google/gemini-nano-banana-2.1",
        "openai/gpt-image-2.5-flare",
        "openai/gpt-image-2.5-sunburst",
        "workflow/enhance-image",
        "workflow/gen-edit",
    ),
    **_names(
        "video",
        "Bria/video_increase_resolution",
        "ByteDance/doubao-seedance-2-0-260128",
        "ByteDance/doubao-seedance-2-0-260128-V2V",
        "ByteDance/doubao-seedance-2-0-fast",
        "ByteDance/doubao-seedance-2-0-fast-V2V",
        "ByteDance/doubao-seedance-2-0-mini-260615",
        "ByteDance/doubao-seedance-2-0-mini-260615-V2V",
        "ByteDance/doubao-seedance-2-5-260628",
        "ByteDance/doubao-seedance-2-5-260628-V2V",
        "HappyHorse/HappyHorse-1.0-I2V",
        "HappyHorse/HappyHorse-1.0-R2V",
        "HappyHorse/HappyHorse-1.0-T2V",
        "HappyHorse/HappyHorse-1.0-Video-Edit",
        "HappyHorse/HappyHorse-1.1-I2V",
        "HappyHorse/HappyHorse-1.1-T2V",
        "KlingTeam/kling-video-o1",
        "KlingTeam/v3-I2V",
        "KlingTeam/v3-Motion-Control",
        "KlingTeam/v3-Omni",
        "KlingTeam/v3-T2V",
        "MiniMax/MiniMax-H3",
        "Wan-AI/Wan2.5-I2V",
        "Wan-AI/Wan2.5-T2V",
        "Wan-AI/Wan2.6-T2V",
        "decart/lucy-2.5",
        "google/veo-3.1-fast-generate-preview",
        "workflow/animate-image",
        "workflow/animate-upscale",
        "workflow/enhance-animate",
        "workflow/enhance-video",
    ),
    **_names(
        "audio",
        "IndexTeam/IndexTTS-2",
        "MiniMax/speech-2.8-hd",
        "Qwen/qwen3-tts-flash",
        "relay/music-1",
        "relay/tts-1",
        "relay/tts-1-turbo",
        "workflow/script-voiceover",
    ),
    **_names("text", "openai/gpt-4o-mini-transcribe", "openai/whisper-1", "relay/stt-1"),
}
