"""The store of ``reuse="always"``: only a proven absence means that there is no earlier result."""

from __future__ import annotations

import json
import logging
from hashlib import sha256
from typing import Any

import pytest

from airflow_provider_orux.durable.reuse import ResultStore
from airflow_provider_orux.models.errors import ConfigurationError
from airflow_provider_orux.storage import DestinationError
from tests.storage.stores import Store, attached

CONTENT = "ab" * 32
NOTE = f"notes/results/{CONTENT[:2]}/{CONTENT}.json"
IMAGE, MANIFEST = "images/job-1/1.png", "images/job-1/manifest.json"
LOG = logging.getLogger(__name__)


class Flaky(Store):
    """A store where single files can be out of reach."""

    def __init__(self) -> None:
        super().__init__()
        self.away: dict[str, Exception] = {}
        self.listing: set[str] | None = None

    def _open(self, path: str, mode: str = "rb", block_size: Any = None, **options: Any) -> Any:
        name = self._strip_protocol(path)
        if mode == "rb" and name in self.away:
            raise self.away[name]
        if mode == "rb" and self.listing is not None and name not in self.listing:
            raise FileNotFoundError(name)
        return super()._open(path, mode, block_size, **options)

    def invalidate_cache(self, path: str | None = None) -> None:
        self.listing = None


@pytest.fixture
def store() -> Flaky:
    return Flaky()


@pytest.fixture
def conn_id(store: Flaky) -> str:
    return attached(store)


@pytest.fixture
def results(store: Flaky, conn_id: str) -> ResultStore:
    """With one noted result, saved under a connection that its URI does not name."""
    entry = {"name": "1.png", "bytes": 3, "sha256": sha256(b"png").hexdigest()}
    store.files[IMAGE] = b"png"
    facts = {"job_id": "job-1", "conn_id": "c", "gateway": "orux"}
    manifest = {"schema_version": 1, **facts, "reuse_key": CONTENT, "artifacts": [entry]}
    store.files[MANIFEST] = json.dumps(manifest).encode()
    artifact = {"uri": f"s3://{IMAGE}", "bytes": 3, "sha256": entry["sha256"]}
    found = ResultStore(f"s3://{conn_id}@notes/results", log=LOG)
    found.remember(CONTENT, {**facts, "manifest": f"s3://{MANIFEST}", "artifacts": [artifact]})
    assert NOTE in store.files
    return found


def test_an_earlier_result_is_found_through_the_connection_of_its_storage(results, conn_id):
    found = results.find(CONTENT, conn_id=conn_id)
    assert found is not None
    assert (found["job_id"], found["charged"], found["reused_from"]) == ("job-1", "no", f"s3://{MANIFEST}")


@pytest.mark.parametrize("file", [NOTE, MANIFEST, IMAGE])
@pytest.mark.parametrize("error", [PermissionError, TimeoutError, ConnectionResetError, RuntimeError])
def test_a_store_that_does_not_answer_is_no_proof(results, store, conn_id, file, error):
    store.away[file] = error("not now")
    with pytest.raises(DestinationError) as caught:
        results.find(CONTENT, conn_id=conn_id)
    assert not caught.value.final
    assert caught.value.charged == "no"
    assert "Nothing was sent. A retry looks" in str(caught.value)
    store.away.clear()
    assert results.find(CONTENT, conn_id=conn_id) is not None


@pytest.mark.parametrize("file", [NOTE, MANIFEST, IMAGE])
def test_what_is_gone_or_changed_is_no_earlier_result(results, store, conn_id, file):
    content = store.files.pop(file)
    assert results.find(CONTENT, conn_id=conn_id) is None
    store.files[file] = content[:-1] + b"?"
    assert results.find(CONTENT, conn_id=conn_id) is None


def test_a_listing_kept_from_earlier_does_not_hide_a_new_note(results, store, conn_id):
    store.listing = {MANIFEST, IMAGE}
    assert results.find(CONTENT, conn_id=conn_id) is not None


def test_a_storage_that_cannot_be_used_as_it_is_is_no_proof_either(results, store, conn_id):
    note = json.loads(store.files[NOTE])
    elsewhere = {"manifest": "nosuch://bucket/job-1/manifest.json"}
    store.files[NOTE] = json.dumps({**note, **elsewhere, "result": {**note["result"], **elsewhere}}).encode()
    with pytest.raises(ConfigurationError) as caught:
        results.find(CONTENT, conn_id=None)
    assert caught.value.charged == "no"
    assert "storage_conn_id" in str(caught.value)


@pytest.mark.parametrize(
    ("executor", "warned"),
    [
        ("LocalExecutor", False),
        ("LocalExecutor,CeleryExecutor", True),
        ("LocalExecutor, far:my.module.Remote", True),
        ("here:airflow.executors.local_executor.LocalExecutor", False),
        ("LocalExecutor;team1=CeleryExecutor", True),
        ("LocalKubernetesExecutor", True),
        ("CeleryExecutor", True),
    ],
)
def test_a_local_folder_under_any_distributed_executor_is_warned_about(monkeypatch, caplog, executor, warned):
    monkeypatch.setenv("AIRFLOW__ORUX__RESULTS_PATH", "file:///shared/results")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    ResultStore.configured(log=LOG)
    assert ("unless that folder is shared" in caplog.text) is warned
    caplog.clear()
    monkeypatch.setenv("AIRFLOW__ORUX__RESULTS_PATH", "s3://bucket/results")
    ResultStore.configured(log=LOG)
    assert caplog.text == ""
