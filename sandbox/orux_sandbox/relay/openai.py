"""Relay's chat and embeddings below /v2/openai/v1, in OpenAI's shape [2] (opengpu_relay_more.md, 8).

Answered at once: ``async`` and streams, which the vendor has for chat, are refused.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.wire import Endpoint, Refusal
from orux_sandbox.words.chat import complete
from orux_sandbox.words.embeddings import embed

#: Chat and embeddings.
ENDPOINTS = (
    Endpoint(
        "relay.chat", "POST", "/v2/openai/v1/chat/completions", key="guest", counted=False, submits=True
    ),
    Endpoint(
        "relay.embeddings", "POST", "/v2/openai/v1/embeddings", key="guest", counted=False, submits=True
    ),
)
#: Models of words in the vendor's published types of 0.1.2.
CHAT_MODELS = (
    "relay/conductor", "openai/gpt-6-astra", "openai/gpt-5.5-pro", "openai/gpt-5.5", "openai/gpt-5.4",
    "openai/gpt-5.4-mini", "openai/gpt-4o-mini", "deepseek-ai/DeepSeek-V4-Flash", "deepseek-ai/DeepSeek-V4-Pro",
    "deepseek-ai/DeepSeek-V4.1-Flash", "Qwen/Qwen3.5-35B-A3B-GPTQ-Int4", "Qwen/Qwen3.5-397B-A17B-FP8",
    "Qwen/Qwen3.6-Plus", "Qwen/Qwen3.8-Max", "google/gemma-4-26b-a4b-it", "google/gemma-4-31B-turbo",
    "moonshotai/kimi-k2.6", "moonshotai/kimi-k3", "nvidia/nemotron-3-nano-30b-a3b", "x-ai/grok-4.3", "zai-org/glm-5.1",
    "zai-org/glm-5.2", "zai-org/glm-5.3",
)  # fmt: skip
EMBEDDING_MODELS = ("openai/text-embedding-3-small",)


def router(engine: Engine, limit: Callable[[Engine, RequestContext], None]) -> APIRouter:
    """The routes. ``limit`` refuses a customer who sends too many requests."""
    routes = APIRouter()

    def check(request: Request, models: tuple[str, ...]) -> None:
        context: RequestContext = request.state.context
        limit(engine, context)
        if engine.settings.relay_generation == 1:
            raise Refusal("unknown_path", "Not Found")
        body = context.body if isinstance(context.body, dict) else {}
        if body.get("async"):
            raise Refusal("invalid", "The sandbox answers chats at once.", param="async")
        if body.get("model") not in models:
            raise Refusal("unknown_model", f"Model '{body.get('model')}' not found")

    @routes.post("/v2/openai/v1/chat/completions")
    async def chat(request: Request) -> JSONResponse:
        check(request, CHAT_MODELS)
        return JSONResponse(await complete(engine, request))

    @routes.post("/v2/openai/v1/embeddings")
    async def embeddings(request: Request) -> JSONResponse:
        check(request, EMBEDDING_MODELS)
        return JSONResponse(await embed(engine, request))

    return routes
