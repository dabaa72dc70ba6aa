"""The sandbox put together: gateways, files, control and start page behind the front door."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from orux_sandbox import control, files, start_page
from orux_sandbox.engine import Engine
from orux_sandbox.front_door import App, FrontDoor
from orux_sandbox.gateway import Gateway, Refusal, Visit
from orux_sandbox.orux import Orux
from orux_sandbox.relay import Relay
from orux_sandbox.yescale import YEScale


def gateways() -> list[Gateway]:
    """All gateways of the sandbox. A further one is added here, and nowhere else."""
    return [Orux(), YEScale(), Relay()]


def build(engine: Engine) -> App:
    """The ASGI application."""
    app = FastAPI(title="orux-sandbox", openapi_url=None, docs_url=None, redoc_url=None)
    for gateway in engine.gateways:
        app.include_router(gateway.router(engine))
    app.include_router(files.router(engine))
    app.include_router(control.router(engine))
    app.include_router(start_page.router(engine))

    def answered(request: Request, refusal: Refusal) -> Response:
        visit: Visit | None = getattr(request.state, "visit", None)
        gateway = visit.gateway if visit is not None else _owner(engine, request.url.path)
        answer = gateway.refuse(refusal, engine, visit)
        return Response(answer.body, answer.status, dict(answer.headers))

    @app.exception_handler(Refusal)
    async def refuse(request: Request, refusal: Refusal) -> Response:
        return answered(request, refusal)

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def lost(request: Request, error: Exception) -> Response:
        # "Every endpoint" has the error envelope; so has an address that is none.
        message = f"There is no {request.method} {request.url.path} here."
        return answered(request, Refusal("unknown_path", message))

    return FrontDoor(app, engine)


def _owner(engine: Engine, path: str) -> Gateway:
    """Whose address this would be; the first gateway answers for those that belong to nobody."""
    for gateway in engine.gateways:
        if any(f"{path}/".startswith(f"{own}/") for own in gateway.paths):
            return gateway
    return engine.gateways[0]
