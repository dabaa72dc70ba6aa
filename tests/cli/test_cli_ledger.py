"""``airflow orux ledger`` through the public API of a real Airflow, on records that real tasks wrote."""

from __future__ import annotations

import re
import shlex

import pytest

from airflow_provider_orux.durable.identity import TaskIdentity
from airflow_provider_orux.lifecycle.record import Record, State

pytestmark = pytest.mark.airflow

HEAD = """
    import pendulum
    from airflow.sdk import DAG, task
    from airflow_provider_orux.operators.images import OruxGenerateImageOperator
    from airflow_provider_orux.operators.midjourney import OruxImagineOperator
    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
"""
IMAGINE = (
    HEAD
    + """
        OruxImagineOperator(task_id="imagine", prompt="a lighthouse")
"""
)
IMAGE = (
    HEAD
    + """
        OruxGenerateImageOperator(
            task_id="image", model="gpt-image-2", prompt="a paper boat",
            save_to="{{ var.value.get('orux_save_to') }}", deferrable=False,
        )
"""
)
MAPPED = (
    HEAD
    + """
        OruxImagineOperator.partial(task_id="imagine").expand(prompt=["a fox", "a teapot", "a boat"])
"""
)

CUT = {"then": {"cut": "after"}}


def command(result, task_id, verb, *, map_index=-1, job_id=None):
    """The words that error messages tell people to type."""
    identity = TaskIdentity(result.dag.dag_id, result.run_id, task_id, map_index, 1, 0)
    words = shlex.split(identity.command(verb, job_id=job_id))
    assert words[:2] == ["airflow", "orux"]
    return words[2:]


def test_an_ambiguous_job_is_settled_and_taken_up_without_a_charge(
    sandbox, load_dag, run, api, at_api, again, capsys
):
    sandbox.order_fault({"endpoint": "tasks.submit", **CUT})
    result = run(load_dag(IMAGINE))
    dag_id, run_id = result.dag.dag_id, result.run_id
    assert result.states() == {"imagine": "failed"}
    (job,) = sandbox.jobs()
    real_id = job["id"]

    (row,) = at_api("ledger", "list", "--dag-id", dag_id, "--state", "intent", "-o", "json").json
    assert (row["run_id"], row["task_id"], row["state"]) == (run_id, "imagine", "intent")
    assert row["task_state"] == "failed"
    assert row["expires"] is False

    shown = at_api(*command(result, "imagine", "show"))
    assert shown.status == 0
    assert "intent" in shown.out
    assert "orux_default (Orux AI)" in shown.out
    assert "A clear fails and pays nothing, until the submission is settled or discarded." in shown.out
    assert f"airflow orux ledger settle {dag_id}" in shown.out

    young = at_api(*command(result, "imagine", "discard"))
    assert young.status == 1
    assert "may still be answered" in young.err

    wrong = at_api(*command(result, "imagine", "settle", job_id="not an id / of theirs"))
    assert wrong.status == 1
    assert "is not a job id" in wrong.err
    assert api.stored(dag_id, run_id, "imagine")["value"]["state"] == "intent"

    before = Record.from_json(api.stored(dag_id, run_id, "imagine")["value"])
    settled = at_api(*command(result, "imagine", "settle", job_id=real_id))
    assert settled.status == 0, settled.err
    stored = api.stored(dag_id, run_id, "imagine")
    assert stored["expires_at"] is None
    record = Record.from_json(stored["value"])
    assert (record.state, record.job_id) == (State.SETTLED, real_id)
    assert record == before.changed(state=State.SETTLED, job_id=real_id, updated_at=record.updated_at)
    assert (
        "continues with the recorded job and pays nothing" in at_api(*command(result, "imagine", "show")).out
    )

    asked = at_api(*command(result, "imagine", "show"), "--ask-gateway")
    assert "gateway says" in asked.out
    assert "succeeded" in asked.out

    assert again(result, "imagine") == "success"
    assert len(sandbox.charges()) == 1
    assert result.xcom("imagine")["job_id"] == real_id

    # It is finished now: another word on it is refused, and a clear would ask for a new job.
    shown = at_api(*command(result, "imagine", "show"))
    assert "finished" in shown.out
    assert re.search(r"^delivered +yes$", shown.out, re.MULTILINE)
    assert "A clear submits a new job, which is charged." in shown.out
    late = at_api(*command(result, "imagine", "settle", job_id="task_another"))
    assert late.status == 1
    assert "is finished" in late.err
    assert at_api("ledger", "list", "--dag-id", dag_id, "--state", "open", "-o", "json").json == []


