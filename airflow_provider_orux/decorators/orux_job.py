"""``@task.orux_job(model=…)``: the function returns the prompt, the fields, or a typed request of any kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.sdk.bases.decorator import TaskDecorator

from airflow_provider_orux.decorators.returned import ReturnedModelOperator, task_of
from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator


class _OruxJobDecoratedOperator(ReturnedModelOperator, OruxSubmitJobOperator):
    custom_operator_name = "@task.orux_job"


def orux_job_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Turn a function that returns a prompt (or a request) into a task that makes an image, a song or a clip of it.

    :param python_callable: the function.
    """
    return task_of(_OruxJobDecoratedOperator, python_callable, kwargs)
