"""YEScale's chat and embeddings, and Gemini's images in that chat: POST /v1/chat/completions (the image's body is [U]).

A model of words writes (``words/``). A model of images answers as OpenAI's chat does, with the image where the gateway
software puts it [G]: in the text as markdown, or, by setting, in parts of the content or in ``message.images``.
Nothing is streamed.
"""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from orux_sandbox.art import recipes
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.engine.waiting import until_ended
from orux_sandbox.wire import Endpoint, Refusal
from orux_sandbox.words.chat import PRICE
from orux_sandbox.words.chat import complete as write_answer
from orux_sandbox.words.embeddings import embed
from orux_sandbox.yescale.bodies import as_object, check_group

#: The chat, and embeddings.
ENDPOINTS = (
    Endpoint("yescale.chat.complete", "POST", "/v1/chat/completions", counted=False, submits=True),
    Endpoint("yescale.embeddings", "POST", "/v1/embeddings", counted=False, submits=True),
)
#: Models of words: the makers of the seed's navigation (ChatGpt, Anthropic Claude, Gemini), by how ids begin.
_WORDS = re.compile(r"(gpt|chatgpt|o\d|claude|gemini|text-embedding)-?[\w.-]*")
#: Models that answer with images.
MODELS = {"gemini-2.0-flash-exp-image-generation": None}
#: Width and height of its images.
_SIDE = 1024


def router(engine: Engine) -> APIRouter:
    """The route."""
    routes = APIRouter()

    @routes.post("/v1/chat/completions")
    async def complete(request: Request) -> JSONResponse:
        context: RequestContext = request.state.context
        if (model := _model_of_words(engine, context)) is not None:
            return JSONResponse(await write_answer(engine, request, price=_price(engine, model)))
        job = engine.submit(context, _new_job(engine, context))
        await until_ended(engine, job, request)
        return JSONResponse(await _answer(engine, context, job))

    @routes.post("/v1/embeddings")
    async def embeddings(request: Request) -> JSONResponse:
        model = _model_of_words(engine, request.state.context)
        if model is None:
            raise Refusal("unknown_model", "This model makes no embeddings")
        return JSONResponse(await embed(engine, request, price=_price(engine, model)))

    return routes


def _model_of_words(engine: Engine, context: RequestContext) -> str | None:
    """The model of a body, if it is one of words and in the key's groups."""
    model = as_object(context.body).get("model")
    if not isinstance(model, str) or model in MODELS or not _WORDS.fullmatch(model):
        return None
    return None if model in engine.settings.yescale_models_refused else model


def _price(engine: Engine, model: str) -> float:
    return engine.settings.yescale_prices.get(model, PRICE)


def _new_job(engine: Engine, context: RequestContext) -> NewJob:
    body = as_object(context.body)
    model = body.get("model")
    if not isinstance(model, str):
        raise Refusal("invalid", "model must be a text", param="model")
    check_group(engine, model, MODELS)
    if body.get("stream"):
        raise Refusal("invalid", "The sandbox does not stream.", param="stream")
    prompt = _prompt(body.get("messages"))
    seed = recipes.seed_of(model, {"prompt": prompt})
    recipe = recipes.scene(seed=seed, prompt=prompt, model=model, panel=0)
    return NewJob(
        job_id=f"chatcmpl-{secrets.token_hex(12)}",
        kind="image",
        model=model,
        action="generate",
        price=engine.settings.yescale_price(model, "generate"),
        prompt=prompt,
        request={"prompt": prompt},
        artifacts=[recipes.image(recipe, _SIDE, _SIDE, name="image-1.png")],
        synchronous=True,
    )


def _prompt(messages: Any) -> str:
    """The words of the last message, which is a user's; its content is a text or a list of parts."""
    last = messages[-1] if isinstance(messages, list) and messages else None
    if not isinstance(last, dict) or last.get("role") != "user":
        raise Refusal("invalid", "messages must end with a user's", param="messages")
    content = last.get("content")
    if isinstance(content, list):
        content = " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if not isinstance(content, str) or not content.strip():
        raise Refusal("invalid", "messages hold no text", param="messages")
    return content.strip()


async def _answer(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    """A chat completion, whole."""
    if job.outcome != "succeeded":
        raise Refusal("failed", job.error_message or "The job failed.", code=job.error_code)
    return {
        "id": job.id,
        "object": "chat.completion",
        "created": int(job.submitted_at),
        "model": job.model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": await _message(engine, context, job)}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 1290, "total_tokens": 1300},
    }


async def _message(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    words = "Here is your image:"
    shape = engine.settings.yescale_chat_shape
    if shape == "words":
        return {"role": "assistant", "content": "I can only tell you about it."}
    if engine.settings.yescale_chat_image == "url":
        url = engine.artifact_url(context.base_url, job, 0)
    else:
        content = await asyncio.to_thread(
            engine.renderer.render, job.artifacts[0], scale=engine.settings.image_scale
        )
        url = "data:image/png;base64," + base64.b64encode(content).decode()
    part = {"type": "image_url", "image_url": {"url": url}}
    if shape == "parts":
        return {"role": "assistant", "content": [{"type": "text", "text": words}, part]}
    if shape == "images":
        return {"role": "assistant", "content": words, "images": [part]}
    return {"role": "assistant", "content": f"{words}\n\n![image]({url})"}
