"""``@task.orux_imagine``, ``@task.orux_upscale``, ``@task.orux_variation``: the function says what, or which one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.sdk.bases.decorator import TaskDecorator
from airflow.sdk.definitions._internal.types import SET_DURING_EXECUTION

from airflow_provider_orux.decorators.returned import ReturnedOperator, task_of
from airflow_provider_orux.operators.midjourney import (
    OruxImagineOperator,
    OruxUpscaleOperator,
    OruxVariationOperator,
)


class _OruxImagineDecoratedOperator(ReturnedOperator, OruxImagineOperator):
    custom_operator_name = "@task.orux_imagine"


class _ReturnedFollowUpOperator(ReturnedOperator):
    """The function returns the index, or a dict with ``parent_job_id`` and ``index``."""

    returns = ("index",)

    def __init__(self, *, parent_job_id: Any = SET_DURING_EXECUTION, **kwargs: Any) -> None:
        super().__init__(parent_job_id=parent_job_id, **kwargs)


class _OruxUpscaleDecoratedOperator(_ReturnedFollowUpOperator, OruxUpscaleOperator):
    custom_operator_name = "@task.orux_upscale"


class _OruxVariationDecoratedOperator(_ReturnedFollowUpOperator, OruxVariationOperator):
    custom_operator_name = "@task.orux_variation"


def orux_imagine_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Turn a function that returns a prompt (or a dict with it and more) into a task that makes a grid of it.

    :param python_callable: the function.
    """
    return task_of(_OruxImagineDecoratedOperator, python_callable, kwargs)


def orux_upscale_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Turn a function that returns the index of an image, 1 to 4, into a task that makes it at full resolution.

    :param python_callable: the function.
    """
    return task_of(_OruxUpscaleDecoratedOperator, python_callable, kwargs)


def orux_variation_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Turn a function that returns the index of an image, 1 to 4, into a task that makes a new grid in its look.

    :param python_callable: the function.
    """
    return task_of(_OruxVariationDecoratedOperator, python_callable, kwargs)
