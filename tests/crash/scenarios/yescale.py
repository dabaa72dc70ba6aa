"""The scenarios on YEScale: Midjourney, and the families of jobs with other addresses. It has no idempotency keys."""

from __future__ import annotations

import signal
from typing import Any

from tests.crash.scenario import QUICK, SLOW, ScenarioRun, kill_task, kill_worker
from tests.crash.scenarios.registry import ask_a_person, dies_at, dies_at_resume
from tests.crash.scenarios.registry import scenario as any_scenario

PART = "YEScale: Midjourney (no idempotency keys)"
MEDIA = {"model": "flux-kontext[max]"}
BATCH = {"batch_fetch": "on"}


def scenario(what: str, **expected: Any) -> Any:
    return any_scenario(PART, what, gateway="yescale", **expected)


@scenario(
    "POST accepted, its answer still on the way; worker and supervisor killed",
    decidable=False,
    short=True,
)
def yescale_post_accepted(case: ScenarioRun) -> None:
    case.gateway.fault("pay", delay=600, when="after")
    case.start()
    note = case.wait_point("before_post")
    case.wait_charge()
    kill_worker(note)
    case.gateway.clear_faults()
    ask_a_person(case)


@scenario("the connection is cut after the gateway accepted; nobody dies", decidable=False)
def yescale_answer_cut(case: ScenarioRun) -> None:
    case.gateway.fault("pay", cut="after")
    case.start()
    ask_a_person(case)


@scenario("answer read, job id not yet written; worker and supervisor killed", decidable=False)
def yescale_before_id(case: ScenarioRun) -> None:
    case.start(("before_submitted", "kill_worker"))
    ask_a_person(case)


@scenario("accepted as queued (code 22), before defer; worker killed")
def yescale_before_defer(case: ScenarioRun) -> None:
    case.gateway.fault("pay", submit_code=22)
    dies_at("before_defer", "kill")(case)


@scenario(
    "deferrable=False: while it waits in the worker; worker killed", dag_id="crash_worker", settings=SLOW
)
def yescale_waiting_in_worker(case: ScenarioRun) -> None:
    case.start()
    note = case.wait_point("after_submitted")
    case.until(lambda: case.gateway.requests("poll"), "a poll")
    kill_task(note)
    case.wait_point("at_execute", nth=2)
    case.gateway.let_jobs_end()
    case.wait_run()


@scenario("at the resume; worker and supervisor killed", settings=SLOW)
def yescale_at_resume(case: ScenarioRun) -> None:
    dies_at_resume(case)


@scenario("batch fetch on: two deaths, before defer and before the artifact", extra=BATCH, settings=SLOW)
def yescale_two_deaths(case: ScenarioRun) -> None:
    case.start(("before_defer", "kill"), ("before_artifact_1", "kill_worker"))
    case.end_job_once_deferred()
    case.wait_run()


@scenario("the artifact saved, before the manifest; worker killed")
def yescale_before_manifest(case: ScenarioRun) -> None:
    dies_at("before_manifest.json", "kill")(case)


@scenario("cleared while it waits in the triggerer, batch fetch on", settings=SLOW, extra=BATCH)
def yescale_cleared_deferred(case: ScenarioRun) -> None:
    case.start()
    case.wait_state("deferred")
    case.clear()
    case.wait_point("at_execute", nth=2)
    case.gateway.let_jobs_end()
    case.wait_run()


@scenario("cleared after a failed save (the file was no image)", dag_id="crash_impatient", settings=SLOW)
def yescale_cleared_after_failed_save(case: ScenarioRun) -> None:
    case.gateway.fault("files", times=0, content="html")
    case.start()
    case.end_job_once_deferred()
    case.wait_state("failed")
    case.wait_run()
    case.says("ArtifactRejectedError")
    case.gateway.clear_faults()
    case.clear()
    case.wait_run()


@scenario("the gateway killed after it accepted, before it answered", own_process=True, decidable=False)
def yescale_killed_answering(case: ScenarioRun) -> None:
    case.gateway.fault("pay", delay=600, when="after")
    case.start()
    case.wait_charge()
    case.gateway.kill()
    case.gateway.start()
    ask_a_person(case)


@scenario(
    "three runs, batch fetch on: triggerer killed while their jobs run, started again",
    alone=True,
    settings={**SLOW, "max_concurrency": 0},
    extra=BATCH,
    charges=3,
    posts=3,
    saved=3,
)
def yescale_triggerer_killed(case: ScenarioRun) -> None:
    runs = [case, *case.more_runs(2)]
    for run in runs:
        run.start()

    def asked_together() -> bool:
        return any(
            len((r["body"] or {}).get("ids", ())) == len(runs)
            for r in case.gateway.requests("yescale.mj.list")
        )

    case.until(asked_together, "one poll for all jobs")
    case.airflow.signal("triggerer", signal.SIGKILL)
    case.gateway.let_jobs_end()
    case.airflow.launch("triggerer")
    for run in runs:
        run.wait_run()


# ---------------------------------------------------------------------------------------------------------------
PART = "YEScale: other families of jobs"


@scenario("Media: POST accepted, its answer lost", dag_id="crash_image", conf=MEDIA, decidable=False)
def yescale_media_lost(case: ScenarioRun) -> None:
    case.gateway.fault("pay", cut="after")
    case.start()
    ask_a_person(case)


@scenario("Media: job id written, before defer; worker killed", dag_id="crash_image", conf=MEDIA)
def yescale_media_before_defer(case: ScenarioRun) -> None:
    dies_at("before_defer", "kill")(case)


@scenario(
    "Media: the same, and the gateway answers 404 for the job's first 25 s (it is not indexed yet)",
    dag_id="crash_image",
    conf=MEDIA,
    settings={**QUICK, "yescale_unindexed_seconds": 25.0},
)
def yescale_media_not_indexed(case: ScenarioRun) -> None:
    dies_at("before_defer", "kill")(case)


@scenario(
    "Kling, four images: between two artifacts; worker and supervisor killed",
    dag_id="crash_four_images",
    saved=4,
)
def yescale_kling_between_artifacts(case: ScenarioRun) -> None:
    case.start(("after_artifact_2", "kill_worker"))
    case.wait_run()
    fetched = len([r for r in case.gateway.requests("files") if r.get("status") == 200])
    if fetched != 4:
        case.found.problems.append(f"{fetched} files were fetched, not 4: those that were there are kept")
