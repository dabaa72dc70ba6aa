"""A real Airflow in this process, with a database of its own, and a sandbox gateway over HTTP."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from demo.airflow_home import ledger
from tests.airflow.pauses import shorten
from tests.airflow.runs import Run
from tests.airflow.template import migrate
from tests.conftest import BUNDLE, ROOT

FAST = {"queue_seconds": 0.1, "run_seconds": 0.3, "sync_seconds": 0.1}


@pytest.fixture(scope="session")
def database() -> None:
    """The metadata database of this process; once, although each folder that imports this fixture has its own."""
    migrated()


@functools.cache
def migrated() -> None:
    migrate(os.environ)


@pytest.fixture(scope="session")
def _sandbox() -> Iterator[Any]:
    from orux_sandbox import SandboxServer

    with SandboxServer(FAST) as server:
        yield server


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses as short as the sandbox's jobs."""
    shorten(monkeypatch)


@pytest.fixture
def sandbox(_sandbox: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The gateway, fresh for each test, as the connection ``orux_default``; artifacts go to ``tmp_path``, and are taken from there."""
    _sandbox.reset()
    _sandbox.configure(**FAST)
    monkeypatch.setenv("AIRFLOW_CONN_ORUX_DEFAULT", _sandbox.connection())
    for name, value in ledger().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AIRFLOW_VAR_ORUX_SAVE_TO", f"file://{tmp_path}/out")
    monkeypatch.setenv("AIRFLOW__ORUX__INPUT_ROOTS", f"file://{tmp_path}/out")
    return _sandbox


@pytest.fixture
def signing_store(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """``s3://content``, a store that signs URLs. Its files may be used as inputs, and the sandbox fetches them."""
    from tests.storage.stores import SigningStore, attached_as_default
    from tests.storage.web import Web

    sandbox.configure(
        fetch_inputs=True, url_schemes="any", midjourney_references="accepted", image_scale=0.25
    )
    monkeypatch.setenv("AIRFLOW__ORUX__INPUT_ROOTS", "s3://content")
    web = Web()
    store = SigningStore(web)
    store.files["content/.keep"] = b""  # else there is no bucket
    with attached_as_default(store):
        yield store
    web.stop()


@pytest.fixture
def load_dag(database: None) -> Iterator[Callable[[str], Any]]:
    """Writes a DAG file into the tests' bundle and loads its ``dag``."""
    written: list[Path] = []

    def load(source: str) -> Any:
        name = f"dag_{uuid.uuid4().hex[:8]}"
        path = BUNDLE / f"{name}.py"
        path.write_text(textwrap.dedent(source).replace("DAG_ID", name))
        written.append(path)
        return load_file(path).dag

    yield load
    for path in written:
        path.unlink()


@pytest.fixture
def example_dag(database: None) -> Callable[[str], Any]:
    """Loads the ``dag`` of a file in ``example_dags/``."""
    return lambda name: load_file(ROOT / "example_dags" / f"{name}.py").dag


@pytest.fixture
def run(database: None, short_pauses: None) -> Callable[..., Run]:
    """Runs a DAG with ``dag.test()``."""
    return Run.of


def load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"loaded_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
