"""What jobs cost, as far as it is known: a price is never guessed, and an unknown one is never zero."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_orux.models.errors import Charged

#: The XCom with the facts of a task's job.
JOB_KEY = "orux_job"
#: The XCom with the first line of a task's error.
ERROR_KEY = "orux_error"
#: The XCom that says how much of a job in flight is done; written once a quarter.
PROGRESS_KEY = "orux_progress"


@dataclass(frozen=True)
class Charge:
    """What one job cost.

    :param job_id: None for a submission whose answer never came.
    :param price: in ``currency``; None: not known.
    """

    gateway: str
    job_id: str | None
    model: str | None = None
    charged: Charged = "unknown"
    price: float | None = None
    currency: str = ""

    @classmethod
    def read(cls, value: Mapping[str, Any], *, gateway: str, model: str | None) -> Charge:
        """Read it from a value that anybody may have written: what is not of its kind is not known."""
        job_id, charged, currency = value.get("job_id"), value.get("charged"), value.get("currency")
        return cls(
            gateway=gateway,
            job_id=job_id if isinstance(job_id, str) and job_id else None,
            model=model,
            charged=charged if charged in ("yes", "no") else "unknown",
            price=_amount(value.get("price")),
            currency=currency[:20] if isinstance(currency, str) and currency.isprintable() else "",
        )

    def with_more(self, other: Charge) -> Charge:
        """The same job as two tasks know it: what either knows."""
        if self.charged == "yes" or (self.charged == "no" and other.charged != "yes"):
            best, rest = self, other
        else:
            best, rest = other, self
        priced = best if best.price is not None else rest
        return Charge(
            best.gateway, best.job_id, best.model or rest.model, best.charged, priced.price, priced.currency
        )


@dataclass
class Total:
    """The cost of several jobs.

    :param amounts: what is known, by currency.
    :param jobs: how many may have been charged.
    :param unpriced: how many of them have no known price. They are not free.
    :param unsure: how many of them may not have been charged at all.
    """

    amounts: dict[str, float] = field(default_factory=dict)
    jobs: int = 0
    unpriced: int = 0
    unsure: int = 0

    def add(self, charge: Charge) -> None:
        """Count a job in."""
        if charge.charged == "no":
            return
        self.jobs += 1
        if charge.charged == "unknown":
            self.unsure += 1
        if charge.price is None:
            self.unpriced += 1
        else:
            self.amounts[charge.currency] = self.amounts.get(charge.currency, 0.0) + charge.price

    @classmethod
    def of(cls, charges: Iterable[Charge]) -> Total:
        """The total of these."""
        total = cls()
        for charge in charges:
            total.add(charge)
        return total

    @property
    def text(self) -> str:
        """For people: ``1.5 credits + 2 of unknown price``."""
        known = [amount_text(amount, currency) for currency, amount in sorted(self.amounts.items())]
        if self.unpriced:
            known.append(f"{self.unpriced} of unknown price")
        return " + ".join(known) or "nothing"


def amount_text(amount: float, currency: str) -> str:
    """``0.036 USD``: at most four decimals."""
    return f"{round(amount, 4):g} {currency}".strip()


def once_each(charges: Iterable[Charge]) -> list[Charge]:
    """Each job once, although the tasks that submit, wait for and save it all know it."""
    known: dict[tuple[str, str], Charge] = {}
    nameless = []
    for charge in charges:
        if charge.job_id is None:
            nameless.append(charge)
            continue
        key = (charge.gateway, charge.job_id)
        known[key] = known[key].with_more(charge) if key in known else charge
    return [*known.values(), *nameless]


def _amount(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= 1e12 else None
