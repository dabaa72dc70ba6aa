"""Relay's price list (generation 2): ``GET /v2/pricing``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_orux.gateways.answers import words_of
from airflow_provider_orux.models import catalogue
from airflow_provider_orux.models.listed import KEPT

#: By billing type, the fields of a row that hold a price, or a map of prices by what they depend on, and what each is
#: the price of. Any other type, like ``per_token`` and ``per_image_plus_tokens``, has a part that nothing here tells.
UNITS: Mapping[str, Mapping[str, str]] = {
    "per_image": {"per_image": "USD/image", "per_image_resolution": "USD/image"},
    "per_second_video": {"per_second_video": "USD/second"},
    "per_second_audio": {"per_second_audio": "USD/second"},
    "per_character": {"per_1k_characters": "USD/1000 characters"},
    "per_media_token": {"per_1m_media_output_tokens": "USD/1000000 media tokens"},
    "per_request": {"per_request": "USD"},
}
ALL_UNITS = {field: unit for fields in UNITS.values() for field, unit in fields.items()}
#: USD for one of these; a larger number is something else.
HIGHEST = 1e6


def read_prices(rows: list[Any], *, known: Collection[str]) -> dict[str, tuple[float, str]]:
    """Prices by model, from ``[{"mode", "model": "source.model", "billing_type", "per_image", …}]``, with their unit.

    A model priced by resolution, quality or sound has an entry for each (``model@4K``, ``model@std|silent``) and, under
    its own name, the highest; the same goes for one with several modes. One that has
    a row of an unknown type, or prices of several units, has none.

    :param known: ids of models that have a dot of their own.
    """
    prices: dict[str, tuple[float, str]] = {}
    unknown: set[str] = set()

    def note(model: str, amount: Any, unit: str) -> None:
        try:
            number = float(amount)
        except (TypeError, ValueError, OverflowError):
            return
        if isinstance(amount, bool) or not 0 <= number < HIGHEST:
            return  # not known is better than wrong: budgets are reckoned with it
        highest, before = prices.get(model, (number, unit))
        if before != unit:
            unknown.add(model)
        prices[model] = (max(number, highest), unit)

    for row in rows:
        name = row.get("model") if isinstance(row, Mapping) else None
        if not isinstance(name, str) or not name.isprintable() or len(name) > 300:
            continue
        model = _without_source(name, known)
        billing_type = row.get("billing_type")
        # A row without a type is read by its fields.
        units = ALL_UNITS if billing_type is None else UNITS.get(str(billing_type), {})
        if not units:
            unknown.add(model)
        for field, unit in units.items():
            price = row.get(field)
            for tier, amount in price.items() if isinstance(price, Mapping) else ():
                note(f"{model}@{words_of(tier, 40)}", amount, unit)
                note(model, amount, unit)
            if not isinstance(price, Mapping):
                note(model, price, unit)
    return {name: price for name, price in prices.items() if name.partition("@")[0] not in unknown}


def price_list(value: Mapping[str, Any], *, store_output: str) -> dict[str, tuple[float, str]]:
    """The prices of ``{"pricing": […], "media_storage": {"relay1d": 0.0005, "unit": "per_file", …}}``.

    Beside the models it has, for an estimate, what the retention of a file costs: ``kept@relay1d``, and ``kept@model``
    for each model whose results may be kept although its request does not say so.

    :param store_output: the connection's setting.
    """
    typed = catalogue.requests_of("opengpu_relay")
    prices = read_prices(value["pricing"], known={cls.model for cls in typed})
    storage = value.get("media_storage")
    if not isinstance(storage, Mapping) or storage.get("unit") != "per_file":
        return prices
    fees = read_prices(
        [
            {"model": option, "billing_type": "per_request", "per_request": fee}
            for option, fee in storage.items()
        ],
        known=set(map(str, storage)),
    )
    kept = {f"{KEPT}{option}": (fee, "USD/file") for option, (fee, _) in fees.items()}
    own = kept.get(KEPT + ("relay1d" if store_output == "auto" else store_output))
    never = {cls.model for cls in typed if not getattr(cls, "stores_output", True)}
    models = {name for name in prices if "@" not in name} - never
    return {**prices, **kept, **({KEPT + model: own for model in models} if own is not None else {})}


def _without_source(name: str, known: Collection[str]) -> str:
    """``source.model`` without the source. Model names have dots too, but a source has no slash."""
    source, dot, model = name.partition(".")
    return model if dot and name not in known and "/" not in source else name