def test_a_lost_synchronous_generation_is_settled_by_its_links(
    sandbox, load_dag, run, api, at_api, again, tmp_path
):
    sandbox.order_fault({"endpoint": "images.generate", **CUT})
    result = run(load_dag(IMAGE))
    assert result.states() == {"image": "failed"}
    assert len(sandbox.charges()) == 1

    refused = at_api(*command(result, "image", "settle", job_id="gen-1"))
    assert refused.status == 1
    assert "--url URL" in refused.err
    assert at_api(*command(result, "image", "settle"), "--url", "ftp://x").status == 2

    (job,) = sandbox.jobs()
    (link,) = job["urls"]
    settled = at_api(*command(result, "image", "settle"), "--url", link)
    assert settled.status == 0, settled.err
    record = Record.from_json(api.stored(result.dag.dag_id, result.run_id, "image")["value"])
    assert record.synchronous
    assert record.job_id == record.submission_id

    assert again(result, "image") == "success"
    assert len(sandbox.charges()) == 1
    value = result.xcom("image")
    assert [a["url"] for a in value["artifacts"]] == [link]
    assert value["artifacts"][0]["sha256"]
    assert value["manifest"].startswith(f"file://{tmp_path}")


def test_a_discarded_record_is_paid_for_anew(sandbox, load_dag, run, at_api, again):
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"cut": "before"}})
    result = run(load_dag(IMAGINE))
    assert result.states() == {"imagine": "failed"}
    assert sandbox.charges() == []
    gone = at_api(*command(result, "imagine", "discard"), "--force")
    assert gone.status == 0, gone.err
    assert "submits a new job, which is charged" in gone.out
    shown = at_api(*command(result, "imagine", "show"))
    assert shown.status == 0
    assert "A clear submits a new job, which is charged." in shown.out
    assert at_api(*command(result, "imagine", "discard")).status == 0  # nothing is left to do
    assert at_api(*command(result, "imagine", "settle", job_id="task_1")).status == 1
    assert again(result, "imagine") == "success"
    assert len(sandbox.charges()) == 1


def test_what_was_given_up_and_what_came_before_stays_in_the_record(
    sandbox, load_dag, run, api, at_api, again
):
    """Costs are summed from there: a job that a discard forgets may have been charged."""
    result = run(load_dag(IMAGINE))
    first = result.xcom("imagine")["job_id"]
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"cut": "before"}})
    assert again(result, "imagine") == "failed"

    def record():
        return Record.from_json(api.stored(result.dag.dag_id, result.run_id, "imagine")["value"])

    assert [e.job_id for e in record().earlier] == [first]
    assert at_api(*command(result, "imagine", "discard"), "--force").status == 0
    given_up = record()
    assert (given_up.state, given_up.job_id, given_up.result) == (State.DISCARDED, None, None)
    assert [(e.job_id, e.charged) for e in given_up.earlier] == [(first, "yes"), (None, "unknown")]
    assert again(result, "imagine") == "success"
    assert [e.job_id for e in record().earlier] == [first, None], "the discarded one is there once"
    assert at_api(*command(result, "imagine", "discard")).status == 0
    assert len(record().earlier) == 3


