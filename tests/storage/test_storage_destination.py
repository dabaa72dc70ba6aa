"""Destinations: what is found out before money is spent, and how files come to lie there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airflow_provider_orux.models.errors import ArtifactRejectedError, ConfigurationError
from airflow_provider_orux.storage import DestinationError, check_destination
from airflow_provider_orux.storage.destination import BLOCK, Folder, safe_job_id
from tests.storage.stores import InPlaceStore, Store, attached

MIB = 2**20


@pytest.mark.parametrize(
    ("save_to", "words"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("s3://bucket/{{ ds }}/", "template that was not rendered"),
        ("/data/{% if x %}a{% endif %}", "template"),
        ("images/today", "relative"),
        ("./images", "relative"),
        ("~/images", "relative"),
        ("s3:/bucket/x", "relative"),
        ("file://images/today", "relative"),
        ("nonsense://bucket/x", "no file system for nonsense://"),
        ("https://example.com/upload", "cannot be written to"),
        ("s3://", "names no bucket"),
        ("s3:///x", "names no bucket"),
        ("/tmp/a\nb", "line break"),
    ],
)
def test_a_text_that_names_no_folder(save_to: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        check_destination(save_to)
    assert caught.value.charged == "no"
    assert caught.value.param == "save_to"


@pytest.mark.parametrize(
    ("scheme", "package"),
    [
        ("s3", "apache-airflow-providers-amazon"),
        ("gs", "apache-airflow-providers-google"),
        ("abfs", "apache-airflow-providers-microsoft-azure"),
    ],
)
def test_a_missing_package_is_named(scheme: str, package: str) -> None:
    pytest.importorskip("fsspec")
    try:
        __import__({"s3": "s3fs", "gs": "gcsfs", "abfs": "adlfs"}[scheme])
    except ImportError:
        with pytest.raises(ConfigurationError, match=package):
            check_destination(f"{scheme}://bucket/x")
    else:
        pytest.skip("the package is there")


def test_a_local_folder_is_made_and_tried(tmp_path: Path) -> None:
    for save_to in (str(tmp_path / "a" / "b"), f"file://{tmp_path}/c d/", f"{tmp_path}/e+f:g/"):
        check_destination(save_to)
    assert (tmp_path / "a" / "b").is_dir()
    assert (tmp_path / "c d").is_dir()
    assert (tmp_path / "e+f:g").is_dir()
    assert [p for p in tmp_path.rglob("*") if not p.is_dir()] == []


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError, match="is a file, not a folder"):
        check_destination(str(tmp_path / "file"))
    with pytest.raises(ConfigurationError, match="cannot be written to"):
        check_destination(str(tmp_path / "file" / "below"))


@pytest.mark.skipif(os.geteuid() == 0 and sys.platform != "linux", reason="root may write anywhere")
def test_a_folder_that_is_closed_to_us(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        tmp_path.chmod(0o555)
        save_to = str(tmp_path)
    else:
        save_to = "/proc/orux"  # nobody, not even root, makes files there
    with pytest.raises(ConfigurationError, match="cannot be written to") as caught:
        check_destination(save_to)
    assert caught.value.charged == "no"


def test_the_memory_file_system(memory: str) -> None:
    check_destination(memory)
    folder = Folder.at(memory)
    folder.publish_bytes(b"x", "a")
    with pytest.raises(ConfigurationError, match="is a file"):
        check_destination(memory + "/a")
    check_destination(memory + "/b")


def test_a_store_is_asked() -> None:
    store = Store()
    conn_id = attached(store)
    store.files["bucket/there"] = b"x"
    with pytest.raises(ConfigurationError, match="the bucket of s3://other/x does not exist"):
        check_destination("s3://other/x", conn_id=conn_id)
    check_destination("s3://bucket/new", conn_id=conn_id)
    check_destination(f"s3://{conn_id}@bucket/new")
    with pytest.raises(ConfigurationError, match="is a file"):
        check_destination("s3://bucket/there", conn_id=conn_id)
    assert store.uploads == 0


def test_a_store_that_does_not_know_us_or_does_not_answer() -> None:
    store = Store()
    conn_id = attached(store)

    class NoCredentialsError(Exception):
        pass

    class EndpointConnectionError(Exception):
        pass

    store.refuse = NoCredentialsError
    with pytest.raises(ConfigurationError, match="NoCredentialsError"):
        check_destination("s3://bucket/x", conn_id=conn_id)
    for trouble in (EndpointConnectionError, TimeoutError):
        store.refuse = trouble
        with pytest.raises(DestinationError, match="cannot be reached") as caught:
            check_destination("s3://bucket/x", conn_id=conn_id)
        assert caught.value.charged == "no"
        assert not caught.value.final
    store.refuse = None
    store.may_look = False  # the right to write without the right to look
    check_destination("s3://bucket/x", conn_id=conn_id)


def test_a_connection_that_does_not_fit() -> None:
    with pytest.raises(ConfigurationError):
        check_destination("memory://no_such_connection@bucket/x")


@pytest.mark.parametrize(
    ("job_id", "name"),
    [
        ("7c2f-11.a_B", "7c2f-11.a_B"),
        ("mj:123/4", r"mj_123_4-[0-9a-f]{8}"),
        ("", r"_-[0-9a-f]{8}"),
        ("..", r"_-[0-9a-f]{8}"),
        (".", r"_-[0-9a-f]{8}"),
        ("../../etc/passwd", r"_\.\._etc_passwd-[0-9a-f]{8}"),
        (".hidden", r"hidden-[0-9a-f]{8}"),
        ("ü" * 3, r"___-[0-9a-f]{8}"),
        ("x" * 500, r"x{120}-[0-9a-f]{8}"),
    ],
)
def test_job_ids_as_folder_names(job_id: str, name: str) -> None:
    import re

    assert re.fullmatch(name, safe_job_id(job_id))


def test_job_ids_that_look_alike_have_folders_of_their_own() -> None:
    assert len({safe_job_id(text) for text in ("a:b", "a/b", "a_b", "a b", "a\\b")}) == 5


def test_a_local_file_appears_as_a_whole(tmp_path: Path) -> None:
    folder = Folder.at(str(tmp_path / "new"))
    with folder.spool("1", max_bytes=10) as spool:
        spool.write(b"abc")
        spool.finish()
        assert [p.suffix for p in (tmp_path / "new").iterdir()] == [".part"]
        folder.publish(spool, "1.png")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["1.png"]
    assert folder.uri_of("1.png") == f"file://{tmp_path}/new/1.png"
    umask = os.umask(0)
    os.umask(umask)
    # As readable as any other file: a temporary file of the system would be the owner's alone.
    assert (tmp_path / "new" / "1.png").stat().st_mode & 0o777 == 0o666 & ~umask


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    folder = Folder.at(str(tmp_path))

    def interrupted() -> None:
        with folder.spool("1", max_bytes=10) as spool:
            spool.write(b"abc")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_the_error_that_is_seen(tmp_path: Path) -> None:
    code = f"""
