"""One file knows that Airflow has versions; every other one runs on each of them as it stands."""

from __future__ import annotations

import ast
import inspect
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.providers.standard.operators.hitl import HITLOperator

from airflow_provider_orux import compat

PACKAGE = Path(compat.__file__).parent
OTHERS = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "compat.py")

#: What Airflow 3.1 does not have, or has elsewhere, or takes otherwise (``storage_path``).
NEWER = frozenset(
    {
        "airflow.sdk.ObjectStoragePath",
        "airflow.sdk.RetryDecision",
        "airflow.sdk.RetryPolicy",
        "airflow.sdk.configuration",
        "airflow.sdk.exceptions",
        "airflow.sdk.lineage",
        "airflow.sdk.observability",
        "airflow.sdk.definitions.retry_policy",
        "airflow.sdk.execution_time.context.NEVER_EXPIRE",
        "airflow.sdk.bases.decorator.determine_kwargs",
        "airflow.cli.utils.redirect_stdout_log_handlers_to_stderr",
        "airflow.dag_processing.dagbag",
        "airflow.serialization.serialized_objects.DagSerialization",
    }
)
#: Ways to ask which version runs.
ASKING = (
    "airflow.__version__",
    "airflow.version",
    "packaging.version",
    "importlib.metadata",
    "pkg_resources",
)


def airflow_names(tree: ast.AST) -> set[str]:
    """What a piece of code imports of Airflow when it runs, each with every package it lies in."""
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in node.body
        for inner in ast.walk(child)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in found]
    return {".".join(p[:n]) for p in parts for n in range(1, len(p) + 1)}


def complaints(source: str) -> list[str]:
    """Where a file knows more of Airflow's versions than it should."""
    tree = ast.parse(source)
    names = airflow_names(tree)
    found = [f"imports {name}" for name in sorted(names & NEWER)]
    found += [f"asks {name}" for name in ASKING if name in names or name in source]
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any("ImportError" in ast.unparse(h) for h in node.handlers):
            body = ast.Module(body=node.body, type_ignores=[])
            only = all(isinstance(n, (ast.Import, ast.ImportFrom, ast.Assign)) for n in node.body)
            if only and "airflow" in airflow_names(body):
                found.append(f"line {node.lineno} tries an import")
    return found


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_one_file_asks_for_a_version(path):
    assert not complaints(path.read_text())


@pytest.mark.parametrize(
    "source",
    [
        "from airflow.sdk.configuration import conf",
        "def f():\n    from airflow.sdk import RetryPolicy",
        "import airflow.sdk.lineage",
        "from airflow import __version__ as v\nif airflow.__version__ > '3': ...",
        "from importlib.metadata import version",
        "try:\n    from airflow.sdk import X\nexcept ImportError:\n    X = None",
        "try:\n    import airflow.sdk.io\nexcept (ModuleNotFoundError, AttributeError, ImportError):\n    pass",
    ],
)
def test_asking_is_seen(source):
    assert complaints(source)


@pytest.mark.parametrize(
    "source",
    [
        "from airflow.sdk import BaseOperator, DAG",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from airflow.sdk.configuration import conf",
        "try:\n    import s3fs\nexcept ImportError:\n    pass",
    ],
)
def test_what_every_version_has_is_free(source):
    assert not complaints(source)


def test_what_no_version_has_is_an_error_that_says_so():
    with pytest.raises(ImportError, match=r"needs 3\.1 or newer"):
        compat._first("airflow.sdk:NoSuchName", "airflow.nowhere:Name")


def test_how_long_a_person_may_take_has_the_name_of_this_standard_provider():
    (name,) = compat.question({"response_timeout": timedelta(days=2)})
    assert name in inspect.signature(HITLOperator.__init__).parameters or name == "execution_timeout"
    assert compat.question({"subject": "a", "execution_timeout": None}) == {
        "subject": "a",
        "execution_timeout": None,
    }


def test_each_name_is_found_on_this_version():
    assert compat.conf.getint("core", "parallelism") > 0
    assert issubclass(compat.AirflowFailException, compat.AirflowException)
    assert callable(compat.lineage_collector().add_output_asset)
    compat.incr("orux.submissions", 1, tags={"gateway": "orux"})
    assert compat.determine_kwargs(lambda ds, x: None, (), {"ds": 1, "x": 2, "y": 3}) == {"ds": 1, "x": 2}
    assert compat.HAS_RETRY_POLICIES is (compat.RetryPolicy is not object)
    assert compat.short_delays({"retry_policy": None}) == {} != compat.short_delays({})


@pytest.mark.parametrize(
    ("uri", "conn_id", "wanted"),
    [
        ("s3://of_uri@bucket/x", None, "of_uri"),
        ("s3://bucket/x", "given", "given"),
        ("s3://bucket/x", None, None),
    ],
)
def test_the_connection_of_a_place(uri, conn_id, wanted):
    """Airflow 3.1 forgets the one in the URI where None is passed on, and has no attribute for it."""
    assert compat.connection_of(compat.storage_path(uri, conn_id)) == wanted
