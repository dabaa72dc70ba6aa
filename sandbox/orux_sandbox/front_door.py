"""The outermost layer: every request is logged here, takes its slot, and meets the faults that were ordered.

Plain ASGI under the web framework, because a fault must be able to end the TCP connection itself.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from orux_sandbox import multipart, nonsense
from orux_sandbox.clock import iso
from orux_sandbox.engine import Engine
from orux_sandbox.faults import Fault, Then
from orux_sandbox.gateway import Answer, Endpoint, Gateway, Refusal, Visit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: A larger request body is not read.
MAX_BODY = 64 << 20
#: Only so much of a body is shown in the log.
MAX_LOGGED = 20_000
_KEY_HEADERS = ("authorization", "x-api-key")
#: What the jobs made, under one name for faults; the Relay has addresses of its own kind.
FILES = (
    Endpoint(name="files", method="GET", path="/files/{token}/{name}", key="none", counted=False),
    Endpoint(name="files", method="GET", path="/content/{token}", key="none", counted=False),
)


class _GoneError(Exception):
    """The caller hung up, or we did: there is nobody to answer."""


class FrontDoor:
    """ASGI application around the web framework's."""

    def __init__(self, app: App, engine: Engine) -> None:
        self._app = app
        self._engine = engine
        self._routes: list[tuple[re.Pattern[str], Endpoint, Gateway]] = [
            (endpoint.pattern, endpoint, gateway)
            for gateway in engine.gateways
            for endpoint in gateway.endpoints
        ]
        self._files = [(endpoint.pattern, endpoint) for endpoint in FILES]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if path == "/" or path.startswith("/_sandbox"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        visit = self._recognise(scope, headers)
        line = self._log(scope, visit)
        try:
            await _Passage(self._app, self._engine, scope, receive, send, headers, visit, line).go()
        finally:
            line["seconds"] = round(time.perf_counter() - line.pop("_started"), 4)

    def _recognise(self, scope: Scope, headers: Mapping[str, str]) -> Visit | None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        host = headers.get("host", "127.0.0.1")
        base_url = f"{scope.get('scheme', 'http')}://{host}"
        client = (scope.get("client") or ("127.0.0.1", 0))[0]
        for pattern, endpoint, gateway in self._routes:
            found = pattern.match(scope["path"]) if endpoint.method == method else None
            if found:
                return Visit(endpoint, gateway, base_url, client, found.groupdict(), headers)
        for pattern, endpoint in self._files if method == "GET" else ():
            found = pattern.match(scope["path"])
            if found:
                owner = self._engine.gateways[0]
                return Visit(endpoint, owner, base_url, client, found.groupdict(), headers)
        return None

    def _log(self, scope: Scope, visit: Visit | None) -> dict[str, Any]:
        query = scope.get("query_string", b"").decode("latin-1")
        line: dict[str, Any] = {
            "at": iso(self._engine.clock.now()),
            "method": scope["method"],
            "path": scope["path"] + (f"?{query}" if query else ""),
            "endpoint": visit.endpoint.name if visit else None,
            "status": None,
            "account": None,
            "fault": None,
            "body": None,
            "seconds": None,
            "_started": time.perf_counter(),
        }
        self._engine.log.append(line)
        return line


class _Passage:
    """One request on its way in and out."""

    def __init__(
        self,
        app: App,
        engine: Engine,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: Mapping[str, str],
        visit: Visit | None,
        line: dict[str, Any],
    ) -> None:
        self._app = app
        self._engine = engine
        self._scope = scope
        self._outer_receive = receive
        self._outer_send = send
        self._headers = headers
        self._visit = visit
        self._line = line
        self._holds_slot = False
        self._body = b""
        self._body_given = False

    async def go(self) -> None:
        try:
            try:
                await self._go()
            finally:
                self._leave()
        except _GoneError:
            # uvicorn would report an answer that never came as a defect of ours, unless it knows that the
            # connection is gone; it learns that a moment after the abort.
            await self._until_hung_up(1.0)

    async def _go(self) -> None:
        visit = self._visit
        if not await self._read_body():
            await self._send_answer(Answer(413, {"content-type": "text/plain"}, b"too large\n"))
            return
        self._note_leak()
        if visit is None:
            await self._app(self._scope, self._receive, self._send)
            return
        self._read(visit)
        try:
            self._engine.admit(visit, self._headers)
            self._line["account"] = visit.account.id if visit.account else None
            self._holds_slot = self._engine.enter(visit)
        except Refusal as refusal:
            await self._send_answer(visit.gateway.refuse(refusal, self._engine, visit))
            return
        self._scope.setdefault("state", {})["visit"] = visit
        fault = self._struck_by(visit)
        if fault is None:
            await self._app(self._scope, self._receive, self._send)
        else:
            self._line["fault"] = fault.id
            await self._carry_out(fault, visit)

    # In

    async def _read_body(self) -> bool:
        pieces, length = [], 0
        while True:
            message = await self._outer_receive()
            if message["type"] == "http.disconnect":
                raise _GoneError
            pieces.append(message.get("body", b""))
            length += len(pieces[-1])
            if length > MAX_BODY:
                return False
            if not message.get("more_body", False):
                self._body = b"".join(pieces)
                return True

    def _read(self, visit: Visit) -> None:
        content_type = self._headers.get("content-type", "")
        if content_type.lower().startswith("multipart/form-data"):
            visit.parts = multipart.parts(content_type, self._body)
            visit.body = multipart.summary(visit.parts)
            shown = visit.body
        else:
            visit.body = _parsed(self._body)
            shown = visit.body if len(self._body) <= MAX_LOGGED else f"({len(self._body)} bytes)"
        if self._scope["method"] == "POST":
            self._line["body"] = shown

    async def _receive(self) -> Message:
        if not self._body_given:
            self._body_given = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        return await self._outer_receive()

    def _note_leak(self) -> None:
        sent = [name for name in _KEY_HEADERS if name in self._headers]
        outside = self._visit is None or self._visit.endpoint in FILES
        if sent and outside:
            self._engine.leaks.append(
                {
                    "at": self._line["at"],
                    "method": self._scope["method"],
                    "path": self._line["path"],
                    "headers": sent,
                }
            )

    def _struck_by(self, visit: Visit) -> Fault | None:
        if not self._engine.faults:
            return None
        job_id: str | None
        model: str | None = None
        if visit.endpoint in FILES:
            job = self._engine.job_of_file(visit.path_values["token"])
            job_id = job.id if job else None
        else:
            job_id, model = visit.gateway.aims_at(visit)
            job = self._engine.store.job(job_id) if job_id and model is None else None
        if model is None and job is not None:
            model = job.model
        return self._engine.faults.take(
            endpoint=visit.endpoint, gateway=visit.gateway.name, model=model, job_id=job_id
        )

    # Faults

    async def _carry_out(self, fault: Fault, visit: Visit) -> None:
        then = fault.then
        if then.delay is not None and then.when == "before":
            await self._pause(then.delay)
        if then.cut == "before":
            await self._hang_up(then)
        if then.job is not None or then.submit_code is not None:
            visit.fate = then
        first = self._without_accepting(then, visit)
        if first is not None:
            await self._send_answer(first, slow=then.slow)
            return
        real = await self._real_answer()
        if visit.endpoint.submits and not visit.accepted and not visit.refused_as_ordered:
            # Refused for a reason of its own: an order about accepted submissions waits for one.
            self._engine.faults.give_back(fault)
            self._line["fault"] = None
            await self._send_answer(real)
            return
        if then.delay is not None and then.when == "after":
            await self._pause(then.delay)
        if then.cut == "after":
            await self._hang_up(then)
        if then.cut == "mid_body" or then.truncate is True:
            await self._send_half(real)
            await self._hang_up(then)
        if then.big_mib is not None:
            await self._send_big(then, then.big_mib)
            return
        await self._send_answer(_shaped(then, real, visit), slow=then.slow)

    def _without_accepting(self, then: Then, visit: Visit) -> Answer | None:
        """The answer of an order that strikes before anything is accepted."""
        if then.after_accepting:
            return None
        if then.malformed is not None and visit.endpoint.submits:
            return nonsense.broken(then, None)
        if then.status is not None and then.malformed is None:
            return visit.gateway.ordered_error(then, visit)
        if then.answer is not None:
            return _written(then.answer)
        if then.redirect is not None:
            return Answer(302, {"location": then.redirect, "content-type": "text/plain"}, b"")
        return None

    async def _pause(self, seconds: float) -> None:
        if await self._until_hung_up(seconds):
            raise _GoneError

    async def _until_hung_up(self, seconds: float) -> bool:
        async def disconnected() -> None:
            while (await self._outer_receive())["type"] != "http.disconnect":
                pass

        try:
            await asyncio.wait_for(disconnected(), seconds)
        except asyncio.TimeoutError:
            return False
        return True

    async def _hang_up(self, then: Then) -> None:
        """End the TCP connection without another byte."""
        self._line["status"] = None
        self._line["cut"] = then.cut or "mid_body"
        # Not part of ASGI: uvicorn's send is a method of the request's cycle, which knows its transport.
        transport: asyncio.Transport = self._outer_send.__self__.transport  # type: ignore[attr-defined]
        if then.reset:
            raw = transport.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        raise _GoneError

    # Out

    def _leave(self) -> None:
        if self._visit is None:
            return
        if self._holds_slot:
            self._holds_slot = False
            self._engine.leave(self._visit)
        while self._visit.afterwards:
            self._visit.afterwards.pop()()

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._line["status"] = message["status"]
            message = {**message, "headers": self._with_own_headers(message["headers"])}
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            # The slot is free before the caller can know that the answer is complete: else its next
            # request, sent at once, would meet its own shadow.
            self._leave()
        await self._outer_send(message)

    def _with_own_headers(self, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        own = self._visit.gateway.headers(self._visit) if self._visit is not None else {}
        there = {name.lower() for name, _ in headers}
        added = [(name.encode(), value.encode()) for name, value in own.items() if name.encode() not in there]
        return [*headers, *added]

    async def _real_answer(self) -> Answer:
        status, headers, pieces = 500, {}, []

        async def keep(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = {
                    name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]
                }
            elif message["type"] == "http.response.body":
                pieces.append(message.get("body", b""))

        await self._app(self._scope, self._receive, keep)
        return Answer(status, headers, b"".join(pieces))

    async def _start(self, answer: Answer, length: int | None) -> None:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        headers.pop("content-length", None)
        if length is not None and answer.status != 204:
            headers["content-length"] = str(length)
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": raw})

    async def _send_answer(self, answer: Answer, *, slow: int | None = None) -> None:
        head = self._scope["method"] == "HEAD"
        length = answer.headers.get("content-length") if head else None
        await self._start(answer, int(length) if length else len(answer.body))
        body = b"" if head else answer.body
        if slow is not None:
            # Ten pieces a second, each followed by its share of the second.
            step = max(1, slow // 10)
            for begin in range(0, len(body), step):
                await self._send(
                    {"type": "http.response.body", "body": body[begin : begin + step], "more_body": True}
                )
                await self._pause(step / slow)
            body = b""
        await self._send({"type": "http.response.body", "body": body})

    async def _send_half(self, answer: Answer) -> None:
        await self._start(answer, len(answer.body))
        half = answer.body[: len(answer.body) // 2]
        await self._send({"type": "http.response.body", "body": half, "more_body": True})
        await asyncio.sleep(0.05)  # else the abort would overtake what is still in the buffer

    async def _send_big(self, then: Then, mib: int) -> None:
        length, pieces = nonsense.endless_png(mib)
        await self._start(
            Answer(200, {"content-type": "image/png"}, b""), length if then.declare_length else None
        )
        await self._send_pieces(pieces if self._scope["method"] != "HEAD" else iter(()))

    async def _send_pieces(self, pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            # uvicorn goes quiet when the caller is gone; without this look we would go on for ever.
            if await self._until_hung_up(0.0005):
                raise _GoneError
        await self._send({"type": "http.response.body", "body": b""})


def _parsed(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body[:MAX_LOGGED].decode("utf-8", "replace")


def _written(answer: Mapping[str, Any]) -> Answer:
    headers = {str(name).lower(): str(value) for name, value in (answer.get("headers") or {}).items()}
    body = answer.get("body", "")
    if isinstance(body, str):
        return Answer(
            int(answer.get("status", 200)), {"content-type": "text/plain", **headers}, body.encode()
        )
    return Answer.of_json(int(answer.get("status", 200)), body, headers)


def _shaped(then: Then, real: Answer, visit: Visit) -> Answer:
    """The real answer, bent as ordered."""
    if then.malformed is not None:
        return nonsense.broken(then, real)
    if then.status is not None:
        return visit.gateway.ordered_error(then, visit)
    if then.answer is not None:
        return _written(then.answer)
    if then.redirect is not None:
        return Answer(302, {"location": then.redirect, "content-type": "text/plain"}, b"")
    if then.content is not None:
        return nonsense.hostile(then, real)
    if then.truncate == "quietly":
        return Answer(real.status, real.headers, real.body[: len(real.body) // 2])
    if then.merge is not None:
        value = json.loads(real.body)
        if isinstance(value, dict):
            value = {name: item for name, item in {**value, **then.merge}.items() if item is not None}
        return Answer.of_json(real.status, value)
    return real
