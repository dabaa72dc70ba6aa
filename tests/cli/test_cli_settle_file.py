"""``airflow orux ledger settle --file``: many answers at once, each checked as a single one is."""

from __future__ import annotations

import csv
import io

import pytest

from airflow_provider_orux.cli.errors import UsageError
from airflow_provider_orux.cli.ledger.settle import items_of

DAG = """
    import pendulum
    from airflow.sdk import DAG
    from airflow_provider_orux.operators.images import OruxGenerateImageOperator
    from airflow_provider_orux.operators.midjourney import OruxImagineOperator
    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
        one = OruxImagineOperator(task_id="one", prompt="a lighthouse")
        two = OruxImagineOperator(task_id="two", prompt="a teapot", trigger_rule="all_done")
        one >> two >> OruxGenerateImageOperator(
            task_id="image", model="gpt-image-2", prompt="a paper boat", options={"n": 2},
            deferrable=False, trigger_rule="all_done",
        )
"""
MAPPED = """
    import pendulum
    from airflow.sdk import DAG
    from airflow_provider_orux.operators.midjourney import OruxImagineOperator
    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
        OruxImagineOperator.partial(task_id="imagine").expand(prompt=["a fox", "a teapot", "a boat"])
"""


@pytest.mark.airflow
def test_what_was_listed_is_filled_in_and_settled(
    sandbox, load_dag, run, api, at_api, again, tmp_path, monkeypatch
):
    sandbox.order_fault({"endpoint": "*", "times": 3, "then": {"cut": "after"}})
    result = run(load_dag(DAG))
    dag_id, run_id = result.dag.dag_id, result.run_id
    assert set(result.states().values()) == {"failed"}
    assert len(sandbox.charges()) == 3
    jobs = {job["prompt"]: job for job in sandbox.jobs()}

    listed = at_api("ledger", "list", "--dag-id", dag_id, "--state", "intent", "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(listed.out)))
    assert {r["task_id"]: (r["kind"], r["map_index"], r["job_id"]) for r in rows} == {
        "one": ("job", "", ""),
        "two": ("job", "", ""),
        "image": ("images", "", ""),
    }
    by_task = {r["task_id"]: r for r in rows}
    filled = [
        by_task["one"] | {"job_id": jobs["a lighthouse"]["id"]},
        by_task["two"] | {"job_id": "not an id / of theirs"},
        *({**by_task["image"], "url": url} for url in jobs["a paper boat"]["urls"]),
        by_task["one"] | {"task_id": "other", "job_id": "task_other"},
    ]
    path = tmp_path / "lost.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(filled)

    ended = at_api("ledger", "settle", "--file", path)
    assert ended.status == 1, ended.err
    out = ended.out.splitlines()
    assert out[0] == f"line 2: settled: {dag_id} {run_id} one became job {jobs['a lighthouse']['id']}."
    assert out[1].startswith("line 3: refused:")
    assert "is not a job id" in out[1]
    assert out[2] == f"lines 4, 5: settled: {dag_id} {run_id} image became 2 images by URL."
    assert out[3].startswith("line 6: refused:")
    assert "There is no task instance" in out[3]
    assert "4 task instances: 2 settled, 0 unchanged, 2 refused." in out
    states = {t: api.stored(dag_id, run_id, t)["value"]["state"] for t in ("one", "two", "image")}
    assert states == {"one": "settled", "two": "intent", "image": "settled"}

    text = f"run_id,dag_id,task_id,job_id\n{run_id},{dag_id},two,{jobs['a teapot']['id']}\n"
    text += f"{run_id},{dag_id},one,{jobs['a lighthouse']['id']}\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    rest = at_api("ledger", "settle", "--file", "-")
    assert rest.status == 0, rest.err
    assert "2 task instances: 1 settled, 1 unchanged, 0 refused." in rest.out

    short = at_api("ledger", "show", "--dag-id", dag_id)
    assert short.status == 0
    assert short.out.count("A clear continues with the recorded job and pays nothing.") == 3
    assert "3 records." in short.out
    shown = at_api(
        "ledger", "show", "--dag-id", dag_id, "--state", "settled", "--task-id", "two", "-o", "json"
    ).json
    assert [(r["task_id"], r["state"]) for r in shown] == [("two", "settled")]
    assert "pays nothing" in shown[0]["next"][0]

    assert [again(result, t) for t in ("one", "two", "image")] == ["success"] * 3
    assert len(sandbox.charges()) == 3


@pytest.mark.airflow
def test_another_word_on_what_is_decided_is_refused_without_force(
    sandbox, load_dag, run, api, at_api, tmp_path
):
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"cut": "after"}})
    result = run(load_dag(MAPPED))
    dag_id, run_id = result.dag.dag_id, result.run_id
    path = tmp_path / "all.csv"
    lines = [f"{dag_id},{run_id},imagine,{index},task_{index}" for index in range(3)]
    path.write_text("\n".join(["dag_id,run_id,task_id,map_index,job_id", *lines, ""]))
    refused = at_api("ledger", "settle", "--file", path)
    assert refused.status == 1
    assert refused.out.count(": refused:") == 2
    assert refused.out.count("is finished") == 2
    assert refused.out.count(": settled:") == 1
    forced = at_api("ledger", "settle", "--file", path, "--force")
    assert forced.status == 0, forced.err
    assert "3 task instances: 2 settled, 1 unchanged, 0 refused." in forced.out
    stored = [api.stored(dag_id, run_id, "imagine", index)["value"] for index in range(3)]
    assert [(v["state"], v["job_id"]) for v in stored] == [("settled", f"task_{i}") for i in range(3)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no dag_id, run_id, task_id"),
        ("dag_id;run_id;task_id;job_id\nd;r;t;x\n", "no dag_id"),
        ("dag_id,run_id,task_id,jobid\nd,r,t,x\n", "neither job_id nor url"),
        ("dag_id,run_id,task_id,job_id\n", "no rows"),
        ("dag_id,run_id,task_id,job_id\nd,,t,x\n", "line 2 has no run_id"),
        ("dag_id,run_id,task_id,job_id\nd,r,t,x,y\n", "more values"),
        ("dag_id,run_id,task_id,map_index,job_id\nd,r,t,one,x\n", "map_index 'one', which is no number"),
        ("dag_id,run_id,task_id,job_id\nd,r,t,x\nd,r,t,y\n", "lines 2, 3 give d r t different jobs"),
        ("dag_id,run_id,task_id,job_id\nd,r,t,x\nd,r,u,x\n", "the same job x"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_as_a_whole(text, why, orux, tmp_path):
    with pytest.raises(UsageError, match=why):
        items_of(text.splitlines(keepends=True))
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    ended = orux("ledger", "settle", "--file", path)  # there is no Airflow here: it is not even asked
    assert ended.status == 2
    assert "Nothing was changed" in ended.err


def test_rows_are_read_as_spreadsheets_write_them():
    text = 'task_id , url, dag_id,run_id,map_index,note\r\n t,"https://x/1,2.png",d,"a, run",,\r\n,,,,,\r\nt,https://x/2,d,"a, run",-1,x'
    (item,) = items_of(io.StringIO(text, newline=""))
    assert (item.instance.run_id, item.instance.map_index, item.lines) == ("a, run", -1, [2, 4])
    assert item.urls == ["https://x/1,2.png", "https://x/2"]


@pytest.mark.parametrize(
    "words",
    [
        ["settle", "--file", "x.csv", "d", "r", "t"],
        ["settle", "--file", "x.csv", "--job-id", "x"],
        ["settle", "--job-id", "x"],
        ["settle", "d", "--job-id", "x"],
        ["show"],
        ["show", "d", "r", "t", "--dag-id", "d"],
        ["show", "--dag-id", "d", "--ask-gateway"],
    ],
)
def test_one_and_many_are_not_mixed(orux, words):
    assert orux("ledger", *words).status == 2


def test_a_file_that_is_not_there(orux, tmp_path):
    ended = orux("ledger", "settle", "--file", tmp_path / "none.csv")
    assert ended.status == 1
    assert "cannot be read" in ended.err
