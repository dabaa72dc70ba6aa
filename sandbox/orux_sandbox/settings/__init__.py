"""Settings: how long things take, what they cost, which reading of the documents applies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from orux_sandbox.settings.orux import OruxSettings
from orux_sandbox.settings.relay import RelaySettings
from orux_sandbox.settings.yescale import YEScaleSettings

#: Credits for one accepted submission (an image call: for one image). MADE UP for the sandbox: the vendor's
#: prices are not documented (orux.md, Money). ``model:action`` wins over ``model``.
SANDBOX_PRICES: Mapping[str, float] = {
    "gpt-image-2": 8,
    "gemini-3-pro-image": 27,
    "flux-kontext-pro": 8,
    "flux-kontext-max": 16,
    "runway-gen4-image": 16,
    "midjourney-v7": 20,
    "midjourney-v7:upscale": 5,
    "seedream-4-0": 6,
    "qwen-image-edit": 6,
    "recraft-v3": 8,
    "suno-v5": 24,
    **dict.fromkeys(
        ("suno-extend", "suno-cover", "suno-add-vocals", "suno-instrumental", "suno-mashup", "suno-replace"),
        24,
    ),
    **dict.fromkeys(("suno-stem", "suno-mv", "suno-persona", "suno-upload-extend"), 20),
    **dict.fromkeys(("suno-wav", "suno-lyrics", "suno-cover-img"), 4),
    "runway-act-two": 60,
    "elevenlabs-v3": 10,
    "elevenlabs-music": 20,
    "veo-3.1-quality": 320,
    "veo-3.1-fast": 120,
    "sora2": 160,
    "runway-gen3-alpha-turbo": 50,
    "runway-gen4": 100,
    "runway-aleph": 150,
    "kling-v21-master-i2v": 140,
    "kling-v21-master-t2v": 140,
    "kling-v25-i2v-pro": 90,
}


class Seconds(BaseModel):
    """Durations of one model; what is None is taken from the common setting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    queue: float | None = Field(default=None, ge=0)
    run: float | None = Field(default=None, ge=0)
    sync: float | None = Field(default=None, ge=0)


#: Settings that are tables: a change is merged into them.
_TABLES = ("prices", "yescale_prices", "relay_prices", "model_seconds")


class Settings(OruxSettings, YEScaleSettings, RelaySettings):
    """All settings with their defaults. Immutable: a change makes a new one.

    Those without a prefix are Orux's, or everybody's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    # How long things take
    queue_seconds: float = Field(default=0.5, ge=0, description="seconds a job is QUEUED")
    run_seconds: float = Field(default=2.0, ge=0, description="seconds a job is RUNNING after that")
    sync_seconds: float = Field(default=1.0, ge=0, description="seconds a synchronous call takes")
    model_seconds: dict[str, Seconds] = Field(
        default_factory=dict, description='durations by model: {"sora2": {"run": 30}}'
    )
    job_ttl_seconds: float = Field(
        default=86400.0, gt=0, description="seconds after which an unfinished job is EXPIRED"
    )
    url_seconds: float = Field(default=86400.0, gt=0, description="seconds a result URL works after the end")
    dead_url_status: int = Field(
        default=404, ge=400, le=499, description="HTTP status of an expired result URL"
    )

    # Which reading of the documents
    grid: Literal["one", "four"] = Field(
        default="one", description="result_urls of a Midjourney grid: one image or four"
    )
    status_case: Literal["documented", "upper", "lower"] = Field(
        default="documented", description="'documented': `queued` on submit, upper case on polls"
    )
    submit_status_code: Literal[200, 201, 202] = Field(
        default=200, description="HTTP status of an accepted task"
    )
    unfilled_fields: Literal["absent", "null"] = Field(
        default="absent",
        description="result_urls, error_code and error_message of a task that has none",
    )
    finished_jobs_expire: bool = Field(
        default=False, description="whether a finished job also turns EXPIRED, after job_ttl_seconds"
    )
    accept_imagine_action: bool = Field(default=True, description='whether `"action": "imagine"` is accepted')
    followup_model: Literal["optional", "required", "refused"] = Field(
        default="optional", description="`model` in a Midjourney follow-up"
    )
    reroll_index: Literal["refused", "optional", "required"] = Field(
        default="refused", description="`index` of a reroll: the diagram has none, the prose has one"
    )
    followup_parents: Literal["grids", "imagine"] = Field(
        default="grids", description="whether variations and rerolls may be parents too"
    )
    parent_usable_seconds: float = Field(
        default=0.0, ge=0, description="seconds after its end a grid may be a parent; 0: forever"
    )
    max_concurrency: int = Field(default=3, ge=0, description="requests in flight per user; 0: no limit")
    concurrency_counts: Literal["requests", "jobs"] = Field(
        default="requests", description="'jobs': an unfinished job also holds a slot against new submissions"
    )
    insufficient: Literal["insufficient_balance", "quota_exceeded"] = Field(
        default="insufficient_balance",
        description="the error of an empty balance: 402 insufficient_balance or 429 quota_exceeded",
    )

    # Money
    credits: float = Field(default=20000.0, ge=0, description="balance a new Orux account starts with")
    usd: float = Field(
        default=100.0, ge=0, description="balance a new account of the other gateways starts with"
    )
    prices: dict[str, float] = Field(
        default_factory=lambda: dict(SANDBOX_PRICES),
        description="made-up prices in Credits; a change is merged into them",
    )
    refund_failed: bool = Field(default=False, description="whether FAILED and EXPIRED jobs are refunded")

    # Convenience
    url_schemes: Literal["https", "any"] = Field(
        default="https",
        description="'any': webhooks and reference images may be http, for a test's own receiver",
    )
    webhook_secret: str = Field(
        default="whsec-of-the-sandbox",
        min_length=1,
        description="key of the webhooks' HMAC-SHA256, which is the sandbox's own",
    )
    webhook_retry_seconds: float = Field(
        default=1.0,
        ge=0,
        description="seconds before a webhook's second attempt; doubled for each further one",
    )
    image_scale: float = Field(
        default=1.0, gt=0, le=1, description="below 1: smaller images than asked for, for fast tests"
    )
    public_url: str = Field(
        default="", description="prefix of result URLs; empty: as the caller addressed the sandbox"
    )

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """These settings with ``changes``. Tables (prices, ``model_seconds``) are merged, the others replaced.

        :raises ValueError: a name or value that does not exist.
        """
        merged = self.model_dump()
        for name, value in changes.items():
            if name in _TABLES and isinstance(value, Mapping):
                merged[name] = {**merged[name], **value}
            else:
                merged[name] = value
        return Settings.model_validate(merged)

    def seconds(self, model: str) -> tuple[float, float, float]:
        """(queue, run, sync) of one model."""
        own = self.model_seconds.get(model, Seconds())
        return (
            self.queue_seconds if own.queue is None else own.queue,
            self.run_seconds if own.run is None else own.run,
            self.sync_seconds if own.sync is None else own.sync,
        )

    def price(self, model: str, action: str) -> float:
        """Credits for one accepted submission (for one image of it, where several can be asked for)."""
        return self.prices.get(f"{model}:{action}", self.prices.get(model, 10.0))
