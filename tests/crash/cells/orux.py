"""The cells on Orux AI, and those of Airflow's own parts."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

from tests.crash.cells.registry import GRID, ask_a_person, cell, dies_at, dies_at_resume
from tests.crash.stage import (
    QUICK,
    SLOW,
    Stage,
    gone,
    kill_task,
    kill_worker,
    stop_worker,
    thaw,
)

# ---------------------------------------------------------------------------------------------------------------
PART = "A worker dies while it submits"


@cell(PART, "before the intent is written; worker and supervisor killed")
def before_intent(stage: Stage) -> None:
    dies_at("before_intent")(stage)


@cell(
    PART,
    "intent written, POST not yet sent; worker killed (nobody can know that it was not sent)",
    decidable=False,
)
def after_intent(stage: Stage) -> None:
    stage.start(("before_post", "kill"))
    ask_a_person(stage, charged=False)


@cell(
    PART,
    "POST accepted, its answer still on the way; worker and supervisor killed",
    decidable=False,
    short=True,
)
def post_accepted(stage: Stage) -> None:
    stage.gateway.fault("pay", delay=600, when="after")
    stage.start()
    note = stage.wait_point("before_post")
    stage.wait_charge()
    kill_worker(note)
    stage.gateway.clear_faults()
    ask_a_person(stage)


@cell(PART, "answer arrived, not yet read; worker killed", decidable=False)
def answer_arrived(stage: Stage) -> None:
    stage.start(("answer_arrived", "kill"))
    ask_a_person(stage)


@cell(PART, "answer read, job id not yet written; worker and supervisor killed", decidable=False)
def before_id(stage: Stage) -> None:
    stage.start(("before_submitted", "kill_worker"))
    ask_a_person(stage)


@cell(PART, "job id written, before defer; worker killed", short=True)
def before_defer(stage: Stage) -> None:
    dies_at("before_defer", "kill")(stage)


@cell(PART, "job id written, before defer; worker and supervisor killed")
def before_defer_worker(stage: Stage) -> None:
    dies_at("after_submitted", "kill_worker")(stage)


@cell(
    PART,
    "deferrable=False: while it waits in the worker; worker killed",
    dag_id="crash_worker",
    settings=SLOW,
)
def waiting_in_worker(stage: Stage) -> None:
    stage.start()
    note = stage.wait_point("after_submitted")
    stage.until(lambda: stage.gateway.requests("poll"), "a poll")
    kill_task(note)
    stage.wait_point("at_execute", nth=2)
    stage.gateway.let_jobs_end()
    stage.wait_run()


@cell(PART, "the connection is cut after the gateway accepted; nobody dies", decidable=False)
def answer_cut(stage: Stage) -> None:
    stage.gateway.fault("pay", cut="after")
    stage.start()
    ask_a_person(stage)


# ---------------------------------------------------------------------------------------------------------------
PART = "A worker hangs, is given up, and comes back"


@cell(PART, "frozen before the intent; the retry does all; thawed: its write of the intent is refused")
def frozen_before_intent(stage: Stage) -> None:
    stage.start(("before_intent", "hold"))
    note = stage.wait_point("before_intent")
    stop_worker(note)
    stage.wait_run()
    stage.release()
    thaw(note["pid"])
    thaw(note["supervisor"])
    stage.until(lambda: gone(note["pid"]), "the end of the stale task")
    if any(n["pid"] == note["pid"] and n["point"] in ("after_intent", "before_post") for n in stage.trace()):
        stage.found.problems.append("a stale worker got past the fence")


@cell(
    PART,
    "frozen between intent and POST; given up and retried (asks a person); thawed: it sends the POST after all",
    decidable=False,
)
def frozen_before_post(stage: Stage) -> None:
    stage.start(("before_post", "hold"))
    note = stage.wait_point("before_post")
    stop_worker(note)
    stage.wait_state("failed")
    stage.release()
    thaw(note["pid"])  # the task alone: its supervisor would stop it
    stage.wait_charge()
    thaw(note["supervisor"])
    stage.until(lambda: gone(note["pid"]), "the end of the stale task")
    ask_a_person(stage)


# ---------------------------------------------------------------------------------------------------------------
PART = "While the job runs and after it"


@cell(PART, "at the resume; worker and supervisor killed", short=True, settings=SLOW)
def at_resume(stage: Stage) -> None:
    dies_at_resume(stage)


@cell(PART, "while an artifact is fetched; worker killed", settings=SLOW)
def while_fetching(stage: Stage) -> None:
    stage.gateway.fault("files", slow=2000)
    stage.start()
    stage.end_job_once_deferred()
    note = stage.wait_point("at_resume")
    stage.until(lambda: stage.gateway.requests("files"), "a fetch")
    kill_task(note)
    stage.wait_run()


@cell(PART, "before the first of four artifacts is published; worker killed", saved=4, settings=GRID)
def before_artifact(stage: Stage) -> None:
    dies_at("before_artifact_1", "kill")(stage)


@cell(PART, "between two artifacts of four; worker and supervisor killed", saved=4, settings=GRID, short=True)
def between_artifacts(stage: Stage) -> None:
    stage.start(("after_artifact_2", "kill_worker"))
    stage.wait_run()
    fetched = len([r for r in stage.gateway.requests("files") if r.get("status") == 200])
    if fetched != 4:
        stage.found.problems.append(f"{fetched} files were fetched, not 4: those that were there are kept")


@cell(PART, "all artifacts saved, before the manifest; worker killed", saved=4, settings=GRID)
def before_manifest(stage: Stage) -> None:
    dies_at("before_manifest.json", "kill")(stage)


@cell(PART, "after the manifest, before the ledger says finished; worker killed")
def after_manifest(stage: Stage) -> None:
    dies_at("after_manifest.json", "kill")(stage)


@cell(PART, "after the ledger says finished, before Airflow knows; worker and supervisor killed")
def after_finished(stage: Stage) -> None:
    dies_at("after_finished")(stage)


@cell(PART, "two deaths in one run: before defer, and at the artifact", settings=SLOW)
def two_deaths(stage: Stage) -> None:
    stage.start(("before_defer", "kill"), ("before_artifact_1", "kill_worker"))
    stage.end_job_once_deferred()
    stage.wait_run()


# ---------------------------------------------------------------------------------------------------------------
PART = "Airflow's API server does not answer the workers"


def store_of(note: Mapping[str, Any]) -> str:
    return f"/execution/store/ti/{note['ti']}"


@cell(PART, "503 while the job id is to be written, for 12 refused tries; then it answers")
def store_away_at_id(stage: Stage) -> None:
    stage.start(("before_submitted", "hold"))
    note = stage.wait_point("before_submitted")
    rule = stage.house.proxy.answer(503, path=store_of(note), times=12)
    stage.release()
    stage.wait_run()
    if rule.hits < 12:
        stage.found.problems.append(f"only {rule.hits} writes were refused")


@cell(PART, "404 while the job id is to be written, for 4 refused tries (an ingress); then it answers")
def store_404_at_id(stage: Stage) -> None:
    stage.start(("before_submitted", "hold"))
    note = stage.wait_point("before_submitted")
    stage.house.proxy.answer(404, path=store_of(note), times=4)
    stage.release()
    stage.wait_run()


@cell(PART, "503 for longer than a worker waits (60 s) while the job id is to be written", decidable=False)
def store_away_for_long(stage: Stage) -> None:
    stage.start(("before_submitted", "hold"))
    note = stage.wait_point("before_submitted")
    rule = stage.house.proxy.answer(503, path=store_of(note))
    stage.release()
    stage.wait_state("failed")
    stage.house.proxy.withdraw(rule)
    stage.says("LedgerError", "is NOT lost")
    job = stage.gateway.charges()[0]["job_id"]
    stage.says(f"--job-id {job}")
    stage.wait_run()
    stage.settle()
    stage.clear()
    stage.wait_run()


@cell(PART, "503 when the intent is to be written: nothing is sent; a retry does it")
def store_away_at_intent(stage: Stage) -> None:
    stage.start(("before_intent", "hold"))
    note = stage.wait_point("before_intent")
    stage.house.proxy.answer(503, path=store_of(note), times=3)
    stage.release()
    stage.wait_run()


@cell(
    PART,
    "404 to every read of a retry, whose record is there: 'no record' is not believed; the next try goes on",
)
def record_hidden(stage: Stage) -> None:
    stage.start(("at_execute", "pass"), ("before_defer", "kill"), ("at_execute", "hold"))
    held = stage.wait_point("at_execute", nth=2)
    if held["ti"] == stage.wait_point("at_execute")["ti"]:
        stage.found.problems.append("a retry kept the id of the task instance: there is no fence")
    rule = stage.house.proxy.answer(404, path=store_of(held), method="GET")
    stage.release(2)
    stage.wait_run()
    stage.says("LedgerError")
    if not rule.hits:
        stage.found.problems.append("no read was hidden")


@cell(
    PART,
    "404 to every read of the ledger of a clear after an ambiguous end: nothing is sent",
    decidable=False,
)
def record_hidden_from_clear(stage: Stage) -> None:
    stage.gateway.fault("pay", cut="after")
    stage.start(("at_execute", "pass"), ("at_execute", "hold"))
    stage.wait_state("failed")
    stage.wait_run()
    stage.clear()
    held = stage.wait_point("at_execute", nth=2)
    rule = stage.house.proxy.answer(404, path=store_of(held), method="GET")
    stage.release(1)
    stage.wait_point("at_execute", nth=3)
    if not rule.hits:
        stage.found.problems.append("no read was hidden")
    ask_a_person(stage)


@cell(PART, "503 to the defer itself, to all tries of the call; the supervisor sends it once more at its end")
def defer_refused(stage: Stage) -> None:
    stage.start(("before_defer", "hold"))
    note = stage.wait_point("before_defer")
    tries = int(stage.house.env["AIRFLOW__WORKERS__EXECUTION_API_RETRIES"])
    rule = stage.house.proxy.answer(
        503, path=f"/task-instances/{note['ti']}/state", method="PATCH", times=tries
    )
    stage.release()
    stage.wait_run()
    if rule.hits < tries:
        stage.found.problems.append(f"only {rule.hits} calls were refused")


@cell(PART, "503 to the defer itself, for good: the task is given up, and a retry reattaches to the job")
def defer_refused_for_good(stage: Stage) -> None:
    stage.start(("before_defer", "hold"))
    note = stage.wait_point("before_defer")
    stage.house.proxy.answer(503, path=f"/task-instances/{note['ti']}/state", method="PATCH")
    stage.release()
    stage.wait_point("at_execute", nth=2)
    stage.wait_run()


@cell(
    PART,
    "404 to a heartbeat of a task that waits in the worker ('task instance not found'): Airflow ends it, and tries again",
    dag_id="crash_worker",
    settings=SLOW,
)
def heartbeat_404(stage: Stage) -> None:
    stage.start()
    note = stage.wait_point("after_submitted")
    stage.until(lambda: stage.gateway.requests("poll"), "a poll")
    words = b'{"detail": {"reason": "not_found", "message": "Task Instance not found"}}'
    stage.house.proxy.answer(404, path=f"/task-instances/{note['ti']}/heartbeat", times=1, words=words)
    stage.until(lambda: gone(note["pid"]), "the end of the task")
    stage.says("continues at the gateway and will be charged")
    stage.wait_point("at_execute", nth=2)
    stage.gateway.let_jobs_end()
    stage.wait_run()


# ---------------------------------------------------------------------------------------------------------------
PART = "A person clears the task"


@cell(PART, "while it runs, before the POST")
def cleared_before_post(stage: Stage) -> None:
    stage.start(("before_intent", "hold"))
    note = stage.wait_point("before_intent")
    stage.clear()
    stage.release()
    stage.wait_run()
    stage.until(lambda: gone(note["pid"]), "the end of the cleared task")


@cell(PART, "while it runs, between intent and POST, and the POST is sent after all", decidable=False)
def cleared_after_intent(stage: Stage) -> None:
    stage.start(("before_post", "hold"))
    stage.wait_point("before_post")
    stage.clear()
    stage.release()
    stage.wait_charge()
    ask_a_person(stage)


@cell(PART, "while it runs, in the POST", decidable=False)
def cleared_in_post(stage: Stage) -> None:
    stage.gateway.fault("pay", delay=600, when="after")
    stage.start()
    stage.wait_point("before_post")
    stage.wait_charge()
    stage.clear()
    stage.gateway.clear_faults()
    ask_a_person(stage)


@cell(PART, "while it runs, after the POST, before defer", short=True)
def cleared_after_post(stage: Stage) -> None:
    stage.start(("before_defer", "hold"))
    stage.wait_point("before_defer")
    stage.clear()
    stage.wait_run()


@cell(PART, "while it waits in the triggerer", settings=SLOW)
def cleared_deferred(stage: Stage) -> None:
    stage.start()
    stage.wait_state("deferred")
    stage.clear()
    stage.wait_point("at_execute", nth=2)
    stage.gateway.let_jobs_end()
    stage.wait_run()


@cell(
    PART,
    "after three deaths that used up the retries: at the resume, at an artifact, before the manifest",
    settings=SLOW,
)
def cleared_after_deaths(stage: Stage) -> None:
    stage.start(("at_resume", "kill"), ("before_artifact_1", "kill"), ("before_manifest.json", "kill"))
    stage.end_job_once_deferred()
    stage.wait_state("failed")
    stage.wait_run()
    stage.clear()
    stage.wait_run()


@cell(PART, "after a failed save (the files were no images)", dag_id="crash_impatient", settings=SLOW)
def cleared_after_failed_save(stage: Stage) -> None:
    stage.gateway.fault("files", times=0, content="html")
    stage.start()
    stage.end_job_once_deferred()
    stage.wait_state("failed")
    stage.wait_run()
    stage.says("ArtifactRejectedError")
    stage.gateway.clear_faults()
    stage.clear()
    stage.wait_run()


@cell(
    PART,
    "after a finished, saved run: a person asks for a new image, and gets one",
    charges=2,
    posts=2,
    saved=2,
)
def cleared_after_success(stage: Stage) -> None:
    stage.start()
    stage.wait_run()
    stage.wait_processes()
    stage.clear()
    stage.wait_point("at_execute", nth=2)
    stage.wait_run()


@cell(
    PART,
    "after 401s: the key was disabled while the job ran, then set right",
    dag_id="crash_impatient",
    settings=SLOW,
    extra={"auth_grace": 3},
)
def cleared_after_401(stage: Stage) -> None:
    stage.start()
    stage.wait_state("deferred")
    stage.gateway.key(disabled=True)
    stage.wait_state("failed")
    stage.wait_run()
    stage.says("AuthenticationError")
    stage.gateway.key(disabled=False)
    stage.gateway.let_jobs_end()
    stage.clear()
    stage.wait_run()


@cell(
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
def bulk_cleared_after_401(stage: Stage) -> None:
    runs = [stage, *stage.more_runs(5)]
    for run in runs:
        run.start()
    for run in runs:
        run.wait_state("deferred")
    stage.gateway.key(disabled=True)
    for run in runs:
        run.wait_state("failed")
        run.wait_run()
        run.says("AuthenticationError")
        stage.found.problems += run.found.problems if run is not stage else []
    stage.gateway.key(disabled=False)
    stage.gateway.let_jobs_end()
    stage.clear_all()
    for run in runs:
        run.wait_run()


# ---------------------------------------------------------------------------------------------------------------
PART = "The gateway dies"


@cell(
    PART, "killed while the job runs, started again", own_process=True, settings={**QUICK, "run_seconds": 8.0}
)
def gateway_killed_running(stage: Stage) -> None:
    stage.start()
    stage.wait_state("deferred")
    stage.until(lambda: stage.gateway.requests("poll"), "a poll")
    stage.gateway.kill()
    stage.gateway.start()
    stage.wait_run()


@cell(PART, "killed after it accepted, before it answered; started again", own_process=True, decidable=False)
def gateway_killed_answering(stage: Stage) -> None:
    stage.gateway.fault("pay", delay=600, when="after")
    stage.start()
    stage.wait_charge()
    stage.gateway.kill()
    stage.gateway.start()
    stage.wait_state("failed")
    stage.wait_run()
    stage.says("AmbiguousSubmitError", "airflow orux ledger settle", "airflow orux ledger discard")
    stage.settle()
    stage.clear()
    stage.wait_run()


@cell(PART, "away when the POST is to be sent (refused connections); back during the tries", own_process=True)
def gateway_away(stage: Stage) -> None:
    stage.gateway.kill()
    stage.start(("before_post", "hold"))
    stage.wait_point("before_post")
    stage.release()
    stage.wait_point("before_post", nth=3)
    stage.gateway.start()
    stage.wait_run()


# ---------------------------------------------------------------------------------------------------------------
PART = "Other ways to run"


@cell(PART, "synchronous generation: killed while the image is fetched", dag_id="crash_sync")
def sync_saving(stage: Stage) -> None:
    dies_at("before_artifact_1", "kill")(stage)


def lose_synchronous_answer(stage: Stage) -> None:
    stage.gateway.fault("pay", delay=600, when="after")
    stage.start()
    note = stage.wait_point("before_post")
    stage.wait_charge()
    kill_task(note)
    stage.gateway.clear_faults()
    stage.wait_state("failed")
    stage.wait_run()
    if len(stage.gateway.charges()) != 1:
        stage.found.problems.append("charged again before a person was asked")
    stage.says("AmbiguousSubmitError")


@cell(
    PART,
    "synchronous generation: killed in the POST; the gateway shows the image, and a person settles with its URL",
    dag_id="crash_sync",
    decidable=False,
)
def sync_in_post(stage: Stage) -> None:
    lose_synchronous_answer(stage)
    stage.settle()
    stage.clear()
    stage.wait_run()


@cell(
    PART,
    "synchronous generation: killed in the POST; nobody has the URL, so a person discards it and knowingly pays again",
    dag_id="crash_sync",
    decidable=False,
    charges=2,
    posts=2,
    given_up=1,
)
def sync_discarded(stage: Stage) -> None:
    lose_synchronous_answer(stage)
    stage.settle(discard=True)
    stage.clear()
    stage.wait_run()


@cell(
    PART,
    "submit, sensor, save, upscale as tasks: the submitter dies before defer's place, the upscale at its resume",
    dag_id="crash_chain",
    charges=2,
    posts=2,
    saved=2,
)
def chain(stage: Stage) -> None:
    stage.start(("after_submitted", "kill"), ("at_resume", "kill_worker"))
    stage.wait_run()


@cell(
    PART,
    "submit, sensor, save, upscale as tasks: the submitter dies after it is finished; it is not submitted again",
    dag_id="crash_chain",
    charges=2,
    posts=2,
    saved=2,
)
def chain_finished(stage: Stage) -> None:
    stage.start(("after_finished", "kill"), task="pay")
    stage.wait_run()


# ---------------------------------------------------------------------------------------------------------------
PART = "A shared part of Airflow dies"


@cell(PART, "triggerer killed while the job runs, started again", alone=True, settings=SLOW)
def triggerer_killed(stage: Stage) -> None:
    stage.start()
    stage.wait_state("deferred")
    stage.until(lambda: stage.gateway.requests("poll"), "a poll")
    stage.house.signal("triggerer", signal.SIGKILL)
    stage.gateway.let_jobs_end()
    stage.house.launch("triggerer")
    stage.wait_run()


@cell(PART, "triggerer frozen; a second one takes over; the first is thawed", alone=True, settings=SLOW)
def taken_over(stage: Stage) -> None:
    house = stage.house
    stage.start()
    stage.wait_state("deferred")
    stage.until(lambda: stage.gateway.requests("poll"), "a poll")
    house.signal("triggerer", signal.SIGSTOP)
    polls = len(stage.gateway.requests("poll"))
    house.launch("triggerer", name="second")
    stage.until(lambda: len(stage.gateway.requests("poll")) > polls + 1, "a poll of the second triggerer")
    house.signal("triggerer", signal.SIGCONT)
    stage.gateway.let_jobs_end()
    stage.wait_run()
    house.signal("second", signal.SIGKILL)
    if house.processes["triggerer"].poll() is not None:
        house.launch("triggerer")
    stage.until(lambda: house.healthy("triggerer"), "a triggerer")


@cell(PART, "cleared while it waits and no triggerer lives; one is started later", alone=True, settings=SLOW)
def cleared_without_triggerer(stage: Stage) -> None:
    stage.start()
    stage.wait_state("deferred")
    stage.house.signal("triggerer", signal.SIGKILL)
    stage.clear()
    stage.wait_point("at_execute", nth=2)
    stage.wait_state("deferred")
    stage.gateway.let_jobs_end()
    stage.house.launch("triggerer")
    stage.wait_run()


@cell(PART, "scheduler and all workers killed while the job runs, started again", alone=True, settings=SLOW)
def scheduler_killed_deferred(stage: Stage) -> None:
    stage.start()
    stage.wait_state("deferred")
    stage.house.signal("scheduler", signal.SIGKILL)
    stage.gateway.let_jobs_end()
    stage.house.launch("scheduler")
    stage.wait_run()


@cell(
    PART,
    "triggerer, scheduler and workers killed while the job runs, started again",
    alone=True,
    settings=SLOW,
)
def all_killed_deferred(stage: Stage) -> None:
    stage.start()
    stage.wait_state("deferred")
    stage.house.signal("triggerer", signal.SIGKILL)
    stage.house.signal("scheduler", signal.SIGKILL)
    stage.gateway.let_jobs_end()
    stage.house.launch("scheduler")
    stage.house.launch("triggerer")
    stage.wait_run()


@cell(
    PART,
    "scheduler alone killed between intent and POST; the new one starts the task again while the old worker still lives "
    "and sends the POST",
    alone=True,
    decidable=False,
)
def scheduler_killed_submitting(stage: Stage) -> None:
    stage.start(("before_post", "hold"))
    note = stage.wait_point("before_post")
    os.kill(note["supervisor"], signal.SIGSTOP)  # else its next heartbeat would end the old worker
    stage.house.signal("scheduler", signal.SIGKILL, alone=True)
    stage.house.launch("scheduler")
    stage.wait_state("failed")
    stage.release()
    stage.wait_charge()
    thaw(note["supervisor"])
    ask_a_person(stage)


@cell(
    PART,
    "API server killed while the job id is to be written, started again at once: the worker waits and writes it",
    alone=True,
    executions=1,
)
def api_server_killed(stage: Stage) -> None:
    house = stage.house
    with house.patient_scheduler(180):
        stage.start(("before_submitted", "hold"))
        stage.wait_point("before_submitted")
        house.signal("api-server", signal.SIGKILL)
        stage.release()
        house.launch("api-server")
        stage.until(lambda: house.healthy("metadatabase"), "the API server")
        stage.wait_run()


@cell(
    PART,
    "API server killed while the job id is to be written, and away for longer than a worker waits (60 s)",
    alone=True,
    decidable=False,
)
def api_server_away_for_long(stage: Stage) -> None:
    house = stage.house
    with house.patient_scheduler(180):
        stage.start(("before_submitted", "hold"))
        stage.wait_point("before_submitted")
        house.signal("api-server", signal.SIGKILL)
        stage.release()
        stage.until(lambda: "is NOT lost" in stage.log(), "the worker to give the ledger up")
        house.launch("api-server")
        stage.until(lambda: house.healthy("metadatabase"), "the API server")
        stage.wait_state("failed")
        stage.wait_run()
        stage.says("LedgerError", f"--job-id {stage.gateway.charges()[0]['job_id']}")
        stage.settle()
        stage.clear()
        stage.wait_run()
