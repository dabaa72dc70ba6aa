"""What a scenario is, the list of all, and the acts that scenarios of several gateways share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.crash.scenario import QUICK, ScenarioRun

Act = Callable[[ScenarioRun], None]
GRID = {**QUICK, "grid": "four"}


@dataclass(frozen=True)
class Scenario:
    """One boundary.

    :param what: what is done, for the table.
    :param charges: that the sandbox must have counted in the end.
    :param posts: paid requests that it must have seen; None: as it comes.
    :param state: of the paid task in the end.
    :param saved: artifacts that must lie there, whole.
    :param given_up: paid results that nobody can have any more; a person was told, and pays anew.
    :param executions: times that Airflow must have started the task; None: as it comes.
    :param decidable: whether Airflow can go on by itself; otherwise a person is asked, and then it must. None: as it
        comes.
    :param alone: it kills what others need: it runs by itself.
    :param gateway: whose wire the sandbox speaks with it.
    :param extra: settings of the connection, beside the sandbox's own.
    :param conf: of the run, beside what every run has.
    """

    name: str
    part: str
    what: str
    act: Act
    charges: int = 1
    posts: int | None = 1
    state: str = "success"
    saved: int = 1
    given_up: int = 0
    executions: int | None = None
    decidable: bool | None = True
    short: bool = False
    alone: bool = False
    dag_id: str = "crash_deferrable"
    settings: Mapping[str, Any] = field(default_factory=lambda: QUICK)
    own_process: bool = False
    gateway: str = "orux"
    extra: Mapping[str, Any] = field(default_factory=dict)
    conf: Mapping[str, Any] = field(default_factory=dict)


SCENARIOS: list[Scenario] = []


def scenario(part: str, what: str, **expected: Any) -> Callable[[Act], Act]:
    """Register a scenario under the name of its act."""

    def register(act: Act) -> Act:
        SCENARIOS.append(Scenario(name=act.__name__, part=part, what=what, act=act, **expected))
        return act

    return register


def dies_at(point: str, how: str = "kill_worker") -> Act:
    def act(case: ScenarioRun) -> None:
        case.start((point, how))
        case.wait_run()

    return act


def dies_at_resume(case: ScenarioRun) -> None:
    """The worker and its supervisor are killed as soon as the task goes on after a (slow) job."""
    case.start(("at_resume", "kill_worker"))
    case.end_job_once_deferred()
    case.wait_run()


def ask_a_person(case: ScenarioRun, *, charged: bool = True, refused: int = 0) -> None:
    """The ambiguous end: a failed task with the right words, then what they say, and a clear.

    :param refused: paid requests that the gateway refused before.
    """
    case.wait_state("failed")
    case.wait_run()
    if (posts := case.gateway.posts()) != charged + refused:
        case.found.problems.append(f"{posts} paid requests before a person was asked")
    case.says("AmbiguousSubmitError", "orux ledger settle", "orux ledger discard")
    if charged:
        case.settle()
    else:
        case.settle(discard=True)
    case.clear()
    case.wait_run()
