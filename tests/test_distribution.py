"""What people install: the built wheel and sdist hold what they need, and nothing on their index page is dead."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """Both distributions, built as ``make dist`` builds them."""
    target = tmp_path_factory.mktemp("dist")
    for project in (ROOT, ROOT / "sandbox"):
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-d", str(target)],
            cwd=project,
            check=True,
            capture_output=True,
        )
    return target


def one(dist: Path, pattern: str) -> Path:
    (found,) = dist.glob(pattern)
    return found


def in_sdist(path: Path) -> set[str]:
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def test_the_wheel_holds_every_module_and_every_example(dist):
    with zipfile.ZipFile(one(dist, "airflow_provider_orux-*.whl")) as wheel:
        names = set(wheel.namelist())
    for folder in ("airflow_provider_orux", "example_dags"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                inside = path.relative_to(ROOT)
                want = inside if folder == "airflow_provider_orux" else Path("airflow_provider_orux") / inside
                assert str(want) in names
    assert not [name for name in names if name.startswith(("tests/", "orux_sandbox/"))]


def test_the_sdist_holds_what_its_makefile_needs(dist):
    names = in_sdist(one(dist, "airflow_provider_orux-*.tar.gz"))
    makefile = (ROOT / "Makefile").read_text()
    for module in set(re.findall(r"-m ((?:tests|demo|benchmarks)[.\w]*)", makefile)):
        path = module.replace(".", "/")
        assert {f"{path}.py", f"{path}/__main__.py"} & names
    for file in set(re.findall(r"[\w./-]+\.(?:txt|toml|sh)\b", makefile)):
        assert file in names
    for text in ROOT.glob("*.md"):
        assert text.name in names


def test_no_link_on_the_index_page_is_relative(dist):
    with zipfile.ZipFile(one(dist, "airflow_provider_orux-*.whl")) as wheel:
        (name,) = (n for n in wheel.namelist() if n.endswith("METADATA"))
        metadata = message_from_bytes(wheel.read(name))
    urls = re.findall(r"\]\(([^)]+)\)", metadata.get_payload())
    assert len(urls) > 10
    assert [url for url in urls if not url.startswith(("https://", "#"))] == []
    source = dict(item.split(", ") for item in metadata.get_all("Project-URL"))["Source"]
    ours = [url for url in urls if url.startswith(f"{source}/blob/main/")]
    assert ours
    for url in ours:
        assert (ROOT / url.removeprefix(f"{source}/blob/main/").partition("#")[0]).exists(), url


def test_both_distributions_have_one_version():
    versions = {
        re.search(r'^version = "(.+)"', (folder / "pyproject.toml").read_text(), re.MULTILINE)[1]
        for folder in (ROOT, ROOT / "sandbox")
    }
    assert len(versions) == 1


def test_every_class_named_for_the_registry_of_providers_exists():
    import importlib

    paths = re.findall(r"module: ([\w.]+)", (ROOT / ".airflow-registry.yaml").read_text())
    assert len(paths) > 10
    for path in paths:
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name), path


def test_every_operator_stands_in_the_registry_of_providers():
    listed = (ROOT / ".airflow-registry.yaml").read_text()
    for path in (ROOT / "airflow_provider_orux" / "operators").glob("*.py"):
        for name in re.findall(r"^class (Orux\w+Operator)\(", path.read_text(), re.MULTILINE):
            if name not in ("OruxOperator", "OruxModelOperator"):  # what the others are made of
                assert f".{name}\n" in listed
