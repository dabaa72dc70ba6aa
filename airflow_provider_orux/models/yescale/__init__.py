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
    FluxPro,
    GeminiFlashImage,
    GptImage1,
    GptImage1Edit,
    QwenImage,
    QwenImageEdit,
)
from airflow_provider_orux.models.yescale.kling import (
    KlingImage,
    KolorsTryOn,
)
from airflow_provider_orux.models.yescale.media import (
    FluxKontextMax,
    GptImage,
    GptImage2,
    GrokVideo,
    GrokVideo15,
    Hailuo23,
    Kling25Turbo,
    NanoBanana2,
    NanoBananaPro,
    OmniFlash,
    Seedream4,
    Seedream5,
    Seedream45,
    Veo31,
    Veo31Other,
)
from airflow_provider_orux.models.yescale.midjourney import (
    MidjourneyAction,
    MidjourneyBlend,
    MidjourneyDescribe,
    MidjourneyImagine,
    MidjourneyModal,
    MidjourneyReroll,
    MidjourneyShorten,
    MidjourneyUpscale,
    MidjourneyVariation,
)
from airflow_provider_orux.models.yescale.suno import (
    SunoLyrics,
    SunoMusic,
)
from airflow_provider_orux.models.yescale.video import (
    KlingImageToVideo,
    KlingTextToVideo,
    LumaVideo,
    PikaVideo,
    RunwayVideo,
)

__all__ = [
    "REQUESTS",
    "DallE3",
    "Family",
    "FluxKontextMax",
    "FluxPro",
    "GeminiFlashImage",
    "GptImage",
    "GptImage1",
    "GptImage1Edit",
    "GptImage2",
    "GrokVideo",
    "GrokVideo15",
    "Hailuo23",
    "IdeogramEdit",
    "IdeogramGenerate",
    "IdeogramRemix",
    "Kling25Turbo",
    "KlingImage",
    "KlingImageToVideo",
    "KlingTextToVideo",
    "KolorsTryOn",
    "LumaVideo",
    "MidjourneyAction",
    "MidjourneyBlend",
    "MidjourneyDescribe",
    "MidjourneyImagine",
    "MidjourneyModal",
    "MidjourneyReroll",
    "MidjourneyShorten",
    "MidjourneyUpscale",
    "MidjourneyVariation",
    "NanoBanana2",
    "NanoBananaPro",
    "OmniFlash",
    "PikaVideo",
    "QwenImage",
    "QwenImageEdit",
    "RunwayVideo",
    "Seedream4",
    "Seedream5",
    "Seedream45",
    "SunoLyrics",
    "SunoMusic",
    "Veo31",
    "Veo31Other",
    "YEScaleRequest",
]

#: Every typed request of this gateway.
REQUESTS: tuple[type[GenerationRequest], ...] = (
    FluxPro, DallE3, GptImage1, QwenImage, GptImage1Edit, QwenImageEdit, GeminiFlashImage,
    MidjourneyImagine, MidjourneyUpscale, MidjourneyVariation, MidjourneyReroll, MidjourneyBlend, MidjourneyDescribe,
    MidjourneyAction, MidjourneyModal, MidjourneyShorten,
    FluxKontextMax, NanoBanana2, NanoBananaPro, GptImage, GptImage2, Seedream4, Seedream45, Seedream5,
    GrokVideo, GrokVideo15, OmniFlash, Veo31, Veo31Other, Kling25Turbo, Hailuo23,
    IdeogramGenerate, IdeogramEdit, IdeogramRemix,
    KlingImage, KolorsTryOn,
    KlingTextToVideo, KlingImageToVideo, RunwayVideo, LumaVideo, PikaVideo,
    SunoMusic, SunoLyrics,
)  # fmt: skip
