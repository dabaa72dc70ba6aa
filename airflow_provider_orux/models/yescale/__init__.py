"""The models of YEScale.

Documented by the vendor: the page "Flux (OpenAI dall-e-3 format)", the names of the other pages, Media's submission,
and part of Ideogram. The rest is the protocol of the upstream projects and of sibling gateways; each class names its
source.
"""

from __future__ import annotations

from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.models.yescale.base import (
    Family,
    YEScaleRequest,
)
from airflow_provider_orux.models.yescale.ideogram import (
    IdeogramEdit,
    IdeogramGenerate,
    IdeogramRemix,
)
from airflow_provider_orux.models.yescale.images import (
    DallE3,
    FluxKontextMax,
    FluxPro,
    GeminiFlashImage,
    GptImage1,
    GptImage2,
    NanoBanana2,
    NanoBananaPro,
    QwenImage,
    Seedream45,
)
from airflow_provider_orux.models.yescale.kling import (
    KlingImage,
    KolorsTryOn,
)
from airflow_provider_orux.models.yescale.midjourney import (
    MidjourneyBlend,
    MidjourneyDescribe,
    MidjourneyImagine,
    MidjourneyReroll,
    MidjourneyUpscale,
    MidjourneyVariation,
)
from airflow_provider_orux.models.yescale.suno import (
    SunoLyrics,
    SunoMusic,
)

__all__ = [
    "REQUESTS",
    "DallE3",
    "Family",
    "FluxKontextMax",
    "FluxPro",
    "GeminiFlashImage",
    "GptImage1",
    "GptImage2",
    "IdeogramEdit",
    "IdeogramGenerate",
    "IdeogramRemix",
    "KlingImage",
    "KolorsTryOn",
    "MidjourneyBlend",
    "MidjourneyDescribe",
    "MidjourneyImagine",
    "MidjourneyReroll",
    "MidjourneyUpscale",
    "MidjourneyVariation",
    "NanoBanana2",
    "NanoBananaPro",
    "QwenImage",
    "Seedream45",
    "SunoLyrics",
    "SunoMusic",
    "YEScaleRequest",
]

#: Every typed request of this gateway. Video (Kling, Runway, Luma, Pika) goes through ``CustomRequest`` to Media.
REQUESTS: tuple[type[GenerationRequest], ...] = (
    FluxPro, DallE3, GptImage1, QwenImage, GeminiFlashImage,
    MidjourneyImagine, MidjourneyUpscale, MidjourneyVariation, MidjourneyReroll, MidjourneyBlend, MidjourneyDescribe,
    FluxKontextMax, NanoBanana2, NanoBananaPro, GptImage2, Seedream45,
    IdeogramGenerate, IdeogramEdit, IdeogramRemix,
    KlingImage, KolorsTryOn,
    SunoMusic, SunoLyrics,
)  # fmt: skip
