"""The sandbox put together: gateways, files, control and start page behind the front door."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from airflow_provider_orux.sandbox import control, files, start_page
from airflow_provider_orux.sandbox.engine import Engine
from airflow_provider_orux.sandbox.front_door import App, FrontDoor
from airflow_provider_orux.sandbox.gateway import Answer, Gateway, Refusal, Visit
from airflow_provider_orux.sandbox.orux import Orux


def gateways() -> list[Gateway]:
    """All gateways of the sandbox. A further one is added here, and nowhere else."""
    return [Orux()]


def build(engine: Engine) -> App:
    """The ASGI application."""
    app = FastAPI(title="airflow-provider-orux sandbox", openapi_url=None, docs_url=None, redoc_url=None)
    for gateway in engine.gateways:
        app.include_router(gateway.router(engine))
    app.include_router(files.router(engine))
    app.include_router(control.router(engine))
    app.include_router(start_page.router(engine))

    @app.exception_handler(Refusal)
    async def refuse(request: Request, refusal: Refusal) -> Response:
        visit: Visit = request.state.visit
        return _response(visit.gateway.refuse(refusal, engine))

    @app.exception_handler(HTTPException)
    async def lost(request: Request, error: HTTPException) -> Response:
        # "Every endpoint" has the error envelope; so has an address that is none. With several gateways the
        # first one answers for addresses that belong to nobody.
        if error.status_code in (404, 405):
            refusal = Refusal("unknown_path", f"There is no {request.method} {request.url.path} here.")
            return _response(engine.gateways[0].refuse(refusal, engine))
        return Response(error.detail, error.status_code)

    return FrontDoor(app, engine)


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers))
