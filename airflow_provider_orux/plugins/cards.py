"""What is shown of jobs: one card for each, in chains, with totals. Knows no table and no HTML."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from airflow_provider_orux.lifecycle.charges import ERROR_KEY, JOB_KEY, PROGRESS_KEY, Charge, Total, once_each
from airflow_provider_orux.models.errors import Charged
from airflow_provider_orux.plugins.tables import Row
from airflow_provider_orux.storage.served import Maker

#: Cards of one page; a chain is not torn apart unless it is longer.
PAGE = 24
#: How many ended jobs of a kind it takes to say how long such jobs usually take.
ENOUGH = 3
#: What a card may be, with the word for it.
STATES = {"waiting": "in flight", "done": "done", "failed": "failed", "ended": "ended without a result"}

_WORKING = frozenset(
    {"scheduled", "queued", "running", "restarting", "deferred", "up_for_retry", "up_for_reschedule", "none"}
)
_LONGEST = 500
#: Superseded jobs of one task that are counted: as many as a record of the ledger holds.
_MOST_EARLIER = 10_000


@dataclass(frozen=True)
class Card:
    """One job of one task instance.

    :param state: one of ``STATES``.
    :param at: epoch seconds when it was accepted; None: not known.
    :param ended_at: epoch seconds when its result was there.
    :param charge: what it cost.
    :param earlier: what jobs cost that it superseded.
    :param error: the class of the task's error.
    :param line: the first line of that error.
    :param progress: percent of a job in flight that are done; None: its gateway does not say.
    :param task_state: the task instance's state in Airflow.
    """

    maker: Maker
    state: str
    charge: Charge
    changed: datetime
    conn_id: str | None = None
    verb: str | None = None
    parent_job_id: str | None = None
    index: int | None = None
    at: float | None = None
    ended_at: float | None = None
    artifacts: int = 0
    reused: bool = False
    earlier: tuple[Charge, ...] = ()
    error: str | None = None
    line: str = ""
    error_charged: Charged = "unknown"
    progress: int | None = None
    task_state: str | None = None
    label: str | None = None
    run_after: datetime | None = None

    @property
    def job_id(self) -> str | None:
        """The job at the gateway."""
        return self.charge.job_id

    @property
    def model(self) -> str | None:
        """The model that makes it."""
        return self.charge.model

    @property
    def kind(self) -> tuple[str | None, str | None]:
        """Jobs of one kind take about as long."""
        return self.model, self.verb

    @property
    def day(self) -> str:
        """The day of its last change, in UTC."""
        return self.changed.astimezone(timezone.utc).strftime("%Y-%m-%d")


@dataclass(frozen=True)
class Wall:
    """All cards of one page's scope, before it is cut into pages.

    :param cards: chains together, the newest chain first; what follows from a job comes after it.
    :param typical: how many seconds jobs of a kind usually take.
    """

    cards: tuple[Card, ...]
    charges: tuple[tuple[Card, Charge], ...]
    typical: Mapping[tuple[str | None, str | None], float] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Wall:
        """From the XComs of task instances, newest first."""
        found = [card for group in _by_maker(rows).values() if (card := _card(group)) is not None]
        cards = _merged(found)
        return cls(tuple(_in_chains(cards)), tuple(_charges(found)), _typical(cards))

    def only(self, wanted: Callable[[Card], bool]) -> Wall:
        """Those cards alone, with their cost."""
        return replace(
            self,
            cards=tuple(c for c in self.cards if wanted(c)),
            charges=tuple((c, charge) for c, charge in self.charges if wanted(c)),
        )

    def pages(self) -> list[Sequence[Card]]:
        """The cards in pages; a chain stays together as long as a page holds it."""
        pages: list[list[Card]] = []
        for chain in chains(self.cards):
            for start in range(0, len(chain), PAGE):
                part = chain[start : start + PAGE]
                if not pages or len(pages[-1]) + len(part) > PAGE:
                    pages.append([])
                pages[-1].extend(part)
        return list(pages)

    @property
    def total(self) -> Total:
        """What all of it cost."""
        return Total.of(charge for _, charge in self.charges)

    def totals(self, by: Callable[[Card], str | None]) -> list[tuple[str, Total]]:
        """What it cost by something, most jobs first."""
        groups: dict[str, Total] = defaultdict(Total)
        for card, charge in self.charges:
            groups[by(card) or "not known"].add(charge)
        return sorted(groups.items(), key=lambda item: (-item[1].jobs, item[0]))


def chains(cards: Sequence[Card]) -> list[list[Card]]:
    """Neighbours that belong together: a job, and those that follow from it."""
    found: list[list[Card]] = []
    seen: set[tuple[str, str]] = set()
    for card in cards:
        if not (found and card.parent_job_id and (card.maker.run_id, card.parent_job_id) in seen):
            found.append([])
            seen = set()
        found[-1].append(card)
        if card.job_id:
            seen.add((card.maker.run_id, card.job_id))
    return found


def _by_maker(rows: Iterable[Row]) -> dict[Maker, list[Row]]:
    groups: dict[Maker, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.maker].append(row)
    return groups


def _card(rows: Sequence[Row]) -> Card | None:
    """The card of one task instance."""
    error = next((r for r in rows if r.key == ERROR_KEY), None)
    job = next((r for r in rows if r.key == JOB_KEY), None)
    if job is None and error is None:
        return None
    newest = max((r for r in (job, error) if r is not None), key=lambda r: r.changed)
    done = next((r.value for r in rows if r.key == PROGRESS_KEY), {})
    value: Mapping[str, Any] = job.value if job is not None else {}
    told: Mapping[str, Any] = error.value if error is not None else {}
    gateway, model = _text(value.get("gateway")) or "", _text(value.get("model"))
    charge = Charge.read(value, gateway=gateway, model=model)
    if job is None:
        charge = Charge.read({**told, "price": None}, gateway=gateway, model=None)
    elif error is not None and charge.charged == "unknown" and told.get("job_id") == charge.job_id:
        charge = replace(charge, charged=Charge.read(told, gateway="", model=None).charged)
    listed = value.get("earlier") or told.get("earlier") or []
    ended = _number(value.get("ended_at"))
    return Card(
        maker=newest.maker,
        state=_state(newest.state, ended=ended is not None, error=error),
        charge=charge,
        changed=newest.changed,
        conn_id=_text(value.get("conn_id")),
        verb=_text(value.get("verb")),
        parent_job_id=_text(value.get("parent_job_id")),
        index=_index(value.get("index")),
        at=_number(value.get("at")),
        ended_at=ended,
        artifacts=_index(value.get("artifacts")) or 0,
        reused=value.get("reused") is True,
        earlier=tuple(
            Charge.read(e, gateway=gateway, model=model)
            for e in (listed[:_MOST_EARLIER] if isinstance(listed, list) else ())
            if isinstance(e, Mapping)
        ),
        error=_text(told.get("error")),
        line=_text(told.get("line")) or "",
        error_charged=Charge.read(told, gateway="", model=None).charged,
        progress=_percent(done.get("percent")) if done.get("job_id") == charge.job_id else None,
        task_state=newest.state,
        label=newest.label,
        run_after=newest.run_after,
    )


def _state(task_state: str | None, *, ended: bool, error: Row | None) -> str:
    # A task that still runs is about to tell its result: a page that called it done would not load itself again.
    if ended and error is None and task_state != "running":
        return "done"
    if (task_state or "none") in _WORKING:
        return "waiting"
    if error is not None or task_state == "failed":
        return "failed"
    return "ended"


def _merged(cards: Iterable[Card]) -> list[Card]:
    """One card for a job that several tasks of a run know: the last one's, with what the others know of it."""
    known: dict[tuple[str, str, str, str], Card] = {}
    rest = []
    for card in sorted(cards, key=lambda c: c.changed, reverse=True):
        if card.job_id is None:
            rest.append(card)
            continue
        key = (card.maker.dag_id, card.maker.run_id, card.charge.gateway, card.job_id)
        if (last := known.get(key)) is None:
            known[key] = card
            continue
        known[key] = replace(
            last,
            charge=last.charge.with_more(card.charge),
            verb=last.verb or card.verb,
            parent_job_id=last.parent_job_id or card.parent_job_id,
            index=last.index if last.index is not None else card.index,
            at=card.at if last.at is None else last.at,
            progress=card.progress if last.progress is None else last.progress,
            earlier=(*last.earlier, *card.earlier),
        )
    return [*known.values(), *rest]


