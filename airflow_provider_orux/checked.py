"""What each operator and sensor of this package is besides one of Airflow: it says what a missing argument is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.operator import get_merged_defaults
from airflow.sdk.definitions._internal.contextmanager import DagContext, TaskGroupContext

from airflow_provider_orux.compat import OutputWithKeys
from airflow_provider_orux.models import arguments


def with_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a task, and those that its DAG, its group or itself gives by ``default_args``."""
    dag = given.get("dag") or DagContext.get_current()
    group = given.get("task_group") or (TaskGroupContext.get_current(dag) if dag else None)
    defaults, _ = get_merged_defaults(
        dag=dag, task_group=group, task_params=None, task_default_args=given.get("default_args")
    )
    return {**defaults, **given}


class CheckedOperator(OutputWithKeys):
    """A base beside Airflow's that comes first: Airflow would say of a missing argument only its name, for no task."""

    if not TYPE_CHECKING:  # A type checker reads the arguments from ``__init__``.

        def __new__(cls, *_: Any, **given: Any) -> Any:
            """Check that nothing is missing, before Airflow does.

            A copy is made without arguments, and the operator of a mapped task when it runs.
            """
            if "task_id" in given:
                arguments.check_complete(cls, given, with_defaults(given))
            return super().__new__(cls)
