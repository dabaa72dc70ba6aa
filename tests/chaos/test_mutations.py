"""The checker sees a broken provider, as what it is: each defect within a schedule that is known to meet it.

Every mutation has unit tests of its own, see ``tests/durable/test_mutations.py``; here the checker is what is tested.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.checker import Kind
from tests.chaos.drive import Drive, gateway
from tests.chaos.gateway_profiles import GATEWAY_PROFILES
from tests.chaos.mutations import MUTATIONS
from tests.chaos.run import run_seeds
from tests.chaos.schedule import Step, Task
from tests.chaos.test_chaos import SEEDS

#: Mutation -> a schedule in which ``test_chaos.py`` finds nothing wrong with the whole provider, and what
#: is seen.
SEEN_BY: dict[str, tuple[int, set[Kind]]] = {
    "no-intent": (0, {Kind.INTENT_MISSING, Kind.DOUBLE_CHARGE}),
    "intent-swallowed": (9, {Kind.INTENT_MISSING, Kind.DOUBLE_CHARGE}),
    "fence-gone": (0, {Kind.INTENT_MISSING, Kind.DOUBLE_CHARGE}),
    "first-none-believed": (8, {Kind.DOUBLE_CHARGE}),
    "intent-resubmitted": (3, {Kind.INTENT_OVERWRITTEN, Kind.DOUBLE_CHARGE}),
    "id-not-written": (2, {Kind.NOT_RECORDED}),
    "airflow-not-asked": (18, {Kind.DELIVERED_EARLY}),
    "undelivered-is-paid-again": (12, {Kind.DOUBLE_CHARGE}),
}


@pytest.mark.standalone
def test_each_defect_is_seen_as_what_it_is():
    with ThreadPoolExecutor(2) as hands:
        reports = hands.map(lambda name: run_seeds([SEEN_BY[name][0]], jobs=1, mutation=name), SEEN_BY)
        found = {
            name: {Kind[kind] for report in of_one for kind in report.kinds}
            for name, of_one in zip(SEEN_BY, reports, strict=True)
        }
    assert {name: kinds for name, kinds in found.items() if not SEEN_BY[name][1] <= kinds} == {}
    # A test that broke, or an error of no type, is no defect that was seen.
    broken = {Kind.HARNESS, Kind.UNTYPED_END}
    assert {name: kinds for name, kinds in found.items() if kinds & broken - SEEN_BY[name][1]} == {}


def test_the_defects_exist_and_the_whole_provider_passes_these_schedules():
    assert set(SEEN_BY) <= set(MUTATIONS)
    assert {seed for seed, _ in SEEN_BY.values()} <= set(SEEDS)


# -- defects that random schedules meet too seldom -------------------------------------------------------------
def fault(endpoint: str, **then: object) -> Step:
    return Step(faults=({"endpoint": endpoint, "times": 9, "then": then},))


def a_job_fails_and_nobody_set_retries(drive: Drive) -> None:
    drive.step(fault("tasks.submit", job="fail", error_code="upstream_error"))
    drive.server.clear_faults()
    for _ in range(3):
        if drive.ti.state != "failed":
            drive.step(Step())


def a_job_is_unknown_after_a_clear(drive: Drive) -> None:
    drive.step(Step())
    drive.step(Step(trigger="cleared, no triggerer"))
    drive.step(fault("tasks.get", status=404, code="task_not_found"))


def a_clear_is_refused(drive: Drive) -> None:
    for _ in range(3):
        drive.step(Step())
    drive._clear(running=False)
    drive.step(fault("tasks.submit", status=402, code="insufficient_balance"))
    drive.server.clear_faults()
    drive._clear(running=False)
    for _ in range(3):
        drive.step(Step())
    drive.checker.end(drive.ti, drive.store, drive.prompt)


def a_submission_is_refused(drive: Drive) -> None:
    drive.step(fault("yescale.mj.submit.imagine", submit_code=24))


def a_job_waits_for_a_click(drive: Drive) -> None:
    drive.step(fault("yescale.mj.submit.imagine", job="modal"))
    drive.step(Step())
    drive.step(Step())
    drive._clear(running=False)
    drive.step(Step())


DIRECTED = (
    ("default-retry-pays", "orux.tasks", a_job_fails_and_nobody_set_retries, Kind.DOUBLE_CHARGE),
    ("unknown-is-failed", "orux.tasks", a_job_is_unknown_after_a_clear, Kind.DOUBLE_CHARGE),
    ("withdrawn-to-nothing", "orux.tasks", a_clear_is_refused, Kind.COST_FORGOTTEN),
    ("refusal-ambiguous", "yescale.mj", a_submission_is_refused, Kind.NEEDLESS_QUESTION),
    ("modal-is-failed", "yescale.mj", a_job_waits_for_a_click, Kind.DOUBLE_CHARGE),
)


@pytest.mark.parametrize(("mutation", "way", "story", "kind"), DIRECTED, ids=[d[0] for d in DIRECTED])
def test_a_rare_defect_is_seen_as_what_it_is(mutation, way, story, kind):
    def seen() -> set[Kind]:
        drive = Drive(0, server, print, task=Task(GATEWAY_PROFILES[way]))
        server.reset()
        story(drive)
        drive.checker.count(drive.store.record())
        return {v.kind for v in drive.checker.violations}

    with gateway() as server, pytest.MonkeyPatch.context() as patch:
        assert not seen() & {kind, Kind.HARNESS, Kind.UNTYPED_END}
        MUTATIONS[mutation](patch)
        found = seen()
        assert kind in found
        assert not found & {Kind.HARNESS, Kind.UNTYPED_END}
