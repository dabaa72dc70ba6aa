"""Relay's price list (generation 2): ``GET /v2/pricing``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_orux.gateways.answers import words_of

UNIT = "USD/image"
#: USD for one image; a larger number is something else.
HIGHEST = 1e6


def read_prices(rows: list[Any], *, known: Collection[str]) -> dict[str, tuple[float, str]]:
    """The price of an image, from ``[{"mode", "model": "source.model", "billing_type", "per_image", …}]``.

    A model priced by resolution has an entry for each (``model@4K``) and, under its own name, the highest; the same
    goes for one with several modes.

    :param known: ids of models that have a dot of their own.
    """
    prices: dict[str, tuple[float, str]] = {}

    def note(model: str, amount: Any) -> None:
        try:
            number = float(amount)
        except (TypeError, ValueError, OverflowError):
            return
        if isinstance(amount, bool) or not 0 <= number < HIGHEST:
            return  # not known is better than wrong: budgets are reckoned with it
        prices[model] = (max(number, prices.get(model, (number, UNIT))[0]), UNIT)

    for row in rows:
        name = row.get("model") if isinstance(row, Mapping) else None
        if not isinstance(name, str) or not name.isprintable() or len(name) > 300:
            continue
        model = _without_source(name, known)
        note(model, row.get("per_image"))
        tiers = row.get("per_image_resolution")
        for tier, amount in tiers.items() if isinstance(tiers, Mapping) else ():
            note(f"{model}@{words_of(tier, 40)}", amount)
            note(model, amount)
    return prices


def _without_source(name: str, known: Collection[str]) -> str:
    """``source.model`` without the source. Model names have dots too, but a source has no slash."""
    source, dot, model = name.partition(".")
    return model if dot and name not in known and "/" not in source else name