import resource, signal
from airflow_provider_orux.storage.destination import Folder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
folder = Folder.at({str(tmp_path)!r})
try:
    with folder.spool("1", max_bytes=10**9) as spool:
        for _ in range(100):
            spool.write(b"x" * 100_000)
        folder.publish(spool, "1.png")
except Exception as e:
    print(type(e).__name__, e.final, e)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("DestinationError False The file cannot be written: File too large"), done
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_killed_processes(tmp_path: Path) -> None:
    old, young, other = tmp_path / ".orux-1-a.part", tmp_path / ".orux-1-b.part", tmp_path / "old.part"
    for path in (old, young, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (time.time() - 90_000,) * 2)
    Folder.at(str(tmp_path)).sweep()
    assert sorted(p.name for p in tmp_path.iterdir()) == [young.name, other.name]


def put(folder: Folder, name: str, content: bytes) -> None:
    with folder.spool("1", max_bytes=10**9) as spool:
        for at in range(0, len(content), 100_000):
            spool.write(content[at : at + 100_000])
        folder.publish(spool, name)


def test_one_streamed_put_in_parts_of_moderate_size() -> None:
    store = Store()
    folder = Folder.at("s3://bucket/a", conn_id=attached(store)).under("job")
    content = os.urandom(20 * MIB)
    put(folder, "1.mp4", content)
    assert store.files == {"bucket/a/job/1.mp4": content}
    assert max(store.part_sizes) <= BLOCK + MIB
    assert store.uploads == 1
    assert folder.digest("1.mp4") is not None
    assert folder.names() == ["1.mp4"]


