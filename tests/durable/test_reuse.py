"""``reuse="always"``: an earlier result of the same request, without a charge."""

from __future__ import annotations

import hashlib
import json

import pytest

from airflow_provider_orux import storage
from airflow_provider_orux.durable.job import Finished
from airflow_provider_orux.durable.reuse import ResultStore, reuse_key_of
from airflow_provider_orux.lifecycle.record import State
from airflow_provider_orux.models.errors import AmbiguousSubmitError, ConfigurationError
from airflow_provider_orux.storage import DestinationError
from tests.durable.fakes import IMAGINE, LOST, OTHER, Log, World, relay

HOST = "https://orux.top"
CONTENT = reuse_key_of(IMAGINE, "orux", HOST)
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
    """The error of a storage that cannot be read."""
    errors = []

    def verify(manifest, *, conn_id, unreadable):
        raise errors[0]

    monkeypatch.setattr(storage, "verify_manifest", verify)
    return errors


def saved(tmp_path, content=CONTENT, job_id="task_7"):
    """A result in a folder of its own: one artifact and its manifest."""
    folder = tmp_path / "out" / job_id
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(b"an image")
    artifact = {
        "uri": f"file://{folder}/1.png", "url": "https://f/7", "media_type": "image/png", "width": 1, "height": 1,
        "bytes": 8, "sha256": hashlib.sha256(b"an image").hexdigest(),
    }  # fmt: skip
    result = {**RESULT, "job_id": job_id, "gateway": "orux", "artifacts": [artifact], "manifest": f"file://{folder}/manifest.json"}  # fmt: skip
    manifest = {
        "schema_version": 1, "gateway": "orux", "host": HOST, "conn_id": "orux_default", "job_id": job_id,
        "reuse_key": content, "artifacts": [{"name": "1.png", **artifact}],
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return result


def stored(tmp_path, **more):
    store = ResultStore(f"file://{tmp_path}", log=Log())
    store.remember(CONTENT, saved(tmp_path, **more))
    return store


def note_of(tmp_path):
    return tmp_path / CONTENT[:2] / f"{CONTENT}.json"


def change_file(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_remembered_result_is_found_without_its_urls(tmp_path):
    found = stored(tmp_path).find(CONTENT)
    assert (found["job_id"], found["charged"], found["price"]) == ("task_7", "no", None)
    assert [(a["uri"], a["url"]) for a in found["artifacts"]] == [
        (f"file://{tmp_path}/out/task_7/1.png", None)
    ]
    assert found["reused_from"] == f"file://{tmp_path}/out/task_7/manifest.json"


def test_another_request_has_no_earlier_result(tmp_path):
    assert stored(tmp_path).find(reuse_key_of(OTHER, "orux", HOST)) is None


def test_another_host_has_no_earlier_result(tmp_path):
    # The sandbox's drawing is not the product.
    assert stored(tmp_path).find(reuse_key_of(IMAGINE, "orux", "http://127.0.0.1:8000")) is None


def test_the_key_of_a_job_names_its_host():
    world = World(results=Results())
    world.start()
    assert world.record.reuse_key == reuse_key_of(IMAGINE, "orux", world.record.host)


def test_the_manifest_of_a_result_says_which_request_it_is_of():
    world = World(results=Results())
    world.finish()
    assert world.job.ledger.facts()["reuse_key"] == CONTENT


@pytest.mark.parametrize("harm", ["gone", "changed", "no manifest"])
def test_a_result_whose_files_are_not_what_they_were_is_not_used(tmp_path, harm):
    store = stored(tmp_path)
    folder = tmp_path / "out" / "task_7"
    if harm == "changed":
        (folder / "1.png").write_bytes(b"another.")
    else:
        (folder / ("1.png" if harm == "gone" else "manifest.json")).unlink()
    assert store.find(CONTENT) is None
    assert store.log.said("cannot be used")


@pytest.mark.parametrize(
    "change",
    [{"v": 9}, {"content": "x"}, {"result": None}, {"result": {}}, {"result": {**RESULT, "artifacts": "x"}},
     {"result": {**RESULT, "artifacts": [{}, {}]}}, {"manifest": "file:///elsewhere/manifest.json"}, {"manifest": 7}],
)  # fmt: skip
def test_a_note_that_is_not_ours_is_not_used(tmp_path, change):
    store = stored(tmp_path)
    change_file(note_of(tmp_path), **change)
    assert store.find(CONTENT) is None
    assert store.log.said("cannot be used")


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, '{"v": 2, "content": Infinity}', "7", '"x"', "x" * 2**21]
)
def test_a_note_that_is_no_note_is_not_used(tmp_path, text):
    store = stored(tmp_path)
    note_of(tmp_path).write_text(text)
    assert store.find(CONTENT) is None
    assert store.log.said("cannot be used")


def test_a_note_that_names_the_manifest_of_another_request_is_not_used(tmp_path):
    store = stored(tmp_path)
    other = saved(tmp_path, content=reuse_key_of(OTHER, "orux", HOST), job_id="task_8")
    change_file(note_of(tmp_path), result=other, manifest=other["manifest"])
    assert store.find(CONTENT) is None
    assert store.log.said("belongs to another request")


@pytest.mark.parametrize(
    "change",
    [{"job_id": "task_9"}, {"conn_id": "another"}, {"artifacts": []},
     {"artifacts": [{"uri": "file:///etc/passwd", "sha256": hashlib.sha256(b"an image").hexdigest(), "bytes": 8}]}],
)  # fmt: skip
def test_a_note_that_says_something_else_than_its_manifest_is_not_used(tmp_path, change):
    store = stored(tmp_path)
    result = json.loads(note_of(tmp_path).read_text())["result"]
    change_file(note_of(tmp_path), result={**result, **change})
    assert store.find(CONTENT) is None
    assert store.log.said("differs from its manifest")


def test_what_a_note_says_beside_a_result_is_not_handed_over(tmp_path):
    store = stored(tmp_path)
    result = json.loads(note_of(tmp_path).read_text())["result"]
    result["artifacts"][0]["url"] = "javascript:alert(1)"
    change_file(note_of(tmp_path), result={**result, "charged": "yes", "return_value": "x"})
    found = store.find(CONTENT)
    assert (found["charged"], found["artifacts"][0]["url"]) == ("no", None)
    assert "return_value" not in found


@pytest.mark.parametrize("content", ["../../../x", "", "A" * 64, "0" * 63, "0" * 64 + "/x"])
def test_a_name_that_is_no_fingerprint_writes_nothing(tmp_path, content):
    store = ResultStore(f"file://{tmp_path}/store", log=Log())
    store.remember(content, saved(tmp_path))
    assert store.log.said("could not be noted")
    assert store.find(content) is None
    assert not [p for p in tmp_path.rglob("*.json") if p.name != "manifest.json"]


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