def test_many_records_of_a_mapped_task(sandbox, load_dag, run, api, at_api):
    sandbox.order_fault({"endpoint": "tasks.submit", "times": 2, **CUT})
    result = run(load_dag(MAPPED))
    dag_id = result.dag.dag_id
    assert sorted(result.states().values()) == ["failed", "failed", "success"]

    listed = at_api("ledger", "list", "--dag-id", dag_id, "--run-id", result.run_id)
    assert listed.status == 0
    assert "3 records: 1 finished, 2 intent" in listed.out
    rows = at_api("ledger", "list", "--dag-id", dag_id, "-o", "json").json
    assert sorted(r["map_index"] for r in rows) == [0, 1, 2]
    lost = next(r["map_index"] for r in rows if r["state"] == "intent")
    assert at_api("ledger", "list", "--dag-id", dag_id, "--older-than", "1h", "-o", "json").json == []
    assert at_api("ledger", "list", "--dag-id", dag_id, "--to-date", "2020-01-01", "-o", "json").json == []
    assert (
        at_api(
            "ledger",
            "list",
            "--dag-id",
            dag_id,
            "--from-date",
            "2020-01-01",
            "--task-id",
            "other",
            "-o",
            "json",
        ).json
        == []
    )

    unnamed = at_api(*command(result, "imagine", "show"))
    assert unnamed.status == 1
    assert "--map-index" in unnamed.err
    assert at_api(*command(result, "imagine", "show", map_index=2)).status == 0

    young = at_api("ledger", "discard", "--dag-id", dag_id, "--yes")
    assert young.status == 1
    assert "2 records kept" in young.out
    asked = at_api("ledger", "discard", "--force", "--dag-id", dag_id)
    assert asked.status == 1
    assert "2 records to discard; 2 of them of a submission that was, or may have been, charged" in asked.out
    assert "--yes" in asked.err
    assert api.stored(dag_id, result.run_id, "imagine", lost)["value"]["state"] == "intent"

    done = at_api("ledger", "discard", "--force", "--dag-id", dag_id, "--yes")
    assert done.status == 0, done.err
    assert "Discarded 2 records." in done.out
    states = [r["state"] for r in at_api("ledger", "list", "--dag-id", dag_id, "-o", "json").json]
    assert sorted(states) == ["discarded", "discarded", "finished"]
    everything = at_api("ledger", "discard", "--dag-id", dag_id, "--state", "all", "--yes")
    assert everything.status == 0
    assert "1 record to discard; 0 of them" in everything.out
    left = at_api("ledger", "list", "--dag-id", dag_id, "--state", "open", "-o", "json").json
    assert left == []
    nothing = at_api("ledger", "discard", "--dag-id", dag_id, "--state", "all", "--yes")
    assert "there is nothing to discard" in nothing.out


def test_what_another_wrote_is_unreadable_and_can_be_discarded(sandbox, load_dag, run, api, at_api):
    result = run(load_dag(IMAGINE.replace('"a lighthouse"', '"a lighthouse", wait_for_completion=False')))
    dag_id, run_id = result.dag.dag_id, result.run_id
    path = (
        f"/dags/{dag_id}/dagRuns/{run_id.replace('+', '%2B')}/taskInstances/imagine/state-store/orux_ledger"
    )
    api.request("PUT", path, params={"map_index": -1}, json={"value": {"ref": "s3://elsewhere"}})
    (row,) = at_api("ledger", "list", "--dag-id", dag_id, "--state", "unreadable", "-o", "json").json
    assert row["record"] is None
    assert row["expires"] is True
    shown = at_api(*command(result, "imagine", "show"))
    assert "unreadable" in shown.out
    assert at_api(*command(result, "imagine", "settle", job_id="task_1")).status == 1
    young = at_api("ledger", "discard", "--dag-id", dag_id, "--state", "all", "--yes")
    assert young.status == 1
    assert "kept: it cannot be read and was written" in young.out
    assert at_api(*command(result, "imagine", "discard")).status == 1
    assert at_api("ledger", "discard", "--dag-id", dag_id, "--state", "all", "--yes", "--force").status == 0
    assert at_api(*command(result, "imagine", "show")).status == 1


def test_an_unreadable_record_without_an_age_says_so(monkeypatch):
    from airflow_provider_orux.cli.ledger.discard import _going, _lost, _under_way
    from airflow_provider_orux.cli.ledger.instances import Instance, LedgerEntry

    instance = Instance("d", "r", "t", facts={"state": "failed"})
    entry = LedgerEntry(instance, None, "not ours")
    assert _under_way(entry, None, {}, 1e9) is None
    assert "its age is not known" in _going(entry)
    assert "its age was not known" in _lost(entry)
    old = LedgerEntry(instance, None, "not ours", updated=1e9 - 86_400)
    assert _under_way(old, None, {}, 1e9) is None
    assert _going(old) == "discard"


def test_refusals_of_airflow_are_told_in_words(api, at_api, orux, monkeypatch):
    unknown = at_api("ledger", "show", "no_dag", "no run+1", "no_task")
    assert unknown.status == 1
    assert "There is no task instance no_dag no run+1 no_task" in unknown.err
    assert "Traceback" not in unknown.err
    bad = at_api("ledger", "show", "d", "r", "t", "--token", "not-a-token")
    assert bad.status == 1
    assert "rejects the token" in bad.err
    monkeypatch.setenv("AIRFLOW_API_TOKEN", api.token)
    assert "There is no task instance" in at_api("ledger", "show", "d", "r", "t").err
    elsewhere = orux("ledger", "list", "--api-url", f"{api.url}/elsewhere")
    assert elsewhere.status == 1
    assert "is not Airflow's API" in elsewhere.err  # its user interface answers there
    closed = orux("ledger", "list", "--api-url", "http://127.0.0.1:9")
    assert closed.status == 1
    assert "cannot be reached" in closed.err
