"""What each operator and sensor of this package is besides one of Airflow: it says what a missing argument is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow.sdk.bases.operator import get_merged_defaults
from airflow.sdk.definitions._internal.contextmanager import DagContext, TaskGroupContext
from airflow.sdk.definitions._internal.expandinput import DictOfListsExpandInput
from airflow.sdk.definitions.mappedoperator import OperatorPartial

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

    def __new__(cls, *_: Any, **given: Any) -> Any:
        """Check that nothing is missing, before Airflow does. (A copy is made without arguments.)"""
        if "task_id" in given:
            arguments.check_complete(cls, given, with_defaults(given))
        return super().__new__(cls)

    @classmethod
    def partial(cls, **given: Any) -> OperatorPartial:
        """As for any operator."""
        made: OperatorPartial = super().partial(**given)  # type: ignore[misc]
        made.__class__ = _CheckedPartial
        return made

    def pre_execute(self, context: Any) -> None:
        """Leave no empty XCom: after the run Airflow pushes each link that the task has, with an address or without."""
        super().pre_execute(context)  # type: ignore[misc]
        operator: Any = self
        operator.operator_extra_links = _LinksWithAddress(self, context["ti"])


class _LinksWithAddress:
    """Those links of an operator that lead somewhere, when they are asked for."""

    def __init__(self, operator: Any, ti: Any) -> None:
        self.operator, self.ti = operator, ti

    def __iter__(self) -> Iterator[Any]:
        for link in type(self.operator).operator_extra_links:
            if link.get_link(self.operator, ti_key=self.ti):
                yield link


class _CheckedPartial(OperatorPartial):
    """Airflow finds out what neither ``partial`` nor ``expand`` was given when the task runs."""

    __slots__ = ()

    def _expand(self, expand_input: Any, *, strict: bool) -> Any:
        self._expand_called = True
        mapped = expand_input.value
        if isinstance(expand_input, DictOfListsExpandInput):
            mapped = [mapped]
        for item in mapped if isinstance(mapped, (list, tuple)) else ():
            if isinstance(item, Mapping):
                given = {**self.kwargs, **item}
                arguments.check_complete(self.operator_class, given, with_defaults(given))
        return super()._expand(expand_input, strict=strict)
