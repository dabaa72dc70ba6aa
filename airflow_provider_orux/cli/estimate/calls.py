"""The tasks of a parsed DAG that pay: for which model, over which connection, and how often in one run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_orux.lifecycle.billing import Billed
from airflow_provider_orux.models import catalogue
from airflow_provider_orux.models.catalogue import is_pending
from airflow_provider_orux.models.describe import describe_fields
from airflow_provider_orux.models.registry import GATEWAYS
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.operators.base import OruxOperator
from airflow_provider_orux.operators.images import OruxModelOperator

DEFAULT_CONN = "orux_default"
#: Fields that say how many images a request asks for.
COUNTS = ("n", "num_images")


@dataclass(frozen=True)
class Call:
    """What the submissions of a task have in common.

    :param conn_id: the connection; None: known only when the task runs.
    :param model: the model's id; None: known only when the task runs, or the gateway's only one with the verb.
    :param images: how many images it asks for; None: known only when the task runs.
    :param billed: what else its price depends on, as far as it is known.
    """

    task_id: str
    conn_id: str | None
    model: str | None
    verb: str
    images: int | None
    billed: Billed | None = None
    reuse: bool = False

    @classmethod
    def of(
        cls,
        task_id: str,
        operator: type[OruxOperator],
        given: Mapping[str, Any],
        *,
        more_fields: bool = False,
    ) -> Call:
        """What a task with these arguments submits, as far as it is known before it runs.

        :param more_fields: whether fields of the request may come with what only a run knows.
        """
        request = given.get("request")
        options = given.get("options")
        verb, model = operator.verb, given.get("model")
        fields: dict[str, Any] = {}
        if isinstance(request, Mapping):
            verb, model = str(request.get("verb", verb)), request.get("model")
            fields = dict(request.get("fields") or {})
        elif request is not None and hasattr(request, "model_id"):
            verb, model, fields = request.verb, request.model_id, request.fields()
        elif isinstance(options, Mapping):
            fields = dict(options)
        elif options is not None:
            more_fields = True
        extra = given.get("extra_body")
        if isinstance(extra, Mapping):
            fields = {**fields, **extra}
        elif extra is not None:
            more_fields = True
        function = given.get("python_callable")
        more_fields = more_fields or (function is not None and not _returns_prompt(function))
        fields |= {n: given[n] for n in _request_fields(operator) if given.get(n) is not None}
        conn_id = given.get("conn_id", DEFAULT_CONN)
        known = {} if more_fields else {name: v for name, v in fields.items() if not is_pending(v)}
        return cls(
            task_id=task_id,
            conn_id=None if is_pending(conn_id) or not isinstance(conn_id, str) else conn_id,
            model=None if is_pending(model) or not isinstance(model, str) else model,
            verb=verb,
            images=_images(model, verb, fields, more_fields=more_fields),
            billed=Billed.of(known, pending=[name for name in fields if name not in known]),
            reuse=given.get("reuse") == "always",
        )

    def models(self, gateway: str | None) -> tuple[str, ...]:
        """The ids that the model may have at a gateway."""
        if self.model is not None:
            return (self.model,)
        if gateway is None or self.verb == "generate":
            return ()
        names = [cls.model for cls in catalogue.requests_of(gateway) if cls.verb == self.verb]
        return tuple(dict.fromkeys(names))

    def most_images(self, gateway: str | None) -> int | None:
        """How many images one submission asks for at most; None: not known.

        :param gateway: None: at any that has the model.
        """
        if self.images is not None or self.model is None:
            return self.images
        among = None if gateway is None else catalogue.requests_of(gateway)
        limits = [_limit(cls) for cls in catalogue.find(model=self.model, verb=self.verb, among=among)]
        known = [limit for limit in limits if limit is not None]
        return max(known) if known and len(known) == len(limits) else None


@dataclass(frozen=True)
class Line:
    """Submissions of one kind that a task makes in one run.

    :param low: at least.
    :param high: at most.
    :param why: where the numbers come from, for a mapped task.
    """

    call: Call
    low: int
    high: int
    why: str = ""


def paid_tasks(dag: Any, *, assumed: Mapping[str, int], last: Mapping[str, int], most: int) -> Iterator[Line]:
    """What the tasks of a DAG submit in one run, when none is skipped.

    :param dag: as its file was parsed.
    :param assumed: how many instances a mapped task or group is said to have.
    :param last: how many instances each task had in an earlier run.
    :param most: how many instances a mapping may have ([core] max_map_length).
    """
    for task in dag.tasks:
        mapped = hasattr(task, "expand_input")
        cls = task.operator_class if mapped else type(task)
        if not issubclass(cls, OruxOperator):
            continue
        calls = _mapped_calls(task, cls) if mapped else [Call.of(task.task_id, cls, _Arguments(task))]
        low, high, why = _instances(task, mapped=mapped, assumed=assumed, last=last, most=most)
        if mapped and low == high == len(calls):
            for call in dict.fromkeys(calls):
                yield Line(call, calls.count(call), calls.count(call), why)
        else:
            yield Line(_common(task.task_id, calls), low, high, why)


def mapped_names(dag: Any) -> set[str]:
    """What ``--assume-mapped`` may name: paying tasks that are mapped or in a mapped group, and these groups."""
    names = set()
    for task in dag.tasks:
        mapped = hasattr(task, "expand_input")
        if issubclass(task.operator_class if mapped else type(task), OruxOperator):
            groups = [group.group_id for group in task.iter_mapped_task_groups()]
            names.update(groups)
            if mapped or groups:
                names.add(task.task_id)
    return names


def _instances(
    task: Any, *, mapped: bool, assumed: Mapping[str, int], last: Mapping[str, int], most: int
) -> tuple[int, int, str]:
    """How many instances of a task a run has: at least, at most, and how that is known."""
    groups = list(task.iter_mapped_task_groups())
    if not mapped and not groups:
        return 1, 1, ""
    if (n := assumed.get(task.task_id)) is not None:
        return n, n, "assumed"
    if (n := last.get(task.task_id)) is not None:
        return n, n, "as in the last run"
    parts = [(group._expand_input, group.group_id) for group in groups]
    if mapped:
        parts.append((_expansion(task), task.task_id))
    low = high = 1
    why = "known from the file"
    for expand_input, name in parts:
        if (length := assumed.get(name)) is not None:
            why = "assumed"
        elif (length := length_of(expand_input)) is None:
            return 0, most ** len(parts), f"unknown until it runs: --assume-mapped {name}=N, or --last-run"
        low, high = low * length, high * length
    return low, high, why


def _expansion(task: Any) -> Any:
    """What a mapped task is mapped over: its arguments, or those of its function."""
    return getattr(task, task._expand_input_attr)


def _request_fields(cls: type[OruxOperator]) -> tuple[str, ...]:
    """The arguments of an operator that are fields of its request: a verb's own. (A model's are in ``options``.)"""
    if issubclass(cls, OruxModelOperator):
        return ()
    return tuple(n for n in cls.template_fields if n not in OruxOperator.template_fields)


def length_of(expand_input: Any) -> int | None:
    """How many instances a mapping makes; None: known only when the run is there."""
    value = expand_input.value
    if not isinstance(value, Mapping):
        return _size(value)
    sizes = [_size(item) for item in value.values()]
    return None if None in sizes else math.prod(size for size in sizes if size is not None)


def _size(value: Any) -> int | None:
    """How many items are mapped over; None: they come from another task or from the run's parameters."""
    return len(value) if isinstance(value, (Mapping, Sequence)) and not isinstance(value, str) else None


