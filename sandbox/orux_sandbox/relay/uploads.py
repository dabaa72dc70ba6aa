"""Relay's files, ``/v2/files`` (opengpu_relay_more.md, 9): uploaded, or copied, at a URL that works for a while.

They are kept in memory: a restart of the sandbox forgets them. The fee of a retention above an hour is told, not
booked.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from orux_sandbox.engine.clock import iso
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.wire import Endpoint, Refusal

#: The files. "Key required; guests 403".
ENDPOINTS = (
    Endpoint("relay.files.create", "POST", "/v2/files", key="guest", counted=False),
    Endpoint("relay.files.slot", "POST", "/v2/files/slots", key="guest", counted=False),
    Endpoint("relay.files.slot_state", "GET", "/v2/files/slots/{slot_id}", key="none", counted=False),
    Endpoint("relay.files.slot_put", "PUT", "/v2/files/slots/{slot_id}", key="none", counted=False),
    Endpoint("relay.files.list", "GET", "/v2/files", key="guest", counted=False),
    Endpoint("relay.files.get", "GET", "/v2/files/{file_id}", key="guest", counted=False),
    Endpoint("relay.files.delete", "DELETE", "/v2/files/{file_id}", key="guest", counted=False),
)
#: "100 MB a file"; the sandbox reads bodies of 64 MiB at most.
LARGEST = 100_000_000
_DAY = 86_400.0
#: Seconds.
RETENTION: Mapping[str, float] = {
    "relay1h": 3600.0,
    "relay1d": _DAY,
    "relay7d": 7 * _DAY,
    "relay30d": 30 * _DAY,
}
#: "Expired files readable 24 h more, then 404".
_GRACE = _DAY


@dataclass(kw_only=True)
class File:
    """One file, and who may fetch it: whoever has its token."""

    id: str
    account: str
    token: str
    content: bytes
    content_type: str
    retention: str
    created: float
    key: str | None = None

    @property
    def expires(self) -> float:
        """When its URL stops working."""
        return self.created + RETENTION[self.retention]


def router(engine: Engine) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.post("/v2/files")
    async def create(request: Request) -> JSONResponse:
        context = _member(request)
        content, content_type, retention = _sent(await request.body(), request, context)
        key = context.headers.get("idempotency-key")
        found = _files(engine).values()
        before = next((f for f in found if key and (f.key, f.account) == (key, context.user.id)), None)
        file = before or _keep(engine, context.user.id, content, content_type, retention, key=key)
        headers = {"Idempotency-Replayed": "true"} if before else {}
        return JSONResponse(_shown(engine, context.base_url, file), 201, headers)

    @routes.post("/v2/files/slots")
    async def slot(request: Request) -> JSONResponse:
        context = _member(request)
        retention = _retention((context.body or {}).get("retention"))
        token = secrets.token_urlsafe(16)
        slots = engine.memory.setdefault("relay.slots", {})
        slots[token] = (context.user.id, retention, engine.clock.now() + 3600)
        url = f"{_base(engine, context.base_url)}/v2/files/slots/{token}"
        return JSONResponse(
            {
                "slot_id": token,
                "put_url": url,
                "expires_at": iso(slots[token][2]),
                "retention": retention,
                "curl": f"curl -T FILE {url}",
            },
            201,
        )

    @routes.get("/v2/files/slots/{slot_id}")
    async def slot_state(slot_id: str) -> JSONResponse:
        _, retention, until = _slot(engine, slot_id)
        return JSONResponse({"retention": retention, "expires_at": iso(until)})

    @routes.put("/v2/files/slots/{slot_id}")
    async def slot_put(request: Request, slot_id: str) -> JSONResponse:
        context: RequestContext = request.state.context
        account, retention, _ = _slot(engine, slot_id)
        content = await request.body()
        del engine.memory["relay.slots"][slot_id]
        content_type = _media_type(request.headers.get("content-type", ""))
        file = _keep(engine, account, content, content_type, retention)
        return JSONResponse(_shown(engine, context.base_url, file), 201)

    @routes.get("/v2/files")
    async def listed(request: Request) -> JSONResponse:
        context = _member(request)
        query = request.query_params
        mine = [f for f in _files(engine).values() if f.account == context.user.id]
        mine = [f for f in mine if query.get("status", _status(engine, f)) == _status(engine, f)]
        if query.get("source") == "result":
            mine = []
        ids = [f.id for f in mine]
        start = ids.index(query["cursor"]) + 1 if query.get("cursor") in ids else 0
        limit = int(query.get("limit", "50"))
        page = mine[start : start + limit]
        more = page[-1].id if page and start + limit < len(mine) else None
        shown = [_shown(engine, context.base_url, f) for f in page]
        return JSONResponse({"files": shown, "next_cursor": more})

    @routes.get("/v2/files/{file_id}")
    async def get(request: Request, file_id: str) -> JSONResponse:
        context = _member(request)
        file = _files(engine).get(file_id)
        gone = file is not None and engine.clock.now() > file.expires + _GRACE
        if file is None or file.account != context.user.id or gone:
            raise Refusal("invalid", "File not found", code="FILE_NOT_FOUND", status=404)
        return JSONResponse(_shown(engine, context.base_url, file))

    @routes.delete("/v2/files/{file_id}")
    async def delete(request: Request, file_id: str) -> Response:
        context = _member(request)
        file = _files(engine).get(file_id)
        if file is not None and file.account == context.user.id:
            del _files(engine)[file_id]
            engine.memory["uploads"].pop(file.token, None)
        return Response(status_code=204)

    return routes


def check_urls(engine: Engine, fields: Mapping[str, Any], base_url: str) -> None:
    """What a URL leads to is fetched by the provider: a dead one of ours is refused; others nobody here fetches.

    :raises Refusal: a URL of ours does not work.
    """
    start = f"{_base(engine, base_url)}/content/"
    for name, value in fields.items():
        for url in value if isinstance(value, list) else [value]:
            if not isinstance(url, str) or not url.startswith(start):
                continue
            token = url.removeprefix(start)
            file = engine.memory.get("uploads", {}).get(token)
            job = engine.job_of_file(token)
            alive = engine.urls_live(job) if job else file and engine.clock.now() < file.expires
            if not alive:
                message = f"{name}: this URL cannot be fetched"
                raise Refusal("invalid", message, code="UPSTREAM_INVALID_REQUEST", status=400)


def _member(request: Request) -> RequestContext:
    """Who asks.

    :raises Refusal: a guest.
    """
    context: RequestContext = request.state.context
    if context.gateway.key_of(context.headers) is None:
        raise Refusal("tier", "Files are not available on your tier.")
    return context


def _sent(body: bytes, request: Request, context: RequestContext) -> tuple[bytes, str, str]:
    """Content, media type and retention of an upload; of a copy, whose object nobody here fetches, a placeholder."""
    declared = request.headers.get("content-type", "")
    if declared.startswith("application/json"):
        asked = context.body if isinstance(context.body, dict) else {}
        url = asked.get("url")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise Refusal("invalid", "url must be a public URL", param="url")
        return f"a copy of {url}".encode(), "video/mp4", _retention(asked.get("retention"))
    return body, _media_type(declared), _retention(request.query_params.get("retention"))


def _media_type(declared: str) -> str:
    """Judged by the header, not by the bytes."""
    media_type = declared.partition(";")[0].strip().lower()
    if media_type.partition("/")[0] not in ("image", "video", "audio"):
        message = f"Content type '{media_type}' is not supported"
        raise Refusal("invalid", message, code="FILE_TYPE_UNSUPPORTED", status=415)
    return media_type


def _retention(value: Any) -> str:
    if value is None:
        return "relay1h"
    if value not in RETENTION:
        raise Refusal("invalid", f"retention must be one of {', '.join(RETENTION)}")
    return str(value)


def _keep(
    engine: Engine, account: str, content: bytes, content_type: str, retention: str, *, key: str | None = None
) -> File:
    if len(content) > LARGEST:
        raise Refusal("invalid", "The file is too large", code="FILE_TOO_LARGE", status=413)
    now = engine.clock.now()
    if retention == "relay1h":
        recent = [f for f in _files(engine).values() if f.account == account and f.created > now - _DAY]
        if len(recent) >= engine.settings.relay_files_a_day:
            message = "Your free files of today are used up."
            raise Refusal("rate", message, code="FILE_QUOTA_EXCEEDED", status=429)
    file = File(
        id=f"file_{secrets.token_hex(12)}",
        account=account,
        token=secrets.token_urlsafe(16),
        content=content,
        content_type=content_type,
        retention=retention,
        created=now,
        key=key,
    )
    _files(engine)[file.id] = file
    engine.memory.setdefault("uploads", {})[file.token] = file
    return file


def _slot(engine: Engine, slot_id: str) -> tuple[str, str, float]:
    found: tuple[str, str, float] | None = engine.memory.get("relay.slots", {}).get(slot_id)
    if found is None or engine.clock.now() > found[2]:
        raise Refusal("invalid", "Slot not found", code="FILE_NOT_FOUND", status=404)
    return found


def _files(engine: Engine) -> dict[str, File]:
    files: dict[str, File] = engine.memory.setdefault("relay.files", {})
    return files


def _base(engine: Engine, base_url: str) -> str:
    return (engine.settings.public_url or base_url).rstrip("/")


def _status(engine: Engine, file: File) -> str:
    return "ready" if engine.clock.now() < file.expires else "expired"


def _shown(engine: Engine, base_url: str, file: File) -> dict[str, Any]:
    """201 and 200."""
    left = max(0, int(file.expires - engine.clock.now()))
    return {
        "file_id": file.id,
        "url": f"{_base(engine, base_url)}/content/{file.token}" if left else None,
        "source": "upload",
        "content_type": file.content_type,
        "size_bytes": len(file.content),
        "retention": file.retention,
        "expires_at": iso(file.expires),
        "seconds_left": left,
        "cost_usd": engine.settings.relay_storage_prices.get(file.retention, 0),
        "created_at": iso(file.created),
        "status": _status(engine, file),
        "task_id": None,
        "workflow_run_id": None,
        "used_by": [],
    }
