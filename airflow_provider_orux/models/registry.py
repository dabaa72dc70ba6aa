"""Every gateway, one entry each: to add one, add an entry, and the modules that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class GatewayInfo(NamedTuple):
    """Where the parts of a gateway are. It stands in the lowest room, so modules are named and not imported.

    :param name: also the type of its Airflow connection.
    :param title: the vendor's name, for people.
    :param requests_module: its typed requests.
    :param gateway_class: its wire, as ``module:class``.
    :param hook_class: its hook, as ``module:class``.
    :param documented_concurrency: requests in flight that the vendor documents as an account's default; None: unknown.
    """

    name: str
    title: str
    requests_module: str
    gateway_class: str
    hook_class: str
    documented_concurrency: int | None = None


#: By name.
GATEWAYS: Mapping[str, GatewayInfo] = {
    info.name: info
    for info in (
        GatewayInfo(
            name="orux",
            title="Orux AI",
            requests_module="airflow_provider_orux.models.orux",
            gateway_class="airflow_provider_orux.gateways.orux:OruxGateway",
            hook_class="airflow_provider_orux.hooks.orux:OruxHook",
            documented_concurrency=3,  # page Authentication
        ),
        GatewayInfo(
            name="yescale",
            title="YEScale",
            requests_module="airflow_provider_orux.models.yescale",
            gateway_class="airflow_provider_orux.gateways.yescale.gateway:YEScaleGateway",
            hook_class="airflow_provider_orux.hooks.yescale:YEScaleHook",
        ),
        GatewayInfo(
            name="opengpu_relay",
            title="OpenGPU Relay",
            requests_module="airflow_provider_orux.models.opengpu_relay",
            gateway_class="airflow_provider_orux.gateways.opengpu_relay.gateway:OpenGPURelayGateway",
            hook_class="airflow_provider_orux.hooks.opengpu_relay:OpenGPURelayHook",
        ),
    )
}


def title_of(gateway: str) -> str:
    """The vendor's name; of an unknown gateway, what it is called."""
    return GATEWAYS[gateway].title if gateway in GATEWAYS else gateway
