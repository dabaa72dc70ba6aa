"""The scenarios of a result that we hold and Airflow does not: a clear must not pay for it again.

When a deferred task is resumed, the worker that ran its first half may still have to report its end. If it does so
late, while the resume is queued or runs, Airflow takes the report for one about the resume, logs "state mismatch"
and calls the task failed (apache/airflow #71580, #72716). The resume may have saved everything by then.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

from tests.crash.scenario import QUICK, SLOW, ScenarioRun, gone, thaw
from tests.crash.scenarios.registry import scenario

PART = "Airflow takes a success for a failure"


@contextlib.contextmanager
def late_report_at(point: str, case: ScenarioRun) -> Iterator[dict[str, Any]]:
    """Run the task until Airflow calls it failed while its resume is held at this point; the resume's note.

    The proxy answers the resume's heartbeats meanwhile. Airflow's own answer would end the resume at some moment.
    """
    case.start(("finalize_deferred", "hold"), (point, "hold"))
    first = case.wait_point("finalize_deferred")
    os.kill(first["supervisor"], signal.SIGSTOP)
    try:
        case.release(0)
        case.gateway.let_jobs_end()
        resume = case.wait_point(point)
        calm = case.airflow.proxy.answer(204, path=f"/task-instances/{resume['ti']}/heartbeat")
    finally:
        thaw(first["supervisor"])
    try:
        case.wait_mismatch("running")
        yield resume
    finally:
        case.airflow.proxy.withdraw(calm)
    case.until(lambda: gone(resume["pid"]), "the end of the resume", pause=0.1)


def late_report_when_saved(case: ScenarioRun) -> None:
    """The report comes when everything is saved. The resume ends as a success, and Airflow refuses it."""
    with late_report_at("after_finished", case) as resume:
        case.release(1)
        # Its process goes on to the success callbacks on 3.3, and ends at the refusal on older versions.
        case.until(lambda: gone(resume["pid"]), "the end of the resume", pause=0.1)


def clear(case: ScenarioRun) -> str:
    """A person clears the task; the state in which the run ends."""
    executions = sum(n["point"] == "at_execute" for n in case.trace())
    case.wait_processes()
    case.clear()
    case.wait_point("at_execute", nth=executions + 1)
    return end(case)


def end(case: ScenarioRun) -> str:
    """Wait for the end of the run, and let a job end that it waits for; the run's state."""
    if case.wait_state("deferred", "success", "failed") == "deferred":
        case.end_job_once_deferred()
    return case.wait_run()


def charged(case: ScenarioRun, *wanted: int) -> None:
    """Note the charges so far; the last one must be as wanted."""
    now = len(case.gateway.charges())
    so_far = [n for n in case.found.notes if n.startswith("charges ")]
    line = f"{so_far[0]} → {now}" if so_far else f"charges {now}"
    case.found.notes = [n for n in case.found.notes if n not in so_far] + [line]
    if now != wanted[-1]:
        case.found.problems.append(f"{line}, wanted {' → '.join(map(str, wanted))}")


def free_then_paid(case: ScenarioRun) -> None:
    """The first clear returns the result that is there; the second, of a green task, pays for a new one."""
    charged(case, 1)
    if (state := clear(case)) != "success":
        case.found.problems.append(f"{state} after the first clear")
    charged(case, 1, 1)
    clear(case)
    charged(case, 1, 1, 2)


@scenario(
    PART,
    "retries=0: a late report fails the task after its resume saved all; a person clears it (free: the result is there), "
    "and clears the green task once more (pays)",
    dag_id="crash_no_retries",
    settings=SLOW,
    charges=2,
    posts=2,
    saved=2,
    executions=3,
)
def late_report(case: ScenarioRun) -> None:
    """The ledger says "finished", the task says "failed". The clear wants that result, not another one."""
    late_report_when_saved(case)
    case.wait_state("failed")
    case.wait_run()
    free_then_paid(case)


@scenario(
    PART,
    "retries=3: the same; Airflow's own retry returns the result (free), and a person clears the green task (pays)",
    dag_id="crash_three_retries",
    settings=SLOW,
    charges=2,
    posts=2,
    saved=2,
    executions=3,
)
def late_report_retried(case: ScenarioRun) -> None:
    """A retry pays nothing, and Airflow accepts its success: the result is delivered."""
    late_report_when_saved(case)
    case.wait_point("at_execute", nth=2)
    if (state := end(case)) != "success":
        case.found.problems.append(f"{state} after the retry")
    charged(case, 1)
    clear(case)
    charged(case, 1, 2)


