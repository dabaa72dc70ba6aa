"""Settings of OpenGPU Relay: its generation, which reading of its documents (opengpu_relay.md) applies, its prices."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field, field_validator

#: USD for one image. Those that were "seen 2026-10" (opengpu_relay.md, Prices); the others are MADE UP.
RELAY_PRICES: Mapping[str, float] = {
    "Realistic_Vision_V5.1.safetensors": 0.004,
    "illustriousRealismBy_v10VAE.safetensors": 0.004,
    "stable-diffusion-v1-5-pruned.safetensors": 0.004,
    "black-forest-labs/FLUX-2-pro": 0.036,
    "google/gemini-3-pro-image": 0.14,
    "google/gemini-3-pro-image:4K": 0.24,
    "google/gemini-3-pro-T2I": 0.14,
    "google/gemini-3-pro-T2I:4K": 0.24,
    "openai/gpt-image-1.5-T2I": 0.036,
    "openai/gpt-image-1.5-I2I": 0.036,
    "openai/gpt-image-2": 0.05,
    "Qwen/qwen-image": 0.036,
    "Qwen/qwen-image-edit": 0.04,
    "ByteDance/doubao-seedream-5-0-pro-260628": 0.045,
    "Wan-AI/Wan2.7-Image-Pro": 0.04,
}

#: A webhook secret that is no secret.
RELAY_WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"the-sandbox-signs-with-this-key!").decode()


class RelaySettings(BaseModel):
    """What distinguishes the generations, and what the documents leave open."""

    relay_generation: Literal[1, 2] = Field(
        default=2, description="1: as first documented; 2: as documented today"
    )
    relay_prices: dict[str, float] = Field(
        default_factory=lambda: dict(RELAY_PRICES), description="USD for one image; a change is merged"
    )
    relay_storage_prices: dict[str, float] = Field(
        default_factory=lambda: {"relay1d": 0.0, "relay7d": 0.0, "relay30d": 0.0},
        description="made-up USD for storing one file",
    )
    relay_guests: Literal["allowed", "refused"] = Field(
        default="allowed", description="whether a request without a key is a guest or a 401"
    )
    relay_store_output: Literal["accounts", "everyone", "nobody"] = Field(
        default="accounts",
        description="whose tier includes store_output: 'accounts' (not guests), 'everyone' or 'nobody'; without it: 403"
        " TIER_FEATURE_UNAVAILABLE",
    )
    relay_files_a_day: int = Field(
        default=1000,
        ge=0,
        description="files that an account may keep for an hour each day; the number is made up",
    )
    relay_catalogue: Literal["as_recorded", "without_schemas"] = Field(
        default="as_recorded", description="whether a model's `request_schema` and `response_schema` are told"
    )
    relay_retired: list[str] = Field(
        default_factory=list, description="models that the catalogue calls retired, beside those that are"
    )
    relay_workflow_runs: int = Field(
        default=0,
        ge=0,
        description="workflow runs of an account in flight at once; 0: no limit; the number is made up",
    )
    relay_rate_limit: int = Field(
        default=0,
        ge=0,
        description="requests per customer and minute, without polls and the catalogue; 0: no limit",
    )
    relay_task_seconds: float = Field(
        default=3600.0, gt=0, description="seconds after its end a task can be polled (generation 2)"
    )
    relay_url_seconds: float = Field(
        default=3600.0,
        gt=0,
        description="seconds a result URL works after the end without store_output (generation 2)",
    )
    relay_poll_url: str = Field(
        default="/v2/tasks/{task_id}",
        description="poll_url of a 202, with {task_id} and perhaps {base}; /v2/status/of/{task_id} answers, too;"
        " empty: no poll_url",
    )
    relay_accepted_message: bool = Field(default=False, description="whether a 202 has a `message`")
    relay_result_success: bool = Field(default=False, description="whether results have `success: true`")
    relay_error_fields: Literal["present", "absent"] = Field(
        default="present", description="whether a task without an error has error_code and error_detail"
    )
    relay_stored_urls: bool = Field(
        default=False,
        description="whether base64 routes take store_output (else a 422) and then answer with `urls` too, as the"
        " vendor's newer types allow",
    )
    relay_gpt_image_model: Literal["refused", "accepted"] = Field(
        default="refused", description="`model` in a gpt-image body; the vendor's types have none"
    )
    relay_webhook_secret: str = Field(
        default=RELAY_WEBHOOK_SECRET,
        description="secret of the webhooks, in the form of Standard Webhooks: whsec_ and base64",
    )

    @field_validator("relay_webhook_secret")
    @classmethod
    def _decodable(cls, value: str) -> str:
        try:
            key = base64.b64decode(value.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            key = b""
        if not value.startswith("whsec_") or not key:
            raise ValueError("wants whsec_ and base64")
        return value

    def relay_price(self, model: str, resolution: str = "") -> float:
        """USD for one image."""
        return self.relay_prices.get(f"{model}:{resolution}", self.relay_prices.get(model, 0.04))
