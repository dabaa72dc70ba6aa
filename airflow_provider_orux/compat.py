"""The only file that knows that Airflow has versions: what lies elsewhere, or is missing, from 3.1 to 3.3.

Each name is looked for where the newest version has it, then where older ones do; nobody compares version numbers.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

__all__ = [
    "COMMAND",
    "HAS_RETRY_POLICIES",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowRescheduleException",
    "AirflowSkipException",
    "OutputWithKeys",
    "RetryDecision",
    "RetryPolicy",
    "TaskDeferralError",
    "TaskDeferralTimeout",
    "XComArg",
    "conf",
    "connection_of",
    "determine_kwargs",
    "incr",
    "leave_out_dag_params",
    "lineage_collector",
    "load_dags",
    "never_expire",
    "options_shown",
    "push_xcom",
    "question",
    "recorded_state",
    "serialized",
    "set_short_delays",
    "short_delays",
    "storage_path",
]


def _first(*places: str) -> Any:
    """The first of these ``module:name`` that this Airflow has.

    :raises ImportError: it has none.
    """
    for place in places:
        module, _, name = place.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue
    raise ImportError(
        f"This Airflow has none of {', '.join(places)}; airflow-provider-orux needs 3.1 or newer"
    )


if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, RetryDecision, RetryPolicy, XComArg
    from airflow.sdk.configuration import conf
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowRescheduleException,
        AirflowSkipException,
        TaskDeferralError,
        TaskDeferralTimeout,
    )
else:
    # In one module each: on 3.1 airflow.sdk.exceptions exists, and has the first of them only.
    _EXCEPTIONS = _first(
        "airflow.sdk.exceptions:AirflowFailException", "airflow.exceptions:AirflowFailException"
    ).__module__
    XComArg = Any  # a name for type checkers
    conf = _first("airflow.sdk.configuration:conf", "airflow.configuration:conf")
    AirflowException = _first(f"{_EXCEPTIONS}:AirflowException")
    AirflowFailException = _first(f"{_EXCEPTIONS}:AirflowFailException")
    AirflowNotFoundException = _first(f"{_EXCEPTIONS}:AirflowNotFoundException")
    AirflowRescheduleException = _first(f"{_EXCEPTIONS}:AirflowRescheduleException")
    AirflowSkipException = _first(f"{_EXCEPTIONS}:AirflowSkipException")
    TaskDeferralError = _first(f"{_EXCEPTIONS}:TaskDeferralError")
    TaskDeferralTimeout = _first(f"{_EXCEPTIONS}:TaskDeferralTimeout")
    try:
        RetryDecision, RetryPolicy = _first("airflow.sdk:RetryDecision"), _first("airflow.sdk:RetryPolicy")
    except ImportError:
        RetryDecision, RetryPolicy = None, object

#: Whether this Airflow asks a policy for the delay before a retry (3.3 and newer).
HAS_RETRY_POLICIES: bool = RetryPolicy is not object

#: The command line of this provider: ``airflow orux``, or the console script where Airflow's own has no place for
#: a provider's (3.1; it has no configuration of the Task SDK either, which is quicker to ask).
COMMAND: str = "orux" if conf.__class__.__module__.startswith("airflow.configuration") else "airflow orux"


class OutputWithKeys:
    """An operator whose output passes a type checker as an argument: ``parent_job_id=imagine.output["job_id"]``.

    Airflow annotates the output as having no keys, and as nothing that a ``str`` could be.
    """

    if TYPE_CHECKING:

        @property
        def output(self) -> Any: ...


def short_delays(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that make the delays before retries short and growing, for an author who chose none.

    They are needed beside a retry policy too: a worker asks the policy, and the scheduler, which may take a success for
    a failure, does not.

    :param given: the author's arguments.
    """
    from airflow.sdk import BaseOperator

    if given.keys() & {"retry_delay", "retry_exponential_backoff", "max_retry_delay", "retry_policy"}:
        return {}
    return {
        "retry_delay": timedelta(seconds=30),
        # A yes or no on 3.1, a factor on 3.2.
        "retry_exponential_backoff": type(BaseOperator.retry_exponential_backoff)(2),
        "max_retry_delay": timedelta(minutes=10),
    }


def set_short_delays(operator: BaseOperator, policy: Callable[[], RetryPolicy]) -> None:
    """Give an operator short, growing delays before its retries, unless its author chose some.

    :param policy: makes the policy, where Airflow has such.
    """
    short = short_delays({})
    now = {name: getattr(operator, name) for name in short}
    # Those of a mapped task are short already: its ``partial()`` made them so.
    if now != short and now != {name: getattr(type(operator), name) for name in short}:
        return
    if HAS_RETRY_POLICIES:
        if operator.retry_policy is not None:
            return
        operator.retry_policy = policy()
    for name, value in short.items():
        setattr(operator, name, value)


