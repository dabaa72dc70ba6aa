"""Input images: which files are read, and what is said of those that are not."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_orux.durable.inputs import input_roots, written_in_dag
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.yescale import MidjourneyBlend, MidjourneyDescribe
from airflow_provider_orux.storage import StorageSettings
from airflow_provider_orux.storage.inputs import InputFiles
from tests.storage.samples import image
from tests.storage.stores import Store, attached

SECRET = b"root:x:0:0:the secret of this machine"


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder of images that may be read, and things around it that may not."""
    root = tmp_path / "photos"
    (root / "a b").mkdir(parents=True)
    for name in ("1.png", "a b/2.png"):
        (root / name).write_bytes(image())
    (tmp_path / "photos-private").mkdir()
    for name in ("private.png", "photos-private/3.png"):
        (tmp_path / name).write_bytes(image())
    (tmp_path / "secret").write_bytes(SECRET)
    (root / "text.png").write_bytes(SECRET)
    (root / "way out.png").symlink_to(tmp_path / "private.png")
    (root / "out").symlink_to(tmp_path)
    (root / "in.png").symlink_to(root / "1.png")
    (root / "cut.png").write_bytes(image()[:-20])
    (root / "drawing.svg").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'></svg>")
    os.mkfifo(root / "pipe.png")
    return tmp_path


def read(value: str, *, roots: Any = (), written: Any = (), conn_id: str | None = None) -> str:
    files = InputFiles(settings=StorageSettings(), roots=roots, written=written, conn_id=conn_id)
    request = files.ready(MidjourneyDescribe(image=value))
    found: str = request.image  # type: ignore[attr-defined]
    return found


READ = "data:image/png;base64," + base64.b64encode(image()).decode()


@pytest.mark.parametrize(
    "name", ["1.png", "a b/2.png", "in.png", "a b/../1.png", "./1.png", "out/photos/1.png"]
)
def test_a_file_below_a_root_is_read(box: Path, name: str) -> None:
    for root in (f"{box}/photos", f"file://{box}/photos/", f"{box}/out/../photos"):
        for value in (f"{box}/photos/{name}", f"file://{box}/photos/{name}"):
            assert read(value, roots=["s3://other", root]) == READ


@pytest.mark.parametrize(
    "name",
    ["private.png", "photos/../private.png", "photos/way out.png", "photos/out/private.png", "photos-private/3.png",
     "photos", "photos/out/secret", "photos/a b/../../private.png"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["{}", "file://{}", "local://{}", "file://host{}", "FILE://{}"])
def test_a_file_that_is_not_below_a_root_is_not_read(box: Path, name: str, form: str) -> None:
    for roots in ([f"{box}/photos"], []):
        with pytest.raises(
            InvalidRequestError, match=r"not below a folder of \[orux\] input_roots"
        ) as caught:
            read(form.format(f"{box}/{name}"), roots=roots)
        assert (caught.value.charged, caught.value.param) == ("no", "image")


def test_a_file_that_the_author_named_may_lie_anywhere(box: Path) -> None:
    value = f"{box}/private.png"
    assert read(value, written={value}) == READ
    with pytest.raises(InvalidRequestError):
        read(f"file://{value}", written={value})


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ["pipe.png", "text.png", "cut.png", "drawing.svg", "a b", "none.png"])
def test_what_is_no_image_file_is_refused_without_its_bytes(box: Path, name: str) -> None:
    value = f"{box}/photos/{name}"
    for allowed in ({"roots": [f"{box}/photos"]}, {"written": [value]}):
        with pytest.raises(InvalidRequestError) as caught:
            read(value, **allowed)
        said = f"{caught.value} {caught.value.__cause__}"
        for piece in ("root:x", SECRET[:8].hex(" "), "72 6f"):
            assert piece not in said
        assert caught.value.charged == "no"


def test_a_file_that_is_too_large_is_not_read(box: Path) -> None:
    with (box / "photos" / "large.png").open("wb") as file:
        file.truncate(33 * 2**20)
    with pytest.raises(InvalidRequestError, match="larger than 32 MiB"):
        read(f"{box}/photos/large.png", roots=[f"{box}/photos"])


def test_devices_are_not_read() -> None:
    for path in ("/dev/zero", "/dev/stdin", "/proc/self/environ"):
        with pytest.raises(InvalidRequestError, match=r"not a regular file|cannot be read|not a whole image"):
            read(path, written=[path])


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("s3://bucket/photos/1.png", True),
        ("s3://STORE@bucket/photos/1.png", True),
        ("S3://bucket/photos/1.png", True),
        ("s3://other_conn@bucket/photos/1.png", False),
        ("s3://a@STORE@bucket/photos/1.png", False),
        ("s3://other/photos/1.png", False),
        ("s3://bucket/photos-private/1.png", False),
        ("s3://bucket/photos/../private/1.png", False),
        ("s3://bucket/private/1.png", False),
        ("gs://bucket/photos/1.png", False),
        ("zip://1.png::s3://bucket/photos/1.zip", False),
        ("file:///photos/1.png", False),
    ],
)
def test_a_file_in_a_store(value: str, allowed: bool) -> None:
    store = Store()
    store.files["bucket/photos/1.png"] = store.files["bucket/private/1.png"] = image()
    conn_id = attached(store)
    value = value.replace("STORE", conn_id)
    if allowed:
        assert read(value, roots=["s3://bucket/photos"], conn_id=conn_id) == READ
        with pytest.raises(InvalidRequestError, match="input_roots"):
            read(value, roots=["s3://bucket/phot"], conn_id=conn_id)
    else:
        with pytest.raises(InvalidRequestError, match="input_roots"):
            read(value, roots=["s3://bucket/photos"], conn_id=conn_id)


def test_a_root_may_name_its_connection() -> None:
    store = Store()
    store.files["bucket/photos/1.png"] = image()
    conn_id = attached(store)
    assert read(f"s3://{conn_id}@bucket/photos/1.png", roots=[f"s3://{conn_id}@bucket/photos/"]) == READ


def test_each_image_of_a_list_is_looked_at(box: Path) -> None:
    request = MidjourneyBlend(images=[f"{box}/photos/1.png", f"{box}/private.png"])
    with pytest.raises(InvalidRequestError, match=r"private\.png"):
        InputFiles(settings=StorageSettings(), roots=[f"{box}/photos"]).ready(request)


def test_the_roots_are_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert input_roots() == []
    monkeypatch.setenv("AIRFLOW__ORUX__INPUT_ROOTS", " s3://bucket/in/, /data/x ,")
    assert input_roots() == ["s3://bucket/in/", "/data/x"]


def test_what_the_author_wrote_is_told_from_what_was_rendered() -> None:
    plain = SimpleNamespace(
        template_fields=("image", "options", "request", "missing"),
        image="/written.png",
        options={"images": ["/also.png", "{{ row }}"], "n": 2},
        request={"fields": {"mask": ("/mask.png",)}},
    )
    mapped = SimpleNamespace(partial_kwargs={"image": "/partial.png", "prompt": "{% if x %}/y{% endif %}"})
    dag = SimpleNamespace(task_dict={"plain": plain, "mapped": mapped})
    for task_id, texts in (
        ("plain", {"/written.png", "/also.png", "/mask.png"}),
        ("mapped", {"/partial.png"}),
        ("unknown", set()),
    ):
        assert written_in_dag({"dag": dag, "ti": SimpleNamespace(task_id=task_id)}) == texts
    assert written_in_dag({"ti": SimpleNamespace(task_id="plain")}) == frozenset()
