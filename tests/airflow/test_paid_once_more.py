"""What is paid for and not yet saved is found again: after a clear, a refusal, a changed prompt, a key that was refused."""

from __future__ import annotations

import pytest

from airflow_provider_orux.compat import COMMAND

pytestmark = pytest.mark.airflow

DAG = """
    from datetime import timedelta
    import pendulum
    from airflow.sdk import DAG
    from airflow_provider_orux.models.requests import CustomRequest
    from airflow_provider_orux.operators.images import OruxGenerateImageOperator
    from airflow_provider_orux.operators.midjourney import OruxBlendOperator, OruxImagineOperator
    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None,
             default_args={"retries": %(retries)s, "retry_delay": timedelta(0)}) as dag:
        %(task)s
"""
PROMPT = "{{ var.value.prompt }}"


def dag(load_dag, task: str, retries: int = 0):
    return load_dag(DAG % {"task": task, "retries": retries})


def imagine(load_dag, tmp_path, more: str = "", retries: int = 0):
    task = f'OruxImagineOperator(task_id="pay", prompt="{PROMPT}", save_to="file://{tmp_path}/out", {more})'
    return dag(load_dag, task, retries)


@pytest.fixture
def prompt(monkeypatch):
    def render(text: str) -> None:
        monkeypatch.setenv("AIRFLOW_VAR_PROMPT", text)

    render("a fox")
    return render


def no_save(sandbox, times: int = 0) -> None:
    sandbox.order_fault({"endpoint": "files", "times": times, "then": {"status": 503}})


def test_a_refused_new_submission_leaves_the_paid_job_known(sandbox, load_dag, run, tmp_path, prompt):
    """Cleared with another prompt, the gateway refuses that one; with the old prompt the old job is gone on with."""
    no_save(sandbox)
    result = run(imagine(load_dag, tmp_path))
    assert result.states() == {"pay": "failed"}
    sandbox.clear_faults()
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"status": 400, "code": "invalid_param"}})
    prompt("a fox, sitting")
    assert result.again("pay") == "failed"
    prompt("a fox")
    assert result.again("pay") == "success"
    assert len(sandbox.charges()) == 1


def test_a_clear_that_reattaches_stays_reattached(sandbox, load_dag, run, tmp_path, prompt):
    """on_clear='reattach' with another prompt: the next try of that clear is no change of the request."""
    no_save(sandbox)
    result = run(imagine(load_dag, tmp_path, "on_clear='reattach'"))
    prompt("a fox, sitting")
    assert result.again("pay") == "failed"
    sandbox.clear_faults()
    assert result.again("pay") == "success"
    assert len(sandbox.charges()) == 1


def test_a_key_that_is_refused_at_the_look_of_a_retry(sandbox, load_dag, run, tmp_path, prompt):
    no_save(sandbox, times=4)
    result = run(imagine(load_dag, tmp_path, "deferrable=False, poll_interval=0.2"))
    assert result.states() == {"pay": "failed"}
    sandbox.clear_faults()
    sandbox.order_fault({"endpoint": "tasks.get", "times": 3, "then": {"status": 401, "code": "sk_disabled"}})
    assert result.again("pay") == "success"
    assert len(sandbox.charges()) == 1


def test_a_destination_that_went_wrong_is_not_told_as_nothing_paid(
    sandbox, load_dag, run, tmp_path, prompt, monkeypatch, capfd
):
    monkeypatch.setenv("AIRFLOW_VAR_WHERE", f"file://{tmp_path}/out")
    no_save(sandbox)
    task = f'OruxImagineOperator(task_id="pay", prompt="{PROMPT}", save_to="{{{{ var.value.where }}}}")'
    result = run(dag(load_dag, task))
    (charge,) = sandbox.charges()
    sandbox.clear_faults()
    capfd.readouterr()
    monkeypatch.setenv("AIRFLOW_VAR_WHERE", "nosuchscheme://bucket/out")
    assert result.again("pay") == "failed"
    out = "".join(capfd.readouterr())
    assert f"job {charge['job_id']}" in out
    assert "Nothing was sent" not in out
    monkeypatch.setenv("AIRFLOW_VAR_WHERE", f"file://{tmp_path}/out")
    assert result.again("pay") == "success"
    assert len(sandbox.charges()) == 1


