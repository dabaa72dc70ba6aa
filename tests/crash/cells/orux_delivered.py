"""The cells of a result that we hold and Airflow does not: a clear must not pay for it again.

When a deferred task is resumed, the worker that ran its first half may still have to report its end. If it does so
late, while the resume is queued or runs, Airflow 3.3.2 takes the report for one about the resume, logs "state mismatch"
and calls the task failed (apache/airflow #71580, #72716). The resume may have saved everything by then.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

from tests.crash.cells.registry import cell
from tests.crash.stage import QUICK, SLOW, Stage, gone, thaw

PART = "Airflow takes a success for a failure"


@contextlib.contextmanager
def late_report_at(point: str, stage: Stage) -> Iterator[dict[str, Any]]:
    """Run the task until Airflow calls it failed while its resume is held at this point; the resume's note.

    The proxy answers the resume's heartbeats meanwhile. Airflow's own answer would end the resume at some moment.
    """
    stage.start(("finalize_deferred", "hold"), (point, "hold"))
    first = stage.wait_point("finalize_deferred")
    os.kill(first["supervisor"], signal.SIGSTOP)
    try:
        stage.release(0)
        stage.gateway.let_jobs_end()
        resume = stage.wait_point(point)
        calm = stage.house.proxy.answer(204, path=f"/task-instances/{resume['ti']}/heartbeat")
    finally:
        thaw(first["supervisor"])
    try:
        stage.wait_mismatch("running")
        yield resume
    finally:
        stage.house.proxy.withdraw(calm)
    stage.until(lambda: gone(resume["pid"]), "the end of the resume", pause=0.1)


def late_report_when_saved(stage: Stage) -> None:
    """The report comes when everything is saved. The resume ends as a success, and Airflow refuses it."""
    with late_report_at("after_finished", stage):
        stage.release(1)
        stage.wait_point("finalize_success")


def clear(stage: Stage) -> str:
    """A person clears the task; the state in which the run ends."""
    executions = sum(n["point"] == "at_execute" for n in stage.trace())
    stage.wait_processes()
    stage.clear()
    stage.wait_point("at_execute", nth=executions + 1)
    return end(stage)


def end(stage: Stage) -> str:
    """Wait for the end of the run, and let a job end that it waits for; the run's state."""
    if stage.wait_state("deferred", "success", "failed") == "deferred":
        stage.end_job_once_deferred()
    return stage.wait_run()


def charged(stage: Stage, *wanted: int) -> None:
    """Note the charges so far; the last one must be as wanted."""
    now = len(stage.gateway.charges())
    so_far = [n for n in stage.found.notes if n.startswith("charges ")]
    line = f"{so_far[0]} → {now}" if so_far else f"charges {now}"
    stage.found.notes = [n for n in stage.found.notes if n not in so_far] + [line]
    if now != wanted[-1]:
        stage.found.problems.append(f"{line}, wanted {' → '.join(map(str, wanted))}")


def free_then_paid(stage: Stage) -> None:
    """The first clear returns the result that is there; the second, of a green task, pays for a new one."""
    charged(stage, 1)
    if (state := clear(stage)) != "success":
        stage.found.problems.append(f"{state} after the first clear")
    charged(stage, 1, 1)
    clear(stage)
    charged(stage, 1, 1, 2)


