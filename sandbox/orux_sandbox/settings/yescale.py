"""Settings of YEScale: which reading of its documents (yescale.md) applies, and its prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field

#: USD for one accepted submission, or for one image of it. MADE UP for the sandbox. ``model:action`` wins.
YESCALE_PRICES: Mapping[str, float] = {
    "flux-pro": 0.05,
    "dall-e-3": 0.04,
    "gpt-image-1": 0.06,
    "qwen-image": 0.02,
    "gemini-2.0-flash-exp-image-generation": 0.04,
    "mj_imagine": 0.06,
    "mj_variation": 0.06,
    "mj_upscale": 0.02,
    "mj_reroll": 0.06,
    "mj_blend": 0.06,
    "mj_describe": 0.03,
    "flux-kontext[max]": 0.08,
    "nano-banana-2": 0.05,
    "nano-banana-pro": 0.14,
    "gpt-image-2": 0.07,
    "seedream-4.5": 0.04,
    "ideogram-v3": 0.06,
    "kling-image": 0.03,
    "kolors-virtual-try-on": 0.07,
    "suno_music": 0.1,
    "suno_lyrics": 0.01,
}


class YEScaleSettings(BaseModel):
    """What YEScale's documents leave open."""

    yescale_prices: dict[str, float] = Field(
        default_factory=lambda: dict(YESCALE_PRICES),
        description="made-up prices in USD; a change is merged into them",
    )
    yescale_refund_failed: bool = Field(default=True, description="whether failed tasks are refunded")
    yescale_models_refused: list[str] = Field(
        default_factory=list, description="models outside the key's token groups"
    )
    yescale_account_key: str = Field(
        default="sandbox-account-access-key",
        min_length=1,
        description="the separate key of GET /yescale/user",
    )

    # Gemini's images in a chat, which is all inferred
    yescale_chat_shape: Literal["markdown", "parts", "images", "words"] = Field(
        default="markdown",
        description="where the image of a chat answer is: in the text, in parts of the content, in"
        " `message.images`, or nowhere",
    )
    yescale_chat_image: Literal["data_url", "url"] = Field(
        default="data_url", description="how the image is given"
    )

    # Midjourney
    yescale_result: Literal["string", "number"] = Field(
        default="string", description="`result` of an accepted submission: the id as a string or a number"
    )
    yescale_sync_seconds: float = Field(
        default=0.2,
        ge=0,
        description="seconds between two looks of the gateway at its upstream (15 in the gateway software); 0: always"
        " up to date",
    )
    yescale_rewrites_codes: bool = Field(
        default=False, description="whether the gateway layer turns submit codes 21 and 22 into 1"
    )
    yescale_repeated_upscale: Literal["new", "existing"] = Field(
        default="new", description="the second upscale of a panel: a new task, or code 21 with the first"
    )
    yescale_reroll_index: Literal["required", "optional"] = Field(
        default="required", description="whether the gateway layer wants an index on REROLL too"
    )
    yescale_unknown_mj_task: Literal["task_no_found", "empty"] = Field(
        default="task_no_found",
        description="an unknown task: HTTP 400 task_no_found, or 200 with an empty body",
    )
    yescale_list: Literal["served", "refused"] = Field(
        default="served", description="POST /mj/task/list-by-condition, which YEScale's pages do not list"
    )
    yescale_banned_words: list[str] = Field(
        default_factory=lambda: ["sandbox-banned"],
        description="words a prompt may not have: code 24",
    )
    yescale_previews: bool = Field(
        default=True, description="whether imageUrl is a preview while IN_PROGRESS"
    )
    yescale_notify_hook: bool = Field(
        default=False, description="whether notifyHook is obeyed; the gateway software strips it by default"
    )
    yescale_mj_quota_status: Literal[400, 403] = Field(
        default=403,
        description="HTTP status of quota_not_enough on /mj: 403 as everywhere else, or 400 as its other errors",
    )

    # Its own tasks
    yescale_unindexed_seconds: float = Field(
        default=0.0, ge=0, description="seconds after the submission during which GET /task/{id} answers 404"
    )

    def yescale_price(self, model: str, action: str = "") -> float:
        """USD for one accepted submission, or for one image of it."""
        return self.yescale_prices.get(f"{model}:{action}", self.yescale_prices.get(model, 0.05))
