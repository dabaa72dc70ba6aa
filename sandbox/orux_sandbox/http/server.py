"""The sandbox as an object: a real HTTP server in a thread, for tests and demos."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import uvicorn

from orux_sandbox.engine import reports
from orux_sandbox.engine.engine import Engine
from orux_sandbox.http import app
from orux_sandbox.http.control import AccountChange, order_faults, save_account
from orux_sandbox.http.hosts import Host, HostCheck
from orux_sandbox.http.webhooks import WebhookSender
from orux_sandbox.keys import SANDBOX_KEY
from orux_sandbox.settings import Settings


class _Uvicorn(uvicorn.Server):
    """uvicorn that stops at once, also while a request hangs."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        await asyncio.sleep(0)  # let the connections learn that they are gone
        self.force_exit = True
        await super().shutdown(sockets)


class SandboxServer:
    """A sandbox that lives as long as a ``with`` block.

    :param settings: settings, or a mapping of those that differ from the defaults.
    :param host: address to listen on. The control routes need no key: leave it on this machine.
    :param port: 0 for any free one.
    :param data_dir: keep jobs, charges and accounts there; None keeps them in memory.
    :param access_log: log a line for every request.
    :param allow_hosts: host names it answers to besides those of this machine: ``name`` or ``name:port``.

    :raises ValueError: a setting or host name that is not one.
    """

    def __init__(
        self,
        settings: Settings | Mapping[str, Any] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        data_dir: str | Path | None = None,
        access_log: bool = False,
        allow_hosts: Collection[str] = (),
    ) -> None:
        if not isinstance(settings, Settings):
            settings = Settings().changed(settings or {})
        self._settings = settings
        self._host = host
        self._port = port
        self._data_dir = None if data_dir is None else Path(data_dir)
        self._access_log = access_log
        self._allowed = [Host.parse(one) for one in allow_hosts]
        self._gateways = app.gateways()
        self._engine: Engine | None = None
        self._server: _Uvicorn | None = None
        self._thread: threading.Thread | None = None
        self._webhooks: WebhookSender | None = None

    # Life

    def __enter__(self) -> SandboxServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen. Returns when the first request can be sent."""
        server, listener = self._prepare()
        self._thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True
        )
        self._thread.start()
        # The socket listens already; wait all the same, so that nobody stops a server that has not started.
        pause = threading.Event()
        while not server.started and self._thread.is_alive():
            pause.wait(0.005)

    def serve(self, *, announce: Callable[[str, list[dict[str, Any]]], None]) -> None:
        """Serve in this thread until a signal says stop. ``announce`` gets the URL and the gateways."""
        server, listener = self._prepare()
        try:
            announce(self.url, self.gateways())
            server.run(sockets=[listener])
        finally:
            self._close()

    def _prepare(self) -> tuple[_Uvicorn, socket.socket]:
        if self._engine is None:
            self._engine = Engine(gateways=self._gateways, settings=self._settings, data_dir=self._data_dir)
        # The protocol is named because asyncio switches off Nagle's delay only where it reads "TCP".
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._port))
            listener.listen(128)
        except OSError:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            HostCheck(app.build(self._engine, self._gateways), listens_on=self._host, allowed=self._allowed),
            lifespan="off",
            ws="none",
            log_level="info" if self._access_log else "warning",
            access_log=self._access_log,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=60,
        )
        self._server = _Uvicorn(config)
        self._webhooks = WebhookSender(self._engine, self._gateways, self.url)
        self._webhooks.start()
        return self._server, listener

    def stop(self) -> None:
        """Stop at once; requests that hang are cut."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None
        self._close()

    def _close(self) -> None:
        if self._webhooks is not None:
            self._webhooks.stop()
            self._webhooks = None
        if self._engine is not None:
            with contextlib.suppress(Exception):
                self._engine.close()
            self._engine = None
        self._server = None

    # URLs and keys

    @property
    def engine(self) -> Engine:
        """The engine, while the server runs."""
        if self._engine is None:
            raise RuntimeError("the sandbox is not running")
        return self._engine

    @property
    def port(self) -> int:
        """The port."""
        return self._port

    @property
    def url(self) -> str:
        """``http://host:port``."""
        # One that listens on all addresses can be reached here.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 not binding
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self._port}"

    @property
    def key(self) -> str:
        """The key of the Orux account that every sandbox opens with."""
        return SANDBOX_KEY

    def gateways(self) -> list[dict[str, Any]]:
        """The gateways: name, address, key, paths, endpoints, connection."""
        return reports.gateways(self.engine, self.url)

    def _gateway(self, name: str) -> dict[str, Any]:
        return next(
            one for one in self.gateways() if one["gateway"] == self.engine.accounts.gateway(name).name
        )

    def url_of(self, gateway: str) -> str:
        """The base URL of ``orux``, ``yescale`` or ``opengpu_relay``: what a connection's host is.

        :raises ValueError: there is no such gateway.
        """
        return str(self._gateway(gateway)["url"])

    def key_of(self, gateway: str) -> str:
        """The key of the account that every sandbox opens with.

        :raises ValueError: there is no such gateway.
        """
        return str(self._gateway(gateway)["key"])

    def connection(self, gateway: str = "orux") -> str:
        """An Airflow connection to one gateway, as JSON for ``AIRFLOW_CONN_…``.

        :raises ValueError: there is no such gateway.
        """
        return json.dumps(self._gateway(gateway)["connection"])

    # Inspect

    def charges(self, job_id: str | None = None) -> list[dict[str, Any]]:
        """Every accepted submission, oldest first; of one job if wanted."""
        return reports.charges(self.engine, job_id)

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs, newest first."""
        return reports.jobs(self.engine, base_url=self.url)

    def requests(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        """The latest requests, oldest first; to one endpoint if wanted."""
        return reports.requests(self.engine, endpoint=endpoint)

    def leaks(self) -> list[dict[str, Any]]:
        """Requests that carried a key to where no key belongs."""
        return list(self.engine.leaks)

    def faults(self) -> list[dict[str, Any]]:
        """Ordered faults with their hit counts."""
        return self.engine.faults.list()

    def accounts(self) -> list[dict[str, Any]]:
        """Accounts with balance and keys."""
        return reports.accounts(self.engine)

    # Control

    def order_fault(self, fault: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> list[int]:
        """Order one fault or several; their numbers.

        :raises ValueError: not an order that can be carried out.
        """
        return order_faults(
            self.engine, dict(fault) if isinstance(fault, Mapping) else [dict(f) for f in fault]
        )

    def clear_faults(self) -> None:
        """Withdraw all faults."""
        self.engine.faults.remove()

    def configure(self, **settings: Any) -> None:
        """Change settings.

        :raises ValueError: a name or value that does not exist.
        """
        self.engine.configure(settings)

    def save_account(self, **wanted: Any) -> dict[str, Any]:
        """Create or change an account and a key.

        ``account, gateway, key, balance, disabled, expired, ips``.
        """
        return save_account(self.engine, AccountChange(**wanted))

    def advance_clock(self, seconds: float) -> None:
        """Let time pass at once."""
        self.engine.advance_clock(seconds)

    def reset(self) -> None:
        """Back to how it was started."""
        self.engine.reset()
