"""``orux ledger`` on the ledger at ``[orux] ledger_path``: no API server, no token."""

from __future__ import annotations

import json
import time

import pytest

from airflow_provider_orux.cli.main import main
from airflow_provider_orux.compat import COMMAND
from airflow_provider_orux.durable.entries import LocalRoot
from airflow_provider_orux.durable.log_store import LogStore
from airflow_provider_orux.lifecycle.entry import Turn
from airflow_provider_orux.lifecycle.record import State
from tests.durable.fakes import Log, World

ONE = ("pipeline", "scheduled__2026-01-01T00:00:00+00:00", "imagine")
DAY = 86_400.0


@pytest.fixture
def ledger(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__ORUX__LEDGER_PATH", str(tmp_path / "ledger"))
    (tmp_path / "ledger").mkdir()
    return LocalRoot(tmp_path / "ledger")


@pytest.fixture
def orux(capsys):
    """Runs a command; its status and what it printed."""

    def run(*words):
        status = 0
        try:
            main([str(word) for word in words])
        except SystemExit as e:
            status = e.code
        out, err = capsys.readouterr()
        return status, out, err

    return run


def task(ledger, *ids, try_number=1):
    """The store as an execution of a task has it."""
    ids = ids or ONE
    instance = (*ids[:3], ids[3] if len(ids) > 3 else -1)
    return LogStore(
        ledger.entries(*map(str, instance)), instance=instance, turn=Turn(try_number=try_number), log=Log()
    )


def record(**changes):
    world = World()
    world.start()
    return world.record.changed(**changes)


def put(ledger, *ids, age=3600.0, **changes):
    task(ledger, *ids).write(record(updated_at=time.time() - age, **changes))


def ambiguous(ledger, *ids, age=3600.0):
    put(ledger, *ids, age=age, state=State.INTENT, job_id=None)


def finished(ledger, *ids, delivered=True, age=200 * DAY):
    put(
        ledger,
        *ids,
        age=age,
        state=State.FINISHED,
        delivered=delivered,
        result={"job_id": "task_1", "charged": "yes"},
    )


def test_an_empty_ledger(ledger, orux):
    assert orux("ledger", "list") == (0, "0 records.\n", "")


def test_list(ledger, orux):
    ambiguous(ledger)
    put(ledger, "pipeline", "r2", "upscale", 3)
    put(ledger, "other", "r", "t")
    status, out, _ = orux("ledger", "list", "--dag-id", "pipeline", "-o", "json")
    assert status == 0
    rows = json.loads(out)
    assert [(r["run_id"], r["task_id"], r["map_index"], r["state"]) for r in rows] == [
        ("r2", "upscale", 3, "submitted"),
        (ONE[1], "imagine", -1, "intent"),
    ]
    assert {r["task_state"] for r in rows} == {None}
    assert "3 records" in orux("ledger", "list")[1]
    assert "1 record:" in orux("ledger", "list", "--task-id", "upscale")[1]
    assert "1 record:" in orux("ledger", "list", "--dag-id", "pipeline", "--run-id", "r2")[1]


def test_what_was_spent(ledger, orux):
    result = {"job_id": "task_1", "charged": "yes", "price": 20.0, "currency": "credits", "gateway": "orux"}
    for task_id, job_id, age in (("imagine", "task_1", DAY / 48), ("hero", "task_2", 40 * DAY)):
        facts = {**result, "job_id": job_id}
        put(ledger, "pipeline", "r", task_id, age=age, state=State.FINISHED, job_id=job_id, result=facts)
    status, out, _ = orux("cost", "-o", "json")
    assert status == 0
    assert json.loads(out)["total"]["amounts"] == {"credits": 40.0}
    assert "2 jobs that cost: 40 credits" in orux("cost", "--dag-id", "pipeline")[1]
    assert "0 jobs" in orux("cost", "--dag-id", "other")[1]
    lately = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 2 * DAY))
    (job,) = json.loads(orux("cost", "--from", lately, "-o", "json")[1])["jobs"]
    assert job["job_id"] == "task_1"


def test_the_dates_of_runs_are_not_known(ledger, orux):
    status, _, err = orux("ledger", "list", "--from-date", "2026-01-01")
    assert status == 2
    assert "--older-than" in err


def test_show_tells_what_comes_next(ledger, orux):
    ambiguous(ledger)
    status, out, _ = orux("ledger", "show", *ONE)
    assert status == 0
    assert "A retry " in out
    assert "A clear " in out
    assert f"{COMMAND} ledger settle pipeline" in out
    assert "try None" not in out
    assert orux("ledger", "show", "pipeline", "r", "nothing")[0] == 1


def test_settle_and_the_task_continues_with_that_job(ledger, orux):
    ambiguous(ledger)
    status, out, _ = orux("ledger", "settle", *ONE, "--job-id", "task_77")
    assert (status, out.splitlines()[0]) == (0, f"Settled: {' '.join(ONE)} became job task_77.")
    found = task(ledger, try_number=2).read()
    assert (found.state, found.job_id) == (State.SETTLED, "task_77")
    assert "nothing to settle" in orux("ledger", "settle", *ONE, "--job-id", "task_77")[1]


def test_settle_many_from_a_file(ledger, orux, tmp_path):
    ambiguous(ledger)
    ambiguous(ledger, "pipeline", "r2", "upscale", 3)
    orux_csv = orux("ledger", "list", "-o", "csv")[1]
    head, *lines = orux_csv.splitlines()
    column = head.split(",").index("job_id")
    filled = [
        ",".join(f"task_{n}" if i == column else cell for i, cell in enumerate(line.split(",")))
        for n, line in enumerate(lines)
    ]
    (tmp_path / "jobs.csv").write_text("\n".join([head, *filled]))
    status, out, _ = orux("ledger", "settle", "--file", tmp_path / "jobs.csv")
    assert (status, out.count(": settled: ")) == (0, 2)


