"""Which module speaks for which gateway (the connection's type). Adding a gateway adds one line here."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.models.errors import ConfigurationError

CLASSES: Mapping[str, str] = {
    "orux": "airflow_provider_orux.gateways.orux:OruxGateway",
    "yescale": "airflow_provider_orux.gateways.yescale.gateway:YEScaleGateway",
    "opengpu_relay": "airflow_provider_orux.gateways.opengpu_relay.gateway:OpenGPURelayGateway",
}


def gateway_for(name: str, options: Mapping[str, Any] | None = None) -> Gateway:
    """The gateway of that name with these settings.

    :raises ConfigurationError: no gateway of that name, or a setting with a value that it does not allow.
    """
    return gateway_class(name)(options)


def gateway_class(name: str) -> type[Gateway]:
    """The class of a gateway; its module is imported.

    :raises ConfigurationError: no gateway of that name.
    """
    try:
        module, _, attribute = CLASSES[name].partition(":")
    except KeyError:
        raise ConfigurationError(
            f"{name!r} is no gateway; known: {', '.join(CLASSES)}", charged="no"
        ) from None
    found: type[Gateway] = getattr(importlib.import_module(module), attribute)
    return found
