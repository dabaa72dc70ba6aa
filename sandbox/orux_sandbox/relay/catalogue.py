"""Relay's catalogue [2]: prices, models, one model with the JSON Schema of its request; health."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from orux_sandbox.bodies.fields import Rule
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.relay.routes import COMMON, ROUTES, Route
from orux_sandbox.wire import Endpoint, Refusal

#: The catalogue.
ENDPOINTS = (
    Endpoint("relay.pricing", "GET", "/v2/pricing", key="optional", counted=False),
    Endpoint("relay.health", "GET", "/v2/health", key="none", counted=False),
    Endpoint("relay.models", "GET", "/v2/models", key="optional", counted=False),
    Endpoint("relay.model", "GET", "/v2/models/{model:path}", key="optional", counted=False),
)
#: JSON Schema's names of the kinds of fields.
_TYPES = {
    "text": "string",
    "pixels": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "texts": "array",
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
        rows = [_price(engine, model) for route in ROUTES for model in route.models[2]]
        storage = {**engine.settings.relay_storage_prices, "unit": "file"}
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
                by_source.setdefault(_source(model), []).append(_row(route, model))
        return JSONResponse({"auto": by_source, "direct": by_source, "model_restrictions_per_tier": {}})

    @routes.get("/v2/models/{model:path}")
    async def model(request: Request, model: str) -> JSONResponse:
        require_generation_2()
        context: RequestContext = request.state.context
        route = next((one for one in ROUTES if model in one.models[2]), None)
        if route is None:
            raise Refusal("unknown_model", f"Model '{model}' not found")
        return JSONResponse(_detail(engine, context, route, model))

    return routes


def _source(model: str) -> str:
    """The maker; SD models, whose names have none, come from the community."""
    return model.partition("/")[0] if "/" in model else "community"


def _price(engine: Engine, model: str) -> dict[str, Any]:
    """``per_image`` a number or ``per_image_resolution`` a map; ``model`` is "source.model"."""
    settings = engine.settings
    row: dict[str, Any] = {
        "mode": "direct",
        "model": f"{_source(model)}.{model}",
        "billing_type": "per_image",
    }
    if "gemini" in model:
        row["per_image_resolution"] = {size: settings.relay_price(model, size) for size in ("1K", "2K", "4K")}
    else:
        row["per_image"] = settings.relay_price(model)
    return row


def _row(route: Route, model: str) -> dict[str, Any]:
    return {
        "name": model,
        "tag": "image-to-image" if "prompt" in route.fields and "image" in route.fields else "text-to-image",
        "display_name": model.rpartition("/")[2],
        "store_output_supported": route.stores,
        "endpoint": _endpoint(route),
        "conductable": [],
    }


def _endpoint(route: Route) -> dict[str, Any]:
    return {
        "method": "POST",
        "path": route.path,
        "operation_id": "image_" + route.name.replace(".", "_"),
        "model_in_body": route.model_field,
        "model_default": route.models[2][0] if route.model_field else None,
        "async_default": False,
        "streams": False,
    }


def _detail(engine: Engine, context: RequestContext, route: Route, model: str) -> dict[str, Any]:
    """One model: its JSON Schema, an example that runs, its prices."""
    example: dict[str, Any] = {"prompt": "a lighthouse at dawn"}
    if route.model_field:
        example["model"] = model
    return {
        **_row(route, model),
        "modes": ["auto", "direct"],
        "sources": [_source(model)],
        "request_schema": _schema(route),
        "request_schema_url": None,
        "request_example": example,
        "response_schema": None,
        "response_schema_url": None,
        "restricted_tiers": [],
        "pricing": [_price(engine, model)],
        "available": True,
        "status": "available",
    }


def _schema(route: Route) -> dict[str, Any]:
    rules = {**route.rules(2, model_field=False), **COMMON}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, rule in rules.items() if rule.required],
        "properties": {name: _property(rule) for name, rule in rules.items()},
    }


def _property(rule: Rule) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if rule.kind == "choice":
        shown["enum"] = list(rule.choices)
    elif rule.kind == "text_or_texts":
        shown["anyOf"] = [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
    else:
        shown["type"] = _TYPES[rule.kind]
    if rule.kind == "texts":
        shown["items"] = {"type": "string"}
    bounds = {
        "integer": ("minimum", "maximum"),
        "number": ("minimum", "maximum"),
        "text": ("minLength", "maxLength"),
        "texts": ("minItems", "maxItems"),
    }.get(rule.kind)
    for name, value in zip(bounds or (), (rule.low, rule.high), strict=False):
        if value is not None:
            shown[name] = value
    if rule.multiple is not None:
        shown["multipleOf"] = rule.multiple
    if rule.default is not None:
        shown["default"] = rule.default
    return shown
