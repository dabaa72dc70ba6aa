"""Request bodies Orux accepts: a table per model, and the sizes their options mean.

Source: orux.md, "POST /api/v1/images/generations" (the nine tables) and "Tasks" (Midjourney, audio, video).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from orux_sandbox.wire import Refusal

#: Characters of a prompt.
MAX_PROMPT = 4000
#: ``16:9``.
_RATIO = re.compile(r"([1-9]\d{0,3}):([1-9]\d{0,3})")


@dataclass(frozen=True, kw_only=True)
class Field:
    """One row of a model's table."""

    kind: Literal["text", "prompt", "choice", "integer", "boolean", "url", "urls", "ratio"]
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    most: int | None = None


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model: what it makes and which fields it has (besides ``model``)."""

    kind: Literal["image", "audio", "video"]
    title: str
    fields: Mapping[str, Field]
    free_form: bool = False


_PROMPT = Field(kind="prompt", required=True)
_SEED = Field(kind="integer")
_URL = Field(kind="url")
#: Every model takes a webhook.
_WEBHOOK = {"webhook_url": _URL}
_N = Field(kind="integer", low=1, high=4, default=1)
_FIVE_RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4")


def _ratio(*choices: str, default: str) -> Field:
    return Field(kind="choice", choices=choices, default=default)


def _image(title: str, **fields: Field) -> Model:
    return Model(kind="image", title=title, fields={"prompt": _PROMPT, **fields, **_WEBHOOK})


_FLUX_RATIO = _ratio("21:9", "16:9", "4:3", "1:1", "3:4", "9:16", default="1:1")
_IMAGES: dict[str, Model] = {
    "gpt-image-2": _image(
        "GPT-Image-2",
        size=Field(
            kind="choice", choices=("1024x1024", "1536x1024", "1024x1536", "auto"), default="1024x1024"
        ),
        quality=Field(kind="choice", choices=("low", "medium", "high", "auto"), default="auto"),
        n=_N,
        response_format=Field(kind="choice", choices=("url", "b64_json"), default="url"),
    ),
    "gemini-3-pro-image": _image(
        "Gemini 3 Pro Image",
        aspect_ratio=_ratio("1:1", "16:9", "9:16", "4:3", "3:4", "21:9", default="1:1"),
        n=_N,
        seed=_SEED,
    ),
    "flux-kontext-pro": _image(
        "Flux Kontext Pro",
        aspect_ratio=_FLUX_RATIO,
        prompt_upsampling=Field(kind="boolean", default=False),
        seed=_SEED,
        reference_image_url=_URL,
    ),
    "flux-kontext-max": _image(
        "Flux Kontext Max", aspect_ratio=_FLUX_RATIO, reference_image_url=_URL, seed=_SEED
    ),
    "runway-gen4-image": _image(
        "Runway Gen-4 Image",
        aspect_ratio=_ratio("16:9", "9:16", "1:1", "4:3", "3:4", default="16:9"),
        reference_images=Field(kind="urls", most=3),
        seed=_SEED,
    ),
    "midjourney-v7": _image(
        "Midjourney v7",
        aspect_ratio=Field(kind="ratio"),
        stylize=Field(kind="integer", low=0, high=1000, default=100),
        weird=Field(kind="integer", low=0, high=3000, default=0),
        chaos=Field(kind="integer", low=0, high=100, default=0),
        tile=Field(kind="boolean", default=False),
    ),
    "seedream-4-0": _image(
        "Seedream 4.0",
        size=Field(kind="choice", choices=("1K", "2K", "4K"), default="2K"),
        aspect_ratio=_ratio(*_FIVE_RATIOS, default="1:1"),
        watermark=Field(kind="boolean", default=False),
    ),
    "qwen-image-edit": _image("Qwen Image Edit", image_url=Field(kind="url", required=True)),
    "recraft-v3": _image("Recraft v3", style=Field(kind="text")),
}

_AUDIO_FIELDS: dict[str, Field] = {
    "prompt": _PROMPT,
    "lyrics": Field(kind="text"),
    "duration": Field(kind="integer", low=30, high=240, default=60),
    "instrumental": Field(kind="boolean", default=False),
    **_WEBHOOK,
}
_AUDIO: dict[str, Model] = {
    name: Model(kind="audio", title=title, fields=_AUDIO_FIELDS)
    for name, title in {
        "suno-v5": "Suno v5",
        "elevenlabs-v3": "ElevenLabs v3",
        "elevenlabs-music": "ElevenLabs Music",
    }.items()
}
# "The same parent pattern is said to recur for Suno": here for the model that extends something. Inferred.
_AUDIO["suno-extend"] = Model(
    kind="audio", title="Suno Extend", fields={**_AUDIO_FIELDS, "parent_task_id": Field(kind="text")}
)

# Their tables are unknown: anything goes besides model, prompt and webhook_url.
_VIDEO: dict[str, Model] = {
    name: Model(kind="video", title=name, fields={"prompt": _PROMPT, **_WEBHOOK}, free_form=True)
    for name in (
        "veo-3.1-quality",
        "veo-3.1-fast",
        "sora2",
        "runway-gen3-alpha-turbo",
        "runway-gen4",
        "runway-aleph",
        "kling-v21-master-i2v",
        "kling-v21-master-t2v",
        "kling-v25-i2v-pro",
    )
}

#: All models.
MODELS: Mapping[str, Model] = {**_IMAGES, **_AUDIO, **_VIDEO}

#: Actions on a Midjourney grid.
FOLLOWUPS = ("upscale", "variation", "reroll")
#: Fields of an action on a grid.
_FOLLOWUP_FIELDS: Mapping[str, Field] = {
    "parent_task_id": Field(kind="text", required=True),
    "index": Field(kind="integer", low=1, high=4),
    **_WEBHOOK,
}


def invalid(param: str | None, message: str) -> Refusal:
    """The documented refusal of a field."""
    return Refusal("invalid", message, param=param)


def read_object(body: Any) -> dict[str, Any]:
    """The request body as an object."""
    if not isinstance(body, dict):
        raise invalid(None, "The request body must be a JSON object.")
    return body


def read_generation(
    body: Mapping[str, Any], *, any_scheme: bool, kinds: tuple[str, ...]
) -> tuple[Model, dict[str, Any]]:
    """Check a generation against its model's table; its fields with the defaults filled in."""
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise invalid("model", "model is required and must be a string.")
    model = MODELS.get(name)
    if model is None or model.kind not in kinds:
        known = ", ".join(known for known, one in MODELS.items() if one.kind in kinds)
        raise invalid("model", f"There is no model {name!r} here. There are: {known}.")
    given = {field: value for field, value in body.items() if field != "model"}
    return model, _checked(name, given, model.fields, any_scheme=any_scheme, free_form=model.free_form)