def _in_chains(cards: Sequence[Card]) -> list[Card]:
    by_job = {(c.maker.run_id, c.job_id): c for c in cards if c.job_id}
    children: dict[int, list[Card]] = defaultdict(list)
    roots = []
    for card in cards:
        parent = by_job.get((card.maker.run_id, card.parent_job_id)) if card.parent_job_id else None
        if parent is None or parent is card:
            roots.append(card)
        else:
            children[id(parent)].append(card)
    ordered: list[Card] = []
    placed: set[int] = set()

    def place(card: Card) -> None:
        # Not recursion: what others wrote may be a chain of any length, or a circle.
        open_ = [card]
        while open_:
            one = open_.pop()
            if id(one) in placed:
                continue
            placed.add(id(one))
            ordered.append(one)
            open_.extend(sorted(children[id(one)], key=lambda c: c.at or 0.0, reverse=True))

    newest: dict[int, datetime] = {}
    for root in roots:
        newest[id(root)] = max([root.changed, *(c.changed for c in children[id(root)])])
    for root in sorted(roots, key=lambda c: newest[id(c)], reverse=True):
        place(root)
    for card in cards:
        place(card)
    return ordered


def _charges(cards: Sequence[Card]) -> Iterable[tuple[Card, Charge]]:
    """What each job cost, once, with the card that tells of it."""
    teller: dict[tuple[str, str | None], Card] = {}
    found: list[Charge] = []
    nameless: list[tuple[Card, Charge]] = []
    for card in cards:
        own = () if card.reused or (card.job_id is None and card.charge.charged == "no") else (card.charge,)
        if card.job_id is None and card.error is not None and card.charge.charged == "unknown":
            own = (card.charge,) if card.error == "AmbiguousSubmitError" else ()
        for charge in (*own, *card.earlier):
            if charge.job_id is None:
                nameless.append((card, charge))
            else:
                teller.setdefault((charge.gateway, charge.job_id), card)
                found.append(charge)
    return [*((teller[c.gateway, c.job_id], c) for c in once_each(found)), *nameless]


def _typical(cards: Iterable[Card]) -> dict[tuple[str | None, str | None], float]:
    times: dict[tuple[str | None, str | None], list[float]] = defaultdict(list)
    for card in cards:
        if card.state == "done" and card.at is not None and card.ended_at is not None and not card.reused:
            times[card.kind].append(max(card.ended_at - card.at, 0.0))
    return {kind: statistics.median(found) for kind, found in times.items() if len(found) >= ENOUGH}


def _text(value: Any) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1e11:
        return None
    return float(value)


def _percent(value: Any) -> int | None:
    number = _index(value)
    return number if number is not None and number <= 100 else None


def _index(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**6 else None
