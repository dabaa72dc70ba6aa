"""Relay's catalogue [2]: prices, models, one model with the JSON Schema of its request; health."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from orux_sandbox.bodies.fields import Rule
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.relay.prices import row_of
from orux_sandbox.relay.routes import Route
from orux_sandbox.relay.table import RETIRED, ROUTES, route_of
from orux_sandbox.wire import Endpoint, Refusal

_METHODS = ("GET", "POST", "PATCH", "DELETE")
#: The catalogue, and what no inference key may ask.
ENDPOINTS = (
    Endpoint("relay.pricing", "GET", "/v2/pricing", key="optional", counted=False),
    Endpoint("relay.health", "GET", "/v2/health", key="none", counted=False),
    Endpoint("relay.tiers", "GET", "/v2/tiers", key="optional", counted=False),
    Endpoint("relay.models", "GET", "/v2/models", key="optional", counted=False),
    Endpoint("relay.model", "GET", "/v2/models/{model:path}", key="optional", counted=False),
    *(Endpoint("relay.customer", method, "/v2/customer/{path:path}", counted=False) for method in _METHODS),
)
#: JSON Schema's names of the kinds of fields.
_TYPES = {
    "text": "string",
    "pixels": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "texts": "array",
    "numbers": "array",
    "object": "object",
    "objects": "array",
}
#: The keys of a result, by its shape; ``response_schema`` tells them.
_KEYS = {
    "base64": ("images",),
    "urls": ("urls", "model"),
    "urls as images": ("images",),
    "videos": ("videos", "model", "duration"),
    "audio_url": ("audio_url", "characters", "audio_id", "expires_at"),
    "audio_base64": ("audio_base64", "content_type"),
    "text": ("text", "language", "duration"),
}


def router(engine: Engine) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    def require_generation_2() -> None:
        if engine.settings.relay_generation == 1:
            raise Refusal("unknown_path", "Not Found")

    @routes.get("/v2/pricing")
    async def pricing() -> JSONResponse:
        require_generation_2()
        rows = [row_of(engine.settings, route, model) for route in ROUTES for model in route.models[2]]
        storage = {**engine.settings.relay_storage_prices, "unit": "per_file"}
        return JSONResponse({"pricing": rows, "total_count": len(rows), "media_storage": storage})

    @routes.get("/v2/health")
    async def health() -> JSONResponse:
        return JSONResponse({"status": "ok", "version": "sandbox", "commit": "0000000"})

    @routes.get("/v2/models")
    async def models() -> JSONResponse:
        require_generation_2()
        by_source: dict[str, list[dict[str, Any]]] = {}
        for route in ROUTES:
            for model in route.models[2]:
                if model not in engine.settings.relay_retired:
                    by_source.setdefault(route.source, []).append(_row(route, model))
        return JSONResponse({"auto": by_source, "direct": by_source, "model_restrictions_per_tier": {}})

    @routes.get("/v2/tiers")
    async def tiers() -> JSONResponse:
        require_generation_2()
        # The numbers of the vendor's tiers are not known; these are made up.
        limits = {"direct": 60, "opengpu": 60, "global": 120}
        tier = {"tier": "standard", "model_restrictions": [], "rate_limits": limits, "max_keys": 5}
        return JSONResponse({"tiers": [tier], "current_tier": "standard"})

    @routes.get("/v2/models/{model:path}")
    async def model(request: Request, model: str) -> JSONResponse:
        require_generation_2()
        context: RequestContext = request.state.context
        route = route_of(model)
        if model in RETIRED:
            return JSONResponse(_gone(model))
        if route is None:
            raise Refusal("unknown_model", f"Model '{model}' not found")
        return JSONResponse(_detail(engine, context, route, model))

    @routes.api_route("/v2/customer/{path:path}", methods=list(_METHODS))
    async def customer() -> JSONResponse:
        # "All want a JWT or a superkey; an inference key gets 403": the sandbox has inference keys only.
        message = "This endpoint needs a session or a superkey."
        raise Refusal("ip", message, code="CREDENTIAL_NOT_PERMITTED", status=403)

    return routes


def _row(route: Route, model: str) -> dict[str, Any]:
    return {
        "name": model,
        "tag": route.tag or _tag(route),
        "display_name": model.rpartition("/")[2],
        "store_output_supported": route.stores,
        "endpoint": _endpoint(route),
        "conductable": [],
    }


def _tag(route: Route) -> str:
    image = route.fields.get("image")
    return "image-to-image" if image is not None and image.required else "text-to-image"


def _gone(model: str) -> dict[str, Any]:
    """A model that is served no more: "documented, always 403"."""
    return {
        "name": model,
        "tag": None,
        "store_output_supported": False,
        "endpoint": None,
        "modes": [],
        "sources": [],
        "request_schema": None,
        "response_schema": None,
        "restricted_tiers": [],
        "pricing": [],
        "available": False,
        "status": "retired",
    }


def _endpoint(route: Route) -> dict[str, Any]:
    return {
        "method": "POST",
        "path": route.path,
        "operation_id": re.sub(r"[-/.]", "_", route.path.removeprefix("/v2/")),
        "model_in_body": route.model_field,
        "model_default": route.models[2][0] if route.model_field else None,
        "async_default": route.async_default,
        "streams": False,
    }


def _detail(engine: Engine, context: RequestContext, route: Route, model: str) -> dict[str, Any]:
    """One model: its JSON Schema, an example that runs, its prices."""
    settings = engine.settings
    told = settings.relay_catalogue == "as_recorded"
    retired = model in settings.relay_retired
    return {
        **_row(route, model),
        "modes": ["auto", "direct"],
        "sources": [route.source],
        "request_schema": _schema(route, model) if told else None,
        "request_schema_url": None,
        "request_example": _example(route, model),
        "response_schema": _response_schema(route) if told else None,
        "response_schema_url": None,
        "restricted_tiers": ["guest"],
        "pricing": [row_of(settings, route, model)],
        "available": not retired,
        "status": "retired" if retired else "available",
    }


def _example(route: Route, model: str) -> dict[str, Any]:
    """A request that runs: what is required, and words."""
    example: dict[str, Any] = {}
    for name, rule in route.rules_of(model).items():
        if name in ("prompt", "text", "input"):
            example[name] = "a lighthouse at dawn"
        elif rule.required and rule.choices:
            example[name] = rule.choices[0] if rule.choices[0] != -1 else 5
        elif rule.required and rule.kind == "texts":
            example[name] = ["https://example.com/fox.png"]
        elif rule.required:
            url = name.endswith("_url") or name.startswith("image")
            example[name] = "https://example.com/fox.png" if url else "Cherry"
    if route.model_field or "model" in route.fields:
        example["model"] = model
    return example


def _schema(route: Route, model: str) -> dict[str, Any]:
    """The model's own fields. ``model`` is among them where the body names it."""
    rules = {**route.rules_of(model), **route.common}
    schema = schema_of(rules)
    if route.model_field or "model" in route.fields:
        schema["properties"]["model"] = {"type": "string", "enum": list(route.models[2])}
        if "model" in route.fields:
            schema["required"].append("model")
    return schema


