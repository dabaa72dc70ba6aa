"""Prices that a gateway does not name in its answers: looked up, never guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_orux.compat import conf
from airflow_provider_orux.lifecycle.billing import Billed
from airflow_provider_orux.lifecycle.charges import amount_text
from airflow_provider_orux.lifecycle.prices import price_in_table
from airflow_provider_orux.models.errors import ConfigurationError, OruxError
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.models.listed import ListedRequest
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
    if found is None and _lists_prices(connection):
        found = _by_list(job, request, images, connection)
    return job if found is None else replace(job, price=found[0], currency=found[1] or None)


def _by_list(
    job: Job, request: GenerationRequest, images: int | None, connection: GatewayConnection
) -> tuple[float, str] | None:
    """By the gateway's own list and what the result tells; of a request by name, by its entry in the catalogue.

    Without the fee of a longer retention: no answer tells whether that was granted.
    """
    listed, fields = None, dict(request.fields())
    if (question := connection.gateway.look_up(request)) is not None:
        entry = _ask(connection, question, lambda answer: connection.gateway.read_look_up(request, answer))
        if isinstance(entry, ListedRequest):
            listed, fields = entry.entry.prices, {**entry.entry.defaults(), **fields}
    details = {**job.details, **(job.artifacts[0].details if job.artifacts else {})}
    billed = Billed.of(fields, details=details, images=images)
    return billed.cost(_listed(connection) if listed is None else listed, request.model_id)


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
        if each is None and _lists_prices(connection):
            each = Billed(images=images).cost(_listed(connection), model, at_most=True)
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


def _lists_prices(connection: GatewayConnection) -> bool:
    return hasattr(connection.gateway, "pricing") and conf.getboolean("orux", "price_lists", fallback=True)


def _listed(connection: GatewayConnection) -> Mapping[str, tuple[float, str]]:
    """The gateway's own list of prices. It is asked once and never waited for long."""
    gateway: Any = connection.gateway
    return _ask(connection, gateway.pricing(), gateway.read_pricing) or {}


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
