"""One request on its way in and out: its body, account and slot, the fault that hits it, and its answer."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orux_sandbox.bodies import multipart
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.faults import Fault
from orux_sandbox.gateway import Gateway
from orux_sandbox.http import fault_answers, malformed, on_the_way
from orux_sandbox.http.asgi import App, Message, Receive, Scope, Send
from orux_sandbox.wire import Answer, Endpoint, Refusal, Then

#: A larger request body is refused.
MAX_BODY = 64 << 20
#: The log shows no more of a body.
MAX_LOGGED = 20_000
#: Headers that carry a key.
_KEY_HEADERS = ("authorization", "x-api-key")
#: What the jobs made, under one name for faults; Relay has paths of its own.
FILES = (
    Endpoint(name="files", method="GET", path="/files/{token}/{name}", key="none", counted=False),
    Endpoint(name="files", method="GET", path="/content/{token}", key="none", counted=False),
)


class _DisconnectedError(Exception):
    """The caller hung up, or we did: there is nobody to answer."""


class Exchange:
    """One request and its answer, on a connection that a fault may end at any moment."""

    def __init__(
        self,
        app: App,
        engine: Engine,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        headers: Mapping[str, str],
        context: RequestContext | None,
        gateway: Gateway | None,
        line: dict[str, Any],
    ) -> None:
        self._app = app
        self._engine = engine
        self._scope = scope
        self._outer_receive = receive
        self._outer_send = send
        self._headers = headers
        self._context = context
        self._gateway = gateway
        self._line = line
        self._holds_slot = False
        self._body = b""
        self._body_given = False

    async def run(self) -> None:
        """Serve the request."""
        try:
            try:
                await self._run()
            finally:
                self._finish()
        except _DisconnectedError:
            # uvicorn reports a missing answer as our defect unless it knows the connection is gone, which it
            # learns a moment after the abort.
            await self._disconnected_within(1.0)

    async def _run(self) -> None:
        context, gateway = self._context, self._gateway
        if not await self._read_body():
            await self._send_answer(Answer(413, {"content-type": "text/plain"}, b"too large\n"))
            return
        self._note_leak()
        if context is None or gateway is None:
            await self._app(self._scope, self._receive, self._send)
            return
        self._parse_body(context)
        try:
            self._engine.authenticate(context, self._headers)
            self._line["account"] = context.account.id if context.account else None
            self._holds_slot = self._engine.acquire_slot(context)
        except Refusal as refusal:
            await self._send_answer(gateway.refuse(refusal, self._engine, context))
            return
        self._scope.setdefault("state", {})["context"] = context
        fault = self._fault_for(context, gateway)
        if fault is None:
            await self._app(self._scope, self._receive, self._send)
        else:
            self._line["fault"] = fault.id
            await self._apply(fault, context, gateway)

    # In

    async def _read_body(self) -> bool:
        pieces, length = [], 0
        while True:
            message = await self._outer_receive()
            if message["type"] == "http.disconnect":
                raise _DisconnectedError
            pieces.append(message.get("body", b""))
            length += len(pieces[-1])
            if length > MAX_BODY:
                return False
            if not message.get("more_body", False):
                self._body = b"".join(pieces)
                return True

    def _parse_body(self, context: RequestContext) -> None:
        content_type = self._headers.get("content-type", "")
        if content_type.lower().startswith("multipart/form-data"):
            context.parts = multipart.parts(content_type, self._body)
            context.body = multipart.summary(context.parts)
            shown = context.body
        else:
            context.body = _parsed(self._body)
            shown = context.body if len(self._body) <= MAX_LOGGED else f"({len(self._body)} bytes)"
        if self._scope["method"] == "POST":
            self._line["body"] = shown

    async def _receive(self) -> Message:
        if not self._body_given:
            self._body_given = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        return await self._outer_receive()

    def _note_leak(self) -> None:
        sent = [name for name in _KEY_HEADERS if name in self._headers]
        outside = self._context is None or self._context.endpoint in FILES
        if sent and outside:
            self._engine.leaks.append(
                {
                    "at": self._line["at"],
                    "method": self._scope["method"],
                    "path": self._line["path"],
                    "headers": sent,
                }
            )

    def _fault_for(self, context: RequestContext, gateway: Gateway) -> Fault | None:
        if not self._engine.faults:
            return None
        job_id: str | None
        model: str | None = None
        if context.endpoint in FILES:
            job = self._engine.job_of_file(context.path_values["token"])
            job_id = job.id if job else None
        else:
            job_id, model = gateway.target_of(context)
            job = self._engine.store.job(job_id) if job_id and model is None else None
        if model is None and job is not None:
            model = job.model
        return self._engine.faults.take(
            endpoint=context.endpoint, gateway=gateway.name, model=model, job_id=job_id
        )

    # Faults

    async def _apply(self, fault: Fault, context: RequestContext, gateway: Gateway) -> None:
        then = fault.then
        if then.delay is not None and then.when == "before":
            await self._pause(then.delay)
        if then.cut == "before":
            await self._hang_up(then)
        if then.job is not None or then.submit_code is not None:
            context.ordered_outcome = then
        early = fault_answers.early_answer(then, context, gateway)
        if early is not None:
            if then.echo_key is not None:
                early = on_the_way.with_key(then, early, self._headers)
            await self._send_answer(early, slow=then.slow)
            return
        real = await self._real_answer()
        if context.endpoint.submits and not context.accepted and not context.refused_as_ordered:
            # Refused for a reason of its own: a fault of accepted submissions waits for one.
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
        if then.framing is not None or then.drip is not None:
            await self._send_raw(then, real)
        answer = fault_answers.altered(then, real, context, gateway)
        if then.echo_key is not None:
            answer = on_the_way.with_key(then, answer, self._headers)
        await self._send_answer(answer, slow=then.slow)

    async def _pause(self, seconds: float) -> None:
        if await self._disconnected_within(seconds):
            raise _DisconnectedError

    async def _disconnected_within(self, seconds: float) -> bool:
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
        transport = self._transport
        if then.reset:
            raw = transport.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        raise _DisconnectedError

    # Out

    @property
    def _transport(self) -> asyncio.Transport:
        # Not part of ASGI: uvicorn's send is a method of the request's cycle, which knows its transport.
        transport: asyncio.Transport = self._outer_send.__self__.transport  # type: ignore[attr-defined]
        return transport

    def _finish(self) -> None:
        if self._context is None:
            return
        if self._holds_slot:
            self._holds_slot = False
            self._engine.release_slot(self._context)
        while self._context.afterwards:
            self._context.afterwards.pop()()

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._line["status"] = message["status"]
            message = {**message, "headers": self._with_gateway_headers(message["headers"])}
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            # Free the slot before the caller can know the answer is complete: else its next request, sent
            # at once, could find the slot still taken.
            self._finish()
        await self._outer_send(message)

    def _with_gateway_headers(self, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        if self._context is None or self._gateway is None:
            return list(headers)
        present = {name.lower() for name, _ in headers}
        own = self._gateway.headers(self._context).items()
        return [*headers, *((k.encode(), v.encode()) for k, v in own if k.encode() not in present)]

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

    async def _send_raw(self, then: Then, answer: Answer) -> None:
        """The answer byte for byte, past uvicorn, and the end of the connection."""
        self._line["status"] = answer.status
        if self._context is not None and self._gateway is not None:
            answer = Answer(
                answer.status, {**answer.headers, **self._gateway.headers(self._context)}, answer.body
            )
        self._finish()
        at_once, rest = (
            (on_the_way.raw(then, answer), b"") if then.drip is None else on_the_way.dripping(then, answer)
        )
        transport = self._transport
        transport.write(at_once)
        rate = then.slow or on_the_way.DRIP
        step = max(1, rate // 10)
        for begin in range(0, len(rest), step):
            await self._pause(step / rate)
            transport.write(rest[begin : begin + step])
        transport.close()
        raise _DisconnectedError

    async def _send_big(self, then: Then, mib: int) -> None:
        length, pieces = malformed.endless_png(mib)
        await self._start(
            Answer(200, {"content-type": "image/png"}, b""), length if then.declare_length else None
        )
        await self._send_pieces(pieces if self._scope["method"] != "HEAD" else iter(()))

    async def _send_pieces(self, pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            # uvicorn drops what is sent to a caller that is gone; without this check we would send for ever.
            if await self._disconnected_within(0.0005):
                raise _DisconnectedError
        await self._send({"type": "http.response.body", "body": b""})


def _parsed(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body[:MAX_LOGGED].decode("utf-8", "replace")
