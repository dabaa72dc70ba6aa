"""YEScale's synchronous images: POST /v1/images/generations, in the seed's form and in OpenAI's; models; account."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from orux_sandbox.art import recipes
from orux_sandbox.bodies.fields import Rule, pixels
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.records import Job
from orux_sandbox.engine.waiting import until_ended
from orux_sandbox.wire import Endpoint, Refusal
from orux_sandbox.yescale.bodies import as_object, check_group, checked
from orux_sandbox.yescale.edits import new_edit

#: Synchronous images, the models, the account.
ENDPOINTS = (
    Endpoint("yescale.images.generate", "POST", "/v1/images/generations", counted=False, submits=True),
    Endpoint("yescale.images.edit", "POST", "/v1/images/edits", counted=False, submits=True),
    Endpoint("yescale.models", "GET", "/v1/models", counted=False),
    Endpoint("yescale.account", "GET", "/yescale/user", key="none", counted=False),
)

#: The sizes of the seed, "Flux (OpenAI dall-e-3 format)" [D].
FLUX_SIZES = (
    "1024x1024",
    "1024x576",
    "1024x768",
    "1024x512",
    "512x1024",
    "512x768",
    "1280x960",
    "960x1280",
    "768x1366",
    "768x512",
    "1366x768",
    "1344x576",
)
#: The model of a request that names none.
_DEFAULT_MODEL = "flux-pro"
_RESPONSE_FORMAT = Rule(kind="choice", choices=("url", "b64_json"), default="url")


def _rules(longest: int, sizes: tuple[str, ...], n: int, **more: Rule) -> dict[str, Rule]:
    return {
        "prompt": Rule(kind="text", required=True, high=longest),
        "model": Rule(kind="text", default=_DEFAULT_MODEL),
        "n": Rule(kind="integer", low=1, high=n, default=1),
        "size": Rule(kind="choice", choices=sizes, default="1024x1024"),
        "response_format": _RESPONSE_FORMAT,
        **more,
    }


#: flux-pro: the seed [D]. The others: "OpenAI's shape is the reasonable reading" [U]. Fields that a model does
#: not know are ignored, as the gateway software does it [G].
MODELS: Mapping[str, Mapping[str, Rule]] = {
    "flux-pro": _rules(1000, FLUX_SIZES, 10),
    "dall-e-3": _rules(
        4000,
        ("1024x1024", "1792x1024", "1024x1792"),
        1,
        quality=Rule(kind="choice", choices=("standard", "hd"), default="standard"),
        style=Rule(kind="choice", choices=("vivid", "natural"), default="vivid"),
        user=Rule(kind="text"),
    ),
    "gpt-image-1": _rules(
        32000,
        ("1024x1024", "1536x1024", "1024x1536", "auto"),
        10,
        quality=Rule(kind="choice", choices=("auto", "low", "medium", "high"), default="auto"),
        background=Rule(kind="choice", choices=("auto", "opaque", "transparent"), default="auto"),
    ),
    "qwen-image": {
        **_rules(4000, (), 10),
        "size": Rule(kind="pixels", low=64, high=4096, default="1024x1024"),
    },
}


def router(engine: Engine) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.post("/v1/images/generations")
    async def generate(request: Request) -> JSONResponse:
        context: RequestContext = request.state.context
        job = engine.submit(context, _new_job(engine, context))
        await until_ended(engine, job, request)
        return JSONResponse(await _answer(engine, context, job))

    @routes.post("/v1/images/edits")
    async def edit(request: Request) -> JSONResponse:
        context: RequestContext = request.state.context
        job = engine.submit(context, new_edit(engine, context))
        await until_ended(engine, job, request)
        return JSONResponse(await _answer(engine, context, job))

    @routes.get("/v1/models")
    async def models(request: Request) -> JSONResponse:
        listed = [
            {"id": name, "object": "model", "owned_by": "sandbox"} for name in engine.settings.yescale_prices
        ]
        return JSONResponse({"object": "list", "data": listed})

    @routes.get("/yescale/user")
    async def account(request: Request) -> JSONResponse:
        return JSONResponse(_account(engine, request.state.context))

    return routes


def _new_job(engine: Engine, context: RequestContext) -> NewJob:
    body = as_object(context.body)
    model = body.get("model", _DEFAULT_MODEL)
    if not isinstance(model, str):
        raise Refusal("invalid", "model must be a text", param="model")
    check_group(engine, model, MODELS)
    fields = checked(body, MODELS[model])
    if model == "gpt-image-1":
        fields["response_format"] = "b64_json"  # as with OpenAI, whatever was asked for
    width, height = pixels(fields["size"]) or (1024, 1024)
    seed = recipes.seed_of(model, {k: v for k, v in fields.items() if k not in ("n", "response_format")})
    return NewJob(
        job_id=f"img-{secrets.token_hex(12)}",
        kind="image",
        model=model,
        action="generate",
        price=engine.settings.yescale_price(model, "generate"),
        prompt=fields["prompt"],
        request=fields,
        artifacts=[
            recipes.image(
                recipes.scene(seed=seed, prompt=fields["prompt"], model=model, panel=number),
                width,
                height,
                name=f"image-{number + 1}.png",
            )
            for number in range(fields["n"])
        ],
        images=fields["n"],
        synchronous=True,
    )


async def _answer(engine: Engine, context: RequestContext, job: Job) -> dict[str, Any]:
    """``b64_json``, ``revised_prompt`` and ``url``, each perhaps null [D]."""
    if job.outcome != "succeeded":
        raise Refusal("failed", job.error_message or "The job failed.", code=job.error_code)
    data = []
    for number, artifact in enumerate(job.artifacts):
        image: dict[str, Any] = {"b64_json": None, "revised_prompt": None, "url": None}
        if job.request["response_format"] == "b64_json":
            content = await asyncio.to_thread(
                engine.renderer.render, artifact, scale=engine.settings.image_scale
            )
            image["b64_json"] = base64.b64encode(content).decode()
        else:
            image["url"] = engine.artifact_url(context.base_url, job, number)
        if job.model == "dall-e-3":
            image["revised_prompt"] = f"{job.prompt}, in rich detail"
        data.append(image)
    return {"created": int(job.submitted_at), "data": data}


def _account(engine: Engine, context: RequestContext) -> dict[str, Any]:
    """``quota`` and ``used_quota`` in units of 1/500 000 USD [D]; which header holds the key is not said."""
    sent = context.headers.get("authorization", "").rpartition(" ")[2]
    if sent != engine.settings.yescale_account_key:
        raise Refusal("bad_key", "This account access key does not exist.")
    engine.settle()
    account = engine.store.account("yescale")
    balance = account.balance if account else 0.0
    used = engine.store.spent("yescale", 0)
    return {
        "success": True,
        "message": "",
        "data": {
            "username": "yescale",
            "quota": round(balance * 500_000),
            "used_quota": round(used * 500_000),
        },
    }
