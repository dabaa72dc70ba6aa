"""Which files a task may read as input images: below ``[orux] input_roots``, or named in the DAG file itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_orux.compat import conf


def input_roots() -> list[str]:
    """The folders of ``[orux] input_roots``."""
    text = conf.get("orux", "input_roots", fallback="") or ""
    return [root.strip() for root in text.split(",") if root.strip()]


def written_in_dag(context: Any) -> frozenset[str]:
    """The texts that stand in the arguments of the task in its DAG file, and are no templates.

    What runs is a rendered copy of the task; the DAG of the context holds the one that the author wrote.
    """
    task = getattr(context.get("dag"), "task_dict", {}).get(context["ti"].task_id)
    arguments = getattr(task, "partial_kwargs", None)
    if arguments is None:
        names = getattr(task, "template_fields", ())
        arguments = {name: getattr(task, name, None) for name in names}
    return frozenset(_texts(arguments))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if not any(mark in value for mark in ("{{", "{%", "{#")):
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
