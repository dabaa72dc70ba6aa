"""The documentation's own tables, importable; and a sandbox for what they claim."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

# Fixtures: a database, DAGs that run in this process.
from tests.airflow.conftest import database, load_dag, short_pauses  # noqa: F401
from tests.conftest import ROOT


@pytest.fixture(scope="session")
def tables() -> ModuleType:
    """``docs/_ext/tables.py``."""
    sys.path.insert(0, str(ROOT / "docs" / "_ext"))
    try:
        return importlib.import_module("tables")
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def _field_sandbox() -> Iterator[Any]:
    from orux_sandbox import SandboxServer

    with SandboxServer(
        {
            "sync_seconds": 0,
            "queue_seconds": 0,
            "run_seconds": 0,
            "credits": 1e9,
            "midjourney_references": "accepted",
        }
    ) as server:
        yield server


@pytest.fixture
def field_sandbox(_field_sandbox: Any) -> Any:
    _field_sandbox.reset()
    return _field_sandbox
