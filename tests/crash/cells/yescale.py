"""The cells on YEScale: Midjourney, and the families of jobs with other addresses. It has no idempotency keys."""

from __future__ import annotations

import signal
from typing import Any

from tests.crash.cells.registry import ask_a_person, dies_at, dies_at_resume
from tests.crash.cells.registry import cell as any_cell
from tests.crash.stage import QUICK, SLOW, Stage, kill_task, kill_worker

PART = "YEScale: Midjourney (no idempotency keys)"
MEDIA = {"model": "flux-kontext[max]"}
BATCH = {"batch_fetch": "on"}


def cell(what: str, **expected: Any) -> Any:
    return any_cell(PART, what, gateway="yescale", **expected)


@cell(
    "POST accepted, its answer still on the way; worker and supervisor killed",
    decidable=False,
    short=True,
)
def yescale_post_accepted(stage: Stage) -> None:
    stage.gateway.fault("pay", delay=600, when="after")
    stage.start()
    note = stage.wait_point("before_post")
    stage.wait_charge()
    kill_worker(note)
    stage.gateway.clear_faults()
    ask_a_person(stage)


@cell("the connection is cut after the gateway accepted; nobody dies", decidable=False)
def yescale_answer_cut(stage: Stage) -> None:
    stage.gateway.fault("pay", cut="after")
    stage.start()
    ask_a_person(stage)


@cell("answer read, job id not yet written; worker and supervisor killed", decidable=False)
def yescale_before_id(stage: Stage) -> None:
    stage.start(("before_submitted", "kill_worker"))
    ask_a_person(stage)


@cell("accepted as queued (code 22), before defer; worker killed")
def yescale_before_defer(stage: Stage) -> None:
    stage.gateway.fault("pay", submit_code=22)
    dies_at("before_defer", "kill")(stage)


@cell("deferrable=False: while it waits in the worker; worker killed", dag_id="crash_worker", settings=SLOW)
def yescale_waiting_in_worker(stage: Stage) -> None:
    stage.start()
    note = stage.wait_point("after_submitted")
    stage.until(lambda: stage.gateway.requests("poll"), "a poll")
    kill_task(note)
    stage.wait_point("at_execute", nth=2)
    stage.gateway.let_jobs_end()
    stage.wait_run()


@cell("at the resume; worker and supervisor killed", settings=SLOW)
def yescale_at_resume(stage: Stage) -> None:
    dies_at_resume(stage)


@cell("batch fetch on: two deaths, before defer and before the artifact", extra=BATCH, settings=SLOW)
def yescale_two_deaths(stage: Stage) -> None:
    stage.start(("before_defer", "kill"), ("before_artifact_1", "kill_worker"))
    stage.end_job_once_deferred()
    stage.wait_run()


@cell("the artifact saved, before the manifest; worker killed")
def yescale_before_manifest(stage: Stage) -> None:
    dies_at("before_manifest.json", "kill")(stage)


@cell("cleared while it waits in the triggerer, batch fetch on", settings=SLOW, extra=BATCH)
def yescale_cleared_deferred(stage: Stage) -> None:
    stage.start()
    stage.wait_state("deferred")
    stage.clear()
    stage.wait_point("at_execute", nth=2)
    stage.gateway.let_jobs_end()
    stage.wait_run()


@cell("cleared after a failed save (the file was no image)", dag_id="crash_impatient", settings=SLOW)
def yescale_cleared_after_failed_save(stage: Stage) -> None:
    stage.gateway.fault("files", times=0, content="html")
    stage.start()
    stage.end_job_once_deferred()
    stage.wait_state("failed")
    stage.wait_run()
    stage.says("ArtifactRejectedError")
    stage.gateway.clear_faults()
    stage.clear()
    stage.wait_run()


@cell("the gateway killed after it accepted, before it answered", own_process=True, decidable=False)
def yescale_killed_answering(stage: Stage) -> None:
    stage.gateway.fault("pay", delay=600, when="after")
    stage.start()
    stage.wait_charge()
    stage.gateway.kill()
    stage.gateway.start()
    ask_a_person(stage)


@cell(
    "three runs, batch fetch on: triggerer killed while their jobs run, started again",
    alone=True,
    settings={**SLOW, "max_concurrency": 0},
    extra=BATCH,
    charges=3,
    posts=3,
    saved=3,
)
def yescale_triggerer_killed(stage: Stage) -> None:
    runs = [stage, *stage.more_runs(2)]
    for run in runs:
        run.start()

    def asked_together() -> bool:
        return any(
            len((r["body"] or {}).get("ids", ())) == len(runs)
            for r in stage.gateway.requests("yescale.mj.list")
        )

    stage.until(asked_together, "one poll for all jobs")
    stage.house.signal("triggerer", signal.SIGKILL)
    stage.gateway.let_jobs_end()
    stage.house.launch("triggerer")
    for run in runs:
        run.wait_run()


# ---------------------------------------------------------------------------------------------------------------
PART = "YEScale: other families of jobs"


@cell("Media: POST accepted, its answer lost", dag_id="crash_image", conf=MEDIA, decidable=False)
def yescale_media_lost(stage: Stage) -> None:
    stage.gateway.fault("pay", cut="after")
    stage.start()
    ask_a_person(stage)


@cell("Media: job id written, before defer; worker killed", dag_id="crash_image", conf=MEDIA)
def yescale_media_before_defer(stage: Stage) -> None:
    dies_at("before_defer", "kill")(stage)


@cell(
    "Media: the same, and the gateway answers 404 for the job's first 25 s (it is not indexed yet)",
    dag_id="crash_image",
    conf=MEDIA,
    settings={**QUICK, "yescale_unindexed_seconds": 25.0},
)
def yescale_media_not_indexed(stage: Stage) -> None:
    dies_at("before_defer", "kill")(stage)


@cell(
    "Kling, four images: between two artifacts; worker and supervisor killed",
    dag_id="crash_four_images",
    saved=4,
)
def yescale_kling_between_artifacts(stage: Stage) -> None:
    stage.start(("after_artifact_2", "kill_worker"))
    stage.wait_run()
    fetched = len([r for r in stage.gateway.requests("files") if r.get("status") == 200])
    if fetched != 4:
        stage.found.problems.append(f"{fetched} files were fetched, not 4: those that were there are kept")