def _mapped_calls(task: Any, cls: type[OruxOperator]) -> list[Call]:
    """One call for each instance where that is known, else one for all."""
    partial = dict(task.partial_kwargs)
    expansion = _expansion(task)
    if expansion is not task.expand_input:
        # A decorated function: the items are its arguments, not the operator's.
        return [Call.of(task.task_id, cls, partial)] * (length_of(expansion) or 1)
    value = expansion.value
    if isinstance(value, Mapping):
        if length_of(expansion) is None:
            return [Call.of(task.task_id, cls, partial | dict.fromkeys(value, _Pending()))]
        calls = [partial]
        for name, items in value.items():
            each = list(items.items()) if isinstance(items, Mapping) else list(items)
            calls = [{**kwargs, name: item} for kwargs in calls for item in each]
    elif length_of(expansion) is None:
        # What was not given may come with an item; by the same name as what was given only if that is not strict.
        if not task._disallow_kwargs_override:
            pending = dict.fromkeys(("model", "options", "conn_id"), _Pending())
            return [Call.of(task.task_id, cls, partial | pending | {"request": None})]
        more = "options" not in partial and "request" not in partial
        return [Call.of(task.task_id, cls, partial, more_fields=more)]
    else:
        calls = [{**partial, **item} if isinstance(item, Mapping) else partial for item in value]
    return [Call.of(task.task_id, cls, kwargs) for kwargs in calls]


