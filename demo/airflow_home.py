"""The environment of an Airflow that lives in a folder of ours and touches no other."""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def environment(home: Path, *, bundles: dict[str, Path], **more: str) -> dict[str, str]:
    """Environment variables for an Airflow in ``home`` with these DAG bundles; settings of another one are dropped."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
    return {
        **kept,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(next(iter(bundles.values()))),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
            [
                {
                    "name": name,
                    "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                    "kwargs": {"path": str(path)},
                }
                for name, path in bundles.items()
            ]
        ),
        **ledger(),
        **more,
    }


def ledger() -> dict[str, str]:
    """Where the ledger lives, for an Airflow that has no task state store (below 3.3)."""
    major, minor = version("apache-airflow").split(".")[:2]
    return {} if (int(major), int(minor)) >= (3, 3) else {"AIRFLOW__ORUX__LEDGER_PATH": "local"}