def test_a_request_that_may_still_be_answered_is_not_discarded(ledger, orux):
    """Whether its task runs is not known here."""
    ambiguous(ledger, age=1.0)
    status, _, err = orux("ledger", "discard", *ONE)
    assert status == 1
    assert "may still be answered" in err
    assert task(ledger).read().state is State.INTENT
    assert orux("ledger", "discard", *ONE, "--force")[0] == 0


def test_a_worker_whose_answer_comes_after_all_is_fenced(ledger, orux):
    mine = task(ledger)
    mine.write(record(state=State.INTENT, job_id=None))
    orux("ledger", "settle", *ONE, "--job-id", "task_77")
    with pytest.raises(Exception, match="Another execution"):
        mine.write(record())
    assert task(ledger, try_number=2).read().job_id == "task_77"


def test_discard(ledger, orux):
    ambiguous(ledger)
    status, out, _ = orux("ledger", "discard", *ONE)
    assert status == 0
    assert "submits a new job" in out
    kept = task(ledger, try_number=2).read()
    assert (kept.state, len(kept.earlier)) == (State.DISCARDED, 1)
    assert "nothing to discard" in orux("ledger", "discard", *ONE)[1]


def test_discard_many(ledger, orux):
    ambiguous(ledger)
    ambiguous(ledger, "pipeline", "r2", "t", age=1.0)
    finished(ledger, "pipeline", "r3", "t")
    status, out, _ = orux("ledger", "discard", "--dag-id", "pipeline", "-y")
    assert status == 1, "one was kept"
    assert "Discarded 1 record." in out
    assert task(ledger, "pipeline", "r3", "t").read() is not None


def test_a_record_that_cannot_be_read_is_listed_and_discarded(ledger, orux):
    put(ledger, age=3600.0)
    entries = ledger.entries(*ONE, "-1")
    value = json.loads(entries.load(1))
    value["record"]["v"] = 99
    entries.create(2, json.dumps(value | {"at": time.time() - 9999}).encode())
    assert "unreadable" in orux("ledger", "list")[1]
    assert orux("ledger", "discard", *ONE)[0] == 0
    assert task(ledger).read() is None


def test_prune_takes_what_is_finished_and_old_and_leaves_the_rest(ledger, orux):
    finished(ledger)
    finished(ledger, "d", "undelivered", "t", delivered=False)
    finished(ledger, "d", "young", "t", age=DAY)
    put(ledger, "d", "submitted", "t", age=200 * DAY)
    status, out, _ = orux("ledger", "prune", "-y")
    assert status == 0
    assert "Pruned 1 record; 0 empty logs removed." in out
    left = json.loads(orux("ledger", "list", "-o", "json")[1])
    assert {row["run_id"] for row in left} == {"undelivered", "young", "submitted"}
    assert "Pruned 1 record" in orux("ledger", "prune", "-y", "--undelivered")[1]


def test_who_read_before_the_pruning_is_fenced(ledger, orux):
    """Both of two executions would pay, if one that read the old record could still continue from it."""
    finished(ledger)
    held = task(ledger)
    held.read()
    orux("ledger", "prune", "-y")
    assert ledger.entries(*ONE, "-1").numbers() == [2]
    with pytest.raises(Exception, match="Another execution"):
        held.write_intent(record())
    assert task(ledger, try_number=2).read() is None


def test_the_end_of_a_pruned_log_goes_with_a_later_prune(ledger, orux):
    finished(ledger)
    orux("ledger", "prune", "-y")
    assert "0 empty logs" in orux("ledger", "prune", "-y")[1]
    entries = ledger.entries(*ONE, "-1")
    value = json.loads(entries.load(2))
    entries.remove(2)
    entries.create(2, json.dumps(value | {"at": time.time() - 200 * DAY}).encode())
    assert "1 empty log removed" in orux("ledger", "prune", "-y")[1]
    assert list(ledger.find()) == []


def test_prune_leaves_what_cannot_be_read(ledger, orux):
    """It may be of a newer version, and of a job under way."""
    ambiguous(ledger)
    orux("ledger", "discard", *ONE)
    entries = ledger.entries(*ONE, "-1")
    value = json.loads(entries.load(2))
    entries.remove(2)
    entries.create(2, json.dumps(value | {"at": time.time() - 200 * DAY}).encode())
    entries.create(3, json.dumps(value | {"v": 99}).encode())
    assert "0 empty logs" in orux("ledger", "prune", "-y")[1]
    assert entries.numbers() == [1, 2, 3]


def test_prune_asks_and_keeps_a_day(ledger, orux, monkeypatch):
    finished(ledger)
    assert "Nothing was pruned" in orux("ledger", "prune")[2]
    assert orux("ledger", "prune", "--older-than", "1h", "-y")[0] == 2
    assert task(ledger).read() is not None


def test_a_folder_that_is_not_here(monkeypatch, tmp_path, orux):
    monkeypatch.setenv("AIRFLOW__ORUX__LEDGER_PATH", str(tmp_path / "nowhere"))
    status, _, err = orux("ledger", "list")
    assert status == 1
    assert "There is no ledger at" in err


def test_the_console_script_is_the_same_parser(orux):
    status, out, _ = orux("--help")
    assert status == 0
    assert "usage: orux" in out
    assert "estimate" in out
