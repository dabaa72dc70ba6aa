"""Relay's video routes (opengpu_relay_more.md, 7). Every one has one model, which no body names.

What the reference calls unknown (defaults and ranges of Omni and H3) is left out of the published schema, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orux_sandbox.bodies.fields import Rule
from orux_sandbox.relay.routes import Route, Shape

#: "URL only", and "URL|data".
_URL = Rule(kind="text", says="Public https URL.")
_URL_OR_DATA = Rule(kind="text", says="Public https URL or data URI.")
_URLS = Rule(kind="texts", low=1, high=9, says="Each item is a public https URL.")
_URLS_OR_DATA = Rule(kind="texts", low=1, high=9, says="Each item is a public https URL or a data URI.")
_PROMPT = Rule(kind="text", required=True)
_TEXT = Rule(kind="text")
_SHORT = Rule(kind="text", high=2500)
_SEED = Rule(kind="integer", low=0, high=2_147_483_647)
_FLAG = Rule(kind="boolean")
_ANY_LENGTH = Rule(kind="integer")


def _required(rule: Rule) -> Rule:
    return Rule(kind=rule.kind, required=True, low=rule.low, high=rule.high, says=rule.says)


def _flag(default: bool) -> Rule:
    return Rule(kind="boolean", default=default)


def _choice(*choices: str | int, default: str | int | None = None, required: bool = False) -> Rule:
    return Rule(kind="choice", choices=choices, default=default, required=required)


def _seconds(low: int, high: int, default: int = 5) -> Rule:
    return Rule(kind="integer", low=low, high=high, default=default)


_SHOTS: Mapping[str, Rule] = {
    "multi_shot": _FLAG,
    "shot_type": _choice("customize"),
    "multi_prompt": Rule(
        kind="objects",
        fields={
            "index": Rule(kind="integer", required=True),
            "prompt": Rule(kind="text", required=True),
            "duration": Rule(kind="anything", required=True),
        },
    ),
}
_KLING: Mapping[str, Rule] = {
    "prompt": _SHORT,
    "negative_prompt": _SHORT,
    "aspect_ratio": _choice("16:9", "9:16", "1:1", default="16:9"),
    "duration": _seconds(3, 15),
    "quality_mode": _choice("std", "pro", default="std"),
    "sound": _flag(False),
    **_SHOTS,
}
_KEPT: Mapping[str, Rule] = {"base_video_keep_audio": _FLAG, "reference_video_keep_audio": _FLAG}
_DUAL: Mapping[str, Rule] = {
    "first_frame_url": _URL_OR_DATA,
    "end_frame_url": _URL_OR_DATA,
    "base_video_url": _URL,
    "reference_video_url": _URL,
    **_KEPT,
}
_RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive")


def _seedance(*resolutions: str) -> dict[str, Rule]:
    return {
        "prompt": _TEXT,
        "first_frame_url": _URL_OR_DATA,
        "last_frame_url": _URL_OR_DATA,
        "reference_image_url": _URL_OR_DATA,
        "reference_image_urls": _URLS_OR_DATA,
        "reference_video_url": _URL,
        "reference_audio_url": _URL,
        "resolution": _choice(*resolutions, default="720p"),
        "ratio": _choice(*_RATIOS, default="adaptive"),
        "duration": _seconds(4, 15),
        "generate_audio": _FLAG,
        "camera_fixed": _FLAG,
        "watermark": _flag(False),
        "seed": Rule(kind="integer"),
        "execution_expires_after": Rule(kind="integer", low=3600),
    }


_FULL = _seedance("480p", "720p", "1080p")
_SMALL = _seedance("480p", "720p")
_NEWEST = {k: v for k, v in _FULL.items() if k != "reference_video_url"}
_NEWEST_V2V = {k: v for k, v in _FULL.items() if k != "ratio"} | {
    "reference_video_url": _required(_URL),
    "duration": _choice(-1, *range(4, 16), required=True),
}
_HORSE: Mapping[str, Rule] = {
    "resolution": _choice("720P", "1080P", default="1080P"),
    "watermark": _flag(True),
    "seed": _SEED,
}
_HORSE_LENGTH = _seconds(3, 15)
_HORSE_RATIO = _choice("16:9", "9:16", "1:1", default="16:9")
_HORSE_RATIOS = _choice("16:9", "9:16", "1:1", "4:3", "3:4", "4:5", "5:4", "9:21", "21:9", default="16:9")
_HORSE_I2V = {"first_frame_url": _required(_URL), "prompt": _TEXT, "duration": _HORSE_LENGTH, **_HORSE}
_FORMATS = (
    "mp4_h264",
    "mp4_h265",
    "webm_vp9",
    "mov_h265",
    "mov_proresks",
    "mkv_h264",
    "mkv_h265",
    "mkv_vp9",
    "gif",
)


def _route(
    path: str,
    model: str,
    fields: Mapping[str, Rule],
    *,
    tag: str,
    answers: Shape = "urls",
    stores: bool = True,
) -> Route:
    return Route(
        name="video." + path.replace("/", "_"),
        path=f"/v2/video/{path}",
        models={1: (model,), 2: (model,)},
        fields=fields,
        answers={1: answers, 2: answers},
        only=2,
        model_field=False,
        stores=stores,
        kind="video",
        tag=tag,
        async_default=True,
    )


_T2V, _I2V, _V2V = "text-to-video", "image-to-video", "video-to-video"
_SEEDANCES: Sequence[tuple[str, str, Mapping[str, Rule]]] = (
    ("doubao-seedance-2.0", "ByteDance/doubao-seedance-2-0-260128", _FULL),
    ("doubao-seedance-2.0-fast", "ByteDance/doubao-seedance-2-0-fast", _SMALL),
    ("doubao-seedance-2.0-mini", "ByteDance/doubao-seedance-2-0-mini-260615", _SMALL),
)

#: All video routes.
VIDEO_ROUTES: tuple[Route, ...] = (
    _route("kling-3/t2v", "KlingTeam/v3-T2V", _KLING, tag=_T2V),
    _route(
        "kling-3/i2v",
        "KlingTeam/v3-I2V",
        {
            **_KLING,
            "image": Rule(kind="text", required=True, says="URL or base64."),
            "image_tail": Rule(kind="text", says="URL or base64."),
        },
        tag=_I2V,
    ),
    _route(
        "kling-3/motion-control",
        "KlingTeam/v3-Motion-Control",
        {
            "image_url": _required(_URL),
            "video_url": _required(_URL),
            "character_orientation": _choice("image", "video", required=True),
            "quality_mode": _choice("std", "pro", default="std"),
            "prompt": _SHORT,
            "duration": _choice(5, 10, default=5),
            "aspect_ratio": _choice("16:9", "9:16", "1:1", default="16:9"),
            "keep_original_sound": _flag(True),
        },
        tag=_V2V,
    ),
    _route(
        "kling-3/omni",
        "KlingTeam/v3-Omni",
        {
            "prompt": _TEXT,
            "negative_prompt": _TEXT,
            "quality_mode": _choice("std", "pro"),
            "aspect_ratio": _choice("16:9", "9:16", "1:1"),
            "duration": _ANY_LENGTH,
            "sound": _FLAG,
            **_SHOTS,
            **_DUAL,
            "reference_image_urls": _URLS,
        },
        tag=_T2V,
    ),
    _route(
        "kling-o1/generate",
        "KlingTeam/kling-video-o1",
        {
            "prompt": _PROMPT,
            "aspect_ratio": _choice("16:9", "9:16", "1:1", default="16:9"),
            "duration": _choice(5, 10, default=5),
            "quality_mode": _choice("std", "pro", default="pro"),
            **_DUAL,
        },
        tag=_T2V,
    ),
    _route(
        "wan-25/t2v",
        "Wan-AI/Wan2.5-T2V",
        {
            "prompt": _PROMPT,
            "size": _choice("832x480", "480x832", "1280x720", "720x1280", default="832x480"),
            "duration": _choice(5, 10, default=5),
            "negative_prompt": _TEXT,
            "audio_url": _URL,
            "prompt_extend": _flag(False),
            "seed": _SEED,
        },
        tag=_T2V,
        answers="videos",
    ),
    _route(
        "wan-25/i2v",
        "Wan-AI/Wan2.5-I2V",
        {
            "prompt": _PROMPT,
            "first_frame_url": _required(_URL_OR_DATA),
            "resolution": _choice("480p", "720p", "1080p", default="720p"),
            "duration": _choice(5, 10, default=5),
            "negative_prompt": _TEXT,
            "audio_url": _URL,
            "enable_prompt_expansion": _flag(False),
            "seed": _SEED,
        },
        tag=_I2V,
        answers="videos",
    ),
    _route(
        "wan-26/t2v",
        "Wan-AI/Wan2.6-T2V",
        {
            "prompt": _PROMPT,
            "size": _choice("1280x720", "720x1280", "1920x1080", "1080x1920", default="1280x720"),
            "duration": _choice(5, 10, 15, default=5),
            "negative_prompt": _TEXT,
            "audio_url": _URL,
            "prompt_extend": _flag(True),
            "seed": _SEED,
            "shot_type": _choice("single", "multi"),
        },
        tag=_T2V,
    ),
    *(_route(f"{path}/generate", model, fields, tag=_T2V) for path, model, fields in _SEEDANCES),
    *(
        _route(
            f"{path}-v2v/generate",
            f"{model}-V2V",
            {**fields, "reference_video_url": _required(_URL)},
            tag=_V2V,
        )
        for path, model, fields in _SEEDANCES
    ),
    _route("doubao-seedance-2.5/generate", "ByteDance/doubao-seedance-2-5-260628", _NEWEST, tag=_T2V),
    _route(
        "doubao-seedance-2.5-v2v/generate", "ByteDance/doubao-seedance-2-5-260628-V2V", _NEWEST_V2V, tag=_V2V
    ),
    _route(
        "happyhorse-1.0/t2v",
        "HappyHorse/HappyHorse-1.0-T2V",
        {"prompt": _PROMPT, "ratio": _HORSE_RATIO, "duration": _HORSE_LENGTH, **_HORSE},
        tag=_T2V,
    ),
    _route("happyhorse-1.0/i2v", "HappyHorse/HappyHorse-1.0-I2V", _HORSE_I2V, tag=_I2V),
    _route(
        "happyhorse-1.0/r2v",
        "HappyHorse/HappyHorse-1.0-R2V",
        {
            "prompt": _PROMPT,
            "images": _required(_URLS),
            "ratio": _HORSE_RATIO,
            "duration": _HORSE_LENGTH,
            **_HORSE,
        },
        tag=_I2V,
    ),
    _route(
        "happyhorse-1.0/video-edit",
        "HappyHorse/HappyHorse-1.0-Video-Edit",
        {
            "prompt": _PROMPT,
            "video_url": _required(_URL),
            "images": Rule(kind="texts", high=5, says="Each item is a public https URL."),
            "audio_setting": _choice("auto", "origin", default="auto"),
            **_HORSE,
        },
        tag=_V2V,
    ),
    _route(
        "happyhorse-1.1/t2v",
        "HappyHorse/HappyHorse-1.1-T2V",
        {"prompt": _PROMPT, "ratio": _HORSE_RATIOS, "duration": _HORSE_LENGTH, **_HORSE},
        tag=_T2V,
    ),
    _route("happyhorse-1.1/i2v", "HappyHorse/HappyHorse-1.1-I2V", _HORSE_I2V, tag=_I2V),
    _route(
        "minimax-h3/generate",
        "MiniMax/MiniMax-H3",
        {
            "prompt": _PROMPT,
            "resolution": _choice("768P", "2K"),
            "duration": _ANY_LENGTH,
            "ratio": _choice(*_RATIOS),
            "first_frame_url": _URL_OR_DATA,
            "last_frame_url": _URL_OR_DATA,
            "reference_image_urls": _URLS,
            "reference_audio_urls": _URLS,
        },
        tag=_T2V,
    ),
    _route(
        "veo-3.1-fast/generate",
        "google/veo-3.1-fast-generate-preview",
        {
            "prompt": _PROMPT,
            "first_frame_url": _URL_OR_DATA,
            "negative_prompt": _TEXT,
            "aspect_ratio": _choice("16:9", "9:16", default="16:9"),
            "resolution": _choice("720p", "1080p", "4k", default="720p"),
            "duration": _choice(4, 6, 8, default=8),
            "seed": Rule(kind="integer"),
        },
        tag=_T2V,
    ),
    _route(
        "lucy-2.5/generate",
        "decart/lucy-2.5",
        {
            "video_url": _required(_URL),
            "prompt": _TEXT,
            "reference_image_url": _URL,
            "seed": Rule(kind="integer"),
            "resolution": _choice("720p", default="720p"),
            "enhance_prompt": _flag(True),
            "self_anchor": _flag(True),
        },
        tag=_V2V,
    ),
    _route(
        "bria-upscale/generate",
        "Bria/video_increase_resolution",
        {"video_url": _required(_URL), "output_format": _choice(*_FORMATS, default="mp4_h264")},
        tag=_V2V,
    ),
)
