"""``OruxHook``: Orux AI."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow_provider_orux.gateways.orux import OruxGateway
from airflow_provider_orux.hooks.base import GatewayHook


class OruxHook(GatewayHook):
    """A client of Orux AI.

    :param conn_id: an Airflow connection of type ``orux``.
    """

    conn_type: ClassVar[str] = "orux"
    hook_name: ClassVar[str] = "Orux AI"

    def list_models(self) -> Any:
        """GET /api/v1/models, unchanged: its shape is not documented."""
        return self._read_json("models")

    def usage(self, *, period: str = "7d") -> Any:
        """GET /api/user/v1/usage, unchanged: concurrency, spend and Credits balance; the shape is not documented.

        :param period: like ``7d``.
        """
        return self._read_json("usage", period=period)

    def _read_json(self, what: str, **arguments: str) -> Any:
        gateway = self.connection.gateway
        if not isinstance(gateway, OruxGateway):
            raise TypeError(f"OruxHook with a gateway {gateway.name}")
        client = self.get_conn()
        return client.run(client.calls.read(getattr(gateway, what)(**arguments), gateway.read_json))
