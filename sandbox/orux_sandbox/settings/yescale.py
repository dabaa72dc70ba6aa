"""Settings of YEScale: which reading of its documents (yescale.md) applies, and its prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field

#: Seconds of Grok's clips.
_SECONDS = (4, 6, 8, 10, 12, 15)
#: USD for one accepted submission, or for one image of it. ``model:action`` wins. MADE UP for the sandbox, except for
#: Grok, Omni Flash, Nano Banana 2 and Seedream 5, which are those of July 2026 (yescale_more.md, 3.2).
YESCALE_PRICES: Mapping[str, float] = {
    "flux-pro": 0.05,
    "dall-e-3": 0.04,
    "gpt-image-1": 0.06,
    "gpt-image-1-edit": 0.07,
    "qwen-image": 0.02,
    "qwen-image-edit": 0.03,
    "gemini-2.0-flash-exp-image-generation": 0.04,
    "mj_imagine": 0.06,
    "mj_variation": 0.06,
    "mj_upscale": 0.02,
    "mj_reroll": 0.06,
    "mj_blend": 0.06,
    "mj_describe": 0.03,
    "mj_low_variation": 0.06,
    "mj_high_variation": 0.06,
    "mj_pan": 0.06,
    "mj_zoom": 0.06,
    "mj_custom_zoom": 0.06,
    "mj_inpaint": 0.06,
    "mj_shorten": 0.02,
    "flux-kontext[max]": 0.08,
    "nano-banana-2": 0.08,
    "nano-banana-pro": 0.14,
    "gpt-image-2": 0.07,
    "gpt-image": 0.05,
    "seedream-4.0": 0.03,
    "seedream-4.5": 0.04,
    "seedream-5": 0.065,
    **{f"grok-video:{s}": usd for s, usd in zip(_SECONDS, (0.14, 0.14, 0.17, 0.2, 0.25, 0.3), strict=True)},
    **{f"grok-video-1.5:{s}": usd for s, usd in zip(_SECONDS, (0.2, 0.2, 0.26, 0.3, 0.35, 0.4), strict=True)},
    "omni-flash": 0.37,
    "omni-flash:v2v": 0.47,
    "veo-3.1": 0.5,
    "veo3.1": 0.5,
    "kling-2.5-turbo": 0.3,
    "hailuo-2.3": 0.3,
    "ideogram-v3": 0.06,
    "kling-image": 0.03,
    "kolors-virtual-try-on": 0.07,
    "suno_music": 0.1,
    "suno_lyrics": 0.01,
    "kling-text2video": 0.35,
    "kling-image2video": 0.35,
    "luma-video": 0.3,
    "pika-video": 0.25,
    "runway-video": 0.5,
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

    # Edits, whose bodies are inferred
    yescale_qwen_edit_body: Literal["multipart", "json"] = Field(
        default="multipart", description="which kind of body qwen-image-edit takes"
    )
    yescale_qwen_edit_answer: Literal["url", "b64_json"] = Field(
        default="url", description="how qwen-image-edit answers"
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

    # The classic video pages, whose answers are mostly inferred
    yescale_kling_video_answer: Literal["kling", "openai", "task", "plain"] = Field(
        default="kling",
        description="the shape of Kling's answers: Kling's own envelope, or one of three of newer gateway software",
    )
    yescale_luma_answer: Literal["page", "siblings", "artifact", "stateless"] = Field(
        default="page",
        description="the clip of Luma: in `assets.video` (also without a `state`), `video.url`, `artifact.video_raw`",
    )
    yescale_runway_path: Literal["runwayml", "runway_pro"] = Field(
        default="runwayml", description="which of the two addresses that siblings have serves Runway"
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
    yescale_bot_type: Literal["optional", "required"] = Field(
        default="optional",
        description="whether imagine and describe without botType are refused, as the page has it",
    )
    yescale_mj_actions: Literal["served", "refused"] = Field(
        default="served",
        description="POST /mj/submit/action, modal and shorten, which YEScale's pages do not list",
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

    # Suno
    yescale_suno_clip: Literal["raw", "flat"] = Field(
        default="raw", description="a song as Suno has it, with `metadata`, or flattened as siblings do"
    )

    # Its own tasks
    yescale_media_accepted: Literal["top", "data"] = Field(
        default="top", description="whether `task_id` of an accepted task stands at the top or in `data`"
    )
    yescale_media_result: Literal[
        "usual", "url", "images", "texts", "videos", "video_url", "output_url", "output", "results", "echo"
    ] = Field(
        default="usual",
        description="the shape of a result; usual: `url` for images and `data.videos` for clips; echo: with the input"
        " before what was made",
    )
    yescale_media_reason: Literal["message", "err_reason", "error", "error_object"] = Field(
        default="message", description="where the reason of a failed task stands"
    )
    yescale_unindexed_seconds: float = Field(
        default=0.0, ge=0, description="seconds after the submission during which GET /task/{id} answers 404"
    )

    def yescale_price(self, model: str, action: str = "") -> float:
        """USD for one accepted submission, or for one image of it."""
        return self.yescale_prices.get(f"{model}:{action}", self.yescale_prices.get(model, 0.05))