@pytest.mark.parametrize("where", [0, 1, "end"])
def test_an_interrupted_put_publishes_nothing(where: int | str) -> None:
    store = Store()
    if where == "end":
        store.fail_at_end = True
    else:
        store.fail_at_part = int(where)
    folder = Folder.at("s3://bucket/a", conn_id=attached(store))
    with pytest.raises(DestinationError, match="hung up") as caught:
        put(folder, "1.mp4", os.urandom(20 * MIB))
    assert not caught.value.final
    # Also when the file object is collected as garbage, which would close it.
    import gc

    del caught
    store.fail_at_part, store.fail_at_end = None, False
    gc.collect()
    assert store.published == []
    assert store.files == {}
    put(folder, "1.mp4", b"whole")
    assert store.files == {"bucket/a/1.mp4": b"whole"}


def test_the_same_content_is_not_put_twice() -> None:
    store = Store()
    folder = Folder.at("s3://bucket/a", conn_id=attached(store))
    for _ in range(2):
        put(folder, "1.png", b"content")
    assert store.uploads == 1
    put(folder, "1.png", b"another")
    assert store.files == {"bucket/a/1.png": b"another"}


def test_a_store_that_may_only_be_written() -> None:
    store = Store()
    store.may_look = False
    folder = Folder.at("s3://bucket/a", conn_id=attached(store))
    assert folder.names() == []
    put(folder, "1.png", b"content")
    assert store.files == {"bucket/a/1.png": b"content"}


def test_a_store_that_writes_in_place_is_cleaned_up() -> None:
    store = InPlaceStore()
    folder = Folder.at("sftp://host/a", conn_id=attached(store, "sftp"))
    assert not folder.keeps_only_whole_files
    store.fail_after = 2 * MIB
    with pytest.raises(DestinationError, match="the line is dead"):
        put(folder, "1.png", os.urandom(5 * MIB))
    assert store.files == {}
    store.fail_after = None
    put(folder, "1.png", b"content")
    assert [name for name in store.files if name.endswith("/1.png")]
    assert store.folders


def test_a_spool_takes_no_more_than_it_may(memory: str) -> None:
    folder = Folder.at(memory)
    with (
        pytest.raises(ArtifactRejectedError, match="max_artifact_mib"),
        folder.spool("1", max_bytes=5) as spool,
    ):
        spool.write(b"123456")
    assert folder.names() == []


def test_lineage_is_told_of_complete_files(tmp_path: Path) -> None:
    plugins, saved = tmp_path / "plugins", tmp_path / "saved"
    plugins.mkdir()
    (plugins / "reads_lineage.py").write_text(
        """
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk.lineage import HookLineageReader

class ReadsLineage(AirflowPlugin):
    name = "reads_lineage"
    hook_lineage_readers = [HookLineageReader]
"""
    )
    code = f"""
from airflow.sdk.lineage import get_hook_lineage_collector
from airflow_provider_orux.storage.destination import Folder
folder = Folder.at({str(saved)!r})
try:
    with folder.spool("1", max_bytes=9) as spool:
        spool.write(b"x")
        raise ValueError
except ValueError:
    pass
folder.publish_bytes(b"x", "a.png")
print([told.asset.uri for told in get_hook_lineage_collector().collected_assets.outputs])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().splitlines()[-1] == f"['file://{saved}/a.png']", done