def _common(task_id: str, calls: Sequence[Call]) -> Call:
    """What several calls have in common; the rest is not known."""
    if not calls:
        return Call(task_id, None, None, "generate", None)
    first = calls[0]

    def same(name: str) -> Any:
        values = {getattr(call, name) for call in calls}
        return values.pop() if len(values) == 1 else None

    return Call(
        task_id, same("conn_id"), same("model"), first.verb, same("images"), same("billed"), first.reuse
    )


def _images(model: Any, verb: str, fields: Mapping[str, Any], *, more_fields: bool) -> int | None:
    """How many images a request asks for: what it says, else the model's default; None: known when it runs."""
    for name in COUNTS:
        n = fields.get(name)
        if n is None or more_fields:
            continue
        if is_pending(n):
            return None
        try:
            return int(n)
        except (TypeError, ValueError):
            return None
    if not isinstance(model, str) or is_pending(model):
        return 1 if verb != "generate" else None
    if more_fields:
        return None
    if any(catalogue.names_of(gateway).get(model, "image") != "image" for gateway in GATEWAYS):
        return 1  # one clip, song or text
    classes = catalogue.find(model=model, verb=verb)
    defaults = {
        default if isinstance(default := field["default"], int) else 1
        for cls in classes
        for name, field in describe_fields(cls).items()
        if name in COUNTS
    } or {1}
    # Of a model that this version does not know, the default is not known either.
    return defaults.pop() if classes and len(defaults) == 1 else None


def _limit(cls: type[GenerationRequest]) -> int | None:
    """The most images that a typed request can ask for; None: it has no limit."""
    fields = [field for name, field in describe_fields(cls).items() if name in COUNTS]
    return max((field["maximum"] for field in fields if "maximum" in field), default=None) if fields else 1


def _returns_prompt(function: Any) -> bool:
    """Whether a function says that it returns a prompt: then its options are all that it asks for."""
    return getattr(function, "__annotations__", {}).get("return") in (str, "str")


class _Pending:
    """Stands for a value that only a run knows."""

    def resolve(self) -> None:
        """As every value that is resolved at run time has."""


class _Arguments(Mapping[str, Any]):
    """The arguments of an operator, as a mapping of those that count here."""

    _NAMES = ("model", "request", "options", "conn_id", "reuse", "python_callable")

    def __init__(self, task: Any) -> None:
        self._names = (*self._NAMES, *_request_fields(type(task)))
        self._task = task

    def __getitem__(self, name: str) -> Any:
        if name not in self._names or not hasattr(self._task, name):
            raise KeyError(name)
        return getattr(self._task, name)

    def __iter__(self) -> Iterator[str]:
        return (n for n in self._names if hasattr(self._task, n))

    def __len__(self) -> int:
        return sum(1 for _ in self)
