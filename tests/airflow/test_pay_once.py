"""Pay once: what a retry does after each kind of failure, with the charges counted at the gateway."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.airflow

IMAGINE = """
    from datetime import timedelta
    import pendulum
    from airflow.sdk import DAG
    from airflow_provider_orux.operators.midjourney import OruxImagineOperator
    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
        OruxImagineOperator(task_id="imagine", prompt=%(prompt)r, retries=2, retry_delay=timedelta(0), %(more)s)
"""


def imagine(load_dag, more: str = "", prompt: str = "a lighthouse"):
    return load_dag(IMAGINE % {"prompt": prompt, "more": more})


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_lost_answer_is_not_sent_again(sandbox, load_dag, run, deferrable, capfd):
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"cut": "after"}})
    result = run(imagine(load_dag, f"deferrable={deferrable}"))
    assert result.states() == {"imagine": "failed"}
    assert len(sandbox.charges()) == 1
    assert len(sandbox.requests("tasks.submit")) == 1
    out = "".join(capfd.readouterr())
    assert "AmbiguousSubmitError" in out
    assert f"airflow orux ledger settle {result.dag.dag_id}" in out


def test_a_failed_job_is_paid_again_by_a_retry(sandbox, load_dag, run):
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"job": "fail", "error_code": "upstream_error"}})
    result = run(imagine(load_dag))
    assert result.states() == {"imagine": "success"}
    assert len(sandbox.charges()) == 2


def test_a_rejected_prompt_is_not_tried_again(sandbox, load_dag, run):
    sandbox.order_fault(
        {"endpoint": "tasks.submit", "times": 0, "then": {"job": "fail", "error_code": "content_policy_violation"}}
    )
    result = run(imagine(load_dag))
    assert result.states() == {"imagine": "failed"}
    assert len(sandbox.charges()) == 1


def test_a_full_gateway_reschedules(sandbox, load_dag, run):
    sandbox.order_fault(
        {"endpoint": "tasks.submit", "times": 6, "then": {"status": 429, "code": "concurrency_exceeded"}}
    )
    result = run(imagine(load_dag))
    assert result.states() == {"imagine": "success"}
    assert len(sandbox.charges()) == 1
