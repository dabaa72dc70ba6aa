"""The short part of the crash cells, with every test run; ``python -m tests.crash`` runs them all."""

from __future__ import annotations

import pytest

from tests.crash.cells import CELLS
from tests.crash.house import House
from tests.crash.report import summary, table
from tests.crash.runner import run_cells


@pytest.mark.standalone
@pytest.mark.timeout(600)
def test_short():
    short = [c for c in CELLS if c.short]
    with House(workers=len(short) + 1) as house:
        rows = run_cells(house, short, at_once=len(short))
    print(table(rows))
    assert {r.cell.name: r.found.problems for r in rows if not r.passed} == {}, summary(rows)


def test_every_cell_has_a_name_and_a_part_of_its_own():
    names = [c.name for c in CELLS]
    assert len(set(names)) == len(names)
    assert 3 <= sum(c.short for c in CELLS) <= 8
    assert {c.gateway for c in CELLS if c.short} == {c.gateway for c in CELLS}
    assert not any(c.short and c.alone for c in CELLS)
