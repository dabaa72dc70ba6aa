"""The sandbox put together: gateways, files, control routes and start page behind the middleware."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI, Request, Response

from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.gateway import Gateway
from orux_sandbox.http import control, files, start_page
from orux_sandbox.http.asgi import App
from orux_sandbox.http.middleware import SandboxMiddleware
from orux_sandbox.orux.gateway import Orux
from orux_sandbox.relay.gateway import Relay
from orux_sandbox.wire import Refusal
from orux_sandbox.yescale.gateway import YEScale


def gateways() -> list[Gateway]:
    """All gateways of the sandbox. A new one is added here, and nowhere else."""
    return [Orux(), YEScale(), Relay()]


def build(engine: Engine, gateways: Sequence[Gateway]) -> App:
    """The ASGI application."""
    app = FastAPI(title="orux-sandbox", openapi_url=None, docs_url=None, redoc_url=None)
    for gateway in gateways:
        app.include_router(gateway.router(engine))
    app.include_router(files.router(engine))
    app.include_router(control.router(engine))
    app.include_router(start_page.router(engine))

    def answered(request: Request, refusal: Refusal) -> Response:
        context: RequestContext | None = getattr(request.state, "context", None)
        gateway = _owner(gateways, context, request.url.path)
        answer = gateway.refuse(refusal, engine, context)
        return Response(answer.body, answer.status, dict(answer.headers))

    @app.exception_handler(Refusal)
    async def refuse(request: Request, refusal: Refusal) -> Response:
        return answered(request, refusal)

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def unknown_path(request: Request, error: Exception) -> Response:
        # Every endpoint has the error envelope, so a path nobody serves has one, too.
        message = f"There is no {request.method} {request.url.path} here."
        return answered(request, Refusal("unknown_path", message))

    return SandboxMiddleware(app, engine, gateways)


def _owner(gateways: Sequence[Gateway], context: RequestContext | None, path: str) -> Gateway:
    """The gateway that answers; the first one for a path that is nobody's."""
    for gateway in gateways:
        if context is not None:
            if gateway.name == context.gateway.name:
                return gateway
        elif any(f"{path}/".startswith(f"{own}/") for own in gateway.paths):
            return gateway
    return gateways[0]
