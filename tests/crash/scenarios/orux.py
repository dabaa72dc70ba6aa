"""The scenarios on Orux AI, and those of Airflow's own parts."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

from tests.crash.scenario import (
    QUICK,
    SLOW,
    ScenarioRun,
    gone,
    kill_task,
    kill_worker,
    stop_worker,
    thaw,
)
from tests.crash.scenarios.registry import GRID, ask_a_person, dies_at, dies_at_resume, scenario

# ---------------------------------------------------------------------------------------------------------------
PART = "A worker dies while it submits"


@scenario(PART, "before the intent is written; worker and supervisor killed")
def before_intent(case: ScenarioRun) -> None:
    dies_at("before_intent")(case)


@scenario(
    PART,
    "intent written, POST not yet sent; worker killed (nobody can know that it was not sent)",
    decidable=False,
)
def after_intent(case: ScenarioRun) -> None:
    case.start(("before_post", "kill"))
    ask_a_person(case, charged=False)


@scenario(
    PART,
    "POST accepted, its answer still on the way; worker and supervisor killed",
    decidable=False,
    short=True,
)
def post_accepted(case: ScenarioRun) -> None:
    case.gateway.fault("pay", delay=600, when="after")
    case.start()
    note = case.wait_point("before_post")
    case.wait_charge()
    kill_worker(note)
    case.gateway.clear_faults()
    ask_a_person(case)


@scenario(PART, "answer arrived, not yet read; worker killed", decidable=False)
def answer_arrived(case: ScenarioRun) -> None:
    case.start(("answer_arrived", "kill"))
    ask_a_person(case)


@scenario(PART, "answer read, job id not yet written; worker and supervisor killed", decidable=False)
def before_id(case: ScenarioRun) -> None:
    case.start(("before_submitted", "kill_worker"))
    ask_a_person(case)


@scenario(PART, "job id written, before defer; worker killed", short=True)
def before_defer(case: ScenarioRun) -> None:
    dies_at("before_defer", "kill")(case)


@scenario(PART, "job id written, before defer; worker and supervisor killed")
def before_defer_worker(case: ScenarioRun) -> None:
    dies_at("after_submitted", "kill_worker")(case)


@scenario(
    PART,
    "deferrable=False: while it waits in the worker; worker killed",
    dag_id="crash_worker",
    settings=SLOW,
)
def waiting_in_worker(case: ScenarioRun) -> None:
    case.start()
    note = case.wait_point("after_submitted")
    case.until(lambda: case.gateway.requests("poll"), "a poll")
    kill_task(note)
    case.wait_point("at_execute", nth=2)
    case.gateway.let_jobs_end()
    case.wait_run()


@scenario(PART, "the connection is cut after the gateway accepted; nobody dies", decidable=False)
def answer_cut(case: ScenarioRun) -> None:
    case.gateway.fault("pay", cut="after")
    case.start()
    ask_a_person(case)


# ---------------------------------------------------------------------------------------------------------------
PART = "A worker hangs, is given up, and comes back"


@scenario(PART, "frozen before the intent; the retry does all; thawed: its write of the intent is refused")
def frozen_before_intent(case: ScenarioRun) -> None:
    case.start(("before_intent", "hold"))
    note = case.wait_point("before_intent")
    stop_worker(note)
    case.wait_run()
    case.release()
    thaw(note["pid"])
    thaw(note["supervisor"])
    case.until(lambda: gone(note["pid"]), "the end of the stale task")
    if any(n["pid"] == note["pid"] and n["point"] in ("after_intent", "before_post") for n in case.trace()):
        case.found.problems.append("a stale worker got past the fence")


@scenario(
    PART,
    "frozen between intent and POST; given up and retried (asks a person); thawed: it sends the POST after all",
    decidable=False,
)
def frozen_before_post(case: ScenarioRun) -> None:
    case.start(("before_post", "hold"))
    note = case.wait_point("before_post")
    stop_worker(note)
    case.wait_state("failed")
    case.release()
    thaw(note["pid"])  # the task alone: its supervisor would stop it
    case.wait_charge()
    thaw(note["supervisor"])
    case.until(lambda: gone(note["pid"]), "the end of the stale task")
    ask_a_person(case)


# ---------------------------------------------------------------------------------------------------------------
PART = "While the job runs and after it"


@scenario(PART, "at the resume; worker and supervisor killed", short=True, settings=SLOW)
def at_resume(case: ScenarioRun) -> None:
    dies_at_resume(case)


@scenario(PART, "while an artifact is fetched; worker killed", settings=SLOW)
def while_fetching(case: ScenarioRun) -> None:
    case.gateway.fault("files", slow=2000)
    case.start()
    case.end_job_once_deferred()
    note = case.wait_point("at_resume")
    case.until(lambda: case.gateway.requests("files"), "a fetch")
    kill_task(note)
    case.wait_run()


@scenario(PART, "before the first of four artifacts is published; worker killed", saved=4, settings=GRID)
def before_artifact(case: ScenarioRun) -> None:
    dies_at("before_artifact_1", "kill")(case)


@scenario(
    PART, "between two artifacts of four; worker and supervisor killed", saved=4, settings=GRID, short=True
)
def between_artifacts(case: ScenarioRun) -> None:
    case.start(("after_artifact_2", "kill_worker"))
    case.wait_run()
    fetched = len([r for r in case.gateway.requests("files") if r.get("status") == 200])
    if fetched != 4:
        case.found.problems.append(f"{fetched} files were fetched, not 4: those that were there are kept")


@scenario(PART, "all artifacts saved, before the manifest; worker killed", saved=4, settings=GRID)
def before_manifest(case: ScenarioRun) -> None:
    dies_at("before_manifest.json", "kill")(case)


@scenario(PART, "after the manifest, before the ledger says finished; worker killed")
def after_manifest(case: ScenarioRun) -> None:
    dies_at("after_manifest.json", "kill")(case)


@scenario(PART, "after the ledger says finished, before Airflow knows; worker and supervisor killed")
def after_finished(case: ScenarioRun) -> None:
    dies_at("after_finished")(case)


@scenario(PART, "two deaths in one run: before defer, and at the artifact", settings=SLOW)
def two_deaths(case: ScenarioRun) -> None:
    case.start(("before_defer", "kill"), ("before_artifact_1", "kill_worker"))
    case.end_job_once_deferred()
    case.wait_run()


# ---------------------------------------------------------------------------------------------------------------
PART = "Airflow's API server does not answer the workers"


def store_of(note: Mapping[str, Any]) -> str:
    return f"/execution/store/ti/{note['ti']}"


@scenario(PART, "503 while the job id is to be written, for 12 refused tries; then it answers")
def store_away_at_id(case: ScenarioRun) -> None:
    case.start(("before_submitted", "hold"))
    note = case.wait_point("before_submitted")
    rule = case.airflow.proxy.answer(503, path=store_of(note), times=12)
    case.release()
    case.wait_run()
    if rule.hits < 12:
        case.found.problems.append(f"only {rule.hits} writes were refused")


@scenario(PART, "404 while the job id is to be written, for 4 refused tries (an ingress); then it answers")
def store_404_at_id(case: ScenarioRun) -> None:
    case.start(("before_submitted", "hold"))
    note = case.wait_point("before_submitted")
    case.airflow.proxy.answer(404, path=store_of(note), times=4)
    case.release()
    case.wait_run()


@scenario(
    PART, "503 for longer than a worker waits (60 s) while the job id is to be written", decidable=False
)
def store_away_for_long(case: ScenarioRun) -> None:
    case.start(("before_submitted", "hold"))
    note = case.wait_point("before_submitted")
    rule = case.airflow.proxy.answer(503, path=store_of(note))
    case.release()
    case.wait_state("failed")
    case.airflow.proxy.withdraw(rule)
    case.says("LedgerError", "is NOT lost")
    job = case.gateway.charges()[0]["job_id"]
    case.says(f"--job-id {job}")
    case.wait_run()
    case.settle()
    case.clear()
    case.wait_run()


@scenario(PART, "503 when the intent is to be written: nothing is sent; a retry does it")
def store_away_at_intent(case: ScenarioRun) -> None:
    case.start(("before_intent", "hold"))
    note = case.wait_point("before_intent")
    case.airflow.proxy.answer(503, path=store_of(note), times=3)
    case.release()
    case.wait_run()


@scenario(
    PART,
    "404 to every read of a retry, whose record is there: 'no record' is not believed; the next try goes on",
)
def record_hidden(case: ScenarioRun) -> None:
    case.start(("at_execute", "pass"), ("before_defer", "kill"), ("at_execute", "hold"))
    held = case.wait_point("at_execute", nth=2)
    if held["ti"] == case.wait_point("at_execute")["ti"]:
        case.found.problems.append("a retry kept the id of the task instance: there is no fence")
    rule = case.airflow.proxy.answer(404, path=store_of(held), method="GET")
    case.release(2)
    case.wait_run()
    case.says("LedgerError")
    if not rule.hits:
        case.found.problems.append("no read was hidden")


@scenario(
    PART,
    "404 to every read of the ledger of a clear after an ambiguous end: nothing is sent",
    decidable=False,
)
def record_hidden_from_clear(case: ScenarioRun) -> None:
    case.gateway.fault("pay", cut="after")
    case.start(("at_execute", "pass"), ("at_execute", "hold"))
    case.wait_state("failed")
    case.wait_run()
    case.clear()
    held = case.wait_point("at_execute", nth=2)
    rule = case.airflow.proxy.answer(404, path=store_of(held), method="GET")
    case.release(1)
    case.wait_point("at_execute", nth=3)
    if not rule.hits:
        case.found.problems.append("no read was hidden")
    ask_a_person(case)


@scenario(
    PART, "503 to the defer itself, to all tries of the call; the supervisor sends it once more at its end"
)
def defer_refused(case: ScenarioRun) -> None:
    case.start(("before_defer", "hold"))
    note = case.wait_point("before_defer")
    tries = int(case.airflow.env["AIRFLOW__WORKERS__EXECUTION_API_RETRIES"])
    rule = case.airflow.proxy.answer(
        503, path=f"/task-instances/{note['ti']}/state", method="PATCH", times=tries
    )
    case.release()
    case.wait_run()
    if rule.hits < tries:
        case.found.problems.append(f"only {rule.hits} calls were refused")


@scenario(PART, "503 to the defer itself, for good: the task is given up, and a retry reattaches to the job")
def defer_refused_for_good(case: ScenarioRun) -> None:
    case.start(("before_defer", "hold"))
    note = case.wait_point("before_defer")
    case.airflow.proxy.answer(503, path=f"/task-instances/{note['ti']}/state", method="PATCH")
    case.release()
    case.wait_point("at_execute", nth=2)
    case.wait_run()


@scenario(
    PART,
    "404 to a heartbeat of a task that waits in the worker ('task instance not found'): Airflow ends it, and tries again",
    dag_id="crash_worker",
    settings=SLOW,
)
def heartbeat_404(case: ScenarioRun) -> None:
    case.start()
    note = case.wait_point("after_submitted")
    case.until(lambda: case.gateway.requests("poll"), "a poll")
    words = b'{"detail": {"reason": "not_found", "message": "Task Instance not found"}}'
    case.airflow.proxy.answer(404, path=f"/task-instances/{note['ti']}/heartbeat", times=1, words=words)
    case.until(lambda: gone(note["pid"]), "the end of the task")
    case.says("continues at the gateway and will be charged")
    case.wait_point("at_execute", nth=2)
    case.gateway.let_jobs_end()
    case.wait_run()


# ---------------------------------------------------------------------------------------------------------------
PART = "A person clears the task"


@scenario(PART, "while it runs, before the POST")
def cleared_before_post(case: ScenarioRun) -> None:
    case.start(("before_intent", "hold"))
    note = case.wait_point("before_intent")
    case.clear()
    case.release()
    case.wait_run()
    case.until(lambda: gone(note["pid"]), "the end of the cleared task")


@scenario(PART, "while it runs, between intent and POST, and the POST is sent after all", decidable=False)
def cleared_after_intent(case: ScenarioRun) -> None:
    case.start(("before_post", "hold"))
    case.wait_point("before_post")
    case.clear()
    case.release()
    case.wait_charge()
    ask_a_person(case)


@scenario(PART, "while it runs, in the POST", decidable=False)
def cleared_in_post(case: ScenarioRun) -> None:
    case.gateway.fault("pay", delay=600, when="after")
    case.start()
    case.wait_point("before_post")
    case.wait_charge()
    case.clear()
    case.gateway.clear_faults()
    ask_a_person(case)


@scenario(PART, "while it runs, after the POST, before defer", short=True)
def cleared_after_post(case: ScenarioRun) -> None:
    case.start(("before_defer", "hold"))
    case.wait_point("before_defer")
    case.clear()
    case.wait_run()


@scenario(PART, "while it waits in the triggerer", settings=SLOW)
def cleared_deferred(case: ScenarioRun) -> None:
    case.start()
    case.wait_state("deferred")
    case.clear()
    case.wait_point("at_execute", nth=2)
    case.gateway.let_jobs_end()
    case.wait_run()


@scenario(
    PART,
    "after three deaths that used up the retries: at the resume, at an artifact, before the manifest",
    settings=SLOW,
)
def cleared_after_deaths(case: ScenarioRun) -> None:
    case.start(("at_resume", "kill"), ("before_artifact_1", "kill"), ("before_manifest.json", "kill"))
    case.end_job_once_deferred()
    case.wait_state("failed")
    case.wait_run()
    case.clear()
    case.wait_run()


@scenario(PART, "after a failed save (the files were no images)", dag_id="crash_impatient", settings=SLOW)
def cleared_after_failed_save(case: ScenarioRun) -> None:
    case.gateway.fault("files", times=0, content="html")
    case.start()
    case.end_job_once_deferred()
    case.wait_state("failed")
    case.wait_run()
    case.says("ArtifactRejectedError")
    case.gateway.clear_faults()
    case.clear()
    case.wait_run()


@scenario(
    PART,
    "after a finished, saved run: a person asks for a new image, and gets one",
    charges=2,
    posts=2,
    saved=2,
)
def cleared_after_success(case: ScenarioRun) -> None:
    case.start()
    case.wait_run()
    case.wait_processes()
    case.clear()
    case.wait_point("at_execute", nth=2)
    case.wait_run()


@scenario(
    PART,
    "after 401s: the key was disabled while the job ran, then set right",
    dag_id="crash_impatient",
    settings=SLOW,
    extra={"auth_grace": 3},
)
def cleared_after_401(case: ScenarioRun) -> None:
    case.start()
    case.wait_state("deferred")
    case.gateway.key(disabled=True)
    case.wait_state("failed")
    case.wait_run()
    case.says("AuthenticationError")
    case.gateway.key(disabled=False)
    case.gateway.let_jobs_end()
    case.clear()
    case.wait_run()


@scenario(
    PART,
    "six runs after 401s: the key was disabled while all their jobs ran, then set right; all are cleared by one call "
    "(clearDagRuns)",
    dag_id="crash_impatient",
    settings={**SLOW, "max_concurrency": 0},
    extra={"auth_grace": 3},
    charges=6,
    posts=6,
    saved=6,
)
def bulk_cleared_after_401(case: ScenarioRun) -> None:
    runs = [case, *case.more_runs(5)]
    for run in runs:
        run.start()
    for run in runs:
        run.wait_state("deferred")
    case.gateway.key(disabled=True)
    for run in runs:
        run.wait_state("failed")
        run.wait_run()
        run.says("AuthenticationError")
        case.found.problems += run.found.problems if run is not case else []
    case.gateway.key(disabled=False)
    case.gateway.let_jobs_end()
    case.clear_all()
    for run in runs:
        run.wait_run()


# ---------------------------------------------------------------------------------------------------------------
PART = "The gateway dies"


@scenario(
    PART, "killed while the job runs, started again", own_process=True, settings={**QUICK, "run_seconds": 8.0}
)
def gateway_killed_running(case: ScenarioRun) -> None:
    case.start()
    case.wait_state("deferred")
    case.until(lambda: case.gateway.requests("poll"), "a poll")
    case.gateway.kill()
    case.gateway.start()
    case.wait_run()


@scenario(
    PART, "killed after it accepted, before it answered; started again", own_process=True, decidable=False
)
def gateway_killed_answering(case: ScenarioRun) -> None:
    case.gateway.fault("pay", delay=600, when="after")
    case.start()
    case.wait_charge()
    case.gateway.kill()
    case.gateway.start()
    case.wait_state("failed")
    case.wait_run()
    case.says("AmbiguousSubmitError", "orux ledger settle", "orux ledger discard")
    case.settle()
    case.clear()
    case.wait_run()


@scenario(
    PART, "away when the POST is to be sent (refused connections); back during the tries", own_process=True
)
def gateway_away(case: ScenarioRun) -> None:
    case.gateway.kill()
    case.start(("before_post", "hold"))
    case.wait_point("before_post")
    case.release()
    case.wait_point("before_post", nth=3)
    case.gateway.start()
    case.wait_run()


# ---------------------------------------------------------------------------------------------------------------
PART = "Other ways to run"


@scenario(PART, "synchronous generation: killed while the image is fetched", dag_id="crash_sync")
def sync_saving(case: ScenarioRun) -> None:
    dies_at("before_artifact_1", "kill")(case)


def lose_synchronous_answer(case: ScenarioRun) -> None:
    case.gateway.fault("pay", delay=600, when="after")
    case.start()
    note = case.wait_point("before_post")
    case.wait_charge()
    kill_task(note)
    case.gateway.clear_faults()
    case.wait_state("failed")
    case.wait_run()
    if len(case.gateway.charges()) != 1:
        case.found.problems.append("charged again before a person was asked")
    case.says("AmbiguousSubmitError")


@scenario(
    PART,
    "synchronous generation: killed in the POST; the gateway shows the image, and a person settles with its URL",
    dag_id="crash_sync",
    decidable=False,
)
def sync_in_post(case: ScenarioRun) -> None:
    lose_synchronous_answer(case)
    case.settle()
    case.clear()
    case.wait_run()


@scenario(
    PART,
    "synchronous generation: killed in the POST; nobody has the URL, so a person discards it and knowingly pays again",
    dag_id="crash_sync",
    decidable=False,
    charges=2,
    posts=2,
    given_up=1,
)
def sync_discarded(case: ScenarioRun) -> None:
    lose_synchronous_answer(case)
    case.settle(discard=True)
    case.clear()
    case.wait_run()


@scenario(
    PART,
    "submit, sensor, save, upscale as tasks: the submitter dies before defer's place, the upscale at its resume",
    dag_id="crash_chain",
    charges=2,
    posts=2,
    saved=2,
)
def chain(case: ScenarioRun) -> None:
    case.start(("after_submitted", "kill"), ("at_resume", "kill_worker"))
    case.wait_run()


@scenario(
    PART,
    "submit, sensor, save, upscale as tasks: the submitter dies after it is finished; it is not submitted again",
    dag_id="crash_chain",
    charges=2,
    posts=2,
    saved=2,
)
def chain_finished(case: ScenarioRun) -> None:
    case.start(("after_finished", "kill"), task="pay")
    case.wait_run()


# ---------------------------------------------------------------------------------------------------------------
PART = "A shared part of Airflow dies"


@scenario(PART, "triggerer killed while the job runs, started again", alone=True, settings=SLOW)
def triggerer_killed(case: ScenarioRun) -> None:
    case.start()
    case.wait_state("deferred")
    case.until(lambda: case.gateway.requests("poll"), "a poll")
    case.airflow.signal("triggerer", signal.SIGKILL)
    case.gateway.let_jobs_end()
    case.airflow.launch("triggerer")
    case.wait_run()


@scenario(PART, "triggerer frozen; a second one takes over; the first is thawed", alone=True, settings=SLOW)
def taken_over(case: ScenarioRun, *, told: str | None = None) -> None:
    """
    :param told: what the first one's trigger says in the task's log once it is thawed, before the job may end.
    """
    airflow = case.airflow
    case.start()
    case.wait_state("deferred")
    case.until(lambda: case.gateway.requests("poll"), "a poll")
    airflow.signal("triggerer", signal.SIGSTOP)
    polls = len(case.gateway.requests("poll"))
    airflow.launch("triggerer", name="second")
    case.until(lambda: len(case.gateway.requests("poll")) > polls + 1, "a poll of the second triggerer")
    airflow.signal("triggerer", signal.SIGCONT)
    if told is not None:
        case.until(lambda: told in case.log(), "the first triggerer to hear of it")
    case.gateway.let_jobs_end()
    case.wait_run()
    airflow.signal("second", signal.SIGKILL)
    if airflow.processes["triggerer"].poll() is not None:
        airflow.launch("triggerer")
    case.until(lambda: airflow.healthy("triggerer"), "a triggerer")


@scenario(
    PART, "cleared while it waits and no triggerer lives; one is started later", alone=True, settings=SLOW
)
def cleared_without_triggerer(case: ScenarioRun) -> None:
    case.start()
    case.wait_state("deferred")
    case.airflow.signal("triggerer", signal.SIGKILL)
    case.clear()
    case.wait_point("at_execute", nth=2)
    case.wait_state("deferred")
    case.gateway.let_jobs_end()
    case.airflow.launch("triggerer")
    case.wait_run()


@scenario(
    PART, "scheduler and all workers killed while the job runs, started again", alone=True, settings=SLOW
)
def scheduler_killed_deferred(case: ScenarioRun) -> None:
    case.start()
    case.wait_state("deferred")
    case.airflow.signal("scheduler", signal.SIGKILL)
    case.gateway.let_jobs_end()
    case.airflow.launch("scheduler")
    case.wait_run()


@scenario(
    PART,
    "triggerer, scheduler and workers killed while the job runs, started again",
    alone=True,
    settings=SLOW,
)
def all_killed_deferred(case: ScenarioRun) -> None:
    case.start()
    case.wait_state("deferred")
    case.airflow.signal("triggerer", signal.SIGKILL)
    case.airflow.signal("scheduler", signal.SIGKILL)
    case.gateway.let_jobs_end()
    case.airflow.launch("scheduler")
    case.airflow.launch("triggerer")
    case.wait_run()


@scenario(
    PART,
    "scheduler alone killed between intent and POST; the new one starts the task again while the old worker still lives "
    "and sends the POST",
    alone=True,
    decidable=False,
)
def scheduler_killed_submitting(case: ScenarioRun) -> None:
    case.start(("before_post", "hold"))
    note = case.wait_point("before_post")
    os.kill(note["supervisor"], signal.SIGSTOP)  # else its next heartbeat would end the old worker
    case.airflow.signal("scheduler", signal.SIGKILL, alone=True)
    case.airflow.launch("scheduler")
    case.wait_state("failed")
    case.release()
    case.wait_charge()
    thaw(note["supervisor"])
    ask_a_person(case)


@scenario(
    PART,
    "API server killed while the job id is to be written, started again at once: the worker waits and writes it",
    alone=True,
    executions=1,
)
def api_server_killed(case: ScenarioRun) -> None:
    airflow = case.airflow
    with airflow.patient_scheduler(180):
        case.start(("before_submitted", "hold"))
        case.wait_point("before_submitted")
        airflow.signal("api-server", signal.SIGKILL)
        case.release()
        airflow.launch("api-server")
        case.until(lambda: airflow.healthy("metadatabase"), "the API server")
        case.wait_run()


@scenario(
    PART,
    "API server killed while the job id is to be written, and away for longer than a worker waits (60 s)",
    alone=True,
    decidable=False,
)
def api_server_away_for_long(case: ScenarioRun) -> None:
    airflow = case.airflow
    with airflow.patient_scheduler(180):
        case.start(("before_submitted", "hold"))
        case.wait_point("before_submitted")
        airflow.signal("api-server", signal.SIGKILL)
        case.release()
        case.until(lambda: "is NOT lost" in case.words(), "the worker to give the ledger up")
        airflow.launch("api-server")
        case.until(lambda: airflow.healthy("metadatabase"), "the API server")
        case.wait_state("failed")
        case.wait_run()
        case.says("LedgerError", f"--job-id {case.gateway.charges()[0]['job_id']}")
        case.settle()
        case.clear()
        case.wait_run()
