"""Pay once: what a retry does after each kind of failure, with the charges counted at the gateway."""

from __future__ import annotations

import pytest

from airflow_provider_orux.compat import COMMAND

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
    assert f"{COMMAND} ledger settle {result.dag.dag_id}" in out


def test_a_failed_job_is_paid_again_by_a_retry(sandbox, load_dag, run):
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"job": "fail", "error_code": "upstream_error"}})
    result = run(imagine(load_dag))
    assert result.states() == {"imagine": "success"}
    assert len(sandbox.charges()) == 2


def test_a_rejected_prompt_is_not_tried_again(sandbox, load_dag, run):
    sandbox.order_fault(
        {
            "endpoint": "tasks.submit",
            "times": 0,
            "then": {"job": "fail", "error_code": "content_policy_violation"},
        }
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


def test_a_retry_asks_for_fresh_urls_and_keeps_what_was_saved(sandbox, load_dag, run, tmp_path):
    sandbox.configure(grid="four")
    sandbox.order_fault({"endpoint": "files", "skip": 2, "times": 2, "then": {"status": 404}})
    result = run(imagine(load_dag, f"save_to='file://{tmp_path}/out'"))
    assert result.states() == {"imagine": "success"}
    assert len(sandbox.charges()) == 1
    assert len(list((tmp_path / "out").rglob("*.png"))) == 4
    # A dead URL is asked for once in a try, and what was saved is not fetched again.
    assert [r["status"] for r in sandbox.requests("files")] == [200, 200, 404, 404, 200, 200]


def test_a_store_of_links_that_is_down_for_a_moment(sandbox, load_dag, run, tmp_path):
    sandbox.configure(grid="four")
    sandbox.order_fault({"endpoint": "files", "skip": 2, "times": 5, "then": {"status": 503}})
    result = run(imagine(load_dag, f"save_to='file://{tmp_path}/out'"))
    assert result.states() == {"imagine": "success"}
    assert len(sandbox.charges()) == 1
    assert result.xcom("imagine")["returned"] == 4
    fetched = [r["path"] for r in sandbox.requests("files") if r["status"] == 200]
    assert len(fetched) == len(set(fetched)) == 4  # what was saved is not fetched again


CHANGING = """
    import uuid
    from datetime import timedelta
    import pendulum
    from airflow.sdk import DAG
    from airflow_provider_orux.operators.midjourney import OruxImagineOperator
    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None,
             user_defined_macros={"random": lambda: uuid.uuid4().hex}) as dag:
        OruxImagineOperator(task_id="imagine", prompt="a fox {{ random() }}", retries=2, retry_delay=timedelta(0),
                            save_to="file://%(out)s", %(more)s)
"""


@pytest.mark.parametrize(
    ("more", "state", "charges"),
    [
        ("", "failed", 1),
        ("on_request_changed='reattach'", "success", 1),
        ("on_request_changed='resubmit'", "success", 2),
        ("fingerprint_exclude=('prompt',)", "success", 1),
    ],
)
def test_a_request_that_changes_between_two_tries(
    sandbox, load_dag, run, tmp_path, more, state, charges, capfd
):
    sandbox.order_fault({"endpoint": "files", "times": 4, "then": {"status": 503}})
    result = run(load_dag(CHANGING % {"out": f"{tmp_path}/out", "more": more}))
    assert result.states() == {"imagine": state}
    assert len(sandbox.charges()) == charges
    if state == "failed":
        assert "field prompt" in "".join(capfd.readouterr())


SYNC = """
    from datetime import timedelta
    import pendulum
    from airflow.sdk import DAG
    from airflow_provider_orux.operators.images import OruxGenerateImageOperator
    with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
        OruxGenerateImageOperator(task_id="image", model="gpt-image-2", prompt="a fox", retries=2,
                                  retry_delay=timedelta(0), deferrable=False, %(more)s)
"""


@pytest.mark.parametrize(
    "then",
    [
        {"cut": "after"},
        {"cut": "mid_body"},
        {"malformed": "html", "after_accepting": True},
        {"malformed": "truncated_json", "after_accepting": True},
        {"status": 500, "code": "internal_error", "after_accepting": True},
        {"status": 504, "after_accepting": True},
    ],
    ids=lambda then: "-".join(str(v) for v in then.values()),
)
def test_a_synchronous_answer_that_is_lost_is_not_sent_again(sandbox, load_dag, run, then):
    sandbox.order_fault({"endpoint": "images.generate", "then": then})
    result = run(load_dag(SYNC % {"more": ""}))
    assert result.states() == {"image": "failed"}
    assert len(sandbox.charges()) == 1
    assert len(sandbox.requests("images.generate")) == 1


def test_resubmit_on_purpose_pays_at_most_once_more(sandbox, load_dag, run):
    sandbox.order_fault({"endpoint": "images.generate", "times": 0, "then": {"cut": "after"}})
    result = run(load_dag(SYNC % {"more": "on_ambiguous_submit='resubmit'"}))
    assert result.states() == {"image": "failed"}
    assert len(sandbox.charges()) == 2  # the first and one on purpose; not a third, though a retry is left


def test_a_synchronous_result_survives_a_failed_save(sandbox, load_dag, run, tmp_path):
    sandbox.order_fault({"endpoint": "files", "times": 4, "then": {"status": 503}})
    result = run(load_dag(SYNC % {"more": f"save_to='file://{tmp_path}/out'"}))
    assert result.states() == {"image": "success"}
    assert len(sandbox.charges()) == 1
    assert result.xcom("image")["job_id"].startswith("gen-")


def test_a_base64_answer_that_cannot_be_saved_at_once(sandbox, load_dag, run, tmp_path):
    result = run(
        load_dag(
            SYNC % {"more": f"save_to='file://{tmp_path}/out', options={{'response_format': 'b64_json'}}"}
        )
    )
    assert result.states() == {"image": "success"}
    assert len(sandbox.charges()) == 1


def test_bytes_that_went_with_the_process_are_not_paid_for_again_by_a_retry(
    sandbox, load_dag, run, tmp_path, monkeypatch, capfd
):
    from airflow_provider_orux.durable.delivery import Delivery

    def dies(self, job, **more):
        raise RuntimeError("the worker dies, as far as this task knows")

    monkeypatch.setattr(Delivery, "deliver", dies)
    more = f"options={{'response_format': 'b64_json'}}, save_to='file://{tmp_path}/out'"
    result = run(load_dag(SYNC % {"more": more}))
    assert result.states() == {"image": "failed"}
    assert len(sandbox.charges()) == 1
    out = "".join(capfd.readouterr())
    assert "JobExpiredError" in out
    assert "its images were inside the answer and died with the process" in out


def test_no_money_is_final_and_costs_nothing(sandbox, load_dag, run, capfd):
    sandbox.save_account(account="orux", balance=3)
    result = run(imagine(load_dag))
    assert result.states() == {"imagine": "failed"}
    assert len(sandbox.requests("tasks.submit")) == 1
    assert sandbox.charges() == []
    assert "InsufficientCreditsError" in "".join(capfd.readouterr())


def test_a_refused_key_before_paying_is_final(sandbox, load_dag, run):
    sandbox.order_fault(
        {"endpoint": "tasks.submit", "times": 0, "then": {"status": 401, "code": "sk_disabled"}}
    )
    result = run(imagine(load_dag))
    assert result.states() == {"imagine": "failed"}
    assert len(sandbox.requests("tasks.submit")) == 1


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_refused_key_while_waiting_does_not_end_a_paid_job(sandbox, load_dag, run, deferrable):
    sandbox.order_fault({"endpoint": "tasks.get", "times": 2, "then": {"status": 401, "code": "sk_disabled"}})
    result = run(imagine(load_dag, f"deferrable={deferrable}, poll_interval=0.1"))
    assert result.states() == {"imagine": "success"}
    assert len(sandbox.charges()) == 1


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_timeout_is_final_and_says_that_the_job_goes_on(sandbox, load_dag, run, deferrable, capfd):
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"job": "never_finish"}})
    result = run(imagine(load_dag, f"deferrable={deferrable}, timeout=1.5, poll_interval=0.3"))
    assert result.states() == {"imagine": "failed"}
    assert len(sandbox.charges()) == 1
    out = "".join(capfd.readouterr())
    assert "JobTimeoutError" in out
    assert "pays nothing" in out