@cell(
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
def late_report(stage: Stage) -> None:
    """The ledger says "finished", the task says "failed". The clear wants that result, not another one."""
    late_report_when_saved(stage)
    stage.wait_state("failed")
    stage.wait_run()
    free_then_paid(stage)


@cell(
    PART,
    "retries=3: the same; Airflow's own retry returns the result (free), and a person clears the green task (pays)",
    dag_id="crash_three_retries",
    settings=SLOW,
    charges=2,
    posts=2,
    saved=2,
    executions=3,
)
def late_report_retried(stage: Stage) -> None:
    """A retry pays nothing, and Airflow accepts its success: the result is delivered."""
    late_report_when_saved(stage)
    stage.wait_point("at_execute", nth=2)
    if (state := end(stage)) != "success":
        stage.found.problems.append(f"{state} after the retry")
    charged(stage, 1)
    clear(stage)
    charged(stage, 1, 2)


@cell(
    PART,
    "retries=3: the same; a person clears before the retry comes (free), and clears the green task once more (pays)",
    dag_id="crash_late_retry",
    settings=SLOW,
    charges=2,
    posts=2,
    saved=2,
    executions=3,
)
def late_report_before_retry(stage: Stage) -> None:
    """Here Airflow gave the task instance a new id, so the resume cannot write to the ledger any more."""
    late_report_when_saved(stage)
    stage.wait_state("up_for_retry")
    free_then_paid(stage)


@cell(
    PART,
    "retries=3: the report comes while the resume saves; the retry saves the same job beside it, and then the resume "
    "goes on",
    dag_id="crash_three_retries",
    settings=SLOW,
    executions=2,
)
def late_report_while_saving(stage: Stage) -> None:
    """The ledger says "submitted", and two processes save one job. What they leave behind must be whole."""
    with late_report_at("before_artifact_1", stage):
        stage.wait_point("at_execute", nth=2)
        if (state := end(stage)) != "success":
            stage.found.problems.append(f"{state} after the retry")
        stage.release(1)
        stage.wait_point("after_manifest.json", nth=2)
    charged(stage, 1)


@cell(
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
def success_accepted(stage: Stage) -> None:
    """The mark is missing: the record looks as after a false failure. In doubt, pay nothing."""
    stage.start(("finalize_success", "kill_worker"))
    end(stage)
    free_then_paid(stage)


@cell(
    PART,
    "the worker dies when Airflow has accepted the success, right before the ledger says delivered: the same",
    dag_id="crash_no_retries",
    settings=SLOW,
    charges=2,
    posts=2,
    saved=2,
    executions=3,
)
def before_delivered(stage: Stage) -> None:
    """The last moment at which the mark can be missing."""
    stage.start(("before_delivered", "kill_worker"))
    end(stage)
    free_then_paid(stage)


@cell(
    PART,
    "the scheduler sleeps until the job has ended, queues the resume, and only then hears that the first half is done: "
    "the resume never runs; a person clears the task (free: the job is taken up)",
    alone=True,
    dag_id="crash_no_retries",
    settings=SLOW,
    executions=2,
)
def late_scheduler(stage: Stage) -> None:
    """Nothing is saved yet, and the ledger says "submitted"."""
    stage.start(("before_defer", "hold"))
    first = stage.wait_point("before_defer")
    stage.house.freeze_idle_scheduler()
    try:
        stage.release()
        stage.wait_state("deferred")
        stage.until(lambda: gone(first["pid"]), "the end of the first half", pause=0.1)
        stage.gateway.let_jobs_end()
        stage.wait_state("scheduled")
    finally:
        thaw(stage.house.processes["scheduler"].pid)
    stage.wait_mismatch("queued")
    stage.wait_state("failed")
    stage.wait_run()
    if any(n["point"] == "at_resume" for n in stage.trace()):
        stage.found.problems.append("the resume ran")
    charged(stage, 1)
    clear(stage)
    charged(stage, 1, 1)


@cell(
    PART,
    "the common case: a mapped task of 100, all green; a person clears all of it, and each is paid for anew",
    alone=True,
    dag_id="crash_hundred",
    settings={**QUICK, "run_seconds": 1.0, "max_concurrency": 0},
    charges=200,
    posts=200,
    saved=200,
)
def hundred_cleared(stage: Stage) -> None:
    """Caution must cost nobody a new image: 100 of 100.

    Airflow may fail some of them by itself, by a late report; their retries are free.
    """
    with stage.house.reviving("scheduler", "triggerer", "dag-processor"):
        stage.start()
        stage.wait_run(patience=1800)
        charged(stage, 100)
        stage.wait_processes()
        executions = sum(n["point"] == "at_execute" for n in stage.trace())
        stage.clear()
        stage.wait_point("at_execute", nth=executions + 1)
        stage.wait_run(patience=1800)
    charged(stage, 100, 200)
    retries = sum(n["point"] == "at_execute" for n in stage.trace()) - 200
    stage.found.notes.append(f"{retries} retries by Airflow")