def read_followup(
    body: Mapping[str, Any],
    *,
    any_scheme: bool,
    model: Literal["optional", "required", "refused"],
    reroll_index: Literal["optional", "required", "refused"],
) -> dict[str, Any]:
    """Check a Midjourney follow-up: ``action``, ``parent_task_id``, ``index``."""
    if "model" in body:
        if model == "refused":
            raise invalid("model", "A follow-up has no model.")
        if body["model"] != "midjourney-v7":
            raise invalid("model", "Follow-ups are for midjourney-v7.")
    elif model == "required":
        raise invalid("model", "model is required.")
    action = body["action"]
    given = {field: value for field, value in body.items() if field not in ("model", "action")}
    wants_index = reroll_index if action == "reroll" else "required"
    if wants_index == "refused" and "index" in given:
        raise invalid("index", f"{action} has no index.")
    clean = _checked(f"midjourney-v7 {action}", given, _FOLLOWUP_FIELDS, any_scheme=any_scheme)
    if wants_index == "required" and "index" not in clean:
        raise invalid("index", f"{action} needs an index from 1 to 4.")
    return {"action": action, **clean}


def _checked(
    name: str,
    given: Mapping[str, Any],
    fields: Mapping[str, Field],
    *,
    any_scheme: bool,
    free_form: bool = False,
) -> dict[str, Any]:
    clean: dict[str, Any] = {}
    for field in given:
        if field not in fields and not free_form:
            raise invalid(field, f"{name} has no field {field!r}. It has: {', '.join(fields)}.")
    for field, rule in fields.items():
        if field in given:
            clean[field] = _value(field, given[field], rule, any_scheme)
        elif rule.required:
            raise invalid(field, f"{field} is required.")
        elif rule.default is not None:
            clean[field] = rule.default
    return {**given, **clean}


