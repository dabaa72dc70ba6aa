"""The wire of a gateway, by the name of its connection's type."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.models.errors import ConfigurationError
from airflow_provider_orux.models.registry import GATEWAYS


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
        module, _, attribute = GATEWAYS[name].gateway_class.partition(":")
    except KeyError:
        raise ConfigurationError(
            f"{name!r} is no gateway; known: {', '.join(GATEWAYS)}", charged="no"
        ) from None
    found: type[Gateway] = getattr(importlib.import_module(module), attribute)
    return found
