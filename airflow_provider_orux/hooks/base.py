"""``GatewayHook``: the hook for all gateways. The connection's type chooses the gateway."""

from __future__ import annotations

import asyncio
import importlib
import re
import shlex
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseHook

from airflow_provider_orux.compat import AirflowNotFoundException
from airflow_provider_orux.gateways.registry import gateway_class
from airflow_provider_orux.hooks.connection import GatewayConnection, read_connection
from airflow_provider_orux.models.catalogue import RequestSpec
from airflow_provider_orux.models.errors import ConfigurationError, OruxError, redact
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.registry import GATEWAYS
from airflow_provider_orux.models.requests import GenerationRequest

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from typing_extensions import Self

    from airflow_provider_orux.client.asynchronous import AsyncGatewayClient
    from airflow_provider_orux.client.sync import GatewayClient


class GatewayHook(BaseHook):
    """A client for the gateway of an Airflow connection.

    The key is the connection's password; host, timeouts and the gateway's own settings are described in the page
    "Connection" of the documentation.

    :param conn_id: the Airflow connection. Its type (``orux``, ``yescale``, ``opengpu_relay``) chooses the gateway.
    :raises ConfigurationError: the connection has another type, or an invalid setting.
    """

    conn_name_attr: ClassVar[str] = "conn_id"
    default_conn_name: ClassVar[str] = "orux_default"
    conn_type: ClassVar[str] = ""
    hook_name: ClassVar[str] = "AI generation gateway"

    def __init__(self, conn_id: str | None = None) -> None:
        super().__init__()
        self.conn_id = conn_id or self.default_conn_name
        self._connection: GatewayConnection | None = None
        self._client: GatewayClient | None = None

    @classmethod
    def for_conn(cls, conn_id: str, *, argument: str = "conn_id") -> GatewayHook:
        """The hook of the connection's type.

        :param argument: the argument that named the connection, for the error.
        :raises ConfigurationError: the connection's type is not a gateway.
        """
        connection = read_airflow_connection(_found(conn_id, argument=argument), conn_id, argument=argument)
        module, _, name = GATEWAYS[connection.gateway.name].hook_class.partition(":")
        hook: GatewayHook = getattr(importlib.import_module(module), name)(conn_id)
        hook._take(connection)
        return hook

    @property
    def connection(self) -> GatewayConnection:
        """The connection, read and checked once."""
        if self._connection is None:
            connection = read_airflow_connection(_found(self.conn_id), self.conn_id)
            if self.conn_type and connection.gateway.name != self.conn_type:
                raise ConfigurationError(
                    f"Connection {self.conn_id!r} is of type {connection.gateway.name!r}; "
                    f"{type(self).__name__} needs {self.conn_type!r}. GatewayHook.for_conn() takes any gateway",
                    param="conn_id",
                    charged="no",
                )
            self._take(connection)
            return connection
        return self._connection

    def _take(self, connection: GatewayConnection) -> None:
        self._connection = connection
        if (unread := connection.unknown_extras()) is not None:
            self.log.warning("%s", unread)

    def get_conn(self) -> GatewayClient:
        """The synchronous client; the hook keeps one and :meth:`close` closes it."""
        if self._client is None:
            from airflow_provider_orux.client.sync import GatewayClient

            self._client = GatewayClient(self.connection.gateway, self.connection.client)
        return self._client

    async def get_async_conn(self) -> AsyncGatewayClient:
        """A new asynchronous client. Use it as a context manager, and share it between jobs."""
        from airflow_provider_orux.client.asynchronous import AsyncGatewayClient

        connection = await aread_airflow_connection(self.conn_id)
        return AsyncGatewayClient(connection.gateway, connection.client)

    def reload(self) -> None:
        """Forget the connection and its client: the next use looks the connection up again."""
        self.close()
        self._connection = None

    def close(self) -> None:
        """Close the client's connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, exc: BaseException | None, traceback: object) -> None:
        if isinstance(exc, OruxError):
            exc.conn_id = exc.conn_id or self.conn_id
        self.close()

    # -- the verbs, for @task functions ---------------------------------------------------------------
    def build_request(
        self,
        *,
        model: str | None,
        verb: str = "generate",
        extra_body: dict[str, Any] | None = None,
        **fields: Any,
    ) -> GenerationRequest:
        """A validated request for a model of this connection's gateway.

        :raises InvalidRequestError: a field is wrong; the error names it, the allowed values and the nearest name.
        """
        spec = RequestSpec(model=model, verb=verb, fields=fields, extra_body=extra_body)
        return spec.build(among=self.connection.gateway.requests)

    def submit(self, request: GenerationRequest) -> Job:
        """Submit a job. **Every call is charged**: only the operators have the ledger that prevents that.

        :raises AmbiguousSubmitError: the request was sent and no answer came.
        :raises OruxError: it was refused; nothing was charged.
        """
        return self.get_conn().submit(request)

    def generate(self, request: GenerationRequest, *, submission_id: str = "generation") -> Job:
        """A synchronous generation. **Every call is charged.**

        :param submission_id: the id for the returned job, since the gateway gives none.
        """
        return self.get_conn().generate(request, submission_id=submission_id)

    def get_job(self, job_id: str) -> Job:
        """The current state of a job; free of charge.

        :raises JobNotFoundError: the gateway does not know it under this key.
        """
        return self.get_conn().poll(job_id)

    def test_connection(self) -> tuple[bool, str]:
        """Send the gateway a free request with the connection's key."""
        try:
            connection = self.connection
            gateway, key = connection.gateway, connection.client.key
            if not key and gateway.key_required:
                return (
                    False,
                    f"The connection has no API key: put it into the password field ({gateway.title}).",
                )
            client = self.get_conn()
            client.run(client.calls.read(gateway.probe(), gateway.read_json, attempts=1))
        except OruxError as e:
            return False, redact(str(e))
        finally:
            self.close()
        text = f"{gateway.title} answered at {connection.client.host}"
        text += " and took the key." if key else ", as a guest: no key is set."
        if key and gateway.key_pattern and not re.fullmatch(gateway.key_pattern, key):
            text += " (The key does not look like a key of this gateway.)"
        if (unread := connection.unknown_extras()) is not None:
            text += f" {unread}."
        return True, text


