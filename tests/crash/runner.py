"""Runs cells against one Airflow: side by side where they do not disturb each other, the others after them."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.crash.cells import Cell
from tests.crash.house import House, until
from tests.crash.stage import PAYS_ANEW, Found, Stage

ASKED = ("`ledger", PAYS_ANEW)
"""How the note of what a person had to do begins."""


@dataclass
class Row:
    """A cell and what was seen."""

    cell: Cell
    found: Found
    seconds: float

    @property
    def asked(self) -> bool:
        """Whether a person had to say what became of the submission."""
        return any(note.startswith(ASKED) for note in self.found.notes)

    @property
    def passed(self) -> bool:
        return not self.found.problems


def run_cell(house: House, cell: Cell) -> Row:
    """One cell; whatever goes wrong is a problem in its row."""
    began = time.monotonic()
    stage: Stage | None = None
    try:
        stage = Stage(
            house,
            cell.name,
            dag_id=cell.dag_id,
            settings=cell.settings,
            own_process=cell.own_process,
            kind=cell.gateway,
            extra=cell.extra,
            conf=cell.conf,
        )
        cell.act(stage)
        found = stage.look()
        _compare(cell, found)
    except Exception as e:
        found = stage.found if stage is not None else Found()
        if stage is not None:
            try:
                stage.look()
            except Exception as again:
                found.problems.append(f"{type(again).__name__}: {again}")
        found.problems.append(f"{type(e).__name__}: {e}\n{traceback.format_exc(limit=-2)}")
    finally:
        if stage is not None:
            stage.close()
    return Row(cell, found, time.monotonic() - began)


def _compare(cell: Cell, found: Found) -> None:
    for what in ("charges", "posts", "state", "saved"):
        wanted, seen = getattr(cell, what), getattr(found, what)
        if wanted != seen:
            found.problems.append(f"{what}: {seen}, wanted {wanted}")
    if cell.executions not in (None, found.executions):
        found.problems.append(f"executions: {found.executions}, wanted {cell.executions}")
    asked = any(note.startswith(ASKED) for note in found.notes)
    if cell.decidable and asked:
        found.problems.append("a person was asked, and Airflow could have gone on alone")
    if not cell.decidable and not asked:
        found.problems.append("nobody was asked, and nobody can know")


def run_cells(
    house: House, cells: Iterable[Cell], *, at_once: int, say: Callable[[str], object] = lambda text: None
) -> list[Row]:
    """All cells, in their own order."""
    cells = list(cells)
    rows: dict[str, Row] = {}

    def one(cell: Cell) -> None:
        row = rows[cell.name] = run_cell(house, cell)
        say(f"{'ok ' if row.passed else 'BAD'} {cell.name} ({row.seconds:.0f} s)")
        for problem in row.found.problems:
            say(f"    {problem}")

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, [c for c in cells if not c.alone]))
    for cell in cells:
        if cell.alone:
            until(lambda: house.healthy("metadatabase", "scheduler", "triggerer"), "a healthy Airflow")
            one(cell)
    return [rows[c.name] for c in cells]
