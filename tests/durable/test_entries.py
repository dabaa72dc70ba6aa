"""The append-only ledger on real stores: a folder, S3, Google Cloud Storage, Azure."""

from __future__ import annotations

import errno
import os
import threading
import uuid
from pathlib import Path
from typing import Any, ClassVar

import pytest

from airflow_provider_orux.durable import entries as module
from airflow_provider_orux.durable.entries import LocalRoot, ObjectRoot, check_root, open_root
from airflow_provider_orux.durable.log_store import LogStore
from airflow_provider_orux.models.errors import ConfigurationError, LedgerError
from tests.durable.fakes import World
from tests.durable.interleavings import INSTANCE, Attempt, explore
from tests.durable.object_stores import IGNORING, STORES, opened

PARTS = ("dag", "run", "task", "-1")


@pytest.fixture(scope="module", params=["folder", *STORES])
def root(request, tmp_path_factory):
    """A ledger on each store whose client and emulator are installed."""
    if request.param == "folder":
        yield LocalRoot(tmp_path_factory.mktemp("ledger"))
    else:
        with opened(request.param) as found:
            yield found


@pytest.fixture
def entries(root):
    return root.entries(uuid.uuid4().hex, *PARTS[1:])


# -- every store -----------------------------------------------------------------------------------------------------
def test_a_store_that_creates_once_is_taken(root):
    check_root(root)
    assert not list(root.find(".probe"))


def test_an_entry_is_created_once(entries):
    assert entries.numbers() == []
    entries.create(1, b"first")
    with pytest.raises(OSError):
        entries.create(1, b"second")
    assert entries.load(1) == b"first"
    entries.create(2, b"third")
    assert entries.numbers() == [1, 2]


def test_an_entry_that_is_not_there(entries):
    with pytest.raises(FileNotFoundError):
        entries.load(1)
    entries.remove(1)


def test_of_many_who_create_one_entry_at_once_one_wins(entries):
    won, start = [], threading.Barrier(8)

    def race(n):
        start.wait()
        try:
            entries.create(1, f"{n}".encode())
        except Exception:
            return
        won.append(n)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert entries.load(1) == f"{won[0]}".encode()


def test_two_executions_pay_once_however_they_interleave(root):
    def fresh():
        return root.entries(uuid.uuid4().hex, *PARTS[1:])

    found = explore(fresh, (Attempt(1), Attempt(2)))
    assert found.states > 40
    assert {charges for _, charges in found.ends} == {1}
    assert found.most == 1


def test_all_task_instances_below_a_folder_are_found(root):
    dag = uuid.uuid4().hex
    for run, task, index in (("r1", "t", "-1"), ("r1", "t", "3"), ("r2", "u", "-1")):
        root.entries(dag, run, task, index).create(1, f"{run} {task} {index}".encode())
    assert sorted(found.load(1) for found in root.find(dag)) == [b"r1 t -1", b"r1 t 3", b"r2 u -1"]
    assert [found.load(1) for found in root.find(dag, "r2")] == [b"r2 u -1"]
    assert list(root.find(uuid.uuid4().hex)) == []


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        ".probe",
        "a/b",
        "a b",
        "scheduled__2026-01-01T00:00:00+00:00",
        "ä" * 250,
        "x" * 250,
        "%2E",
        "a#b?c",
    ],
    ids=lambda n: n[:12],
)
def test_any_id_is_a_place_of_its_own(root, name):
    dag = uuid.uuid4().hex
    places = [
        root.entries(dag, name, "t", "-1"),
        root.entries(dag, name + "x", "t", "-1"),
        root.entries(dag, "t", name, "-1"),
    ]
    for n, place in enumerate(places):
        place.create(1, f"{n}".encode())
    assert [place.load(1) for place in places] == [b"0", b"1", b"2"]
    assert [place.numbers() for place in places] == [[1]] * 3
    assert len(list(root.find(dag))) == 3


