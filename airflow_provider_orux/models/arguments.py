"""Checks of the operators' arguments."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn

from airflow_provider_orux.models.catalogue import RequestSpec, is_pending
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.spelling import nearest

#: Ten years in seconds: the longest duration that an argument takes.
LONGEST = 10 * 366 * 86_400.0
#: Parameters of signatures that are no arguments.
_NO_NAMES = {"self", "args", "kwargs"}


def is_mapped(operator: Any) -> bool:
    """Whether the operator is an instance of a mapped task, made at run time: its errors belong to ``execute``."""
    return bool(getattr(operator, "_BaseOperator__from_mapped", False))


def checked(init: Callable[..., None]) -> Callable[..., None]:
    """An operator's ``__init__`` that knows its arguments' names, and whose errors begin with the task."""

    @functools.wraps(init)
    def wrapped(self: Any, **given: Any) -> None:
        check_names(type(self), given)
        with of_task(given.get("task_id")):
            init(self, **given)

    return wrapped


def check_names(operator: type, given: Mapping[str, Any]) -> None:
    """Check that an operator, or a class it is made of, has arguments of these names.

    :raises InvalidRequestError: it has not; the message names the nearest one.
    """
    names = {
        cls: set(inspect.signature(vars(cls).get("__init__", object.__init__)).parameters) - _NO_NAMES
        for cls in operator.__mro__
    }
    known = set().union(*names.values())
    for name in given:
        if name not in known and not name.startswith("_") and name not in ("op_args", "op_kwargs"):
            near = nearest(name, known)
            ours = sorted(set().union(*(n for cls, n in names.items() if _is_ours(cls))))
            hint = f"; did you mean `{near}`?" if near else f". Its own: {', '.join(ours)}"
            if not near and "options" in known:
                hint = "; a field of the model goes into `options`"
            with of_task(given.get("task_id")):
                refuse(name, f"{operator.__name__.lstrip('_')} has no argument `{name}`{hint}")


def check_complete(operator: type, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Check that an operator is given every argument it needs. A misspelt one is told as that.

    :param given: the arguments.
    :param known: the same, with what ``default_args`` give.
    :raises InvalidRequestError: one is missing; the message says what it is.
    """
    missing = [
        name
        for name, parameter in _parameters(operator).items()
        if parameter.kind is parameter.KEYWORD_ONLY
        and parameter.default is parameter.empty
        and name not in known
        and name != "task_id"
    ]
    if not missing:
        return
    check_names(operator, given)
    name = operator.__name__.lstrip("_")
    told = [f"`{m}`{f' ({what})' if (what := described(operator, m)) else ''}" for m in missing]
    with of_task(given.get("task_id")):
        refuse(missing[0], f"{name} needs {', and '.join(told)}", next_step="Add what is missing.")


def described(operator: type, argument: str) -> str:
    """What an argument is, as the docstring of its class says; empty where there is none."""
    for cls in operator.__mro__:
        if found := re.search(
            rf"^ *:param {argument}: (.*?)(?=^ *:|\n\n|\Z)", cls.__doc__ or "", re.M | re.S
        ):
            text = re.sub(r" \(templated\)|:\w+:|`", "", " ".join(found[1].split()))
            return text.partition(". ")[0].rstrip(".")
    return ""


def check_request(operator: Any) -> None:
    """Check what is known of an operator's request. One of a mapped task is made while it runs: it checks itself then.

    :raises InvalidRequestError: a value is wrong.
    """
    if not is_mapped(operator):
        with of_task(operator.task_id):
            operator.request_spec().check()


def check_partial(operator: Any, given: Mapping[str, Any]) -> None:
    """Check what ``partial()`` is given, while the rest is mapped.

    :raises InvalidRequestError: an argument is unknown, or a value is wrong.
    """
    check_names(operator, given)
    if not _is_ours(operator) or given.get("request") is not None:
        return
    fields = {n: given[n] for n in _parameters(operator) if n in given}
    model = fields.pop("model", None)
    options = fields.pop("options", None) or {}
    if is_pending(model) or is_pending(options) or (model is None and operator.verb == "generate"):
        return
    with of_task(given.get("task_id")):
        RequestSpec(model=model, verb=operator.verb, fields={**options, **fields}).check_part()


def _parameters(operator: Any) -> Mapping[str, inspect.Parameter]:
    """The arguments of an operator. (Python 3.10 would ask ``__new__`` for those of the class.)"""
    return inspect.signature(operator.__init__).parameters


def _is_ours(cls: type) -> bool:
    package = __name__.partition(".")[0]
    return cls.__module__.startswith((f"{package}.operators", f"{package}.sensors"))


@contextmanager
def of_task(task_id: Any) -> Iterator[None]:
    """Let an error name its task first: Airflow's import errors name the file only."""
    try:
        yield
    except InvalidRequestError as e:
        e.message = f"Task {task_id!r}: {e.message}"
        raise


def seconds(name: str, value: float | timedelta) -> float:
    """A duration as seconds.

    :raises InvalidRequestError: it is not a positive number or timedelta.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= LONGEST:
        refuse(
            name,
            f"`{name}` is {value!r}; it must be a positive number of seconds (at most ten years) or a timedelta",
        )
    return float(value)


def one_of(name: str, value: Any, *allowed: str) -> Any:
    """Check that a value is one of the allowed words.

    :raises InvalidRequestError: it is another one.
    """
    if value not in allowed:
        refuse(name, f"`{name}` is {value!r}; allowed: {', '.join(allowed)}")
    return value


def text(name: str, value: Any) -> Any:
    """Check that a text is not empty, unless it is not known yet.

    :raises InvalidRequestError: it is something else.
    """
    if not is_pending(value) and not (isinstance(value, str) and value.strip()):
        refuse(name, f"`{name}` is {value!r}")
    return value


def refuse(name: str, message: str, *, next_step: str = "Correct the argument.") -> NoReturn:
    """Refuse an argument before anything is sent."""
    raise InvalidRequestError(message, param=name, charged="no", next_step=next_step)
