"""``@task.orux_image(model=…)``: the function returns the prompt, the fields, or a typed request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.sdk.bases.decorator import TaskDecorator

from airflow_provider_orux.decorators.returned import ReturnedModelOperator, task_of
from airflow_provider_orux.operators.images import OruxGenerateImageOperator


class _OruxImageDecoratedOperator(ReturnedModelOperator, OruxGenerateImageOperator):
    custom_operator_name = "@task.orux_image"


def orux_image_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Turn a function that returns a prompt (or a request) into a task that generates images from it.

    :param python_callable: the function.
    """
    return task_of(_OruxImageDecoratedOperator, python_callable, kwargs)