def question(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a ``HITLOperator``, as this standard provider names them.

    Before its version 1.12.3, ``response_timeout`` was ``execution_timeout``.

    :param given: the author's arguments.
    """
    from airflow.providers.standard.operators.hitl import HITLOperator

    known = inspect.signature(HITLOperator.__init__).parameters
    return {
        "execution_timeout" if name == "response_timeout" and name not in known else name: value
        for name, value in given.items()
    }


def leave_out_dag_params(operator: Any) -> None:
    """Ask a person for the params of a ``HITLOperator`` alone, not for the DAG's; from 3.2 on it does so by itself."""
    if not _params_have_sources() and operator.has_dag():
        for name in set(operator.params) & set(operator.dag.params):
            del operator.params[name]


def options_shown(options: list[str], fifth: str) -> list[str]:
    """The options of a ``HITLOperator`` as this UI shows them: that of 3.1 has buttons for three, and a list for five.

    :param fifth: for that list, where there are four; else they could not be chosen from.
    """
    return [*options, fifth] if len(options) == 4 and not _params_have_sources() else options


def _params_have_sources() -> bool:
    """Whether a param knows if it is the DAG's or the task's: since 3.2, whose UI has buttons for four options, too."""
    return hasattr(_first("airflow.sdk.definitions.param:ParamsDict"), "filter_params_by_source")


def never_expire() -> Any:
    """What tells Airflow's task state store (3.3 and newer) to keep a value; elsewhere nobody reads it."""
    try:
        return _first("airflow.sdk.execution_time.context:NEVER_EXPIRE")
    except ImportError:
        return None


async def push_xcom(ti: Any, key: str, value: Any) -> None:
    """Push an XCom of a task instance from its trigger; nothing where this Airflow has no call for it (before 3.3).

    :param ti: the trigger's ``task_instance``; None: it has none, as in ``dag.test()``.
    """
    # Not the configured backend: one may write to an object store, and would block the triggerer's event loop.
    push = getattr(_first("airflow.sdk.bases.xcom:BaseXCom"), "aset", None)
    if push is not None and ti is not None:
        await push(key, value, dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=ti.map_index)


def recorded_state(ti: Any) -> str | None:
    """The state of a task instance in Airflow's database; None: it has none. (``ti.state`` is what a worker thinks.)"""
    # Not every trigger is given a task instance that can ask.
    ask = getattr(ti, "get_task_states", None)
    if ask is None:
        ask = _first("airflow.sdk.execution_time.task_runner:RuntimeTaskInstance").get_task_states
    states = ask(dag_id=ti.dag_id, map_index=ti.map_index, task_ids=[ti.task_id], run_ids=[ti.run_id])
    key = f"{ti.task_id}_{ti.map_index}" if ti.map_index is not None and ti.map_index >= 0 else ti.task_id
    state = (states.get(ti.run_id) or {}).get(key)
    return None if state is None else str(state)


async def arecorded_state(ti: Any) -> str | None:
    """The same, in a triggerer."""
    state: str | None = await _first("asgiref.sync:sync_to_async")(recorded_state)(ti)
    return state


def incr(name: str, by: float, *, tags: Mapping[str, str]) -> None:
    """Add to a counter of Airflow's metrics."""
    add: Callable[..., None] = _first(
        "airflow.sdk.observability.stats:incr", "airflow.sdk.observability.stats:Stats", "airflow.stats:Stats"
    )
    getattr(add, "incr", add)(name, by, tags=dict(tags))


def lineage_collector() -> Any:
    """Airflow's collector of hook lineage."""
    return _first(
        "airflow.sdk.lineage:get_hook_lineage_collector", "airflow.lineage.hook:get_hook_lineage_collector"
    )()


def determine_kwargs(function: Callable[..., Any], args: Collection[Any], context: Any) -> dict[str, Any]:
    """The parts of the context that a function takes as keyword arguments."""
    found: dict[str, Any] = _first(
        "airflow.sdk.bases.decorator:determine_kwargs", "airflow.utils.operator_helpers:determine_kwargs"
    )(function, args, context)
    return found


def storage_path(uri: str, conn_id: str | None) -> Any:
    """An ``ObjectStoragePath``.

    :param conn_id: None: the connection that the URI names, if any. (On 3.1 a None that is passed on hides that one.)
    """
    from airflow.sdk import ObjectStoragePath

    return ObjectStoragePath(uri) if conn_id is None else ObjectStoragePath(uri, conn_id=conn_id)


def connection_of(path: Any) -> str | None:
    """The id of an ``ObjectStoragePath``'s connection; on 3.1 it is one of its storage options."""
    found: str | None = getattr(path, "conn_id", None) or path.storage_options.get("conn_id")
    return found


def serialized(dag: Any) -> Any:
    """A DAG as the scheduler knows it."""
    serialization = _first(
        "airflow.serialization.serialized_objects:DagSerialization",
        "airflow.serialization.serialized_objects:SerializedDAG",
    )
    return serialization.from_dict(serialization.to_dict(dag))


def load_dags(folder: Path, *, bundle_path: Path, bundle_name: str | None, safe_mode: bool) -> Any:
    """The bag of the DAGs in a file or folder, which may import what lies beside them."""
    known = {"bundle_path": bundle_path, "safe_mode": safe_mode}
    try:
        bag = _first("airflow.dag_processing.dagbag:BundleDagBag")
    except ImportError:
        return _first("airflow.models.dagbag:BundleDagBag")(dag_folder=str(folder), **known)
    return bag(dag_folder=str(folder), bundle_name=bundle_name, **known)
