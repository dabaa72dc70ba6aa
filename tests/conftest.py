"""One Airflow home for the whole test run, set before anything imports Airflow."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
HOME = Path(tempfile.mkdtemp(prefix="orux-airflow-"))
BUNDLE = HOME / "dags"
BUNDLE.mkdir()

os.environ.update(
    {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(BUNDLE),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(HOME / "logs"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
            [
                {
                    "name": name,
                    "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                    "kwargs": {"path": str(path)},
                }
                for name, path in (("tests", BUNDLE), ("examples", ROOT / "example_dags"))
            ]
        ),
    }
)

LONG = ("tests/docs/test_pages.py", "tests/triggers/", "tests/poller/", "tests/storage/test_storage_heavy.py")
#: Folders and files whose cases stay on one of several workers: each shares one Airflow, and what ran on it.
TOGETHER = (
    "tests/cli/",
    "tests/airflow/test_triggering.py",
    "tests/plugins/test_browser.py",
    "tests/plugins/test_postgres.py",
    "tests/plugins/test_fab.py",
    "tests/privacy/test_privacy.py",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several workers share the cases, the long ones begin first: then all workers end at about the same time."""
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if item.get_closest_marker("standalone"):
        return 0
    if item.get_closest_marker("postgres") or item.get_closest_marker("airflow"):
        return 1
    return 2 if item.nodeid.startswith(LONG) else 3


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Case by case, and what stays together first.

    The mark xdist_group would say the same; xdist 3.8 writes it where pytest 9.2 does not read it (``_nodeid``).
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((f for f in TOGETHER if nodeid.startswith(f)), nodeid)

    return Scheduling(config, log)