def _value(field: str, value: Any, rule: Field, any_scheme: bool) -> Any:
    if rule.kind == "integer":
        # JSON's true is no number, though Python's is.
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid(field, f"{field} must be an integer.")
        if (rule.low is not None and value < rule.low) or (rule.high is not None and value > rule.high):
            raise invalid(field, f"{field} must be from {rule.low} to {rule.high}, not {value}.")
    elif rule.kind == "boolean":
        if not isinstance(value, bool):
            raise invalid(field, f"{field} must be true or false.")
    elif rule.kind == "urls":
        if not isinstance(value, list) or (rule.most is not None and len(value) > rule.most):
            raise invalid(field, f"{field} must be a list of at most {rule.most} URLs.")
        for one in value:
            _url(field, one, any_scheme)
    elif not isinstance(value, str):
        raise invalid(field, f"{field} must be a string.")
    elif rule.kind == "choice":
        if value not in rule.choices:
            raise invalid(field, f"{field} must be one of {', '.join(rule.choices)}, not {value!r}.")
    elif rule.kind == "url":
        _url(field, value, any_scheme)
    elif rule.kind == "ratio":
        if not _RATIO.fullmatch(value):
            raise invalid(field, f"{field} must look like 16:9, not {value!r}.")
    elif rule.kind == "prompt":
        if not value.strip():
            raise invalid(field, f"{field} must not be empty.")
        if len(value) > MAX_PROMPT:
            raise invalid(field, f"{field} has {len(value)} characters; {MAX_PROMPT} are allowed.")
    elif not value:
        raise invalid(field, f"{field} must not be empty.")
    return value


def _url(field: str, value: Any, any_scheme: bool) -> None:
    parts = None
    if isinstance(value, str):
        try:
            parts = urlsplit(value)
        except ValueError:
            parts = None
    schemes = ("https", "http") if any_scheme else ("https",)
    if parts is None or parts.scheme not in schemes or not parts.hostname:
        raise invalid(field, f"{field} must be an https URL.")


# Sizes. The pixels of an aspect ratio are the sandbox's own choice, within the "Spec" column of the Images
# page.

#: Longest side of a grid.
GRID_SIDE = 1024
#: Longest side of an upscale: three times as large as the panel it shows.
UPSCALE_SIDE = 1536


def ratio_of(text: str | None) -> tuple[int, int]:
    """``16:9`` as two numbers; 1:1 if nothing was said."""
    found = _RATIO.fullmatch(text or "1:1")
    return (int(found[1]), int(found[2])) if found else (1, 1)


def fit_side(ratio: tuple[int, int], longest: int) -> tuple[int, int]:
    """Width and height of a ratio by their longest side, both even, none under 64."""
    across, down = ratio
    scale = longest / max(across, down)
    width, height = (max(64, round(part * scale / 2) * 2) for part in (across, down))
    return width, height


def _fit_area(ratio: tuple[int, int], area: int) -> tuple[int, int]:
    across, down = ratio
    scale = (area / (across * down)) ** 0.5
    return round(across * scale / 8) * 8, round(down * scale / 8) * 8


def pixels(model: str, fields: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height of one image."""
    size, ratio = fields.get("size"), ratio_of(fields.get("aspect_ratio"))
    if model == "gpt-image-2":
        width, _, height = ("1024x1024" if size == "auto" else str(size)).partition("x")
        return int(width), int(height)
    if model == "seedream-4-0":
        return fit_side(ratio, {"1K": 1024, "2K": 2048, "4K": 4096}[str(size)])
    if model == "runway-gen4-image":
        across, down = ratio
        short = 1080 / min(across, down)
        return round(across * short), round(down * short)
    return _fit_area(ratio, 1024 * 1024)
