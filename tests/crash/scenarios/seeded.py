"""Scenarios that a seed makes up: faults of the wire, deaths at named places, and parts of Airflow that die meanwhile.

Nobody can say beforehand whether a person has to be asked. However it goes, the job is charged once, and in the end its
artifact is there: what a person does on the way is what the error says, and a clear, which is free.
"""

from __future__ import annotations

import contextlib
import random
import re
import signal
import threading
from collections.abc import Iterator
from typing import Any

from tests.chaos.gateway_profiles import FILES, GATEWAY_PROFILES, Fault, GatewayProfile
from tests.chaos.schedule import BLIND, ENDING, SUBMITTING
from tests.crash.airflow_processes import AirflowProcesses, until
from tests.crash.scenario import QUICK, ScenarioRun
from tests.crash.scenarios.registry import Scenario

PART = "Seeds"
#: The ways to pay, and the DAGs that go each of them.
WAYS = {
    "orux.tasks": ("crash_deferrable", "crash_deferrable", "crash_worker"),
    "yescale.mj": ("crash_deferrable", "crash_worker"),
    "yescale.media": ("crash_image",),
    "relay.2": ("crash_image",),
}
#: Deaths here do not come to every run.
RARE = ("after_artifact_2",)
#: How often a person clears a task that failed before the test says that it never heals.
PATIENT = 6
#: What ends by itself now and then, with the workers that it has, and the seconds between two such deaths.
MORTAL = ("triggerer", "scheduler", "triggerer")
BETWEEN = (20.0, 45.0)


def seeded(seed: int) -> Scenario:
    """The scenario of a seed; the same on every machine."""
    dice = random.Random(seed)
    way = GATEWAY_PROFILES[dice.choice([*WAYS])]
    places = [p for p in (*SUBMITTING, *ENDING) if p not in RARE]
    deaths = [
        (dice.choice(BLIND if dice.random() < 0.3 else places), dice.choice(("kill", "kill_worker")))
        for _ in range(dice.choice((0, 1, 1, 2)))
    ]
    faults = [*_faults(way, dice)]

    def act(case: ScenarioRun) -> None:
        for endpoint, then in faults:
            case.gateway.fault(endpoint, **then)
        case.start(*deaths)
        case.plan = []  # a run that went another way is none the worse
        until_it_is_green(case)

    struck = [f"{endpoint} {then}" for endpoint, then in faults] + [f"{how} {point}" for point, how in deaths]
    return Scenario(
        name=f"seed_{seed}",
        part=PART,
        what=f"{way.name}: {'; '.join(struck) or 'nothing'}",
        act=act,
        posts=None,
        decidable=None,
        dag_id=dice.choice(WAYS[way.name]),
        gateway=way.gateway,
        conf={} if way.model is None else {"model": way.model},
        settings=QUICK,
    )


def _faults(way: GatewayProfile, dice: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """What strikes: a paid request, questions about its job, its file."""
    for endpoint, kinds, share in (
        (way.submits, way.strikes_submissions, 0.5),
        (way.polls, way.strikes_polls, 0.6),
        ("files", FILES, 0.4),
    ):
        quick = [then for then in kinds if "drip" not in then]  # a drip is as long as the client's patience
        if dice.random() < share:
            yield endpoint, _ordered(dice.choice(quick), dice)


def _ordered(then: Fault, dice: random.Random) -> dict[str, Any]:
    return {"times": dice.choice((1, 1, 2)), "skip": dice.choice((0, 0, 1)), **then}


def until_it_is_green(case: ScenarioRun) -> None:
    """Do what the error of a failed task says, and clear it, until it has succeeded."""
    for _ in range(PATIENT):
        case.wait_run()
        if case.task().get("state") == "success":
            return
        last = _last_log(case)
        if "AmbiguousSubmitError" in last:
            case.settle(discard=not case.gateway.charges())
        else:
            error = re.findall(r"\b(\w+(?:Error|Exception))\b", last)
            case.found.notes.append(f"{error[-1] if error else 'failed without an error'}, clear")
        case.clear()
    case.wait_run()


def _last_log(case: ScenarioRun) -> str:
    """What the last execution of the task wrote."""
    whole = case.airflow.home / "airflow" / "logs" / f"dag_id={case.dag_id}" / f"run_id={case.run_id}"
    logs = whole.glob(f"task_id={case.task_id}/attempt=*.log")
    # (Beside `attempt=2.log` lies `attempt=2.log.trigger.7.log`, the triggerer's.)
    last = max(logs, key=lambda path: int(re.findall(r"=(\d+)", path.name)[0]), default=None)
    return last.read_text(errors="replace") if last else ""


@contextlib.contextmanager
def weather(airflow: AirflowProcesses, seed: int) -> Iterator[list[str]]:
    """Kill parts of Airflow, with all their children, and start them again, until the block ends; what was killed."""
    dice = random.Random(seed)
    over = threading.Event()
    killed: list[str] = []

    def blow() -> None:
        while not over.wait(dice.uniform(*BETWEEN)):
            part = dice.choice(MORTAL)
            airflow.signal(part, signal.SIGKILL)
            killed.append(part)
            airflow.launch(part)
            with contextlib.suppress(TimeoutError):
                until(lambda part=part: over.is_set() or airflow.healthy(part), f"a healthy {part}")  # type: ignore[misc]

    thread = threading.Thread(target=blow, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join(60)
