"""Runs scenarios against one Airflow: side by side where they do not disturb each other, the others after them."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.crash.airflow_processes import AirflowProcesses, until
from tests.crash.scenario import PAYS_ANEW, Found, ScenarioRun
from tests.crash.scenarios import Scenario

#: How the note of what a person had to do begins.
ASKED = ("`ledger", PAYS_ANEW)


@dataclass
class Row:
    """A scenario and what was seen."""

    scenario: Scenario
    found: Found
    seconds: float

    @property
    def asked(self) -> bool:
        """Whether a person had to say what became of the submission."""
        return any(note.startswith(ASKED) for note in self.found.notes)

    @property
    def passed(self) -> bool:
        return not self.found.problems


def run_scenario(airflow: AirflowProcesses, scenario: Scenario) -> Row:
    """One scenario; whatever goes wrong is a problem in its row."""
    began = time.monotonic()
    case: ScenarioRun | None = None
    try:
        case = ScenarioRun(
            airflow,
            scenario.name,
            dag_id=scenario.dag_id,
            settings=scenario.settings,
            own_process=scenario.own_process,
            kind=scenario.gateway,
            extra=scenario.extra,
            conf=scenario.conf,
        )
        scenario.act(case)
        found = case.look()
        _compare(scenario, found)
    except Exception as e:
        found = case.found if case is not None else Found()
        if case is not None:
            try:
                case.look()
            except Exception as again:
                found.problems.append(f"{type(again).__name__}: {again}")
        found.problems.append(f"{type(e).__name__}: {e}\n{traceback.format_exc(limit=-2)}")
    finally:
        if case is not None:
            case.close()
    return Row(scenario, found, time.monotonic() - began)


def _compare(scenario: Scenario, found: Found) -> None:
    for what in ("charges", "posts", "state", "saved"):
        wanted, seen = getattr(scenario, what), getattr(found, what)
        if wanted not in (None, seen):
            found.problems.append(f"{what}: {seen}, wanted {wanted}")
    if scenario.executions not in (None, found.executions):
        found.problems.append(f"executions: {found.executions}, wanted {scenario.executions}")
    asked = any(note.startswith(ASKED) for note in found.notes)
    if scenario.decidable and asked:
        found.problems.append("a person was asked, and Airflow could have gone on alone")
    if scenario.decidable is False and not asked:
        found.problems.append("nobody was asked, and nobody can know")


def run_scenarios(
    airflow: AirflowProcesses,
    scenarios: Iterable[Scenario],
    *,
    at_once: int,
    say: Callable[[str], object] = lambda text: None,
) -> list[Row]:
    """All scenarios, in their own order."""
    scenarios = list(scenarios)
    rows: dict[str, Row] = {}

    def one(scenario: Scenario) -> None:
        row = rows[scenario.name] = run_scenario(airflow, scenario)
        say(f"{'ok ' if row.passed else 'BAD'} {scenario.name} ({row.seconds:.0f} s)")
        for problem in row.found.problems:
            say(f"    {problem}")

    # SQLite's locks end a part of Airflow now and then; that is no finding about the provider.
    with airflow.reviving("scheduler", "triggerer", "dag-processor"):
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(one, [c for c in scenarios if not c.alone]))
        for scenario in scenarios:
            if scenario.alone:
                airflow.check()
                until(lambda: airflow.healthy("metadatabase", "scheduler", "triggerer"), "a healthy Airflow")
                one(scenario)
    if airflow.revivals:
        say(f"Parts of Airflow that ended by themselves and were started again: {airflow.revivals}")
    return [rows[c.name] for c in scenarios]
