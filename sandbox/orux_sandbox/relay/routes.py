"""Relay's image routes and their fields, in both generations (opengpu_relay.md, Image routes).

Where the reference lists no values (the sizes of gpt-image-2, the bounds of an SD image), those of the vendor's
published types apply, or some a machine survives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from orux_sandbox.bodies.fields import Rule

#: 1: as in the seed; 2: as documented today.
Generation = Literal[1, 2]
#: Where a result holds what was made (opengpu_relay_more.md, 5).
Shape = Literal["base64", "urls", "urls as images", "videos", "audio_url", "audio_base64", "text"]

_PROMPT = Rule(kind="text", required=True)
_LONG_PROMPT = Rule(kind="text", required=True, high=32000)
_SEED = Rule(kind="integer")
#: "raw base64 or data URI only" unless a route says otherwise (opengpu_relay_more.md, 1).
_IMAGE = Rule(kind="text", says="Raw base64 or a data URI.")
_IMAGES = Rule(kind="texts", low=1, high=14, says="Each item is raw base64 or a data URI.")
_URL_IMAGE = Rule(kind="text", says="https URL or data URI.")
_URL_IMAGES = Rule(kind="texts", low=1, high=14, says="Each item is an https URL or a data URI.")
#: "Seedream area ≤ 4,624,220 px else 422" (opengpu_relay_more.md, 1).
SEEDREAM_PIXELS = 4_624_220
_PIXELS = Rule(kind="pixels", low=64, high=4096, default="1024x1024")
_SIDE = Rule(kind="integer", low=64, high=2048, default=512)

#: "Fields common to generation routes" [2].
COMMON: Mapping[str, Rule] = {
    "mode": Rule(kind="choice", choices=("auto", "direct"), default="auto"),
    "async": Rule(kind="boolean", default=False),
    "webhook_url": Rule(kind="text"),
    "store_output": Rule(
        kind="choice", choices=("provider", "relay1d", "relay7d", "relay30d"), default="provider"
    ),
}
_FORMAT = Rule(kind="choice", choices=("png", "jpeg"), default="png")
_THREE_FORMATS = Rule(kind="choice", choices=("png", "jpeg", "webp"), default="png")
_COMPRESSION = Rule(kind="integer", low=0, high=100)


@dataclass(frozen=True, kw_only=True)
class Route:
    """One POST path. ``only`` is the generation it exists in; ``differs`` are the other rules of one."""

    name: str
    path: str
    #: Models by generation, the default first.
    models: Mapping[Generation, tuple[str, ...]]
    fields: Mapping[str, Rule]
    differs: Mapping[Generation, Mapping[str, Rule | None]] = field(default_factory=dict)
    answers: Mapping[Generation, Shape]
    only: Generation | None = None
    model_field: bool = True
    #: Whether ``store_output`` other than provider is taken; else it is a 422 (opengpu_relay_more.md, 1).
    stores: bool = False
    #: Fields that hold images; with ``addresses`` a URL is taken, too.
    images: tuple[str, ...] = ()
    addresses: bool = False
    kind: Literal["image", "video", "audio", "text"] = "image"
    #: What the catalogue calls it; empty: an image model, told by its fields.
    tag: str = ""
    #: "async: image, audio, chat false; video true" (opengpu_relay_more.md, 2).
    async_default: bool = False
    #: Fields that only some of the models take: "a field of another model is 422 naming it" (section 8).
    only_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def rules(self, generation: Generation, *, model_field: bool) -> dict[str, Rule]:
        """The table of one generation, without the common fields."""
        merged = {**self.fields, **self.differs.get(generation, {})}
        rules = {name: rule for name, rule in merged.items() if rule is not None}
        if self.model_field or model_field:
            rules["model"] = self.fields.get("model", Rule(kind="text", default=self.models[generation][0]))
        return rules

    @property
    def common(self) -> Mapping[str, Rule]:
        """The fields of all routes, with this one's default of ``async``."""
        return {**COMMON, "async": Rule(kind="boolean", default=self.async_default)}

    @property
    def source(self) -> str:
        """Of the catalogue: image, video, audio, openai, … (opengpu_relay_more.md, 3)."""
        return "audio" if self.kind == "text" else self.kind

    def rules_of(self, model: str) -> dict[str, Rule]:
        """The table of one model of generation 2, without the common fields and the model."""
        rules = self.rules(2, model_field=False)
        others = {name for name, models in self.only_of.items() if model not in models}
        return {name: rule for name, rule in rules.items() if name not in others and name != "model"}


