"""The scenarios on OpenGPU Relay: where a submission carries an idempotency key nobody needs to be asked."""

from __future__ import annotations

from typing import Any

from tests.crash.scenario import (
    PAYS_ANEW,
    QUICK,
    SLOW,
    ScenarioRun,
    gone,
    kill_task,
    kill_worker,
    stop_worker,
    thaw,
)
from tests.crash.scenarios.orux import taken_over
from tests.crash.scenarios.registry import ask_a_person, dies_at, dies_at_resume
from tests.crash.scenarios.registry import scenario as any_scenario

PART = "OpenGPU Relay, generation 2: a lost answer is asked for again under its idempotency key"
#: Answers with URLs.
LINKS = {"model": "Qwen/qwen-image"}
#: Answers with the image itself, as base64.
INSIDE = {"model": "black-forest-labs/FLUX-2-pro"}
#: Answers of a size that a triggerer does not read: the worker fetches them.
WHOLE = {**QUICK, "image_scale": 1.0}
FIRST = {**QUICK, "relay_generation": 1}


def scenario(what: str, **expected: Any) -> Any:
    return any_scenario(PART, what, gateway="opengpu_relay", dag_id="crash_image", **expected)


def replayed(case: ScenarioRun) -> None:
    """Both paid requests were accepted, and (see the charges) as one."""
    answers = [r["status"] for r in case.gateway.requests("pay")]
    if answers[-1] != 202:
        case.found.problems.append(f"the gateway answered {answers} to the paid requests")


@scenario("intent written, POST not yet sent; worker killed", conf=LINKS)
def relay_after_intent(case: ScenarioRun) -> None:
    dies_at("before_post", "kill")(case)


@scenario(
    "POST accepted, its answer still on the way; worker and supervisor killed",
    conf=LINKS,
    posts=2,
    short=True,
)
def relay_post_accepted(case: ScenarioRun) -> None:
    case.gateway.fault("pay", delay=600, when="after")
    case.start()
    note = case.wait_point("before_post")
    case.wait_charge()
    kill_worker(note)
    case.gateway.clear_faults()
    case.wait_run()
    replayed(case)


@scenario("answer arrived, not yet read; worker killed", conf=LINKS, posts=2)
def relay_answer_arrived(case: ScenarioRun) -> None:
    dies_at("answer_arrived", "kill")(case)
    replayed(case)


@scenario("answer read, job id not yet written; worker and supervisor killed", conf=LINKS, posts=2)
def relay_before_id(case: ScenarioRun) -> None:
    dies_at("before_submitted")(case)
    replayed(case)


@any_scenario(
    PART,
    "the run of a workflow: its answer read, job id not yet written; worker and supervisor killed",
    gateway="opengpu_relay",
    dag_id="crash_workflow",
    posts=2,
)
def relay_workflow_before_id(case: ScenarioRun) -> None:
    dies_at("before_submitted")(case)
    replayed(case)


@scenario(
    "the connection is cut after the gateway accepted; nobody dies, the worker asks again",
    conf=LINKS,
    posts=2,
    executions=1,
)
def relay_answer_cut(case: ScenarioRun) -> None:
    case.gateway.fault("pay", cut="after")
    case.start()
    case.wait_run()
    replayed(case)


@scenario(
    "frozen between intent and POST; given up, the retry does all; thawed: it sends the POST too",
    conf=LINKS,
    posts=2,
)
def relay_frozen_before_post(case: ScenarioRun) -> None:
    case.start(("before_post", "hold"))
    note = case.wait_point("before_post")
    stop_worker(note)
    case.wait_run()
    case.release()
    thaw(note["pid"])  # the task alone: its supervisor would stop it
    case.until(lambda: case.gateway.posts() == 2, "the POST of the stale task")
    thaw(note["supervisor"])
    case.until(lambda: gone(note["pid"]), "the end of the stale task")
    replayed(case)


@scenario("cleared while it runs, in the POST", conf=LINKS, posts=2)
def relay_cleared_in_post(case: ScenarioRun) -> None:
    case.gateway.fault("pay", delay=600, when="after")
    case.start()
    case.wait_point("before_post")
    case.wait_charge()
    case.clear()
    case.gateway.clear_faults()
    case.wait_run()
    replayed(case)


@scenario(
    "the gateway killed after it accepted, before it answered; started again",
    conf=LINKS,
    posts=2,
    own_process=True,
)
def relay_killed_answering(case: ScenarioRun) -> None:
    case.gateway.fault("pay", delay=600, when="after")
    case.start()
    case.wait_charge()
    case.gateway.kill()
    case.gateway.start()
    case.wait_run()
    replayed(case)


@scenario("job id written, before defer; worker killed", conf=LINKS)
def relay_before_defer(case: ScenarioRun) -> None:
    dies_at("before_defer", "kill")(case)


@scenario("cleared while it waits in the triggerer", conf=LINKS, settings=SLOW)
def relay_cleared_deferred(case: ScenarioRun) -> None:
    case.start()
    case.wait_state("deferred")
    case.clear()
    case.wait_point("at_execute", nth=2)
    case.gateway.let_jobs_end()
    case.wait_run()


@scenario(
    "at the resume, the image inside the answer; worker and supervisor killed", conf=INSIDE, settings=SLOW
)
def relay_at_resume(case: ScenarioRun) -> None:
    dies_at_resume(case)


