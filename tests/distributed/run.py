"""The one scene: six chains, two workers, one of them killed."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.crash.scenario import QUICK, ScenarioRun
from tests.distributed.airflow_processes import DistributedAirflow

#: Where the imagine task of each run is when the worker dies. None of them is ambiguous: all must heal.
HELD_AT = (
    "before_intent",
    "after_submitted",
    "before_defer",
    "at_resume",
    "after_artifact_2",
    "before_finished",
)
TASKS = ("imagine", "hero", "variation", "reroll")
GRID = {**QUICK, "grid": "four", "max_concurrency": 0}
IMAGES = 4 + 1 + 4 + 4


@dataclass
class Line:
    """What came of one run."""

    held_at: str
    killed: bool
    charges: int
    posts: int
    saved: int
    executions: int
    states: dict[str, str]
    problems: list[str]


def run_scene(airflow: DistributedAirflow, say: Callable[[str], object] = print) -> list[Line]:
    """Start the runs, kill, wait, look."""
    stages = [
        ScenarioRun(
            airflow,
            f"run_{point.split('.')[0]}",
            dag_id="distributed_chain",
            settings=GRID,
            task_id="imagine",
        )
        for point in HELD_AT
    ]
    try:
        for case, point in zip(stages, HELD_AT, strict=True):
            case.start((point, "hold"), task="imagine")
        where: dict[str, str] = {}
        for case, point in zip(stages, HELD_AT, strict=True):
            note = case.wait_point(point)
            where[case.name] = airflow.worker_of(note["pid"]) or "?"
        say(f"held: {where}")
        counts = Counter(where.values())
        if set(counts) != set(airflow.workers):
            raise RuntimeError(f"not both workers took tasks: {where}")
        victim = counts.most_common(1)[0][0]
        airflow.signal(victim, signal.SIGKILL)
        say(f"killed {victim} with {counts[victim]} of {len(stages)} runs")
        for case in stages:
            case.release()
        return [
            _line(case, point, where[case.name] == victim)
            for case, point in zip(stages, HELD_AT, strict=True)
        ]
    finally:
        for case in stages:
            case.close()


def _line(case: ScenarioRun, point: str, killed: bool) -> Line:
    case.wait_run()
    found = case.look()
    states = {task: str(case.task(task).get("state")) for task in TASKS}
    problems = found.problems
    if set(states.values()) != {"success"}:
        problems.append(f"states: {states}")
    if (found.charges, found.posts, found.saved) != (len(TASKS), len(TASKS), IMAGES):
        problems.append(f"{found.charges} charges, {found.posts} paid requests, {found.saved} images")
    executions = sum(n["point"] == "at_execute" for n in case.trace())
    if killed and executions <= len(TASKS) and point != "at_resume":
        problems.append("its task was killed, and nothing was executed again")
    return Line(point, killed, found.charges, found.posts, found.saved, executions, states, problems)


def markdown(lines: list[Line]) -> str:
    """The section of the page."""
    rows = [
        f"{len(lines)} runs of four paid tasks each: {sum(line.charges for line in lines)} charges, "
        f"{sum(line.saved for line in lines)} images saved and whole, "
        f"{sum(bool(line.problems) for line in lines)} not as expected.",
        "",
        "| Where imagine was when a worker died | On the killed worker | Charges | Paid requests | Executions | Images | As expected |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    rows += [
        f"| {line.held_at} | {'yes' if line.killed else 'no'} | {line.charges} | {line.posts} | {line.executions} | "
        f"{line.saved} | {'**no**' if line.problems else 'yes'} |"
        for line in lines
    ]
    return "\n".join(rows)