def _both(model: str, *more: str) -> dict[Generation, tuple[str, ...]]:
    return {1: (model, *more), 2: (model, *more)}


_BASE64: Mapping[Generation, Shape] = {1: "base64", 2: "base64"}
_URLS: Mapping[Generation, Shape] = {1: "urls", 2: "urls"}
_GPT_SIZES = ("1024x1024", "1536x1024", "1024x1536")
#: gpt-image today [2].
_GPT: Mapping[str, Rule] = {
    "prompt": _LONG_PROMPT,
    "size": Rule(kind="choice", choices=_GPT_SIZES, default="1024x1024"),
    "quality": Rule(kind="choice", choices=("low", "medium", "high"), default="medium"),
    "n": Rule(kind="integer", low=1, high=4, default=1),
    "output_format": _THREE_FORMATS,
    "output_compression": _COMPRESSION,
}
#: What was different in gpt-image before [1]; None: not there.
_GPT_BEFORE: Mapping[str, Rule | None] = {
    "prompt": _PROMPT,
    "size": Rule(kind="choice", choices=(*_GPT_SIZES, "auto"), default="1024x1024"),
    "quality": Rule(kind="choice", choices=("auto", "low", "medium", "high"), default="auto"),
    "output_format": None,
    "output_compression": None,
}
_FLUX_SIDE = Rule(kind="integer", low=64, high=2048, multiple=32, default=1024)
# [1] names no upper bound; a sandbox needs one.
_FLUX_SIDE_BEFORE = Rule(kind="integer", low=64, high=8192, multiple=32, default=1024)
_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
#: "+1:4 4:1 1:8 8:1 (which model: unknown)": all of them here (opengpu_relay_more.md, 6).
_MORE_RATIOS = (*_RATIOS, "1:4", "4:1", "1:8", "8:1")
#: Models of Gemini's route today; the maker's name before the last three is inferred (opengpu_relay_more.md, 6).
_GEMINI_MODELS = (
    "google/gemini-3-pro-image",
    "google/gemini-2.5-flash-image",
    "google/gemini-3.1-flash-image-preview",
    "google/gemini-nano-banana-2.1",
)
#: The same of gpt-image-2's.
_GPT_2_MODELS = ("openai/gpt-image-2", "openai/gpt-image-2.5-sunburst", "openai/gpt-image-2.5-flare")

