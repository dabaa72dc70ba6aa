"""What a submission costs: the price table of ``[orux] prices``, and the gateways' own lists. Unknown is unknown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_orux.cli.connections import FoundConnection
from airflow_provider_orux.cli.errors import CommandError
from airflow_provider_orux.lifecycle.billing import Billed
from airflow_provider_orux.lifecycle.prices import amount_of, price_in_table
from airflow_provider_orux.models.errors import OruxError


@dataclass(frozen=True)
class Price:
    """The price of one submission.

    :param amount: in ``currency``.
    :param source: where it was found.
    """

    amount: float
    currency: str
    source: str


class PriceTable:
    """Prices by connection or gateway, then model.

    ``[orux] prices`` is a JSON object: ``{"orux": {"currency": "credits", "midjourney-v7": 20,
    "midjourney-v7:upscale": 5, "gpt-image-2": {"per_image": 10}}}``. Its first level names a connection (which wins) or
    a gateway; a number is the price of one submission, ``per_image`` that of one image.

    :param value: such an object.
    :raises CommandError: it is not one.
    """

    def __init__(self, value: Any) -> None:
        if not isinstance(value, Mapping) or not all(isinstance(v, Mapping) for v in value.values()):
            raise CommandError(
                "[orux] prices must look like "
                '{"orux": {"currency": "credits", "midjourney-v7": 20}} (gateway or connection, then model).'
            )
        for group, prices in value.items():
            for model, price in prices.items():
                if model != "currency" and amount_of(price, 1) is None:
                    raise CommandError(
                        f"[orux] prices: {group}, {model} is {json.dumps(price)}; it must be a number of 0 or more, "
                        'or {"per_image": number}.'
                    )
        self.groups = value
        self.listed: dict[str, dict[str, tuple[float, str]]] = {}

    @classmethod
    def configured(cls) -> PriceTable:
        """The table of this installation; empty when there is none.

        :raises CommandError: it is not usable.
        """
        from airflow.configuration import conf

        text = (conf.get("orux", "prices", fallback="") or "").strip()
        try:
            return cls(json.loads(text) if text else {})
        except ValueError as e:
            raise CommandError(f"[orux] prices is not JSON: {e}.") from e

    def ask(self, conn_id: str, found: FoundConnection) -> str | None:
        """Read the gateway's own price list, where it has one. It costs nothing.

        :returns: why there is none; None when it was read.
        """
        connection = found.connection
        if connection is None:
            return found.why
        gateway: Any = connection.gateway
        if not hasattr(gateway, "pricing"):
            return f"{gateway.title} documents no price list"
        from airflow_provider_orux.client.sync import GatewayClient

        try:
            with GatewayClient(gateway, connection.client) as client:
                self.listed[conn_id] = client.run(
                    client.calls.read(gateway.pricing(), gateway.read_pricing, attempts=2)
                )
        except OruxError as e:
            return f"the price list of {gateway.title} could not be read: {e.message}"
        return None

    def price(
        self,
        *,
        conn_id: str,
        gateway: str | None,
        models: tuple[str, ...],
        verb: str,
        images: int | None,
        billed: Billed | None = None,
    ) -> Price | None:
        """The price of one submission; None: unknown.

        :param models: the ids that the model may have there.
        :param images: how many images it asks for; None: not known.
        :param billed: what else the price depends on, as far as it is known.
        """
        found = price_in_table(
            self.groups, groups=(conn_id, gateway), models=models, verb=verb, images=images
        )
        if found is not None:
            return Price(found[0], found[1], f"[orux] prices, {found[2]}")
        listed = self.listed.get(conn_id, {})
        known = replace(billed or Billed(), images=images)
        for model in models:
            if model in listed:
                cost = known.cost(listed, model, at_most=True)
                return None if cost is None else Price(cost[0], cost[1], "the gateway's list")
        return None
