"""``YEScaleHook``: YEScale."""

from __future__ import annotations

from typing import ClassVar

from airflow_provider_orux.hooks.base import GatewayHook


class YEScaleHook(GatewayHook):
    """A client of YEScale.

    :param conn_id: an Airflow connection of type ``yescale``.
    """

    conn_type: ClassVar[str] = "yescale"
    hook_name: ClassVar[str] = "YEScale"
    default_conn_name: ClassVar[str] = "yescale_default"
