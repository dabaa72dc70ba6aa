"""Finds the wire of a gateway by its connection type."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.models.errors import ConfigurationError
from airflow_provider_orux.models.registry import GATEWAYS


def gateway_for(name: str, options: Mapping[str, Any] | None = None) -> Gateway:
    """The gateway of that name with these settings.

    :raises ConfigurationError: unknown gateway, or a setting with an invalid value.
    """
    return gateway_class(name)(options)


def gateway_class(name: str) -> type[Gateway]:
    """The class of a gateway; imports its module.

    :raises ConfigurationError: no gateway of that name.
    """
    try:
        module, _, attribute = GATEWAYS[name].gateway_class.partition(":")
    except KeyError:
        raise ConfigurationError(
            f"{name!r} is not a gateway; known: {', '.join(GATEWAYS)}", charged="no"
        ) from None
    found: type[Gateway] = getattr(importlib.import_module(module), attribute)
    return found