def schema_of(rules: Mapping[str, Rule]) -> dict[str, Any]:
    """A JSON schema of an object with these fields."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, rule in rules.items() if rule.required],
        "properties": {name: _property(rule) for name, rule in rules.items()},
    }


def _response_schema(route: Route) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {} for name in _KEYS[route.answers[2]]}}


def _property(rule: Rule) -> dict[str, Any]:
    """A field as pydantic writes it: one that may be left out may be null as well."""
    shown = _value(rule)
    if not rule.required and rule.default is None:
        shown = {"anyOf": [shown, {"type": "null"}]}
    if rule.default is not None:
        shown["default"] = rule.default
    if rule.says:
        shown["description"] = rule.says
    return shown


def _value(rule: Rule) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if rule.kind == "choice":
        return {"enum": list(rule.choices)}
    if rule.kind == "text_or_texts":
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    if rule.kind == "anything":
        return {}
    if rule.kind == "object":
        return schema_of(rule.fields or {})
    shown["type"] = _TYPES[rule.kind]
    if rule.kind == "objects":
        shown["items"] = schema_of(rule.fields or {})
    elif rule.kind in ("texts", "numbers"):
        shown["items"] = {"type": "string" if rule.kind == "texts" else "number"}
    bounds = {
        "integer": ("minimum", "maximum"),
        "number": ("minimum", "maximum"),
        "text": ("minLength", "maxLength"),
    }.get(rule.kind, ("minItems", "maxItems"))
    if rule.kind != "pixels":
        shown |= {n: v for n, v in zip(bounds, (rule.low, rule.high), strict=True) if v is not None}
    if rule.multiple is not None:
        shown["multipleOf"] = rule.multiple
    return shown
