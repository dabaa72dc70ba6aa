"""A run that was deleted and created again under the same id is a new run, whichever store holds the ledger."""

from __future__ import annotations

import pendulum
import pytest

from demo.airflow_home import ledger

pytestmark = pytest.mark.airflow

SOURCE = """
    import pendulum
    from airflow.sdk import DAG
    from airflow_provider_orux.operators.midjourney import OruxImagineOperator
    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
        OruxImagineOperator(task_id="imagine", prompt="a lighthouse")
"""
MONDAY = pendulum.datetime(2026, 3, 2)


@pytest.fixture(params=["Airflow's store", "the log"])
def store(request, sandbox, monkeypatch):
    if request.param == "the log":
        monkeypatch.setenv("AIRFLOW__ORUX__LEDGER_PATH", "local")
    elif ledger():
        pytest.skip("this Airflow has no task state store")


def test_it_pays_anew(store, sandbox, load_dag, run):
    """``dag.test()`` deletes a run of the same id and creates it again."""
    dag = load_dag(SOURCE)
    first = run(dag, logical_date=MONDAY, run_after=MONDAY)
    again = run(dag, logical_date=MONDAY, run_after=MONDAY)
    assert (first.state, again.state) == ("success", "success")
    assert first.run_id == again.run_id
    assert len(sandbox.charges()) == 2


def test_a_clear_of_the_same_run_knows_its_record(store, sandbox, load_dag, run):
    """A green task that a person clears pays for a new result, and the record says what came before."""
    result = run(load_dag(SOURCE))
    assert result.again("imagine") == "success"
    assert len(sandbox.charges()) == 2
