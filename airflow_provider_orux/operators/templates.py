"""Which arguments are known when a DAG file is parsed, and which only when the task runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_pending(value: Any) -> bool:
    """True when a value is a template, another task's output, or set during execution: not known yet."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value or "{#" in value
    if isinstance(value, Mapping):
        return any(is_pending(v) for v in value.values())
    if isinstance(value, (list, tuple, set)):
        return any(is_pending(v) for v in value)
    if value is None or isinstance(value, (bool, int, float, bytes)):
        return False
    # XComArg, DagParam, literal() and the like resolve at run time; SetDuringExecution is set there.
    return (
        hasattr(value, "resolve")
        or hasattr(value, "iter_references")
        or type(value).__name__ == "SetDuringExecution"
    )


def is_mapped(operator: Any) -> bool:
    """True when the operator is one instance of a mapped task, made while it runs: its errors belong to ``execute``."""
    return bool(getattr(operator, "_BaseOperator__from_mapped", False))
