"""The outermost layer: logs every request, gives it a slot, and applies faults.

Plain ASGI under the web framework, because a fault must be able to end the TCP connection itself.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from orux_sandbox.engine.clock import iso
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.gateway import Gateway
from orux_sandbox.http.asgi import App, Receive, Scope, Send
from orux_sandbox.http.exchange import FILES, Exchange
from orux_sandbox.wire import Endpoint


class SandboxMiddleware:
    """ASGI application around the web framework's."""

    def __init__(self, app: App, engine: Engine, gateways: Sequence[Gateway]) -> None:
        self._app = app
        self._engine = engine
        self._endpoints: list[tuple[re.Pattern[str], Endpoint, Gateway]] = [
            (endpoint.pattern, endpoint, gateway) for gateway in gateways for endpoint in gateway.endpoints
        ]
        # A file's URL belongs to no gateway in particular.
        self._endpoints += [(endpoint.pattern, endpoint, gateways[0]) for endpoint in FILES]

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
        context, gateway = self._recognise(scope, headers)
        line = self._log(scope, context)
        exchange = Exchange(
            self._app,
            self._engine,
            scope,
            receive,
            send,
            headers=headers,
            context=context,
            gateway=gateway,
            line=line,
        )
        try:
            await exchange.run()
        finally:
            line["seconds"] = round(time.perf_counter() - line.pop("_started"), 4)

    def _recognise(
        self, scope: Scope, headers: Mapping[str, str]
    ) -> tuple[RequestContext | None, Gateway | None]:
        """The request as a gateway sees it, and the gateway; neither for a path nobody serves."""
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        base_url = f"{scope.get('scheme', 'http')}://{headers.get('host', '127.0.0.1')}"
        client = (scope.get("client") or ("127.0.0.1", 0))[0]
        for pattern, endpoint, gateway in self._endpoints:
            found = pattern.match(scope["path"]) if endpoint.method == method else None
            if found:
                context = RequestContext(endpoint, gateway, base_url, client, found.groupdict(), headers)
                return context, gateway
        return None, None

    def _log(self, scope: Scope, context: RequestContext | None) -> dict[str, Any]:
        query = scope.get("query_string", b"").decode("latin-1")
        line: dict[str, Any] = {
            "at": iso(self._engine.clock.now()),
            "method": scope["method"],
            "path": scope["path"] + (f"?{query}" if query else ""),
            "endpoint": context.endpoint.name if context else None,
            "status": None,
            "account": None,
            "fault": None,
            "body": None,
            "seconds": None,
            "_started": time.perf_counter(),
        }
        self._engine.log.append(line)
        return line
