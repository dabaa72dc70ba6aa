"""GET and HEAD /files/{token}/{name}: what the jobs made, for whoever has the URL, while it lives.

Relay's URLs are ``/content/{token}`` (opengpu_relay.md, Host and key): the token says which file.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from orux_sandbox.art import recipes
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.records import Job

#: One range of bytes; several are not served.
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def router(engine: Engine) -> APIRouter:
    """The file routes."""
    routes = APIRouter()

    async def serve(request: Request, job: Job | None, artifact: dict[str, Any] | None) -> Response:
        if job is None or artifact is None:
            return PlainTextResponse("There is no such file.\n", 404)
        status = engine.status(job)
        if artifact.get("blurred"):
            if status != "running":
                return PlainTextResponse("This preview is gone.\n", 404)
        elif status in ("queued", "running", "failed", "cancelled"):
            return PlainTextResponse("There is no such file.\n", 404)
        elif not engine.urls_live(job):
            return PlainTextResponse("This URL has expired.\n", engine.settings.dead_url_status)
        content = await asyncio.to_thread(engine.renderer.render, artifact, scale=engine.settings.image_scale)
        return _served(request, content, artifact["media_type"])

    @routes.api_route("/files/{token}/{name}", methods=["GET", "HEAD"])
    async def file(request: Request, token: str, name: str) -> Response:
        job = engine.job_of_file(token)
        artifact = next((one for one in job.artifacts if one["name"] == name), None) if job else None
        if job is not None and name == "preview.png" and job.facts.get("preview") and job.artifacts:
            artifact = recipes.preview(job.artifacts[0])
        return await serve(request, job, artifact)

    @routes.api_route("/content/{token}", methods=["GET", "HEAD"])
    async def content(request: Request, token: str) -> Response:
        upload = engine.memory.get("uploads", {}).get(token)
        if upload is not None:
            if engine.clock.now() >= upload.expires:
                return PlainTextResponse("There is no such file.\n", 404)
            return _served(request, upload.content, upload.content_type)
        job, number = engine.job_of_file(token), token.partition(".")[2]
        known = job is not None and number.isdecimal() and int(number) < len(job.artifacts)
        return await serve(request, job, job.artifacts[int(number)] if job is not None and known else None)

    return routes


def _served(request: Request, content: bytes, media_type: str) -> Response:
    etag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    headers = {"Accept-Ranges": "bytes", "ETag": etag, "Content-Disposition": "inline"}
    status, start, end = 200, 0, len(content)
    wanted = _RANGE.fullmatch(request.headers.get("range", ""))
    if wanted and any(wanted.groups()) and request.headers.get("if-range", etag) == etag:
        first, last = wanted.groups()
        if first:
            start, end = int(first), min(int(last) + 1 if last else end, end)
        else:
            start = max(0, end - int(last))
        if start >= end:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{len(content)}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
    headers["Content-Length"] = str(end - start)
    body = b"" if request.method == "HEAD" else content[start:end]
    return Response(body, status, headers, media_type)
