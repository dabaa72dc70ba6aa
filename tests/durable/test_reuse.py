"""``reuse="always"``: an earlier result of the same request, without a charge."""

from __future__ import annotations

import json

import pytest

from airflow_provider_orux import storage
from airflow_provider_orux.durable.job import Finished
from airflow_provider_orux.durable.reuse import ResultStore, reuse_key_of
from airflow_provider_orux.lifecycle.record import State
from airflow_provider_orux.models.errors import AmbiguousSubmitError, ConfigurationError
from airflow_provider_orux.storage import DestinationError
from tests.durable.fakes import IMAGINE, LOST, OTHER, Log, World, relay

CONTENT = reuse_key_of(IMAGINE, "orux")
RESULT = {
    "job_id": "task_7", "conn_id": "orux_default", "charged": "yes", "price": 20.0, "returned": 1,
    "artifacts": [{"uri": "file:///7/1.png", "url": "https://f/7"}], "manifest": "file:///7/manifest.json",
}  # fmt: skip


class Results:
    """The store of earlier results, in memory."""

    def __init__(self, earlier=None):
        self.earlier, self.remembered, self.asked = earlier, {}, []

    def find(self, content, *, conn_id=None):
        self.asked.append(content)
        if isinstance(self.earlier, Exception):
            raise self.earlier
        return self.earlier

    def remember(self, content, result):
        self.remembered[content] = result


EARLIER = {**RESULT, "charged": "no", "price": None, "reused_from": RESULT["manifest"]}


# -- what the job does with it ---------------------------------------------------------------------------------
def test_an_earlier_result_is_returned_and_nothing_is_paid():
    world = World(results=Results(EARLIER))
    step = world.start()
    assert isinstance(step, Finished)
    assert step.result["reused_from"] == RESULT["manifest"]
    assert world.charges == 0
    assert (world.state, world.record.job_id) == (State.FINISHED, "task_7")


def test_a_retry_returns_the_reused_result():
    world = World(results=Results(EARLIER))
    world.start()
    world.retry()
    assert world.start().result["job_id"] == "task_7"
    assert world.charges == 0


def test_without_a_ledger_an_earlier_result_is_returned_all_the_same():
    world = World(durable=False, results=Results(EARLIER))
    assert world.start().result["job_id"] == "task_7"
    assert (world.charges, world.rows.values) == (0, {})


def test_what_was_paid_for_before_stays_in_the_record_of_a_reused_result():
    world = World(results=Results())
    world.finish()
    world.delivered()
    world.results.earlier = EARLIER
    world.clear()
    world.start()
    assert [e.job_id for e in world.record.earlier] == ["task_1"]


def test_without_an_earlier_result_the_job_is_paid_for_and_remembered():
    world = World(results=Results())
    result = world.finish()
    assert world.results.remembered == {CONTENT: result}
    assert world.charges == 1


def test_a_result_that_is_not_whole_is_not_remembered():
    world = World(results=Results(), save_to=None)
    world.finish()
    assert world.results.remembered == {}


def test_a_store_of_results_that_does_not_answer_sends_nothing():
    world = World(results=Results(DestinationError("away", charged="no")))
    with pytest.raises(DestinationError):
        world.start()
    assert (world.charges, world.state) == (0, None)


def test_a_resend_does_not_look_for_an_earlier_result():
    world = relay(results=Results())
    world.client.answers = [LOST] * 5
    with pytest.raises(AmbiguousSubmitError):
        world.start()
    del world.results.asked[:]
    world.retry()
    world.start()
    assert world.results.asked == []


# -- the store itself ------------------------------------------------------------------------------------------
@pytest.fixture
def verified(monkeypatch):
    """What is wrong with the artifacts of a manifest; nothing, unless a test says so."""
    problems = []

    def verify(manifest, *, conn_id, unreadable):
        if problems and isinstance(problems[0], Exception):
            raise problems[0]
        return problems

    monkeypatch.setattr(storage, "verify_manifest", verify)
    return problems


def stored(tmp_path):
    store = ResultStore(f"file://{tmp_path}", log=Log())
    store.remember(CONTENT, RESULT)
    return store


def note_of(tmp_path):
    return tmp_path / CONTENT[:2] / f"{CONTENT}.json"


def test_a_remembered_result_is_found_without_its_urls(tmp_path, verified):
    found = stored(tmp_path).find(CONTENT)
    assert (found["job_id"], found["charged"], found["price"]) == ("task_7", "no", None)
    assert found["artifacts"] == [{"uri": "file:///7/1.png", "url": None}]
    assert found["reused_from"] == RESULT["manifest"]


def test_another_request_has_no_earlier_result(tmp_path, verified):
    assert stored(tmp_path).find(reuse_key_of(OTHER, "orux")) is None


def test_a_result_whose_files_are_gone_is_not_used(tmp_path, verified):
    verified.append("1.png is gone")
    store = stored(tmp_path)
    assert store.find(CONTENT) is None
    assert store.log.said("1.png is gone")


@pytest.mark.parametrize(
    "change",
    [{"v": 9}, {"content": "x"}, {"result": None}, {"result": {}}, {"result": {**RESULT, "artifacts": "x"}}],
)
def test_a_note_that_is_not_ours_is_not_used(tmp_path, verified, change):
    store = stored(tmp_path)
    note_of(tmp_path).write_text(json.dumps({**json.loads(note_of(tmp_path).read_text()), **change}))
    assert store.find(CONTENT) is None
    assert store.log.said("cannot be used")


def test_a_storage_that_does_not_answer_proves_nothing(tmp_path, verified):
    store = stored(tmp_path)
    verified.append(DestinationError("away"))
    with pytest.raises(DestinationError, match="Cannot tell") as caught:
        store.find(CONTENT)
    assert caught.value.charged == "no"


def test_a_storage_that_cannot_be_used_is_a_matter_of_the_configuration(tmp_path, verified):
    store = stored(tmp_path)
    verified.append(ConfigurationError("no s3fs"))
    with pytest.raises(ConfigurationError, match="cannot look for an earlier result"):
        store.find(CONTENT)


def test_a_result_that_cannot_be_remembered_is_a_warning(tmp_path):
    log = Log()
    (tmp_path / CONTENT[:2]).write_text("in the way")
    ResultStore(f"file://{tmp_path}", log=log).remember(CONTENT, RESULT)
    assert log.said("could not be noted for reuse")


@pytest.mark.parametrize(
    ("executor", "warned"),
    [("LocalExecutor", False), ("CeleryExecutor", True), ("LocalExecutor,KubernetesExecutor", True),
     ("local:airflow.executors.local_executor.LocalExecutor;team=LocalExecutor", False)],
)  # fmt: skip
def test_a_local_folder_is_only_shared_where_all_tasks_run_on_one_machine(
    monkeypatch, tmp_path, executor, warned
):
    monkeypatch.setenv("AIRFLOW__ORUX__RESULTS_PATH", f"file://{tmp_path}")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    log = Log()
    ResultStore.configured(log=log)
    assert log.said("unless that folder is shared") is warned


def test_a_shared_store_is_believed(monkeypatch):
    monkeypatch.setenv("AIRFLOW__ORUX__RESULTS_PATH", "s3://bucket/results")
    assert ResultStore.configured(log=Log()).path == "s3://bucket/results"
