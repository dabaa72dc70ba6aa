"""``OpenGPURelayHook``: OpenGPU Relay."""

from __future__ import annotations

from typing import ClassVar

from airflow_provider_orux.hooks.base import GatewayHook


class OpenGPURelayHook(GatewayHook):
    """A client of OpenGPU Relay, generation 1 or 2 (a setting of the connection).

    :param conn_id: an Airflow connection of type ``opengpu_relay``. Without a key it is a guest.
    """

    conn_type: ClassVar[str] = "opengpu_relay"
    hook_name: ClassVar[str] = "OpenGPU Relay"
    default_conn_name: ClassVar[str] = "opengpu_relay_default"
