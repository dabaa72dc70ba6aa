"""Twenty random fault schedules with every test run; ``make chaos`` runs two hundred."""

from __future__ import annotations

import pytest

from tests.chaos.run import run_seeds

SEEDS = range(20)


@pytest.mark.standalone
def test_random_fault_schedules_break_no_promise():
    reports = run_seeds(SEEDS, jobs=2)
    assert {r.seed: r.violations for r in reports if r.violations} == {}
    # The schedules must have done something, or they prove nothing.
    assert sum(r.deaths for r in reports) >= 10
    assert sum(r.faults for r in reports) >= 40
    assert sum(r.charges for r in reports) >= 20


def test_a_trigger_that_crashes_before_the_gateway_has_indexed_the_job():
    from tests.chaos.drive import Drive, gateway
    from tests.chaos.gateway_profiles import GATEWAY_PROFILES
    from tests.chaos.schedule import Step, Task

    with gateway() as server:
        drive = Drive(0, server, print, task=Task(GATEWAY_PROFILES["yescale.media"]))
        server.configure(yescale_unindexed_seconds=60)
        for step, state in (
            (Step(), "deferred"),
            (Step(trigger="crashes"), "queued"),
            (Step(), "deferred"),  # and not failed: it may be unknown for a while after it was accepted
        ):
            drive.step(step)
            assert drive.ti.state == state
        server.configure(yescale_unindexed_seconds=0)
        drive.step(Step())
        drive.step(Step())
        assert drive.ti.state == "success"
        assert len(drive.checker.paid()) == 1
        assert drive.checker.violations == []


def test_the_checker_sees_a_second_charge(tmp_path):
    """A checker that cannot fail proves nothing: charge twice by hand, and it must say so."""
    import httpx

    from orux_sandbox import SandboxServer
    from tests.chaos.checker import Checker, Kind
    from tests.chaos.gateway_profiles import GATEWAY_PROFILES
    from tests.chaos.schedule import Task

    task = Task(GATEWAY_PROFILES["orux.tasks"])
    with SandboxServer({"queue_seconds": 0, "run_seconds": 0}) as server:
        checker = Checker(task, server, tmp_path, lambda text: None)
        body = {"model": "midjourney-v7", "prompt": "a fox"}
        headers = {"Authorization": f"Bearer {server.key}"}
        for number in (1, 2):
            httpx.post(f"{server.url}/api/v1/tasks", json=body, headers=headers).raise_for_status()
            checker.count({"state": "submitted", "job_id": server.charges()[-1]["job_id"]})
            assert [v.kind for v in checker.violations] == [Kind.DOUBLE_CHARGE] * (number - 1)
        checker._look_for_lost()
        assert checker.violations[-1].kind is Kind.LOST_RESULT