@scenario(
    "while an image of full size that came inside the answer is saved; worker and supervisor killed",
    conf=INSIDE,
    settings=WHOLE,
)
def relay_saving_inside(case: ScenarioRun) -> None:
    dies_at("before_artifact_1")(case)


# ---------------------------------------------------------------------------------------------------------------
PART = "OpenGPU Relay where no submission can be repeated: generation 1, and synchronous calls"


@scenario(
    "generation 1: POST accepted, its answer still on the way; worker and supervisor killed",
    conf=LINKS,
    settings=FIRST,
    extra={"route": "async"},
    decidable=False,
)
def relay_first_post_accepted(case: ScenarioRun) -> None:
    case.gateway.fault("pay", delay=600, when="after")
    case.start()
    note = case.wait_point("before_post")
    case.wait_charge()
    kill_worker(note)
    case.gateway.clear_faults()
    ask_a_person(case)


@scenario(
    "generation 1: job id written, before defer; worker killed",
    conf=LINKS,
    settings=FIRST,
    extra={"route": "async"},
)
def relay_first_before_defer(case: ScenarioRun) -> None:
    dies_at("before_defer", "kill")(case)


@scenario(
    "synchronous: killed in the POST; the gateway shows the image, and a person settles with its URL",
    conf=LINKS,
    extra={"route": "sync"},
    decidable=False,
)
def relay_sync_in_post(case: ScenarioRun) -> None:
    case.gateway.fault("pay", delay=600, when="after")
    case.start()
    note = case.wait_point("before_post")
    case.wait_charge()
    kill_task(note)
    case.gateway.clear_faults()
    ask_a_person(case)


@scenario("synchronous: killed while the image is fetched by its URL", conf=LINKS, extra={"route": "sync"})
def relay_sync_saving(case: ScenarioRun) -> None:
    dies_at("before_artifact_1", "kill")(case)


@scenario(
    "synchronous, the image inside the answer: killed before it is saved. It went with the process; the error says so, "
    "and a person knowingly pays again",
    conf=INSIDE,
    extra={"route": "sync"},
    decidable=False,
    charges=2,
    posts=2,
    given_up=1,
)
def relay_sync_bytes_lost(case: ScenarioRun) -> None:
    case.start(("before_artifact_1", "kill"))
    case.wait_state("failed")
    case.wait_run()
    if case.gateway.posts() != 1:
        case.found.problems.append("sent again before a person was asked")
    case.says("JobExpiredError", "died with the process")
    case.found.notes.append(PAYS_ANEW)
    case.clear()
    case.wait_run()


# -- the run of a workflow, with cancel_on_kill -------------------------------------------------------------------
RUNS = "OpenGPU Relay, the run of a workflow with `cancel_on_kill`: cancelled once its task was ended, else never"


def run_scenario(what: str, **expected: Any) -> Any:
    given = {"dag_id": "crash_workflow", "settings": SLOW, "extra": {"cancel_on_kill": True}, **expected}
    return any_scenario(RUNS, what, gateway="opengpu_relay", **given)


def cancels(case: ScenarioRun) -> list[int]:
    return [r["status"] for r in case.gateway.requests("relay.workflows.cancel")]


def polled(case: ScenarioRun) -> None:
    case.start()
    case.until(lambda: case.gateway.requests("poll"), "a poll")


def not_cancelled(case: ScenarioRun) -> None:
    # A trigger that ends late finds the task green, and a run that is over: that is refused (409), and changes nothing.
    if 200 in cancels(case):
        case.found.problems.append(f"the run was cancelled: {cancels(case)}")


@run_scenario("marked as failed while it waits in the triggerer", state="failed", saved=0)
def relay_run_failed_deferred(case: ScenarioRun) -> None:
    polled(case)
    case.wait_state("deferred")
    case.end("failed")
    case.until(lambda: cancels(case) == [200], "the run's end")
    case.wait_run()


@run_scenario(
    "marked as failed while it waits in the worker", state="failed", saved=0, dag_id="crash_workflow_worker"
)
def relay_run_failed_in_worker(case: ScenarioRun) -> None:
    polled(case)
    case.end("failed")
    case.until(lambda: cancels(case) == [200], "the run's end")
    case.wait_run()
    case.says("The task was killed", "submits a new job")


@run_scenario("cleared while it waits in the triggerer: it goes on")
def relay_run_cleared_deferred(case: ScenarioRun) -> None:
    polled(case)
    case.wait_state("deferred")
    case.clear()
    case.wait_point("at_execute", nth=2)
    case.gateway.let_jobs_end()
    case.wait_run()
    not_cancelled(case)


@run_scenario("cleared while it waits in the worker: it goes on", dag_id="crash_workflow_worker")
def relay_run_cleared_in_worker(case: ScenarioRun) -> None:
    polled(case)
    case.clear()
    case.wait_point("at_execute", nth=2)
    case.gateway.let_jobs_end()
    case.wait_run()
    not_cancelled(case)


@run_scenario("triggerer frozen; a second one takes over; the first is thawed: it goes on", alone=True)
def relay_run_taken_over(case: ScenarioRun) -> None:
    taken_over(case, told="nobody ended its task (state: deferred)")
    not_cancelled(case)