def test_reuse_pays_once_for_the_same_request(sandbox, load_dag, run, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__ORUX__RESULTS_PATH", f"file://{tmp_path}/results")
    more = f"save_to='file://{tmp_path}/out', reuse='always'"
    first = run(load_dag(SYNC % {"more": more}))
    second = run(load_dag(SYNC % {"more": more}))
    assert (first.state, second.state) == ("success", "success")
    assert len(sandbox.charges()) == 1
    again = second.xcom("image")
    assert again["reused_from"] == first.xcom("image")["manifest"]
    assert again["charged"] == "no"
    # A result whose file is gone is not a result any more.
    next((tmp_path / "out").rglob("1.png")).unlink()
    third = run(load_dag(SYNC % {"more": more}))
    assert third.state == "success"
    assert len(sandbox.charges()) == 2


def test_reuse_does_not_pay_again_while_its_store_is_away(
    sandbox, load_dag, run, tmp_path, monkeypatch, capfd
):
    from airflow_provider_orux.storage.destination import Folder

    monkeypatch.setenv("AIRFLOW__ORUX__RESULTS_PATH", f"file://{tmp_path}/results")
    more = f"save_to='file://{tmp_path}/out', reuse='always'"
    assert run(load_dag(SYNC % {"more": more})).state == "success"
    real, failures = Folder.open, [TimeoutError("the store is slow")]

    def opened(folder, name):
        if failures and "results" in folder.uri:
            raise folder._failed("read", failures[0]) from failures.pop()
        return real(folder, name)

    monkeypatch.setattr(Folder, "open", opened)
    second = run(load_dag(SYNC % {"more": more}))
    assert second.state == "success"
    assert not failures
    assert second.xcom("image")["charged"] == "no"
    assert len(sandbox.charges()) == 1
    assert "A retry looks for the earlier result again" in "".join(capfd.readouterr())


def test_nothing_is_sent_without_a_ledger(sandbox, load_dag, run, monkeypatch):
    monkeypatch.delenv("AIRFLOW__ORUX__LEDGER_PATH", raising=False)
    dag = load_dag("""
        import pendulum
        from airflow.sdk import DAG
        from airflow_provider_orux.operators.midjourney import OruxImagineOperator

        class Storeless(OruxImagineOperator):
            def execute(self, context):
                return super().execute({**context, "task_state_store": None})

        with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
            Storeless(task_id="durable", prompt="a fox") >> OruxImagineOperator(
                task_id="not_durable", prompt="a fox", durable=False, trigger_rule="all_done"
            )
    """)
    result = run(dag)
    assert result.states() == {"durable": "failed", "not_durable": "success"}
    assert len(sandbox.charges()) == 1


def test_the_price_of_the_installations_table_stands_in_result_and_manifest(
    sandbox, load_dag, run, tmp_path, monkeypatch
):
    monkeypatch.setenv(
        "AIRFLOW__ORUX__PRICES", '{"orux": {"currency": "credits", "gpt-image-2": {"per_image": 8}}}'
    )
    result = run(load_dag(SYNC % {"more": f"save_to='file://{tmp_path}/out', options={{'n': 2}}"}))
    value = result.xcom("image")
    assert (value["price"], value["currency"]) == (16.0, "credits")
    assert '"price": 16.0' in next((tmp_path / "out").rglob("manifest.json")).read_text()


def test_the_wait_for_a_slot_is_bounded(sandbox, load_dag, run, capfd):
    sandbox.order_fault(
        {"endpoint": "tasks.submit", "times": 0, "then": {"status": 429, "code": "concurrency_exceeded"}}
    )
    result = run(imagine(load_dag, "capacity_timeout=0.5"))
    assert result.states() == {"imagine": "failed"}
    assert sandbox.charges() == []
    out = "".join(capfd.readouterr())
    assert "capacity_timeout" in out
    assert f"`{COMMAND} pool orux_default` makes a pool" in out


@pytest.fixture
def counted(monkeypatch):
    from airflow_provider_orux import metrics

    counted: dict[str, int] = {}

    def incr(name, by, *, tags):
        counted[name] = counted.get(name, 0) + by

    monkeypatch.setattr(metrics, "incr", incr)
    return counted


def test_the_task_that_saves_counts_what_it_wrote(sandbox, load_dag, run, tmp_path, counted):
    sandbox.order_fault({"endpoint": "files", "times": 4, "then": {"status": 503}})
    dag = load_dag(
        f"""
        from datetime import timedelta
        import pendulum
        from airflow.sdk import DAG
        from airflow_provider_orux.operators.jobs import OruxSaveArtifactsOperator
        from airflow_provider_orux.operators.midjourney import OruxImagineOperator
        with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
            grid = OruxImagineOperator(task_id="grid", prompt="a fox", poll_interval=0.1)
            for name in ("save", "again"):
                grid >> OruxSaveArtifactsOperator(task_id=name, job_id=grid.output["job_id"], save_to="file://{tmp_path}/out",
                                                  retries=1, retry_delay=timedelta(0))
            dag.get_task("save") >> dag.get_task("again")
    """
    )
    assert run(dag).state == "success"
    images = list((tmp_path / "out").rglob("*.png"))
    assert counted["orux.saved_bytes"] == sum(p.stat().st_size for p in images) > 1000


def test_what_was_done_is_counted(sandbox, load_dag, run, tmp_path, counted):
    sandbox.order_fault({"endpoint": "files", "times": 4, "then": {"status": 503}})
    result = run(imagine(load_dag, f"save_to='file://{tmp_path}/out'"))
    assert result.states() == {"imagine": "success"}
    assert counted["orux.submissions"] == 1
    assert counted["orux.reattached"] == 1
    assert counted["orux.saved_bytes"] > 1000


def test_what_is_spent_is_counted_once_for_each_charge(
    sandbox, load_dag, run, tmp_path, counted, monkeypatch
):
    """Submitted, waited for and saved by three tasks: the one that pays counts, however often the others run."""
    monkeypatch.setenv("AIRFLOW__ORUX__PRICES", '{"orux": {"currency": "credits", "midjourney-v7": 20}}')
    result = run(
        load_dag(f"""
        import pendulum
        from airflow.sdk import DAG
        from airflow_provider_orux.operators.jobs import OruxSaveArtifactsOperator, OruxSubmitJobOperator
        from airflow_provider_orux.sensors.jobs import OruxJobSensor
        with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
            grid = OruxSubmitJobOperator(task_id="grid", model="midjourney-v7", prompt="a fox", wait_for_completion=False)
            wait = OruxJobSensor(task_id="wait", job_id=grid.output["job_id"], poke_interval=0.1)
            save = OruxSaveArtifactsOperator(task_id="save", job_id=grid.output["job_id"], save_to="file://{tmp_path}/out")
            grid >> wait >> save
    """)
    )
    assert result.state == "success", result.states()
    assert counted["orux.spent"] == 20
    assert [result.xcom(name)["charged"] for name in ("grid", "wait", "save")] == ["unknown", "yes", "yes"]
    assert result.xcom("grid")["price"] == 20.0
    for free in ("wait", "save"):
        assert result.again(free) == "success"
    assert counted["orux.spent"] == 20
    assert result.again("grid") == "success"
    assert len(sandbox.charges()) == 2
    assert counted["orux.spent"] == 40
    # The cost of both is there: for the gallery, and in the ledger for `orux cost`.
    (earlier,) = result.xcom("grid", "orux_job")["earlier"]
    assert (earlier["price"], earlier["currency"]) == (20.0, "credits")
