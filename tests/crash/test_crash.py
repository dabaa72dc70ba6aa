"""The short part of the crash scenarios, with every test run; ``python -m tests.crash`` runs them all."""

from __future__ import annotations

import pytest

from tests.crash.airflow_processes import AirflowProcesses
from tests.crash.report import summary, table
from tests.crash.runner import run_scenarios
from tests.crash.scenarios import SCENARIOS


@pytest.mark.standalone
@pytest.mark.timeout(600)
def test_short():
    short = [c for c in SCENARIOS if c.short]
    with AirflowProcesses(workers=len(short) + 1) as airflow:
        rows = run_scenarios(airflow, short, at_once=len(short))
    print(table(rows))
    assert {r.scenario.name: r.found.problems for r in rows if not r.passed} == {}, summary(rows)


def test_every_cell_has_a_name_and_a_part_of_its_own():
    names = [c.name for c in SCENARIOS]
    assert len(set(names)) == len(names)
    assert 3 <= sum(c.short for c in SCENARIOS) <= 8
    assert {c.gateway for c in SCENARIOS if c.short} == {c.gateway for c in SCENARIOS}
    assert not any(c.short and c.alone for c in SCENARIOS)
