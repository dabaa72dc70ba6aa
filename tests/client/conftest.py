"""Both clients behind one face, so that every test of one is a test of the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_orux.client.asynchronous import AsyncGatewayClient
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.sync import GatewayClient
from airflow_provider_orux.gateways.orux import OruxGateway

KEY = "sk-app-Ab3dEf9h_" + "0123456789abcdefghijABCDEFGHIJ0123456789abcdefgh"
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Face:
    """A client whose verbs return when they are done, whichever of the two it is."""

    def __init__(self, client: Any, loop: asyncio.AbstractEventLoop | None) -> None:
        self.client = client
        self._loop = loop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.client, name)
        if self._loop is None:
            return method
        return lambda *a, **k: self._loop.run_until_complete(method(*a, **k))

    def close(self) -> None:
        if self._loop is None:
            self.client.close()
        else:
            self._loop.run_until_complete(self.client.aclose())


@pytest.fixture(params=["sync", "async"])
def speak(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Face]]:
    """Opens a client for a host; settings by name. Runs each test with both clients."""
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    opened: list[Face] = []
    loop = asyncio.new_event_loop() if request.param == "async" else None

    def open_(
        url: str = "http://gateway.example", *, gateway: Any = None, transport: Any = None, **settings: Any
    ) -> Face:
        values = {"key": KEY, "backoff_base": 0.001, "read_timeout": 5.0, "generate_timeout": 5.0, **settings}
        cls = GatewayClient if loop is None else AsyncGatewayClient
        client = cls(gateway or OruxGateway(), ClientSettings(url, **values), transport=transport)
        opened.append(Face(client, loop))
        return opened[-1]

    yield open_
    for face in opened:
        face.close()
    if loop is not None:
        for _ in range(5):  # generators of httpx that were left half-way end in their own time
            loop.run_until_complete(asyncio.sleep(0))
        assert not asyncio.all_tasks(loop)
        loop.close()