#: All image routes.
IMAGE_ROUTES: tuple[Route, ...] = (
    Route(
        name="sd",
        path="/v2/automatic1111/sdapi/v1/txt2img",
        models=_both(
            "Realistic_Vision_V5.1.safetensors",
            "illustriousRealismBy_v10VAE.safetensors",
            "stable-diffusion-v1-5-pruned.safetensors",
        ),
        fields={
            "prompt": _PROMPT,
            "negative_prompt": Rule(kind="text"),
            "steps": Rule(kind="integer", low=1, high=150, default=20),
            "width": _SIDE,
            "height": _SIDE,
            "cfg_scale": Rule(kind="number", low=0, high=30, default=7.0),
        },
        answers=_BASE64,
    ),
    Route(
        name="flux",
        path="/v2/image/flux/generate",
        models=_both("black-forest-labs/FLUX-2-pro"),
        fields={
            "prompt": _PROMPT,
            "width": _FLUX_SIDE,
            "height": _FLUX_SIDE,
            "seed": _SEED,
            "safety_tolerance": Rule(kind="integer", low=0, high=6, default=2),
            "output_format": _FORMAT,
            "input_image": _IMAGE,
            "input_image_2": _IMAGE,
            "input_image_3": _IMAGE,
            "input_image_4": _IMAGE,
        },
        differs={1: {"width": _FLUX_SIDE_BEFORE, "height": _FLUX_SIDE_BEFORE}},
        answers=_BASE64,
        model_field=False,
        images=("input_image", "input_image_2", "input_image_3", "input_image_4"),
    ),
    Route(
        name="gemini",
        path="/v2/image/gemini-3/generate",
        models={1: ("google/gemini-3-pro-T2I",), 2: _GEMINI_MODELS},
        fields={
            "prompt": _PROMPT,
            "aspect_ratio": Rule(kind="choice", choices=_MORE_RATIOS, default="1:1"),
            "image_size": Rule(kind="choice", choices=("1K", "2K", "4K"), default="1K"),
            "image": _IMAGE,
            "images": _IMAGES,
        },
        differs={
            1: {
                "image": None,
                "images": None,
                "aspect_ratio": Rule(kind="choice", choices=_RATIOS, default="1:1"),
            }
        },
        # 2.5: "prompt + one image only"; several images: those of 3, and of the newest, whose options are not known.
        only_of={
            "images": (_GEMINI_MODELS[0], _GEMINI_MODELS[3]),
            "aspect_ratio": (_GEMINI_MODELS[0], *_GEMINI_MODELS[2:]),
            "image_size": (_GEMINI_MODELS[0], *_GEMINI_MODELS[2:]),
        },
        answers=_BASE64,
        images=("image", "images"),
    ),
    Route(
        name="gpt_image.generate",
        path="/v2/image/gpt-image/generate",
        models=_both("openai/gpt-image-1.5-T2I"),
        fields=_GPT,
        differs={1: _GPT_BEFORE},
        answers={1: "urls as images", 2: "base64"},
        model_field=False,
    ),
    Route(
        name="gpt_image.edit",
        path="/v2/image/gpt-image/edit",
        models=_both("openai/gpt-image-1.5-I2I"),
        fields={**_GPT, "image": Rule(kind="text", required=True, says="Raw base64."), "mask": _IMAGE},
        differs={1: _GPT_BEFORE},
        answers={1: "urls as images", 2: "base64"},
        model_field=False,
        images=("image",),
    ),
    Route(
        name="qwen.generate",
        path="/v2/image/qwen/generate",
        models=_both("Qwen/qwen-image"),
        fields={"prompt": _PROMPT, "size": _PIXELS, "seed": _SEED},
        answers=_URLS,
        stores=True,
        model_field=False,
    ),
    Route(
        name="qwen.edit",
        path="/v2/image/qwen/edit",
        models=_both("Qwen/qwen-image-edit"),
        fields={
            "prompt": _PROMPT,
            "image": Rule(kind="text", required=True, says="URL or base64."),
            "size": _PIXELS,
            "seed": _SEED,
        },
        answers=_URLS,
        stores=True,
        model_field=False,
        images=("image",),
        addresses=True,
    ),
    Route(
        name="gpt_image_2",
        path="/v2/image/gpt-image-2/generate",
        models=_both(*_GPT_2_MODELS),
        fields={
            "prompt": _LONG_PROMPT,
            "image": Rule(kind="text_or_texts", low=1, high=None, says="Raw base64 or a data URI."),
            "mask": _IMAGE,
            "size": Rule(
                kind="choice",
                choices=("1024x768", *_GPT_SIZES, "2560x1440", "3840x2160"),
                default="1024x1024",
            ),
            "quality": Rule(
                kind="choice", choices=("low", "medium", "high", "auto", "xhigh", "max"), default="high"
            ),
            "n": Rule(kind="integer", low=1, high=10, default=1),
            "output_format": _FORMAT,
            "output_compression": _COMPRESSION,
        },
        answers=_BASE64,
        only=2,
        images=("image",),
    ),
    Route(
        name="seedream",
        path="/v2/image/seedream-5-0-pro/generate",
        models=_both("ByteDance/doubao-seedream-5-0-pro-260628"),
        fields={
            "prompt": _PROMPT,
            "images": _URL_IMAGES,
            "size": Rule(kind="pixels", low=64, high=4096, words=("1K", "2K"), default="2048x2048"),
            "watermark": Rule(kind="boolean"),
            "output_format": Rule(kind="choice", choices=("png", "jpeg"), default="jpeg"),
        },
        answers=_URLS,
        stores=True,
        model_field=False,
        only=2,
        images=("images",),
        addresses=True,
    ),
    Route(
        name="wan",
        path="/v2/image/wan-2-7-image-pro/generate",
        models=_both("Wan-AI/Wan2.7-Image-Pro"),
        fields={
            "prompt": Rule(kind="text"),
            "image": _URL_IMAGE,
            "images": _URL_IMAGES,
            "size": Rule(kind="pixels", low=64, high=4096, words=("1K", "2K", "4K"), default="1024x1024"),
            "n": Rule(kind="integer", low=1, high=16, default=1),
            "seed": _SEED,
            "watermark": Rule(kind="boolean"),
            "thinking_mode": Rule(kind="boolean"),
            "enable_sequential": Rule(kind="boolean"),
        },
        answers=_URLS,
        stores=True,
        model_field=False,
        only=2,
        images=("image", "images"),
        addresses=True,
    ),
)