@scenario(
    PART,
    "retries=3: the same; a person clears before the retry comes (free), and clears the green task once more (pays)",
    dag_id="crash_late_retry",
    settings=SLOW,
    charges=2,
    posts=2,
    saved=2,
    executions=3,
)
def late_report_before_retry(case: ScenarioRun) -> None:
    """Here Airflow gave the task instance a new id, so the resume cannot write to the ledger any more."""
    late_report_when_saved(case)
    case.wait_state("up_for_retry")
    free_then_paid(case)


@scenario(
    PART,
    "retries=3: the report comes while the resume saves; the retry saves the same job beside it, and then the resume "
    "goes on",
    dag_id="crash_three_retries",
    settings=SLOW,
    executions=2,
)
def late_report_while_saving(case: ScenarioRun) -> None:
    """The ledger says "submitted", and two processes save one job. What they leave behind must be whole."""
    with late_report_at("before_artifact_1", case):
        case.wait_point("at_execute", nth=2)
        if (state := end(case)) != "success":
            case.found.problems.append(f"{state} after the retry")
        case.release(1)
        case.wait_point("after_manifest.json", nth=2)
    charged(case, 1)


@scenario(
    PART,
    "the worker dies when Airflow has accepted the success and nothing was done about it yet: the task is green; a "
    "person clears it (free: nobody knows that the result arrived), and clears it once more (pays)",
    dag_id="crash_no_retries",
    settings=SLOW,
    charges=2,
    posts=2,
    saved=2,
    executions=3,
)
def success_accepted(case: ScenarioRun) -> None:
    """The mark is missing: the record looks as after a false failure. In doubt, pay nothing."""
    case.start(("finalize_success", "kill_worker"))
    end(case)
    free_then_paid(case)


@scenario(
    PART,
    "the worker dies when Airflow has accepted the success, right before the ledger says delivered: the same",
    dag_id="crash_no_retries",
    settings=SLOW,
    charges=2,
    posts=2,
    saved=2,
    executions=3,
)
def before_delivered(case: ScenarioRun) -> None:
    """The last moment at which the mark can be missing."""
    case.start(("before_delivered", "kill_worker"))
    end(case)
    free_then_paid(case)


@scenario(
    PART,
    "the scheduler sleeps until the job has ended, queues the resume, and only then hears that the first half is done: "
    "the resume never runs; a person clears the task (free: it reattaches to the job)",
    alone=True,
    dag_id="crash_no_retries",
    settings=SLOW,
    executions=2,
)
def late_scheduler(case: ScenarioRun) -> None:
    """Nothing is saved yet, and the ledger says "submitted"."""
    case.start(("before_defer", "hold"))
    first = case.wait_point("before_defer")
    case.airflow.freeze_idle_scheduler()
    try:
        case.release()
        case.wait_state("deferred")
        case.until(lambda: gone(first["pid"]), "the end of the first half", pause=0.1)
        case.gateway.let_jobs_end()
        case.wait_state("scheduled")
    finally:
        thaw(case.airflow.processes["scheduler"].pid)
    case.wait_mismatch("queued")
    case.wait_state("failed")
    case.wait_run()
    if any(n["point"] == "at_resume" for n in case.trace()):
        case.found.problems.append("the resume ran")
    charged(case, 1)
    clear(case)
    charged(case, 1, 1)


@scenario(
    PART,
    "the common case: a mapped task of 100, all green; a person clears all of it, and each is paid for anew",
    alone=True,
    dag_id="crash_hundred",
    settings={**QUICK, "run_seconds": 1.0, "max_concurrency": 0},
    charges=200,
    posts=200,
    saved=200,
)
def hundred_cleared(case: ScenarioRun) -> None:
    """Caution must cost nobody a new image: 100 of 100.

    Airflow may fail some of them by itself, by a late report; their retries are free.
    """
    with case.airflow.reviving("scheduler", "triggerer", "dag-processor"):
        case.start()
        case.wait_run(patience=1800)
        charged(case, 100)
        case.wait_processes()
        executions = sum(n["point"] == "at_execute" for n in case.trace())
        case.clear()
        case.wait_point("at_execute", nth=executions + 1)
        case.wait_run(patience=1800)
    charged(case, 100, 200)
    retries = sum(n["point"] == "at_execute" for n in case.trace()) - 200
    case.found.notes.append(f"{retries} retries by Airflow")
