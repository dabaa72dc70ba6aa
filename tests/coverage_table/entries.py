"""What the vendors' documents name, as of 2026-11-27: one entry for each call, model or page.

The first table of each gateway is the document that the project was created from, entry by entry; the second what the
vendor's other pages, clients and types name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: How an entry that is no job of ours is dealt with.
Status = Literal["job", "hook", "provider", "gone", "out", "page"]


@dataclass(frozen=True)
class Entry:
    """One thing that a vendor offers.

    :param name: as the vendor calls it.
    :param status: ``job``: an operator should make it; ``hook``: a part of the package that is no operator; ``provider``:
        the official providers (docs/chat.md); ``gone``: the vendor offers it no more; ``out``: out of scope; ``page``: a page
        that describes and offers nothing.
    :param model: of a job: as the gateway calls it; None: whatever the verb is for.
    :param note: what a reader should know; for ``out`` and ``gone``, why.
    """

    name: str
    status: Status = "job"
    model: str | None = None
    verb: str = "generate"
    note: str = ""
    #: Whether ``model`` is the vendor's own id, under which a ``CustomRequest`` reaches it; else it is this package's.
    is_id: bool = True


@dataclass(frozen=True)
class Table:
    """The entries of one document."""

    gateway: str
    title: str
    entries: tuple[Entry, ...]


def jobs(*models: str, is_id: bool = True) -> tuple[Entry, ...]:
    """One entry for each model."""
    return tuple(Entry(f"`{model}`", model=model, is_id=is_id) for model in models)


def chats(*models: str) -> tuple[Entry, ...]:
    """Models of words."""
    return tuple(Entry(f"`{model}`", "provider") for model in models)


ORUX_IMAGES = Table(
    "orux",
    "Orux AI: the page Images",
    (
        *jobs(
            "gpt-image-2", "gemini-3-pro-image", "flux-kontext-pro", "flux-kontext-max", "runway-gen4-image"
        ),
        Entry("`midjourney-v7` imagine", model="midjourney-v7", verb="imagine"),
        Entry("`midjourney-v7` upscale", model="midjourney-v7", verb="upscale"),
        Entry("`midjourney-v7` variation", model="midjourney-v7", verb="variation"),
        Entry("`midjourney-v7` reroll", model="midjourney-v7", verb="reroll"),
        *jobs("seedream-4-0", "qwen-image-edit", "recraft-v3"),
        Entry("Reference images", "hook", note="a field of each model that takes one"),
        Entry("`response_format`: URL or base64", "hook", note="both are saved"),
        Entry("`webhook_url`", "hook", note="passed on; not needed, since the provider polls"),
    ),
)
ORUX_MORE = Table(
    "orux",
    "Orux AI: videos, audio, chat, account",
    (
        *jobs(
            "veo-3.1-quality", "veo-3.1-fast", "sora2", "runway-gen3-alpha-turbo", "runway-gen4", "runway-aleph",
            "kling-v21-master-i2v", "kling-v21-master-t2v", "kling-v25-i2v-pro",
        ),
        Entry("Hailuo", "out", note="named in prose; its ids are not readable"),
        Entry("Kling, pose-driven", "out", note="named in prose; its ids are not readable"),
        *jobs("suno-v5", "suno-extend"),
        *(
            Entry(f"Suno step {step}", model=f"suno-{step}", note="the id is inferred from `suno-extend`")
            for step in (
                "cover", "lyrics", "add-vocals", "instrumental", "mashup", "stem", "mv", "wav", "cover-img", "replace",
                "persona", "upload-extend",
            )
        ),
        *jobs("elevenlabs-v3", "elevenlabs-music", "runway-act-two"),
        *chats(
            "gpt-5-2", "gpt-5-pro", "gpt-5-codex", "gpt-codex", "claude-opus-4-5", "claude-sonnet-4-5",
            "claude-haiku-4-5", "gemini-3-pro", "gemini-3-flash", "grok-3",
        ),
        Entry("`GET /api/v1/tasks/{id}`", "hook", note="`OruxJobSensor`, the trigger, `hook.get_job()`"),
        Entry("`GET /api/v1/models`", "hook", note="`OruxHook.list_models()`"),
        Entry("`GET /api/user/v1/usage`", "hook", note="`OruxHook.usage()`"),
    ),
)  # fmt: skip
YESCALE_NAVIGATION = Table(
    "yescale",
    "YEScale: the navigation of its documentation",
    (
        Entry("Introduction", "page"),
        Entry("Quick Start Guide", "page"),
        Entry("Make a request", "page"),
        Entry("ChatGPT (Audio): Create a voice", "out", note="the OpenAI client on the official provider's hook: no job, bytes in the answer"),
        Entry("ChatGPT (Audio): Create a transcript", "out", note="as above"),
        Entry("ChatGPT (Audio): Create translation", "out", note="as above"),
        Entry("ChatGPT (Chat): Chat completion object", "page"),
        Entry("ChatGPT (Chat): Create chat completion (streaming)", "provider", note="a task has no use for a stream"),
        Entry("ChatGPT (Chat): Create chat completion (non-streaming)", "provider"),
        Entry("ChatGPT (Chat): Create chat image recognition (streaming)", "provider"),
        Entry("ChatGPT (Chat): Create chat image recognition (streaming) base64", "provider"),
        Entry("ChatGPT (Chat): Create chat image recognition (non-streaming)", "provider"),
        Entry("ChatGPT (Chat): Function calling", "provider"),
        Entry("ChatGPT (Chat): N choices", "provider"),
        Entry("ChatGPT (Chat): Create chat function call (only non-streaming)", "provider"),
        Entry("ChatGPT (Chat): Create structured output", "provider"),
        Entry("ChatGPT (Completions): Completion object", "page"),
        Entry("ChatGPT (Completions): Creation completed", "provider", note="`hook.conn.completions`"),
        Entry("ChatGPT (Embeddings): Embedded Object", "page"),
        Entry("ChatGPT (Embeddings): Create embed", "provider"),
        Entry("Anthropic Claude: Create chat completion (streaming)", "provider"),
        Entry("Anthropic Claude: Create chat completion (non-streaming)", "provider"),
        Entry("Anthropic Claude: Create chat image recognition (streaming)", "provider"),
        Entry("Anthropic Claude: Create chat image recognition (non-streaming)", "provider"),
        Entry("Gemini Image creation interface", model="gemini-2.0-flash-exp-image-generation"),
        Entry("Gemini: Chat interface", "provider"),
        Entry("Gemini: Image recognition interface", "provider"),
        Entry("MJ: Submit Imagine task (mj_imagine)", model="mj_imagine", verb="imagine"),
        Entry("MJ: Submit Blend task (mj_blend)", model="mj_blend", verb="blend"),
        Entry("MJ: Submit Describe task (mj_describe)", model="mj_describe", verb="describe"),
        Entry("MJ: Submit Change task: mj_upscale", model="mj_upscale", verb="upscale"),
        Entry("MJ: Submit Change task: mj_variation", model="mj_variation", verb="variation"),
        Entry("MJ: Submit Change task: mj_reroll", model="mj_reroll", verb="reroll"),
        Entry("MJ: Query task status based on task ID", "hook", note="`OruxJobSensor`, the trigger"),
        Entry("Ideogram: Generate with Ideogram 3.0", model="ideogram-v3-generate"),
        Entry("Ideogram: Edit with Ideogram 3.0", model="ideogram-v3-edit"),
        Entry("Ideogram: Remix with Ideogram 3.0", model="ideogram-v3-remix"),
        Entry("Kling Image: Submit Image Generation", model="kling-image"),
        Entry("Kling Image: Get Image by Task ID", "hook", note="`OruxJobSensor`, the trigger"),
        Entry("Kling Image: Submit Kolors Virtual Try On", model="kolors-virtual-try-on"),
        Entry("Kling Image: Get Kolors Virtual Try On by Task ID", "hook", note="`OruxJobSensor`, the trigger"),
        Entry("DALL·E 3", model="dall-e-3"),
        Entry("Flux (OpenAI dall-e-3 format)", model="flux-pro"),
        Entry("Kling Video: Create Video by Text", model="kling-text2video", is_id=False),
        Entry("Kling Video: Get Video by Task ID (text2video)", "hook", note="`OruxJobSensor`, the trigger"),
        Entry("Kling Video: Create Video by Image", model="kling-image2video", is_id=False),
        Entry("Kling Video: Get Video by Task ID (image2video)", "hook", note="`OruxJobSensor`, the trigger"),
        Entry("Runway ML Video: Create Video by Runway", model="runway-video", is_id=False),
        Entry("Runway ML Video: Get Video by Task ID", "hook", note="`OruxJobSensor`, the trigger"),
        Entry("Luma Video: Create Video by Luma", model="luma-video", is_id=False),
        Entry("Luma Video: Get Video by Task ID", "hook", note="`OruxJobSensor`, the trigger"),
        Entry("Pika Video: Create Video by Pika", model="pika-video", is_id=False),
        Entry("Pika Video: Get Video by Task ID", "hook", note="`OruxJobSensor`, the trigger"),
        Entry("Suno: Illustrate", "page"),
        Entry("Suno: Parameter", "page"),
        Entry("Suno: Generate songs (inspiration, customization, continuation)", model="suno_music"),
        Entry("Suno: Generate lyrics", model="suno_lyrics"),
        Entry("Suno: Query a single task", "hook", note="`OruxJobSensor`, the trigger"),
        Entry("Python Samples: python openai official library", "provider"),
        Entry("Python Samples: Python uses speech to text", "out", note="see Create a transcript"),
        Entry("Python Samples: Python uses text to speech", "out", note="see Create a voice"),
        Entry("Python Samples: Python uses Embeddings", "provider"),
        Entry("Python Samples: python calls DALL·E", model="dall-e-3"),
        Entry("Python Samples: python simple call openai function-calling demo", "provider"),
        Entry("Python Samples: python langchain", "out", note="a library of its own, with the same address and key"),
        Entry("Python Samples: python llama_index", "out", note="as above"),
        Entry("Python Samples: Python uses gpt-4o to identify local images", "provider"),
        Entry("Python Samples: python library streaming output", "provider", note="a task has no use for a stream"),
        Entry("Python Samples: Python uses gpt-4o to identify images", "provider"),
        Entry("Plug-in: Setting HTTP for Make.com with Yescale", "out", note="another product"),
        Entry("Plug-in: Sample Code for gpt-4o-audio/gpt-4o-mini-audio", "out", note="audio in a chat: the OpenAI client on the official provider's hook"),
        Entry("HTTP status codes", "page"),
    ),
)  # fmt: skip
YESCALE_MORE = Table(
    "yescale",
    "YEScale: Media, edits, Midjourney extras, account",
    (
        *jobs(
            "gpt-image-1", "qwen-image", "grok-video", "grok-video-1.5",
            "omni-flash", "veo-3.1", "veo3.1", "kling-2.5-turbo", "hailuo-2.3", "nano-banana-2", "nano-banana-pro",
            "gpt-image", "gpt-image-2", "seedream-4.0", "seedream-4.5", "seedream-5", "flux-kontext[max]",
        ),
        *jobs("gpt-image-1-edit", "qwen-image-edit", is_id=False),
        Entry("MJ: a button of a task (action)", model="mj_action", is_id=False),
        Entry("MJ: the answer to a form (modal)", model="mj_modal", is_id=False),
        Entry("MJ: shorten a prompt", model="mj_shorten", is_id=False),
        Entry("`POST /v1/responses`", "provider", note="`OpenAIResponseOperator`; the path is inferred"),
        Entry("`GET /yescale/user`: the balance", "hook", note="`YEScaleHook.balance()`; needs a key of its own"),
    ),
)  # fmt: skip
RELAY_SEED = Table(
    "opengpu_relay",
    "OpenGPU Relay: the page Image Generation",
    (
        Entry("Stable Diffusion txt2img: `Realistic_Vision_V5.1.safetensors`", model="Realistic_Vision_V5.1.safetensors", note="generation 1 only: not in today's list"),
        Entry("Stable Diffusion txt2img: `illustriousRealismBy_v10VAE.safetensors`", model="illustriousRealismBy_v10VAE.safetensors", note="as above"),
        Entry("Stable Diffusion txt2img: `stable-diffusion-v1-5-pruned.safetensors`", model="stable-diffusion-v1-5-pruned.safetensors", note="as above"),
        Entry("Flux: `black-forest-labs/FLUX-2-pro`", model="black-forest-labs/FLUX-2-pro"),
        Entry("Gemini: `google/gemini-3-pro-T2I`", model="google/gemini-3-pro-T2I", note="generation 1; today `google/gemini-3-pro-image`"),
        Entry("GPT Image: `openai/gpt-image-1.5-T2I`", model="openai/gpt-image-1.5-T2I"),
        Entry("GPT Image edit: `openai/gpt-image-1.5-I2I`", model="openai/gpt-image-1.5-I2I"),
        Entry("Qwen: `Qwen/qwen-image`", model="Qwen/qwen-image", note="not in the vendor's client of today"),
        Entry("Qwen edit: `Qwen/qwen-image-edit`", model="Qwen/qwen-image-edit", note="as above"),
        Entry("Async Mode: `async: true`, `GET /v2/tasks/{id}`", "hook", note="the default of a task that waits"),
    ),
)  # fmt: skip
RELAY_MORE = Table(
    "opengpu_relay",
    "OpenGPU Relay: the vendor's types and client 0.1.2",
    (
        *jobs(
            "google/gemini-3-pro-image", "google/gemini-2.5-flash-image", "google/gemini-3.1-flash-image-preview",
            "google/gemini-nano-banana-2.1", "openai/gpt-image-2", "openai/gpt-image-2.5-sunburst",
            "openai/gpt-image-2.5-flare", "ByteDance/doubao-seedream-5-0-pro-260628", "Wan-AI/Wan2.7-Image-Pro",
            "KlingTeam/v3-T2V", "KlingTeam/v3-I2V", "KlingTeam/v3-Motion-Control", "KlingTeam/v3-Omni",
            "KlingTeam/kling-video-o1", "Wan-AI/Wan2.5-T2V", "Wan-AI/Wan2.5-I2V", "Wan-AI/Wan2.6-T2V",
            "ByteDance/doubao-seedance-2-0-260128", "ByteDance/doubao-seedance-2-0-fast",
            "ByteDance/doubao-seedance-2-0-mini-260615", "ByteDance/doubao-seedance-2-0-260128-V2V",
            "ByteDance/doubao-seedance-2-0-fast-V2V", "ByteDance/doubao-seedance-2-0-mini-260615-V2V",
            "ByteDance/doubao-seedance-2-5-260628", "ByteDance/doubao-seedance-2-5-260628-V2V",
            "HappyHorse/HappyHorse-1.0-T2V", "HappyHorse/HappyHorse-1.0-I2V", "HappyHorse/HappyHorse-1.0-R2V",
            "HappyHorse/HappyHorse-1.0-Video-Edit", "HappyHorse/HappyHorse-1.1-T2V", "HappyHorse/HappyHorse-1.1-I2V",
            "MiniMax/MiniMax-H3", "google/veo-3.1-fast-generate-preview", "decart/lucy-2.5",
            "Bria/video_increase_resolution", "Qwen/qwen3-tts-flash", "IndexTeam/IndexTTS-2", "MiniMax/speech-2.8-hd",
            "relay/tts-1", "relay/tts-1-turbo", "relay/music-1", "openai/whisper-1", "openai/gpt-4o-mini-transcribe",
            "relay/stt-1",
        ),
        Entry("FLUX.2 klein", "gone", note="retired: answers `MODEL_RETIRED`"),
        Entry("`TencentARC/RealESRGAN-…` (three)", "gone", note="in the types; the vendor lists it as not available"),
        Entry("`openai/whisper-large-v3`", "gone", note="documented, always 403"),
        Entry("Sora 2, Kling 2.6, Wan 2.6 I2V, Seedance 1.5 Pro, Lucy VTON 3", "gone", note="documented, always 403"),
        Entry("`anthropic/…` (`/v2/anthropic/v1/messages`)", "gone", note="no model in the list any more"),
        *chats(
            "relay/conductor", "openai/gpt-6-astra", "openai/gpt-5.5-pro", "openai/gpt-5.5", "openai/gpt-5.4",
            "openai/gpt-5.4-mini", "openai/gpt-4o-mini", "deepseek-ai/DeepSeek-V4-Flash", "deepseek-ai/DeepSeek-V4-Pro",
            "deepseek-ai/DeepSeek-V4.1-Flash", "Qwen/Qwen3.5-35B-A3B-GPTQ-Int4", "Qwen/Qwen3.5-397B-A17B-FP8",
            "Qwen/Qwen3.6-Plus", "Qwen/Qwen3.8-Max", "google/gemma-4-26b-a4b-it", "google/gemma-4-31B-turbo",
            "moonshotai/kimi-k2.6", "moonshotai/kimi-k3", "nvidia/nemotron-3-nano-30b-a3b", "x-ai/grok-4.3",
            "zai-org/glm-5.1", "zai-org/glm-5.2", "zai-org/glm-5.3", "openai/text-embedding-3-small",
        ),
        Entry("`store_output`", "hook", note="a field, and a setting of the connection"),
        Entry("`Idempotency-Key`", "hook", note="always sent, where the connection has a key"),
        Entry("Webhooks", "hook", note="`webhook_url` is passed on; not needed, since the provider polls"),
        Entry("Keys, credits, usage, history", "out", note="need a login or a superkey: an inference key gets 403"),
        Entry("Instances", "out", note="rented machines are another product"),
    ),
)  # fmt: skip

#: All of them, in the order of the page.
TABLES = (ORUX_IMAGES, YESCALE_NAVIGATION, RELAY_SEED, ORUX_MORE, YESCALE_MORE, RELAY_MORE)
