"""What a submission costs by the table of ``[orux] prices``. A price that is not known is unknown, never zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def amount_of(price: Any, images: int | None) -> float | None:
    """The price of one submission; None: unknown, or not a price.

    :param price: a number, or ``{"per_image": number}``.
    :param images: how many images were made or asked for; None: not known.
    """
    per_image = price.get("per_image") if isinstance(price, Mapping) else None
    number = per_image if isinstance(price, Mapping) else price
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number < float("inf"):
        return None
    if per_image is not None:
        return None if images is None else float(number) * images
    return float(number)


def price_in_table(
    table: Mapping[str, Mapping[str, Any]],
    *,
    groups: Iterable[str | None],
    models: Iterable[str],
    verb: str,
    images: int | None,
) -> tuple[float, str, str] | None:
    """Amount, currency and the group it was found in; None: unknown.

    :param table: ``{"orux": {"currency": "credits", "midjourney-v7": 20, "midjourney-v7:upscale": 5}}``; its first
        level names a connection or a gateway.
    :param groups: where to look, the first wins: the connection, then the gateway.
    :param models: the ids that the model may have there.
    """
    names = list(models)
    for group in groups:
        prices = table.get(group) if group else None
        if not isinstance(prices, Mapping):
            continue
        for model in names:
            for name in (f"{model}:{verb}", model):
                if name not in prices:
                    continue
                if (amount := amount_of(prices[name], images)) is not None:
                    return amount, str(prices.get("currency", "")), str(group)
                if amount_of(prices[name], 1) is not None:
                    return None  # it has a price, by the image; another one is not its
    return None