def test_a_connection_that_is_gone_is_named_together_with_the_job(
    sandbox, load_dag, run, tmp_path, prompt, monkeypatch, capfd
):
    monkeypatch.setenv("AIRFLOW_VAR_CONN", "orux_default")
    no_save(sandbox)
    result = run(imagine(load_dag, tmp_path, 'conn_id="{{ var.value.conn }}"'))
    (charge,) = sandbox.charges()
    sandbox.clear_faults()
    capfd.readouterr()
    monkeypatch.setenv("AIRFLOW_VAR_CONN", "no_such_connection")
    assert result.again("pay") == "failed"
    out = "".join(capfd.readouterr())
    assert "ConfigurationError" in out
    assert "There is no connection 'no_such_connection'" in out
    assert f"holds job {charge['job_id']} of an earlier attempt" in " ".join(out.split())


def test_a_synchronous_image_whose_link_died_names_the_way_out(
    sandbox, load_dag, run, tmp_path, prompt, capfd
):
    sandbox.order_fault({"endpoint": "files", "times": 0, "then": {"status": 404}})
    task = (
        f'OruxGenerateImageOperator(task_id="pay", model="gpt-image-2", prompt="{PROMPT}", deferrable=False, '
        f'save_to="file://{tmp_path}/out")'
    )
    result = run(dag(load_dag, task))
    assert result.states() == {"pay": "failed"}
    out = "".join(capfd.readouterr())
    assert "no job to ask for a fresh URL" in out
    assert f"{COMMAND} ledger discard {result.dag.dag_id}" in out


def test_two_prompts_are_two_requests_for_reuse(sandbox, load_dag, run, tmp_path, prompt, monkeypatch):
    """fingerprint_exclude says what is no change between two tries; it does not make two requests one."""
    monkeypatch.setenv("AIRFLOW__ORUX__RESULTS_PATH", f"file://{tmp_path}/results")
    more = "reuse='always', fingerprint_exclude=('prompt',)"
    assert run(imagine(load_dag, tmp_path, more)).state == "success"
    prompt("a teapot")
    assert run(imagine(load_dag, tmp_path, more)).state == "success"
    assert len(sandbox.charges()) == 2
    assert run(imagine(load_dag, tmp_path, more)).state == "success"
    assert len(sandbox.charges()) == 2


def test_reuse_knows_an_image_by_its_bytes(sandbox, load_dag, run, tmp_path, prompt, monkeypatch):
    from PIL import Image

    monkeypatch.setenv("AIRFLOW__ORUX__RESULTS_PATH", f"file://{tmp_path}/results")
    monkeypatch.setenv("AIRFLOW_CONN_YESCALE_DEFAULT", sandbox.connection("yescale"))
    source = tmp_path / "in.png"
    task = f'OruxBlendOperator(task_id="pay", conn_id="yescale_default", images=["{source}", "{source}"], reuse="always", save_to="file://{tmp_path}/out")'
    for color, charges in (("red", 1), ("red", 1), ("blue", 2)):
        Image.new("RGB", (64, 64), color).save(source)
        assert run(dag(load_dag, task)).state == "success"
        assert len(sandbox.charges()) == charges


def test_without_a_ledger_a_lost_answer_is_final_even_with_an_idempotency_key(
    sandbox, load_dag, run, tmp_path, prompt, monkeypatch
):
    """A retry would not know the key."""
    monkeypatch.setenv("AIRFLOW_CONN_RELAY", sandbox.connection("opengpu_relay"))
    sandbox.order_fault({"endpoint": "relay.submit", "times": 0, "then": {"cut": "after"}})
    task = (
        f'OruxGenerateImageOperator(task_id="pay", model="Qwen/qwen-image", prompt="{PROMPT}", conn_id="relay", '
        f'durable=False, save_to="file://{tmp_path}/out")'
    )
    result = run(dag(load_dag, task, retries=2))
    assert result.states() == {"pay": "failed"}
    assert len(sandbox.jobs()) == 1


def test_bytes_that_would_have_nowhere_to_go_are_not_paid_for(
    sandbox, load_dag, run, prompt, monkeypatch, capfd
):
    """A model that is sent by name answers with base64, as its catalogue says, and the task saves nothing."""
    monkeypatch.setenv("AIRFLOW_CONN_RELAY", sandbox.connection("opengpu_relay"))
    task = (
        'OruxGenerateImageOperator(task_id="pay", conn_id="relay", '
        'request=CustomRequest(name="black-forest-labs/FLUX-2-pro", body={"prompt": "a fox", "width": 64, "height": 64}))'
    )
    result = run(dag(load_dag, task))
    assert result.states() == {"pay": "failed"}
    out = "".join(capfd.readouterr())
    assert "have nowhere to go" in out.replace("\\n", " ")
    assert "Not charged." in out
    assert sandbox.charges() == []