# -- stores that cannot be used ----------------------------------------------------------------------------------------
def test_a_store_that_ignores_the_condition_is_refused():
    """Such as an old S3 that answers 200 to every PUT."""
    from fsspec.implementations.memory import MemoryFileSystem

    class Ignoring(MemoryFileSystem):
        store: ClassVar[dict[str, Any]] = {}

        def pipe_file(self, path, value, mode="overwrite", **kwargs):
            super().pipe_file(path, value, mode="overwrite")

    with pytest.raises(ConfigurationError, match="created twice") as caught:
        check_root(ObjectRoot("s3://bucket/ledger", Ignoring(skip_instance_cache=True), "/ledger"))
    assert caught.value.charged == "no"


def test_an_emulator_of_gcs_that_ignores_the_condition_is_refused(caplog):
    """The client sends it: Google's own store is the one to decide."""
    with opened(IGNORING) as root, pytest.raises(ConfigurationError, match="created twice"):
        with caplog.at_level("INFO"):
            check_root(root)
    assert "ifGenerationMatch=0" in caplog.text


def test_a_store_that_says_no_and_overwrites_is_refused():
    from fsspec.implementations.memory import MemoryFileSystem

    class Lying(MemoryFileSystem):
        store: ClassVar[dict[str, Any]] = {}

        def pipe_file(self, path, value, mode="overwrite", **kwargs):
            there = self.exists(path)
            super().pipe_file(path, value, mode="overwrite")
            if there:
                raise FileExistsError(path)

    with pytest.raises(ConfigurationError, match="created twice"):
        check_root(ObjectRoot("s3://bucket/ledger", Lying(skip_instance_cache=True), "/ledger"))


def test_a_store_that_does_not_answer_may_answer_later():
    from fsspec.implementations.memory import MemoryFileSystem

    class Away(MemoryFileSystem):
        def pipe_file(self, path, value, **kwargs):
            raise TimeoutError("no answer")

    with pytest.raises(LedgerError, match="cannot be written") as caught:
        check_root(ObjectRoot("s3://bucket/ledger", Away(skip_instance_cache=True), "/ledger"))
    assert (caught.value.charged, caught.value.final) == ("no", False)


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_a_folder_without_hard_links_is_refused(tmp_path, monkeypatch, number):
    def link(source, target):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module.os, "link", link)
    with pytest.raises(ConfigurationError, match="hard links") as caught:
        check_root(LocalRoot(tmp_path))
    assert "gs://bucket/ledger" in caught.value.message
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@pytest.mark.parametrize("path", ["ledger", "s3://", "file://ledger", "nosuch://bucket/x", "://x"])
def test_what_is_no_place_is_refused(path):
    with pytest.raises(ConfigurationError, match="ledger_path cannot be used"):
        open_root(path)


def test_a_path_and_its_uri_are_one_folder(tmp_path):
    assert open_root(str(tmp_path)).folder == open_root(f"file://{tmp_path}").folder == tmp_path


# -- a folder ------------------------------------------------------------------------------------------------------------
def test_a_process_that_dies_while_it_writes_leaves_no_entry(tmp_path, monkeypatch):
    entries = LocalRoot(tmp_path).entries(*PARTS)
    monkeypatch.setattr(module.os, "fsync", lambda fd: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        entries.create(1, b"x")
    assert entries.numbers() == []
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_link_whose_answer_was_lost_is_ours(tmp_path, monkeypatch):
    """NFS repeats a request whose answer was lost, and then says that the name is taken."""
    link = os.link

    def twice(source, target):
        link(source, target)
        link(source, target)

    monkeypatch.setattr(module.os, "link", twice)
    world = World()
    root = LocalRoot(tmp_path)
    world.attempt(
        LogStore(root.entries(*PARTS), instance=INSTANCE, turn=Attempt().turn, log=world.log)
    ).start()
    assert (root.entries(*PARTS).numbers(), world.charges) == ([1, 2], 1)


def test_a_removed_entry_takes_empty_folders_with_it(tmp_path):
    root = LocalRoot(tmp_path / "ledger")
    one, other = root.entries("d", "r", "t", "-1"), root.entries("d", "r2", "t", "-1")
    one.create(1, b"x")
    other.create(1, b"x")
    one.remove(1)
    assert [p.name for p in (tmp_path / "ledger" / "d").iterdir()] == ["r2"]
    other.remove(1)
    assert Path(tmp_path / "ledger").is_dir()
