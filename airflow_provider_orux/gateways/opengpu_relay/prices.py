"""Relay's price list (generation 2): ``GET /v2/pricing``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_orux.gateways.answers import words_of

#: The fields of a row that hold a price, or a map of prices by what they depend on, and what each is the price of.
UNITS: Mapping[str, str] = {
    "per_image": "USD/image",
    "per_image_resolution": "USD/image",
    "per_second_video": "USD/second",
    "per_second_audio": "USD/second",
    "per_1k_characters": "USD/1000 characters",
    "per_1m_media_output_tokens": "USD/1000000 media tokens",
    "per_request": "USD",
}
#: Rows whose price has a part that no answer tells: how many tokens.
_BY_TOKEN = frozenset({"per_token", "per_image_plus_tokens"})
#: USD for one of these; a larger number is something else.
HIGHEST = 1e6


def read_prices(rows: list[Any], *, known: Collection[str]) -> dict[str, tuple[float, str]]:
    """Prices by model, from ``[{"mode", "model": "source.model", "billing_type", "per_image", …}]``, with their unit.

    A model priced by resolution, quality or sound has an entry for each (``model@4K``, ``model@std|silent``) and, under
    its own name, the highest; the same goes for one with several modes. One that is billed by tokens too has none.

    :param known: ids of models that have a dot of their own.
    """
    prices: dict[str, tuple[float, str]] = {}

    def note(model: str, amount: Any, unit: str) -> None:
        try:
            number = float(amount)
        except (TypeError, ValueError, OverflowError):
            return
        if isinstance(amount, bool) or not 0 <= number < HIGHEST:
            return  # not known is better than wrong: budgets are reckoned with it
        prices[model] = (max(number, prices.get(model, (number, unit))[0]), unit)

    for row in rows:
        name = row.get("model") if isinstance(row, Mapping) else None
        if not isinstance(name, str) or not name.isprintable() or len(name) > 300:
            continue
        model = _without_source(name, known)
        for field, unit in UNITS.items() if str(row.get("billing_type")) not in _BY_TOKEN else ():
            price = row.get(field)
            for tier, amount in price.items() if isinstance(price, Mapping) else ():
                note(f"{model}@{words_of(tier, 40)}", amount, unit)
                note(model, amount, unit)
            if not isinstance(price, Mapping):
                note(model, price, unit)
    return prices


def _without_source(name: str, known: Collection[str]) -> str:
    """``source.model`` without the source. Model names have dots too, but a source has no slash."""
    source, dot, model = name.partition(".")
    return model if dot and name not in known and "/" not in source else name
