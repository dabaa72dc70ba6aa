"""Images on Orux AI: refused as a job and asked for from the other endpoint; and with a presigned URL of a stored file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.crash.scenario import QUICK, ScenarioRun, kill_task
from tests.crash.scenarios.registry import ask_a_person, scenario

PART = "An image refused as a job, with proof, and asked for from the synchronous endpoint"
REFUSING: Mapping[str, Any] = {
    "dag_id": "crash_image",
    "conf": {"model": "gpt-image-2"},
    "settings": {**QUICK, "task_images": "refused"},
}


@scenario(
    PART,
    "the refused intent is withdrawn, the second one not yet written; worker and supervisor killed",
    posts=3,
    **REFUSING,
)
def fallback_withdrawn(case: ScenarioRun) -> None:
    case.start(("before_intent", "pass"), ("before_intent", "kill_worker"))
    case.wait_run()


@scenario(
    PART,
    "second intent written, its POST not yet sent; worker killed (nobody can know that it was not sent)",
    posts=3,
    decidable=False,
    **REFUSING,
)
def fallback_before_post(case: ScenarioRun) -> None:
    case.start(("before_post", "pass"), ("before_post", "kill"))
    ask_a_person(case, charged=False, refused=1)


@scenario(
    PART,
    "synchronous POST accepted, its answer still on the way; worker killed, and a person settles with the image's URL",
    posts=2,
    decidable=False,
    **REFUSING,
)
def fallback_in_post(case: ScenarioRun) -> None:
    case.gateway.fault("images.generate", delay=600, when="after")
    case.start()
    note = case.wait_point("before_post", nth=2)
    case.wait_charge()
    kill_task(note)
    case.gateway.clear_faults()
    ask_a_person(case, refused=1)


# ---------------------------------------------------------------------------------------------------------------
PART = "A file in object storage as input: the gateway gets a presigned URL"
STORED = "s3://content/hero.png"
SIGNED: Mapping[str, Any] = {
    "dag_id": "crash_input",
    "conf": {"image": STORED},
    "settings": {**QUICK, "url_schemes": "any"},
}


def stored_image(case: ScenarioRun) -> None:
    case.airflow.store_image(STORED)


def signed_anew(case: ScenarioRun, number: int) -> None:
    """Each request had a URL of the file, and none of them stands in a log."""
    sent = [str(request["body"]["image_url"]) for request in case.gateway.requests("pay")]
    if len(sent) != number or not all("X-Amz-Signature=" in url for url in sent):
        case.found.problems.append(f"not a presigned URL in each of {number} requests: {sent}")
    if "X-Amz-" in case.log():
        case.found.problems.append("a presigned URL is in the log")


@scenario(PART, "URL signed, intent not yet written; worker and supervisor killed", **SIGNED)
def signed_before_intent(case: ScenarioRun) -> None:
    stored_image(case)
    case.start(("before_intent", "kill_worker"))
    case.wait_run()
    signed_anew(case, 1)


@scenario(
    PART,
    "URL signed and intent written, POST not yet sent; worker killed (nobody can know that it was not sent)",
    decidable=False,
    **SIGNED,
)
def signed_before_post(case: ScenarioRun) -> None:
    stored_image(case)
    case.start(("before_post", "kill"))
    ask_a_person(case, charged=False)
    signed_anew(case, 1)


@scenario(
    PART, "job id written, before defer; worker killed. The URL of the retry would be another one", **SIGNED
)
def signed_before_defer(case: ScenarioRun) -> None:
    stored_image(case)
    case.start(("before_defer", "kill"))
    case.wait_run()
    signed_anew(case, 1)
