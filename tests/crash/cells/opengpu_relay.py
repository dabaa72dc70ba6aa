"""The cells on OpenGPU Relay: where a submission carries an idempotency key nobody needs to be asked."""

from __future__ import annotations

from typing import Any

from tests.crash.cells.registry import ask_a_person, dies_at, dies_at_resume
from tests.crash.cells.registry import cell as any_cell
from tests.crash.stage import PAYS_ANEW, QUICK, SLOW, Stage, gone, kill_task, kill_worker, stop_worker, thaw

PART = "OpenGPU Relay, generation 2: a lost answer is asked for again under its idempotency key"
LINKS = {"model": "Qwen/qwen-image"}
"""Answers with URLs."""
INSIDE = {"model": "black-forest-labs/FLUX-2-pro"}
"""Answers with the image itself, as base64."""
WHOLE = {**QUICK, "image_scale": 1.0}
"""Answers of a size that a triggerer does not read: the worker fetches them."""
FIRST = {**QUICK, "relay_generation": 1}


def cell(what: str, **expected: Any) -> Any:
    return any_cell(PART, what, gateway="opengpu_relay", dag_id="crash_image", **expected)


def replayed(stage: Stage) -> None:
    """Both paid requests were accepted, and (see the charges) as one."""
    answers = [r["status"] for r in stage.gateway.requests("pay")]
    if answers[-1] != 202:
        stage.found.problems.append(f"the gateway answered {answers} to the paid requests")


@cell("intent written, POST not yet sent; worker killed", conf=LINKS)
def relay_after_intent(stage: Stage) -> None:
    dies_at("before_post", "kill")(stage)


@cell(
    "POST accepted, its answer still on the way; worker and supervisor killed",
    conf=LINKS,
    posts=2,
    short=True,
)
def relay_post_accepted(stage: Stage) -> None:
    stage.gateway.fault("pay", delay=600, when="after")
    stage.start()
    note = stage.wait_point("before_post")
    stage.wait_charge()
    kill_worker(note)
    stage.gateway.clear_faults()
    stage.wait_run()
    replayed(stage)


@cell("answer arrived, not yet read; worker killed", conf=LINKS, posts=2)
def relay_answer_arrived(stage: Stage) -> None:
    dies_at("answer_arrived", "kill")(stage)
    replayed(stage)


@cell("answer read, job id not yet written; worker and supervisor killed", conf=LINKS, posts=2)
def relay_before_id(stage: Stage) -> None:
    dies_at("before_submitted")(stage)
    replayed(stage)


@cell(
    "the connection is cut after the gateway accepted; nobody dies, the worker asks again",
    conf=LINKS,
    posts=2,
    executions=1,
)
def relay_answer_cut(stage: Stage) -> None:
    stage.gateway.fault("pay", cut="after")
    stage.start()
    stage.wait_run()
    replayed(stage)


@cell(
    "frozen between intent and POST; given up, the retry does all; thawed: it sends the POST too",
    conf=LINKS,
    posts=2,
)
def relay_frozen_before_post(stage: Stage) -> None:
    stage.start(("before_post", "hold"))
    note = stage.wait_point("before_post")
    stop_worker(note)
    stage.wait_run()
    stage.release()
    thaw(note["pid"])  # the task alone: its supervisor would stop it
    stage.until(lambda: stage.gateway.posts() == 2, "the POST of the stale task")
    thaw(note["supervisor"])
    stage.until(lambda: gone(note["pid"]), "the end of the stale task")
    replayed(stage)


@cell("cleared while it runs, in the POST", conf=LINKS, posts=2)
def relay_cleared_in_post(stage: Stage) -> None:
    stage.gateway.fault("pay", delay=600, when="after")
    stage.start()
    stage.wait_point("before_post")
    stage.wait_charge()
    stage.clear()
    stage.gateway.clear_faults()
    stage.wait_run()
    replayed(stage)


@cell(
    "the gateway killed after it accepted, before it answered; started again",
    conf=LINKS,
    posts=2,
    own_process=True,
)
def relay_killed_answering(stage: Stage) -> None:
    stage.gateway.fault("pay", delay=600, when="after")
    stage.start()
    stage.wait_charge()
    stage.gateway.kill()
    stage.gateway.start()
    stage.wait_run()
    replayed(stage)


@cell("job id written, before defer; worker killed", conf=LINKS)
def relay_before_defer(stage: Stage) -> None:
    dies_at("before_defer", "kill")(stage)


@cell("cleared while it waits in the triggerer", conf=LINKS, settings=SLOW)
def relay_cleared_deferred(stage: Stage) -> None:
    stage.start()
    stage.wait_state("deferred")
    stage.clear()
    stage.wait_point("at_execute", nth=2)
    stage.gateway.let_jobs_end()
    stage.wait_run()


@cell("at the resume, the image inside the answer; worker and supervisor killed", conf=INSIDE, settings=SLOW)
def relay_at_resume(stage: Stage) -> None:
    dies_at_resume(stage)


@cell(
    "while an image of full size that came inside the answer is saved; worker and supervisor killed",
    conf=INSIDE,
    settings=WHOLE,
)
def relay_saving_inside(stage: Stage) -> None:
    dies_at("before_artifact_1")(stage)


# ---------------------------------------------------------------------------------------------------------------
PART = "OpenGPU Relay where no submission can be repeated: generation 1, and synchronous calls"


@cell(
    "generation 1: POST accepted, its answer still on the way; worker and supervisor killed",
    conf=LINKS,
    settings=FIRST,
    extra={"route": "async"},
    decidable=False,
)
def relay_first_post_accepted(stage: Stage) -> None:
    stage.gateway.fault("pay", delay=600, when="after")
    stage.start()
    note = stage.wait_point("before_post")
    stage.wait_charge()
    kill_worker(note)
    stage.gateway.clear_faults()
    ask_a_person(stage)


@cell(
    "generation 1: job id written, before defer; worker killed",
    conf=LINKS,
    settings=FIRST,
    extra={"route": "async"},
)
def relay_first_before_defer(stage: Stage) -> None:
    dies_at("before_defer", "kill")(stage)


@cell(
    "synchronous: killed in the POST; the gateway shows the image, and a person settles with its URL",
    conf=LINKS,
    extra={"route": "sync"},
    decidable=False,
)
def relay_sync_in_post(stage: Stage) -> None:
    stage.gateway.fault("pay", delay=600, when="after")
    stage.start()
    note = stage.wait_point("before_post")
    stage.wait_charge()
    kill_task(note)
    stage.gateway.clear_faults()
    ask_a_person(stage)


@cell("synchronous: killed while the image is fetched by its URL", conf=LINKS, extra={"route": "sync"})
def relay_sync_saving(stage: Stage) -> None:
    dies_at("before_artifact_1", "kill")(stage)


@cell(
    "synchronous, the image inside the answer: killed before it is saved. It went with the process; the error says so, "
    "and a person knowingly pays again",
    conf=INSIDE,
    extra={"route": "sync"},
    decidable=False,
    charges=2,
    posts=2,
    given_up=1,
)
def relay_sync_bytes_lost(stage: Stage) -> None:
    stage.start(("before_artifact_1", "kill"))
    stage.wait_state("failed")
    stage.wait_run()
    if stage.gateway.posts() != 1:
        stage.found.problems.append("sent again before a person was asked")
    stage.says("JobExpiredError", "died with the process")
    stage.found.notes.append(PAYS_ANEW)
    stage.clear()
    stage.wait_run()