def _found(conn_id: str, *, argument: str = "conn_id") -> Connection:
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as e:
        error = ConfigurationError(
            f"There is no connection {conn_id!r}, which {argument} names",
            param=argument,
            charged="no",
            next_step="Create it, in the UI under Admin, Connections, or with"
            f"\n`airflow connections add {shlex.quote(conn_id)} --conn-type orux --conn-password API_KEY`",
        )
        error.final = False  # a secrets backend may have been away
        raise error from e


def read_airflow_connection(
    conn: Connection, conn_id: str, *, argument: str = "conn_id"
) -> GatewayConnection:
    """Check an Airflow connection. See :func:`read_connection`."""
    extra = conn.extra_dejson or {}
    # Airflow turns invalid JSON into {}: the connection would silently lose its proxy, limits and route.
    lost = not extra and "".join((conn.extra or "").split()) not in ("", "{}", "null")
    if lost or not isinstance(extra, dict):
        raise ConfigurationError(
            f"The extra of connection {conn_id!r} is not a JSON object", param="extra", charged="no"
        )
    return read_connection(
        conn_id=conn_id,
        conn_type=conn.conn_type,
        host=conn.host,
        port=conn.port,
        schema=conn.schema,
        password=conn.password,
        extra=extra,
        argument=argument,
    )


async def aread_airflow_connection(conn_id: str) -> GatewayConnection:
    """The same from a trigger, without blocking its event loop."""
    conn = await BaseHook.aget_connection(conn_id)
    kind = str(conn.conn_type)
    if kind in GATEWAYS:
        # A gateway's module is imported in a thread: its typed models take long to make.
        await asyncio.to_thread(gateway_class, kind)
    return read_airflow_connection(conn, conn_id)
