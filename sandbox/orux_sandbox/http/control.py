"""``/_sandbox/…``: inspect and control the sandbox. It needs no key: see ``hosts`` for who is kept out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orux_sandbox.engine import reports
from orux_sandbox.engine.engine import Engine


class AccountChange(BaseModel):
    """An account to create or change, and one of its keys."""

    model_config = ConfigDict(extra="forbid")

    account: str | None = None
    gateway: str = "orux"
    key: str | None = None
    balance: float | None = Field(default=None, ge=0)
    disabled: bool | None = None
    expired: bool | None = None
    ips: list[str] | None = None


def order_faults(engine: Engine, orders: Any) -> list[int]:
    """Order one fault or several; their numbers. All are checked before the first is accepted.

    :raises ValueError: not a fault this sandbox can produce.
    """
    listed: Sequence[Any] = orders if isinstance(orders, list) else [orders]
    for order in listed:
        if not isinstance(order, dict):
            raise ValueError("a fault is an object, or a list of objects")
        engine.faults.check(order)
    return [engine.faults.order(order) for order in listed]


def save_account(engine: Engine, change: AccountChange) -> dict[str, Any]:
    """Create or change an account; the account, and the key that was made or changed.

    :raises ValueError: an unknown gateway, a key of another account, or not an address range.
    """
    name, key = engine.accounts.save(engine.settings, **change.model_dump())
    return {**reports.account(engine, name), "key": None if key is None else key.key}


def _message(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return str(error)


def router(engine: Engine) -> APIRouter:
    """The control routes."""
    routes = APIRouter(prefix="/_sandbox")

    def refused(error: ValueError) -> JSONResponse:
        return JSONResponse({"error": _message(error)}, 400)

    async def read(request: Request) -> Any:
        try:
            return await request.json()
        except ValueError as error:
            raise ValueError("the body is not JSON") from error

    @routes.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "gateways": [gateway.name for gateway in engine.gateways]}

    @routes.get("/gateways")
    async def gateways(request: Request) -> dict[str, Any]:
        return {"gateways": reports.gateways(engine, str(request.base_url).rstrip("/"))}

    @routes.get("/charges")
    async def charges(job_id: str | None = None) -> dict[str, Any]:
        listed = reports.charges(engine, job_id)
        totals = reports.totals(listed)
        return {"charges": listed, "total": totals.get("Credits", 0), "totals": totals}

    @routes.get("/jobs")
    async def jobs(request: Request, limit: int = 1000) -> dict[str, Any]:
        return {"jobs": reports.jobs(engine, limit=limit, base_url=str(request.base_url))}

    @routes.get("/requests")
    async def requests(endpoint: str | None = None, limit: int = 1000) -> dict[str, Any]:
        return {"requests": reports.requests(engine, endpoint=endpoint)[-limit:]}

    @routes.get("/leaks")
    async def leaks() -> dict[str, Any]:
        return {"leaks": list(engine.leaks)}

    @routes.get("/faults")
    async def faults() -> dict[str, Any]:
        return {"faults": engine.faults.list()}

    @routes.post("/faults")
    async def order(request: Request) -> JSONResponse:
        try:
            return JSONResponse({"ids": order_faults(engine, await read(request))}, 201)
        except ValueError as error:
            return refused(error)

    @routes.delete("/faults", status_code=204)
    async def clear_faults() -> Response:
        engine.faults.remove()
        return Response(status_code=204)

    @routes.delete("/faults/{number}", status_code=204)
    async def remove_fault(number: int) -> Response:
        engine.faults.remove(number)
        return Response(status_code=204)

    @routes.get("/settings")
    async def settings() -> dict[str, Any]:
        return engine.settings.model_dump()

    @routes.patch("/settings")
    async def configure(request: Request) -> JSONResponse:
        try:
            changes = await read(request)
            if not isinstance(changes, dict):
                raise ValueError("settings are an object")
            return JSONResponse(engine.configure(changes).model_dump())
        except ValueError as error:
            return refused(error)

    @routes.post("/reset", status_code=204)
    async def reset() -> Response:
        engine.reset()
        return Response(status_code=204)

    @routes.post("/clock")
    async def clock(request: Request) -> JSONResponse:
        try:
            body = await read(request)
            seconds = body.get("advance") if isinstance(body, dict) else None
            if isinstance(seconds, bool) or not isinstance(seconds, int | float):
                raise ValueError('say {"advance": seconds}')
        except ValueError as error:
            return refused(error)
        return JSONResponse({"offset": engine.advance_clock(float(seconds))})

    @routes.get("/accounts")
    async def accounts() -> dict[str, Any]:
        return {"accounts": reports.accounts(engine)}

    @routes.post("/accounts")
    async def change_account(request: Request) -> JSONResponse:
        try:
            change = AccountChange.model_validate(await read(request))
            return JSONResponse(save_account(engine, change), 201)
        except ValueError as error:
            return refused(error)

    return routes
