"""Prices that a gateway does not name in its answers: looked up, never guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_orux.compat import conf
from airflow_provider_orux.lifecycle.charges import amount_text
from airflow_provider_orux.lifecycle.prices import price_in_table
from airflow_provider_orux.models.errors import ConfigurationError, OruxError
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.requests import GenerationRequest

if TYPE_CHECKING:
    from airflow_provider_orux.hooks.connection import GatewayConnection

#: What the balance may be called in an answer whose shape is not documented.
_BALANCE = ("balance", "credits_balance", "remaining")


def configured_prices() -> Mapping[str, Any]:
    """The table of ``[orux] prices``; empty if there is none.

    :raises ValueError: it is not a JSON object.
    """
    text = (conf.get("orux", "prices", fallback="") or "").strip()
    table = json.loads(text) if text else {}
    if not isinstance(table, dict):
        raise ValueError("not an object")
    return table


def priced(
    job: Job, request: GenerationRequest | None, *, connection: GatewayConnection, conn_id: str, log: Any
) -> Job:
    """The job with price and currency from ``[orux] prices`` or the gateway's price list, unless it has them."""
    if request is None or job.price is not None or job.charged == "no":
        return job
    images = len(job.artifacts) or request.count
    try:
        found = _in_table(request.model_id, request.verb, images, conn_id=conn_id, gateway=job.gateway)
    except ValueError as e:
        log.warning("[orux] prices cannot be read: %s", e)
        return job
    if found is None:
        tier = request.fields().get("image_size")
        found = _in_list(connection, request.model_id, images, tier=tier if isinstance(tier, str) else None)
    return job if found is None else replace(job, price=found[0], currency=found[1] or None)


@dataclass(frozen=True)
class Forecast:
    """What submissions will cost at most, as far as it is known.

    :param cost: None: not known. That is never free.
    :param balance: what the account holds; None: the gateway does not tell.
    """

    count: int
    model: str
    cost: float | None
    currency: str
    balance: float | None

    @classmethod
    def of(
        cls, count: int, *, model: str, verb: str, images: int, connection: GatewayConnection, conn_id: str
    ) -> Forecast:
        """Look prices and balance up. It costs nothing.

        :param images: that each submission makes.
        :raises ConfigurationError: ``[orux] prices`` cannot be read.
        """
        gateway = connection.gateway.name
        try:
            each = _in_table(model, verb, images, conn_id=conn_id, gateway=gateway)
        except ValueError as e:
            raise ConfigurationError(f"[orux] prices cannot be read: {e}", charged="no") from e
        each = each or _in_list(connection, model, images, tier=None)
        cost, currency = (None, "") if each is None else (each[0] * count, each[1])
        return cls(count, model, cost, currency, _balance(connection) if cost is not None else None)

    def problem(self, limit: float) -> str | None:
        """Why it is too much; None: it is not.

        :param limit: in the currency of the price.
        """
        what = f"{self.count} submissions to {self.model}"
        if self.cost is None:
            return (
                f"The price of {self.model} is not known, so nobody knows what {what} cost: they are not free"
            )
        cost = amount_text(self.cost, self.currency)
        if self.cost > limit:
            return f"{what} cost up to {cost}; the limit is {amount_text(limit, self.currency)}"
        if self.balance is not None and self.cost > self.balance:
            return f"{what} cost up to {cost}; the account holds {amount_text(self.balance, self.currency)}"
        return None

    def to_dict(self) -> dict[str, Any]:
        """A small JSON value."""
        return {
            "count": self.count,
            "model": self.model,
            "cost": self.cost,
            "currency": self.currency,
            "balance": self.balance,
        }


def _in_table(
    model: str, verb: str, images: int | None, *, conn_id: str, gateway: str
) -> tuple[float, str] | None:
    found = price_in_table(
        configured_prices(), groups=(conn_id, gateway), models=(model,), verb=verb, images=images
    )
    return None if found is None else found[:2]


def _in_list(
    connection: GatewayConnection, model: str, images: int | None, *, tier: str | None
) -> tuple[float, str] | None:
    """The price in the gateway's own list, where it has one. It is asked once and never waited for long."""
    gateway: Any = connection.gateway
    if not hasattr(gateway, "pricing") or not conf.getboolean("orux", "price_lists", fallback=True):
        return None
    listed = _ask(connection, gateway.pricing(), gateway.read_pricing) or {}
    row = (listed.get(f"{model}@{tier}") if tier else None) or listed.get(model)
    if row is None:
        return None
    currency, _, per = row[1].partition("/")
    if per == "image" and images is None:
        return None
    return row[0] * (images or 1 if per == "image" else 1), currency


def _balance(connection: GatewayConnection) -> float | None:
    """The account's balance, where the gateway has an endpoint that tells it and the answer names one."""
    gateway: Any = connection.gateway
    if not hasattr(gateway, "usage") or (account := connection.account) is None:
        return None
    read = getattr(gateway, "read_usage", gateway.read_json)
    answer = _ask(replace(connection, client=account), gateway.usage(), read)
    places = [answer, *(answer.values() if isinstance(answer, Mapping) else ())]
    for place in places:
        for name in _BALANCE if isinstance(place, Mapping) else ():
            value = place.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return float(value)
    return None


def _ask(connection: GatewayConnection, question: Any, read: Any) -> Any:
    from airflow_provider_orux.client.sync import GatewayClient

    try:
        with GatewayClient(connection.gateway, connection.client) as client:
            return client.run(client.calls.read(question, read, attempts=1))
    except OruxError:
        return None  # a price is decoration: what is not known is said to be unknown
