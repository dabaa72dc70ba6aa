"""From what is shown to HTML: every text escaped, every address below where Airflow itself lies."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request

from airflow_provider_orux.lifecycle.charges import Charge, Total, amount_text
from airflow_provider_orux.models.registry import title_of
from airflow_provider_orux.plugins.cards import STATES, Card, Wall, chains
from airflow_provider_orux.plugins.details import SHOWN, SHOWN_ALONE, Details
from airflow_provider_orux.storage.served import GALLERY, Maker, ServedRoots

#: Seconds after which a page with jobs in flight loads itself again.
REFRESH = 10
_CHARGED = {"yes": "charged", "no": "not charged", "unknown": "may have been charged"}


@dataclass(frozen=True)
class Filters:
    """What a person asked to see; empty: all of it."""

    dag: str = ""
    day: str = ""
    model: str = ""
    state: str = ""
    page: int = 1

    @property
    def any(self) -> bool:
        """Whether anything is left out."""
        return bool(self.dag or self.day or self.model or self.state)

    def fits(self, card: Card) -> bool:
        """Whether a card is to be shown. (Its day was asked of the database.)"""
        return (
            (not self.dag or card.maker.dag_id == self.dag)
            and (not self.model or card.model == self.model)
            and (not self.state or card.state == self.state)
        )

    @property
    def query(self) -> dict[str, str]:
        """As the query of an address."""
        names = ("dag", "day", "model", "state")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


@dataclass(frozen=True)
class Place:
    """Which page it is.

    :param kind: ``browse``, ``dag``, ``run`` or ``task``.
    """

    kind: str
    dag_id: str = ""
    run_id: str = ""
    task_id: str = ""
    map_index: int = -1

    @property
    def maker(self) -> Maker:
        """The task instance that a page of one is about."""
        return Maker(self.dag_id, self.run_id, self.task_id, self.map_index)

    @property
    def path(self) -> str:
        """Its path below the gallery."""
        if self.kind == "browse":
            return "/"
        tail = "" if self.kind == "dag" else f"/{self.kind}"
        return f"/dags/{quote(self.dag_id, safe='')}{tail}"

    @property
    def query(self) -> dict[str, str]:
        """The query of its address."""
        return {
            "browse": {},
            "dag": {},
            "run": {"run_id": self.run_id},
            "task": {"run_id": self.run_id, "task_id": self.task_id, "map_index": str(self.map_index)},
        }[self.kind]

    @property
    def above(self) -> list[tuple[str, Place]]:
        """The pages that lead here, by name."""
        found = [("All DAGs", Place("browse"))]
        if self.dag_id:
            found.append((self.dag_id, Place("dag", self.dag_id)))
        if self.run_id:
            found.append((self.run_id, Place("run", self.dag_id, self.run_id)))
        if self.task_id:
            index = f" [{self.map_index}]" if self.map_index >= 0 else ""
            found.append((f"{self.task_id}{index}", self))
        return found


@dataclass(frozen=True)
class View:
    """What a wall of cards shows.

    :param wall: the cards that fit the filters.
    :param everything: the cards without the filters.
    :param cards: those of this page.
    :param empty: why there may be none.
    :param capped: whether older jobs were left out.
    """

    place: Place
    asked: Filters
    wall: Wall
    everything: Wall
    cards: Sequence[Card]
    details: Mapping[Maker, Details]
    typical: Mapping[tuple[str | None, str | None], float]
    page: int
    pages: int
    roots: ServedRoots
    capped: bool
    empty: str

    @property
    def chains(self) -> list[list[Card]]:
        """The cards of this page, those that belong together in one list."""
        return chains(self.cards)

    @property
    def shown(self) -> int:
        """Artifacts of one job that are shown here."""
        return SHOWN_ALONE if self.place.kind == "task" else SHOWN

    @property
    def waiting(self) -> int:
        """How many jobs are in flight."""
        return sum(1 for card in self.wall.cards if card.state == "waiting")

    @property
    def certainty(self) -> str:
        """``1 charged, 3 still open``: how many jobs the cost is of, where that is not known of all; else empty."""
        total = self.wall.total
        still_open = sum(
            card.state == "waiting" and charge.charged == "unknown" and charge.job_id == card.job_id
            for card, charge in self.wall.charges
        )
        counts = {
            "charged": total.jobs - total.unsure,
            "still open": still_open,
            "perhaps charged": total.unsure - still_open,
        }
        return ", ".join(f"{n} {word}" for word, n in counts.items() if n) if total.unsure else ""

    @property
    def models(self) -> list[str]:
        """What can be chosen."""
        return sorted({c.model for c in self.everything.cards if c.model})

    @property
    def dags(self) -> list[str]:
        """What can be chosen."""
        return sorted({c.maker.dag_id for c in self.everything.cards} | {self.asked.dag} - {""})

    def totals(self) -> list[tuple[str, list[tuple[str, Any]]]]:
        """What it cost, by whatever tells more than the total alone."""
        tables = [
            ("by model", self.wall.totals(lambda c: c.model)),
            ("by day", self.wall.totals(lambda c: c.day)),
        ]
        if self.place.kind == "dag":
            tables.append(("by run", self.wall.totals(lambda c: c.maker.run_id)))
        if self.place.kind == "browse":
            tables.append(("by DAG", self.wall.totals(lambda c: c.maker.dag_id)))
        return [(title, rows[:20]) for title, rows in tables if len(rows) > 1]


def render(template: str, request: Request, **values: Any) -> bytes:
    """A page."""
    base = str(request.scope.get("root_path") or "")

    def at(place: Place, **query: Any) -> str:
        every = {**place.query, **{k: v for k, v in query.items() if v not in (None, "")}}
        return f"{base}{place.path}" + (f"?{urlencode(every)}" if every else "")

    def of(maker: Maker, route: str, **query: str) -> str:
        return base.removesuffix(GALLERY) + maker.address(route, **query)

    found = _environment().get_template(template)
    page = found.render(base=base, at=at, of=of, now=time.time(), refresh=REFRESH, **values)
    return page.encode("utf-8", "replace")  # JSON may hold half a character


@functools.cache
def _environment() -> Environment:
    env = Environment(
        loader=PackageLoader("airflow_provider_orux.plugins"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "span": span_text,
        "moment": _moment,
        "size": _size,
        "gateway": title_of,
        "cost": cost_text,
        "sum_cost": sum_text,
        "each": _each,
        "task_page": lambda maker: Place("task", *maker),
        "run_page": lambda maker: Place("run", maker.dag_id, maker.run_id),
    }
    env.globals |= {"STATES": STATES, "CHARGED": _CHARGED, "Place": Place, "replace": replace}
    return env


def cost_text(charge: Charge) -> str:
    """What a job cost, for people: an unknown price is said to be unknown."""
    if charge.charged == "no":
        return "not charged"
    if charge.price is None:
        return "price unknown" if charge.charged == "yes" else "not known whether charged"
    price = amount_text(charge.price, charge.currency)
    return price if charge.charged == "yes" else f"{price} (if charged)"


def sum_text(total: Total) -> str:
    """What jobs cost together, for people."""
    if total.unpriced and not total.amounts:
        return "price unknown" if total.jobs == 1 else "prices unknown"
    return total.text


def _each(card: Card) -> str:
    """The price of each artifact, where there are several."""
    if card.charge.price is None or card.charge.charged == "no" or card.artifacts < 2:
        return ""
    return f"{amount_text(card.charge.price / card.artifacts, card.charge.currency)} each"


def span_text(seconds: float) -> str:
    """``45 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _moment(value: datetime | float) -> str:
    moment = datetime.fromtimestamp(value, timezone.utc) if isinstance(value, (int, float)) else value
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{max(count / 1024, 0.1):.1f} KiB"
