"""Request bodies Orux accepts, checked against the tables; and the sizes their options mean.

Source: orux.md, "POST /api/v1/images/generations" and "Tasks"; orux_more.md, 9 (which reading applies).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from orux_sandbox.engine import inputs
from orux_sandbox.orux.tables import (
    FOLLOWUP_FIELDS,
    MODELS,
    REFERENCES,
    STEPS,
    WITHOUT_PARENT,
    Field,
    Model,
    step_model,
)
from orux_sandbox.settings import Settings
from orux_sandbox.wire import Refusal

#: Characters of a prompt.
MAX_PROMPT = 4000
#: ``16:9``.
_RATIO = re.compile(r"([1-9]\d{0,3}):([1-9]\d{0,3})")


#: Actions on a Midjourney grid.
FOLLOWUPS = ("upscale", "variation", "reroll")


def invalid(param: str | None, message: str) -> Refusal:
    """The documented refusal of a field."""
    return Refusal("invalid", message, param=param)


def read_object(body: Any) -> dict[str, Any]:
    """The request body as an object."""
    if not isinstance(body, dict):
        raise invalid(None, "The request body must be a JSON object.")
    return body


def read_generation(
    body: Mapping[str, Any], settings: Settings, *, kinds: tuple[str, ...]
) -> tuple[Model, dict[str, Any]]:
    """Check a generation against its model's table; its fields with the defaults filled in."""
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise invalid("model", "model is required and must be a string.")
    model = MODELS.get(name)
    if model is None or model.kind not in kinds or _is_step(name):
        known = ", ".join(known for known, one in MODELS.items() if one.kind in kinds and not _is_step(known))
        raise invalid("model", f"There is no model {name!r} here. There are: {known}.")
    given = {field: value for field, value in body.items() if field != "model"}
    fields, wire = dict(model.fields), {}
    if name.startswith("veo-"):
        wire["image_url"] = settings.veo_image_field
        if settings.veo_duration == "ignored":
            given.pop("duration", None)
    elif name == "elevenlabs-v3" and settings.speech_prompt == "optional":
        fields["prompt"] = Field(kind="text")
    elif name == "midjourney-v7" and settings.midjourney_references == "accepted":
        fields |= REFERENCES
    return model, _checked(name, given, fields, settings, wire=wire)


def step_of(body: Mapping[str, Any], settings: Settings) -> str | None:
    """The step on a song that a body asks for, in the reading that applies; None: it asks for something else."""
    name = str(body.get("model"))
    if settings.suno_step == "model":
        return name.removeprefix("suno-") if _is_step(name) else None
    if name != "suno-v5" or "action" not in body:
        return None
    if body["action"] not in STEPS:
        raise invalid("action", f"action must be one of {', '.join(STEPS)}.")
    return str(body["action"])


def read_step(body: Mapping[str, Any], step: str, settings: Settings) -> tuple[Model, dict[str, Any]]:
    """Check a step on a song; ``parent_task_id`` is its parent, whatever it is called on the wire."""
    model = step_model(step)
    parent = Field(kind="text", required=step not in WITHOUT_PARENT)
    given = {field: value for field, value in body.items() if field not in ("model", "action")}
    fields = {"parent_task_id": parent, **model.fields}
    wire = {"parent_task_id": settings.suno_parent_field}
    return model, _checked(f"suno {step}", given, fields, settings, free_form=True, wire=wire)


def _is_step(name: str) -> bool:
    return name.startswith("suno-") and name.removeprefix("suno-") in STEPS


def read_followup(body: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Check a Midjourney follow-up: ``action``, ``parent_task_id``, ``index``."""
    model = settings.followup_model
    if "model" in body:
        if model == "refused":
            raise invalid("model", "A follow-up has no model.")
        if body["model"] != "midjourney-v7":
            raise invalid("model", "Follow-ups are for midjourney-v7.")
    elif model == "required":
        raise invalid("model", "model is required.")
    action = body["action"]
    given = {field: value for field, value in body.items() if field not in ("model", "action")}
    wants_index = settings.reroll_index if action == "reroll" else "required"
    if wants_index == "refused" and "index" in given:
        raise invalid("index", f"{action} has no index.")
    clean = _checked(f"midjourney-v7 {action}", given, FOLLOWUP_FIELDS, settings)
    if wants_index == "required" and "index" not in clean:
        raise invalid("index", f"{action} needs an index from 1 to 4.")
    return {"action": action, **clean}


def _checked(
    name: str,
    given: Mapping[str, Any],
    fields: Mapping[str, Field],
    settings: Settings,
    *,
    free_form: bool = False,
    wire: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The fields of a body, by their names in the tables.

    :param wire: names on the wire that differ from those in the tables.
    """
    names = {field: (wire or {}).get(field, field) for field in fields}
    if "webhook_url" in fields:
        either = settings.webhook_field == "either"
        names["webhook_url"] = (
            "callback_url" if settings.webhook_field == "callback_url" or (either and "callback_url" in given)
            else "webhook_url"
        )  # fmt: skip
    known = set(names.values())
    if unknown := [field for field in given if field not in known]:
        if settings.unknown_fields == "refused" and not free_form:
            raise invalid(
                unknown[0], f"{name} has no field {unknown[0]!r}. It has: {', '.join(names.values())}."
            )
        if not free_form:
            given = {field: value for field, value in given.items() if field in known}
    clean: dict[str, Any] = {}
    for field, rule in fields.items():
        there = names[field]
        if there in given:
            clean[field] = _value(there, given[there], rule, settings.url_schemes == "any")
        elif rule.required:
            raise invalid(there, f"{there} is required.")
        elif rule.default is not None:
            clean[field] = rule.default
    return {**{field: value for field, value in given.items() if field not in known}, **clean}


def _value(field: str, value: Any, rule: Field, any_scheme: bool) -> Any:
    if rule.kind == "integer":
        # JSON's true is no number, though Python's is.
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid(field, f"{field} must be an integer.")
        if (rule.low is not None and value < rule.low) or (rule.high is not None and value > rule.high):
            raise invalid(field, f"{field} must be from {rule.low} to {rule.high}, not {value}.")
        if rule.numbers and value not in rule.numbers:
            raise invalid(field, f"{field} must be one of {', '.join(map(str, rule.numbers))}, not {value}.")
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
    elif rule.kind == "image" and value.startswith("data:"):
        try:
            inputs.decoded(value, prefix="required")
        except inputs.NotAnImageError as e:
            raise invalid(field, f"{field}: {e}") from None
    elif rule.kind in ("url", "image"):
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
