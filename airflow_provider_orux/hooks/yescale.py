"""``YEScaleHook``: YEScale."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow_provider_orux.gateways.yescale.gateway import YEScaleGateway
from airflow_provider_orux.hooks.base import GatewayHook
from airflow_provider_orux.models.errors import ConfigurationError, OruxError, redact


class YEScaleHook(GatewayHook):
    """A client of YEScale.

    :param conn_id: an Airflow connection of type ``yescale``.
    """

    conn_type: ClassVar[str] = "yescale"
    hook_name: ClassVar[str] = "YEScale"
    default_conn_name: ClassVar[str] = "yescale_default"

    def balance(self) -> dict[str, Any]:
        """What the account holds: ``balance`` and ``used`` in USD, and the number of ``requests``. It costs nothing.

        It needs the account's own access key: ``access_key`` of the connection.

        :raises ConfigurationError: the connection has no access key.
        """
        from airflow_provider_orux.client.sync import GatewayClient

        gateway, account = self.connection.gateway, self.connection.account
        if not isinstance(gateway, YEScaleGateway):
            raise TypeError(f"YEScaleHook with a gateway {gateway.name}")
        if account is None:
            raise ConfigurationError(
                f"Connection {self.conn_id!r} has no access_key: the balance is not told to an API key",
                gateway=gateway.name,
                param="access_key",
                charged="no",
            )
        with GatewayClient(gateway, account) as client:
            return client.run(client.calls.read(gateway.usage(), gateway.read_usage))

    def test_connection(self) -> tuple[bool, str]:
        """Send a free request with the API key; with an ``access_key``, say what the account holds, too."""
        works, text = super().test_connection()
        if not works or self.connection.account is None:
            return works, text
        try:
            return True, f"{text} The account holds {self.balance()['balance']:.2f} USD."
        except OruxError as e:
            return True, f"{text} The balance cannot be read: {redact(e.message)}."
